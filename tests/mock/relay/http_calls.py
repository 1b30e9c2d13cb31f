"""Calling a relay as curl does: by hand, without the SDK."""

from __future__ import annotations

from typing import Any

import httpx

from kling_mock import KlingMock

GUIDE = {
    "model": "kling-v1-5-std",
    "prompt": "一只可爱的小猫在草地上玩耍",
    "duration": 5,
    "aspect_ratio": "16:9",
}
PRICE = 140_000  # kling-v1-6 std, 5 s x 0.4 units
VIDEOS = "/kling/v1/videos"
ENVELOPE = {"code", "message", "request_id", "data"}


class Caller:
    """A user of the relay, and its operator."""

    def __init__(self, client: httpx.Client, mock: KlingMock, token: str = "") -> None:
        self.http = client
        self.mock = mock
        self.token = token or mock.relay_token

    def call(self, method: str, path: str, **options: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.token}"} | options.pop("headers", {})
        return self.http.request(method, path, headers=headers, **options)

    def create(self, endpoint: str = "text2video", **fields: Any) -> httpx.Response:
        return self.call("POST", f"{VIDEOS}/{endpoint}", json=GUIDE | fields)

    def created(self, **fields: Any) -> str:
        reply = self.create(**fields)
        assert reply.status_code == 200, reply.text
        return str(reply.json()["task_id"])

    def query(self, name: str) -> dict[str, Any]:
        reply = self.call("GET", f"{VIDEOS}/{name}")
        assert reply.status_code == 200, reply.text
        return without_request_id(reply)

    def report(self, task_id: str, status: str = "succeed", **fields: Any) -> httpx.Response:
        """Post a callback by hand, as the guide's internal test does."""
        body = {
            "task_id": "1",
            "task_status": status,
            "task_status_msg": "",
            "task_result": {
                "videos": [
                    {"id": "video_123", "url": "https://evil.example/v.mp4", "duration": "5"}
                ]
            },
        }
        return self.http.post(f"/kling/callback/{task_id}", json=body | fields)

    def operate(self, method: str, path: str, **options: Any) -> Any:
        headers = {"Authorization": f"Bearer {self.mock.admin_token}"}
        reply = self.http.request(method, f"/__kling/relay/{path}", headers=headers, **options)
        assert reply.status_code == 200, reply.text
        return reply.json()

    def another(self, username: str = "other", quota: int = 10**9) -> Caller:
        """Return another user of the same relay."""
        user = self.operate("POST", "users", json={"username": username, "quota": quota})
        token = self.operate("POST", f"users/{user['id']}/tokens", json={})["token"]
        return Caller(self.http, self.mock, token)


def without_request_id(reply: httpx.Response) -> dict[str, Any]:
    """Return the body of a reply, so that it can be compared with that of another request."""
    body: dict[str, Any] = reply.json()
    assert body.pop("request_id") == reply.headers["x-request-id"]
    return body


def guide_members(body: dict[str, Any]) -> dict[str, Any]:
    """Return what a reply has of the guide's; Kling's envelope is beside it."""
    return {name: value for name, value in body.items() if name not in ENVELOPE}


def error_of(reply: httpx.Response) -> tuple[int, str, Any]:
    """Return status, type and code of a refusal, whose shape is checked."""
    body = reply.json()
    assert set(body) == {"error", "code", "message", "request_id"}
    assert set(body["error"]) == {"message", "type", "code"}
    assert body["error"]["message"] == body["message"] != ""
    assert type(body["code"]) is int
    assert body["code"] > 0
    assert body["request_id"] == reply.headers["x-request-id"]
    return reply.status_code, body["error"]["type"], body["error"]["code"]

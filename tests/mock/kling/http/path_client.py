"""Plain calls of the model-path interface, with an API key."""

from __future__ import annotations

from typing import Any, Final

import httpx

from kling_mock import KlingMock
from tests.mock.kling.endpoints.model_path import body

T2V: Final = "/text-to-video/kling-3.0"


class PathClient:
    """Plain calls with an API key."""

    def __init__(self, mock: KlingMock, http: httpx.Client) -> None:
        self._http = http
        self.key = {"Authorization": f"Bearer {mock.api_key}"}

    def post(self, path: str, **sent: Any) -> httpx.Response:
        return self._http.post(path, json=sent, headers=self.key)

    def new(self, path: str = T2V, **options: Any) -> str:
        """Create a task and return its id."""
        reply = self.post(path, **body(path.split("/")[1]), options=options)
        assert reply.status_code == 200, reply.text
        return str(reply.json()["data"]["id"])

    def get(self, query: str) -> httpx.Response:
        return self._http.get(f"/tasks?{query}", headers=self.key)

    def task(self, task_id: str) -> dict[str, Any]:
        """Return a task as `GET /tasks` shows it."""
        tasks: list[dict[str, Any]] = self.get(f"task_ids={task_id}").json()["data"]
        assert len(tasks) == 1
        return tasks[0]

    def search(self, **sent: Any) -> dict[str, Any]:
        """Return the `data` of `POST /tasks`."""
        reply = self.post("/tasks", **sent)
        assert reply.status_code == 200, reply.text
        data: dict[str, Any] = reply.json()["data"]
        return data

"""The handlers of the callbacks page, each with its real framework."""

from __future__ import annotations

import asyncio
import base64
import json
import re
import sys
import time
import types
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks import Webhook

PAGE = Path(__file__).parents[2] / "docs" / "callbacks.md"
SECRET = "whsec_" + base64.b64encode(b"a webhook secret of 32 bytes....").decode()
BODY = json.dumps({"task_id": "1", "task_status": "succeed", "task_info": {}}).encode()
# Posts a body with headers; returns the status and the tasks the handler has seen.
Post = Callable[[bytes, dict[str, str]], tuple[int, list[Any]]]


def example(name: str) -> dict[str, Any]:
    text = PAGE.read_text("utf-8")
    match = re.search(rf"<!-- example: {name} -->\n```python\n(.*?)```", text, re.DOTALL)
    assert match, name
    module = types.ModuleType(f"kling_callback_{name}")
    module.__dict__["SECRETS"] = [SECRET]
    sys.modules[module.__name__] = module  # frameworks look names up in the handler's module
    exec(match[1], module.__dict__)  # noqa: S102 - our own page
    return module.__dict__


def signed(body: bytes = BODY) -> dict[str, str]:
    sent = int(time.time())
    signature = Webhook(SECRET).sign("msg-1", datetime.fromtimestamp(sent, UTC), body.decode())
    return {
        "content-type": "application/json",
        "webhook-id": "msg-1",
        "webhook-timestamp": str(sent),
        "webhook-signature": signature,
    }


def over_aiohttp() -> Post:
    from aiohttp import web
    from aiohttp.test_utils import TestClient, TestServer

    names = example("aiohttp")
    assert [route.resource.canonical for route in names["app"].router.routes()] == [
        "/kling/callback"
    ]

    async def post(body: bytes, headers: dict[str, str]) -> int:
        # An aiohttp app belongs to one event loop; each post here has its own.
        app = web.Application()
        app.router.add_post("/kling/callback", names["kling_callback"])
        async with (
            TestClient(TestServer(app)) as client,
            client.post("/kling/callback", data=body, headers=headers) as answer,
        ):
            return answer.status

    return lambda body, headers: (asyncio.run(post(body, headers)), names["tasks"])


def over_fastapi() -> Post:
    import httpx

    names = example("fastapi")

    async def post(body: bytes, headers: dict[str, str]) -> int:
        transport = httpx.ASGITransport(names["app"])
        async with httpx.AsyncClient(transport=transport, base_url="http://app") as client:
            answer = await client.post("/kling/callback", content=body, headers=headers)
            return answer.status_code

    return lambda body, headers: (asyncio.run(post(body, headers)), names["tasks"])


def over_flask() -> Post:
    names = example("flask")
    client = names["app"].test_client()

    def post(body: bytes, headers: dict[str, str]) -> tuple[int, list[Any]]:
        answer = client.post("/kling/callback", data=body, headers=headers)
        return answer.status_code, names["tasks"]

    return post


def over_django() -> Post:
    from django.conf import settings

    if not settings.configured:
        settings.configure(
            ROOT_URLCONF="kling_callback_django",
            ALLOWED_HOSTS=["testserver"],
            SECRET_KEY="test",
            USE_TZ=True,
        )
    from django.test import Client

    names = example("django")

    def post(body: bytes, headers: dict[str, str]) -> tuple[int, list[Any]]:
        other_headers = {name: value for name, value in headers.items() if name != "content-type"}
        answer = Client().post(
            "/kling/callback", data=body, content_type="application/json", headers=other_headers
        )
        return answer.status_code, names["tasks"]

    return post


OVER = {
    "aiohttp": over_aiohttp,
    "fastapi": over_fastapi,
    "flask": over_flask,
    "django": over_django,
}


@pytest.mark.parametrize(
    "framework",
    [
        "aiohttp",
        *(pytest.param(name, marks=pytest.mark.slow) for name in OVER if name != "aiohttp"),
    ],
)
def test_the_handler_takes_a_signed_callback_and_refuses_a_forged_one(
    framework: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Copied from the page, each handler accepts what the vendor signed, and nothing else.

    What it refuses is in the log with the reason.
    """
    post = OVER[framework]()

    assert post(BODY, signed())[0] == 200
    assert post(BODY.replace(b"succeed", b"failed"), signed())[0] == 400
    assert post(BODY, {"content-type": "application/json"})[0] == 400
    status, tasks = post(b'{ "task_id": "1", "task_status": "succeed" }', signed())
    assert status == 400
    assert [task.task_id for task in tasks] == ["1"]
    reasons = [record.getMessage() for record in caplog.records if record.name == "myapp.kling"]
    assert [reason.partition(":")[0] for reason in reasons] == ["callback refused"] * 3
    assert "does not match" in reasons[0]
    assert "not signed" in reasons[1]

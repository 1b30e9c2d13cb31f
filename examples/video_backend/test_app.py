"""The tests of the backend: an emulated Kling that calls the app in the test's own process."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from examples.video_backend.app import Backend, Videos, make_app
from kling_mock import KlingMock
from kling_sdk import AsyncKling

CREATE = "POST /v1/videos/text2video"
HOST = "http://app.test"


@pytest.fixture
async def backend(async_kling: AsyncKling, tmp_path: Path) -> AsyncIterator[Backend]:
    """Kling and the table."""
    backend = Backend(async_kling, Videos(tmp_path / "videos.db"), HOST)
    yield backend
    backend.videos.close()


@pytest.fixture
async def app(backend: Backend, kling_mock: KlingMock) -> FastAPI:
    """The app, which Kling calls."""
    secret = kling_mock.account.add_webhook_secret()
    app = make_app(backend, secret, now=kling_mock.clock.now)
    kling_mock.callbacks.deliver_to(app)
    return app


@pytest.fixture
async def users(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """A user's client."""
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url=HOST) as client:
        yield client


async def ordered(users: httpx.AsyncClient, prompt: str = "a kitten") -> str:
    """Order a video; return where it is."""
    reply = await users.post("/videos", json={"prompt": prompt})
    assert reply.status_code == 202, reply.text
    return f"/videos/{reply.json()['id']}"


async def test_a_video_is_ready_when_kling_says_so(
    users: httpx.AsyncClient, kling_mock: KlingMock
) -> None:
    """No poll is needed: the callbacks do it."""
    where = await ordered(users)
    assert (await users.get(where)).json()["status"] == "open"
    await kling_mock.clock.aadvance(1800)
    shown = (await users.get(where)).json()
    assert shown["status"] == "ready"
    assert shown["url"].startswith("http")
    kling_mock.journal.assert_called(CREATE, times=1)
    kling_mock.journal.assert_called("GET *", times=0)


async def test_a_video_whose_callbacks_are_lost_is_found(
    users: httpx.AsyncClient, backend: Backend, kling_mock: KlingMock
) -> None:
    """The next poll has it; it was bought once."""
    kling_mock.faults.add("callback-dropped")
    where = await ordered(users)
    await kling_mock.clock.aadvance(1800)
    assert (await users.get(where)).json()["status"] == "open"
    await backend.look()
    assert (await users.get(where)).json()["status"] == "ready"
    kling_mock.journal.assert_called(CREATE, code=0, times=1)


@pytest.mark.usefixtures("app")
async def test_an_order_that_was_cut_off_goes_on(backend: Backend, kling_mock: KlingMock) -> None:
    """The process was killed after it had written the wish down."""
    video_id = backend.videos.add("a kitten")
    await backend.look()
    await kling_mock.clock.aadvance(1800)
    found = backend.videos.find(video_id)
    assert found is not None
    assert found["status"] == "ready"
    kling_mock.journal.assert_called(CREATE, code=0, times=1)


@pytest.mark.parametrize("fault", ["callback-duplicate", "callback-shuffled"])
async def test_an_end_is_an_end(
    users: httpx.AsyncClient, kling_mock: KlingMock, fault: Any
) -> None:
    """Whatever comes after it, and how often."""
    kling_mock.faults.add(fault)
    where = await ordered(users)
    await kling_mock.clock.aadvance(7200)
    first = (await users.get(where)).json()
    assert first["status"] == "ready"
    await kling_mock.deliveries.areplay(kling_mock.deliveries[0])
    assert (await users.get(where)).json() == first


async def test_a_forged_callback_changes_nothing(users: httpx.AsyncClient) -> None:
    """Anybody can reach the URL; only Kling has the secret."""
    where = await ordered(users)
    body = {"task_id": "1", "task_status": "failed", "task_info": {"external_task_id": where[8:]}}
    assert (await users.post("/kling/callback", json=body)).status_code == 400
    assert (await users.get(where)).json()["status"] == "open"


async def test_a_refused_wish_says_so(users: httpx.AsyncClient, kling_mock: KlingMock) -> None:
    """And is not looked at again."""
    kling_mock.content.add("knife", "refuse")
    reply = await users.post("/videos", json={"prompt": "a knife"})
    assert reply.status_code == 422
    assert "ContentPolicyError" in reply.text
    assert (await users.get("/videos/nobody")).status_code == 404


async def test_a_failed_video_says_why(users: httpx.AsyncClient, kling_mock: KlingMock) -> None:
    """In Kling's words."""
    kling_mock.content.add("storm", "fail", message="The picture was withheld.")
    where = await ordered(users, "a storm")
    await kling_mock.clock.aadvance(1800)
    shown = (await users.get(where)).json()
    assert (shown["status"], shown["reason"]) == ("failed", "The picture was withheld.")


def test_what_was_written_stays(tmp_path: Path) -> None:
    """The table is a file."""
    videos = Videos(tmp_path / "videos.db")
    video_id = videos.add("a kitten")
    videos.close()
    again = Videos(tmp_path / "videos.db")
    assert again.open_ones() == [(video_id, "a kitten")]
    again.close()
    with pytest.raises(sqlite3.ProgrammingError):
        videos.open_ones()

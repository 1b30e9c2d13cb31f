"""A backend that makes videos for its users: FastAPI, callbacks of Kling, and SQLite.

    pip install fastapi uvicorn
    export KLING_WEBHOOK_SECRET=whsec_... PUBLIC_URL=https://videos.example.com    # and a key
    uvicorn examples.video_backend.app:from_environment --factory

`POST /videos` answers at once with an id of ours, and `GET /videos/{id}` returns its outcome.
Kling's callbacks end a video, and so does a look at the open ones now and then, for callbacks that
never came: whichever is first counts, the other changes nothing. How it is tested without a key,
units and minutes is in `test_app.py`.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sqlite3
import time
import uuid
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from fastapi import FastAPI, HTTPException, Request, Response
from pydantic import BaseModel, Field

from kling_sdk import (
    AsyncKling,
    CallbackVerificationError,
    KlingError,
    OutcomeUnknownError,
    Task,
    parse_callback,
)

log = logging.getLogger("video_backend")

_SCHEMA = """
CREATE TABLE IF NOT EXISTS videos (
    id TEXT PRIMARY KEY, prompt TEXT NOT NULL, status TEXT NOT NULL DEFAULT 'open',
    reason TEXT NOT NULL DEFAULT '', url TEXT NOT NULL DEFAULT ''
) STRICT
"""


class Wish(BaseModel):
    """The request of a user."""

    prompt: str = Field(min_length=1, max_length=2500)


class Videos:
    """The table of videos. An id of ours is the external id at Kling: both name the same video."""

    def __init__(self, path: Path | str) -> None:
        self._db = sqlite3.connect(path, isolation_level=None)  # each statement commits
        self._db.row_factory = sqlite3.Row
        self._db.execute(_SCHEMA)

    def add(self, prompt: str) -> str:
        """Write a wish down before it is sent; return its id."""
        video_id = uuid.uuid4().hex
        self._db.execute("INSERT INTO videos (id, prompt) VALUES (?, ?)", (video_id, prompt))
        return video_id

    def find(self, video_id: str) -> dict[str, str] | None:
        """Return a video, or `None`."""
        row = self._db.execute("SELECT * FROM videos WHERE id = ?", (video_id,)).fetchone()
        return None if row is None else dict(row)

    def open_ones(self) -> list[tuple[str, str]]:
        """Return id and prompt of each video whose end is not known."""
        rows = self._db.execute("SELECT id, prompt FROM videos WHERE status = 'open'")
        return [(row["id"], row["prompt"]) for row in rows]

    def end(self, video_id: str, status: str, reason: str = "", url: str = "") -> bool:
        """End a video; return whether it was open. An end never changes."""
        sql = "UPDATE videos SET status = ?, reason = ?, url = ? WHERE id = ? AND status = 'open'"
        return self._db.execute(sql, (status, reason, url, video_id)).rowcount == 1

    def close(self) -> None:
        """Close the database."""
        self._db.close()


class Backend:
    """Makes videos with Kling, and records their outcomes.

    Args:
        kling: The client.
        videos: The table.
        public_url: By what URL Kling reaches this app.
    """

    def __init__(self, kling: AsyncKling, videos: Videos, public_url: str) -> None:
        self._kling = kling
        self.videos = videos
        self._callback_url = f"{public_url}/kling/callback"

    async def order(self, prompt: str) -> str:
        """Order a video; return its id.

        Raises:
            KlingError: Kling has refused it.
        """
        video_id = self.videos.add(prompt)
        await self._create(video_id, prompt)
        return video_id

    async def look(self) -> None:
        """Find out the outcomes of the open videos.

        Also of one whose create was cut off, as when the process was killed: to send it again
        under its id is safe, and returns the task if there is one.
        """
        for video_id, prompt in self.videos.open_ones():
            with suppress(KlingError):  # the next poll is soon enough
                self.note(await self._create(video_id, prompt))

    def note(self, task: Task | None) -> None:
        """Write down how a task has ended; one that goes on changes nothing."""
        if task is None or task.external_task_id is None or not task.is_done:
            return
        if task.is_succeed and task.videos:
            ended = self.videos.end(task.external_task_id, "ready", url=task.videos[0].url)
        else:
            ended = self.videos.end(task.external_task_id, "failed", task.status_msg)
        if ended:
            log.info("video %s has ended", task.external_task_id)

    async def _create(self, video_id: str, prompt: str) -> Task | None:
        try:
            task = await self._kling.text2video.create(
                prompt=prompt,
                model_name="kling-v2-6",
                external_task_id=video_id,
                callback_url=self._callback_url,
            )
        except OutcomeUnknownError:
            log.warning("the create of %s is uncertain; the next poll finds out", video_id)
            return None
        except KlingError as error:
            if self.videos.end(video_id, "failed", type(error).__name__):
                log.warning("video %s was refused: %s", video_id, error)
            raise
        return task  # if it was there before, as it is now


def make_app(
    backend: Backend,
    secret: str,
    *,
    now: Callable[[], float] = time.time,
    look_every: float = 60,
) -> FastAPI:
    """Return the app.

    Args:
        backend: What it works with.
        secret: The webhook secret of the Kling account.
        now: The time, by which a callback is too old.
        look_every: Seconds between two looks at the open videos.
    """

    async def look_now_and_then() -> None:
        while True:
            await backend.look()
            await asyncio.sleep(look_every)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncGenerator[None]:
        looking = asyncio.create_task(look_now_and_then())
        yield
        looking.cancel()
        with suppress(asyncio.CancelledError):
            await looking

    app = FastAPI(lifespan=lifespan)

    @app.post("/videos", status_code=202)
    async def order(wish: Wish) -> dict[str, str]:
        try:
            return {"id": await backend.order(wish.prompt)}
        except KlingError as error:
            raise HTTPException(422, f"Kling refuses it: {type(error).__name__}") from error

    @app.get("/videos/{video_id}")
    async def show(video_id: str) -> dict[str, str]:
        found = backend.videos.find(video_id)
        if found is None:
            raise HTTPException(404, "There is no such video.")
        return found

    @app.post("/kling/callback")
    async def callback(request: Request) -> Response:
        body = await request.body()
        try:
            event = parse_callback(body, request.headers, secret, now())
        except CallbackVerificationError as error:
            log.warning("callback refused: %s", error)
            return Response(status_code=400)
        backend.note(event.task)
        return Response(status_code=200)

    return app


def from_environment() -> FastAPI:
    """Return the app as the environment says."""
    videos = Videos(os.environ.get("DATABASE", "videos.db"))
    backend = Backend(AsyncKling(), videos, os.environ["PUBLIC_URL"])
    return make_app(backend, os.environ["KLING_WEBHOOK_SECRET"])

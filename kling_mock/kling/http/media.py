"""The result files: GET and HEAD, ranges, and tags to resume a download by."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from email.utils import formatdate
from typing import TYPE_CHECKING, Any, NamedTuple

from aiohttp import web

from kling_mock.kling.http.exchange import NO_REPLY, Exchange
from kling_mock.kling.media.urls import (
    RETENTION_SECONDS,
    NamedFile,
    OutputType,
    UnsatisfiableError,
    byte_range,
    file_named_by,
)
from kling_mock.kling.model.tasks import EmulatedTask
from kling_mock.kling.world import World
from kling_mock.web.replies import drop_connection

if TYPE_CHECKING:
    from kling_mock.kling.media.file import MediaFile

__all__ = ["Damage", "find_result", "send_result"]

_CHUNK = 64 * 1024  # bytes
_MODES = {"720p": "std", "1080p": "pro", "4k": "4k"}  # how `media` names a resolution


class Damage(NamedTuple):
    """What is wrong with a file that is sent.

    Attributes:
        keep: Which part of it comes, 0 to 1; below 0 is all of it.
        by: Bytes by which its length is announced too large; below 0 it is too small.
        seconds: Seconds of real time that it takes.
        pieces: How many pieces it comes in, at least.
        is_lost: Whether the connection is reset before anything comes.
    """

    keep: float = -1.0
    by: int = 0
    seconds: float = 0.0
    pieces: int = 1
    is_lost: bool = False

    def with_fault(self, kind: str, settings: Mapping[str, Any]) -> Damage:
        """Return it with what a fault of *kind* adds."""
        return self._replace(is_lost=True) if kind == "response-lost" else self._replace(**settings)


_WHOLE = Damage()


def find_result(world: World, path: str) -> tuple[EmulatedTask, NamedFile] | None:
    """Return the task whose result *path* names, and which of its files.

    `None` if there is no such result, or if it is older than the 30 days that it is kept for
    (that an expired URL then gives 404 is assumed).
    """
    file = file_named_by(path)
    task = None if file is None else world.tasks.by_video(file.result_id)
    if file is None or task is None or task.status != "succeed":
        return None
    found = task.plan.result.of_type(file.type)
    if found is None or file.number >= found.length:
        return None
    if file.is_marked and not task.plan.watermark:
        return None
    if world.clock.now() >= task.updated / 1000 + RETENTION_SECONDS:
        return None
    return task, file


async def send_result(
    exchange: Exchange,
    task: EmulatedTask,
    file: NamedFile,
    damage: Damage = _WHOLE,
    fault: str = "",
) -> web.StreamResponse:
    """Reply to a GET or HEAD of a result of *task*.

    Args:
        exchange: The request.
        task: A task that has succeeded.
        file: Which of its files.
        damage: What is wrong with it.
        fault: The faults that happened to the request, for the journal.
    """
    request, content = exchange.request, _RENDERERS[file.type](task, file)
    reply = _head_of(request, task, content)
    exchange.record(NO_REPLY._replace(http=reply.status), fault)
    if damage.is_lost:
        return drop_connection(request)
    if not isinstance(reply, _FileReply):
        return reply
    await reply.send(request, content, damage)
    return reply


class _FileReply(web.StreamResponse):
    """A reply with a file, or a part of one."""

    def __init__(self, status: int, headers: dict[str, str], start: int, stop: int) -> None:
        super().__init__(status=status, headers=headers)
        self._first = start
        self._end = stop

    async def send(self, request: web.BaseRequest, content: MediaFile, damage: Damage) -> None:
        """Send the headers and, unless it is HEAD, the bytes."""
        size = self._end - self._first
        self.content_length = max(size + damage.by, 0)
        if damage != _WHOLE:
            self.force_close()
        if damage.keep >= 0:
            size = min(int(size * damage.keep), max(size - 1, 0))
        await self.prepare(request)
        if request.method != "HEAD":
            length = min(_CHUNK, max(-(-size // damage.pieces), 1))
            pause = damage.seconds / max(-(-size // length) - 1, 1)
            chunks = content.chunks(self._first, self._first + size, chunk_size=length)
            for number, chunk in enumerate(chunks):
                if number and pause:
                    await asyncio.sleep(pause)
                await self.write(chunk)
        await self.write_eof()


def _head_of(
    request: web.BaseRequest, task: EmulatedTask, content: MediaFile
) -> web.StreamResponse:
    """Return the reply before its body: a `_FileReply`, or one without a file."""
    headers = _headers(content, task)
    if _has_it(request.headers.get("If-None-Match"), content.etag):
        return web.Response(status=304, headers=headers)
    if request.method == "HEAD":  # ranges are for GET only (RFC 9110, 14.2)
        return _FileReply(200, headers, 0, content.size)
    # A client that resumes names the file that it has begun; another file is sent from its start.
    same = request.headers.get("If-Range", content.etag) in {content.etag, headers["Last-Modified"]}
    try:
        part = byte_range(request.headers.get("Range") if same else None, content.size)
    except UnsatisfiableError:
        headers["Content-Range"] = f"bytes */{content.size}"
        return web.Response(status=416, headers=headers)
    if part is None:
        return _FileReply(200, headers, 0, content.size)
    start, stop = part
    shown = {"Content-Range": f"bytes {start}-{stop - 1}/{content.size}"}
    return _FileReply(206, headers | shown, start, stop)


def _has_it(header: str | None, etag: str) -> bool:
    """Return whether an `If-None-Match` header says that the client has the file with this tag.

    The comparison is the weak one (RFC 9110, 13.1.2); `*` is any file.
    """
    tags = [] if header is None else [tag.strip().removeprefix("W/") for tag in header.split(",")]
    return tags == ["*"] or etag in tags


def _headers(content: MediaFile, task: EmulatedTask) -> dict[str, str]:
    return {
        "Accept-Ranges": "bytes",
        "Content-Type": content.content_type,
        "ETag": content.etag,
        "Last-Modified": formatdate(task.updated / 1000, usegmt=True),
    }


# The renderers are not loaded before they are needed: most servers never send a file.


def _video(task: EmulatedTask, file: NamedFile) -> MediaFile:
    from kling_mock.kling.media.clip import frame_size, render

    plan = task.plan
    width, height = frame_size(_MODES[plan.resolution], plan.aspect_ratio)
    return render(width, height, fps=plan.fps, seconds=plan.seconds, sound=plan.sound, tag=file.tag)


def _image(task: EmulatedTask, file: NamedFile) -> MediaFile:
    from kling_mock.kling.media.picture import render

    found = task.plan.result.of_type("image")
    assert found is not None  # noqa: S101 - `find_result` has looked
    return render(*found.size, tag=f"{file.tag}, {task.plan.endpoint}, {task.plan.model}")


#: What makes the files of an item, by its type.
_RENDERERS: Mapping[OutputType, Callable[[EmulatedTask, NamedFile], MediaFile]] = {
    "video": _video,
    "image": _image,
}

"""The result files: GET and HEAD, ranges, and tags to resume a download by."""

from __future__ import annotations

import asyncio
from email.utils import formatdate
from typing import TYPE_CHECKING, NamedTuple

from aiohttp import web

from kling_mock.kling.media.urls import (
    RETENTION_SECONDS,
    UnsatisfiableError,
    byte_range,
    video_id_of,
)
from kling_mock.kling.model.tasks import EmulatedTask
from kling_mock.kling.world import World

if TYPE_CHECKING:
    from kling_mock.kling.media.clip import Clip

__all__ = ["Damage", "find_result", "send_result"]

_CHUNK = 64 * 1024  # bytes
_MODES = {"720p": "std", "1080p": "pro", "4k": "4k"}  # how `media` names a resolution


class Damage(NamedTuple):
    """What is wrong with a file that is sent.

    Attributes:
        keep: Which part of it comes, 0 to 1.
        by: Bytes by which its length is announced too large; below 0 it is too small.
        seconds: Seconds of real time that it takes.
    """

    keep: float = 1.0
    by: int = 0
    seconds: float = 0.0


_WHOLE = Damage()


def find_result(world: World, path: str) -> tuple[EmulatedTask, str] | None:
    """Return the task whose result *path* names and the tag of its file.

    `None` if there is no such result, or if it is older than the 30 days that it is kept for
    (that an expired URL then gives 404 is assumed).
    """
    named = video_id_of(path)
    task = None if named is None else world.tasks.by_video(named[0])
    if named is None or task is None or task.status != "succeed":
        return None
    if task.plan.result != "videos":
        return None
    if named[1] and not task.plan.watermark:
        return None
    if world.clock.now() >= task.updated / 1000 + RETENTION_SECONDS:
        return None
    return task, f"{task.video_id}{'-watermark' if named[1] else ''}"


async def send_result(
    request: web.BaseRequest, task: EmulatedTask, tag: str, damage: Damage = _WHOLE
) -> web.StreamResponse:
    """Reply to a GET or HEAD of the result of *task*.

    Args:
        request: The request.
        task: A task that has succeeded.
        tag: Distinguishes its files.
        damage: What is wrong with it.
    """
    clip = _clip(task, tag)
    headers = _headers(clip, task)
    if clip.etag in request.headers.get("If-None-Match", ""):
        return web.Response(status=304, headers=headers)
    # A client that resumes names the file that it has begun; another file is sent from its start.
    same = request.headers.get("If-Range", clip.etag) in {clip.etag, headers["Last-Modified"]}
    try:
        part = byte_range(request.headers.get("Range") if same else None, clip.size)
    except UnsatisfiableError:
        headers["Content-Range"] = f"bytes */{clip.size}"
        return web.Response(status=416, headers=headers)
    start, stop = part or (0, clip.size)
    response = web.StreamResponse(status=200 if part is None else 206, headers=headers)
    if part is not None:
        response.headers["Content-Range"] = f"bytes {start}-{stop - 1}/{clip.size}"
    response.content_length = max(stop - start + damage.by, 0)
    if damage is not _WHOLE:
        response.force_close()
        stop = start + int((stop - start) * damage.keep)
    await response.prepare(request)
    if request.method != "HEAD":
        pause = damage.seconds / max(-(-(stop - start) // _CHUNK), 1)
        for chunk in clip.chunks(start, stop, chunk_size=_CHUNK):
            if pause:
                await asyncio.sleep(pause)
            await response.write(chunk)
    await response.write_eof()
    return response


def _headers(clip: Clip, task: EmulatedTask) -> dict[str, str]:
    return {
        "Accept-Ranges": "bytes",
        "Content-Type": clip.content_type,
        "ETag": clip.etag,
        "Last-Modified": formatdate(task.updated / 1000, usegmt=True),
    }


def _clip(task: EmulatedTask, tag: str) -> Clip:
    # Not loaded before it is needed: most servers never send a file.
    from kling_mock.kling.media.clip import frame_size, render

    plan = task.plan
    width, height = frame_size(_MODES[plan.resolution], plan.aspect_ratio)
    return render(width, height, fps=plan.fps, seconds=plan.seconds, sound=plan.sound, tag=tag)

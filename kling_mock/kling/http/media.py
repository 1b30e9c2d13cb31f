"""Downloads of result files: GET and HEAD, ranges, and ETags to resume by."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from email.utils import formatdate
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple
from weakref import WeakKeyDictionary

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
from kling_mock.kling.model.plan import Plan, ResultList
from kling_mock.kling.model.sessions import CallFile
from kling_mock.kling.world import World
from kling_mock.web.replies import drop_connection

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor

    from kling_mock.kling.media.file import MediaFile

_CHUNK = 64 * 1024  # bytes
_MODES = {"720p": "std", "1080p": "pro", "4k": "4k"}  # resolution -> its name in `media`


class Damage(NamedTuple):
    """The damage to a file that is sent.

    Attributes:
        keep: The part of the file that is sent, 0 to 1; a value below 0 sends all of it.
        by: Bytes by which the announced length is too large; below 0 it is too small.
        seconds: Seconds of real time that sending takes.
        pieces: The minimum number of pieces in which it is sent.
        is_lost: Whether the connection is reset before anything is sent.
    """

    keep: float = -1.0
    by: int = 0
    seconds: float = 0.0
    pieces: int = 1
    is_lost: bool = False

    def with_fault(self, kind: str, settings: Mapping[str, Any]) -> Damage:
        """Return this damage together with that of a fault of *kind*."""
        return self._replace(is_lost=True) if kind == "response-lost" else self._replace(**settings)


_WHOLE = Damage()

#: The thread that makes the files of a server, by its loop: when the loop is gone, the thread ends.
#: A forked process has another loop, so it does not wait for a thread that it does not have.
_threads: WeakKeyDictionary[asyncio.AbstractEventLoop, ThreadPoolExecutor] = WeakKeyDictionary()

_TRIAL_SECONDS = 1.0  # of the sample of a voice


class FoundFile(NamedTuple):
    """A file that can be sent.

    Attributes:
        created_at: Unix seconds at which it was made.
        render: Makes its bytes. A large one takes a tenth of a second or more; see `made_aside`.
        plan: The request whose task made it; `None` for a call without a task.
    """

    created_at: float
    render: Callable[[], MediaFile]
    plan: Plan | None = None


class _Source(NamedTuple):
    """The data that a task's file is made of.

    Attributes:
        task_id: The task.
        plan: Its request.
        result: The list that the file is in.
        file: The file.
        picture: The first picture that came inline with the request, in base64; "" if there is
            none, or if it is no longer kept.
    """

    task_id: str
    plan: Plan
    result: ResultList
    file: NamedFile
    picture: str


def find_result(world: World, path: str) -> FoundFile | None:
    """Return the file that *path* names: a result of a task, or of a call without one.

    Return `None` if there is no such result, or if it is older than the 30 days for which results
    are kept (that an expired URL then gives 404 is assumed).
    """
    file = file_named_by(path)
    return None if file is None else _of_task(world, file) or _of_call(world, file)


def was_result(world: World, path: str) -> bool:
    """Return whether *path* names a result that is gone by now."""
    file = file_named_by(path)
    if file is None:
        return False
    task = world.tasks.by_result(file.type, file.result_id)
    return task is not None or world.sessions.had_file(file.result_id)


def _of_task(world: World, file: NamedFile) -> FoundFile | None:
    task = world.tasks.by_result(file.type, file.result_id) or world.library.preset(file.result_id)
    if task is None or task.status != "succeed":
        return None
    plan, created_at = task.plan, task.updated / 1000
    result = plan.result.of_type(file.type)
    if result is None or file.number >= result.files or (file.is_marked and not plan.watermark):
        return None
    # The sample of a voice is kept for as long as the voice is.
    if plan.entry is None and world.clock.now() >= created_at + RETENTION_SECONDS:
        return None
    pictures = world.inputs.of(task.task_id) if file.type == "video" else ()
    source = _Source(task.task_id, plan, result, file, pictures[0].text if pictures else "")
    return FoundFile(created_at, partial(_RENDERERS[file.type], source), plan)


def _of_call(world: World, file: NamedFile) -> FoundFile | None:
    file_and_end = world.sessions.find_file(file.result_id, world.clock.now())
    if file_and_end is None or file_and_end[0].type != file.type or file.number or file.is_marked:
        return None
    return FoundFile(file_and_end[1] - RETENTION_SECONDS, partial(_called, file_and_end[0], file))


async def made_aside(file: FoundFile) -> MediaFile:
    """Return the file, made in another thread so that requests do not wait for it.

    A server has one such thread, so it makes one file at a time.
    """
    loop = asyncio.get_running_loop()
    thread = _threads.get(loop)
    if thread is None:
        from concurrent.futures import ThreadPoolExecutor  # most servers never send a file

        thread = _threads[loop] = ThreadPoolExecutor(1, "kling-mock-files")
    return await loop.run_in_executor(thread, file.render)


async def send_result(
    exchange: Exchange,
    file: FoundFile,
    damage: Damage = _WHOLE,
    fault: str = "",
) -> web.StreamResponse:
    """Reply to a GET or HEAD of a result.

    Args:
        exchange: The request.
        file: The file.
        damage: What is wrong with it.
        fault: The faults that happened to the request, for the journal.
    """
    request, content = exchange.request, await made_aside(file)
    reply = _head_of(request, file, content)
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


def _head_of(request: web.BaseRequest, file: FoundFile, content: MediaFile) -> web.StreamResponse:
    """Return the reply before its body: a `_FileReply`, or one without a file."""
    headers = _headers(content, file)
    if _has_it(request.headers.get("If-None-Match"), content.etag):
        return web.Response(status=304, headers=headers)
    if request.method == "HEAD":  # ranges are for GET only (RFC 9110, 14.2)
        return _FileReply(200, headers, 0, content.size)
    # A client that resumes names the file that it has started; another file is sent from its start.
    same = request.headers.get("If-Range", content.etag) in {content.etag, headers["Last-Modified"]}
    try:
        part = byte_range(request.headers.get("Range") if same else None, content.size)
    except UnsatisfiableError:
        headers["Content-Range"] = f"bytes */{content.size}"
        return web.Response(status=416, headers=headers)
    if part is None:
        return _FileReply(200, headers, 0, content.size)
    start, stop = part
    content_range = {"Content-Range": f"bytes {start}-{stop - 1}/{content.size}"}
    return _FileReply(206, headers | content_range, start, stop)


def _has_it(header: str | None, etag: str) -> bool:
    """Return whether an `If-None-Match` header says that the client has the file with this tag.

    Tags are compared weakly (RFC 9110, 13.1.2); `*` is any file.
    """
    tags = [] if header is None else [tag.strip().removeprefix("W/") for tag in header.split(",")]
    return tags == ["*"] or etag in tags


def _headers(content: MediaFile, file: FoundFile) -> dict[str, str]:
    return {
        "Accept-Ranges": "bytes",
        "Content-Type": content.content_type,
        "ETag": content.etag,
        "Last-Modified": formatdate(file.created_at, usegmt=True),
    }


# The renderers are not loaded before they are needed: most servers never send a file.


def _video(source: _Source) -> MediaFile:
    from kling_mock.kling.media.card import Card
    from kling_mock.kling.media.clip import render
    from kling_mock.kling.media.sizes import frame_size

    plan, file = source.plan, source.file
    return render(
        *frame_size(_MODES[plan.resolution], plan.aspect_ratio),
        fps=plan.fps,
        seconds=plan.seconds,
        sound=plan.sound,
        tag=file.tag,
        card=Card(plan.endpoint, plan.model, source.task_id, file.is_marked, source.picture),
    )


def _image(source: _Source) -> MediaFile:
    from kling_mock.kling.media.picture import render

    plan = source.plan
    tag = f"{source.file.tag}, {plan.endpoint}, {plan.model}"
    return render(*source.result.size, tag=tag)


def _audio(source: _Source) -> MediaFile:
    return _sound(source.file, source.result.seconds)


def _subtitles(source: _Source) -> MediaFile:
    from kling_mock.kling.media.subtitles import render

    return render(source.file.suffix, source.plan.seconds, tag=source.file.tag)


def _trial(source: _Source) -> MediaFile:
    return _sound(source.file, _TRIAL_SECONDS)


def _sound(file: NamedFile, seconds: float) -> MediaFile:
    from kling_mock.kling.media.sound import render

    return render("wav" if file.suffix == "wav" else "mp3", seconds, tag=file.tag)


#: The functions that make the files of a task, by the type of the item.
_RENDERERS: Mapping[OutputType, Callable[[_Source], MediaFile]] = {
    "video": _video,
    "image": _image,
    "audio": _audio,
    "voice": _trial,
    "subtitles": _subtitles,
}


def _called(call_file: CallFile, file: NamedFile) -> MediaFile:
    """Return a file that a call without a task has made."""
    if call_file.type == "audio":
        return _sound(file, call_file.seconds)
    if call_file.type == "video":
        from kling_mock.kling.media.card import Card
        from kling_mock.kling.media.clip import render

        seconds, card = int(call_file.seconds), Card(call_file.endpoint)
        return render(*call_file.size, fps=call_file.fps, seconds=seconds, tag=file.tag, card=card)
    from kling_mock.kling.media import mask, picture

    if call_file.discs is None:
        return picture.render(*call_file.size, tag=file.tag)
    return mask.Mask(*call_file.size, call_file.discs).png(file.tag)

"""The player: a server that answers from a recorded session."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple, Self

from aiohttp import web

from kling_mock.clock import MockClock
from kling_mock.kling.callbacks.sender import HttpCallbackSender
from kling_mock.recording.mapping import MEDIA_HOST
from kling_mock.recording.media import placeholder
from kling_mock.recording.playback import MEDIA_PATH, Callback, Playback, Unrecorded
from kling_mock.recording.serving import MAX_BYTES, LocalServer, envelope
from kling_mock.recording.session import RecordedReply, read_session
from kling_mock.web.addresses import shown_url
from kling_mock.web.bodies import BodyEncodingError, BodyTooLargeError, read_body
from kling_mock.web.connections import BodyTimeoutError
from kling_mock.web.replies import drop_connection

_log: Final = logging.getLogger("kling_mock.recording")

_MAX_UNRECORDED: Final = 100
_CALLBACK_LIMIT: Final = 5.0  # seconds of real time, as in the emulator
_LENGTHS: Final = range(3, 16)  # seconds of the videos that can be rendered
_PIXELS: Final = (1280, 720)
_KINDS: Final = {
    "png": "image/png",
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "webp": "image/webp",
    "gif": "image/gif",
    "wav": "audio/wav",
    "mp3": "audio/mpeg",
    "m4a": "audio/mp4",
    "mov": "video/quicktime",
    "mp4": "video/mp4",
}
_BY_LIST: Final = {"videos": "mp4", "images": "png", "series_images": "png", "audios": "mp3"}
_SMALL: Final = 10_000  # bytes of a file that is not a video


class _MediaFile(NamedTuple):
    extension: str
    seconds: int


class Player:
    """Server that plays a session back. It listens on this computer and calls no other.

    Args:
        path: The file.
        port: The port to listen on; 0 picks a free one.

    Raises:
        OSError: The file cannot be read.
        SessionFileError: It is not a recorded session.
    """

    def __init__(self, path: Path, *, port: int = 0) -> None:
        self._session = read_session(path)
        self._files = dict(_files(self._session.exchanges))
        self._unrecorded: list[str] = []
        self._playback: Playback | None = None
        self._clock: MockClock | None = None
        self._sender: HttpCallbackSender | None = None
        self._sending: set[asyncio.Task[None]] = set()
        self._server = LocalServer(self._handle, "kling-mock-replay", port, self._open, self._close)

    @property
    def start_time(self) -> float:
        """The start of the session, in Unix seconds, shifted like the times in its replies."""
        return self._session.header.start

    def carries(self, clock: MockClock) -> None:
        """Run *clock*, on which clients sleep, while the server runs."""
        self._clock = clock

    @property
    def url(self) -> str:
        """The base URL for clients, without a slash at the end."""
        return self._server.url

    @property
    def unrecorded(self) -> tuple[str, ...]:
        """The requests that were not recorded, each with the nearest one that was."""
        return tuple(self._unrecorded)

    @property
    def unplayed(self) -> tuple[str, ...]:
        """The recorded requests that were not made so far, each by line, method and path."""
        playback = self._playback
        left = self._session.exchanges if playback is None else playback.unplayed
        return tuple(f"line {call.line}: {call.method} {call.path}" for call in left)

    @property
    def has_played(self) -> bool:
        """Whether any recorded request was made, or the session has no requests."""
        return len(self.unplayed) < len(self._session.exchanges) or not self._session.exchanges

    def start(self) -> Self:
        """Start the server; return once it accepts connections.

        Raises:
            OSError: The address cannot be bound.
        """
        self._server.start()
        return self

    def stop(self, drain: float = 0.0) -> None:
        """Stop.

        Args:
            drain: Seconds of real time that requests in progress may take.
        """
        self._server.stop(drain)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    async def _open(self) -> None:
        self._sender = HttpCallbackSender()
        if self._clock is not None:
            self._clock.start(asyncio.get_running_loop())

    async def _close(self) -> None:
        for task in self._sending:
            task.cancel()
        await asyncio.gather(*self._sending, return_exceptions=True)
        if self._sender is not None:
            await self._sender.close()
        if self._clock is not None:
            self._clock.stop()

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        name = request.rel_url.path.removeprefix(MEDIA_PATH)
        if name in self._files and request.method in {"GET", "HEAD"}:
            return await self._media(self._files[name])
        try:
            body = await read_body(request, MAX_BYTES)
        except (BodyTooLargeError, BodyEncodingError, BodyTimeoutError):
            return envelope(400, 1200, "kling-mock replay: the body cannot be read")
        if self._playback is None:
            self._playback = Playback(self._session, self.url)
        outcome = self._playback.answer(request.method, request.raw_path, body)
        if isinstance(outcome, Unrecorded):
            if len(self._unrecorded) < _MAX_UNRECORDED:
                self._unrecorded.append(outcome.message)
            return envelope(404, 1203, f"kling-mock replay: {outcome.message}")
        response = drop_connection(request) if outcome.reply is None else _answer(outcome.reply)
        if outcome.callback is not None:
            try:
                await response.prepare(request)
                await response.write_eof()  # the client gets its task id before the callback
            finally:
                self._report(outcome.callback)
        return response

    def _report(self, callback: Callback) -> None:
        task = asyncio.create_task(self._send(callback))
        self._sending.add(task)
        task.add_done_callback(self._sending.discard)

    async def _send(self, callback: Callback) -> None:
        if self._sender is None:
            return
        headers = (("Content-Type", "application/json"),)
        body = json.dumps(callback.body).encode()
        receipt = await self._sender.send(callback.url, headers, body, _CALLBACK_LIMIT, ())
        if receipt.blocked:
            reason = "it is not on this computer, and only this computer is called"
        elif 200 <= receipt.status < 300:
            return
        else:
            reason = receipt.error or f"it answered {receipt.status}"
        _log.warning("no callback at %s: %s", shown_url(callback.url), reason)

    async def _media(self, file: _MediaFile) -> web.Response:
        kind = _KINDS.get(file.extension, "application/octet-stream")
        if kind == "video/mp4":
            from kling_mock.kling.media.card import Card  # rarely needed
            from kling_mock.kling.media.clip import render

            card, seconds = Card("recorded video"), file.seconds
            clip = await asyncio.to_thread(
                render, *_PIXELS, fps=24, seconds=seconds, sound=True, card=card
            )
            return web.Response(body=clip.read(), headers={"Content-Type": kind})
        content = placeholder(kind, _SMALL, _PIXELS)
        return web.Response(body=content, headers={"Content-Type": kind})


def _answer(reply: RecordedReply) -> web.Response:
    if reply.text is not None:
        body = reply.text.encode()
    else:
        body = b"" if reply.body is None else json.dumps(reply.body).encode()
    return web.Response(status=reply.status, body=body, headers=reply.headers)


def _files(value: Any, within: str = "") -> Iterator[tuple[str, _MediaFile]]:
    """Yield the names of the files whose URLs are in replies."""
    if isinstance(value, tuple):
        for exchange in value:
            yield from _files(None if exchange.reply is None else exchange.reply.body)
    elif isinstance(value, Mapping):
        seconds = _seconds(value.get("duration"))
        for name, child in value.items():
            if isinstance(child, str) and f"://{MEDIA_HOST}/" in child:
                file = child.rpartition("/")[2]
                extension = file.rpartition(".")[2] if "." in file else _BY_LIST.get(within, "")
                yield file, _MediaFile(extension, seconds)
            else:
                yield from _files(child, name)
    elif isinstance(value, list):
        for child in value:
            yield from _files(child, within)


def _seconds(duration: Any) -> int:
    try:
        seconds = round(float(duration))
    except (TypeError, ValueError, OverflowError):
        return 5
    return min(max(seconds, _LENGTHS[0]), _LENGTHS[-1])

"""A Kling on a real TCP socket that breaks connections on request.

Raw streams on an own thread, so that a connection can be reset (RST) at any byte. What is
answered when nothing breaks stands in `tests.sdk.fake_kling`.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import socket
import struct
import threading
import zlib
from collections import deque
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, Literal, Self
from urllib.parse import parse_qsl, urlsplit

import attrs

from tests.sdk.fake_kling import Answer, HonestKling, answer

BOMB_SIZE = 420 * 1024 * 1024  # bytes that a bomb inflates to
_PIECE = 1024 * 1024


@attrs.frozen
class Fault:
    """One thing that goes wrong with one request.

    Attributes:
        kind: `unread` resets before anything is read; `torn` resets when *at* of the
            request is read; `accepted` resets after the request was carried out;
            `mid-reply` when *at* of the reply is sent; `cut` closes there in good order;
            `silent` carries out and never answers; `says` answers *reply* instead of
            carrying out; `mangled` carries out and answers *reply*; `mixed` answers with the
            last reply to any caller, and leaves the connection one reply behind; `behind` does so
            from the connection's next request on; `extra` sends that reply behind the right
            one, in the same packet; `waits` answers once a further request has come over the
            same connection, as from another process that shares it, or after 0.1 s.
        at: How far, as a share of the bytes.
        reply: What is answered by `says` and `mangled`.
    """

    kind: Literal[
        "unread",
        "torn",
        "accepted",
        "mid-reply",
        "cut",
        "silent",
        "says",
        "mangled",
        "mixed",
        "behind",
        "extra",
        "waits",
    ]
    at: float = 0.5
    reply: Answer | None = attrs.field(default=None, repr=False)

    @classmethod
    def code(cls, http: int, code: int, message: str = "no", **headers: str) -> Fault:
        """Return a refusal with one of Kling's codes."""
        return cls("says", reply=answer(http, code, message, **headers))

    @classmethod
    def page(cls, http: int, body: bytes = b"<html>oops</html>", **headers: str) -> Fault:
        """Return a gateway's response, which is not an envelope."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        kind: Literal["says", "mangled"] = "says" if http >= 300 else "mangled"
        return cls(kind, reply=Answer(http, body, {"content-type": "text/html", **named}))

    @classmethod
    def bomb(cls) -> Fault:
        """Return a true envelope after 420 MB of blanks, in 400 kB of gzip."""
        headers = {"content-type": "application/json", "content-encoding": "gzip"}
        return cls("mangled", reply=Answer(200, _bomb(), headers))


@cache
def _bomb() -> bytes:
    envelope = b'{"code":0,"message":"SUCCEED","data":[]}'
    blanks = b" " * _PIECE
    deflate = zlib.compressobj(6, zlib.DEFLATED, -zlib.MAX_WBITS)
    # A full flush ends on a byte and forgets, so the same piece can be repeated.
    piece = deflate.compress(blanks) + deflate.flush(zlib.Z_FULL_FLUSH)
    tail = deflate.compress(envelope) + deflate.flush()
    checksum, count = 0, BOMB_SIZE // _PIECE
    for _ in range(count):
        checksum = zlib.crc32(blanks, checksum)
    checksum = zlib.crc32(envelope, checksum)
    size = count * _PIECE + len(envelope)
    head = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03"
    return head + piece * count + tail + struct.pack("<II", checksum, size & 0xFFFFFFFF)


@attrs.frozen
class Request:
    """A request that was read whole."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: Any = None


@attrs.define
class _Connection:
    """The replies that a connection owes, and the first byte of its next request if it came."""

    owed: deque[Answer] = attrs.field(factory=deque)
    first: bytes = b""


class _Reset(Exception):  # noqa: N818 - it ends a connection and is not an error here
    """Break the connection now."""


class FaultyKling:
    """The server. `with FaultyKling() as server:` listens on a free port of loopback.

    Attributes:
        kling: What answers when nothing breaks.
        url: Its address.
        port: Its port.
        requests: What was read whole.
        unread: How many requests were cut off before that.
        connections: How many connections were made.
        plan: The fault of each request to come, in turn; None for a request without a fault.
        redirects: Path of a file -> where it has moved to.
    """

    def __init__(
        self,
        kling: HonestKling | None = None,
        *,
        listening: bool = True,
        address: tuple[str, int] = ("127.0.0.1", 0),
    ) -> None:
        self.kling = kling or HonestKling()
        self.requests: list[Request] = []
        self.unread = 0
        self.connections = 0
        self.plan: Iterator[Fault | None] = iter(())
        self.redirects: dict[str, str] = {}
        self._socket = socket.socket(socket.AF_INET6 if ":" in address[0] else socket.AF_INET)
        self._socket.bind(address)  # refuses connections until it listens
        self.port = self._socket.getsockname()[1]
        self.url = f"http://{address[0]}:{self.port}"
        self._listening = listening
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._server: asyncio.Server | None = None
        self._open: dict[asyncio.Task[None], asyncio.StreamWriter] = {}
        self._writers: list[asyncio.StreamWriter] = []
        self._last: Answer | None = None

    # ------------------------------------------------------------ from tests

    def breaks(self, *faults: Fault | None, then: Fault | None = None) -> None:
        """Set the faults of the requests to come: *faults* in turn, and *then* forever."""
        self.plan = itertools.chain(faults, itertools.repeat(then))

    def heal(self) -> None:
        """Break nothing from now on."""
        self.plan = iter(())
        self.listen()

    def listen(self) -> None:
        """Accept connections from now on."""
        if self._server is None:
            start = asyncio.start_server(self._accepted, sock=self._socket)
            self._server = asyncio.run_coroutine_threadsafe(start, self._loop).result(5)

    def sent(self, method: str, prefix: str = "/") -> list[Request]:
        """Return the requests of a method below a path."""
        return [
            request
            for request in self.requests
            if request.method == method and request.path.startswith(prefix)
        ]

    def __enter__(self) -> Self:
        self._thread.start()
        if self._listening:
            self.listen()
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result(5)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        self._loop.close()
        self._socket.close()

    # ------------------------------------------------------------ on the loop

    async def _stop(self) -> None:
        if self._server is not None:
            self._loop.remove_reader(self._socket)
        # A task that is cancelled before it begins closes nothing, so all are aborted here. The
        # server last: CPython 3.11 leaks a connection that is being accepted when it closes.
        while left := asyncio.all_tasks() - {asyncio.current_task()}:
            for task, writer in self._open.items():
                task.cancel()
                writer.transport.abort()
            await asyncio.wait(left)
        for writer in self._writers:
            writer.transport.abort()
        if self._server is not None:
            self._server.close()
        await asyncio.sleep(0)  # until the aborted ones are closed

    def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = self._loop.create_task(self._serve(reader, writer))
        self._open[task] = writer
        self._writers.append(writer)
        task.add_done_callback(self._open.pop)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        writer.transport.set_write_buffer_limits(0)  # a drained write is in the kernel's hands
        state = _Connection()
        try:
            while await self._exchange(reader, writer, state):
                pass
        except _Reset:
            sock = writer.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()  # without time to linger, closing is a reset
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            writer.transport.abort()
        except BaseException:  # what `kling` cannot answer: no client waits for its time-out
            writer.transport.abort()
            raise

    async def _exchange(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, state: _Connection
    ) -> bool:
        first = state.first or await reader.read(1)
        state.first = b""
        if not first:
            writer.close()
            return False
        fault = next(self.plan, None) or Fault("says")
        if fault.kind in {"unread", "torn"}:
            self.unread += 1
            if fault.kind == "torn":
                await _read(reader, first, fault.at)
            raise _Reset
        request = await _read(reader, first)
        self.requests.append(request)
        if fault.kind == "says" and fault.reply is not None:
            reply = fault.reply
        else:
            reply = self._carry_out(request)
        if fault.kind == "accepted":
            raise _Reset
        if fault.kind == "silent":
            await asyncio.Event().wait()
        if fault.kind == "mangled" and fault.reply is not None:
            reply = fault.reply
        other, self._last = self._last, reply
        extra = other if fault.kind == "extra" else None
        if fault.kind == "waits":
            with contextlib.suppress(TimeoutError):
                state.first = await asyncio.wait_for(reader.read(1), 0.1)
        return await _reply(writer, _in_turn(reply, other, fault, state.owed), fault, extra)

    def _carry_out(self, request: Request) -> Answer:
        if request.path in self.redirects:
            return Answer(302, b"", {"location": self.redirects[request.path]})
        return self.kling.answer(
            request.method, request.path, request.query, request.headers, request.body
        )


def _in_turn(reply: Answer, other: Answer | None, fault: Fault, owed: deque[Answer]) -> Answer:
    """Return what is sent instead of *reply* on a connection that is behind."""
    if other is not None and fault.kind == "mixed":
        owed.append(other)
    if owed:
        owed.append(reply)
        reply = owed.popleft()
    if other is not None and fault.kind == "behind":
        owed.append(other)
    return reply


async def _read(reader: asyncio.StreamReader, first: bytes, share: float = 1.0) -> Request:
    head = first + await reader.readuntil(b"\r\n\r\n")
    start, *lines = head.decode("latin-1").split("\r\n")
    method, target, _ = start.split(" ")
    pairs = (line.partition(":") for line in lines if line)
    headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
    length = int(headers.get("content-length", 0))
    body = await reader.readexactly(int(length * share))
    parts = urlsplit(target)
    content = json.loads(body) if body and share >= 1 else None
    return Request(method, parts.path, dict(parse_qsl(parts.query)), headers, content)


async def _reply(
    writer: asyncio.StreamWriter, reply: Answer, fault: Fault, extra: Answer | None
) -> bool:
    data = _encoded(reply) + (_encoded(extra) if extra is not None else b"")
    breaks = fault.kind in {"mid-reply", "cut"}
    writer.write(data[: int(len(data) * fault.at)] if breaks else data)
    await writer.drain()
    if fault.kind == "mid-reply":
        raise _Reset
    if fault.kind == "cut":
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
    return not breaks


def _encoded(reply: Answer) -> bytes:
    lines = [f"HTTP/1.1 {reply.status} Status", f"content-length: {len(reply.body)}"]
    lines += [f"{name}: {value}" for name, value in reply.headers.items()]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + reply.body

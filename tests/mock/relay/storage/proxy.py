"""A TCP proxy in front of a database that cuts connections, forges errors, and goes away.

It counts what clients send, packet by packet, so a test can let each of them fail in turn. It
runs on a thread of its own, because a relay under test has its own loop.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from types import TracebackType
from typing import Any, Literal, Self

from kling_mock.web.loop_thread import LoopThread

How = Literal["before", "after"]
_LIMIT = 10.0  # seconds of real time that the proxy's own work may take


def mysql_error(code: int, sent: bytes) -> bytes:
    """Return an error packet of MySQL in answer to the packet *sent*."""
    payload = b"\xff" + struct.pack("<H", code) + b"#40001" + b"forged"
    return struct.pack("<I", len(payload))[:3] + bytes([(sent[3] + 1) % 256]) + payload


class Proxy:
    """The proxy. `with Proxy(("127.0.0.1", 3306)) as proxy:` listens on `proxy.port`.

    Attributes:
        port: Where it listens; the same one after `come_back`.
        sent: Packets that clients have sent.
        cut_at: The number of the packet that fails; -1 means no packet.
        how: `before` resets the connection instead of passing it on, `after` passes it on, waits
            for the answer and resets then.
        code: With one, the packet is answered by this error of MySQL and not passed on.
        lasting: Whether it stays away after the packet that fails.
        silent: Whether it passes nothing on, and keeps every connection open.
    """

    def __init__(self, target: tuple[str, int]) -> None:
        self._target = target
        self._thread = LoopThread("proxy")
        self._server: asyncio.Server | None = None
        self._tasks: dict[asyncio.Task[None], asyncio.StreamWriter] = {}
        self.port = 0
        self.sent = 0
        self.cut_at = -1
        self.how: How = "before"
        self.code = 0
        self.lasting = False
        self.silent = False
        self._away = False

    def __enter__(self) -> Self:
        self._thread.start()
        self.come_back()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._thread.stop(self._stop, _LIMIT)

    def fail(
        self, number: int, how: How = "before", code: int = 0, *, lasting: bool = False
    ) -> None:
        """Let the packet after *number* more fail, once or with all that follow."""
        self.how, self.code, self.lasting = how, code, lasting
        self.cut_at = self.sent + number

    def go_away(self) -> None:
        """Reset all connections and refuse new ones."""
        self._thread.wait(self._stop(), _LIMIT)

    def come_back(self) -> None:
        """Accept connections, on the same port as before."""
        self.cut_at, self._away = -1, False
        self._thread.wait(self._listen(), _LIMIT)

    def is_cut(self) -> bool:
        """Count a packet; return whether it is the one that fails."""
        number, self.sent = self.sent, self.sent + 1
        if self._away or number == self.cut_at:
            self._away = self.lasting
            return True
        return False

    # ------------------------------------------------------------ on the loop

    async def _listen(self) -> None:
        if self._server is not None and self._server.is_serving():
            return
        self._server = await asyncio.start_server(self._accepted, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _stop(self) -> None:
        if self._server is None or not self._server.is_serving():
            return
        loop = asyncio.get_running_loop()
        for listening in self._server.sockets:
            loop.remove_reader(listening.fileno())
        # Reset here as well: a task that is cancelled before it begins resets nothing. The server
        # last: CPython 3.11 leaks a connection that is being accepted when it closes.
        while left := asyncio.all_tasks() - {asyncio.current_task()}:
            for task, writer in self._tasks.items():
                task.cancel()
                _reset(writer)
            await asyncio.wait(left)
        self._server.close()

    def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(self._serve(reader, writer))
        self._tasks[task] = writer
        task.add_done_callback(self._tasks.pop)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        behind: asyncio.StreamWriter | None = None
        try:
            answers, behind = await asyncio.open_connection(*self._target)
            pipe = Pipe(self, writer, behind)
            pumps = (pipe.ask(reader), pipe.answer(answers))
            await asyncio.wait(map(asyncio.ensure_future, pumps), return_when="FIRST_COMPLETED")
        except (OSError, asyncio.CancelledError):
            pass  # both ends are reset below
        finally:
            for stream in (writer, behind):
                if stream is not None:
                    _reset(stream)


class Pipe:
    """One connection through the proxy."""

    def __init__(
        self, proxy: Proxy, client: asyncio.StreamWriter, server: asyncio.StreamWriter
    ) -> None:
        self._proxy = proxy
        self._client = client
        self._server = server
        self._mute = False

    async def ask(self, reader: asyncio.StreamReader) -> None:
        """Pass on what the client sends, until the cut."""
        proxy = self._proxy
        with contextlib.suppress(OSError):
            while data := await reader.read(1 << 20):
                if proxy.silent:
                    continue
                if proxy.is_cut():
                    if proxy.code:
                        self._client.write(mysql_error(proxy.code, data))
                        continue
                    if proxy.how == "before":
                        return
                    self._mute = True
                self._server.write(data)

    async def answer(self, reader: asyncio.StreamReader) -> None:
        """Pass on what the server answers, unless it should be lost."""
        with contextlib.suppress(OSError):
            while data := await reader.read(1 << 20):
                if self._mute:
                    return
                self._client.write(data)


def _reset(writer: asyncio.StreamWriter) -> None:
    sock: Any = writer.get_extra_info("socket")
    with contextlib.suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()  # without time to linger, closing is a reset

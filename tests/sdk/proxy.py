"""A proxy on loopback that connects, refuses, hangs or cuts."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import threading
from typing import Literal, Self

PASSWORD = "s3cret-of-the-proxy"
_AUTHORIZATION = "basic " + base64.b64encode(f"user:{PASSWORD}".encode()).decode()

Kind = Literal["connects", "407", "502", "hangs", "cuts", "cuts at once"]


class Proxy:
    """The proxy. `with Proxy("407") as proxy:` listens on a free port of loopback.

    Attributes:
        url: Where it listens, with user and password.
        name: Where it listens.
        requests: The first line of each request that it got.
        passed: How many bytes went on to a server.
    """

    def __init__(self, kind: Kind) -> None:
        self.kind = kind
        self.requests: list[str] = []
        self.passed = 0
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._tasks: dict[asyncio.Task[None], asyncio.StreamWriter] = {}

    def __enter__(self) -> Self:
        self._thread.start()
        start = asyncio.start_server(self._accepted, "127.0.0.1", 0)
        self._server = asyncio.run_coroutine_threadsafe(start, self._loop).result(5)
        port = self._server.sockets[0].getsockname()[1]
        self.name = f"http://127.0.0.1:{port}"
        self.url = f"http://user:{PASSWORD}@127.0.0.1:{port}"
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result(5)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        self._loop.close()

    async def _stop(self) -> None:
        # Aborted here as well: a task that is cancelled before it begins aborts nothing.
        # The server last: asyncio leaks a connection that is being accepted when it closes.
        while left := asyncio.all_tasks() - {asyncio.current_task()}:
            for task, writer in self._tasks.items():
                task.cancel()
                writer.transport.abort()
            await asyncio.wait(left)
        self._server.close()

    def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = self._loop.create_task(self._serve(reader, writer))
        self._tasks[task] = writer
        task.add_done_callback(self._tasks.pop)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with contextlib.suppress(OSError, EOFError, asyncio.CancelledError):
                await self._answer(reader, writer)
        finally:
            writer.transport.abort()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        first, *lines = head.lower().split("\r\n")
        self.requests.append(first)
        is_known = f"proxy-authorization: {_AUTHORIZATION.lower()}" in lines
        if self.kind == "hangs":
            await asyncio.Event().wait()
        if self.kind == "cuts at once":
            return
        if self.kind == "cuts":
            writer.write(b"HTTP/1.1 2")
            await writer.drain()
        elif self.kind == "502":
            writer.write(b"HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\n\r\n")
            await writer.drain()
        elif self.kind == "407" or not is_known:
            writer.write(
                b"HTTP/1.1 407 Proxy Authentication Required\r\n"
                b'proxy-authenticate: Basic realm="x"\r\ncontent-length: 0\r\n\r\n'
            )
            await writer.drain()
        else:
            await self._connect(first, reader, writer)

    async def _connect(
        self, first: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        host, _, port = first.split(" ")[1].rpartition(":")
        out_of, into = await asyncio.open_connection(host, int(port))
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")

        async def pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
            while data := await source.read(65536):
                self.passed += len(data)
                sink.write(data)
                await sink.drain()

        try:
            done = [asyncio.ensure_future(pump(reader, into))]
            done.append(asyncio.ensure_future(pump(out_of, writer)))
            await asyncio.wait(done, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.cancel()
        finally:
            into.transport.abort()

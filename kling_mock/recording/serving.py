"""The local server of the recorder and the player, with a thread of its own."""

from __future__ import annotations

import json
import logging
import socket
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final, Self

from aiohttp import web

from kling_mock.web.addresses import bind, url_of
from kling_mock.web.connections import Connection, Listener
from kling_mock.web.limits import Limits
from kling_mock.web.loop_thread import LoopThread

LOCALHOST: Final = "127.0.0.1"
MAX_BYTES: Final = 128 * 1024 * 1024  # of a body, as in the emulator

_START_LIMIT: Final = 10.0  # seconds of real time
_STOP_LIMIT: Final = 5.0  # seconds of real time, in addition to those for draining
_MIN_DRAIN: Final = 0.02  # seconds of real time; aiohttp takes 0 for "wait forever"
_log: Final = logging.getLogger("kling_mock")


class LocalServer:
    """Server with one handler, on an address that only this computer can reach.

    Args:
        handler: Answers a request.
        name: Its name in errors and in the log.
        port: The port to listen on; 0 picks a free one.
        opened: Called on the server's loop before the first request.
        closed: Called there after the last one.
    """

    def __init__(
        self,
        handler: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]],
        name: str,
        port: int = 0,
        opened: Callable[[], Awaitable[None]] | None = None,
        closed: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self._handler = handler
        self._name = name
        self._port = port
        self._opened = opened
        self._closed = closed
        self._thread = LoopThread(name)
        self._listener: Listener | None = None
        self._http: web.Server | None = None
        self._url = ""

    @property
    def url(self) -> str:
        """The base URL, without a slash at the end.

        Raises:
            RuntimeError: The server is not running.
        """
        if not self._url:
            raise self._thread.refusal()
        return self._url

    def start(self) -> Self:
        """Start the server; return once it accepts connections.

        Raises:
            OSError: The address cannot be bound.
        """
        bound = bind(LOCALHOST, self._port)
        try:
            self._thread.start()
            self._thread.wait(self._open(bound), _START_LIMIT)
        except BaseException:
            bound.close()
            self._thread.stop(partial(self._close, 0.0), _STOP_LIMIT)
            raise
        return self

    def stop(self, drain: float = 0.0) -> None:
        """Stop the server; do nothing if it is not running.

        Args:
            drain: Seconds of real time that requests in progress may take.
        """
        self._thread.stop(partial(self._close, drain), drain + _STOP_LIMIT)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    async def _open(self, bound: socket.socket) -> None:
        if self._opened is not None:
            await self._opened()
        http = self._http = web.Server(self._handler)
        make = partial(Connection, http)
        self._listener = Listener(bound, make, Limits(), None, _log, self._name)
        self._url = url_of(LOCALHOST, bound.getsockname()[1], tls=False)

    async def _close(self, drain: float) -> None:
        self._url = ""
        if self._listener is not None:
            await self._listener.close()
        if self._http is not None:
            self._http.pre_shutdown()
            await self._http.shutdown(max(drain, _MIN_DRAIN))
        self._listener = self._http = None
        if self._closed is not None:
            await self._closed()


def envelope(http: int, code: int, message: str, **headers: str) -> web.Response:
    """Return a refusal by this program itself, in the form that clients of Kling know.

    Args:
        http: The HTTP status.
        code: The service code.
        message: What is wrong.
        headers: Further headers; an underscore in a name stands for a hyphen.
    """
    body = json.dumps({"code": code, "message": message, "request_id": "kling-mock"})
    header_fields = {name.replace("_", "-"): value for name, value in headers.items()}
    return web.Response(
        status=http,
        body=body.encode(),
        headers={"Content-Type": "application/json;charset=UTF-8"} | header_fields,
    )

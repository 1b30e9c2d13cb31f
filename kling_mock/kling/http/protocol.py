"""aiohttp's connection, with Kling's envelope also for what is not even HTTP."""

from __future__ import annotations

import asyncio
import logging

from aiohttp import StreamReader, web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.http_parser import RawRequestMessage

from kling_mock.kling.wire.v1 import envelope
from kling_mock.web.connections import Connection
from kling_mock.web.limits import Seen
from kling_mock.web.origins import ORIGINS, TestRun

__all__ = ["KlingProtocol", "late_call", "make_request"]

_log = logging.getLogger("kling_mock")


class KlingProtocol(Connection):
    """One connection.

    aiohttp answers a request that it cannot parse by itself, as plain text; this replies
    as to any other bad request. The connection ends after it: where the next request begins
    in such bytes, nobody knows.

    Attributes:
        origin: The test in which it was opened; `None` if that belongs to no test.
    """

    __slots__ = ("origin",)

    def __init__(self, server: web.Server, open_: dict[Connection, Seen]) -> None:
        super().__init__(server, open_)
        self.origin = ORIGINS.owner  # the test that opened it

    def handle_error(
        self,
        request: web.BaseRequest,  # noqa: ARG002 - aiohttp's signature
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Reply to what never reached the handler, or what the handler failed on."""
        # Not the message, which quotes what the client sent: its URL or its key.
        _log.info("A connection brought no request: %s", type(exc).__name__)
        if status >= 500:
            code, text = 5000, "The mock itself failed; see its log."
        else:
            code, text = 1200, f"This is not HTTP: {' '.join((message or str(exc)).split())[:200]}"
        reply = web.Response(
            status=status,
            body=envelope(code, text, "", None),
            headers={"Content-Type": "application/json;charset=UTF-8"},
        )
        reply.force_close()
        return reply


def make_request(
    message: RawRequestMessage,
    payload: StreamReader,
    protocol: web.RequestHandler,
    writer: AbstractStreamWriter,
    task: asyncio.Task[None],
) -> web.BaseRequest:
    """Make aiohttp's request object; the handler enforces the limit of bodies."""
    return web.BaseRequest(message, payload, protocol, writer, task, asyncio.get_running_loop())


def late_call(request: web.BaseRequest, *, by_connection: bool) -> TestRun | None:
    """Return the earlier test that *request* comes from; `None` if it is of the one that runs.

    Args:
        request: The request.
        by_connection: Whether its connection decides where no thread is known.
    """
    protocol, transport = request.protocol, request.transport
    if not isinstance(protocol, KlingProtocol) or transport is None:
        return None  # the client has gone
    client, server = (transport.get_extra_info(name) for name in ("peername", "sockname"))
    if not isinstance(client, tuple) or not isinstance(server, tuple):
        return None
    ports = client[1], server[1]
    return ORIGINS.late_call(protocol.origin, ports, by_connection=by_connection)

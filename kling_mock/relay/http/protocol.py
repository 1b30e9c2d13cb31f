"""aiohttp's connection and request object, with the relay's error body for invalid HTTP."""

from __future__ import annotations

import asyncio
import logging
from secrets import token_hex
from typing import Final

from aiohttp import StreamReader, web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.http_parser import RawRequestMessage

from kling_mock.relay.domain import errors
from kling_mock.relay.domain.errors import RelayError
from kling_mock.web.connections import Connection
from kling_mock.web.request_log import REQUEST_ID, REQUEST_ID_HEADER, chosen_id

__all__ = ["RelayProtocol", "make_request"]

_log: Final = logging.getLogger("kling_mock.relay")


class RelayProtocol(Connection):
    """One connection.

    It ends after a request that cannot be parsed: where the next one begins is unknown.
    """

    __slots__ = ()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,  # noqa: ARG002 - it quotes what the client sent
    ) -> web.StreamResponse:
        """Reply to what never reached the handler, or made it fail."""
        given = request.headers.get(REQUEST_ID_HEADER)
        request_id = REQUEST_ID.get() or chosen_id(given, _new_id)
        REQUEST_ID.set(request_id)
        if not isinstance(exc, ConnectionError):  # a client that has gone is no line of the log
            _log.info("kling relay error: a connection brought no request: %s", type(exc).__name__)
        kind = errors.BROKEN if status >= 500 else errors.INVALID
        text = "the relay itself failed" if status >= 500 else "this is not HTTP"
        body = RelayError(kind, text).body()
        reply = web.Response(status=status, body=body, content_type="application/json")
        reply.headers[REQUEST_ID_HEADER] = request_id
        reply.force_close()
        return reply


def _new_id() -> str:
    return token_hex(16)


def make_request(
    message: RawRequestMessage,
    payload: StreamReader,
    protocol: web.RequestHandler,
    writer: AbstractStreamWriter,
    task: asyncio.Task[None],
) -> web.BaseRequest:
    """Make aiohttp's request object; the handler enforces the limits of bodies."""
    return web.BaseRequest(message, payload, protocol, writer, task, asyncio.get_running_loop())

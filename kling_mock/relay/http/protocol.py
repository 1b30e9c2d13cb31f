"""aiohttp's connection, with the relay's error body for invalid HTTP.

Apart from the handler, which loads the storage: a test's server listens before its relay is used.
"""

from __future__ import annotations

import logging
from secrets import token_hex
from typing import Final

from aiohttp import web

from kling_mock.relay.domain import errors
from kling_mock.relay.domain.errors import RelayError
from kling_mock.web.connections import Connection
from kling_mock.web.request_log import REQUEST_ID, REQUEST_ID_HEADER, chosen_id

_log: Final = logging.getLogger("kling_mock.relay")


class RelayProtocol(Connection):
    """One connection.

    It ends after a request that cannot be parsed, since the start of the next one is unknown.
    """

    __slots__ = ()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,  # noqa: ARG002 - it quotes what the client sent
    ) -> web.StreamResponse:
        """Reply to a request that never reached the handler, or made it fail."""
        header = request.headers.get(REQUEST_ID_HEADER)
        request_id = REQUEST_ID.get() or chosen_id(header, _new_id)
        REQUEST_ID.set(request_id)
        if not isinstance(exc, ConnectionError):  # a disconnect is not logged
            _log.info("kling relay error: a connection brought no request: %s", type(exc).__name__)
        kind = errors.BROKEN if status >= 500 else errors.INVALID
        text = "the relay itself failed" if status >= 500 else "this is not HTTP"
        body = RelayError(kind, text).body(request_id)
        reply = web.Response(status=status, body=body, content_type="application/json")
        reply.headers[REQUEST_ID_HEADER] = request_id
        reply.force_close()
        return reply


def _new_id() -> str:
    return token_hex(16)

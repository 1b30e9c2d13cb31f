"""The outermost layer of the relay's handler: request ids and counts."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from aiohttp import web

from kling_mock.relay.http.routes import known_method, template
from kling_mock.relay.metrics.counters import Tally
from kling_mock.web.replies import add_header
from kling_mock.web.request_ids import REQUEST_ID, REQUEST_ID_HEADER, chosen_id

__all__ = ["RelayFront"]


class RelayFront:
    """The aiohttp handler of one relay, in front of the one that answers.

    Args:
        handler: Answers; what it raises is a connection that is gone.
        tally: Counts.
        new_id: Makes the id of a request that brings none.
    """

    def __init__(
        self,
        handler: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]],
        tally: Tally,
        new_id: Callable[[], str],
    ) -> None:
        self._handler = handler
        self._tally = tally
        self._new_id = new_id

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer *request*."""
        begun = self._tally.begin()
        request_id = chosen_id(request.headers.get(REQUEST_ID_HEADER), self._new_id)
        REQUEST_ID.set(request_id)  # aiohttp gives each request a context of its own
        reply = await self._handler(request)
        add_header(reply, REQUEST_ID_HEADER, request_id)
        route = template(request.rel_url.raw_path)
        self._tally.request(known_method(request.method), route, reply.status, begun)
        return reply

"""The relay's front door: counts what goes in and how it comes out."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from aiohttp import web

from kling_mock.relay.routes import known_method, template
from kling_mock.relay.tally import Tally

__all__ = ["RelayFront"]


class RelayFront:
    """The aiohttp handler of one relay, in front of the one that answers.

    Args:
        handler: Answers; what it raises is a connection that is gone.
        tally: Counts.
    """

    def __init__(
        self, handler: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]], tally: Tally
    ) -> None:
        self._handler = handler
        self._tally = tally

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer *request*."""
        begun = self._tally.begin()
        reply = await self._handler(request)
        route = template(request.rel_url.raw_path)
        self._tally.request(known_method(request.method), route, reply.status, begun)
        return reply

"""HTTP in front of the emulated Kling.

One handler for everything, on aiohttp's low-level server: no router and no middlewares, because
a mock is called thousands of times and each request should cost about what aiohttp costs.
Whatever a client sends, the reply is Kling's envelope with a 4xx, never a dropped connection.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType

from aiohttp import web

from kling_mock.kling.http.exchange import Exchange
from kling_mock.kling.http.media import find_result, send_result, was_result
from kling_mock.kling.media.urls import MEDIA
from kling_mock.kling.world import World
from kling_mock.web.replies import json_reply

ADMIN = "/__kling/"  # the prefix under which tests in other languages control the server
OPENAPI = "/openapi.json"
HEALTH = "/health"


class KlingHandler:
    """The aiohttp handler of one emulated Kling.

    Args:
        world: The state; assign another one to reset.
        public_url: Scheme, host and port that result URLs begin with; `None` uses those of the
            client's request.
        pages: Functions that make the JSON of other paths on request. These paths do not need an
            account, faults do not happen to them, and they are not in the journal.
        admin: Serves requests of the admin API, with their path and query; `None` serves none.
    """

    def __init__(
        self,
        world: World,
        public_url: str | None = None,
        pages: Mapping[str, Callable[[], bytes]] = MappingProxyType({}),
        admin: Callable[[web.BaseRequest, str, str], Awaitable[web.StreamResponse]] | None = None,
    ) -> None:
        self.world = world
        self._admin = admin
        self._pages = pages
        self._public_url = None if public_url is None else public_url.rstrip("/")

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        """Serve *request*."""
        world = self.world  # after a reset, this request still belongs to the old one
        path, _, query = request.raw_path.partition("?")
        if not path.startswith("/"):
            path = request.rel_url.raw_path  # the absolute form for proxies, with scheme and host
        if self._admin is not None and (path.startswith(ADMIN) or path == ADMIN[:-1]):
            return await self._admin(request, path, query)
        faults = None
        if world.faults.on_requests:
            from kling_mock.kling.http.fault_hooks import FaultHooks  # not loaded without faults

            faults = FaultHooks(world)
        exchange = Exchange(world, request, path, query, self._public_url)
        under_way = world.findings.under_way
        under_way.add(exchange)
        try:
            if request.method in {"GET", "HEAD"}:
                if path.startswith(MEDIA):
                    file = find_result(world, path)
                    if file is not None:
                        if faults is not None:
                            return await faults.send_file(exchange, file)
                        return await send_result(exchange, file)
                    if not was_result(world, path):
                        text = "no result of this server has this URL"
                        exchange.noticed.misdirected("path", text)
                elif (page := self._pages.get(path)) is not None:
                    return json_reply(request, 200, page(), world.clock.now())
            return await exchange.run(faults)
        finally:
            under_way.discard(exchange)

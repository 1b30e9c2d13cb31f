"""HTTP in front of the emulated Kling.

One handler for everything, on aiohttp's low-level server: no router and no middlewares, because
a mock is asked thousands of times and each request should cost about what aiohttp costs.
Whatever a client sends, the answer is Kling's envelope with a 4xx, never a dropped connection.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from functools import partial

from aiohttp import web

from kling_mock.kling import service
from kling_mock.kling.http.answers import Answer, record
from kling_mock.kling.http.costs import costs
from kling_mock.kling.http.media import find_result, send_result
from kling_mock.kling.http.routing import COSTS, origin_of, read_body, route
from kling_mock.kling.media.urls import MEDIA
from kling_mock.kling.model.accounts import Account
from kling_mock.kling.model.admission import admit_call
from kling_mock.kling.model.tasks import VIDEOS
from kling_mock.kling.service_codes import SUCCEED, Refusal
from kling_mock.kling.wire.v1 import envelope
from kling_mock.kling.world import World
from kling_mock.web.replies import json_reply

__all__ = ["ADMIN", "OPENAPI", "KlingHandler"]

_log = logging.getLogger("kling_mock")

ADMIN = "/__kling/"  # below it, tests in other languages steer the server
OPENAPI = "/openapi.json"


class KlingHandler:
    """The aiohttp handler of one emulated Kling.

    Args:
        world: The state; assign another one to reset.
        public_url: Scheme, host and port that result URLs begin with; `None` is those by
            which the client came.
        document: Makes the OpenAPI document, when it is asked for.
        admin: Answers requests of the admin API, with their path and query; `None` is nobody.
    """

    def __init__(
        self,
        world: World,
        public_url: str | None = None,
        document: Callable[[], bytes] = bytes,
        admin: Callable[[web.BaseRequest, str, str], Awaitable[web.StreamResponse]] | None = None,
    ) -> None:
        self.world = world
        self._admin = admin
        self._document = document
        self._public_url = None if public_url is None else public_url.rstrip("/")

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer *request*."""
        world = self.world  # a reset meanwhile leaves this request to the old one
        path, _, query = request.raw_path.partition("?")
        if not path.startswith("/"):
            path = request.rel_url.raw_path  # a proxy's form, with scheme and host
        if path.startswith(ADMIN) and self._admin is not None:
            return await self._admin(request, path, query)
        if world.faults.on_requests:
            return await self._through_faults(world, request, path, query)
        if request.method in {"GET", "HEAD"} and not path.startswith(VIDEOS):
            if path.startswith(MEDIA):
                found = find_result(world, path)
                if found is not None:
                    return await send_result(request, *found)
            if path == OPENAPI:
                return json_reply(request, 200, self._document(), world.clock.now())
        answer = await self._answer(world, request, path, query)
        now = world.clock.now()
        record(world, now, request.method, path, query, answer)
        return json_reply(request, answer.http, answer.body, now, answer.retry_after)

    async def _answer(
        self,
        world: World,
        request: web.BaseRequest,
        path: str,
        query: str,
        body: bytes | None = None,
    ) -> Answer:
        """Serve *request* and return the answer, which is not sent yet."""
        request_id = world.request_id()
        account: Account | None = None
        retry_after: int | None = None
        data: str | None = None
        try:
            endpoint, name = route(request.method, path)
            creates = request.method == "POST"
            if body is None:
                body = await read_body(request) if creates else b""
            account = world.accounts.authenticate(request.headers.get("Authorization"), world.clock)
            if account.restricted:
                now = world.clock.now()
                admit_call(account, now, request.remote or "", creates=creates)
            if creates:
                origin = partial(self._origin, request)  # most creates have no use for it
                data = service.create(world, account, endpoint, body, origin)
                if world.callbacks.early:
                    await world.callbacks.sent_early()
            elif endpoint == COSTS:
                data = costs(account, query, world.clock.now())
            elif name is None:
                data = service.list_tasks(world, account, endpoint, query, self._origin(request))
            else:
                data = service.get(world, account, endpoint, name, self._origin(request))
            http, code, message = 200, 0, SUCCEED
        except Refusal as refusal:
            http, code, message = refusal.http, refusal.code, refusal.message
            retry_after = refusal.retry_after
        except Exception:  # noqa: BLE001 - whatever it is, the client gets the envelope
            _log.exception("The mock failed on %s %s", request.method, path)
            http, code, message = 500, 5000, "The mock itself failed; see its log."
        reply = envelope(code, message, request_id, data)
        owner = "" if account is None else account.name
        return Answer(http, code, request_id, owner, reply, body or b"", retry_after)

    def _origin(self, request: web.BaseRequest) -> str:
        """Return the scheme, host and port by which the client came, or the public ones."""
        return origin_of(request) if self._public_url is None else self._public_url

    async def _through_faults(
        self, world: World, request: web.BaseRequest, path: str, query: str
    ) -> web.StreamResponse:
        from kling_mock.kling.http.faulty_exchange import (
            FaultyExchange,  # not loaded without faults
        )

        async def serve(body: bytes | None) -> Answer:
            return await self._answer(world, request, path, query, body)

        origin = self._origin(request)
        return await FaultyExchange(world, request, path, query, origin, serve).run()

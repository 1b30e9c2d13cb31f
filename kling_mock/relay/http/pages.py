"""What the relay tells programs: `/metrics` for those that watch it, `/openapi.json`."""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from aiohttp import web

from kling_mock.clock import Clock
from kling_mock.relay.domain import errors
from kling_mock.relay.domain.errors import RelayError
from kling_mock.relay.http.routes import METRICS, OPENAPI
from kling_mock.relay.metrics.counters import Tally
from kling_mock.relay.operator.service import STUCK_AFTER
from kling_mock.storage.errors import StorageError
from kling_mock.storage.protocol import Storage
from kling_mock.web.replies import json_reply

__all__ = ["Page", "Pages"]

_PATIENCE: Final = 5.0  # seconds of real time that the database gets for one scrape

Page = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


class Pages:
    """The pages of one relay.

    Args:
        tally: What this process has done.
        storage: What all of them have.
        clock: The time.
        check: Checks an `Authorization` header for the admin token, and raises a `RelayError`.
        is_local: Whether a request comes from this computer, and not through a proxy.
        has_operator: Whether the operator's API is served.
    """

    def __init__(
        self,
        tally: Tally,
        storage: Storage,
        clock: Clock,
        check: Callable[[str | None], None],
        is_local: Callable[[web.BaseRequest], bool],
        *,
        has_operator: bool = True,
    ) -> None:
        self._has_operator = has_operator
        self._tally = tally
        self._storage = storage
        self._clock = clock
        self._check = check
        self._is_local = is_local
        self.by_path: Mapping[str, Page] = {METRICS: self.metrics, OPENAPI: self.openapi}

    async def metrics(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer a scrape.

        Raises:
            RelayError: 401 from another computer without the admin token, 501 without the
                extra.
        """
        errors.only(request.method, "GET", "HEAD")
        if not self._is_local(request):
            self._check(request.headers.get("Authorization"))
        try:
            # Loaded with the first scrape, and beside the loop.
            form = await asyncio.to_thread(
                importlib.import_module, "kling_mock.relay.metrics.prometheus"
            )
        except ModuleNotFoundError:
            raise RelayError(errors.NOT_INSTALLED, _MISSING) from None
        accept = request.headers.get("Accept", "")
        body, media_type = form.exposed(
            self._tally, self._storage.strain(), await self._look(), accept
        )
        return web.Response(body=body, headers={"Content-Type": media_type})

    async def openapi(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer with what this relay answers, as an OpenAPI document."""
        errors.only(request.method, "GET", "HEAD")
        from kling_mock.relay.http.openapi import openapi_bytes

        body = openapi_bytes(with_operator=self._has_operator)
        return json_reply(request, 200, body, self._clock.now())

    async def _look(self) -> object:
        """Return what the database says, or `None` if it is away or too slow."""
        now = int(self._clock.now())
        try:
            async with asyncio.timeout(_PATIENCE):
                backlog = await self._storage.backlog(now=now, stuck_until=now - STUCK_AFTER)
                return backlog, await self._storage.overview(now=now)
        except (StorageError, TimeoutError):
            return None


_MISSING: Final = (
    "metrics need the extra `metrics` where the relay runs: pip install 'kling-sdk[metrics]'"
)

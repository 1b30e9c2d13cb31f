"""Pages for monitoring and tools: `/metrics` and `/openapi.json`."""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from aiohttp import web

from kling_mock.clock import MockClock
from kling_mock.relay.domain import errors
from kling_mock.relay.domain.errors import RelayError
from kling_mock.relay.domain.shared_time import ClockStatus
from kling_mock.relay.http.routes import DASHBOARD, METRICS, OPENAPI
from kling_mock.relay.metrics.counters import Metrics
from kling_mock.relay.operator.http import OperatorApi
from kling_mock.relay.operator.service import STUCK_AFTER
from kling_mock.relay.service.breakers import Breakers
from kling_mock.relay.service.health import Health
from kling_mock.relay.storage.errors import StorageError
from kling_mock.relay.storage.sql_storage import Storage
from kling_mock.relay.storage.values import Backlog, ReceiverCounts, StoreSummary
from kling_mock.web.replies import json_reply

_DATABASE_TIMEOUT: Final = 5.0  # seconds of real time that the database gets for one scrape

Page = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


class MonitoringPages:
    """The pages of one relay.

    Args:
        metrics: The counters of this process.
        health: What `/health` shows.
        clock_status: Returns the state of the clocks.
        storage: The relay's store.
        operator: The operator's API, which knows who may read the metrics.
    """

    def __init__(
        self,
        metrics: Metrics,
        breakers: Breakers,
        health: Health,
        clock_status: Callable[[], ClockStatus],
        storage: Storage,
        clock: MockClock,
        operator: OperatorApi,
    ) -> None:
        self._operator = operator
        self._metrics = metrics
        self._breakers = breakers
        self._health = health
        self._clock_status = clock_status
        self._storage = storage
        self._clock = clock
        self.by_path: Mapping[str, Page] = {
            METRICS: self.metrics,
            OPENAPI: self.openapi,
            DASHBOARD: self.dashboard,
        }

    async def dashboard(self, request: web.BaseRequest) -> web.StreamResponse:
        """Respond with a file of the dashboard, to callers that may use the operator's API.

        Raises:
            RelayError: 403 for a caller from elsewhere; 404 if there is no such file, or if that
                API is off.
        """
        from kling_mock.dashboard import files as dashboard  # most dashboards are never opened

        path = request.rel_url.raw_path
        file = dashboard.find(path.removeprefix(DASHBOARD), dashboard.RELAY)
        if file is None or not self._operator.is_on:
            raise errors.no_path(path)
        errors.check_method(request.method, "GET", "HEAD")
        self._operator.check_origin(request.remote, request.headers)
        return file.to(request.headers.get("If-None-Match"))

    async def metrics(self, request: web.BaseRequest) -> web.StreamResponse:
        """Respond to a scrape.

        Raises:
            RelayError: 401 without the admin token, unless this relay serves this computer only
                and is called from it by its own name; 501 if the extra is not installed.
        """
        errors.check_method(request.method, "GET", "HEAD")
        self._operator.check_reader(request.remote, request.headers)
        try:
            # Imported on the first scrape, off the event loop.
            prometheus = await asyncio.to_thread(
                importlib.import_module, "kling_mock.relay.metrics.prometheus"
            )
        except ModuleNotFoundError:
            raise RelayError(errors.NOT_INSTALLED, _MISSING) from None
        accept = request.headers.get("Accept", "")
        body, media_type = prometheus.exposition(
            self._metrics,
            self._breakers.count(),
            await self._health.report(),
            self._clock_status(),
            self._storage.statistics(),
            await self._store_counts(),
            accept,
        )
        return web.Response(body=body, headers={"Content-Type": media_type})

    async def openapi(self, request: web.BaseRequest) -> web.StreamResponse:
        """Reply with the OpenAPI document of this relay."""
        errors.check_method(request.method, "GET", "HEAD")
        from kling_mock.relay.http.openapi import openapi_bytes

        body = openapi_bytes(with_operator=self._operator.is_on)
        return json_reply(request, 200, body, self._clock.now())

    async def _store_counts(self) -> tuple[Backlog, StoreSummary, ReceiverCounts] | None:
        """Return the counts in the store; `None` if it is unavailable or too slow."""
        now = int(self._clock.now())
        try:
            async with asyncio.timeout(_DATABASE_TIMEOUT):
                backlog = await self._storage.backlog(now=now, stuck_until=now - STUCK_AFTER)
                summary = await self._storage.summary(now=now)
                return backlog, summary, await self._storage.count_receivers()
        except (StorageError, TimeoutError):
            return None


_MISSING: Final = (
    "metrics need the extra `metrics` where the relay runs: pip install 'kling-sdk[metrics]'"
)

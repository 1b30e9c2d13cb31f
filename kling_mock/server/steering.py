"""Operations on a server as a whole: reset, snapshot and restore; and its admin API.

This is separate from `KlingMock`, to which only its user has a reference, so that a server which
was dropped without a stop is noticed.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING

from aiohttp import web

from kling_mock.clock import MockClock
from kling_mock.clock.choice import SEEDED_START, check_seed
from kling_mock.controls.loop_proxy import LoopProxy
from kling_mock.kling.world import World
from kling_mock.server.emulator import Emulator, ServerSettings
from kling_mock.server.relay import EmbeddedRelay

if TYPE_CHECKING:
    from kling_mock.admin.api import AdminApi
    from kling_mock.kling.snapshots import Snapshot


class Steering:
    """The reset, snapshot and restore of a server, and the responses of its admin API.

    Args:
        clock: The server's clock.
        settings: The server's settings.

    Attributes:
        emulator: The server's emulated Kling; set before anything else is used.
        relay: The server's relay, if it has one.
        proxy: Runs changes of the state on the server's thread; also set before use.
    """

    emulator: Emulator
    proxy: LoopProxy

    def __init__(self, clock: MockClock, settings: ServerSettings) -> None:
        self._clock = clock
        self._settings = settings
        self._admin_api: AdminApi | None = None
        self.relay: EmbeddedRelay | None = None

    def reset(self, seed: int | None) -> None:
        """See `KlingMock.reset`."""
        check_seed(seed)

        def work(_: World) -> None:
            if self.relay is not None:
                self.relay.reset()
            self._clock.reset(None if seed is None or self._settings.has_start else SEEDED_START)
            self.emulator.reset(seed)
            self._admin_api = None  # this also drops the snapshots that it keeps

        self._replace(work)

    def snapshot(self) -> Snapshot:
        """See `KlingMock.snapshot`."""

        def work(_: World) -> Snapshot:
            relay = None if self.relay is None else self.relay.snapshot()
            return self.emulator.snapshot(relay)

        return self.proxy.when_settled(work)

    def restore(self, snapshot: Snapshot) -> None:
        """See `KlingMock.restore`."""
        if getattr(snapshot, "clock", None) is not self._clock:
            raise ValueError(
                "snapshot: must be what snapshot() of this server has returned, got "
                f"{snapshot!r}, which is not or was taken of another"
            )

        def work(_: World) -> None:
            relay = self.emulator.restore(snapshot)
            if self.relay is not None:
                self.relay.restore(relay)

        self._replace(work)

    def _replace(self, work: Callable[[World], None]) -> None:
        """Run *work*, which replaces the state, when no callback of the current state is under way.

        The next state has tasks with the same ids, and a receiver would confuse their callbacks.
        """
        if any(app.idle_loop for app in self.emulator.apps.values()):
            self.proxy.call(work)  # their callbacks would not end here
        else:
            self.proxy.call_after_callbacks(work)

    # ------------------------------------------------------------ loaded when first used

    async def serve_admin(
        self, request: web.BaseRequest, path: str, query: str
    ) -> web.StreamResponse:
        """Answer a request of the admin API."""
        if self._admin_api is None:
            from kling_mock.admin.api import AdminApi
            from kling_mock.admin.context import AdminContext

            context = AdminContext(self.proxy, self._clock, self.reset, self.snapshot, self.restore)
            self._admin_api = AdminApi(context, self._settings.access)
        return await self._admin_api(request, path, query)

    def health(self) -> bytes:
        """Return the JSON of `/health`; its schema is in `kling_mock.kling.http.openapi`."""
        from kling_mock import __version__

        world = self.emulator.world
        clock, journal = world.clock, world.journal
        return json.dumps(
            {
                "status": "ok",
                "version": __version__,
                "clock": {"now": clock.now(), "kind": clock.kind, "speed": clock.speed},
                "tasks": len(world.tasks),
                "open_tasks": sum(world.accounts[name].open for name in world.accounts),
                "requests": journal.total,
                "unexpected": journal.unexpected_total,
                "callbacks": world.callbacks.log.total,
            }
        ).encode()

    def openapi(self) -> bytes:
        """Return the OpenAPI document."""
        from kling_mock.server.openapi import openapi_bytes

        return openapi_bytes(with_admin=self._settings.access.is_on)

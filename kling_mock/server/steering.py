"""What is done to a server as a whole: reset, snapshot and restore; and its admin API.

Apart from `KlingMock`, which only its user holds: so a server that was dropped without a stop is
noticed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import web

from kling_mock.clock import MockClock
from kling_mock.clock.choice import SEEDED_START, check_seed
from kling_mock.controls.loop_proxy import LoopProxy
from kling_mock.kling.world import World
from kling_mock.server.emulator import Emulator
from kling_mock.server.relay import EmbeddedRelay
from kling_mock.web.access import AccessPolicy

if TYPE_CHECKING:
    from kling_mock.admin.api import AdminApi
    from kling_mock.kling.snapshots import Snapshot

__all__ = ["Steering"]


class Steering:
    """Resets a server, keeps and restores its state, and answers its admin API.

    Args:
        clock: The server's clock.
        access: Who may call the admin API.
        has_start: Whether the clock was given a start, to which a reset leads.

    Attributes:
        emulator: The server's emulated Kling; set before anything else is used.
        relay: The server's relay, if it has one.
        proxy: Runs what changes the state on the server's thread; set likewise.
    """

    emulator: Emulator
    proxy: LoopProxy

    def __init__(
        self,
        clock: MockClock,
        access: AccessPolicy,
        *,
        has_start: bool,
    ) -> None:
        self._clock = clock
        self._access = access
        self._has_start = has_start
        self._admin_api: AdminApi | None = None
        self.relay: EmbeddedRelay | None = None

    def reset(self, seed: int | None) -> None:
        """See `KlingMock.reset`."""
        check_seed(seed)

        def work(_: World) -> None:
            if self.relay is not None:
                self.relay.reset()
            self._clock.reset(None if seed is None or self._has_start else SEEDED_START)
            self.emulator.reset(seed)
            self._admin_api = None  # and with it the snapshots that it keeps

        self.proxy.call(work)

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

        self.proxy.call(work)

    # ------------------------------------------------------------ loaded when first used

    async def serve_admin(
        self, request: web.BaseRequest, path: str, query: str
    ) -> web.StreamResponse:
        """Answer a request of the admin API."""
        if self._admin_api is None:
            from kling_mock.admin.api import AdminApi
            from kling_mock.admin.context import AdminContext

            context = AdminContext(self.proxy, self._clock, self.reset, self.snapshot, self.restore)
            self._admin_api = AdminApi(context, self._access)
        return await self._admin_api(request, path, query)

    def health(self) -> bytes:
        """Return what `/health` replies; on the server's thread."""
        from kling_mock.server.health import health_of

        return health_of(self.emulator.world)

    def openapi(self) -> bytes:
        """Return the OpenAPI document."""
        from kling_mock.reference.documents import openapi_bytes

        return openapi_bytes(with_admin=self._access.is_on)

"""The health of a relay, as `/health` and the metrics show it: whether it can serve.

Serving requires writes to the database, so a probe writes a row of this process each second. A
probe that hangs means nothing as long as other writes of this process succeed.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from time import perf_counter
from typing import Any, Final, cast

from kling_mock.clock import MockClock
from kling_mock.relay.domain.breaker import BreakerState
from kling_mock.relay.service.breakers import Breakers
from kling_mock.relay.service.channel_registry import ChannelRegistry
from kling_mock.relay.service.clock_watch import ClockWatch
from kling_mock.relay.service.upstream import Upstream
from kling_mock.relay.storage.errors import StorageError, WaitedInVainError
from kling_mock.relay.storage.sql_storage import Storage
from kling_mock.relay.storage.values import DatabaseNode

#: Seconds from the start of a probe to the start of the next one.
INTERVAL: Final = 1.0
#: Seconds of the limit that are left for the reply: a busy machine takes some of them.
_REPLY: Final = 0.3
#: Seconds that `/health` waits for a probe, or for the channels.
_WAIT: Final = 0.75
#: Seconds for which a change that found no room counts although others succeed: a server puts the
#: row of a process into pages that it has freed, and a create needs more.
_NO_ROOM: Final = 1.5
#: Bytes by which the row of this process grows with one probe, and shrinks with the next: on a full
#: disk, a row that keeps its size can still be written.
_GROWTH: Final = 16_000
#: Bytes that a probe writes after a write has failed: a create writes many.
_PADDING: Final = 60_000


class Health:
    """The known state of the database, the channels and the clocks.

    Args:
        upstream: Knows which keys were refused.
        clock_watch: Knows whether the clocks agree.
        write_limit: Seconds without a write after which the relay cannot serve.
        steady: Seconds of the monotonic clock that the storage goes by.
        sleep: Waits for some seconds of it.
    """

    def __init__(
        self,
        storage: Storage,
        clock: MockClock,
        channels: ChannelRegistry,
        breakers: Breakers,
        upstream: Upstream,
        clock_watch: ClockWatch,
        write_limit: float,
        steady: Callable[[], float] = perf_counter,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._storage = storage
        self._clock = clock
        self._channels = channels
        self._breakers = breakers
        self._upstream = upstream
        self._clock_watch = clock_watch
        self._write_limit = write_limit
        self._steady = steady
        self._sleep = sleep
        self._timer: asyncio.Task[None] | None = None
        self._node = DatabaseNode()
        self._probe: asyncio.Task[None] | None = None
        self._grows = False
        self._probed_at = self._refused_at = float("-inf")
        self._hangs_since: float | None = None
        self._succeeded = steady()
        self._refusal: str | None = None
        self._waited_for = ""

    async def report(self) -> tuple[bool, dict[str, Any]]:
        """Return whether the relay can serve, and what `/health` shows.

        `node`, if present, is the database server in use, and whether it takes writes; `cause` is
        the reason why nothing can be written. Kling is not called: `upstream` is the result of the
        last call. `degraded`, if present, lists the channels that do not take tasks or do not
        answer, with the reasons; `clock`, if present, is the problem of the clocks.
        """
        await self._look()
        cause = self._cause()
        if cause is None:
            await self._read_channels()
        state = "unavailable" if cause else "ok"
        upstream = {None: "unknown", True: "ok", False: "unreachable"}[self._upstream.answered]
        body: dict[str, Any] = {"status": state, "database": state, "upstream": upstream}
        if cause:
            body["cause"] = cause
        if self._node.name:
            body["node"] = {"name": self._node.name, "writable": self._node.problem is None}
        if degraded := self._degraded():
            body["degraded"] = [
                {"channel": channel, "reason": reason} for channel, reason in degraded.items()
            ]
        return cause is None, body | self._clock_watch.health_fields()

    def start(self) -> None:
        """Write each second, so that the last write of an idle relay is not old when one hangs."""
        if self._storage.next_poll_due is None:  # nobody else can keep a database in memory
            self._timer = asyncio.create_task(self._beat())

    def stop(self) -> None:
        """Stop writing."""
        if self._timer is not None:
            self._timer.cancel()
        if self._probe is not None:
            self._probe.cancel()

    def _degraded(self) -> dict[int, str]:
        """Return the channels that do not take tasks or do not answer, and why, as last known."""
        reasons = dict.fromkeys(self._channels.unreadable(), "unreadable")
        in_use = self._channels.in_use()
        for path, state in self._breakers.states().items():
            if state is not BreakerState.CLOSED:
                (number,) = cast("tuple[int]", path)
                if number in in_use:
                    reasons.setdefault(number, "unreachable")
        for number, _ in self._upstream.refused_keys & self._channels.keys_in_use():
            reasons.setdefault(number, "key_refused")
        for number in self._channels.gone():  # also a channel that is no longer in use
            reasons.setdefault(number, "key_gone")
        return dict(sorted(reasons.items()))

    def _cause(self) -> str | None:
        """Return why nothing can be written, as last known; `None` if writing works."""
        if self._refusal is not None and self._last_write <= self._refused_at:
            return self._refusal
        now = self._steady()
        no_room_at = self._storage.no_room_at
        if no_room_at > self._last_write or now - no_room_at < _NO_ROOM:
            return self._storage.no_room
        since = now - self._last_write
        if since < self._write_limit - _REPLY:
            return None
        if self._storage.failed_write > self._last_write:
            return f"all changes have failed for {since:.0f} s"
        if (
            self._hangs_since is None
            or now - self._hangs_since < self._write_limit - _REPLY - INTERVAL
        ):
            return None
        if waits_for := self._storage.waits_for:
            self._waited_for = f"it waits for {waits_for}"
        return f"nothing was written for {since:.0f} s: {self._waited_for or 'other changes wait'}"

    @property
    def _last_write(self) -> float:
        return max(self._succeeded, self._storage.last_write)

    async def _look(self) -> None:
        """Start a probe if it is due, and wait a little for its end."""
        now = self._steady()
        if now - self._probed_at >= INTERVAL:
            self._begin(now)
        if self._probe is not None:
            await asyncio.wait({self._probe}, timeout=max(0.0, self._probed_at + _WAIT - now))

    async def _beat(self) -> None:
        while True:
            self._begin(self._steady())
            await self._sleep(INTERVAL)

    def _begin(self, now: float) -> None:
        """Start a probe, unless one is under way."""
        if self._probe is not None:
            return
        if self._hangs_since is None:
            self._hangs_since = now
        self._probed_at = now
        self._probe = asyncio.create_task(self._write())

    async def _write(self) -> None:
        failed = self._storage.failed_write > self._last_write or self._refusal is not None
        self._grows = not self._grows
        length = _PADDING if failed else _GROWTH * self._grows
        padding = os.urandom(length // 2).hex()
        now = int(self._clock.now())
        try:
            self._node = await self._storage.probe(now=now, padding=padding)
        except WaitedInVainError as error:
            self._refusal, self._waited_for = None, str(error)
        except StorageError as error:
            self._refusal, self._hangs_since = str(error), None
        else:
            self._refusal, self._hangs_since = self._node.problem, None
            if self._refusal is None:
                self._succeeded, self._waited_for = self._steady(), ""
        finally:
            self._refused_at = self._steady()
            self._probe = None

    async def _read_channels(self) -> None:
        try:
            async with asyncio.timeout(_WAIT):
                await self._channels.refresh()
        except (StorageError, TimeoutError):
            pass

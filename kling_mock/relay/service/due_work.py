"""Work that is due in the store, started in shares: no owner's backlog delays another owner."""

from __future__ import annotations

import logging
import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Final, Generic, TypeVar

from kling_mock.clock import MockClock
from kling_mock.relay.domain.shares import Path, Shares
from kling_mock.relay.service.breakers import Breakers
from kling_mock.relay.service.scheduler import Scheduler

D = TypeVar("D")
W = TypeVar("W")

_log: Final = logging.getLogger("kling_mock.relay")

_PAGE: Final = 250  # rows that one statement reads
_PAGES: Final = 4  # pages that one run reads, so that capacity that becomes free is used
START: Final = (0, 0)


class DueWork(ABC, Generic[D, W]):
    """Looks through the due work, and starts as much as there is room for.

    A run looks at the most urgent work first, and then continues where the last run has stopped.
    So each run is short, and work behind a long backlog is still found.

    Args:
        clock: The time; it also runs the work.
        scheduler: Runs `run`.
        shares: How much work of each owner may be under way.
        breakers: The owners that are left alone for a while.
    """

    def __init__(
        self, clock: MockClock, scheduler: Scheduler, shares: Shares, breakers: Breakers
    ) -> None:
        self._clock = clock
        self._scheduler = scheduler
        self._shares = shares
        self._breakers = breakers
        self._resume = START
        self._left_some = False

    async def run(self) -> None:
        """Start due work as far as there is room, without waiting for its end."""
        self._left_some = self._shares.is_full
        if self._left_some:
            return
        now = self._now()
        position = START
        for _ in range(_PAGES):
            page = await self._page(now, position, _PAGE)
            await self._take(page, now)
            if len(page) < _PAGE:
                self._resume = START
                return
            if self._shares.is_full:
                self._left_some = True
                return
            last = self._position_of(page[-1])
            position = max(last, self._resume) if position == START else last
        self._resume = position
        self._scheduler.run_now()

    @abstractmethod
    async def _page(self, now: int, after: tuple[int, int], limit: int) -> Sequence[D]:
        """Return the due work after a position, in order."""

    @abstractmethod
    def _position_of(self, due: D) -> tuple[int, int]:
        """Return the position of a piece of work."""

    @abstractmethod
    def _path_of(self, due: D) -> Path:
        """Return the owners of *due*, for the shares; a breaker protects the whole path."""

    @abstractmethod
    async def _claim(self, chosen: Sequence[D], now: int) -> Sequence[W | None]:
        """Lease the chosen work; `None` stands for work that another process has taken."""

    @abstractmethod
    async def _put_off(self, due: Sequence[D], at: int, now: int) -> None:
        """Make some work due again at *at*."""

    @abstractmethod
    async def _do(self, work: W) -> None:
        """Do one piece of work."""

    def _is_last_call(self, due: D, now: int) -> bool:
        """Return whether *due* must be done now, even if its owner is left alone."""
        del due, now
        return False

    async def _take(self, page: Sequence[D], now: int) -> None:
        waiting = await self._without_broken(page, now)
        chosen = self._shares.choose(waiting, self._path_of)
        self._left_some |= len(chosen) < len(waiting)
        if not chosen:
            return
        handled = 0
        try:
            for due, work in zip(chosen, await self._claim(chosen, now), strict=True):
                handled += 1
                if work is None:
                    self._shares.end(self._path_of(due))
                else:
                    self._clock.spawn(self._guarded(self._path_of(due), work))
        finally:
            for due in chosen[handled:]:
                self._shares.end(self._path_of(due))

    async def _without_broken(self, page: Sequence[D], now: int) -> list[D]:
        """Return the work whose owners are not left alone, and put off the rest.

        An owner whose pause is over keeps one piece of work, as a probe.
        """
        ready: list[D] = []
        put_off: dict[Path, list[D]] = {}
        probed: set[Path] = set()
        for due in page:
            path = self._path_of(due)
            if self._breakers.is_closed(path) or self._is_last_call(due, now):
                ready.append(due)
            elif self._breakers.is_pausing(path):
                put_off.setdefault(path, []).append(due)
            elif self._may_probe(path) and path not in probed:
                probed.add(path)
                ready.append(due)
            else:  # a probe is under way, and its result is known soon
                self._left_some = True
        for path, them in put_off.items():
            at = max(now + 1, math.ceil(self._clock.now() + self._breakers.wait(path)))
            await self._put_off(them, at, now)
            self._scheduler.schedule(at)
        return ready

    def _may_probe(self, path: Path) -> bool:
        return self._breakers.is_admitted(path) and not self._shares.under_way(path)

    async def _guarded(self, path: Path, work: W) -> None:
        try:
            await self._do(work)
        except Exception:  # noqa: BLE001 - one broken piece must not keep others waiting
            _log.exception("kling relay error: work that was due has failed")
        finally:
            self._shares.end(path)
            if self._left_some:
                self._scheduler.run_now()

    def _now(self) -> int:
        return int(self._clock.now())

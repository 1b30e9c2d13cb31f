"""Work that is due in the store, begun in shares: nobody's backlog delays anybody else's."""

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

__all__ = ["DueWork"]

D = TypeVar("D")
W = TypeVar("W")

_log: Final = logging.getLogger("kling_mock.relay")

_PAGE: Final = 250  # what is looked at in one statement
_PAGES: Final = 4  # what one run looks at, so that what has been freed meanwhile is used
_START: Final = (0, 0)


class DueWork(ABC, Generic[D, W]):
    """Looks through what is due, and begins what there is room for.

    A run looks at the beginning, where the most urgent is, and then goes on where the last one
    has stopped. So each run is short, and what is behind a long backlog is found all the same.

    Args:
        clock: The time, and what runs the work.
        scheduler: Runs `run`.
        shares: How much may be under way, of whom.
        breakers: Who is left alone for a while.
    """

    def __init__(
        self, clock: MockClock, scheduler: Scheduler, shares: Shares, breakers: Breakers
    ) -> None:
        self._clock = clock
        self._scheduler = scheduler
        self._shares = shares
        self._breakers = breakers
        self._resume = _START
        self._left_some = False

    async def run(self) -> None:
        """Begin what is due and has room, without waiting for its end."""
        self._left_some = self._shares.is_full
        if self._left_some:
            return
        now = self._now()
        position = _START
        for _ in range(_PAGES):
            page = await self._page(now, position, _PAGE)
            await self._take(page, now)
            if len(page) < _PAGE:
                self._resume = _START
                return
            if self._shares.is_full:
                self._left_some = True
                return
            last = self._position_of(page[-1])
            position = max(last, self._resume) if position == _START else last
        self._resume = position
        self._scheduler.run_now()

    @abstractmethod
    async def _page(self, now: int, after: tuple[int, int], limit: int) -> Sequence[D]:
        """Return what is due after a position, in order."""

    @abstractmethod
    def _position_of(self, due: D) -> tuple[int, int]:
        """Return the position of one."""

    @abstractmethod
    def _path_of(self, due: D) -> Path:
        """Return to whom it belongs, for the shares; all of it is what a breaker protects."""

    @abstractmethod
    async def _claim(self, chosen: Sequence[D], now: int) -> Sequence[W | None]:
        """Lease what was chosen; `None` for what somebody else has taken meanwhile."""

    @abstractmethod
    async def _put_off(self, due: Sequence[D], at: int, now: int) -> None:
        """Have some be due again at *at*."""

    @abstractmethod
    async def _do(self, work: W) -> None:
        """Do one piece of work."""

    def _is_last_call(self, due: D, now: int) -> bool:
        """Return whether it must be done now, whoever is left alone."""
        del due, now
        return False

    async def _take(self, page: Sequence[D], now: int) -> None:
        waiting = await self._without_broken(page, now)
        chosen = self._shares.choose(waiting, self._path_of)
        self._left_some |= len(chosen) < len(waiting)
        if not chosen:
            return
        begun = 0
        try:
            for due, work in zip(chosen, await self._claim(chosen, now), strict=True):
                begun += 1
                if work is None:
                    self._shares.end(self._path_of(due))
                else:
                    self._clock.spawn(self._guarded(self._path_of(due), work))
        finally:
            for due in chosen[begun:]:
                self._shares.end(self._path_of(due))

    async def _without_broken(self, page: Sequence[D], now: int) -> list[D]:
        """Return what is not for somebody who is left alone, and put off the rest.

        Of somebody whose pause is over one is left, as a probe.
        """
        kept: list[D] = []
        put_off: dict[Path, list[D]] = {}
        probed: set[Path] = set()
        for due in page:
            path = self._path_of(due)
            if self._breakers.is_closed(path) or self._is_last_call(due, now):
                kept.append(due)
            elif self._breakers.is_pausing(path):
                put_off.setdefault(path, []).append(due)
            elif self._may_probe(path) and path not in probed:
                probed.add(path)
                kept.append(due)
            else:  # a probe is under way, and soon it is known
                self._left_some = True
        for path, them in put_off.items():
            at = max(now + 1, math.ceil(self._clock.now() + self._breakers.wait(path)))
            await self._put_off(them, at, now)
            self._scheduler.schedule(at)
        return kept

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

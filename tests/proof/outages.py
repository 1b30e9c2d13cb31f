"""Callers who do not stop while a database's servers die, and what they saw."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections import Counter
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import asynccontextmanager
from itertools import pairwise
from typing import Any, Final, Self

import attrs

from tests.proof.checker import Verdict, audit
from tests.proof.relay_processes import Fleet, User, Video

__all__ = ["Found", "Load", "Outage", "Reply"]


#: Seconds of the relays' clock in which they find out whether Kling has a task.
PATIENCE: Final = 1000


@attrs.frozen
class Reply:
    """What a caller was answered.

    Attributes:
        at: When, in seconds of the monotonic clock.
        refusal: The HTTP status and the error's code; empty if it was not refused.
        took: How long it took, in seconds.
    """

    at: float
    refusal: str
    took: float


@attrs.frozen
class Outage:
    """What callers saw after an accident.

    Attributes:
        seconds: The longest time in which nobody was served.
        slowest: The longest that one caller waited for an answer, in seconds.
        refused: How many replies refused, by HTTP status and code.
    """

    seconds: float
    slowest: float
    refused: Counter[str]

    @classmethod
    def of(cls, replies: Sequence[Reply], start: float, end: float) -> Outage:
        """Return what was seen between two times; at the start someone was served."""
        seen = [one for one in replies if start <= one.at <= end]
        served = [start, *(one.at for one in seen if not one.refusal), end]
        return cls(
            max(later - earlier for earlier, later in pairwise(served)),
            max(one.took for one in seen),
            Counter(one.refusal for one in seen if one.refusal),
        )


@attrs.frozen
class Found:
    """What was left when all was over.

    Attributes:
        promised: Videos that callers were told they have.
        failed: How many of these were told later to have failed: the relay's server died before
            the create was sent.
        lost: How many others have no task at Kling.
        doubled: Tasks at Kling that are nobody's.
        rows: Rows of `videos` that are not one of them.
        unexplained: Findings of `reconcile`.
        verdict: What was charged.
    """

    promised: int
    failed: int
    lost: int
    doubled: int
    rows: int
    unexplained: int
    verdict: Verdict

    @property
    def is_right(self) -> bool:
        verdict = self.verdict
        money = (verdict.extra, verdict.lost, verdict.open, len(verdict.wrong))
        return not any((self.lost, self.doubled, self.rows, self.unexplained, *money))

    def __str__(self) -> str:
        return (
            f"{self.promised} videos, {self.failed} failed, lost {self.lost}, "
            f"doubled {self.doubled}, rows too many {self.rows}, "
            f"unexplained {self.unexplained}; {self.verdict}, open {self.verdict.open}"
        )


class Load:
    """Callers that create videos and let Kling report their ends. An async context manager.

    Each repeats what was not answered with 200, under the same `external_task_id`, until it is:
    as the SDK does, without its pauses.

    Args:
        relays: Whom they call.
        callers: How many.

    Attributes:
        replies: What they were answered, in the order of time.
        promised: Videos that they were told they have, with Kling's ids.
    """

    def __init__(self, relays: Fleet, callers: int) -> None:
        self._relays = relays
        self._callers = callers
        self._users: list[User] = []
        self.promised: list[Video] = []
        self._unknown: list[Video] = []
        self._ended = False
        self._runs = asyncio.Event()
        self._runs.set()
        self._replied = asyncio.Condition()
        self._tasks: list[asyncio.Task[None]] = []
        self.replies: list[Reply] = []

    async def __aenter__(self) -> Self:
        self._users = [await self._relays.add_user(10**6) for _ in range(self._callers)]
        self._tasks = [asyncio.create_task(self._call(user)) for user in self._users]
        return self

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._ended = True
        if kind is not None:  # they may wait for a database that does not come back
            for task in self._tasks:
                task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=kind is not None)

    @asynccontextmanager
    async def paused(self) -> AsyncIterator[None]:
        """Make no calls meanwhile: a server that has much to catch up on would not end."""
        self._runs.clear()
        yield
        self._runs.set()

    async def until(self, at: float) -> None:
        """Go on until a time of the monotonic clock, and until someone was served after it."""
        async with self._replied:
            await self._replied.wait_for(lambda: self._served_after(at))

    async def lasts(self, at: float) -> None:
        """Go on until a time of the monotonic clock, served or not; end if a caller breaks."""
        await asyncio.wait(
            self._tasks,
            timeout=max(0.0, at - time.monotonic()),
            return_when=asyncio.FIRST_COMPLETED,
        )

    def _served_after(self, at: float) -> bool:
        for one in reversed(self.replies):
            if one.at < at:
                return False
            if not one.refusal:
                return True
        return False

    async def found(self) -> Found:
        """Wait for the end of all tasks, and compare what there is with what callers were told."""
        relays = self._relays
        known = await asyncio.gather(*map(self._identified, self._unknown))
        videos = self.promised + known
        await relays.settled(videos)
        at_kling = Counter(relays.kling_task_ids())
        told = {video.kling_task_id for video in videos if video.kling_task_id}
        ((rows,),) = await relays.database.query("SELECT COUNT(*) FROM videos")
        reconciled = await relays.operate("GET", "reconcile")
        return Found(
            len(videos),
            failed=sum(not video.kling_task_id for video in known),
            lost=len(told - set(at_kling)),
            doubled=len(set(at_kling) - told),
            rows=int(rows) - len(videos),
            unexplained=sum(not row["is_explained"] for row in reconciled["data"]),
            verdict=await audit(relays, self._users, videos),
        )

    async def _call(self, user: User) -> None:
        while not self._ended:
            video = await self._created(user)
            if video.kling_task_id:
                self.promised.append(video)
                await self._end(video)
            else:
                self._unknown.append(video)

    async def _created(self, user: User) -> Video:
        """Create a video, whatever it takes."""
        external_id = f"order-{secrets.token_hex(8)}"
        while True:
            shown = await self._timed(self._relays.create(user, external_task_id=external_id))
            if shown:
                return Video(shown["task_id"], shown["kling_task_id"], user)

    async def _end(self, video: Video) -> None:
        self._relays.kling.complete(video.kling_task_id)
        while not await self._timed(self._relays.send_callback(video)):
            pass

    async def _identified(self, video: Video) -> Video:
        """Query a task of which it was not known whether Kling has it, until it is."""
        until = self._relays.kling.clock.now() + PATIENCE
        while self._relays.kling.clock.now() < until:
            shown = await self._relays.look(video)
            if shown["kling_task_id"]:
                known = attrs.evolve(video, kling_task_id=shown["kling_task_id"])
                await self._end(known)
                return known
            if shown["status"] == "failed":
                return video
        raise AssertionError(f"{video.task_id} is still unknown after {PATIENCE} s")

    async def _timed(self, call: Coroutine[Any, Any, tuple[int, Any]]) -> Any:
        """Make a call; return what it was answered if that was 200, else `None`."""
        await self._runs.wait()
        before = time.monotonic()
        status, shown = await call
        now = time.monotonic()
        refusal = "" if status == 200 else f"{status} {shown['error']['code']}"
        self.replies.append(Reply(now, refusal, now - before))
        async with self._replied:
            self._replied.notify_all()
        return shown if status == 200 else None

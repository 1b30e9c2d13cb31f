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

#: Seconds of the relays' clock in which they find out whether Kling has a task.
PATIENCE: Final = 1000


@attrs.frozen
class Reply:
    """A reply to a caller.

    Attributes:
        at: When, in seconds of the monotonic clock.
        refusal: The HTTP status and the error's code; empty if it was not refused.
        took: How long it took, in seconds.
        user: Whose call it was.
    """

    at: float
    refusal: str
    took: float
    user: int = 0


@attrs.frozen
class Outage:
    """The callers' view of an accident.

    Attributes:
        seconds: The maximum time in which no caller was served.
        slowest: The maximum wait of a caller for an answer, in seconds.
        refused: The number of refusals, by HTTP status and code.
    """

    seconds: float
    slowest: float
    refused: Counter[str]

    @classmethod
    def of(cls, replies: Sequence[Reply], start: float, end: float) -> Outage:
        """Return what was seen between two times; at the start someone was served."""
        seen = [reply for reply in replies if start <= reply.at <= end]
        served = [start, *(reply.at for reply in seen if not reply.refusal), end]
        return cls(
            max(later - earlier for earlier, later in pairwise(served)),
            max((reply.took for reply in seen), default=end - start),
            Counter(reply.refusal for reply in seen if reply.refusal),
        )


@attrs.frozen
class Found:
    """The findings after everything has ended.

    Attributes:
        promised: Videos that callers were told they have.
        failed: How many of these were told later to have failed: the relay's server died before
            the create was sent.
        lost: How many others have no task at Kling.
        doubled: Tasks at Kling without an owner.
        rows: Rows of `videos` that belong to none of them.
        unexplained: Findings of `reconcile`.
        verdict: What was charged.
        unsent: Further rows: of creates that never reached Kling, and were repeated.
    """

    promised: int
    failed: int
    lost: int
    doubled: int
    rows: int
    unexplained: int
    verdict: Verdict
    unsent: int = 0

    @property
    def is_right(self) -> bool:
        verdict = self.verdict
        money = (verdict.extra, verdict.lost, verdict.open, len(verdict.wrong))
        return not any((self.lost, self.doubled, self.rows, self.unexplained, *money))

    def __str__(self) -> str:
        return (
            f"{self.promised} videos, {self.failed} failed, lost {self.lost}, "
            f"doubled {self.doubled}, rows too many {self.rows}, unsent {self.unsent}, "
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
        """Continue until a time of the monotonic clock, and until a caller was served after it."""
        async with self._replied:
            await self._replied.wait_for(lambda: self._served_after(at))

    async def lasts(self, at: float) -> None:
        """Continue until a time of the monotonic clock, served or not; end if a caller breaks."""
        await asyncio.wait(
            self._tasks,
            timeout=max(0.0, at - time.monotonic()),
            return_when=asyncio.FIRST_COMPLETED,
        )

    def _served_after(self, at: float) -> bool:
        for reply in reversed(self.replies):
            if reply.at < at:
                return False
            if not reply.refusal:
                return True
        return False

    async def tally(self) -> Found:
        """Wait for the end of all tasks, and compare them with what callers were told."""
        relays = self._relays
        known = await asyncio.gather(*map(self._identified, self._unknown))
        videos = self.promised + known
        await relays.settled(videos)
        at_kling = Counter(relays.kling_task_ids())
        promised_ids = {video.kling_task_id for video in videos if video.kling_task_id}
        ((rows,),) = await relays.database.query("SELECT COUNT(*) FROM videos")
        unsent = await self._count_unsent(videos)
        reconciled = await relays.operate("GET", "reconcile")
        return Found(
            len(videos),
            failed=sum(not video.kling_task_id for video in known),
            lost=len(promised_ids - set(at_kling)),
            doubled=len(set(at_kling) - promised_ids),
            rows=int(rows) - len(videos) - unsent,
            unexplained=sum(not row["is_explained"] for row in reconciled["data"]),
            verdict=await audit(relays, self._users, videos),
            unsent=unsent,
        )

    async def _count_unsent(self, videos: Sequence[Video]) -> int:
        """Count the rows that repeats of creates leave rightly, besides those of *videos*."""
        del videos
        return 0  # a repeat comes at once, before it is known that the first never reached Kling

    async def _call(self, user: User) -> None:
        while not self._ended:
            video = await self._created(user)
            if video.kling_task_id:
                self.promised.append(video)
                await self._end(video)
            else:
                self._unknown.append(video)

    async def _created(self, user: User) -> Video:
        """Create a video, with as many repeats as needed."""
        external_id = f"order-{secrets.token_hex(8)}"
        while True:
            task = await self._timed(user, self._relays.create(user, external_task_id=external_id))
            if task:
                return Video(task["task_id"], task["kling_task_id"], user)

    async def _end(self, video: Video) -> None:
        self._relays.kling.complete(video.kling_task_id)
        while not await self._timed(video.user, self._relays.send_callback(video)):
            pass

    async def _identified(self, video: Video) -> Video:
        """Query a task of which it was not known whether Kling has it, until it is."""
        until = self._relays.kling.clock.now() + PATIENCE
        while self._relays.kling.clock.now() < until:
            task = await self._relays.look(video)
            if task["kling_task_id"]:
                known = attrs.evolve(video, kling_task_id=task["kling_task_id"])
                await self._end(known)
                return known
            if task["status"] == "failed":
                return video
        raise AssertionError(f"{video.task_id} is still unknown after {PATIENCE} s")

    async def _timed(self, user: User, call: Coroutine[Any, Any, tuple[int, Any]]) -> Any:
        """Make a call; return its response if that was 200, else `None`."""
        await self._runs.wait()
        before = time.monotonic()
        status, payload = await call
        now = time.monotonic()
        refusal = "" if status == 200 else f"{status} {payload['error']['code']}"
        self.replies.append(Reply(now, refusal, now - before, user.id))
        async with self._replied:
            self._replied.notify_all()
        return payload if status == 200 else None

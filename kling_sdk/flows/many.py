"""Many tasks at once: created as slots allow, watched together, handed out as they end.

One flow decides. Each create is a child flow, and so is each look at the open tasks, so none
waits for another. A slot is held from the start of a create to the end of its task; a create that
is refused with 1303 goes back to the queue, under the same external id.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import AsyncIterable, AsyncIterator, Callable, Collection, Iterable, Iterator
from decimal import Decimal
from typing import Any, Final

import attrs

from kling_sdk.endpoints.base import Request
from kling_sdk.errors import (
    AccountError,
    AuthenticationError,
    ConcurrencyLimitError,
    IPNotAllowedError,
    KlingError,
    NotCreatedError,
    OutcomeUnknownError,
)
from kling_sdk.flows.context import Context
from kling_sdk.flows.core import reason
from kling_sdk.flows.create import create, new_external_id
from kling_sdk.flows.effects import NO_ITEM, Emit, Ended, Flow, Next, Spawn, Take
from kling_sdk.flows.interrupted import interrupted, open_tasks, unanswered
from kling_sdk.flows.slots import Slots
from kling_sdk.flows.tasks import is_complete, note_change, record_of
from kling_sdk.flows.watch import Watch
from kling_sdk.results import Outcome, Task

__all__ = ["READ_AHEAD", "RunLimits", "run_many", "wait_many"]

#: No request is taken while more outcomes than this wait for a slow caller.
READ_AHEAD: Final = 8
#: A refusal for one of these would meet every other request of the account, too.
_FOR_ALL: Final = (AccountError, AuthenticationError, IPNotAllowedError)
_LOOK, _INPUT = "look", "input"  # children that are no creates
_GRAIN: Final = 0.001  # s: a clock may not be able to move by what rounding has left over


@attrs.frozen
class RunLimits:
    """What bounds a `run_many`.

    Attributes:
        max_concurrent: Most open tasks, or None to learn it from the server's 1303.
        timeout: Seconds the whole call may take, or None.
        max_units: Most units that its requests may cost together, or None.
        cost_of: Returns what a request costs, in units; needed with *max_units*. It raises a
            `KlingError` for a request whose cost is not known.
    """

    max_concurrent: int | None = None
    timeout: float | None = None
    max_units: Decimal | None = None
    cost_of: Callable[[Request], Decimal] | None = None


def run_many(
    ctx: Context, requests: Iterable[Request] | AsyncIterable[Request], limits: RunLimits
) -> Flow[None]:
    """Create a task per request, and emit an `Outcome` for each as it ends.

    Args:
        ctx: Where, who, when; `wait_seconds` bounds each task's wait, and how long
            requests queue for a slot while no task is created and none ends.
        requests: What to create. A request is taken when there is a slot for it, and no more
            than a few outcomes wait for the caller.
        limits: What bounds the call.
    """
    return _Batch(ctx, _Input.of(requests), limits).run()


def wait_many(ctx: Context, tasks: Iterable[Task | str]) -> Flow[None]:
    """Emit an `Outcome` for each task as it ends; `wait_seconds` bounds the wait.

    Args:
        ctx: Where, who, when.
        tasks: Tasks, or their task ids or external ids.
    """
    batch = _Batch(ctx, _Input.of(()), RunLimits())
    for index, task in enumerate(tasks):
        record = record_of(task) if isinstance(task, Task) else None
        batch.watch.add(index, task, ctx.wait_seconds(record))
    return batch.run()


@attrs.define(eq=False)
class _Input:
    """The requests that were not taken yet.

    Attributes:
        items: What is left of them.
        is_sized: Whether all of them are at hand. Others are not taken only to be refused.
        is_over: Whether there are no more.
    """

    items: Iterator[Any] | AsyncIterator[Any]
    is_sized: bool
    is_over: bool = attrs.field(default=False, init=False)
    _count: int = attrs.field(default=0, init=False)

    @classmethod
    def of(cls, requests: Iterable[Request] | AsyncIterable[Request]) -> _Input:
        if isinstance(requests, AsyncIterable):
            return cls(aiter(requests), is_sized=False)
        return cls(iter(requests), isinstance(requests, Collection))

    def take(self) -> _Job | None:
        """Return the next request, or None when there are no more."""
        assert isinstance(self.items, Iterator)  # noqa: S101 - others are read by a child
        return self.taken(next(self.items, NO_ITEM))

    def taken(self, item: object) -> _Job | None:
        """Return what came of the items as a job, or None at their end.

        Raises:
            TypeError: it is no request.
        """
        if item is NO_ITEM:
            self.is_over = True
            return None
        if not isinstance(item, Request):
            raise TypeError(f"run_many takes Request objects, not a {type(item).__name__}")
        self._count += 1
        return _Job(self._count - 1, item)


@attrs.define(order=False, eq=False)
class _Job:
    """A request on its way to a task.

    Attributes:
        index: Its place in the input.
        request: The request.
        external_id: The id that it keeps over all its attempts; "" before the first one.
        cost: Units that are set aside for it.
        started: When its create began, in monotonic time.
        is_try: Whether the create only tries if a slot is free.
    """

    index: int
    request: Request
    external_id: str = ""
    cost: Decimal = Decimal(0)
    started: float = 0.0
    is_try: bool = False

    def __lt__(self, other: _Job) -> bool:
        return self.index < other.index


@attrs.define(eq=False)
class _Batch:
    ctx: Context
    source: _Input
    limits: RunLimits
    watch: Watch = attrs.field(init=False)
    slots: Slots = attrs.field(init=False)
    until: float = attrs.field(init=False)
    #: Taken and not created: refused for want of a slot, or read ahead.
    queue: list[_Job] = attrs.field(factory=list, init=False)
    creating: set[_Job] = attrs.field(factory=set, init=False)
    is_reading: bool = attrs.field(default=False, init=False)
    spent: Decimal = attrs.field(default=Decimal(0), init=False)
    #: When a task was created or ended last.
    moved_at: float = attrs.field(init=False)
    #: Why no more is created, or None.
    stopped: str | None = attrs.field(default=None, init=False)
    cause: KlingError | None = attrs.field(default=None, init=False)
    #: Whether the next request waits for units that a create in flight may give back.
    is_short: bool = attrs.field(default=False, init=False)

    def __attrs_post_init__(self) -> None:
        self.watch, self.slots = Watch(self.ctx), Slots(self.limits.max_concurrent)
        self.moved_at = self.ctx.monotonic()
        timeout = self.limits.timeout
        self.until = math.inf if timeout is None else self.moved_at + timeout

    def run(self) -> Flow[None]:
        try:
            yield from self._run()
        except BaseException as error:  # the caller is cancelled, or left its loop
            interrupted(error, open_tasks(self.watch.tasks()))
            interrupted(error, unanswered(job.external_id for job in sorted(self.creating)))
            raise

    def _run(self) -> Flow[None]:
        while True:
            self._check_limits()
            yield from self._start()
            outcome, is_over = self._next_outcome(), False
            pause: float | None = 0.0
            if outcome is not None:
                now = self.ctx.monotonic()
                yield Emit(outcome)
                self.moved_at += self.ctx.monotonic() - now  # nothing could move meanwhile
            elif not (is_over := self._is_over()):
                pause = self._pause()
            ended = yield Next(pause)
            if ended is not None:
                self._ended(ended)
            elif is_over:
                return

    def _is_over(self) -> bool:
        is_read = self.source.is_over or self.stopped is not None
        return is_read and not (self.queue or self.creating or self.watch)

    # ------------------------------------------------------------ what to start

    def _start(self) -> Flow[None]:
        """Start creates while there are slots for them, and a look when one is due."""
        while self.stopped is None and not self.is_short:
            now = self.ctx.monotonic()
            if now < min(self._opens_at(), self._queue_until()):
                break
            if not self.queue and len(self.watch.ended) <= READ_AHEAD:
                yield from self._read()
            if not self.queue or not self._can_pay(self.queue[0]):
                break
            job = heapq.heappop(self.queue)
            job.external_id = (
                job.external_id or job.request.external_task_id or new_external_id(self.ctx)
            )
            job.started, job.is_try = now, self.slots.started(now)
            self.spent += job.cost
            self.creating.add(job)
            yield Spawn(job, self._create(job))
        if self.ctx.monotonic() >= self.watch.next_look():
            yield Spawn(_LOOK, self.watch.look())

    def _read(self) -> Flow[None]:
        """Put the next request into the queue, or start to read it."""
        if self.source.is_over:
            return
        if isinstance(self.source.items, Iterator):
            self._queue(self.source.take())
        elif not self.is_reading:
            self.is_reading = True
            yield Spawn(_INPUT, _take(self.source.items))

    def _queue(self, job: _Job | None) -> None:
        if job is not None and self.stopped is not None:
            self._fail(job, self._refusal())
        elif job is not None:
            heapq.heappush(self.queue, job)

    def _create(self, job: _Job) -> Flow[Task]:
        ctx, options = self.ctx, self.ctx.options
        left = max(0.0, self.until - ctx.monotonic())
        options = attrs.evolve(options, create_deadline=min(options.create_deadline, left))
        ctx = attrs.evolve(ctx, options=options)
        return create(ctx, job.request, external_id=job.external_id, wait_for_slot=False)

    def _can_pay(self, job: _Job) -> bool:
        """Return whether the units for *job* can be set aside; if they never can, end or stop."""
        if self.limits.max_units is None or self.limits.cost_of is None:
            return True
        try:
            job.cost = self.limits.cost_of(job.request)
        except KlingError as error:
            heapq.heappop(self.queue)
            self._fail(job, error)
            return False
        if self.spent + job.cost <= self.limits.max_units:
            return True
        self.is_short = bool(self.creating)  # a create that is refused gives its units back
        if not self.is_short:
            self._stop(
                f"request {job.index} costs {job.cost} units, and {self.spent} of "
                f"max_units={self.limits.max_units} are used"
            )
        return False

    # ------------------------------------------------------------ what has ended

    def _ended(self, child: Ended) -> None:
        job = child.key
        is_create = isinstance(job, _Job)
        if child.error is not None and not (is_create and isinstance(child.error, KlingError)):
            raise child.error  # what it was creating is still named
        if isinstance(job, _Job):
            self.creating.discard(job)
            self.is_short = False
            if child.error is not None:
                self._not_created(job, child.error)
            else:
                self._created(job, child.value)
        elif job == _INPUT:
            self.is_reading = False
            self._queue(self.source.taken(child.value))
        elif ended := self.watch.looked(child.value):
            self.moved_at = self.ctx.monotonic()
            for _ in range(ended):
                self.slots.ended()

    def _created(self, job: _Job, task: Task) -> None:
        now = self.moved_at = self.ctx.monotonic()
        self.slots.accepted(was_try=job.is_try)
        note_change(self.ctx, None, task)
        record, prompts = job.request.record, job.request.prompts()
        seconds = max(0.0, min(self.ctx.wait_seconds(record), self.until - now))
        self.watch.add(job.index, task, seconds, record=record, private=prompts)
        if is_complete(task):  # made by an earlier create under the same id
            self.slots.ended()

    def _not_created(self, job: _Job, error: KlingError) -> None:
        if not isinstance(error, OutcomeUnknownError):
            self.spent -= job.cost
        if isinstance(error, ConcurrencyLimitError):
            self.slots.refused(self.ctx.monotonic(), error.retry_after)
            heapq.heappush(self.queue, job)
            seconds = self.ctx.wait_seconds(job.request.record)
            if self.stopped is not None or job.started >= self.moved_at + seconds:
                self._stop(f"no slot became free within {seconds:g} s", error)
            return
        self._fail(job, error)
        if isinstance(error, _FOR_ALL):
            self._stop(f"an earlier request was refused: {reason(error)}", error)

    # ------------------------------------------------------------ ending early

    def _check_limits(self) -> None:
        if self.ctx.cancelled():
            self.watch.cancel()
            self._stop("the call was cancelled")
        if self.ctx.monotonic() >= self.until:
            self._stop(f"the timeout of {self.limits.timeout:g} s was over")

    def _stop(self, why: str, cause: KlingError | None = None) -> None:
        """Create nothing from now on."""
        if self.stopped is None:
            self.stopped, self.cause = why, cause
        for job in sorted(self.queue):
            self._fail(job, self._refusal())
        self.queue.clear()

    def _refusal(self) -> NotCreatedError:
        error = NotCreatedError(f"nothing was created for this request: {self.stopped}")
        error.__cause__ = self.cause
        return error

    def _fail(self, job: _Job, error: KlingError) -> None:
        self.watch.ended.append(Outcome(job.index, None, error))

    def _next_outcome(self) -> Outcome | None:
        if self.watch.ended:
            return self.watch.ended.popleft()
        if self.stopped is not None and self.source.is_sized and not self.source.is_over:
            job = self.source.take()
            return None if job is None else Outcome(job.index, None, self._refusal())
        return None

    # ------------------------------------------------------------ when to go on

    def _opens_at(self) -> float:
        return self.slots.opens_at(len(self.watch), len(self.creating))

    def _queue_until(self) -> float:
        """Return when what is queued is tried for the last time; infinite while tasks are open."""
        if not self.queue or self.watch or self.creating:
            return math.inf
        return self.moved_at + self.ctx.wait_seconds(self.queue[0].request.record)

    def _pause(self) -> float | None:
        """Return the seconds until there is something to do, or None to wait for a child."""
        times = [self.watch.next_look()]
        if self.stopped is None:
            times.append(self.until)
            is_unread = not self.source.is_over and not self.is_reading
            if (self.queue or is_unread) and not self.is_short:
                times += [self._opens_at(), self._queue_until()]
        soonest = min(times)
        left = soonest - self.ctx.monotonic()
        return None if left == math.inf else max(_GRAIN, left) if left > 0 else 0.0


def _take(source: AsyncIterator[Any]) -> Flow[Any]:
    return (yield Take(source))

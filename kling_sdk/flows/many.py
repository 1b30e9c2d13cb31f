"""Many tasks at once: created as slots allow, watched together, handed out as they end.

One flow decides. Each create is a child flow, and so is each look at the open tasks, so none
waits for another. A slot is held from the start of a create to the end of its task; a create that
is refused with 1303 goes back to the queue, under the same external id.
"""

from __future__ import annotations

import heapq
import math
from collections import deque
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Iterator
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
    NotFoundError,
    OutcomeUnknownError,
)
from kling_sdk.flows.batch_input import BatchInput, BatchJob, Requests
from kling_sdk.flows.context import Context
from kling_sdk.flows.core import reason
from kling_sdk.flows.create import create, find, new_external_id
from kling_sdk.flows.effects import Emit, Ended, Flow, Next, Spawn, Take
from kling_sdk.flows.interrupted import interrupted, open_tasks, unanswered
from kling_sdk.flows.slots import AT_ONCE, Slots
from kling_sdk.flows.spending import Reservation, Spending
from kling_sdk.flows.tasks import is_complete, note_change, record_of
from kling_sdk.flows.watch import Watch
from kling_sdk.results.task import Outcome, Task

#: No request is taken while more outcomes than this wait for a slow caller.
READ_AHEAD: Final = 8
#: A refusal for one of these reasons would meet every other request of the account, too.
_FOR_ALL: Final = (AccountError, AuthenticationError, IPNotAllowedError)
_LOOK, _INPUT = "look", "input"  # keys of children that are not creates
_GRAIN: Final = 0.001  # s: a clock may be unable to move by a rounding remainder


@attrs.frozen
class RunLimits:
    """The limits of a `run_many`.

    Attributes:
        max_concurrent: Maximum number of open tasks, or None to learn it from the server's 1303.
        timeout: Seconds the whole call may take, or None.
        max_units: Maximum units that its requests may cost together, or None.
        cost_of: Returns what a request costs, in units; needed with *max_units*. It raises a
            `KlingError` for a request whose cost is not known.
    """

    max_concurrent: int | None = None
    timeout: float | None = None
    max_units: Decimal | None = None
    cost_of: Callable[[Request], Decimal] | None = None


def run_many(
    ctx: Context, requests: Requests | AsyncIterable[Any], limits: RunLimits
) -> Flow[None]:
    """Create a task per request, and emit an `Outcome` for each as it ends.

    Args:
        ctx: The context of the call; `wait_seconds` bounds each task's wait, and how long requests
            queue for a slot while no task is created and none ends.
        requests: The requests. A request is taken when there is a slot for it, and no more
            than a few outcomes wait for the caller.
        limits: The limits of the call.
    """
    return _Batch(ctx, BatchInput.of(requests), limits).run()


def wait_many(ctx: Context, tasks: Iterable[Task | str]) -> Flow[None]:
    """Emit an `Outcome` for each task as it ends; `wait_seconds` bounds the wait.

    Args:
        ctx: The context of the call.
        tasks: Tasks, or their task ids or external ids.
    """
    batch = _Batch(ctx, BatchInput.of(()), RunLimits())
    for index, task in enumerate(tasks):
        record = record_of(task) if isinstance(task, Task) else None
        batch.watch.add(index, task, ctx.wait_seconds(record))
    return batch.run()


@attrs.define(eq=False)
class _Batch:
    ctx: Context
    source: BatchInput
    limits: RunLimits
    watch: Watch = attrs.field(init=False)
    slots: Slots = attrs.field(init=False)
    until: float = attrs.field(init=False)
    #: Taken and not created: refused for lack of a slot, or read ahead.
    queue: list[BatchJob] = attrs.field(factory=list, init=False)
    creating: set[BatchJob] = attrs.field(factory=set, init=False)
    is_reading: bool = attrs.field(default=False, init=False)
    spending: Spending = attrs.field(factory=Spending, init=False)
    #: When a task was created or ended last.
    moved_at: float = attrs.field(init=False)
    #: Why creating has stopped, or None.
    stopped: str | None = attrs.field(default=None, init=False)
    cause: KlingError | None = attrs.field(default=None, init=False)
    #: Whether the next request waits for units that a create in flight may give back.
    is_short: bool = attrs.field(default=False, init=False)
    #: Whether creating has stopped for lack of units. Tasks that exist already need none.
    is_spent: bool = attrs.field(default=False, init=False)
    #: Requests that are not sent, but looked up: an earlier create may have made their task.
    unknown: deque[BatchJob] = attrs.field(factory=deque, init=False)
    asking: set[BatchJob] = attrs.field(factory=set, init=False)
    names: dict[int, str] = attrs.field(factory=dict, init=False)

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
                yield Emit(self._with_name(outcome))
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
        is_asking = self.unknown or self.asking
        return is_read and not (self.queue or self.creating or self.watch or is_asking)

    def _with_name(self, outcome: Outcome) -> Outcome:
        name = self.names.pop(outcome.index, None)
        return outcome if name is None else attrs.evolve(outcome, name=name)

    # ------------------------------------------------------------ what to start

    def _start(self) -> Flow[None]:
        """Start creates while there are slots for them, and a poll when one is due."""
        while self.stopped is None and not self.is_short:
            now = self.ctx.monotonic()
            if now < min(self._opens_at(), self._queue_until()):
                break
            if not self.queue and len(self.watch.ended) <= READ_AHEAD:
                yield from self._read()
            if not self.queue or not self._can_pay(self.queue[0]):
                break
            job = heapq.heappop(self.queue)
            job.external_id = job.own_id or job.external_id or new_external_id(self.ctx)
            job.started, job.is_try = now, self.slots.started(now)
            self.creating.add(job)
            yield Spawn(job, self._create(job))
        while self.unknown and len(self.asking) < AT_ONCE:
            job = self.unknown.popleft()
            self.asking.add(job)
            until = min(self.until, self.ctx.until(self.ctx.options.deadline))
            yield Spawn(job, find(self.ctx, job.request, str(job.own_id), until))
        if self.ctx.monotonic() >= self.watch.next_look():
            yield Spawn(_LOOK, self.watch.look())

    def _read(self) -> Flow[None]:
        """Put the next request into the queue, or start to read it."""
        if self.source.is_over:
            return
        if isinstance(self.source.entries, Iterator):
            self._queue(self.source.take())
        elif not self.is_reading:
            self.is_reading = True
            yield Spawn(_INPUT, _take(self.source.entries))

    def _queue(self, job: BatchJob | None) -> None:
        if job is None:
            return
        if job.name is not None:
            self.names[job.index] = job.name
        if job.problem is not None:
            self._fail(job, job.problem)
        elif self.stopped is not None:
            self._refuse(job)
        else:
            heapq.heappush(self.queue, job)

    def _create(self, job: BatchJob) -> Flow[Task]:
        ctx, options = self.ctx, self.ctx.options
        left = max(0.0, self.until - ctx.monotonic())
        options = attrs.evolve(options, create_deadline=min(options.create_deadline, left))
        ctx = attrs.evolve(ctx, options=options)
        return create(
            ctx,
            job.request,
            external_id=job.external_id,
            may_be_used=job.own_id is not None,
            wait_for_slot=False,
            is_confirmed=job.is_confirmed,
        )

    def _can_pay(self, job: BatchJob) -> bool:
        """Return whether the units for *job* are reserved; if they never can be, end or stop."""
        if self.limits.max_units is None or self.limits.cost_of is None:
            return True
        try:
            cost = self.limits.cost_of(job.request)
        except KlingError as error:
            heapq.heappop(self.queue)
            self._fail(job, error)
            return False
        reservation = self.spending.reserve(cost, self.limits.max_units)
        if reservation is not None:
            job.reservation = reservation
            return True
        self.is_short = bool(self.creating)  # a create that is refused gives its units back
        if not self.is_short:
            self.is_spent = True
            self._stop(
                f"request {job.index} costs {cost} units, and {self.spending.units} of "
                f"max_units={self.limits.max_units} are used"
            )
        return False

    # ------------------------------------------------------------ what has ended

    def _ended(self, child: Ended) -> None:
        job = child.key
        is_job = isinstance(job, BatchJob)
        if child.error is not None and not (is_job and isinstance(child.error, KlingError)):
            raise child.error  # the tasks that were being created are still named
        if isinstance(job, BatchJob) and job in self.asking:
            self.asking.discard(job)
            if child.error is None:
                self._watch(job, child.value)
            else:
                self._fail(job, self._refusal(job, child.error))
        elif isinstance(job, BatchJob):
            self.creating.discard(job)
            self.is_short = False
            if child.error is not None:
                self._not_created(job, child.error)
            else:
                self._created(job, child.value)
        elif job == _INPUT:
            self.is_reading = False
            self._queue(self.source.job_of(child.value))
        elif ended := self.watch.finish_look(child.value):
            self._look_ended(ended)

    def _look_ended(self, ended: int) -> None:
        """Free the slots of *ended* tasks, and give back the units of those that have failed."""
        self.moved_at = self.ctx.monotonic()
        for _ in range(ended):
            self.slots.ended()
        for outcome in self.watch.ended:
            if outcome.task is not None:
                self.spending.saw(outcome.task)

    def _created(self, job: BatchJob, task: Task) -> None:
        self.slots.accepted(was_try=job.is_try)
        job.reservation.ids.add(task.task_id)
        _end(job.reservation, is_bought=not task.reused)
        self._watch(job, task)
        if is_complete(task):  # made by an earlier create under the same id
            self.slots.ended()

    def _watch(self, job: BatchJob, task: Task) -> None:
        now = self.moved_at = self.ctx.monotonic()
        note_change(self.ctx, None, task)
        record, prompts = job.request.record, job.request.prompts()
        seconds = max(0.0, min(self.ctx.wait_seconds(record), self.until - now))
        self.watch.add(job.index, task, seconds, record=record, private=prompts)

    def _not_created(self, job: BatchJob, error: KlingError) -> None:
        _end(job.reservation, is_bought=isinstance(error, OutcomeUnknownError))
        if isinstance(error, ConcurrencyLimitError):
            job.is_confirmed = True
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
        is_late = self.ctx.monotonic() >= self.until
        if self.ctx.cancelled():
            self.watch.cancel()
            self._stop("the call was cancelled")
        elif is_late:
            self._stop(f"the timeout of {self.limits.timeout:g} s has expired")
        while self.unknown and (is_late or self.ctx.cancelled()):
            job = self.unknown.popleft()
            self._fail(job, self._refusal(job))

    def _stop(self, why: str, cause: KlingError | None = None) -> None:
        """Create nothing from now on."""
        if self.stopped is None:
            self.stopped, self.cause = why, cause
        for job in sorted(self.queue):
            self._refuse(job)
        self.queue.clear()

    def _refuse(self, job: BatchJob) -> None:
        """End a request that is not sent; if only units are lacking, look up an earlier create."""
        options = self.ctx.options
        may_ask = options.look_up and options.if_exists == "return"
        if self.is_spent and job.own_id and may_ask:
            self.unknown.append(job)
        else:
            self._fail(job, self._refusal(job))

    def _refusal(self, job: BatchJob, answer: KlingError | None = None) -> NotCreatedError:
        """Return why nothing was created; *answer* is that of looking up an earlier create."""
        text = f"nothing was created for this request: {self.stopped}"
        if job.own_id and not isinstance(answer, NotFoundError):
            text = (
                f"this call created nothing for this request: {self.stopped}; "
                f"get({job.own_id!r}) shows whether an earlier call did"
            )
        error = NotCreatedError(text)
        error.__cause__ = answer or self.cause
        return error.about(external_task_id=job.own_id)

    def _fail(self, job: BatchJob, error: KlingError) -> None:
        self.watch.ended.append(Outcome(job.index, None, error))

    def _next_outcome(self) -> Outcome | None:
        is_ending = self.stopped is not None and self.source.is_sized
        while is_ending and not self.watch.ended and not self.source.is_over:
            self._queue(self.source.take())
        return self.watch.ended.popleft() if self.watch.ended else None

    # ------------------------------------------------------------ when to go on

    def _opens_at(self) -> float:
        return self.slots.opens_at(len(self.watch), len(self.creating))

    def _queue_until(self) -> float:
        """Return when the queue is tried for the last time; infinite while tasks are open."""
        if not self.queue or self.watch or self.creating:
            return math.inf
        return self.moved_at + self.ctx.wait_seconds(self.queue[0].request.record)

    def _pause(self) -> float | None:
        """Return the seconds until there is something to do, or None to wait for a child."""
        if self.unknown and len(self.asking) < AT_ONCE:
            return 0.0
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


def _end(reservation: Reservation, *, is_bought: bool) -> None:
    if is_bought:
        reservation.note("sent")
    reservation.note("ended")

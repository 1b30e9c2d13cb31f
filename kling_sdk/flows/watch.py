"""The open tasks of a batch: when they are polled, what a poll shows, how their waits end."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator
from typing import Final

import attrs

from kling_sdk.endpoints.record import EndpointRecord
from kling_sdk.errors import KlingError, RequestValidationError, UnreachableError
from kling_sdk.flows.context import Context
from kling_sdk.flows.effects import Flow
from kling_sdk.flows.look import Look, Wanted, look
from kling_sdk.flows.tasks import (
    cancelled,
    finished,
    is_complete,
    merged,
    note_change,
    place_of,
    timed_out,
)
from kling_sdk.results.task import Outcome, Task

#: Seconds between two polls that take three requests or more.
TICK: Final = 10.0
#: Minimum seconds between two polls, so that deadlines close together share one.
MIN_PAUSE: Final = 1.0
#: Maximum delay in noticing the next change, as a share of the time without a change.
LATENESS: Final = 0.1


@attrs.define(eq=False)
class _Waiter:
    """One position in the input that waits for a task."""

    index: int
    since: float
    until: float
    private: tuple[str, ...]
    reused: bool

    def sees(self, task: Task) -> Task:
        """Return *task* as its own create has it: another request may have made it."""
        return task if task.reused == self.reused else attrs.evolve(task, reused=self.reused)


@attrs.define(eq=False)
class _Open:
    """A task that has not ended, and the waits for it."""

    name: str
    task: Task | None
    record: EndpointRecord | None
    waiters: list[_Waiter] = attrs.field(factory=list)
    looked_at: float = -math.inf

    @property
    def until(self) -> float:
        """The time at which the first wait for the task ends."""
        return min(waiter.until for waiter in self.waiters)

    @property
    def last(self) -> Task:
        """The task as last seen."""
        return self.task or Task(task_id=self.name, status="unknown")


@attrs.define(eq=False)
class Watch:
    """Open tasks, by task id or by the id that was given.

    Attributes:
        ended: Outcomes that are not handed out yet.
        changed_at: When a task was added or ended last, in monotonic time.
        is_looking: Whether a poll is under way.
    """

    ctx: Context
    ended: deque[Outcome] = attrs.field(factory=deque, init=False)
    changed_at: float = attrs.field(init=False)
    is_looking: bool = attrs.field(default=False, init=False)
    _open: dict[str, _Open] = attrs.field(factory=dict, init=False)
    _watched: int = attrs.field(default=0, init=False)
    _deadline: float = attrs.field(default=math.inf, init=False)  # the earliest of all waits
    _polled: frozenset[str] = attrs.field(default=frozenset(), init=False)
    _look: Look | None = attrs.field(default=None, init=False)
    _look_end: float = attrs.field(default=-math.inf, init=False)  # when the last poll was over
    _lost_looks: int = attrs.field(default=0, init=False)

    def __attrs_post_init__(self) -> None:
        self.changed_at = self.ctx.monotonic()

    def __len__(self) -> int:
        return len(self._open)

    def tasks(self) -> Iterator[Task | str]:
        """Yield every task that is open, or has ended and is not handed out."""
        for entry in self._open.values():
            yield entry.task or entry.name
        for outcome in self.ended:
            if outcome.task is not None:
                yield outcome.task

    # ------------------------------------------------------------ tasks

    def add(
        self,
        index: int,
        task: Task | str,
        seconds: float,
        *,
        record: EndpointRecord | None = None,
        private: tuple[str, ...] = (),
    ) -> None:
        """Wait for a task.

        Args:
            index: Its position in the input.
            task: The task, or its task id or external id.
            seconds: The maximum wait.
            record: Its endpoint, when the caller knows it.
            private: Texts that an error's message must not quote from the vendor's reason.
        """
        known = task if isinstance(task, Task) else None
        if known is not None and is_complete(known):
            self.ended.append(_outcome(self.ctx, index, known, private))
            return
        name = known.task_id if known is not None else str(task)
        now = self.ctx.monotonic()
        if known is None:
            self._look_end = -math.inf  # it may have ended long ago: look at once
        elif not self._open:
            self._look_end = now
        self.changed_at = now
        self._watched += 1
        entry = self._open.get(name)
        if entry is None:
            record = place_of(self.ctx, known, record)
            try:
                if record is not None:
                    for call in self.ctx.wire_for(record).get(record, name):
                        self.ctx.ring_for(call)
            except RequestValidationError as error:  # it cannot be queried anywhere
                self.ended.append(Outcome(index, known, error))
                return
            entry = self._open[name] = _Open(name, known, record)
        elif entry.task is None and known is not None:
            entry.task, entry.record = known, place_of(self.ctx, known, record)
        reused = known is not None and known.reused
        entry.waiters.append(_Waiter(index, now, now + seconds, private, reused))
        self._deadline = min(self._deadline, now + seconds)

    # ------------------------------------------------------------ looks

    def next_look(self) -> float:
        """Return the monotonic time of the next poll; infinite while no poll is needed."""
        if self.is_looking or not self._open:
            return math.inf
        when, min_pause = self._look_end + self._pause(), self.ctx.hastened(MIN_PAUSE)
        if self._deadline < when + min_pause:
            when = self._deadline
            if self._look is not None:
                when = max(when, self._look_end + min_pause)
        return when

    def _pause(self) -> float:
        """Return the seconds from the last poll to the next; see `Options.poll_interval`."""
        min_interval, max_interval = self.ctx.options.poll_interval
        if self._lost_looks and not self.ctx.server.answered:
            # The address is probably wrong: it will hardly get better.
            return max(min_interval, MIN_PAUSE)
        if self._look is not None:
            requests = max(1, self._look.requests)
        else:
            requests = math.ceil(len(self._open) / self.ctx.wire.max_page_size)
        pause = min_interval * requests if requests <= 2 else TICK
        pause = max(pause, LATENESS * (self._look_end - self.changed_at))
        server_pause = self._look.retry_after if self._look is not None else 0.0
        return max(
            self.ctx.hastened(max(min_interval, min(pause, max_interval, TICK))), server_pause
        )

    def look(self) -> Flow[Look]:
        """Return the flow that polls all open tasks; `finish_look` takes its result."""
        self.is_looking = True
        self._polled = frozenset(self._open)
        targets = {
            key: Wanted(entry.name, entry.task, entry.record, entry.until)
            for key, entry in self._open.items()
        }
        return look(self.ctx, targets, self._watched, self._look)

    def finish_look(self, result: Look) -> int:
        """Apply the findings of a poll; return how many tasks have ended."""
        self.is_looking, self._look, self._look_end = False, result, self.ctx.monotonic()
        before = len(self._open)
        for key in self._polled & self._open.keys():
            self._open[key].looked_at = result.started
        for key in [key for key in self._open if key in result.tasks]:
            if key in self._open:
                self._seen(key, result.tasks[key])
        for key, error in result.failed.items():
            self._end(key, error)
        self._end_if_unreachable()
        self._expire()
        self._deadline = min((entry.until for entry in self._open.values()), default=math.inf)
        return before - len(self._open)

    def _seen(self, key: str, task: Task) -> None:
        entry = self._open[key]
        now = merged(entry.task, task) if entry.task is not None else task
        note_change(self.ctx, entry.task, now)
        entry.task = now
        if now.is_done:
            del self._open[key]
            self.changed_at = self.ctx.monotonic()
            self.ended += [
                _outcome(self.ctx, waiter.index, waiter.sees(now), waiter.private)
                for waiter in entry.waiters
            ]
        elif key != now.task_id:  # a bare id, which is known now: its task may be open already
            del self._open[key]
            entry.name, entry.record = now.task_id, place_of(self.ctx, now, entry.record)
            same = self._open.setdefault(now.task_id, entry)
            if same is not entry:
                same.waiters += entry.waiters

    # ------------------------------------------------------------ ending early

    def cancel(self) -> None:
        """End all waits because the caller has cancelled them."""
        for key, entry in list(self._open.items()):
            self._end(key, cancelled(entry.last))

    def _end(self, key: str, error: KlingError) -> None:
        entry = self._open.pop(key, None)
        if entry is not None:
            last = entry.last
            self.ended += [
                Outcome(waiter.index, waiter.sees(last), error) for waiter in entry.waiters
            ]

    def _end_if_unreachable(self) -> None:
        """End all waits when the server has never answered, and its address is wrong."""
        trouble = self.ctx.server.trouble
        self._lost_looks = self._lost_looks + 1 if trouble is not None else 0
        policy, looks = self.ctx.policy, self._lost_looks
        if trouble is None or not policy.is_hopeless(trouble, looks, is_poll=True):
            return
        for key, entry in list(self._open.items()):
            error = UnreachableError(str(trouble.args[0]), maybe_sent=trouble.maybe_sent)
            self._end(key, error.about(task_id=entry.last.task_id))

    def _expire(self) -> None:
        """End the waits whose deadline passed before a look at their task started."""
        for key, entry in list(self._open.items()):
            over = [waiter for waiter in entry.waiters if waiter.until <= entry.looked_at]
            self.ended += [
                Outcome(
                    waiter.index,
                    last := waiter.sees(entry.last),
                    timed_out(last, waiter.until - waiter.since),
                )
                for waiter in over
            ]
            entry.waiters = [waiter for waiter in entry.waiters if waiter not in over]
            if not entry.waiters:
                del self._open[key]


def _outcome(ctx: Context, index: int, task: Task, private: tuple[str, ...]) -> Outcome:
    try:
        return Outcome(index, finished(task, private, ctx.ring.secrets()))
    except KlingError as error:
        return Outcome(index, task, error)

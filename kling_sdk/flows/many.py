"""Many tasks at once: as many as there are slots, watched with the fewest requests.

One flow creates, watches and hands out. A slot is held from create to end; when the
server answers 1303 the request goes back to the queue until a task has ended. Open tasks
are looked at together: by list pages where that costs fewer requests than one query per
task, and a task that the pages do not show is queried singly.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from typing import Final

import attrs

from kling_sdk.endpoints.base import Request
from kling_sdk.endpoints.record import EndpointRecord
from kling_sdk.errors import (
    ConcurrencyLimitError,
    KlingAPIError,
    KlingError,
    NotFoundError,
    TransportError,
    UnreachableError,
    WaitCancelledError,
    WaitTimeoutError,
)
from kling_sdk.flows.core import Context, Emit, Event, Flow, Sleep, ask, exchange, log
from kling_sdk.flows.create import create, new_external_id
from kling_sdk.flows.identity import ExpectedTask
from kling_sdk.flows.interrupted import interrupted, open_tasks
from kling_sdk.flows.retry import is_transient
from kling_sdk.flows.wait import finished, next_look, note_change, record_of
from kling_sdk.results import Outcome, Page, Task
from kling_sdk.wire import Reply

__all__ = ["many"]

#: Seconds between two looks at all open tasks by list pages.
TICK: Final = 10.0
_LEAST: Final = 1.0  # s, so that deadlines close together share a look


@attrs.define(eq=False)
class _Open:
    """A task that has not ended."""

    index: int
    task: Task
    record: EndpointRecord
    until: float
    private: tuple[str, ...] = ()


def many(
    ctx: Context, work: Sequence[Request | Task], max_concurrent: int | None = None
) -> Flow[None]:
    """Emit an `Outcome` for each item of *work* as it ends.

    Args:
        ctx: Where, who, when; `options.wait_timeout` bounds each task's wait, and how
            long requests queue for a slot while no task is created and none ends.
        work: Requests to create, or tasks to wait for.
        max_concurrent: Most open tasks, or None to learn it from the server's 1303.
    """
    yield from _Pool(ctx, max_concurrent, ctx.until(ctx.options.wait_timeout)).run(work)


@attrs.define(eq=False)
class _Pool:
    ctx: Context
    max_concurrent: int | None
    queue_until: float
    queue: deque[tuple[int, Request, str]] = attrs.field(factory=deque, init=False)
    open: dict[str, list[_Open]] = attrs.field(factory=dict, init=False)
    watched: int = attrs.field(default=0, init=False)
    looks: int = attrs.field(default=0, init=False)
    #: What has ended and is not handed out yet: a slow caller must not use up the time of
    #: the tasks that this look has still to come to.
    ended: list[Outcome] = attrs.field(factory=list, init=False)
    lists_work: bool = attrs.field(default=True, init=False)
    lost_looks: int = attrs.field(default=0, init=False)

    def run(self, work: Sequence[Request | Task]) -> Flow[None]:
        try:
            yield from self._run(work)
        except BaseException as error:  # the caller is cancelled, or left its loop
            interrupted(error, open_tasks(entries[0].task for entries in self.open.values()))
            raise

    def _run(self, work: Sequence[Request | Task]) -> Flow[None]:
        for index, item in enumerate(work):
            if isinstance(item, Request):
                # A request that waits for a slot keeps its id over all its attempts.
                self.queue.append((index, item, new_external_id(self.ctx)))
            elif item.is_done:
                yield Emit(_outcome(index, item))
            else:
                self._watch(index, item, record_of(item))
        while self.queue or self.open:
            yield from self._fill()
            if self.ctx.cancelled():
                yield from self._cancel()
            elif self.queue or self.open:
                yield Sleep(self._tick())
                yield from self._look()
                self._end_if_unreachable()
                self._expire()
                yield from self._hand_out()

    # ------------------------------------------------------------ creating

    def _fill(self) -> Flow[None]:
        """Create until the slots are full. A 1303 ends the filling until the next look."""
        while self.queue and not self._is_full() and not self.ctx.cancelled():
            index, request, external_id = self.queue.popleft()
            is_last = self.ctx.monotonic() >= self.queue_until
            try:
                task = yield from create(
                    self.ctx,
                    request,
                    external_id=external_id,
                    wait_for_slot=False,
                    will_repeat=not is_last,
                )
            except ConcurrencyLimitError as error:
                if is_last:
                    yield Emit(Outcome(index, None, error))
                    continue
                self.queue.appendleft((index, request, external_id))
                return
            except KlingError as error:
                yield Emit(Outcome(index, None, error))
            else:
                self._watch(index, task, request.record, request.prompts())
                note_change(self.ctx, None, task)

    def _is_full(self) -> bool:
        return self.max_concurrent is not None and self._count() >= self.max_concurrent

    def _count(self) -> int:
        return sum(len(entries) for entries in self.open.values())

    def _watch(
        self, index: int, task: Task, record: EndpointRecord, private: tuple[str, ...] = ()
    ) -> None:
        self.watched += 1
        until = self.queue_until = self.ctx.until(self.ctx.options.wait_timeout)
        self.open.setdefault(task.task_id, []).append(_Open(index, task, record, until, private))

    # ------------------------------------------------------------ looking

    def _tick(self) -> float:
        self.looks += 1
        tick = min(TICK, next_look(self.ctx, self.looks)) if self._count() <= 3 else TICK
        deadline = min((entries[0].until for entries in self.open.values()), default=math.inf)
        least = min(_LEAST, self.ctx.options.wait_timeout)
        if self.lost_looks and not self.ctx.server.answered:
            tick = _LEAST
        return max(least, min(tick, deadline - self.ctx.monotonic()))

    def _look(self) -> Flow[None]:
        by_endpoint: dict[str, list[_Open]] = {}
        for entries in self.open.values():
            by_endpoint.setdefault(entries[0].record.name, []).append(entries[0])
        self.ctx.emit(Event("poll", "GET"))
        late = self.ctx.until(self.ctx.options.timeout)
        for group in by_endpoint.values():
            record = group[0].record
            unseen = {entry.task.task_id: entry.task for entry in group}
            pages = math.ceil(len(unseen) / self.ctx.wire_for(record).max_page_size)
            if self.lists_work and pages < len(unseen):
                yield from self._look_at_pages(record, unseen)
            for task_id in unseen:
                # When looks take long, a deadline that passed meanwhile is not looked over.
                if self.ctx.monotonic() <= max(late, self.open[task_id][0].until):
                    yield from self._look_at(record, task_id)

    def _look_at_pages(self, record: EndpointRecord, unseen: dict[str, Task]) -> Flow[None]:
        """Read list pages while each may still save queries; take what they show out."""
        size = self.ctx.wire_for(record).max_page_size
        # RepeatedPages that our own tasks may fill. Those that have ended stay listed, so a page
        # without an open one is no reason to stop before.
        reach = math.ceil(self.watched / size)
        read = 0
        page: Page | None = None
        while len(unseen) > 1:
            number, before = (page.page + 1, page.next_before) if page else (1, None)
            try:
                page = yield from self._page(record, number, size, before)
            except (KlingAPIError, TransportError) as error:
                if is_transient(error):
                    unseen.clear()  # this look failed; the next one comes in a tick
                else:
                    log.info("list pages cannot be used (%s)", type(error).__name__)
                    self.lists_work = False
                return
            shown = [task for task in page if unseen.pop(task.task_id, None) is not None]
            for task in shown:
                self._seen(task)
            read += 1
            # A page of strangers says that the rest is far down: query it singly.
            if not page.has_next or (not shown and read >= min(reach, len(unseen))):
                return

    def _page(
        self, record: EndpointRecord, number: int, size: int, before: int | None
    ) -> Flow[Page]:
        ctx, wire = self.ctx, self.ctx.wire_for(record)

        def read(reply: Reply) -> Page:
            return wire.page(reply, record, number, size)

        call = wire.list(record, number, size, before)
        return (yield from exchange(ctx, call, read, ctx.until(ctx.options.timeout)))

    def _look_at(self, record: EndpointRecord, task_id: str) -> Flow[None]:
        ctx, wire = self.ctx, self.ctx.wire_for(record)
        expected = ExpectedTask.of(self.open[task_id][0].task)

        def read(reply: Reply) -> Task:
            return expected.check(wire.task(reply, record), reply)

        try:
            task = yield from ask(
                ctx, wire.get(record, task_id), read, ctx.until(ctx.options.timeout)
            )
        except (KlingAPIError, TransportError) as error:
            if not is_transient(error) and not isinstance(error, NotFoundError):
                self._end(task_id, error.about(task_id=task_id))
        else:
            self._seen(task)

    def _seen(self, task: Task) -> None:
        entries = self.open[task.task_id]
        note_change(self.ctx, entries[0].task, task)
        for entry in entries:
            entry.task = _merged(entry.task, task)
        if task.is_done:
            del self.open[task.task_id]
            self.queue_until = self.ctx.until(self.ctx.options.wait_timeout)
            self.ended += [_outcome(entry.index, entry.task, entry.private) for entry in entries]

    def _hand_out(self) -> Flow[None]:
        while self.ended:
            yield Emit(self.ended.pop(0))

    # ------------------------------------------------------------ ending early

    def _end(self, task_id: str, error: KlingError) -> None:
        for entry in self.open.pop(task_id):
            self.ended.append(Outcome(entry.index, entry.task, error))

    def _end_if_unreachable(self) -> None:
        """End all waits when the server has never answered, and its address is wrong."""
        trouble = self.ctx.server.trouble
        self.lost_looks = self.lost_looks + 1 if trouble is not None else 0
        if trouble is None or not self.ctx.policy.is_hopeless(trouble, self.lost_looks):
            return
        for task_id in list(self.open):
            error = UnreachableError(str(trouble.args[0]), maybe_sent=trouble.maybe_sent)
            self._end(task_id, error.about(task_id=task_id))

    def _expire(self) -> None:
        """End the waits whose deadline has passed; a look was taken at each of them just now."""
        now = self.ctx.monotonic()
        for task_id, entries in list(self.open.items()):
            if entries[0].until <= now:
                task = entries[0].task
                self._end(
                    task_id,
                    WaitTimeoutError(
                        f"task {task_id} is {task.status} after "
                        f"{self.ctx.options.wait_timeout:g} s; it goes on",
                        task,
                    ),
                )

    def _cancel(self) -> Flow[None]:
        for task_id, entries in list(self.open.items()):
            message = f"the wait for task {task_id} was cancelled"
            self._end(task_id, WaitCancelledError(message, entries[0].task))
        for index, request, _ in self.queue:
            pending = Task(task_id="", status="not created", endpoint=request.endpoint)
            error = WaitCancelledError("cancelled before it was created", pending)
            yield Emit(Outcome(index, None, error))
        self.queue.clear()
        yield from self._hand_out()


def _merged(before: Task, now: Task) -> Task:
    """Return *now* with what only the create's reply had."""
    return attrs.evolve(
        now,
        external_task_id=now.external_task_id or before.external_task_id,
        reused=before.reused,
    )


def _outcome(index: int, task: Task, private: Sequence[str] = ()) -> Outcome:
    try:
        return Outcome(index, finished(task, private))
    except KlingError as error:
        return Outcome(index, task, error)

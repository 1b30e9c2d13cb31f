"""One poll of many open tasks, with the fewest requests.

Tasks are read by list pages where that costs fewer requests than queries; a task that the pages
do not show is queried, singly or, where its model is in the path, with others by their ids. A bare
id, which does not name its endpoint, is queried with others at `/tasks` if there is an API key, and
then at one endpoint after the other until it is found.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType

import attrs

from kling_sdk.endpoints.record import EndpointRecord
from kling_sdk.errors import (
    KlingAPIError,
    KlingError,
    NotFoundError,
    RequestValidationError,
    TransportError,
)
from kling_sdk.flows.asking import TASKS, Asking, find_anywhere, read_task
from kling_sdk.flows.context import Context, Event, log
from kling_sdk.flows.core import ask, exchange
from kling_sdk.flows.effects import Flow
from kling_sdk.flows.identity import ExpectedTask
from kling_sdk.flows.look_by_ids import look_at_ids, look_for_names
from kling_sdk.flows.retry import is_transient
from kling_sdk.results.task import Page, Task
from kling_sdk.wire import HttpCall, Reply

#: Minimum tasks of a page, and how many more to read than the last poll needed: pages also show
#: tasks of other programs.
_MIN_PAGE, _MORE = 100, 20


@attrs.frozen(eq=False)
class Wanted:
    """A task to look at.

    Attributes:
        name: Its task id; for a task that has not been seen yet, possibly its external id.
        task: The task as last seen, or None for a bare id.
        record: The endpoint at which to query the task, or None when it is not known.
        until: The end of the wait, in monotonic time.
    """

    name: str
    task: Task | None
    record: EndpointRecord | None
    until: float

    @property
    def expected(self) -> ExpectedTask:
        """The ids by which a reply about the task is recognized."""
        return ExpectedTask(either=self.name) if self.task is None else ExpectedTask.of(self.task)


@attrs.define(eq=False)
class Look:
    """The findings of a poll, which passes on to the next what it has learned of the server.

    Attributes:
        started: When it started, in monotonic time.
        tasks: The tasks as they are now, by the keys of the targets.
        failed: The error that ends the wait for a task, by key.
        requests: The number of calls that the poll took.
        has_stumbled: Whether a call failed in a way that another poll may make up for.
        retry_after: The maximum pause in seconds that a server asked for, or 0.
        watched: The number of tasks that the caller had watched until then.
        rows: The number of rows of a list that were read to find our tasks.
        without_list: The paths of the lists that cannot be read.
        found_at: The endpoint at which a bare id was found last; "" for none.
        unchanged: The ids of tasks of /v1 that `/tasks` has shown as they were before.
    """

    started: float
    tasks: dict[str, Task] = attrs.field(factory=dict)
    failed: dict[str, KlingError] = attrs.field(factory=dict)
    requests: int = 0
    has_stumbled: bool = False
    retry_after: float = 0.0
    watched: int = 0
    rows: int = 0
    without_list: set[str] = attrs.field(factory=set)
    found_at: str = ""
    unchanged: set[str] = attrs.field(factory=set)

    def stumbled(self, error: KlingAPIError | TransportError) -> None:
        """Take note of a failed call."""
        self.has_stumbled = True
        if error.retry_after is not None:
            self.retry_after = max(self.retry_after, error.retry_after)


def look(
    ctx: Context, targets: Mapping[str, Wanted], watched: int, before: Look | None = None
) -> Flow[Look]:
    """Look at tasks once.

    Args:
        ctx: Where, who, when; `options.timeout` bounds each call, and the poll as a whole for
            tasks whose deadline has passed.
        targets: The tasks, each under a key of the caller's.
        watched: The number of tasks that the caller has watched so far, including ended ones.
        before: The poll before this one.
    """
    ctx.emit(Event("poll", "GET"))
    seen = Look(ctx.monotonic(), watched=watched)
    if before is not None:
        seen.without_list, seen.found_at = before.without_list, before.found_at
        rows = before.rows + watched - before.watched
    else:
        rows = watched
    late = ctx.until(ctx.options.timeout)

    def is_due(key: str) -> bool:
        # When calls take long, a task whose deadline passed meanwhile is not looked at.
        return ctx.monotonic() <= max(late, targets[key].until)

    for place, keys in _by_place(targets).items():
        unseen = {targets[key].name: key for key in keys if targets[key].name not in seen.unchanged}
        unsure: set[str] = set()
        if place is None and ctx.can_ask_tasks:
            unsure = yield from look_for_names(ctx, unseen, is_due, seen)
        elif place is not None and place.path not in seen.without_list:
            others = _elsewhere(targets) if place is TASKS else {}
            yield from look_at_pages(ctx, place, unseen, rows + _MORE, seen, others)
        if place is not None and ctx.wire_for(place).max_ids > 1:
            yield from look_at_ids(ctx, unseen, is_due, seen, place)
        for name, key in unseen.items():
            if is_due(key):
                yield from _look_at(ctx, key, targets[key], seen, is_unsure=name in unsure)
    return seen


def _by_place(targets: Mapping[str, Wanted]) -> dict[EndpointRecord | None, list[str]]:
    groups: dict[EndpointRecord | None, list[str]] = {}
    for key, target in targets.items():
        groups.setdefault(target.record, []).append(key)
    # `/tasks` first: its pages save queries at the other places.
    return dict(sorted(groups.items(), key=lambda group: group[0] is not TASKS))


def _elsewhere(targets: Mapping[str, Wanted]) -> dict[str, str]:
    """Return the statuses of the tasks of /v1, by id."""
    return {
        target.name: target.task.status
        for target in targets.values()
        if target.task is not None and target.record is not TASKS and not target.task.is_done
    }


# ---------------------------------------------------------------- pages


def look_at_pages(
    ctx: Context,
    place: EndpointRecord,
    unseen: dict[str, str],
    rows: int,
    seen: Look,
    others: Mapping[str, str] = MappingProxyType({}),
) -> Flow[None]:
    """Read list pages while each may still save queries; remove what they show from *unseen*.

    Args:
        ctx: Where, who, when.
        place: The place whose list is read.
        unseen: The tasks that are looked for: task id -> key.
        rows: The probable depth of our open tasks in the list: ended tasks stay listed.
        seen: The findings.
        others: Tasks of /v1 that are open: task id -> status. One that is shown with the same
            status need not be queried; one that has changed is queried, so that its `raw` is of
            /v1.
    """
    wire = ctx.wire_for(place)

    def queries() -> int:  # needed without a further page
        return math.ceil(len(unseen) / wire.max_ids)

    max_size = wire.max_page_size
    size = min(max_size, max(_MIN_PAGE, rows))
    # Before that many pages, one without an open task of ours is not a reason to stop.
    reach = math.ceil(rows / size)
    if math.ceil(len(unseen) / size) >= queries():
        return
    read = 0
    page: Page | None = None
    while queries() > 1:
        number, after = (page.page + 1, page.next_cursor) if page else (1, None)
        try:
            seen.requests += 1
            page = yield from _page(ctx, place, number, size, after)
        except (KlingAPIError, TransportError, RequestValidationError) as error:
            if is_transient(error):
                seen.stumbled(error)
                unseen.clear()  # this poll has failed; the next one comes in a moment
                seen.rows = rows - _MORE
            else:
                log.info("the list at %s cannot be read (%s)", place.path, type(error).__name__)
                seen.without_list.add(place.path)
            return
        hit = _take(page, read * size, unseen, others, seen)
        read += 1
        if not page.has_next:
            return
        if not hit and read >= min(reach, queries()):
            # A page without our tasks means that the rest is far down, or at the other end: the
            # vendor states no order. The largest page may still show it; otherwise it is queried.
            if size == max_size or queries() <= 2:
                return
            size, reach, read, page = max_size, math.ceil(rows / max_size), 0, None


def _take(
    page: Page, before: int, unseen: dict[str, str], others: Mapping[str, str], seen: Look
) -> bool:
    """Take what a page with *before* rows before it shows; return whether one was looked for."""
    hit = False
    for row, task in enumerate(page, start=before + 1):
        if (key := unseen.pop(task.task_id, None)) is not None:
            seen.tasks[key] = task
            hit = True
        elif others.get(task.task_id) == task.status:
            seen.unchanged.add(task.task_id)
        else:
            continue
        seen.rows = max(seen.rows, row)
    return hit


def _page(
    ctx: Context, place: EndpointRecord, number: int, size: int, after: str | None
) -> Flow[Page]:
    wire = ctx.wire_for(place)

    def read(reply: Reply) -> Page:
        return wire.page(reply, place, number, size)

    call = wire.list(place, number, size, after)
    return (yield from exchange(ctx, call, read, ctx.until(ctx.options.timeout)))


# ---------------------------------------------------------------- one task


def _look_at(ctx: Context, key: str, target: Wanted, seen: Look, *, is_unsure: bool) -> Flow[None]:
    """Ask for one task; *is_unsure*: it may be where it could not be queried."""
    asking = _counted(ctx, seen)
    try:
        if target.record is None:
            seen.found_at, task = yield from find_anywhere(
                ctx, target.name, asking, first=seen.found_at, at_tasks=False
            )
        else:
            task = yield from read_task(ctx, target.record, target.expected, asking)
    except (KlingAPIError, TransportError) as error:
        # A task that was seen once exists: "not found" is a temporary fault of the server.
        exists = (target.task is not None or is_unsure) and isinstance(error, NotFoundError)
        if exists or is_transient(error):
            seen.stumbled(error)
        else:
            seen.failed[key] = error.about(task_id=target.name)
    else:
        seen.tasks[key] = task


def _counted(ctx: Context, seen: Look) -> Asking:
    def asking(call: HttpCall, read: Callable[[Reply], Task], /, *, fresh: bool) -> Flow[Task]:
        seen.requests += 1
        return ask(ctx, call, read, ctx.until(ctx.options.timeout), fresh=fresh)

    return asking

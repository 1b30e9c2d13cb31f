"""One look at many open tasks, with the fewest requests.

Tasks are read by list pages where that costs fewer requests than queries; a task that the pages
do not show is queried, singly or, where its model is in the path, with others by their ids. A bare
id, which says nothing of its endpoint, is asked for with others at `/tasks` if there is an API
key, and then at one endpoint after the other until it is found.
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
from kling_sdk.results import Page, Task
from kling_sdk.wire import HttpCall, Reply

__all__ = ["Look", "Wanted", "look", "look_at_pages"]

#: Least tasks of a page, and how many more than the last look has shown to be needed: tasks of
#: other programs are on the pages, too.
_SMALLEST_PAGE, _MORE = 100, 20


@attrs.frozen(eq=False)
class Wanted:
    """A task to look at.

    Attributes:
        name: Its task id; of a task that was not seen yet it may be its external id.
        task: The task as last seen, or None for a bare id.
        record: Where to ask for it, or None when its endpoint is not known.
        until: When its wait ends, in monotonic time.
    """

    name: str
    task: Task | None
    record: EndpointRecord | None
    until: float

    @property
    def expected(self) -> ExpectedTask:
        """How a reply about it is recognized."""
        return ExpectedTask(either=self.name) if self.task is None else ExpectedTask.of(self.task)


@attrs.define(eq=False)
class Look:
    """What a look has found. One look passes on to the next what it has learned of the server.

    Attributes:
        started: When it began, in monotonic time.
        found: The tasks as they are now, by the keys of what was wanted.
        failed: What ends the wait for a task, by key.
        requests: How many calls it took.
        has_stumbled: Whether a call failed that another look may make up for.
        retry_after: The longest pause in seconds that a server asked for, or 0.
        watched: How many tasks the caller had watched until then.
        rows: How many rows of a list had to be read to see what they showed of ours.
        without_list: The paths of the lists that cannot be read.
        found_at: The endpoint at which a bare id was found last; "" for none.
        unchanged: The ids of tasks of /v1 that `/tasks` has shown as they were before.
    """

    started: float
    found: dict[str, Task] = attrs.field(factory=dict)
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
    ctx: Context, wanted: Mapping[str, Wanted], watched: int, before: Look | None = None
) -> Flow[Look]:
    """Look at tasks once.

    Args:
        ctx: Where, who, when; `options.timeout` bounds each call, and the look as a whole for
            tasks whose deadline has passed.
        wanted: The tasks, each under a key of the caller's.
        watched: How many tasks the caller has watched until now, those included that have ended.
        before: The look before this one.
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
        # When calls take long, a deadline that passed meanwhile is not looked over.
        return ctx.monotonic() <= max(late, wanted[key].until)

    for place, keys in _by_place(wanted).items():
        unseen = {wanted[key].name: key for key in keys if wanted[key].name not in seen.unchanged}
        unsure: set[str] = set()
        if place is None and ctx.can_ask_tasks:
            unsure = yield from look_for_names(ctx, unseen, is_due, seen)
        elif place is not None and place.path not in seen.without_list:
            others = _elsewhere(wanted) if place is TASKS else {}
            yield from look_at_pages(ctx, place, unseen, rows + _MORE, seen, others)
        if place is not None and ctx.wire_for(place).max_ids > 1:
            yield from look_at_ids(ctx, unseen, is_due, seen, place)
        for name, key in unseen.items():
            if is_due(key):
                yield from _look_at(ctx, key, wanted[key], seen, is_unsure=name in unsure)
    return seen


def _by_place(wanted: Mapping[str, Wanted]) -> dict[EndpointRecord | None, list[str]]:
    groups: dict[EndpointRecord | None, list[str]] = {}
    for key, one in wanted.items():
        groups.setdefault(one.record, []).append(key)
    # `/tasks` first: its pages save queries at the other places.
    return dict(sorted(groups.items(), key=lambda group: group[0] is not TASKS))


def _elsewhere(wanted: Mapping[str, Wanted]) -> dict[str, str]:
    """Return the statuses of the tasks of /v1, by id."""
    return {
        one.name: one.task.status
        for one in wanted.values()
        if one.task is not None and one.record is not TASKS and not one.task.is_done
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
    """Read list pages while each may still save queries; take what they show out of *unseen*.

    Args:
        ctx: Where, who, when.
        place: Whose list.
        unseen: The tasks that are looked for: task id -> key.
        rows: How far down our open tasks probably are: those that have ended stay listed.
        seen: What was found.
        others: Tasks of /v1 that are open: task id -> status. One that is shown with the same
            status need not be asked for; what has changed is, so that its `raw` is of /v1.
    """
    wire = ctx.wire_for(place)

    def queries() -> int:  # that it would take without a further page
        return math.ceil(len(unseen) / wire.max_ids)

    largest = wire.max_page_size
    size = min(largest, max(_SMALLEST_PAGE, rows))
    # A page without an open task of ours is no reason to stop before.
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
                unseen.clear()  # this look has failed; the next one comes in a moment
                seen.rows = rows - _MORE
            else:
                log.info("no list at %s can be read (%s)", place.path, type(error).__name__)
                seen.without_list.add(place.path)
            return
        shown = _take(page, read * size, unseen, others, seen)
        read += 1
        if not page.has_next:
            return
        if not shown and read >= min(reach, queries()):
            # A page of strangers says that the rest is far down, or at the other end: the vendor
            # states no order. The largest page may still show it; if not, query it.
            if size == largest or queries() <= 2:
                return
            size, reach, read, page = largest, math.ceil(rows / largest), 0, None


def _take(
    page: Page, before: int, unseen: dict[str, str], others: Mapping[str, str], seen: Look
) -> bool:
    """Take what a page with *before* rows before it shows; return whether one was looked for."""
    shown = False
    for row, task in enumerate(page, start=before + 1):
        if (key := unseen.pop(task.task_id, None)) is not None:
            seen.found[key] = task
            shown = True
        elif others.get(task.task_id) == task.status:
            seen.unchanged.add(task.task_id)
        else:
            continue
        seen.rows = max(seen.rows, row)
    return shown


def _page(
    ctx: Context, place: EndpointRecord, number: int, size: int, after: str | None
) -> Flow[Page]:
    wire = ctx.wire_for(place)

    def read(reply: Reply) -> Page:
        return wire.page(reply, place, number, size)

    call = wire.list(place, number, size, after)
    return (yield from exchange(ctx, call, read, ctx.until(ctx.options.timeout)))


# ---------------------------------------------------------------- one task


def _look_at(ctx: Context, key: str, wanted: Wanted, seen: Look, *, is_unsure: bool) -> Flow[None]:
    """Ask for one task; *is_unsure* says that it may be where it could not be asked for."""
    asking = _counted(ctx, seen)
    try:
        if wanted.record is None:
            seen.found_at, found = yield from find_anywhere(
                ctx, wanted.name, asking, first=seen.found_at, at_tasks=False
            )
        else:
            found = yield from read_task(ctx, wanted.record, wanted.expected, asking)
    except (KlingAPIError, TransportError) as error:
        # A task that was seen once exists: not finding it is the server's hiccup.
        exists = (wanted.task is not None or is_unsure) and isinstance(error, NotFoundError)
        if exists or is_transient(error):
            seen.stumbled(error)
        else:
            seen.failed[key] = error.about(task_id=wanted.name)
    else:
        seen.found[key] = found


def _counted(ctx: Context, seen: Look) -> Asking:
    def asking(call: HttpCall, read: Callable[[Reply], Task], /, *, fresh: bool) -> Flow[Task]:
        seen.requests += 1
        return ask(ctx, call, read, ctx.until(ctx.options.timeout), fresh=fresh)

    return asking

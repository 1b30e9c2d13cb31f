"""One look at many open tasks, with the fewest requests.

Tasks are read by list pages where that costs fewer requests than one query per task; a task
that the pages do not show is queried singly. A bare id, which says nothing of its endpoint, is
asked for at one endpoint after the other until it is found.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import attrs

from kling_sdk.endpoints import ENDPOINTS
from kling_sdk.endpoints.record import EndpointRecord
from kling_sdk.errors import (
    KlingAPIError,
    KlingError,
    NotFoundError,
    RequestValidationError,
    TransportError,
)
from kling_sdk.flows.core import Context, Event, ask, exchange, log
from kling_sdk.flows.effects import Flow
from kling_sdk.flows.identity import ExpectedTask
from kling_sdk.flows.retry import is_transient
from kling_sdk.results import Page, Task
from kling_sdk.wire import Reply

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
        without_list: The endpoints whose lists cannot be read.
        found_at: The endpoint at which a bare id was found last; "" for none.
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

    def stumbled(self, error: KlingError) -> None:
        """Take note of a failed call."""
        self.has_stumbled = True
        if isinstance(error, KlingAPIError | TransportError):
            self.retry_after = max(self.retry_after, error.retry_after or 0.0)


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
    for record, keys in _by_endpoint(wanted).items():
        unseen = {wanted[key].name: key for key in keys}
        if record is not None and record.name not in seen.without_list:
            yield from look_at_pages(ctx, record, unseen, rows + _MORE, seen)
        for key in unseen.values():
            # When calls take long, a deadline that passed meanwhile is not looked over.
            if ctx.monotonic() <= max(late, wanted[key].until):
                yield from _look_at(ctx, key, wanted[key], seen)
    return seen


def _by_endpoint(wanted: Mapping[str, Wanted]) -> dict[EndpointRecord | None, list[str]]:
    groups: dict[EndpointRecord | None, list[str]] = {}
    for key, one in wanted.items():
        groups.setdefault(one.record, []).append(key)
    return groups


# ---------------------------------------------------------------- pages


def look_at_pages(
    ctx: Context, record: EndpointRecord, unseen: dict[str, str], rows: int, seen: Look
) -> Flow[None]:
    """Read list pages while each may still save queries; take what they show out of *unseen*.

    *rows* is how far down our open tasks probably are: those that have ended stay listed.
    """
    largest = ctx.wire_for(record).max_page_size
    size = min(largest, max(_SMALLEST_PAGE, rows))
    if math.ceil(len(unseen) / size) >= len(unseen):
        return
    # A page without an open task of ours is no reason to stop before.
    reach = math.ceil(rows / size)
    read = 0
    page: Page | None = None
    while len(unseen) > 1:
        number, before = (page.page + 1, page.next_before) if page else (1, None)
        try:
            seen.requests += 1
            page = yield from _page(ctx, record, number, size, before)
        except (KlingAPIError, TransportError, RequestValidationError) as error:
            if is_transient(error):
                seen.stumbled(error)
                unseen.clear()  # this look has failed; the next one comes in a moment
                seen.rows = rows - _MORE
            else:
                log.info("no list of %s can be read (%s)", record.name, type(error).__name__)
                seen.without_list.add(record.name)
            return
        shown = 0
        for row, task in enumerate(page, start=read * size + 1):
            if (key := unseen.pop(task.task_id, None)) is not None:
                seen.found[key] = task
                shown, seen.rows = shown + 1, max(seen.rows, row)
        read += 1
        if not page.has_next:
            return
        if not shown and read >= min(reach, len(unseen)):
            # A page of strangers says that the rest is far down, or at the other end: the vendor
            # states no order. The largest page may still show it; if not, query it singly.
            if size == largest or len(unseen) <= 2:
                return
            size, reach, read, page = largest, math.ceil(rows / largest), 0, None


def _page(
    ctx: Context, record: EndpointRecord, number: int, size: int, before: int | None
) -> Flow[Page]:
    wire = ctx.wire_for(record)

    def read(reply: Reply) -> Page:
        return wire.page(reply, record, number, size)

    call = wire.list(record, number, size, before)
    return (yield from exchange(ctx, call, read, ctx.until(ctx.options.timeout)))


# ---------------------------------------------------------------- one task


def _look_at(ctx: Context, key: str, wanted: Wanted, seen: Look) -> Flow[None]:
    try:
        if wanted.record is None:
            found = yield from _find(ctx, wanted, seen)
        else:
            found = yield from _get(ctx, wanted.record, wanted, seen)
    except (KlingAPIError, TransportError) as error:
        # A task that was seen once exists: not finding it is the server's hiccup.
        exists = wanted.task is not None and isinstance(error, NotFoundError)
        if exists or is_transient(error):
            seen.stumbled(error)
        else:
            seen.failed[key] = error.about(task_id=wanted.name)
    else:
        seen.found[key] = found


def _find(ctx: Context, wanted: Wanted, seen: Look) -> Flow[Task]:
    """Return the task with an id, or with an external id, of whatever endpoint.

    Raises:
        NotFoundError: no endpoint knows it.
        KlingAPIError: it was not found, and an endpoint refused to answer.
        TransportError: a call got no answer.
    """
    missing: KlingError | None = None
    for name in sorted(ENDPOINTS, key=lambda name: name != seen.found_at):
        record = ENDPOINTS[name]
        if record.returns is not None:
            continue  # it makes no tasks
        try:
            # Most will not know it, which only a connection of one's own proves.
            task = yield from _get(ctx, record, wanted, seen, fresh=True)
        except KlingAPIError as error:
            if is_transient(error):
                raise
            if missing is None or not isinstance(error, NotFoundError):
                missing = error
        else:
            seen.found_at = name
            return task
    assert missing is not None  # noqa: S101 - there is at least one endpoint
    raise missing


def _get(
    ctx: Context, record: EndpointRecord, wanted: Wanted, seen: Look, *, fresh: bool = False
) -> Flow[Task]:
    wire, expected = ctx.wire_for(record), wanted.expected

    def read(reply: Reply) -> Task:
        return expected.check(wire.task(reply, record), reply)

    seen.requests += 1
    call = wire.get(record, wanted.name)
    return (yield from ask(ctx, call, read, ctx.until(ctx.options.timeout), fresh=fresh))

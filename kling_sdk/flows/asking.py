"""Queries for one task, at one place or at all places where it may be.

A place is the record of an endpoint of /v1, `TASKS` for every task that has its model in the path,
or `SOLUTIONS`. A bare id does not say at which place its task is: the place of the endpoint is
asked first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from typing import Final, Protocol

from kling_sdk.endpoints import ENDPOINTS
from kling_sdk.endpoints.record import EndpointRecord
from kling_sdk.errors import KlingAPIError, KlingError, NotFoundError, TransportError
from kling_sdk.flows.context import Context
from kling_sdk.flows.core import WRONG_ADDRESS, repeat
from kling_sdk.flows.effects import Flow
from kling_sdk.flows.identity import ExpectedTask
from kling_sdk.flows.retry import is_transient
from kling_sdk.results.task import Task
from kling_sdk.wire import HttpCall, Reply

#: The place for tasks of every product on the interface with the model in the path.
TASKS: Final = EndpointRecord("", path="/tasks", interface="model-path")
#: The place for tasks of `/solutions`; it is not known whether `/tasks` shows them.
SOLUTIONS: Final = EndpointRecord("", path="/solutions", interface="solutions")
#: The interfaces that have one place for all their products, which it does not tell apart.
SHARED: Final = {place.interface: place for place in (TASKS, SOLUTIONS)}


def place_for(record: EndpointRecord) -> EndpointRecord:
    """Return the place at which the tasks of an endpoint are queried and listed."""
    return SHARED.get(record.interface, record)


class Asking(Protocol):
    """A way to send a call that changes nothing: `ask` or `repeat`, with its settings."""

    def __call__(
        self, call: HttpCall, read: Callable[[Reply], Task], /, *, fresh: bool
    ) -> Flow[Task]:
        """Return the result read from the reply."""
        ...


def repeat_until(ctx: Context, until: float | None = None) -> Asking:
    """Return a way to send several calls that share one deadline, with all their repeats.

    Args:
        ctx: The context of the call.
        until: The monotonic time; None takes `options.deadline` from now.
    """
    return partial(repeat, ctx, until=until or ctx.until(ctx.options.deadline))


def read_task(
    ctx: Context,
    place: EndpointRecord,
    expected: ExpectedTask,
    asking: Asking,
    *,
    fresh: bool = False,
) -> Flow[Task]:
    """Return the task as its place shows it.

    Raises:
        NotFoundError: the place does not know it.
        KlingAPIError: it refused to answer.
        TransportError: no answer came.
    """
    wire = ctx.wire_for(place)

    def read(reply: Reply) -> Task:
        return expected.check(wire.task(reply, place), reply)

    calls = wire.get(place, *expected.name)
    for call in calls[:-1]:
        with suppress(NotFoundError):
            return (yield from asking(call, read, fresh=fresh))
    return (yield from asking(calls[-1], read, fresh=fresh))


def find_task(ctx: Context, record: EndpointRecord, name: str, asking: Asking) -> Flow[Task]:
    """Return the task that has the id *name*: of an endpoint, or else at `/tasks`.

    Raises:
        NotFoundError: neither knows it.
        KlingAPIError: the endpoint refused to answer.
        TransportError: a call got no answer.
    """
    expected = ExpectedTask(either=name)
    try:
        return (yield from read_task(ctx, record, expected, asking))
    except NotFoundError as error:
        if record.interface != "v1" or not ctx.can_ask_tasks:
            raise
        missing = error
    return (yield from _at_tasks(ctx, expected, asking, missing))


def _at_tasks(
    ctx: Context, expected: ExpectedTask, asking: Asking, missing: NotFoundError
) -> Flow[Task]:
    """Return the task as `/tasks` shows it, or raise *missing* if `/tasks` cannot tell."""
    try:
        return (yield from read_task(ctx, TASKS, expected, asking, fresh=True))
    except KlingAPIError as error:
        if is_transient(error):
            raise
    except TransportError as error:
        # The same page each time means that the server does not have this path.
        if WRONG_ADDRESS not in getattr(error, "__notes__", ()):
            raise
    raise missing


def find_anywhere(
    ctx: Context, name: str, asking: Asking, *, first: str = "", at_tasks: bool = True
) -> Flow[tuple[str, Task]]:
    """Return the task that has the id *name*, and the endpoint that knew it.

    Args:
        ctx: The context of the call.
        name: A task id or an external id.
        asking: How to query each place.
        first: The endpoint to ask first.
        at_tasks: False when `/tasks` was asked before.

    Raises:
        NotFoundError: no place knows it.
        KlingAPIError: it was not found, and a place refused to answer.
        TransportError: a call got no answer.
    """
    expected = ExpectedTask(either=name)
    missing: KlingError | None = None
    for place in _places(ctx, first, at_tasks=at_tasks):
        try:
            # Most places will not know it, which only a reply over a new connection proves.
            task = yield from read_task(ctx, place, expected, asking, fresh=True)
        except (KlingAPIError, TransportError) as error:
            # A page from `/tasks` may mean that the server does not have this path.
            is_shared = place in SHARED.values()
            is_page = isinstance(error, TransportError) and is_shared and error.page
            if is_transient(error) and not is_page:
                raise
            if missing is None or not isinstance(error, NotFoundError):
                missing = error
        else:
            return place.name, task
    assert missing is not None  # noqa: S101 - there is at least one endpoint
    raise missing


def _places(ctx: Context, first: str, *, at_tasks: bool) -> Iterator[EndpointRecord]:
    if at_tasks and ctx.can_ask_tasks:
        yield TASKS
    names = sorted(ENDPOINTS, key=lambda name: name != first)
    records = [ENDPOINTS[name] for name in names]
    places = [
        record for record in records if record.returns is None and place_for(record) is record
    ]
    if ctx.can_ask_tasks:  # before some twenty others, except the one that knew the last
        places.insert(1 if first else 0, SOLUTIONS)
    yield from places[:1] if ctx.is_relay else places  # a relay has one path for all

"""Asking for one task, at one place or wherever it may be.

A place is the record of an endpoint of /v1, `TASKS` for every task that has its model in the
path, or `SOLUTIONS`. A bare id does not say at which its task is: that of the endpoint is asked
first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Final, Protocol

from kling_sdk.endpoints import ENDPOINTS
from kling_sdk.endpoints.record import EndpointRecord
from kling_sdk.errors import KlingAPIError, KlingError, NotFoundError, TransportError
from kling_sdk.flows.context import Context
from kling_sdk.flows.core import WRONG_ADDRESS
from kling_sdk.flows.effects import Flow
from kling_sdk.flows.identity import ExpectedTask
from kling_sdk.flows.retry import is_transient
from kling_sdk.results import Task
from kling_sdk.wire import HttpCall, Reply

__all__ = [
    "SHARED",
    "SOLUTIONS",
    "TASKS",
    "Asking",
    "find_anywhere",
    "find_task",
    "place_for",
    "read_task",
]

#: Where tasks of the interface with the model in the path are asked for, whatever the product.
TASKS: Final = EndpointRecord("", path="/tasks", interface="model-path")
#: The same for tasks of `/solutions`; whether `/tasks` shows them is not known.
SOLUTIONS: Final = EndpointRecord("", path="/solutions", interface="solutions")
#: The interfaces with one place for the tasks of all their products, which it does not tell apart.
SHARED: Final = {place.interface: place for place in (TASKS, SOLUTIONS)}


def place_for(record: EndpointRecord) -> EndpointRecord:
    """Return where the tasks of an endpoint are asked for and listed."""
    return SHARED.get(record.interface, record)


class Asking(Protocol):
    """How a call is sent that changes nothing: `ask` or `repeat`, with their settings."""

    def __call__(
        self, call: HttpCall, read: Callable[[Reply], Task], /, *, fresh: bool
    ) -> Flow[Task]:
        """Return what was read of the reply."""
        ...


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
    """Return the task as `/tasks` shows it, or raise *missing* where that cannot tell."""
    try:
        return (yield from read_task(ctx, TASKS, expected, asking, fresh=True))
    except KlingAPIError as error:
        if is_transient(error):
            raise
    except TransportError as error:
        # The same page each time says that the server has no such path.
        if WRONG_ADDRESS not in getattr(error, "__notes__", ()):
            raise
    raise missing


def find_anywhere(
    ctx: Context, name: str, asking: Asking, *, first: str = "", at_tasks: bool = True
) -> Flow[tuple[str, Task]]:
    """Return the task that has the id *name*, and the endpoint that knew it.

    Args:
        ctx: Where, who, when.
        name: A task id or an external id.
        asking: How each place is asked.
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
            # Most will not know it, which only a connection of one's own proves.
            task = yield from read_task(ctx, place, expected, asking, fresh=True)
        except (KlingAPIError, TransportError) as error:
            # A page from `/tasks` may say that the server has no such path.
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
    places = [one for one in records if one.returns is None and place_for(one) is one]
    if ctx.can_ask_tasks:  # before some twenty others, but for the one that knew the last
        places.insert(1 if first else 0, SOLUTIONS)
    yield from places[:1] if ctx.is_relay else places  # a relay has one path for all

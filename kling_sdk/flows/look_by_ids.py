"""Queries at `/tasks` or `/solutions` for many tasks by their ids, 20 in a call.

The list silently leaves out ids that it does not know. So an item is matched by its own ids, and
the caller decides what a missing name means.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import TYPE_CHECKING, Final

from kling_sdk.endpoints.record import EndpointRecord
from kling_sdk.errors import KlingAPIError, KlingError, TransportError
from kling_sdk.flows.asking import TASKS
from kling_sdk.flows.context import Context
from kling_sdk.flows.core import ask
from kling_sdk.flows.effects import Flow
from kling_sdk.flows.retry import is_transient
from kling_sdk.results.task import Task
from kling_sdk.wire import WIRES, NameKind, Reply
from kling_sdk.wire.model_path import MODEL_PATH, ModelPathWire, looks_like_task_id

if TYPE_CHECKING:
    from kling_sdk.flows.look import Look

_KINDS: Final[tuple[tuple[NameKind, ...], ...]] = (
    ("task_id", "external_id"),
    ("external_id", "task_id"),
)


def groups_of_names(names: Collection[str]) -> Iterator[tuple[tuple[NameKind, ...], list[str]]]:
    """Yield names that one call can ask for, and the kinds of id that they may be.

    The kind that they look like comes first.
    """
    of_tasks = [name for name in names if looks_like_task_id(name)]
    others = [name for name in names if not looks_like_task_id(name) and "," not in name]
    for kinds, those in zip(_KINDS, (of_tasks, others), strict=True):
        for start in range(0, len(those), MODEL_PATH.max_ids):
            yield kinds, those[start : start + MODEL_PATH.max_ids]


def _wire_of(place: EndpointRecord) -> ModelPathWire:
    wire = WIRES[place.interface]
    assert isinstance(wire, ModelPathWire)  # noqa: S101 - no other asks for several
    return wire


def read_tasks(
    names: Collection[str], reply: Reply, place: EndpointRecord = TASKS
) -> dict[str, Task]:
    """Return the requested tasks of a reply, by the name that each was requested by."""
    tasks: dict[str, Task] = {}
    for task in _wire_of(place).tasks(reply, place):
        for name in (task.task_id, task.external_task_id):
            if name in names and name is not None:
                tasks[name] = task
    return tasks


def look_at_ids(
    ctx: Context,
    unseen: dict[str, str],
    is_due: Callable[[str], bool],
    seen: Look,
    place: EndpointRecord = TASKS,
) -> Flow[None]:
    """Query tasks that are known to exist, and empty *unseen*.

    A task that is missing in a reply is a temporary fault of the server: it was seen before.
    """
    names = list(unseen)
    for start in range(0, len(names), MODEL_PATH.max_ids):
        group = [name for name in names[start : start + MODEL_PATH.max_ids] if is_due(unseen[name])]
        if not group:
            continue
        try:
            tasks = yield from _ask(ctx, place, group, "task_id", seen, fresh=False)
        except (KlingAPIError, TransportError) as error:
            for name in group:
                _failed(name, unseen[name], error, seen)
            continue
        for name, task in tasks.items():
            seen.tasks[unseen[name]] = task
        seen.has_stumbled = seen.has_stumbled or len(tasks) < len(group)
    unseen.clear()


def look_for_names(
    ctx: Context, unseen: dict[str, str], is_due: Callable[[str], bool], seen: Look
) -> Flow[set[str]]:
    """Query bare ids; remove what is found from *unseen*.

    Returns:
        The names that could not be asked for, although `/tasks` may know them.
    """
    unsure: set[str] = set()
    for kinds, names in list(groups_of_names(unseen)):
        for asked_as in kinds:
            group = [name for name in names if name in unseen and is_due(unseen[name])]
            if not group:
                break
            try:
                # Some may not be known, which only a reply over a new connection proves.
                tasks = yield from _ask(ctx, TASKS, group, asked_as, seen, fresh=True)
            except (KlingAPIError, TransportError) as error:
                if isinstance(error, TransportError) and error.page:
                    unsure.update(group)  # the server may have no such path: ask the endpoints
                elif is_transient(error):
                    for name in group:
                        _failed(name, unseen.pop(name), error, seen)
                break
            for name, task in tasks.items():
                seen.tasks[unseen.pop(name)] = task
    return unsure


def _ask(
    ctx: Context,
    place: EndpointRecord,
    names: Sequence[str],
    kind: NameKind,
    seen: Look,
    *,
    fresh: bool,
) -> Flow[dict[str, Task]]:
    seen.requests += 1
    until = ctx.until(ctx.options.timeout)
    return (
        yield from ask(
            ctx,
            _wire_of(place).get_many(names, kind),
            lambda reply: read_tasks(names, reply, place),
            until,
            fresh=fresh,
        )
    )


def _failed(name: str, key: str, error: KlingError, seen: Look) -> None:
    """Note the failure of the query for one of several tasks; each has an error of its own."""
    if is_transient(error):
        seen.stumbled(error)
    else:
        seen.failed[key] = copy.copy(error).about(task_id=name)

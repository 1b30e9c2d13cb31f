"""Asking `/tasks`, or `/solutions`, for many tasks by their ids, 20 in a call.

The list leaves out what it does not know, and says nothing of it. So an item is taken by its own
ids, and a name that is missing is another's to judge.
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
from kling_sdk.results import Task
from kling_sdk.wire import WIRES, HttpCall, NameKind, Reply
from kling_sdk.wire.model_path import MODEL_PATH, ModelPathWire, looks_like_task_id

if TYPE_CHECKING:
    from kling_sdk.flows.look import Look

__all__ = ["groups_of_names", "look_at_ids", "look_for_names", "read_tasks", "tasks_call"]

_OTHER: Final[dict[NameKind, NameKind]] = {"task_id": "external_id", "external_id": "task_id"}


def groups_of_names(names: Collection[str]) -> Iterator[tuple[NameKind, list[str]]]:
    """Yield names that one call can ask for, by the kind of id that each looks like."""
    of_tasks = [name for name in names if looks_like_task_id(name)]
    others = [name for name in names if not looks_like_task_id(name) and "," not in name]
    kinds: tuple[tuple[NameKind, list[str]], ...] = (
        ("task_id", of_tasks),
        ("external_id", others),
    )
    for kind, those in kinds:
        for start in range(0, len(those), MODEL_PATH.max_ids):
            yield kind, those[start : start + MODEL_PATH.max_ids]


def other_kind(kind: NameKind) -> NameKind:
    """Return what a name may be that is not known as a *kind*."""
    return _OTHER[kind]


def tasks_call(names: Sequence[str], kind: NameKind, place: EndpointRecord = TASKS) -> HttpCall:
    """Return the call for up to 20 tasks."""
    return _wire_of(place).get_many(names, kind)


def _wire_of(place: EndpointRecord) -> ModelPathWire:
    wire = WIRES[place.interface]
    assert isinstance(wire, ModelPathWire)  # noqa: S101 - no other asks for several
    return wire


def read_tasks(
    names: Collection[str], reply: Reply, place: EndpointRecord = TASKS
) -> dict[str, Task]:
    """Return the tasks of a reply that were asked for, by the name that each was asked for by."""
    found: dict[str, Task] = {}
    for task in _wire_of(place).tasks(reply, place):
        for name in (task.task_id, task.external_task_id):
            if name in names and name is not None:
                found[name] = task
    return found


def look_at_ids(
    ctx: Context,
    unseen: dict[str, str],
    is_due: Callable[[str], bool],
    seen: Look,
    place: EndpointRecord = TASKS,
) -> Flow[None]:
    """Ask for tasks that exist, and empty *unseen*.

    One that is missing in a reply is the server's hiccup: it was seen before.
    """
    names = list(unseen)
    for start in range(0, len(names), MODEL_PATH.max_ids):
        group = [name for name in names[start : start + MODEL_PATH.max_ids] if is_due(unseen[name])]
        if not group:
            continue
        try:
            found = yield from _ask(ctx, place, group, "task_id", seen, fresh=False)
        except (KlingAPIError, TransportError) as error:
            for name in group:
                _failed(name, unseen[name], error, seen)
            continue
        for name, task in found.items():
            seen.found[unseen[name]] = task
        seen.has_stumbled = seen.has_stumbled or len(found) < len(group)
    unseen.clear()


def look_for_names(
    ctx: Context, unseen: dict[str, str], is_due: Callable[[str], bool], seen: Look
) -> Flow[set[str]]:
    """Ask for bare ids; take what is found out of *unseen*.

    Returns:
        The names that could not be asked for, although `/tasks` may know them.
    """
    unsure: set[str] = set()
    for kind, names in list(groups_of_names(unseen)):
        for asked_as in (kind, other_kind(kind)):
            group = [name for name in names if name in unseen and is_due(unseen[name])]
            if not group:
                break
            try:
                # Some may not be known, which only a connection of one's own proves.
                found = yield from _ask(ctx, TASKS, group, asked_as, seen, fresh=True)
            except (KlingAPIError, TransportError) as error:
                if isinstance(error, TransportError) and error.page:
                    unsure.update(group)  # the server may have no such path: ask the endpoints
                elif is_transient(error):
                    for name in group:
                        _failed(name, unseen.pop(name), error, seen)
                break
            for name, task in found.items():
                seen.found[unseen.pop(name)] = task
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
            tasks_call(names, kind, place),
            lambda reply: read_tasks(names, reply, place),
            until,
            fresh=fresh,
        )
    )


def _failed(name: str, key: str, error: KlingError, seen: Look) -> None:
    """Take note of what became of one of several tasks; each has an error of its own."""
    if is_transient(error):
        seen.stumbled(error)
    else:
        seen.failed[key] = copy.copy(error).about(task_id=name)

"""The service of a task: recorded when the task is sent, or at the latest when it gets Kling's id.

Relays that do not know services leave it out, and an upgrade records it. If two rows have the same
upstream id of the same service, one of them gets the service, and the unique index ignores the
others. `settle` does not charge a row without recording its service, so it never charges those.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import attrs

from kling_mock.relay.storage import statements as sql
from kling_mock.relay.storage.steps import RetryTransactionError, Transaction
from kling_mock.relay.storage.values import Channel, SentTask, ServiceClash, VideoRow
from kling_mock.relay.storage.values.services import service_at


def record_service(row: VideoRow) -> Transaction[VideoRow]:
    """Return *row* with its service; if it has none, that of its channel is recorded first.

    Raises:
        DuplicateError: Another row of the service has Kling's id of this one.
    """
    if row.service is not None:
        return row
    rows = yield sql.CHANNEL_BY_ID, (row.channel_id,)
    service = _label(row.channel_id, Channel(*rows[0]) if rows else None)
    changed = yield sql.RECORD_SERVICE, (service, row.task_id, row.channel_id)
    if changed != 1:
        raise RetryTransactionError
    return attrs.evolve(row, service=service)


def label_tasks(first: int, last: int) -> Transaction[tuple[int, Sequence[ServiceClash]]]:
    """Record the service of tasks that have an upstream id and no service.

    Args:
        first: The id of the first task.
        last: The id of the last task.

    Returns:
        The number of changed rows, and the tasks that share an upstream id of a service with
        another one.

    Raises:
        DuplicateError: A row got its upstream id meanwhile; run the transaction again.
    """
    rows = yield sql.UNLABELLED_CHANNELS, (first, last)
    sent_through = [int(row[0]) for row in rows]
    if not sent_through:
        return 0, ()
    rows = yield sql.CHANNELS, ()
    channels = {row[0]: Channel(*row) for row in rows}
    pairs = yield sql.SHARED_IDS, (first, last)
    clashes = _clashes(pairs, channels)
    changed = 0
    for clash in clashes:
        changed += yield from _give_label(clash)
    left_out = sorted(task.id for clash in clashes for task in clash.tasks)
    for lowest, highest in _between(first, last, left_out):
        for channel_id in sent_through:
            service = _label(channel_id, channels.get(channel_id))
            changed += yield sql.LABEL_TASKS, (service, lowest, highest, channel_id)
    return changed, clashes


def _label(channel_id: int, channel: Channel | None) -> str:
    return service_at("", channel_id) if channel is None else channel.service_label


def _clashes(
    pairs: Iterable[Sequence[Any]], channels: Mapping[int, Channel]
) -> Sequence[ServiceClash]:
    """Return the groups of tasks that have one upstream id of one service.

    Args:
        pairs: Rows of the columns of two `SentTask` with one upstream id.
        channels: All channels.
    """
    half = len(attrs.fields(SentTask))
    groups: defaultdict[tuple[str, str], dict[int, SentTask]] = defaultdict(dict)
    for columns in (side for pair in pairs for side in (pair[:half], pair[half:])):
        task = SentTask(*columns)
        service = task.service or _label(task.channel_id, channels.get(task.channel_id))
        groups[service, task.kling_task_id][task.id] = task
    return [
        ServiceClash(service, tuple(sorted(tasks.values(), key=_first)))
        for (service, _), tasks in groups.items()
        if len(tasks) > 1
    ]


def _first(task: SentTask) -> tuple[bool, bool, int]:
    """Return the key by which the tasks of a clash are sorted."""
    return not task.is_charged, task.service is None, task.id


def _between(first: int, last: int, left_out: Iterable[int]) -> Iterator[tuple[int, int]]:
    """Return the ranges from *first* to *last* between the ids that are *left_out*, sorted."""
    for row_id in left_out:
        if first <= row_id <= last:
            if first < row_id:
                yield first, row_id - 1
            first = row_id + 1
    if first <= last:
        yield first, last


def _give_label(clash: ServiceClash) -> Transaction[int]:
    """Record the service of the first task, after taking it from another that is not charged."""
    changed = 0
    winner, *others = clash.tasks
    for task in others:
        if task.service is not None:
            count = yield sql.CLEAR_SERVICE, (task.id, task.status)
            if count != 1:
                raise RetryTransactionError
            changed += count
    if winner.service is None:
        count = yield (
            sql.LABEL_TASKS,
            (clash.service, winner.id, winner.id, winner.channel_id),
        )
        changed += count
    return changed

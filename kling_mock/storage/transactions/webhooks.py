"""Outgoing callbacks."""

from __future__ import annotations

from collections.abc import Sequence

from kling_mock.storage import statements as sql
from kling_mock.storage.errors import UnknownError
from kling_mock.storage.money_rules import check_limit
from kling_mock.storage.steps import Transaction
from kling_mock.storage.text import is_task_id
from kling_mock.storage.values import DueNotice, Notice, NoticeState, WebhookDelivery


def list_due_notices(
    *, now: int, after: tuple[int, int] = (0, 0), limit: int
) -> Transaction[Sequence[DueNotice]]:
    check_limit(limit)
    at, number = after
    rows = yield sql.DUE_NOTICES, (now, now, at, at, number, limit)
    return [DueNotice(*row) for row in rows]


def claim_notices(
    event_ids: Sequence[str], *, now: int, lease_until: int
) -> Transaction[Sequence[Notice]]:
    claimed: dict[str, Notice] = {}
    # Sorted, so that two senders lock the rows in the same order.
    for event_id in sorted(filter(is_task_id, event_ids)):
        changed = yield sql.CLAIM_NOTICE, (lease_until, event_id, now, now)
        if changed == 1:
            found = yield sql.NOTICE, (event_id,)
            claimed[event_id] = Notice(*found[0])
    return [claimed[event_id] for event_id in event_ids if event_id in claimed]


def put_off_notices(event_ids: Sequence[str], at: int, *, now: int) -> Transaction[None]:
    for event_id in sorted(filter(is_task_id, event_ids)):
        yield sql.PUT_OFF_NOTICE, (at, event_id, at, now)


def stop_notice(event_id: str, *, now: int) -> Transaction[bool]:
    if not is_task_id(event_id):
        return False
    changed = yield sql.STOP_NOTICE, (now, event_id)
    return bool(changed)


def record_delivery(delivery: WebhookDelivery, *, now: int) -> Transaction[bool]:
    if not is_task_id(delivery.event_id):
        return False
    changed = yield (
        sql.RECORD_DELIVERY,
        (
            delivery.state.value,
            delivery.attempts + 1,
            delivery.next_at,
            delivery.http_status,
            delivery.error,
            now,
            delivery.event_id,
            delivery.attempts,
        ),
    )
    return bool(changed)


def replay_notice(event_id: str, *, now: int) -> Transaction[Notice]:
    if is_task_id(event_id):
        yield sql.REPLAY_NOTICE, (now, event_id)
        rows = yield sql.NOTICE, (event_id,)
        if rows:
            return Notice(*rows[0])
    raise UnknownError("notice", event_id)


def list_notices(
    *,
    state: NoticeState | None = None,
    user_id: int | None = None,
    before: int | None = None,
    limit: int = 100,
) -> Transaction[Sequence[Notice]]:
    check_limit(limit)
    states = ("", "~") if state is None else (state.value, state.value)
    rows = yield sql.NOTICES, (*states, *sql.between(user_id), sql.ceiling(before), limit)
    return [Notice(*row) for row in rows]

"""Outgoing callbacks."""

from __future__ import annotations

from collections.abc import Sequence

from kling_mock.relay.storage import statements as sql
from kling_mock.relay.storage.errors import UnknownError
from kling_mock.relay.storage.money_rules import check_limit
from kling_mock.relay.storage.steps import Transaction
from kling_mock.relay.storage.text import is_task_id
from kling_mock.relay.storage.values import (
    MAX_LEASE,
    MAX_WAIT,
    DueNotice,
    Notice,
    NoticeState,
    WebhookDelivery,
)


def list_due_notices(
    *, now: int, after: tuple[int, int] = (0, 0), limit: int
) -> Transaction[Sequence[DueNotice]]:
    """Return a page of pending notices that are due and not leased, the first due first.

    Args:
        after: `next_at` and `id` of the last notice of the page before.
        limit: Maximum number of notices.
    """
    check_limit(limit)
    at, number = after
    rows = yield sql.DUE_NOTICES, (now, now, now + MAX_LEASE, at, at, number, limit)
    return [DueNotice(*row) for row in rows]


def has_far_notices(*, now: int) -> Transaction[bool]:
    """Return whether a pending notice is due later than any pause allows (after a wrong clock)."""
    ((at,),) = yield sql.FAR_NOTICES, (now + MAX_WAIT,)
    return at is not None


def hasten_notices(*, now: int) -> Transaction[None]:
    """Make these notices due now."""
    yield sql.HASTEN_NOTICES, (now, now + MAX_WAIT)


def claim_notices(
    event_ids: Sequence[str], *, now: int, lease_until: int
) -> Transaction[Sequence[Notice]]:
    """Lease those of some notices that are still due, in their order.

    No other caller gets them before *lease_until*.
    """
    claimed: dict[str, Notice] = {}
    # Sorted, so that two senders lock the rows in the same order.
    for event_id in sorted(filter(is_task_id, event_ids)):
        changed = yield sql.CLAIM_NOTICE, (lease_until, event_id, now, now, now + MAX_LEASE)
        if changed == 1:
            rows = yield sql.NOTICE, (event_id,)
            claimed[event_id] = Notice(*rows[0])
    return [claimed[event_id] for event_id in event_ids if event_id in claimed]


def put_off_notices(event_ids: Sequence[str], at: int, *, now: int) -> Transaction[None]:
    """Schedule some notices that are not leased for *at*, unless they are due later."""
    for event_id in sorted(filter(is_task_id, event_ids)):
        yield sql.PUT_OFF_NOTICE, (at, event_id, at, now, now + MAX_LEASE)


def stop_notice(event_id: str, *, now: int) -> Transaction[bool]:
    """Keep a pending notice back, because its receiver is switched off; see `replay_notice`.

    Returns:
        Whether it was pending.
    """
    if not is_task_id(event_id):
        return False
    changed = yield sql.STOP_NOTICE, (now, event_id)
    return bool(changed)


def record_delivery(delivery: WebhookDelivery, *, now: int) -> Transaction[bool]:
    """Record how an attempt ended, and release the lease.

    Returns:
        False if it is not pending or another attempt was recorded first.
    """
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
    """Make a notice pending again, due now, with no attempts.

    Raises:
        UnknownError: There is none.
    """
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
    """Return notices with ids below *before*, the newest first."""
    check_limit(limit)
    states = ("", "~") if state is None else (state.value, state.value)
    rows = yield sql.NOTICES, (*states, *sql.between(user_id), sql.ceiling(before), limit)
    return [Notice(*row) for row in rows]

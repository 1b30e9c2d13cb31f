"""Receivers of webhooks that fail, and the secrets that sign."""

from __future__ import annotations

from collections.abc import Sequence

from kling_mock.storage import statements as sql
from kling_mock.storage.errors import ExistsError, UnknownError
from kling_mock.storage.money_rules import check_limit
from kling_mock.storage.steps import DuplicateError, RetryTransactionError, Transaction
from kling_mock.storage.transactions.accounts import living_user
from kling_mock.storage.values import Receiver, ReceiverCounts, SecretRotation


def find_receiver(user_id: int, host: str) -> Transaction[Receiver | None]:
    rows = yield sql.RECEIVER, (user_id, host)
    return Receiver(*rows[0]) if rows else None


def list_receivers(*, after: int = 0, limit: int = 100) -> Transaction[Sequence[Receiver]]:
    check_limit(limit)
    rows = yield sql.RECEIVERS, (after, limit)
    return [Receiver(*row) for row in rows]


def count_receivers() -> Transaction[ReceiverCounts]:
    rows = yield sql.RECEIVER_COUNTS, ()
    return ReceiverCounts(*map(int, rows[0]))


def record_failure(
    user_id: int, host: str, *, now: int, off_from: int, least: int
) -> Transaction[Receiver]:
    before = yield from find_receiver(user_id, host)
    if before is None:
        try:
            yield sql.INSERT_RECEIVER, (user_id, host, 1, now, now, 0)
        except DuplicateError:
            raise RetryTransactionError from None
    elif not before.is_off:
        failures = before.failures + 1
        is_due = before.failing_since <= off_from and failures >= least
        changed = yield (
            sql.COUNT_FAILURE,
            (failures, now, now if is_due else 0, before.id, before.failures),
        )
        if changed != 1:
            raise RetryTransactionError
    found = yield from find_receiver(user_id, host)
    if found is None:
        raise RetryTransactionError
    return found


def record_success(user_id: int, host: str) -> Transaction[None]:
    yield sql.FORGET_RECEIVER, (user_id, host)


def switch_receiver(receiver_id: int, *, off_at: int, now: int) -> Transaction[Receiver]:
    yield sql.SWITCH_RECEIVER, (now, off_at, receiver_id)
    rows = yield sql.RECEIVER_BY_ID, (receiver_id,)
    if not rows:
        raise UnknownError("receiver", receiver_id)
    return Receiver(*rows[0])


def find_webhook_secret(user_id: int) -> Transaction[SecretRotation | None]:
    rows = yield sql.WEBHOOK_SECRET, (user_id,)
    return SecretRotation(*rows[0]) if rows else None


def rotate_webhook_secret(
    user_id: int, *, generation: int, overlap_until: int
) -> Transaction[SecretRotation]:
    yield from living_user(user_id)
    wanted = SecretRotation(user_id, generation, overlap_until)
    before = yield from find_webhook_secret(user_id)
    if before == wanted:
        return wanted  # made by this call's first run
    if (0 if before is None else before.generation) != generation - 1:
        raise ExistsError("webhook secret", f"generation {generation}")
    if before is None:
        try:
            yield sql.INSERT_WEBHOOK_SECRET, (user_id, generation, overlap_until)
        except DuplicateError:
            raise RetryTransactionError from None
    else:
        changed = yield (
            sql.ROTATE_WEBHOOK_SECRET,
            (generation, overlap_until, user_id, generation - 1),
        )
        if changed != 1:
            raise RetryTransactionError
    return wanted

"""Receivers of webhooks that fail, and the secrets that sign."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from kling_mock.relay.storage import statements as sql
from kling_mock.relay.storage.errors import ExistsError, UnknownError
from kling_mock.relay.storage.money_rules import check_limit
from kling_mock.relay.storage.steps import DuplicateError, RetryTransactionError, Transaction
from kling_mock.relay.storage.transactions.accounts import living_user
from kling_mock.relay.storage.values import Receiver, ReceiverCounts, SecretRotation

#: The name of the secret from which those of users are derived.
_CALLBACKS: Final = "callbacks"


def find_receiver(user_id: int, host: str) -> Transaction[Receiver | None]:
    """Return a receiver that fails or is switched off; None for any other."""
    rows = yield sql.RECEIVER, (user_id, host)
    return Receiver(*rows[0]) if rows else None


def list_receivers(*, after: int = 0, limit: int = 100) -> Transaction[Sequence[Receiver]]:
    """Return receivers that fail or are switched off, ids above *after*, lowest first."""
    check_limit(limit)
    rows = yield sql.RECEIVERS, (after, limit)
    return [Receiver(*row) for row in rows]


def count_receivers() -> Transaction[ReceiverCounts]:
    """Return the numbers of receivers that fail and that are switched off."""
    rows = yield sql.RECEIVER_COUNTS, ()
    return ReceiverCounts(*map(int, rows[0]))


def record_failure(
    user_id: int, host: str, *, now: int, off_from: int, min_failures: int
) -> Transaction[Receiver]:
    """Count a failed attempt of a receiver, and switch it off if that is due.

    Args:
        user_id: The receiver's user.
        host: Its host.
        off_from: The receiver is switched off only if it has failed since this instant or longer.
        min_failures: The receiver is switched off only after this many failures in a row.
    """
    before = yield from find_receiver(user_id, host)
    if before is None:
        try:
            yield sql.INSERT_RECEIVER, (user_id, host, 1, now, now, 0)
        except DuplicateError:
            raise RetryTransactionError from None
    elif not before.is_off:
        failures = before.failures + 1
        is_due = before.failing_since <= off_from and failures >= min_failures
        changed = yield (
            sql.COUNT_FAILURE,
            (failures, now, now if is_due else 0, before.id, before.failures),
        )
        if changed != 1:
            raise RetryTransactionError
    receiver = yield from find_receiver(user_id, host)
    if receiver is None:
        raise RetryTransactionError
    return receiver


def record_success(user_id: int, host: str) -> Transaction[None]:
    """Forget the failures of a receiver that is not switched off."""
    yield sql.FORGET_RECEIVER, (user_id, host)


def switch_receiver(receiver_id: int, *, off_at: int, now: int) -> Transaction[Receiver]:
    """Switch a receiver off at *off_at*, or on with 0; its failures count from *now* on.

    Raises:
        UnknownError: There is none.
    """
    yield sql.SWITCH_RECEIVER, (now, off_at, receiver_id)
    rows = yield sql.RECEIVER_BY_ID, (receiver_id,)
    if not rows:
        raise UnknownError("receiver", receiver_id)
    return Receiver(*rows[0])


def find_webhook_secret(user_id: int) -> Transaction[SecretRotation | None]:
    """Return which secret signs a user's callbacks; None if it was never rotated."""
    rows = yield sql.WEBHOOK_SECRET, (user_id,)
    return SecretRotation(*rows[0]) if rows else None


def rotate_webhook_secret(
    user_id: int, *, generation: int, overlap_until: int
) -> Transaction[SecretRotation]:
    """Make the secret of *generation* sign, and until *overlap_until* the one before it too.

    Raises:
        ExistsError: The secret was rotated since the caller read it.
        UnknownError: There is no such user, or it is deleted.
    """
    yield from living_user(user_id)
    rotation = SecretRotation(user_id, generation, overlap_until)
    before = yield from find_webhook_secret(user_id)
    if before == rotation:
        return rotation  # made by this call's first run
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
    return rotation


def keep_callback_secret(secret: bytes) -> Transaction[bytes]:
    """Return the stored secret from which those of users are derived; *secret* if there is none.

    Args:
        secret: Is stored if there is none.
    """
    rows = yield sql.SECRET, (_CALLBACKS,)
    if rows:
        return bytes.fromhex(rows[0][0])
    try:
        yield sql.INSERT_SECRET, (_CALLBACKS, secret.hex())
    except DuplicateError:
        raise RetryTransactionError from None
    return secret

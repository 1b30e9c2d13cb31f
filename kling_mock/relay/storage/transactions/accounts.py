"""Users, their credits, and tokens."""

from __future__ import annotations

from collections.abc import Sequence

from kling_mock.relay.storage import statements as sql
from kling_mock.relay.storage.errors import ExistsError, InsufficientQuotaError, UnknownError
from kling_mock.relay.storage.money_rules import check_limit
from kling_mock.relay.storage.steps import DuplicateError, RetryTransactionError, Transaction, names
from kling_mock.relay.storage.text import check_fits, is_external_id, is_task_id, task_id
from kling_mock.relay.storage.values import (
    DELETED,
    ENABLED,
    MAX_BALANCE,
    Caller,
    LedgerEntry,
    LedgerKind,
    NewToken,
    NewUser,
    Token,
    User,
)
from kling_mock.relay.storage.values.accounts import check_amount, signed_amount

_USER = len(names(User))  # columns

# ---------------------------------------------------------------- users


def get_user(user_id: int) -> Transaction[User]:
    """Return a user, or raise `UnknownError`."""
    rows = yield sql.USER_BY_ID, (user_id,)
    if not rows:
        raise UnknownError("user", user_id)
    return User(*rows[0])


def living_user(user_id: int) -> Transaction[User]:
    """Return a user that is not deleted, or raise `UnknownError`."""
    user = yield from get_user(user_id)
    if user.status == DELETED:
        raise UnknownError("user", user_id)
    return user


def create_user(user: NewUser, *, now: int) -> Transaction[User]:
    """Create a user, with a ledger row of its opening balance, also if that is 0.

    Raises:
        ExistsError: The name is taken.
    """
    before = yield from find_user(user.username)
    if before is not None:
        if (before.created_at, before.quota, before.status) == (now, user.quota, user.status):
            return before
        raise ExistsError("user", "username")
    ((highest,),) = yield sql.HIGHEST_USER, ()
    number = (highest or 0) + 1
    try:
        yield sql.INSERT_USER, (number, user.username, user.status, user.quota, now)
    except DuplicateError:
        raise RetryTransactionError from None
    created = yield from find_user(user.username)
    assert created is not None  # noqa: S101 - inserted above, in this transaction
    opening = (LedgerKind.OPENING.value, str(created.id), created.id, 0, 0, user.quota, 0, "", now)
    yield sql.INSERT_LEDGER, opening
    return created


def find_user(username: str) -> Transaction[User | None]:
    """Return the user of that name, byte for byte."""
    if not is_external_id(username):
        return None
    rows = yield sql.USER_BY_NAME, (username,)
    return User(*rows[0]) if rows else None


def list_users(*, after: int = 0, limit: int = 100) -> Transaction[Sequence[User]]:
    """Return users with ids above *after*, the lowest first."""
    check_limit(limit)
    rows = yield sql.USERS, (after, limit)
    return [User(*row) for row in rows]


def set_user_status(user_id: int, status: int) -> Transaction[User]:
    """Switch a user on or off, or delete it; its open tasks continue.

    Raises:
        UnknownError: There is none, or it is deleted, which is permanent.
    """
    yield sql.SET_USER_STATUS, (status, user_id)
    user = yield from get_user(user_id)
    if user.status == DELETED != status:
        raise UnknownError("user", user_id)
    return user


#: Owns a number that the operator has declared nobody's.
_NOBODY = 0


def bind_user(user_id: int, number: int) -> Transaction[User]:
    """Make a user the owner of an old program's rows that name *number*, too.

    Raises:
        ExistsError: The number is another user's.
        UnknownError: There is no such user, or it is deleted.
    """
    user = yield from living_user(user_id)
    owner = yield from _old_user(number)
    if owner not in {None, _NOBODY, user_id}:
        raise ExistsError("user", "old number")
    yield from _set_old_user(number, owner, user_id)
    return user


def disown_number(number: int) -> Transaction[None]:
    """Declare that the rows of an old program that name *number* are nobody's."""
    yield from _set_old_user(number, (yield from _old_user(number)), _NOBODY)


def list_old_numbers(user_id: int) -> Transaction[Sequence[int]]:
    """Return the numbers by which rows of an old program call a user, who sees these rows."""
    rows = yield sql.OLD_NUMBERS, (user_id,)
    return [int(number) for (number,) in rows]


def user_of_old_number(number: int) -> Transaction[int | None]:
    """Return the user who sees an old program's rows of *number*; None if nobody does."""
    return (yield from _old_user(number)) or None


def _old_user(number: int) -> Transaction[int | None]:
    rows = yield sql.OLD_USER, (number,)
    return int(rows[0][0]) if rows else None


def _set_old_user(number: int, before: int | None, user_id: int) -> Transaction[None]:
    if before == user_id:
        return
    try:
        if before is None:
            yield sql.INSERT_OLD_USER, (number, user_id)
        elif (yield sql.SET_OLD_USER, (user_id, number, before)) != 1:
            raise RetryTransactionError
    except DuplicateError:
        raise RetryTransactionError from None


def credit(
    user_id: int, amount: int, *, reference: str, now: int, note: str = ""
) -> Transaction[LedgerEntry]:
    """Add *amount* to a balance, or take it away if it is negative, once per *reference*.

    Args:
        user_id: The user.
        amount: Quota, not 0.
        reference: The caller's own id of this credit, with the syntax of a `task_id`. A repeated
            reference returns the first entry and moves nothing.
        note: A note for people.

    Raises:
        ExistsError: The reference belongs to another user or amount.
        InsufficientQuotaError: It would take more than the quota that is neither spent nor held.
        UnknownError: There is no such user, or it is deleted.
        ValueError: The amount or the reference is invalid, or the balance would exceed
            `MAX_BALANCE`.
    """
    check_fits("note", note, 255)
    key = (task_id(reference), LedgerKind.CREDIT.value)
    rows = yield sql.LEDGER_ENTRY, key
    if rows:
        before = LedgerEntry(*rows[0])
        if (before.user_id, before.amount) != (user_id, signed_amount(amount)):
            raise ExistsError("credit", "reference")
        return before
    try:
        # The ledger comes before the user: its unique key makes two equal credits one.
        entry = (key[1], key[0], user_id, 0, 0, signed_amount(amount), 0, note, now)
        yield sql.INSERT_LEDGER, entry
    except DuplicateError:
        raise RetryTransactionError from None
    changed = yield sql.CREDIT_USER, (amount, amount, user_id, amount, amount, MAX_BALANCE)
    if changed != 1:
        user = yield from living_user(user_id)
        if user.quota + amount > MAX_BALANCE:
            raise ValueError(f"a balance is at most {MAX_BALANCE}")
        if user.available + amount >= 0:
            raise RetryTransactionError
        raise InsufficientQuotaError("user", -amount, user.available)
    rows = yield sql.LEDGER_ENTRY, key
    return LedgerEntry(*rows[0])


def list_ledger(
    user_id: int, *, before: int | None = None, limit: int = 100
) -> Transaction[Sequence[LedgerEntry]]:
    """Return a user's ledger entries with ids below *before*, the newest first."""
    check_limit(limit)
    rows = yield sql.LEDGER_OF_USER, (user_id, sql.ceiling(before), limit)
    return [LedgerEntry(*row) for row in rows]


def find_charge(task_id: str) -> Transaction[LedgerEntry | None]:
    """Return the charge of a task, if it was charged, even if that charge is 0."""
    if not is_task_id(task_id):
        return None
    rows = yield sql.LEDGER_ENTRY, (task_id, LedgerKind.CHARGE.value)
    return LedgerEntry(*rows[0]) if rows else None


# ---------------------------------------------------------------- tokens


def create_token(token: NewToken, *, now: int) -> Transaction[Token]:
    """Create a token.

    Raises:
        ExistsError: Its hash is taken.
        UnknownError: There is no such user, or it is deleted.
    """
    yield from living_user(token.user_id)
    before = yield sql.TOKEN_BY_HASH, (token.token_hash,)
    if before:
        return _same_token(Token(*before[0]), token, now)
    unlimited = token.remain_quota is None
    ((highest,),) = yield sql.HIGHEST_TOKEN, ()
    try:
        yield (
            sql.INSERT_TOKEN,
            (
                (highest or 0) + 1,
                token.user_id,
                token.token_hash,
                token.name,
                ENABLED,
                token.expires_at,
                int(unlimited),
                token.remain_quota or 0,
                now,
            ),
        )
    except DuplicateError:
        raise RetryTransactionError from None
    rows = yield sql.TOKEN_BY_HASH, (token.token_hash,)
    return Token(*rows[0])


def _same_token(before: Token, token: NewToken, now: int) -> Token:
    if (before.user_id, before.name, before.created_at) != (token.user_id, token.name, now):
        raise ExistsError("token", "hash")
    return before


def authenticate(token_hash: str) -> Transaction[Caller | None]:
    """Return the token of that hash and its user, enabled or not, expired or not."""
    if not is_task_id(token_hash):
        return None
    rows = yield sql.CALLER, (token_hash,)
    if not rows:
        return None
    (row,) = rows
    return Caller(User(*row[:_USER]), Token(*row[_USER:]))


def list_tokens(user_id: int) -> Transaction[Sequence[Token]]:
    """Return a user's tokens, the oldest first."""
    rows = yield sql.TOKENS_OF_USER, (user_id,)
    return [Token(*row) for row in rows]


def _token(token_id: int) -> Transaction[Token]:
    rows = yield sql.TOKEN_BY_ID, (token_id,)
    if not rows:
        raise UnknownError("token", token_id)
    return Token(*rows[0])


def set_token_status(token_id: int, status: int) -> Transaction[Token]:
    """Switch a token on or off, or delete it; its open tasks continue.

    Raises:
        UnknownError: There is none, or it is deleted, which is permanent.
    """
    yield sql.SET_TOKEN_STATUS, (status, token_id)
    token = yield from _token(token_id)
    if token.status == DELETED != status:
        raise UnknownError("token", token_id)
    return token


def set_token_quota(token_id: int, remain_quota: int | None) -> Transaction[Token]:
    """Set the quota that a token may still spend, including its holds; None means no limit.

    Raises:
        InsufficientQuotaError: Its open tasks hold more than that.
        UnknownError: There is none, or it is deleted.
        ValueError: It is not a whole number from 0 to `MAX_AMOUNT`.
    """
    if remain_quota is not None:
        check_amount("remain_quota", remain_quota)
    limit = (int(remain_quota is None), remain_quota or 0)
    yield sql.SET_TOKEN_QUOTA, (*limit, token_id, *limit)
    token = yield from _token(token_id)
    if token.status == DELETED:
        raise UnknownError("token", token_id)
    # Not the count of changed rows: MySQL counts none if the values are the same as before.
    if (token.unlimited, token.remain_quota) != limit:
        raise InsufficientQuotaError("token", token.held_quota, limit[1])
    return token

"""Users, their credits, and tokens."""

from __future__ import annotations

from collections.abc import Sequence

from kling_mock.storage import statements as sql
from kling_mock.storage.errors import ExistsError, InsufficientQuotaError, UnknownError
from kling_mock.storage.money_rules import check_limit
from kling_mock.storage.steps import DuplicateError, RetryTransactionError, Transaction
from kling_mock.storage.text import check_fits, is_external_id, is_task_id, task_id
from kling_mock.storage.values import (
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
from kling_mock.storage.values.accounts import check_amount, signed_amount

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
    before = yield from find_user(user.username)
    if before is not None:
        if (before.created_at, before.quota, before.status) == (now, user.quota, user.status):
            return before
        raise ExistsError("user", "username")
    try:
        yield sql.INSERT_USER, (user.username, user.status, user.quota, now)
    except DuplicateError:
        raise RetryTransactionError from None
    made = yield from find_user(user.username)
    assert made is not None  # noqa: S101 - inserted above, in this transaction
    opening = (LedgerKind.OPENING.value, str(made.id), made.id, 0, 0, user.quota, 0, "", now)
    yield sql.INSERT_LEDGER, opening
    return made


def find_user(username: str) -> Transaction[User | None]:
    if not is_external_id(username):
        return None
    rows = yield sql.USER_BY_NAME, (username,)
    return User(*rows[0]) if rows else None


def list_users(*, after: int = 0, limit: int = 100) -> Transaction[Sequence[User]]:
    check_limit(limit)
    rows = yield sql.USERS, (after, limit)
    return [User(*row) for row in rows]


def set_user_status(user_id: int, status: int) -> Transaction[User]:
    yield sql.SET_USER_STATUS, (status, user_id)
    user = yield from get_user(user_id)
    if user.status == DELETED != status:
        raise UnknownError("user", user_id)
    return user


def credit(
    user_id: int, amount: int, *, reference: str, now: int, note: str = ""
) -> Transaction[LedgerEntry]:
    check_fits("note", note, 255)
    key = (task_id(reference), LedgerKind.CREDIT.value)
    rows = yield sql.LEDGER_ENTRY, key
    if rows:
        before = LedgerEntry(*rows[0])
        if (before.user_id, before.amount) != (user_id, signed_amount(amount)):
            raise ExistsError("credit", "reference")
        return before
    try:
        # The ledger before the user: its unique key is what makes two credits one.
        entry = (key[1], key[0], user_id, 0, 0, signed_amount(amount), 0, note, now)
        yield sql.INSERT_LEDGER, entry
    except DuplicateError:
        raise RetryTransactionError from None
    changed = yield sql.CREDIT_USER, (amount, user_id, amount, amount, MAX_BALANCE)
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
    check_limit(limit)
    rows = yield sql.LEDGER_OF_USER, (user_id, sql.ceiling(before), limit)
    return [LedgerEntry(*row) for row in rows]


def find_charge(task_id: str) -> Transaction[LedgerEntry | None]:
    if not is_task_id(task_id):
        return None
    rows = yield sql.LEDGER_ENTRY, (task_id, LedgerKind.CHARGE.value)
    return LedgerEntry(*rows[0]) if rows else None


# ---------------------------------------------------------------- tokens


def create_token(token: NewToken, *, now: int) -> Transaction[Token]:
    yield from living_user(token.user_id)
    before = yield sql.TOKEN_BY_HASH, (token.token_hash,)
    if before:
        return _same_token(Token(*before[0]), token, now)
    unlimited = token.remain_quota is None
    try:
        yield (
            sql.INSERT_TOKEN,
            (
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
    if not is_task_id(token_hash):
        return None
    rows = yield sql.CALLER, (token_hash,)
    if not rows:
        return None
    (row,) = rows
    return Caller(User(*row[:8]), Token(*row[8:]))


def list_tokens(user_id: int) -> Transaction[Sequence[Token]]:
    rows = yield sql.TOKENS_OF_USER, (user_id,)
    return [Token(*row) for row in rows]


def _token(token_id: int) -> Transaction[Token]:
    rows = yield sql.TOKEN_BY_ID, (token_id,)
    if not rows:
        raise UnknownError("token", token_id)
    return Token(*rows[0])


def set_token_status(token_id: int, status: int) -> Transaction[Token]:
    yield sql.SET_TOKEN_STATUS, (status, token_id)
    token = yield from _token(token_id)
    if token.status == DELETED != status:
        raise UnknownError("token", token_id)
    return token


def set_token_quota(token_id: int, remain_quota: int | None) -> Transaction[Token]:
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

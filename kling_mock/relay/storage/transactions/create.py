"""Creating a task: the hold, and the row before anything is sent."""

from __future__ import annotations

from itertools import count
from typing import Any

from kling_mock.relay.storage import statements as sql
from kling_mock.relay.storage.errors import (
    DisabledError,
    ExistsError,
    ExternalIdConflictError,
    InsufficientQuotaError,
    UnknownError,
)
from kling_mock.relay.storage.steps import (
    DuplicateError,
    RetryTransactionError,
    Transaction,
    TransactionFactory,
)
from kling_mock.relay.storage.transactions.accounts import get_user
from kling_mock.relay.storage.values import (
    ENABLED,
    UNNUMBERED,
    Attempt,
    Created,
    LedgerKind,
    NewTask,
    Token,
    VideoRow,
)

_NO_ATTEMPT = Attempt(0, "", 0)


def creating(task: NewTask, now: int, next_poll_at: int) -> TransactionFactory[Created]:
    """Return the runs of `create_task`: the first one does not look for an earlier row.

    Nearly every create is new, so the first run reads nothing and writes at once. A conflict may
    come from an earlier run of the same create, so the next runs look first.
    """
    runs = count()
    return lambda: create_task(task, now, next_poll_at, look=next(runs) > 0)


def create_task(task: NewTask, now: int, next_poll_at: int, *, look: bool) -> Transaction[Created]:
    """Hold the price, and insert the row and the ledger's entry of the hold.

    Args:
        task: As in `Storage.create_task`.
        now: As there.
        next_poll_at: As there.
        look: Whether to look first for a row that this request has made already.
    """
    if look:
        before = yield from _before(task)
        if before is not None:
            return Created(before, is_new=False)
    try:
        yield from _hold_user(task)
        if task.token_id:
            yield from _hold_token(task, task.token_id, now)
    except (DisabledError, InsufficientQuotaError, UnknownError):
        if look:
            raise
        raise RetryTransactionError from None
    row = _row(task, now, next_poll_at)
    try:
        yield sql.INSERT_VIDEO, row
        if not task.overdraft:
            yield sql.INSERT_LEDGER, _hold_entry(task, now)
    except DuplicateError:
        raise RetryTransactionError from None  # the next run finds the task that has the id
    return Created(VideoRow(UNNUMBERED, *row), is_new=True)


def _before(task: NewTask) -> Transaction[VideoRow | None]:
    """Return the row that this request has made already."""
    if task.external_task_id is not None:
        rows = yield sql.VIDEO_BY_EXTERNAL_ID, (task.user_id, task.external_task_id)
        if rows:
            row = VideoRow(*rows[0])
            if row.request_hash != task.request_hash:
                raise ExternalIdConflictError(row.task_id)
            return row
    rows = yield sql.VIDEO, (task.task_id,)
    if not rows:
        return None
    row = VideoRow(*rows[0])
    if (row.user_id, row.request_hash) != (task.user_id, task.request_hash):
        raise ExistsError("task", "task_id")
    return row


def _hold_user(task: NewTask) -> Transaction[None]:
    # A price of 0 would not change a row, and MySQL would count none: then only read the quota.
    if task.price and not task.overdraft:
        changed = yield sql.HOLD_USER, (task.price, task.user_id, task.price)
        if changed == 1:
            return
    user = yield from get_user(task.user_id)
    if user.status != ENABLED:
        raise DisabledError("user")
    available = user.quota if task.overdraft else user.available
    if available < task.price:
        raise InsufficientQuotaError("user", task.price, available)
    if task.price and not task.overdraft:
        raise RetryTransactionError  # the quota suffices by now


def _hold_token(task: NewTask, token_id: int, now: int) -> Transaction[None]:
    if task.price and not task.overdraft:
        changed = yield sql.HOLD_TOKEN, (task.price, token_id, task.user_id, now, task.price)
        if changed == 1:
            return
    rows = yield sql.TOKEN_BY_ID, (token_id,)
    token = Token(*rows[0]) if rows else None
    if token is None or token.user_id != task.user_id:
        raise UnknownError("token", token_id)
    if token.status != ENABLED or token.is_expired(now):
        raise DisabledError("token")
    left = token.remain_quota - token.held_quota
    if not token.unlimited and left < task.price:
        raise InsufficientQuotaError("token", task.price, left)
    if task.price and not task.overdraft:
        raise RetryTransactionError


def _hold_entry(task: NewTask, now: int) -> tuple[Any, ...]:
    kind = LedgerKind.HOLD.value
    owner = (task.user_id, task.token_id or 0)
    return (kind, task.task_id, *owner, 0, task.price, 0, task.price_reason, now)


def _row(task: NewTask, now: int, next_poll_at: int) -> tuple[Any, ...]:
    """Return the columns of the new row, without its number, in the order of `VideoRow`."""
    attempt = task.attempt or _NO_ATTEMPT
    return (
        task.task_id,
        task.prompt,
        now,
        now,
        task.type,
        task.provider,
        task.mode,
        task.duration,
        task.resolution,
        task.username,
        attempt.channel_id,
        task.user_id,
        task.model,
        "submitted",
        "",
        "",
        "",
        task.price,
        task.n,
        "",
        "",
        task.external_task_id,
        task.request_hash,
        None,
        attempt.channel_key_id,
        task.token_id or 0,
        0 if task.overdraft else task.price,
        next_poll_at,
        0,
        task.callback_url,
        0,
        attempt.until,
        None,
        attempt.service,
    )

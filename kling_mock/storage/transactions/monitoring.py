"""Looking at the whole: reconciliation, statistics, counts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from kling_mock.storage import statements as sql
from kling_mock.storage.errors import UnknownError
from kling_mock.storage.steps import Transaction
from kling_mock.storage.values import (
    Backlog,
    DailyTotals,
    LedgerKind,
    Reconciliation,
    StoreSummary,
    Unexplained,
    User,
)


def ping() -> Transaction[None]:
    yield sql.PING, ()


def reconcile(user_id: int | None = None) -> Transaction[Sequence[Reconciliation]]:
    users = sql.between(user_id)
    rows = yield sql.USERS_BETWEEN, users
    found = [User(*row) for row in rows]
    if user_id is not None and not found:
        raise UnknownError("user", user_id)
    rows = yield sql.LEDGER_SUMS, users
    # SUM is exact everywhere, but PostgreSQL and MySQL return it as Decimal.
    sums = {(row[0], row[1]): (int(row[2]), int(row[3])) for row in rows}
    rows = yield sql.OPEN_HOLDS, users
    holds = {row[0]: int(row[1]) for row in rows}
    rows = yield sql.LATE_SUCCESSES, users
    late = {row[0]: int(row[1]) for row in rows}
    unexplained = yield from _unexplained(users)
    return [
        _reconciliation(
            user, sums, holds.get(user.id, 0), late.get(user.id, 0), unexplained[user.id]
        )
        for user in found
    ]


def _reconciliation(
    user: User,
    sums: Mapping[tuple[int, str], tuple[int, int]],
    open_holds: int,
    late: int,
    unexplained: Sequence[Unexplained],
) -> Reconciliation:
    opening, credits_, charges = (sums.get((user.id, kind.value), (0, 0)) for kind in LedgerKind)
    return Reconciliation(
        user_id=user.id,
        username=user.username,
        opening=opening[0],
        credits=credits_[0],
        charged=-charges[0],
        quota=user.quota,
        held=user.held_quota,
        open_holds=open_holds,
        used=user.used_quota,
        uncollected=charges[1],
        late=late,
        unexplained=tuple(unexplained),
    )


def _unexplained(users: tuple[int, int]) -> Transaction[Mapping[int, Sequence[Unexplained]]]:
    found: defaultdict[int, list[Unexplained]] = defaultdict(list)
    rows = yield sql.UNCHARGED, users
    for task_id, user_id, quota, amount in rows:
        if amount is None:
            one = Unexplained(task_id, user_id, "succeeded without a charge", quota)
        else:
            why = "charged another amount than its row says"
            one = Unexplained(task_id, user_id, why, -amount)
        found[user_id].append(one)
    rows = yield sql.UNEARNED, users
    for task_id, user_id, amount in rows:
        why = "charged without having succeeded"
        found[user_id].append(Unexplained(task_id, user_id, why, -amount))
    return found


def stats(*, since: int) -> Transaction[Sequence[DailyTotals]]:
    rows = yield sql.STATS, (since,)
    return [DailyTotals(*map(int, row)) for row in rows]


def summary(*, now: int) -> Transaction[StoreSummary]:
    rows = yield sql.SUMMARY, (now,)
    return StoreSummary(*map(int, rows[0]))


def backlog(*, now: int, stuck_until: int) -> Transaction[Backlog]:
    rows = yield sql.BACKLOG, (now, stuck_until)
    found = {row[0]: int(row[1]) for row in rows}
    return Backlog(
        unknown=found.get("unknown", 0),
        submitted=found.get("submitted", 0),
        processing=found.get("processing", 0),
        overdue=sum(int(row[2]) for row in rows),
        stuck=sum(int(row[3]) for row in rows),
        lag=max((max(0, now - int(row[4])) for row in rows), default=0),
    )

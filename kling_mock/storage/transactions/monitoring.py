"""Looking at the whole: reconciliation, statistics, counts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from kling_mock.storage import statements as sql
from kling_mock.storage.errors import UnknownError
from kling_mock.storage.rule_queries import RULE_QUERIES
from kling_mock.storage.steps import Transaction
from kling_mock.storage.values import (
    DELETED,
    Backlog,
    DailyTotals,
    LedgerKind,
    Reconciliation,
    StoreSummary,
    Unexplained,
    User,
)


def ping() -> Transaction[None]:
    yield sql.SCHEMA_VERSION, ()  # a table: a node outside of its cluster answers SELECT 1


def reconcile(user_id: int | None = None) -> Transaction[Sequence[Reconciliation]]:
    users = sql.between(user_id)
    rows = yield sql.USERS_BETWEEN, users
    found = {row[0]: User(*row) for row in rows}
    if user_id is not None and not found:
        raise UnknownError("user", user_id)
    rows = yield sql.LEDGER_SUMS, users
    # SUM is exact everywhere, but PostgreSQL and MySQL return it as Decimal.
    sums = {(row[0], row[1]): (int(row[2]), int(row[3])) for row in rows}
    rows = yield sql.OPEN_HOLDS, users
    holds = {row[0]: int(row[1]) for row in rows}
    rows = yield sql.LATE_SUCCESSES, users
    late = {row[0]: int(row[1]) for row in rows}
    broken: defaultdict[int, list[Unexplained]] = defaultdict(list)
    for check in RULE_QUERIES:
        if check.of_users or user_id is None:
            rule = check.rule
            rows = yield check.query, users * check.pairs
            for owner, key, amount, *texts in rows:
                if check.differs and str(texts[0]) == texts[1]:
                    continue
                one = Unexplained(rule.name, f"{rule.table} {key}", owner, rule.says, int(amount))
                broken[owner].append(one)
    nobody = dict.fromkeys(sorted({*broken} - {*found}))
    return [
        _reconciliation(user, sums, holds.get(user.id, 0), late.get(user.id, 0), broken[user.id])
        for user in (*found.values(), *map(_missing, nobody))
    ]


def _missing(user_id: int) -> User:
    """Return what stands for a user that has rows but is none; 0 has the rows of channels."""
    return User(user_id, "", DELETED, 0, 0, 0, 0, 0)


def _reconciliation(
    user: User,
    sums: Mapping[tuple[int, str], tuple[int, int]],
    open_holds: int,
    late: int,
    unexplained: Sequence[Unexplained],
) -> Reconciliation:
    totals = {kind: sums.get((user.id, kind.value), (0, 0)) for kind in LedgerKind}
    charged, uncollected = totals[LedgerKind.CHARGE]
    return Reconciliation(
        user_id=user.id,
        username=user.username,
        opening=totals[LedgerKind.OPENING][0],
        credits=totals[LedgerKind.CREDIT][0],
        charged=-charged,
        quota=user.quota,
        held=user.held_quota,
        open_holds=open_holds,
        used=user.used_quota,
        uncollected=uncollected,
        late=late,
        unexplained=tuple(unexplained),
    )


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

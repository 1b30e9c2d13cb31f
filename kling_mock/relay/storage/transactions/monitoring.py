"""Monitoring of all rows: reconciliation, statistics, counts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Final, TypeAlias

from kling_mock.relay.storage import statements as sql
from kling_mock.relay.storage.errors import UnknownError
from kling_mock.relay.storage.rule_queries import RULE_QUERIES
from kling_mock.relay.storage.steps import DuplicateError, RetryTransactionError, Transaction
from kling_mock.relay.storage.values import (
    DELETED,
    Backlog,
    DailyTotals,
    LedgerKind,
    Reconciliation,
    StoreSummary,
    Unexplained,
    User,
)
from kling_mock.relay.storage.values.rules import RULES

#: Seconds without a beat after which the row of a process is deleted. Processes whose clocks are
#: hours apart must not delete each other's rows: on SQLite these rows reveal the difference.
_REMEMBERED: Final = 7 * 86_400
#: Reports that are read and parsed at a time, in a few milliseconds.
_PAGE: Final = 200


def beat(process: str, *, now: int, padding: str = "") -> Transaction[None]:
    """Write the row of a process; it fails or waits where a create or settlement would.

    Args:
        process: Its name.
        padding: Additional text to write.
    """
    if not (yield sql.BEAT, (now, padding, process)):
        yield sql.DELETE_PROCESSES, (now - _REMEMBERED, now + _REMEMBERED)
        try:
            yield sql.INSERT_PROCESS, (process, 1, now, padding)
        except DuplicateError:
            raise RetryTransactionError from None
    for statement in sql.CHANGE_NOTHING:
        yield statement, ()


def meet(process: str, *, now: int) -> Transaction[Mapping[str, tuple[int, int]]]:
    """Write the row of a process, and return beats and last beat of the others by their name."""
    yield from beat(process, now=now)
    rows = yield sql.OTHER_PROCESSES, (process,)
    return {str(name): (int(beats), int(at)) for name, beats, at in rows}


def leave(process: str) -> Transaction[None]:
    """Delete the row of a process that ends."""
    yield sql.DELETE_PROCESS, (process,)


#: Returns what a stored report of an endpoint's task says was deducted, in quota; None if nothing.
StatedQuota: TypeAlias = Callable[[str, str], int | None]


def reconcile(
    user_id: int | None = None, *, now: int | None = None, stated: StatedQuota | None = None
) -> Transaction[Sequence[Reconciliation]]:
    """Compare every balance with the ledger and every charge with its row.

    Reads one consistent snapshot while the relay runs. Legacy rows, and tasks created
    with `overdraft`, hold nothing and do not count as differences.

    Args:
        user_id: Only this user; None for all users.
        now: The time; None leaves out the rules that need it.
        stated: Reads a stored report; None leaves out the rule that needs it.
    """
    users = sql.between(user_id)
    rows = yield sql.USERS_BETWEEN, users
    users_by_id = {row[0]: User(*row) for row in rows}
    if user_id is not None and not users_by_id:
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
        rule = check.rule
        if check.ahead:
            if now is None:
                continue
            rows = yield check.query, (*users, *(now + seconds for seconds in check.ahead))
        else:
            rows = yield check.query, users * check.pairs
        for owner, key, amount, *texts in rows:
            if check.differs and str(texts[0]) == texts[1]:
                continue
            finding = Unexplained(rule.name, f"{rule.table} {key}", owner, rule.says, int(amount))
            broken[owner].append(finding)
    if stated is not None:
        for finding in (yield from _misstated(users, stated)):
            broken[finding.user_id].append(finding)
    nobody = dict.fromkeys(sorted({*broken} - {*users_by_id}))
    return [
        _reconciliation(user, sums, holds.get(user.id, 0), late.get(user.id, 0), broken[user.id])
        for user in (*users_by_id.values(), *map(_missing, nobody))
    ]


def _misstated(users: tuple[int, int], stated: StatedQuota) -> Transaction[Sequence[Unexplained]]:
    """Return the charges that differ from the stored reports, which are read in pages."""
    rule = RULES["charge-stated"]
    wrong: list[Unexplained] = []
    last = 0
    while rows := (yield sql.CHARGED_REPORTS, (*users, last, _PAGE)):
        for _, owner, task_id, endpoint, report, charged in rows:
            deducted = stated(report, endpoint)
            if deducted is not None and deducted != charged:
                key = f"{rule.table} {task_id}"
                wrong.append(Unexplained(rule.name, key, owner, rule.says, charged - deducted))
        last = rows[-1][0]
    return wrong


def _missing(user_id: int) -> User:
    """Return a placeholder for a user who has rows but does not exist."""
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
    """Return totals per day (UTC) of the tasks created at *since* or later, newest first."""
    rows = yield sql.STATS, (since,)
    return [DailyTotals(*map(int, row)) for row in rows]


def summary(*, now: int) -> Transaction[StoreSummary]:
    """Return counts for health and metrics."""
    rows = yield sql.SUMMARY, (now,)
    return StoreSummary(*map(int, rows[0]))


def backlog(*, now: int, stuck_until: int) -> Transaction[Backlog]:
    """Return the open tasks by state.

    Args:
        now: Tasks whose poll was due before this instant are overdue.
        stuck_until: Tasks created at this instant or before count as stuck.
    """
    rows = yield sql.BACKLOG, (now, stuck_until)
    counts = {row[0]: int(row[1]) for row in rows}
    return Backlog(
        unknown=counts.get("unknown", 0),
        submitted=counts.get("submitted", 0),
        processing=counts.get("processing", 0),
        overdue=sum(int(row[2]) for row in rows),
        stuck=sum(int(row[3]) for row in rows),
        lag=max((max(0, now - int(row[4])) for row in rows), default=0),
    )

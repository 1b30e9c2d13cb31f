"""Repairing the findings of `reconcile`, where the tables themselves show what is right.

A task without the entry of its hold or release, as an older process leaves it, gets the entry. A
balance that the entries do not explain is explained by a credit. A column that is a sum of entries
is made equal to that sum. On request, the hold of an open task whose row was deleted is released:
if the row came back from a backup, it could no longer be charged. Contradictions (a charge of a
task that has failed, a row of another owner) are left to people.

Sums are read in one statement and changed by a difference: a relay that runs meanwhile changes
both sides of the difference in one transaction, so it stays right.
"""

from __future__ import annotations

from typing import Final

from kling_mock.relay.storage import statements as sql
from kling_mock.relay.storage.rule_queries import RULE_QUERIES
from kling_mock.relay.storage.steps import DuplicateError, RetryTransactionError, Transaction
from kling_mock.relay.storage.values import UNNUMBERED, LedgerEntry, LedgerKind, Repair
from kling_mock.relay.storage.values.records import RELEASED_DELETED

_BALANCE: Final = next(check for check in RULE_QUERIES if check.rule.name == "user-balance")


class NotCommittedError(Exception):
    """Ends a repair that is only a preview: raised after the changes, so that they are undone.

    Attributes:
        repairs: The changes.
    """

    def __init__(self, repairs: tuple[Repair, ...]) -> None:
        super().__init__("the repair is not committed")
        self.repairs = repairs


def repair(
    *, now: int, commit: bool, release_deleted: bool = False
) -> Transaction[tuple[Repair, ...]]:
    """Make the changes.

    Args:
        now: Unix seconds.
        commit: Whether to keep the changes; otherwise nothing is changed.
        release_deleted: Whether to release the holds of tasks whose rows were deleted.

    Raises:
        NotCommittedError: *commit* is false.
    """
    yield sql.LOCK_REPAIRS, ()
    repairs = yield from add_missing_holds(now=now)
    repairs += yield from complete_entries(*sql.between(None), now=now)
    if release_deleted:
        repairs += yield from _release_deleted(now=now)
    rows = yield _BALANCE.query, sql.between(None) * _BALANCE.pairs
    for user_id, _, difference in rows:
        entry = LedgerEntry(
            id=UNNUMBERED,
            kind=LedgerKind.CREDIT,
            reference=f"reconcile-{user_id}-{now}",
            user_id=user_id,
            token_id=0,
            channel_id=0,
            amount=int(difference),
            uncollected=0,
            note="reconcile: explains the balance as it was found",
            created_at=now,
        )
        repairs.append((yield from _add(_BALANCE.rule.name, entry)))
    for check in RULE_QUERIES:
        if check.column:
            table, column = check.rule.table, check.column
            rows = yield check.query, sql.between(None) * check.pairs
            for _, number, difference in rows:
                yield sql.ADD_TO[table, column], (-int(difference), number)
                row = f"{table} {number}"
                repairs.append(Repair(check.rule.name, row, None, column, -int(difference)))
    if not commit:
        raise NotCommittedError(tuple(repairs))
    return tuple(repairs)


def add_missing_holds(*, now: int) -> Transaction[list[Repair]]:
    """Add the holds of open tasks that a process without such entries has created."""
    repairs: list[Repair] = []
    rows = yield sql.WITHOUT_HOLD, ()
    for task_id, user_id, token_id, held in rows:
        hold = LedgerEntry(
            UNNUMBERED, LedgerKind.HOLD, task_id, user_id, token_id, 0, held, 0, "", now
        )
        repairs.append((yield from _add("open-hold", hold)))
    return repairs


def complete_entries(first: int, last: int, *, now: int) -> Transaction[list[Repair]]:
    """Add the entries that a process without holds and releases omitted when it ended tasks.

    Args:
        first: The id of the first entry to check.
        last: The id of the last entry to check.
        now: Unix seconds.
    """
    repairs: list[Repair] = []
    named = yield sql.NAME_CHARGES, (first, last)
    if named:
        repairs.append(Repair("entry-task", "ledger", None, "token_id, channel_id", named))
    rows = yield sql.WITHOUT_RELEASE, (first, last)
    for task_id, user_id, token_id, channel_id, held, uncollected in rows:
        release = LedgerEntry(
            id=UNNUMBERED,
            kind=LedgerKind.RELEASE,
            reference=task_id,
            user_id=user_id,
            token_id=token_id,
            channel_id=channel_id,
            amount=-held,
            uncollected=uncollected,
            note="",
            created_at=now,
        )
        repairs.append((yield from _add("ended-hold", release)))
    return repairs


def _release_deleted(*, now: int) -> Transaction[list[Repair]]:
    """Add the releases; the columns that are sums of them are made equal afterwards."""
    rows = yield sql.WITHOUT_TASK, ()
    repairs: list[Repair] = []
    for task_id, user_id, token_id, held in rows:
        release = LedgerEntry(
            id=UNNUMBERED,
            kind=LedgerKind.RELEASE,
            reference=task_id,
            user_id=user_id,
            token_id=token_id,
            channel_id=0,
            amount=-held,
            uncollected=0,
            note=RELEASED_DELETED,
            created_at=now,
        )
        repairs.append((yield from _add("entry-task", release)))
    return repairs


def _add(rule: str, entry: LedgerEntry) -> Transaction[Repair]:
    columns = (
        entry.kind.value,
        entry.reference,
        entry.user_id,
        entry.token_id,
        entry.channel_id,
        entry.amount,
        entry.uncollected,
        entry.note,
        entry.created_at,
    )
    try:
        yield sql.INSERT_LEDGER, columns
    except DuplicateError:
        raise RetryTransactionError from None  # the task's end has written it meanwhile
    return Repair(rule, "ledger", entry)

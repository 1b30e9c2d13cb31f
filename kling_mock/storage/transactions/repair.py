"""Mending what `reconcile` has found, where the tables themselves say what is right.

A task without the entry of its hold or release, as an older process leaves it, gets the entry. A
balance that the entries do not explain is explained by a credit. A column that is a sum of
entries is made equal to it. What contradicts itself (a charge of a task that has failed, a row of
another owner) is left to people.

Sums are read in one statement and changed by a difference: a relay that runs meanwhile changes
both sides of the difference in one transaction, so it stays right.
"""

from __future__ import annotations

from typing import Final

from kling_mock.storage import statements as sql
from kling_mock.storage.rule_queries import RULE_QUERIES
from kling_mock.storage.steps import DuplicateError, RetryTransactionError, Transaction
from kling_mock.storage.values import UNNUMBERED, LedgerEntry, LedgerKind, Repair

_BALANCE: Final = next(one for one in RULE_QUERIES if one.rule.name == "user-balance")


class NotCommittedError(Exception):
    """Ends a repair that was only asked for: raised after its changes, so they are undone.

    Attributes:
        repairs: The changes.
    """

    def __init__(self, repairs: tuple[Repair, ...]) -> None:
        super().__init__("the repair is not committed")
        self.repairs = repairs


def repair(*, now: int, commit: bool) -> Transaction[tuple[Repair, ...]]:
    """Make the changes.

    Raises:
        NotCommittedError: *commit* is false.
    """
    yield sql.LOCK_REPAIRS, ()
    found = yield from add_missing_holds(now=now)
    found += yield from complete_entries(*sql.between(None), now=now)
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
        found.append((yield from _add(_BALANCE.rule.name, entry)))
    for check in RULE_QUERIES:
        if check.column:
            table, column = check.rule.table, check.column
            rows = yield check.query, sql.between(None) * check.pairs
            for _, number, difference in rows:
                yield sql.ADD_TO[table, column], (-int(difference), number)
                row = f"{table} {number}"
                found.append(Repair(check.rule.name, row, None, column, -int(difference)))
    if not commit:
        raise NotCommittedError(tuple(found))
    return tuple(found)


def add_missing_holds(*, now: int) -> Transaction[list[Repair]]:
    """Add the holds of open tasks that a process without such entries has created."""
    found: list[Repair] = []
    rows = yield sql.WITHOUT_HOLD, ()
    for task_id, user_id, token_id, held in rows:
        hold = LedgerEntry(
            UNNUMBERED, LedgerKind.HOLD, task_id, user_id, token_id, 0, held, 0, "", now
        )
        found.append((yield from _add("open-hold", hold)))
    return found


def complete_entries(first: int, last: int, *, now: int) -> Transaction[list[Repair]]:
    """Add what a process without holds and releases has left out when it ended tasks.

    Args:
        first: The entries from this id on are looked at,
        last: up to this one.
        now: Unix seconds.
    """
    found: list[Repair] = []
    named = yield sql.NAME_CHARGES, (first, last)
    if named:
        found.append(Repair("entry-task", "ledger", None, "token_id, channel_id", named))
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
        found.append((yield from _add("ended-hold", release)))
    return found


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

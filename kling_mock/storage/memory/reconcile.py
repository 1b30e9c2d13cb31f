"""The rules of reconciliation in memory: loops over rows, to compare the queries with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from kling_mock.storage.memory.tables import MemoryTables
from kling_mock.storage.values import (
    DELETED,
    LedgerEntry,
    LedgerKind,
    Reconciliation,
    Unexplained,
    User,
    VideoRow,
)
from kling_mock.storage.values.rules import RULES

__all__ = ["reconciled"]

_OF_TASKS: Final = (LedgerKind.HOLD, LedgerKind.RELEASE, LedgerKind.CHARGE)
#: Rule, key of the row, user, amount in question.
_Found = tuple[str, object, int, int]


def reconciled(tables: MemoryTables, user_id: int | None) -> Sequence[Reconciliation]:
    """Return what `Storage.reconcile` returns of *tables*.

    Raises:
        UnknownError: There is no such user.
    """
    books = _Books(tables)
    found: dict[int, list[Unexplained]] = {}
    by_rule = sorted(books.broken(), key=lambda one: [*RULES].index(one[0]))
    for name, key, owner, amount in by_rule:
        rule = RULES[name]
        one = Unexplained(name, f"{rule.table} {key}", owner, rule.says, amount)
        found.setdefault(owner, []).append(one)
    if user_id is not None:
        return [books.of(tables.user(user_id), found.get(user_id, ()))]
    nobody = [
        User(number, "", DELETED, 0, 0, 0, 0, 0) for number in sorted(found.keys() - tables.users)
    ]
    users = [*tables.users.values(), *nobody]
    return [books.of(user, found.get(user.id, ())) for user in users]


class _Books:
    """The tables, with what the rules look up."""

    def __init__(self, tables: MemoryTables) -> None:
        self._tables = tables
        self._entries = [*tables.ledger.values()]
        self._charged = self._charged_by_kling_id()

    def broken(self) -> Iterator[_Found]:
        """Return what breaks a rule."""
        yield from self._users()
        yield from self._tokens()
        yield from self._channels()
        yield from self._others()
        for entry in self._entries:
            yield from self._entry(entry)
        yield from self._names()
        for row in self._tables.videos.values():
            yield from self._owner(row)
            yield from self._task(row)

    def of(self, user: User, unexplained: Sequence[Unexplained]) -> Reconciliation:
        """Return the sums of a user, and what breaks a rule."""
        mine = [one for one in self._entries if one.user_id == user.id]
        rows = [one for one in self._tables.videos.values() if one.user_id == user.id]
        reports = self._tables.reports.values()
        return Reconciliation(
            user_id=user.id,
            username=user.username,
            opening=sum(one.amount for one in mine if one.kind is LedgerKind.OPENING),
            credits=sum(one.amount for one in mine if one.kind is LedgerKind.CREDIT),
            charged=-sum(one.amount for one in mine if one.kind is LedgerKind.CHARGE),
            quota=user.quota,
            held=user.held_quota,
            open_holds=sum(row.held_quota for row in rows if row.is_open and not row.legacy),
            used=user.used_quota,
            uncollected=sum(one.uncollected for one in mine if one.kind is LedgerKind.CHARGE),
            late=sum(one.user_id == user.id and one.status == "succeed" for one in reports),
            unexplained=tuple(unexplained),
        )

    def _find(self, kind: LedgerKind, reference: str) -> LedgerEntry | None:
        return self._tables.ledger.get((kind, reference))

    # ------------------------------------------------------------ sums

    def _users(self) -> Iterator[_Found]:
        for user in self._tables.users.values():
            mine = [one for one in self._entries if one.user_id == user.id]
            charges = [one for one in mine if one.kind is LedgerKind.CHARGE]
            sums = {
                "user-balance": user.quota - _total(mine, moves=True),
                "user-held": user.held_quota - _total(mine, moves=False),
                "user-used": user.used_quota + sum(one.amount for one in charges),
                "user-requests": user.request_count - len(charges),
            }
            for name, difference in sums.items():
                if difference:
                    yield name, user.id, user.id, difference
            if user.quota < user.held_quota and not self._unheld(charges):
                yield "user-available", user.id, user.id, user.quota - user.held_quota
            openings = [one for one in mine if one.kind is LedgerKind.OPENING]
            for opening in openings or (None,):
                if opening is None or opening.reference != str(user.id):
                    yield "user-opening", user.id, user.id, user.quota

    def _tokens(self) -> Iterator[_Found]:
        for token in self._tables.tokens.values():
            mine = [one for one in self._entries if one.token_id == token.id]
            charges = [one for one in mine if one.kind is LedgerKind.CHARGE]
            held = token.held_quota - _total(mine, moves=False)
            used = token.used_quota + sum(one.amount for one in charges)
            left = token.remain_quota - token.held_quota
            if held:
                yield "token-held", token.id, token.user_id, held
            if used:
                yield "token-used", token.id, token.user_id, used
            if not token.unlimited and left < 0 and not self._unheld(charges):
                yield "token-available", token.id, token.user_id, left
            if token.user_id not in self._tables.users:
                yield "token-user", token.id, token.user_id, token.held_quota

    def _channels(self) -> Iterator[_Found]:
        for channel in self._tables.channels.values():
            charged = sum(
                one.amount
                for one in self._entries
                if one.kind is LedgerKind.CHARGE and one.channel_id == channel.id
            )
            if channel.used_quota + charged:
                yield "channel-used", channel.id, 0, channel.used_quota + charged

    def _unheld(self, charges: Sequence[LedgerEntry]) -> bool:
        return any(
            one.amount < 0 and self._find(LedgerKind.HOLD, one.reference) is None for one in charges
        )

    # ------------------------------------------------------------ owners and entries

    def _others(self) -> Iterator[_Found]:
        for notice in self._tables.notices.values():
            row = self._tables.videos.get(notice.task_id)
            if row is None or row.user_id != notice.user_id:
                yield "notice-user", notice.event_id, notice.user_id, 0
        for report in self._tables.reports.values():
            row = self._tables.videos.get(report.task_id)
            if row is None or row.user_id != report.user_id:
                yield "report-user", report.task_id, report.user_id, report.quota

    def _entry(self, one: LedgerEntry) -> Iterator[_Found]:
        row = self._tables.videos.get(one.reference)
        if one.user_id not in self._tables.users:
            yield "entry-user", one.id, one.user_id, one.amount
        if not _has_its_sign(one):
            yield "entry-kind", one.id, one.user_id, one.amount
        if self._has_wrong_rest(one):
            yield "entry-uncollected", one.id, one.user_id, one.uncollected
        if one.kind in _OF_TASKS:
            channel = 0 if row is None or one.kind is LedgerKind.HOLD else row.channel_id
            if (
                row is None
                or row.legacy
                or (row.user_id, row.token_id, channel)
                != (one.user_id, one.token_id, one.channel_id)
            ):
                yield "entry-task", one.id, one.user_id, one.amount
        elif one.token_id or one.channel_id:
            yield "entry-own", one.id, one.user_id, one.amount
        if one.kind is LedgerKind.CHARGE and (row is None or row.status != "succeed"):
            yield "charge-earned", one.id, one.user_id, one.amount

    def _has_wrong_rest(self, one: LedgerEntry) -> bool:
        if one.uncollected < 0:
            return True
        if one.kind is LedgerKind.RELEASE:
            charge = self._find(LedgerKind.CHARGE, one.reference)
            return one.uncollected != (charge.uncollected if charge else 0)
        if one.kind is LedgerKind.CHARGE:
            release = self._find(LedgerKind.RELEASE, one.reference)
            return one.uncollected > 0 and release is not None and release.amount != one.amount
        return one.uncollected != 0

    # ------------------------------------------------------------ tasks

    def _names(self) -> Iterator[_Found]:
        """One finding of each pair of number and name."""
        pairs: dict[tuple[int, str], list[VideoRow]] = {}
        for row in self._tables.videos.values():
            if not row.legacy:
                pairs.setdefault((row.user_id, row.username), []).append(row)
        for (number, name), rows in pairs.items():
            user = self._tables.users.get(number)
            if user is None or name not in {"", user.username}:
                key = min(row.task_id for row in rows)
                yield "task-user", key, number, min(row.quota for row in rows)

    def _owner(self, row: VideoRow) -> Iterator[_Found]:
        if row.legacy:
            return
        token = self._tables.tokens.get(row.token_id)
        if row.token_id and (token is None or token.user_id != row.user_id):
            yield "task-token", row.task_id, row.user_id, row.quota
        if row.channel_id and row.channel_id not in self._tables.channels:
            yield "task-channel", row.task_id, row.user_id, row.quota

    def _task(self, row: VideoRow) -> Iterator[_Found]:
        if row.legacy:
            yield from self._legacy(row)
        elif row.is_open:
            yield from self._open(row)
        if not row.is_open:
            yield from self._ended(row)
        if (row.next_poll_at is None) == (row.is_open and not row.legacy) or not (
            row.status or row.legacy
        ):
            yield "open-poll", row.task_id, row.user_id, row.quota

    def _legacy(self, row: VideoRow) -> Iterator[_Found]:
        if row.held_quota or any(self._find(kind, row.task_id) for kind in _OF_TASKS):
            yield "legacy-free", row.task_id, row.user_id, row.held_quota

    def _open(self, row: VideoRow) -> Iterator[_Found]:
        hold, release, charge = (self._find(kind, row.task_id) for kind in _OF_TASKS)
        held = 0 if hold is None else hold.amount
        wrong = row.held_quota != held or (hold is not None and held != row.quota)
        if wrong or release or charge:
            yield "open-hold", row.task_id, row.user_id, row.held_quota - held

    def _ended(self, row: VideoRow) -> Iterator[_Found]:
        hold, release, charge = (self._find(kind, row.task_id) for kind in _OF_TASKS)
        held, freed, paid = (one.amount if one else 0 for one in (hold, release, charge))
        if row.held_quota or (hold is None) != (release is None) or held + freed:
            yield "ended-hold", row.task_id, row.user_id, held + freed
        if row.legacy:
            return
        if row.status == "failed" and row.quota:
            yield "failure-free", row.task_id, row.user_id, row.quota
        if row.status == "succeed" and (
            charge is None or paid + row.quota or (hold is not None and paid + held < 0)
        ):
            yield "success-charged", row.task_id, row.user_id, row.quota + paid
        if row.status == "succeed" and self._is_charged_twice(row):
            yield "upstream-once", row.task_id, row.user_id, row.quota

    def _is_charged_twice(self, row: VideoRow) -> bool:
        others = (one for one in self._charged.get(row.kling_task_id, ()) if one is not row)
        return any(
            one.service == row.service or None in {one.service, row.service} for one in others
        )

    def _charged_by_kling_id(self) -> Mapping[str | None, list[VideoRow]]:
        """Return the charged tasks by Kling's id; none for tasks without one."""
        found: dict[str | None, list[VideoRow]] = {}
        for row in self._tables.videos.values():
            if row.status == "succeed" and not row.legacy and row.kling_task_id is not None:
                found.setdefault(row.kling_task_id, []).append(row)
        return found


def _total(entries: Sequence[LedgerEntry], *, moves: bool) -> int:
    return sum(one.amount for one in entries if one.kind.moves_balance is moves)


def _has_its_sign(one: LedgerEntry) -> bool:
    if one.kind is LedgerKind.CREDIT:
        return one.amount != 0
    sign = 1 if one.kind in {LedgerKind.OPENING, LedgerKind.HOLD} else -1
    return one.amount * sign >= 0

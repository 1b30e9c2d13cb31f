"""The rules of `reconcile` again, as loops over rows: they share nothing with its queries."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Final

import attrs

from kling_mock.relay.storage.errors import UnknownError
from kling_mock.relay.storage.values import (
    DELETED,
    Channel,
    LateReport,
    LedgerEntry,
    LedgerKind,
    Notice,
    Reconciliation,
    Token,
    Unexplained,
    User,
    VideoRow,
)
from kling_mock.relay.storage.values.rules import RULES

_OF_TASKS: Final = (LedgerKind.HOLD, LedgerKind.RELEASE, LedgerKind.CHARGE)
#: Rule, key of the row, user, amount in question.
_Found = tuple[str, object, int, int]


@attrs.frozen
class Tables:
    """All rows, by the keys that they are addressed with."""

    users: Mapping[int, User]
    tokens: Mapping[int, Token]
    channels: Mapping[int, Channel]
    videos: Mapping[str, VideoRow]
    ledger: Mapping[tuple[LedgerKind, str], LedgerEntry]
    notices: Mapping[str, Notice]
    reports: Mapping[tuple[str, str], LateReport]
    old_numbers: frozenset[int]

    def user(self, user_id: int) -> User:
        """Return a user, or raise `UnknownError`."""
        try:
            return self.users[user_id]
        except KeyError:
            raise UnknownError("user", user_id) from None


def reconciled(tables: Tables, user_id: int | None) -> Sequence[Reconciliation]:
    """Return what `reconcile` returns of *tables*.

    Raises:
        UnknownError: The user does not exist.
    """
    books = _Books(tables)
    by_owner: dict[int, list[Unexplained]] = {}
    by_rule = sorted(books.broken(), key=lambda breach: [*RULES].index(breach[0]))
    for name, key, owner, amount in by_rule:
        rule = RULES[name]
        finding = Unexplained(name, f"{rule.table} {key}", owner, rule.says, amount)
        by_owner.setdefault(owner, []).append(finding)
    if user_id is not None:
        return [books.of(tables.user(user_id), by_owner.get(user_id, ()))]
    nobody = [
        User(number, "", DELETED, 0, 0, 0, 0, 0)
        for number in sorted(by_owner.keys() - tables.users)
    ]
    users = [*tables.users.values(), *nobody]
    return [books.of(user, by_owner.get(user.id, ())) for user in users]


class _Books:
    """The tables, with the look-ups of the rules."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self._entries = [*tables.ledger.values()]
        self._charged = self._charged_by_kling_id()

    def broken(self) -> Iterator[_Found]:
        """Return what breaks a rule."""
        yield from self._users()
        yield from self._tokens()
        yield from self._others()
        for entry in self._entries:
            yield from self._entry(entry)
        yield from self._names()
        for row in self._tables.videos.values():
            yield from self._owner(row)
            yield from self._task(row)

    def of(self, user: User, unexplained: Sequence[Unexplained]) -> Reconciliation:
        """Return the sums of a user, and what breaks a rule."""
        mine = [entry for entry in self._entries if entry.user_id == user.id]
        rows = [row for row in self._tables.videos.values() if row.user_id == user.id]
        reports = self._tables.reports.values()
        return Reconciliation(
            user_id=user.id,
            username=user.username,
            opening=sum(entry.amount for entry in mine if entry.kind is LedgerKind.OPENING),
            credits=sum(entry.amount for entry in mine if entry.kind is LedgerKind.CREDIT),
            charged=-sum(entry.amount for entry in mine if entry.kind is LedgerKind.CHARGE),
            quota=user.quota,
            held=user.held_quota,
            open_holds=sum(row.held_quota for row in rows if row.is_open and not row.legacy),
            used=user.used_quota,
            uncollected=sum(entry.uncollected for entry in mine if entry.kind is LedgerKind.CHARGE),
            late=sum(
                report.user_id == user.id and report.status == "succeed" for report in reports
            ),
            unexplained=tuple(unexplained),
        )

    def _find(self, kind: LedgerKind, reference: str) -> LedgerEntry | None:
        return self._tables.ledger.get((kind, reference))

    # ------------------------------------------------------------ sums

    def _users(self) -> Iterator[_Found]:
        for user in self._tables.users.values():
            mine = [entry for entry in self._entries if entry.user_id == user.id]
            charges = [entry for entry in mine if entry.kind is LedgerKind.CHARGE]
            credited = sum(entry.amount for entry in mine if entry.kind is LedgerKind.CREDIT)
            sums = {
                "user-credited": user.credited_quota - credited,
                "user-balance": user.quota - _total(mine, moves=True),
                "user-held": user.held_quota - _total(mine, moves=False),
                "user-used": user.used_quota + sum(entry.amount for entry in charges),
                "user-requests": user.request_count - len(charges),
            }
            for name, difference in sums.items():
                if difference:
                    yield name, user.id, user.id, difference
            if user.quota < user.held_quota and not self._unheld(charges):
                yield "user-available", user.id, user.id, user.quota - user.held_quota
            openings = [entry for entry in mine if entry.kind is LedgerKind.OPENING]
            for opening in openings or (None,):
                if opening is None or opening.reference != str(user.id):
                    yield "user-opening", user.id, user.id, user.quota
            rows = self._tables.videos.values()
            if user.id not in self._tables.old_numbers and any(
                row.legacy and row.user_id == user.id for row in rows
            ):
                yield "user-number", user.id, user.id, 0

    def _tokens(self) -> Iterator[_Found]:
        for token in self._tables.tokens.values():
            mine = [entry for entry in self._entries if entry.token_id == token.id]
            charges = [entry for entry in mine if entry.kind is LedgerKind.CHARGE]
            held = token.held_quota - _total(mine, moves=False)
            used = token.used_quota + sum(entry.amount for entry in charges)
            left = token.remain_quota - token.held_quota
            if held:
                yield "token-held", token.id, token.user_id, held
            if used:
                yield "token-used", token.id, token.user_id, used
            if not token.unlimited and left < 0 and not self._unheld(charges):
                yield "token-available", token.id, token.user_id, left
            if token.user_id not in self._tables.users:
                yield "token-user", token.id, token.user_id, token.held_quota

    def _unheld(self, charges: Sequence[LedgerEntry]) -> bool:
        return any(
            charge.amount < 0 and self._find(LedgerKind.HOLD, charge.reference) is None
            for charge in charges
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

    def _entry(self, entry: LedgerEntry) -> Iterator[_Found]:
        row = self._tables.videos.get(entry.reference)
        if entry.user_id not in self._tables.users:
            yield "entry-user", entry.id, entry.user_id, entry.amount
        if not _has_its_sign(entry):
            yield "entry-kind", entry.id, entry.user_id, entry.amount
        if self._has_wrong_rest(entry):
            yield "entry-uncollected", entry.id, entry.user_id, entry.uncollected
        if entry.kind in _OF_TASKS:
            channel = 0 if row is None or entry.kind is LedgerKind.HOLD else row.channel_id
            if (
                (entry.kind is LedgerKind.CHARGE or not self._was_released(entry.reference))
                if row is None
                else row.legacy
                or (row.user_id, row.token_id, channel)
                != (entry.user_id, entry.token_id, entry.channel_id)
            ):
                yield "entry-task", entry.id, entry.user_id, entry.amount
        elif entry.token_id or entry.channel_id:
            yield "entry-own", entry.id, entry.user_id, entry.amount
        if entry.kind is LedgerKind.CHARGE and (row is None or row.status != "succeed"):
            yield "charge-earned", entry.id, entry.user_id, entry.amount

    def _was_released(self, task_id: str) -> bool:
        """Whether an operator has released the hold of a task that was deleted."""
        hold, release = (
            self._find(kind, task_id) for kind in (LedgerKind.HOLD, LedgerKind.RELEASE)
        )
        return (
            hold is not None
            and release is not None
            and release.note == "reconcile: the task was deleted"
            and (hold.user_id, hold.token_id, hold.channel_id)
            == (release.user_id, release.token_id, release.channel_id)
        )

    def _has_wrong_rest(self, entry: LedgerEntry) -> bool:
        if entry.uncollected < 0:
            return True
        if entry.kind is LedgerKind.RELEASE:
            charge = self._find(LedgerKind.CHARGE, entry.reference)
            return entry.uncollected != (charge.uncollected if charge else 0)
        if entry.kind is LedgerKind.CHARGE:
            release = self._find(LedgerKind.RELEASE, entry.reference)
            return entry.uncollected > 0 and release is not None and release.amount != entry.amount
        return entry.uncollected != 0

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
        held, freed, paid = (entry.amount if entry else 0 for entry in (hold, release, charge))
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
        if charge is not None and row.status == "succeed":
            deducted = _deducted(row.json_data)
            charged = charge.uncollected - paid
            if deducted not in {None, charged}:
                yield "charge-stated", row.task_id, row.user_id, charged - int(deducted or 0)
        if row.status == "succeed" and self._is_charged_twice(row):
            yield "upstream-once", row.task_id, row.user_id, row.quota

    def _is_charged_twice(self, row: VideoRow) -> bool:
        others = (other for other in self._charged.get(row.kling_task_id, ()) if other is not row)
        return any(
            other.service == row.service or None in {other.service, row.service} for other in others
        )

    def _charged_by_kling_id(self) -> Mapping[str | None, list[VideoRow]]:
        """Return the charged tasks by Kling's id; none for tasks without one."""
        by_kling_id: dict[str | None, list[VideoRow]] = {}
        for row in self._tables.videos.values():
            if row.status == "succeed" and not row.legacy and row.kling_task_id is not None:
                by_kling_id.setdefault(row.kling_task_id, []).append(row)
        return by_kling_id


def _deducted(report: str) -> int | None:
    """Return what a report of a video states, in quota."""
    try:
        units = json.loads(report)["final_unit_deduction"]
    except (ValueError, KeyError):
        return None
    return int(Decimal(units) * 70_000)


def _total(entries: Sequence[LedgerEntry], *, moves: bool) -> int:
    return sum(entry.amount for entry in entries if entry.kind.moves_balance is moves)


def _has_its_sign(entry: LedgerEntry) -> bool:
    if entry.kind is LedgerKind.CREDIT:
        return entry.amount != 0
    sign = 1 if entry.kind in {LedgerKind.OPENING, LedgerKind.HOLD} else -1
    return entry.amount * sign >= 0

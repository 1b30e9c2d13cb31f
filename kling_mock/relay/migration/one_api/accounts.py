"""Users, tokens and channels of one-api, converted for the relay's own database.

They keep their numbers, because the rows of `videos` refer to them. A user is bound to its number,
and so sees the old rows. A token is stored as a hash. A channel is disabled and comes without its
keys, which the operator hands over.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final

import attrs

from kling_mock.relay.migration.database.introspect import read_table
from kling_mock.relay.migration.database.session import Session, insert, transaction
from kling_mock.relay.migration.findings import Finding, Severity
from kling_mock.relay.storage.schema import quoted
from kling_mock.relay.storage.text import is_external_id
from kling_mock.relay.storage.values import (
    DELETED,
    DISABLED,
    ENABLED,
    KELING,
    MAX_BALANCE,
    LedgerKind,
)
from kling_mock.relay.storage.values.records import DEBT
from kling_sdk.wire.v1 import REGIONS

#: Rows in one transaction.
_AT_A_TIME: Final = 500
#: The address to which one-api sends the tasks of a channel that lacks one.
_BASE_URL: Final = REGIONS["global"]
_NAME_LENGTH: Final = 100


@attrs.frozen
class AccountTable:
    """A table of one-api that the relay has under the same name.

    Attributes:
        name: Its name.
        old: The columns that are read, the number first.
        optional: More columns that are read, those of other versions and of new-api; a missing one
            is NULL.
        where: The condition for the rows to import, with the old names of the columns.
        new: The columns that are written.
        converted: Returns the new row for an old one.
    """

    name: str
    old: tuple[str, ...]
    optional: tuple[str, ...]
    where: str
    new: tuple[str, ...]
    converted: Callable[..., tuple[Any, ...]]

    def columns(self, session: Session) -> tuple[str, ...]:
        """Return the columns that are read and that the old table has."""
        table = read_table(session, self.name)
        names = (*self.old, *self.optional)
        return tuple(name for name in names if table is not None and table.has(name))

    def read(self, session: Session, after: int = 0, limit: int = -1) -> list[tuple[Any, ...]]:
        """Return up to *limit* old rows (-1: all) with numbers above *after*, the lowest first."""
        there = self.columns(session)
        columns = ", ".join(
            quoted(column, session.dialect) if column in there else "NULL"
            for column in (*self.old, *self.optional)
        )
        end = f" LIMIT {limit}" if limit >= 0 else ""
        where = self.where.replace("{key}", quoted("key", session.dialect))
        return session.query(
            f"SELECT {columns} FROM {self.name} WHERE id > ? AND {where} ORDER BY id{end}", after
        )

    def count(self, session: Session) -> tuple[int, int]:
        """Return the number of rows to import, and the number of all rows."""
        where = self.where.replace("{key}", quoted("key", session.dialect))
        selected, rows = session.query(
            f"SELECT COUNT(CASE WHEN {where} THEN 1 END), COUNT(*) FROM {self.name}"
        )[0]
        return int(selected), int(rows)


def _user(
    number: int, name: str, status: int | None, quota: int | None, deleted: object
) -> tuple[Any, ...]:
    known = {1: ENABLED, 3: DELETED}.get(ENABLED if status is None else status, DISABLED)
    known = DELETED if deleted else known
    balance = quota or 0
    return number, name, known, balance, min(balance, 0)


def _token(
    number: int,
    user: int,
    key: str,
    status: int | None,
    name: str | None,
    created: int | None,
    expires: int | None,
    remaining: int | None,
    unlimited: int | None,
    deleted: object,
    *limits: object,
) -> tuple[Any, ...]:
    is_enabled = status in {None, ENABLED} and not _is_limited(limits)
    known = DELETED if deleted else ENABLED if is_enabled else DISABLED
    return (
        *(number, user, key, (name or "")[:_NAME_LENGTH]),
        *(known, None if expires in {None, -1} else expires),
        *(int(bool(unlimited)), max(remaining or 0, 0), created or 0),
    )


def _is_limited(limits: Iterable[object]) -> bool:
    """Return whether a token is for some models or addresses only, by its `_LIMITS`."""
    return any(limit.strip() if isinstance(limit, str) else limit for limit in limits)


def _channel(
    number: int,
    name: str | None,
    base_url: str | None,
    models: str | None,
    priority: int | None,
    weight: int | None,
    created: int | None,
) -> tuple[Any, ...]:
    return (
        *(number, name or "", base_url or _BASE_URL, "", "", models or "", ""),
        *(priority or 0, weight or 0, DISABLED, KELING, created or 0),
    )


#: Columns that limit a token to models or addresses: two of one-api, then two of new-api.
_LIMITS: Final = ("models", "subnet", "model_limits_enabled", "allow_ips")

#: Tokens of removed users are left out, because they do not belong to a user any more. The relay
#: takes only the channels to Kling.
ACCOUNTS: Final = (
    AccountTable(
        "users",
        ("id", "username", "status", "quota"),
        ("deleted_at",),
        "id > 0",
        ("id", "username", "status", "quota", "credited_quota"),
        _user,
    ),
    AccountTable(
        "tokens",
        (
            *("id", "user_id", "key", "status", "name", "created_time", "expired_time"),
            *("remain_quota", "unlimited_quota"),
        ),
        ("deleted_at", *_LIMITS),
        "{key} <> '' AND user_id IN (SELECT id FROM users)",
        (
            *("id", "user_id", "token_hash", "name", "status", "expires_at", "unlimited"),
            *("remain_quota", "created_at"),
        ),
        _token,
    ),
    AccountTable(
        "channels",
        ("id", "name", "base_url", "models", "priority", "weight", "created_time"),
        (),
        f"type = {KELING}",
        (
            *("id", "name", "base_url", "api_keys", "model_mapping", "models", "webhook_secrets"),
            *("priority", "weight", "status", "type", "created_at"),
        ),
        _channel,
    ),
)


def account_findings(source: Session) -> list[Finding]:
    """Return findings about the old accounts, such as those that the relay cannot hold."""
    findings = list[Finding]()
    for table in ACCOUNTS:
        if missing := [name for name in table.old if name not in table.columns(source)]:
            says = f"the table {table.name} of one-api has no {', '.join(missing)}"
            findings.append(Finding(f"no-{table.name}", "blocker", says))
    if findings:
        return findings
    users = ACCOUNTS[0].read(source)
    deleted = len(ACCOUNTS[1].old)
    tokens = [row for row in ACCOUNTS[1].read(source) if row[3] in {None, ENABLED}]
    odd: tuple[tuple[str, Severity, str, list[tuple[Any, ...]]], ...] = (
        (
            "user-name",
            "blocker",
            "a name must have 1 to 100 characters and no blank at its end; change it in one-api",
            [row for row in users if not _is_name(row[1] or "")],
        ),
        (
            "user-balance",
            "blocker",
            f"a balance is at most {MAX_BALANCE}",
            [row for row in users if abs(row[3] or 0) > MAX_BALANCE],
        ),
        (
            "user-debt",
            "note",
            "the balance is negative, and stays so until it is topped up",
            [row for row in users if (row[3] or 0) < 0],
        ),
        (
            "token-limits",
            "warning",
            (
                "these tokens are for some models or addresses only, which a relay cannot hold, so "
                "they are imported disabled; kling-mock token enable ID allows one everything"
            ),
            [row for row in tokens if not row[deleted] and _is_limited(row[deleted + 1 :])],
        ),
    )
    return [
        Finding(
            name,
            severity,
            says,
            len(rows),
            tuple(f"{name.partition('-')[0]} {row[0]}" for row in rows[:5]),
        )
        for name, severity, says, rows in odd
        if rows
    ]


def _is_name(text: str) -> bool:
    return is_external_id(text) and len(text) <= _NAME_LENGTH


def copy_accounts(source: Session, target: Session, now: int, hashed: Callable[[str], str]) -> None:
    """Write the accounts that are still missing, in batches.

    Args:
        source: one-api's database.
        target: The relay's database, in which the tables exist.
        now: The start of the import, in Unix seconds.
        hashed: Returns the hash by which the relay stores a token.
    """
    for table in ACCOUNTS:
        names = Counter(row[1] for row in table.read(source)) if table.name == "channels" else {}
        while rows := table.read(source, _last(target, table.name), _AT_A_TIME):
            with transaction(target):
                if table.name == "tokens":
                    rows = [(*row[:2], hashed(row[2]), *row[3:]) for row in rows]
                if table.name == "channels":
                    rows = [(row[0], _label(row, names), *row[2:]) for row in rows]
                new = [table.converted(*row) for row in rows]
                if table.name == "users":
                    insert(target, "ledger", _LEDGER, _entries(new, now))
                    insert(
                        target,
                        "old_users",
                        ("number", "user_id"),
                        ((row[0], row[0]) for row in new),
                    )
                insert(target, table.name, table.new, new)


def _last(target: Session, table: str) -> int:
    return int(target.query(f"SELECT COALESCE(MAX(id), 0) FROM {table}")[0][0])


def _label(channel: tuple[Any, ...], names: Mapping[str, int]) -> str:
    """Return a unique name for a channel; in one-api, several may have the same name."""
    number, name = channel[0], channel[1] or ""
    is_label = _is_name(name) and names[name] == 1
    return name if is_label else f"{name[:80].strip()} {number}".strip()


_LEDGER: Final = ("kind", "reference", "user_id", "amount", "note", "created_at")


def _entries(users: Iterable[tuple[Any, ...]], now: int) -> Iterator[tuple[Any, ...]]:
    """Yield the ledger entries that explain the balances; an opening is never negative."""
    for number, _name, _status, quota, credited in users:
        yield LedgerKind.OPENING.value, str(number), number, quota - credited, "", now
        if credited:
            reference = f"{DEBT}{number}"
            yield LedgerKind.CREDIT.value, reference, number, credited, "debt at one-api", now

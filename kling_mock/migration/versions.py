"""Bringing the relay's own tables to the version that this program needs.

Apart from the upgrade of `videos`: that one knows the tables of other programs, this one only the
relay's own, by the number in `schema_version`. The relays of the version before may run meanwhile
and go on writing. What they leave out then is added by running the upgrade again when they have
ended, or by `kling-mock reconcile --repair`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

from kling_mock.migration.database.introspect import read_table
from kling_mock.migration.database.session import DatabaseError, Session, transaction
from kling_mock.migration.findings import BlockedError, Finding
from kling_mock.storage import statements as sql
from kling_mock.storage.adapters.engine import RUNS
from kling_mock.storage.schema import (
    TABLE_NAMES,
    VERSION,
    column_sql,
    quoted,
    table_named,
    table_statements,
)
from kling_mock.storage.steps import (
    DuplicateError,
    RetryTransactionError,
    Statement,
    Transaction,
    drive,
)
from kling_mock.storage.transactions.repair import add_missing_holds, complete_entries
from kling_mock.storage.values import Repair

__all__ = ["table_version", "upgrade_tables"]

#: The columns that each version has added to a table of the one before.
_ADDED: Final[Mapping[int, tuple[tuple[str, str], ...]]] = {
    2: (("ledger", "token_id"), ("ledger", "channel_id")),
}
#: Entries of one transaction, so that it is short.
_AT_A_TIME: Final = 1_000
#: The code of each database for a row that a unique index refuses.
_DUPLICATE: Final = frozenset({1062, "23505", "SQLITE_CONSTRAINT_UNIQUE"})
#: Those for a transaction that was stopped because of another one: snapshot, lock wait, deadlock.
_CONFLICTS: Final = frozenset({1020, 1205, 1213, 3101, "40001", "40P01", "55P03"})


def table_version(session: Session) -> int | None:
    """Return the version of the relay's tables; None where they are not there, or were left.

    A downgrade of `videos` leaves them with version 0; an upgrade then writes the present one.
    """
    if read_table(session, "schema_version") is None:
        return None
    version = session.query("SELECT MAX(version) FROM schema_version")[0][0]
    return int(version) if version else None


def upgrade_tables(session: Session, now: int, log: Callable[[str], None]) -> bool:
    """Upgrade the tables, and add the ledger entries that older processes have left out.

    Each step can be run again, so a killed upgrade is finished by the next one.

    Args:
        session: The connection.
        now: Unix seconds.
        log: Receives a line about what was done.

    Returns:
        Whether anything was changed.

    Raises:
        BlockedError: The tables are of a newer program.
        DatabaseError: The database refused a statement.
    """
    version = table_version(session)
    if version is None or read_table(session, "ledger") is None:
        return False
    if version > VERSION:
        says = f"the relay's tables have version {version}, this program knows {VERSION}; use the"
        raise BlockedError([Finding("newer-tables", "blocker", f"{says} newer program")])
    for number in range(version + 1, VERSION + 1):
        for table, column in _ADDED.get(number, ()):
            _add_column(session, table, column)
    _make_missing(session)
    entries = _add_entries(session, now)
    if entries:
        log(f"{entries} ledger entries were added to, or completed with token and channel")
    if version < VERSION:
        session.execute("UPDATE schema_version SET version = ?", VERSION)
        log(f"the relay's tables are of version {VERSION} now, before {version}")
    return bool(entries) or version < VERSION


def _make_missing(session: Session) -> None:
    """Create the tables that a version has added, but not `videos`, which is upgraded apart."""
    for name in TABLE_NAMES:
        if name != "videos" and read_table(session, name) is None:
            for statement in table_statements(table_named(name, session.dialect), session.dialect):
                session.execute(statement)


def _add_column(session: Session, table: str, column: str) -> None:
    there, wanted = read_table(session, table), table_named(table, session.dialect).column(column)
    if there is not None and wanted is not None and not there.has(column):
        name = quoted(table, session.dialect)
        added = column_sql(wanted, session.dialect)
        session.execute(f"ALTER TABLE {name} ADD COLUMN {added}")


def _add_entries(session: Session, now: int) -> int:
    """Add what older processes have left out of the ledger; return how many entries changed.

    In short transactions, each of which is run again if a relay has changed its rows meanwhile.
    """
    if session.dialect.is_mysql:
        # Else an UPDATE would lock the gaps too, and with them every new entry of the relays.
        session.execute("SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED")
    changed = _run(session, partial(add_missing_holds, now=now))
    last = session.query(sql.LAST_ENTRY.sql)[0][0] or 0
    for first in range(0, last + 1, _AT_A_TIME):
        changed += _run(session, partial(complete_entries, first, first + _AT_A_TIME - 1, now=now))
    return changed


def _run(session: Session, make: Callable[[], Transaction[list[Repair]]]) -> int:
    """Run a transaction of the storage, again after each conflict."""

    def execute(statement: Statement, parameters: tuple[Any, ...]) -> Any:
        run = session.query if statement.reads else session.execute
        try:
            return run(statement.sql, *parameters)
        except DatabaseError as error:
            if error.code in _DUPLICATE:
                raise DuplicateError from error
            if error.code in _CONFLICTS:
                raise RetryTransactionError from error
            raise

    for _ in range(RUNS):
        try:
            with transaction(session):
                done = drive(make(), execute)
        except RetryTransactionError:
            continue
        return sum(one.amount or 1 for one in done)
    raise DatabaseError("", f"the ledger was changed by others {RUNS} times in a row; try again")

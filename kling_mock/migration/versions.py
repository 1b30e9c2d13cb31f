"""Bringing the relay's own tables to the version that this program needs.

Apart from the upgrade of `videos`: that one knows the tables of other programs, this one only the
relay's own, by the number in `schema_version`. The relays of the version before may run meanwhile
and go on writing. What they leave out then is added by running the upgrade again when they have
ended, or by `kling-mock reconcile --repair`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import Any, Final, TypeVar

from kling_mock.migration.database.introspect import read_table
from kling_mock.migration.database.session import DatabaseError, Session, transaction
from kling_mock.migration.findings import BlockedError, Finding
from kling_mock.storage import statements as sql
from kling_mock.storage.adapters.engine import RUNS
from kling_mock.storage.schema import (
    TABLE_NAMES,
    VERSION,
    Dialect,
    column_sql,
    index_columns,
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
from kling_mock.storage.transactions.services import label_tasks
from kling_mock.storage.values import Repair, ServiceClash

__all__ = ["table_version", "upgrade_tables"]

_Result = TypeVar("_Result")

#: The columns that each version has added to a table of the one before.
_ADDED: Final[Mapping[int, tuple[tuple[str, str], ...]]] = {
    2: (("ledger", "token_id"), ("ledger", "channel_id")),
    3: (("channels", "service"), ("videos", "service")),
}
#: The index that version 3 has added to `videos`. It comes before the services are recorded, when
#: it refuses no row yet, so that it can be made beside any clash.
_SERVICE_INDEX: Final = "idx_kling_service"
#: Rows of one transaction, so that it is short.
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
    """Upgrade the tables, and add the entries and services that older processes have left out.

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
    if session.dialect.is_mysql:
        # Else an UPDATE would lock the gaps too, and with them every new row of the relays.
        session.execute("SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED")
    for number in range(version + 1, VERSION + 1):
        for table, column in _ADDED.get(number, ()):
            _add_column(session, table, column)
    _make_missing(session)
    entries = _add_entries(session, now)
    if entries:
        log(f"{entries} ledger entries were added to, or completed with token and channel")
    _add_service_index(session)
    labelled = _record_services(session, log)
    if version < VERSION:
        session.execute("UPDATE schema_version SET version = ?", VERSION)
        log(f"the relay's tables are of version {VERSION} now, before {version}")
    return bool(entries or labelled) or version < VERSION


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
    changed = _entries(_run(session, partial(add_missing_holds, now=now)))
    for first, last in _ranges(session, sql.LAST_ENTRY):
        changed += _entries(_run(session, partial(complete_entries, first, last, now=now)))
    return changed


def _entries(repairs: Iterable[Repair]) -> int:
    return sum(one.amount or 1 for one in repairs)


def _add_service_index(session: Session) -> None:
    """Add the index of services, while relays go on writing to the table."""
    videos = read_table(session, "videos")
    wanted = table_named("videos", session.dialect).index(_SERVICE_INDEX)
    if videos is None or wanted is None or not videos.has(*wanted.columns):
        return
    name = quoted(_SERVICE_INDEX, session.dialect)
    if videos.index(_SERVICE_INDEX) is not None:
        if not _is_half_made(session, _SERVICE_INDEX):
            return
        session.execute(f"DROP INDEX CONCURRENTLY {name}")
    how = "INDEX CONCURRENTLY" if session.dialect is Dialect.POSTGRES else "INDEX"
    columns = index_columns(wanted, session.dialect)
    beside = " ALGORITHM=INPLACE LOCK=NONE" if session.dialect.is_mysql else ""
    table = quoted("videos", session.dialect)
    session.execute(f"CREATE UNIQUE {how} {name} ON {table} {columns}{beside}")


def _is_half_made(session: Session, index: str) -> bool:
    """Return whether PostgreSQL was interrupted when it made an index; it uses none of these."""
    if session.dialect is not Dialect.POSTGRES:
        return False
    return not session.query(
        "SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass(?::text)", index
    )[0][0]


def _record_services(session: Session, log: Callable[[str], None]) -> int:
    """Record the services of the tasks that have none; return how many rows changed."""
    videos = read_table(session, "videos")
    if videos is None or not videos.has("service", "kling_task_id"):
        return 0
    changed = 0
    clashes: dict[tuple[str, str], ServiceClash] = {}
    for first, last in _ranges(session, sql.LAST_TASK):
        count, found = _run(session, partial(label_tasks, first, last))
        changed += count
        clashes |= {(one.service, one.tasks[0].kling_task_id): one for one in found}
    if changed:
        log(f"{changed} tasks got the service that they were sent to")
    for one in clashes.values():
        log(_described(one))
    if clashes:
        log(
            f"{len(clashes)} upstream tasks have more than one task here. Nothing was charged or"
            f" paid back. {_SERVICE_INDEX}, which keeps an upstream id unique within a service,"
            " holds for the first task of each and for all new ones, and ignores the others: these"
            " are not charged any more. Those that were charged twice are in kling-mock reconcile"
            " (upstream-once)"
        )
    return changed


def _described(clash: ServiceClash) -> str:
    tasks = [
        f"{one.task_id} (channel {one.channel_id}, {one.status},"
        f" {f'charged {one.quota}' if one.is_charged else 'not charged'})"
        for one in clash.tasks
    ]
    upstream = clash.tasks[0].kling_task_id
    return (
        f"clash: the upstream task {upstream!r} of the service {clash.service} is of"
        f" {tasks[0]}, which has the service recorded, and of {', '.join(tasks[1:])}, without it"
    )


def _ranges(session: Session, highest: Statement) -> Iterator[tuple[int, int]]:
    """Return ranges of ids, from 0 to the highest one, for one transaction each."""
    last = session.query(highest.sql)[0][0] or 0
    for first in range(0, last + 1, _AT_A_TIME):
        yield first, first + _AT_A_TIME - 1


def _run(session: Session, make: Callable[[], Transaction[_Result]]) -> _Result:
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
        except (DuplicateError, RetryTransactionError):
            continue
        return done
    raise DatabaseError("", f"the rows were changed by others {RUNS} times in a row; try again")

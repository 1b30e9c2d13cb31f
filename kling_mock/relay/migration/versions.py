"""The upgrade of the relay's own tables to the version that this program needs.

It is separate from the upgrade of `videos`: that one knows the tables of other programs, this one
knows only the relay's own, by the number in `schema_version`. Relays of the previous version may
keep running and writing meanwhile. What they leave out is added by running the upgrade again after
they have ended, or by `kling-mock reconcile --repair`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import Any, Final, TypeVar

from kling_mock.relay.migration.database.introspect import read_table
from kling_mock.relay.migration.database.lock_retry import WAIT_AT_MOST, LockRetry, is_busy
from kling_mock.relay.migration.database.session import DatabaseError, Session, transaction
from kling_mock.relay.migration.findings import BlockedError, Finding
from kling_mock.relay.migration.schema.known_schemas import goal
from kling_mock.relay.migration.schema.rebuild import rebuild
from kling_mock.relay.storage import statements as sql
from kling_mock.relay.storage.adapters.engine import RUNS
from kling_mock.relay.storage.schema import (
    TABLE_NAMES,
    VERSION,
    WRITTEN_BY_OTHERS,
    Column,
    Dialect,
    column_sql,
    index_columns,
    quoted,
    table_named,
    table_statements,
)
from kling_mock.relay.storage.steps import (
    DuplicateError,
    RetryTransactionError,
    Statement,
    Transaction,
    drive,
)
from kling_mock.relay.storage.transactions.repair import add_missing_holds, complete_entries
from kling_mock.relay.storage.transactions.services import label_tasks
from kling_mock.relay.storage.values import Repair, ServiceClash

_Result = TypeVar("_Result")

#: The columns that each version has added to tables of the previous one.
ADDED: Final[Mapping[int, tuple[tuple[str, str], ...]]] = {
    2: (("ledger", "token_id"), ("ledger", "channel_id")),
    3: (("channels", "service"), ("videos", "service")),
    4: (("users", "legacy_id"),),
    6: (("users", "credited_quota"),),
}
#: The index that version 3 has added to `videos`. It is created before the services are
#: recorded: it does not refuse any row yet, so clashes do not keep it from being created.
_SERVICE_INDEX: Final = "idx_kling_service"
#: The index that version 5 has added to `ledger`.
_CHANNEL_INDEX: Final = "idx_ledger_channel"
#: The index that version 9 has added to `videos`, for a user's list of one endpoint.
_TYPE_INDEX: Final = "idx_user_type"
#: The version since which users have the sum of their credits.
_CREDITED: Final = 6
#: The version since which the default of `legacy` marks what this relay did not write.
_MARKED: Final = 7
#: The version since which a user may have several old numbers, and a number only one user.
_OLD_USERS: Final = 8
#: Rows in one transaction, so that it is short.
_AT_A_TIME: Final = 1_000
#: The error code of each database for a row that a unique index refuses.
_DUPLICATE: Final = frozenset(
    {1062, "23505", "SQLITE_CONSTRAINT_PRIMARYKEY", "SQLITE_CONSTRAINT_UNIQUE"}
)


_ADD_UP_CREDITS: Final = """
    UPDATE users SET credited_quota = COALESCE((
        SELECT SUM(l.amount) FROM ledger l WHERE l.kind = 'credit' AND l.user_id = users.id), 0)"""


#: A number that two users were bound to stays unbound: it is unknown whose it is.
_BIND_USERS: Final = """
    INSERT INTO old_users (number, user_id)
    SELECT legacy_id, MIN(id) FROM users
    WHERE legacy_id IS NOT NULL AND legacy_id NOT IN (SELECT number FROM old_users)
    GROUP BY legacy_id HAVING COUNT(*) = 1"""

#: Each row of a relay has the hash of its request, or at least an entry. (id from, to)
_MARK_OTHERS: Final = f"""
    UPDATE videos SET legacy = {WRITTEN_BY_OTHERS}
    WHERE id BETWEEN ? AND ? AND legacy = 0 AND request_hash = '' AND NOT EXISTS (
        SELECT 1 FROM ledger l WHERE l.reference = videos.task_id)"""


def table_version(session: Session) -> int | None:
    """Return the version of the relay's tables; None if they are missing or a downgrade left them.

    A downgrade of `videos` leaves them with version 0; an upgrade then writes the current version.
    """
    if read_table(session, "schema_version") is None:
        return None
    version = session.query("SELECT MAX(version) FROM schema_version")[0][0]
    return int(version) if version else None


def was_downgraded(session: Session) -> bool:
    """Return whether a downgrade of `videos` has left the relay's other tables."""
    if read_table(session, "schema_version") is None:
        return False
    return bool(session.query("SELECT 1 FROM schema_version WHERE version = 0"))


def upgrade_tables(
    session: Session, now: int, log: Callable[[str], None], wait_at_most: float = WAIT_AT_MOST
) -> bool:
    """Upgrade the tables, and add the entries and services that older processes have left out.

    Each step can be run again, so a killed upgrade is finished by the next one.

    Args:
        now: Unix seconds.
        log: Receives a line about what was done.
        wait_at_most: Seconds after which a wait for others that use a table is given up.

    Returns:
        Whether anything was changed.

    Raises:
        BlockedError: The tables are of a newer program.
        DatabaseError: The database refused a statement.
        UnfinishedError: Others used a table for longer than `wait_at_most`.
    """
    retry = LockRetry(session, log, time.sleep, wait_at_most)
    version = table_version(session)
    if read_table(session, "ledger") is None:
        return False
    if version is None:
        if was_downgraded(session):
            # Their version is unknown: each step is left out where it is not needed.
            _upgrade_from(1, retry)
        return False
    if version > VERSION:
        says = f"the relay's tables have version {version}, this program knows {VERSION}; use the"
        raise BlockedError([Finding("newer-tables", "blocker", f"{says} newer program")])
    if session.dialect.is_mysql:
        # Otherwise an UPDATE would also lock the gaps, and so block every new row of the relays.
        session.execute("SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED")
    _upgrade_from(version, retry)
    entries = _add_entries(session, now)
    if entries:
        log(f"{entries} ledger entries were added, or completed with their token and channel")
    _add_index(retry, "videos", _SERVICE_INDEX)
    _add_index(retry, "videos", _TYPE_INDEX)
    _add_index(retry, "ledger", _CHANNEL_INDEX)
    labelled = _record_services(session, log)
    if version < VERSION:
        retry.execute("UPDATE schema_version SET version = ?", VERSION)
        log(f"the relay's tables are of version {VERSION} now, before {version}")
    return bool(entries or labelled) or version < VERSION


def _upgrade_from(version: int, retry: LockRetry) -> None:
    """Add the changes of versions after *version*, except indexes, entries and services."""
    for number in range(version + 1, VERSION + 1):
        for table, column in ADDED.get(number, ()):
            _add_column(retry, table, column)
    if version < _CREDITED:
        retry.execute(_ADD_UP_CREDITS)
    _make_missing(retry.session)
    if version < _MARKED:
        _mark_others(retry)
    if version < _OLD_USERS:
        retry.execute(_BIND_USERS)


def _make_missing(session: Session) -> None:
    """Create the tables that a version has added, except `videos`, which is upgraded separately."""
    for name in TABLE_NAMES:
        if name != "videos" and read_table(session, name) is None:
            for statement in table_statements(table_named(name, session.dialect), session.dialect):
                session.execute(statement)


def _add_column(retry: LockRetry, table: str, column: str) -> None:
    session = retry.session
    there, new = read_table(session, table), table_named(table, session.dialect).column(column)
    if table == "videos" and there is not None and not there.has("legacy"):
        return  # the table of an old program
    if there is not None and new is not None and not there.has(column):
        name = quoted(table, session.dialect)
        added = column_sql(new, session.dialect)
        retry.execute(f"ALTER TABLE {name} ADD COLUMN {added}")


def _mark_others(retry: LockRetry) -> None:
    """Mark the rows that another program has written since its table was migrated."""
    session = retry.session
    videos, schema = read_table(session, "videos"), table_named("videos", session.dialect)
    if videos is None or not videos.has("legacy", "request_hash"):
        return
    if session.dialect is not Dialect.SQLITE:
        retry.execute(f"ALTER TABLE videos ALTER COLUMN legacy SET DEFAULT {WRITTEN_BY_OTHERS}")
    elif videos.column("legacy") != schema.column("legacy"):
        with transaction(session):
            for statement in rebuild(videos, goal(videos, schema), session.dialect, _as_it_is):
                session.execute(statement)
    for first, last in _ranges(session, sql.LAST_TASK):
        retry.execute(_MARK_OTHERS, first, last)


def _as_it_is(column: Column) -> str:
    return quoted(column.name, Dialect.SQLITE)


def _add_entries(session: Session, now: int) -> int:
    """Add the ledger entries that older processes omitted; return how many entries changed.

    The work is done in short transactions. Each is run again if a relay has changed its rows
    meanwhile.
    """
    changed = _entries(_run(session, partial(add_missing_holds, now=now)))
    for first, last in _ranges(session, sql.LAST_ENTRY):
        changed += _entries(_run(session, partial(complete_entries, first, last, now=now)))
    return changed


def _entries(repairs: Iterable[Repair]) -> int:
    return sum(repair.amount or 1 for repair in repairs)


def _add_index(retry: LockRetry, table: str, index: str) -> None:
    """Add an index while relays keep writing to the table."""
    session = retry.session
    there = read_table(session, table)
    new = table_named(table, session.dialect).index(index)
    if there is None or new is None or not there.has(*new.columns):
        return
    name = quoted(index, session.dialect)
    if there.index(index) is not None:
        if not _is_half_made(session, index):
            return
        with retry.bounded():
            session.execute(f"DROP INDEX CONCURRENTLY {name}")
    unique = "UNIQUE " if new.unique else ""
    how = "INDEX CONCURRENTLY" if session.dialect is Dialect.POSTGRES else "INDEX"
    columns = index_columns(new, session.dialect)
    beside = " ALGORITHM=INPLACE LOCK=NONE" if session.dialect.is_mysql else ""
    on = quoted(table, session.dialect)
    with retry.bounded():
        session.execute(f"CREATE {unique}{how} {name} ON {on} {columns}{beside}")


def _is_half_made(session: Session, index: str) -> bool:
    """Return whether PostgreSQL was interrupted while making an index; it never uses such a one."""
    if session.dialect is not Dialect.POSTGRES:
        return False
    return not session.query(
        "SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass(?::text)", index
    )[0][0]


def _record_services(session: Session, log: Callable[[str], None]) -> int:
    """Record the service of each task that lacks one; return how many rows changed."""
    videos = read_table(session, "videos")
    if videos is None or not videos.has("service", "kling_task_id"):
        return 0
    changed = 0
    clashes: dict[tuple[str, str], ServiceClash] = {}
    for first, last in _ranges(session, sql.LAST_TASK):
        count, new_clashes = _run(session, partial(label_tasks, first, last))
        changed += count
        clashes |= {(clash.service, clash.tasks[0].kling_task_id): clash for clash in new_clashes}
    if changed:
        log(f"{changed} tasks got the service that they were sent to")
    for clash in clashes.values():
        log(_described(clash))
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
        f"{task.task_id} (channel {task.channel_id}, {task.status},"
        f" {f'charged {task.quota}' if task.is_charged else 'not charged'})"
        for task in clash.tasks
    ]
    upstream = clash.tasks[0].kling_task_id
    return (
        f"clash: the upstream task {upstream!r} of the service {clash.service} is of"
        f" {tasks[0]}, which has the service recorded, and of {', '.join(tasks[1:])}, without it"
    )


def _ranges(session: Session, highest: Statement) -> Iterator[tuple[int, int]]:
    """Yield ranges of ids, from 0 to the highest one, each for one transaction."""
    last = session.query(highest.sql)[0][0] or 0
    for first in range(0, last + 1, _AT_A_TIME):
        yield first, first + _AT_A_TIME - 1


def _run(session: Session, make: Callable[[], Transaction[_Result]]) -> _Result:
    """Run a transaction of the storage, and repeat it after each conflict."""

    def execute(statement: Statement, parameters: tuple[Any, ...]) -> Any:
        run = session.query if statement.reads else session.execute
        try:
            return run(statement.sql, *parameters)
        except DatabaseError as error:
            if error.code in _DUPLICATE:
                raise DuplicateError from error
            if is_busy(error):
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

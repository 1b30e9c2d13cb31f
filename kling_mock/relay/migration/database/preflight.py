"""Facts to know before an ALTER: size, disk space, time, locks, transactions."""

from __future__ import annotations

import os
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import attrs

from kling_mock.relay.migration.database.introspect import read_table
from kling_mock.relay.migration.database.session import DatabaseError, Session
from kling_mock.relay.migration.findings import Finding, Severity
from kling_mock.relay.storage.schema import Dialect, quoted

#: Measured: one ALTER of 1,000,000 rows of 1.1 KB took 16.8 s on MariaDB 11.8, warm.
_BYTES_PER_SECOND: Final = 1_300_000_000 / 16.8
#: Measured: the same table online, copied in batches while others wrote.
_ONLINE_FACTOR: Final = 2.2
#: Measured at 100,000 rows: a copy whose rows are numbered takes 2.1 times as long as another.
_NUMBERING_FACTOR: Final = 2.1
#: The copy, its indexes (181 bytes a row more than before) and the sort files.
_ROOM_FACTOR: Final = 1.5
_LONG_TRANSACTION: Final = 5  # seconds

#: The prefix of the online upgrade's triggers, which distinguishes them from the operator's.
OWN_TRIGGERS: Final = "kling_migration_"


@attrs.frozen
class Facts:
    """Facts about the table and its server.

    Attributes:
        server: The server's own name for its version.
        size: Bytes of table and indexes. MariaDB and MySQL estimate them by statistics, which may
            be of an earlier time: at least the bytes of all values.
        free: Free bytes on the disk of the data; None if that is another computer's disk.
        triggers: Names of triggers on the table.
        references: Names of foreign keys that point to the table.
        transactions: The age in seconds of each open transaction that has lasted long.
        engine: The storage engine; "" if the database has only one.
    """

    server: str
    size: int
    free: int | None
    triggers: tuple[str, ...] = ()
    references: tuple[str, ...] = ()
    transactions: tuple[int, ...] = ()
    engine: str = ""


@attrs.frozen
class UpgradeEstimate:
    """The estimated time and disk space of an upgrade.

    Attributes:
        direct: Seconds of the direct upgrade; writers wait all the time.
        online: Seconds of the online upgrade; writers wait for moments only.
        room: Bytes that must be free.
    """

    direct: float
    online: float
    room: int


def estimate(facts: Facts, *, numbers_rows: bool = False) -> UpgradeEstimate:
    """Return the estimate for a table of that size, based on measurements that were made once.

    Args:
        facts: The table's size.
        numbers_rows: Whether the direct upgrade has to number the rows, and so to sort them.
    """
    alter = facts.size / _BYTES_PER_SECOND
    direct = alter * _NUMBERING_FACTOR if numbers_rows else alter
    return UpgradeEstimate(direct, alter * _ONLINE_FACTOR, int(facts.size * _ROOM_FACTOR))


def judge(facts: Facts) -> Iterator[Finding]:
    """Yield the findings that follow from the facts."""
    if facts.engine not in {"", "InnoDB"}:
        yield Finding(
            "engine",
            "blocker",
            f"the table is stored in {facts.engine}, which has no transactions; first run "
            "ALTER TABLE videos ENGINE=InnoDB",
        )
    if facts.triggers:
        yield Finding(
            "triggers",
            "blocker",
            "the table has triggers, whose effect on a migration is unknown: "
            + ", ".join(facts.triggers),
        )
    if facts.references:
        yield Finding(
            "foreign-keys",
            "blocker",
            "foreign keys point to the table: " + ", ".join(facts.references),
        )
    if facts.transactions:
        yield Finding(
            "long-transactions",
            "warning",
            "open transactions hold up an ALTER, and all writers queue behind it; the oldest "
            f"has lasted {max(facts.transactions)} s",
            len(facts.transactions),
        )
    need = estimate(facts).room
    if facts.free is not None and facts.free < need:
        yield Finding("disk", "blocker", f"{facts.free:,} bytes are free and {need:,} are needed")


# ---------------------------------------------------------------- reading


def look(session: Session, table: str) -> Facts:
    """Read the facts about *table*, on MariaDB and MySQL all of it; nothing is written."""
    if session.dialect is Dialect.SQLITE:
        return _sqlite(session, table)
    return (
        _postgres(session, table) if session.dialect is Dialect.POSTGRES else _mysql(session, table)
    )


def _mysql(session: Session, table: str) -> Facts:
    size, engine = session.query(
        "SELECT DATA_LENGTH + INDEX_LENGTH, ENGINE FROM information_schema.TABLES "
        "WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = ?",
        table,
    )[0]
    triggers = session.query(
        "SELECT TRIGGER_NAME FROM information_schema.TRIGGERS "
        "WHERE EVENT_OBJECT_SCHEMA = DATABASE() AND EVENT_OBJECT_TABLE = ? "
        f"AND TRIGGER_NAME NOT LIKE '{OWN_TRIGGERS}%'",
        table,
    )
    described = read_table(session, table)
    columns = () if described is None else described.columns
    names = (quoted(column.name, session.dialect) for column in columns)
    octets = " + ".join(f"COALESCE(LENGTH({name}), 0)" for name in names)
    content = session.query(f"SELECT SUM({octets}) FROM {quoted(table, session.dialect)}")[0][0]
    directory, host = session.query("SELECT @@datadir, @@hostname")[0]
    return Facts(
        server=str(session.query("SELECT VERSION()")[0][0]),
        size=max(int(size or 0), int(content or 0)),
        free=_free(str(directory)) if host == socket.gethostname() else None,
        triggers=tuple(str(row[0]) for row in triggers),
        references=references(session, table),
        transactions=long_transactions(session),
        engine=str(engine),
    )


def references(session: Session, table: str) -> tuple[str, ...]:
    """Return the names of the foreign keys that point to *table* on MariaDB or MySQL."""
    rows = session.query(
        "SELECT CONSTRAINT_NAME FROM information_schema.KEY_COLUMN_USAGE "
        "WHERE REFERENCED_TABLE_SCHEMA = DATABASE() AND REFERENCED_TABLE_NAME = ?",
        table,
    )
    return tuple(str(row[0]) for row in rows)


def long_transactions(session: Session, seconds: int = _LONG_TRANSACTION) -> tuple[int, ...]:
    """Return the age of each transaction on MariaDB or MySQL that is older than *seconds*.

    A transaction counts only if its connection exists: INNODB_TRX is a copy, which the server does
    not renew while it is read again within 0.1 s. A transaction without a connection (XA) has the
    connection number 0.
    """
    try:
        rows = session.query(
            "SELECT TIMESTAMPDIFF(SECOND, trx_started, NOW()) FROM information_schema.INNODB_TRX "
            "WHERE trx_started < NOW() - INTERVAL ? SECOND AND (trx_mysql_thread_id = 0 "
            "OR trx_mysql_thread_id IN (SELECT ID FROM information_schema.PROCESSLIST))",
            seconds,
        )
    except DatabaseError:
        return ()  # needs the PROCESS privilege
    return tuple(int(row[0]) for row in rows)


def binary_log(session: Session, severity: Severity) -> list[Finding]:
    """Return findings on settings of the binary log that an online upgrade cannot work with.

    Args:
        session: The connection.
        severity: `blocker` for the online upgrade; `warning` for a check.
    """
    # Not by SELECT, for which MySQL 9 warns that the variable binlog_format will be removed.
    named = "'log_bin', 'binlog_format', 'log_bin_trust_function_creators'"
    variables = dict(session.query(f"SHOW VARIABLES WHERE Variable_name IN ({named})"))
    if variables["log_bin"] != "ON":
        return []
    findings = list[Finding]()
    if variables.get("binlog_format") == "STATEMENT":
        says = "binlog_format is STATEMENT; the copy of an online upgrade needs ROW or MIXED"
        findings.append(Finding("binlog", severity, says))
    if variables["log_bin_trust_function_creators"] != "ON" and not _is_trusted(session):
        says = (
            "the server writes a binary log and lets only privileged users create triggers (error "
            "1419), which an online upgrade needs: GRANT SUPER ON *.* (MariaDB: BINLOG ADMIN) to "
            "this user, or SET GLOBAL log_bin_trust_function_creators = 1 until the swap"
        )
        findings.append(Finding("trigger-privilege", severity, says))
    return findings


def _is_trusted(session: Session) -> bool:
    """Return whether the user may create triggers although there is a binary log.

    The privileges of a role are not shown, so a user with one counts as trusted.
    """
    grants = [str(row[0]) for row in session.query("SHOW GRANTS")]
    of_server = " ".join(grant.partition(" ON *.* ")[0] for grant in grants if " ON *.* " in grant)
    names = ("ALL PRIVILEGES", "SUPER", "BINLOG ADMIN")
    has_role = any(" ON " not in grant for grant in grants)
    return has_role or any(name in of_server for name in names)


#: The connections that hold a lock on the definition of a table: each transaction that has used
#: the table holds one.
_USING: Final = {
    Dialect.MYSQL: (
        "SELECT PROCESSLIST_ID FROM performance_schema.metadata_locks "
        "JOIN performance_schema.threads ON THREAD_ID = OWNER_THREAD_ID "
        "WHERE OBJECT_TYPE = 'TABLE' AND LOCK_STATUS = 'GRANTED' "
        "AND OBJECT_SCHEMA = DATABASE() AND OBJECT_NAME = ?"
    ),
    Dialect.MARIADB: (  # a plugin that is not loaded by default
        "SELECT THREAD_ID FROM information_schema.METADATA_LOCK_INFO "
        "WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = ?"
    ),
}
_MDL_IS_SEEN: Final = (
    "SELECT ENABLED FROM performance_schema.setup_instruments "
    "WHERE NAME = 'wait/lock/metadata/sql/mdl' AND ENABLED = 'YES'"
)


def transactions_on(session: Session, table: str, seconds: int) -> tuple[int, ...] | None:
    """Return the age of each transaction older than *seconds* that has used *table*.

    Return None if the server does not say which connections use a table. A transaction without a
    connection (XA) may have used it, and is included.
    """
    try:
        if session.dialect is Dialect.MYSQL and not session.query(_MDL_IS_SEEN):
            return None
        users = {row[0] for row in session.query(_USING[session.dialect], table)}
    except DatabaseError:  # the plugin, or the right to read the table, is missing
        return None
    rows = session.query(
        "SELECT trx_mysql_thread_id, TIMESTAMPDIFF(SECOND, trx_started, NOW()) "
        "FROM information_schema.INNODB_TRX WHERE trx_started < NOW() - INTERVAL ? SECOND",
        seconds,
    )
    return tuple(int(age) for thread, age in rows if thread == 0 or thread in users)


def _postgres(session: Session, table: str) -> Facts:
    triggers = session.query(
        "SELECT tgname FROM pg_trigger WHERE tgrelid = to_regclass(quote_ident(?::text)) "
        "AND NOT tgisinternal",
        table,
    )
    references = session.query(
        "SELECT conname FROM pg_constraint WHERE contype = 'f' "
        "AND confrelid = to_regclass(quote_ident(?::text))",
        table,
    )
    transactions = session.query(
        "SELECT extract(epoch FROM now() - xact_start)::int FROM pg_stat_activity "
        "WHERE datname = current_database() AND pid <> pg_backend_pid() "
        f"AND xact_start < now() - interval '{_LONG_TRANSACTION} s'"
    )
    size = session.query("SELECT pg_total_relation_size(to_regclass(quote_ident(?::text)))", table)
    return Facts(
        server="PostgreSQL " + str(session.query("SHOW server_version")[0][0]),
        size=int(size[0][0] or 0),
        free=None,
        triggers=tuple(str(row[0]) for row in triggers),
        references=tuple(str(row[0]) for row in references),
        transactions=tuple(int(row[0]) for row in transactions),
    )


def _sqlite(session: Session, table: str) -> Facts:
    triggers = session.query(
        "SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = ?", table
    )
    return Facts(
        server="SQLite " + str(session.query("SELECT sqlite_version()")[0][0]),
        size=Path(session.database).stat().st_size,
        free=_free(str(Path(session.database).absolute().parent)),
        triggers=tuple(str(row[0]) for row in triggers),
    )


def _free(directory: str) -> int | None:
    return shutil.disk_usage(directory).free if os.access(directory, os.F_OK) else None

"""The lock that lets only one command at a time change a database.

On a server, the lock belongs to a separate connection, which does nothing else: the server releases
it when the command ends, however it ends. If several servers take writes, each of them knows only
the locks of its own connections, so a table with one row is an additional lock there. On SQLite,
the lock is on a file beside the database.
"""

from __future__ import annotations

import os
from collections.abc import Generator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any, Final

from kling_mock.relay.migration.database.session import DatabaseError, Session
from kling_mock.relay.migration.findings import BlockedError, Finding
from kling_mock.relay.storage.adapters.mysql_nodes import MysqlNode
from kling_mock.relay.storage.schema import Dialect

#: The lock's name: at most 64 characters, whatever the database is called. MySQL 9.6 and later do
#: not have MD5().
_NAME: Final = "CONCAT('kling_migration_', CRC32(DATABASE()))"
#: The lock's number on PostgreSQL, where each database has its own locks: "kling" as a number.
_NUMBER: Final = int.from_bytes(b"kling", "big")
#: Seconds to wait for the lock: the server needs a moment to notice that a process was killed.
_PATIENCE: Final = 1
#: Seconds (24 days) of idle time: the connection is idle for as long as the command takes.
IDLE: Final = 2_147_483
#: The table that all servers of a cluster see.
_TABLE: Final = "kling_migration_running"


@contextmanager
def only_run(session: Session) -> Generator[None]:
    """Keep other commands from changing the same database for the duration of a `with` block.

    Raises:
        BlockedError: Another command is running; the finding identifies it.
    """
    if session.dialect is Dialect.SQLITE:
        with _file_lock(Path(f"{session.database}-migrating")):
            yield
        return
    with closing(session.another()) as holder:
        if holder.dialect is Dialect.POSTGRES:
            _lock_on_postgres(holder)
            yield
            return
        _lock_on_mysql(holder)
        with _cluster_lock(holder):
            yield


def _refused(who: str, instead: str = "wait until it has ended, or end it") -> BlockedError:
    says = f"another upgrade, downgrade or import of this database runs: {who}; {instead}"
    return BlockedError([Finding("running", "blocker", says)])


# ---------------------------------------------------------------- one server


def _lock_on_mysql(holder: Session) -> None:
    holder.execute(f"SET SESSION wait_timeout = {IDLE}")
    if holder.query(f"SELECT GET_LOCK({_NAME}, {_PATIENCE})")[0][0] == 1:
        return
    rows = holder.query(
        "SELECT ID, USER, HOST, TIME FROM information_schema.PROCESSLIST "
        f"WHERE ID = IS_USED_LOCK({_NAME})"
    )
    raise _refused(_who(rows))


def _lock_on_postgres(holder: Session) -> None:
    holder.query(
        "SELECT set_config(name, '0', false) FROM pg_settings WHERE name = 'idle_session_timeout'"
    )
    if holder.query("SELECT pg_try_advisory_lock(?::bigint)", _NUMBER)[0][0]:
        return
    rows = holder.query(
        "SELECT pid, usename, COALESCE(host(client_addr), 'this computer'), "
        "extract(epoch FROM now() - backend_start)::int FROM pg_locks JOIN pg_stat_activity "
        "USING (pid) WHERE locktype = 'advisory' AND granted AND objsubid = 1 "
        "AND (classid::bigint << 32) + objid::bigint = ?::bigint "
        "AND database = (SELECT oid FROM pg_database WHERE datname = current_database())",
        _NUMBER,
    )
    raise _refused(_who(rows))


def _who(rows: list[tuple[Any, ...]]) -> str:
    if not rows:  # it has just ended, or is another user's, visible only with PROCESS
        return "by a connection that this user may not see"
    number, user, host, seconds = rows[0]
    return f"connection {number} of {user} from {host}, for {seconds} s"


# ---------------------------------------------------------------- several servers


@contextmanager
def _cluster_lock(holder: Session) -> Generator[None]:
    """Hold the row that all servers of a cluster see, if more than one takes writes.

    The first of two commits of the same key is certified, and the second is refused. A row that a
    killed command has left is taken over by the next command on the same server: that command holds
    the server's own lock, so no other command can be running there.
    """
    server = holder.server()
    if not isinstance(server, MysqlNode) or server.writers < 2:
        yield
        return
    number = holder.query("SELECT CONNECTION_ID()")[0][0]
    try:
        holder.execute(
            f"CREATE TABLE IF NOT EXISTS {_TABLE} (id INT NOT NULL PRIMARY KEY, "
            "server VARCHAR(300) NOT NULL, connection BIGINT NOT NULL) ENGINE=InnoDB"
        )
        holder.execute(f"DELETE FROM {_TABLE} WHERE id = 1 AND server = ?", server.name)
        holder.execute(f"INSERT INTO {_TABLE} VALUES (1, ?, ?)", server.name, number)
    except DatabaseError as error:
        raise _elsewhere(holder, error) from error
    try:
        yield
    finally:
        holder.execute(f"DROP TABLE IF EXISTS {_TABLE}")


def _elsewhere(holder: Session, error: DatabaseError) -> BlockedError:
    """Return an error that names the command on another server; raise *error* if it is unknown."""
    rows = list[tuple[Any, ...]]()
    with suppress(DatabaseError):
        rows = holder.query(f"SELECT server, connection FROM {_TABLE}")
    if not rows:
        raise error
    server, number = rows[0]
    return _refused(
        f"connection {number} of {server}",
        f"wait until it has ended; if it was killed, run the same command there, with {server} in "
        f"--db, or DROP TABLE {_TABLE} if that server is gone for good",
    )


# ---------------------------------------------------------------- a file


@contextmanager
def _file_lock(path: Path) -> Generator[None]:
    try:
        fcntl: Any = __import__("fcntl")
    except ImportError:  # not available on every system
        yield
        return
    with path.open("a+", encoding="ascii") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            file.seek(0)
            raise _refused(f"process {file.read()}") from error
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        try:
            yield
        finally:
            path.unlink(missing_ok=True)

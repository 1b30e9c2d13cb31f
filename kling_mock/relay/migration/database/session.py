"""A blocking connection for a command, with the same methods for each database.

A command runs one statement after another. The drivers of MariaDB and PostgreSQL that the relay
uses are asynchronous, so they get a private event loop here.

If the URL names several servers, one is chosen at the start, as the relay does, and kept: what a
migration has seen on one server may be different on another.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Coroutine, Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager, suppress
from itertools import chain
from pathlib import Path
from typing import Any, Final, Protocol, TypeAlias, TypeVar, cast
from urllib.parse import unquote

import attrs

from kling_mock.relay.migration.findings import UnfinishedError
from kling_mock.relay.storage.adapters.address import split_url, url_of_host
from kling_mock.relay.storage.adapters.connection import (
    ConflictingWriteError,
    ConnectionLostError,
    NodeNotReadyError,
    PooledConnection,
)
from kling_mock.relay.storage.adapters.server import LIMITS, ServerEngine
from kling_mock.relay.storage.connect import engine_of
from kling_mock.relay.storage.errors import StorageError
from kling_mock.relay.storage.schema import Dialect, quoted
from kling_mock.relay.storage.steps import DuplicateError, Statement
from kling_mock.relay.storage.values import DatabaseNode

T = TypeVar("T")

#: A server's description of itself, on MariaDB and MySQL with its replication.
Server: TypeAlias = DatabaseNode

#: The errors that a connection of the storage raises; their cause is the driver's own error.
_REFUSALS: Final = (ConnectionLostError, ConflictingWriteError, DuplicateError, StorageError)
#: Maximum bytes of an INSERT of many rows, below the smallest default of `max_allowed_packet`.
_PACKET: Final = 3_000_000
#: Maximum parameters of such an INSERT: SQLite takes 32,766.
_PARAMETERS: Final = 20_000
_SCHEMES: Final = frozenset({"mariadb", "mysql", "postgresql", "postgres", "sqlite"})


class DatabaseError(Exception):
    """The database refused a statement.

    Attributes:
        code: The database's own code: an error number on MariaDB and MySQL, five characters
            on PostgreSQL, a name such as `SQLITE_BUSY` on SQLite; 0 or "" if it is not the
            database's own error.
    """

    def __init__(self, code: int | str, message: str) -> None:
        super().__init__(f"{message} (code {code})" if code else message)
        self.code = code


class Session(Protocol):
    """A connection in autocommit mode. `?` stands for a parameter in every dialect."""

    @property
    def dialect(self) -> Dialect:
        """The SQL dialect."""
        ...

    @property
    def database(self) -> str:
        """The name of the database, or the path of its file."""
        ...

    @property
    def url(self) -> str:
        """The URL of the database on the one server that the connection leads to."""
        ...

    def server(self) -> Server:
        """Ask the server for its identity, and whether it takes writes."""
        ...

    def query(self, sql: str, *parameters: object) -> list[tuple[Any, ...]]:
        """Return the rows that *sql* selects."""
        ...

    def execute(self, sql: str, *parameters: object) -> int:
        """Run one statement; return the number of rows that it affected."""
        ...

    def another(self) -> Session:
        """Open another connection to the same database on the same server; the caller closes it.

        Raises:
            UnfinishedError: The address now leads to another server.
        """
        ...

    def close(self) -> None:
        """Close the connection."""
        ...


class SessionWrapper:
    """A session that passes every call on to another one; subclasses act before or after it.

    Attributes:
        session: The session that receives the calls.
    """

    session: Session

    @property
    def dialect(self) -> Dialect:  # noqa: D102 - as in `Session`
        return self.session.dialect

    @property
    def database(self) -> str:  # noqa: D102 - as in `Session`
        return self.session.database

    @property
    def url(self) -> str:  # noqa: D102 - as in `Session`
        return self.session.url

    def server(self) -> Server:  # noqa: D102 - as in `Session`
        return self.session.server()

    def query(self, sql: str, *parameters: object) -> list[tuple[Any, ...]]:  # noqa: D102 - as in `Session`
        return self.session.query(sql, *parameters)

    def execute(self, sql: str, *parameters: object) -> int:  # noqa: D102 - as in `Session`
        return self.session.execute(sql, *parameters)

    def another(self) -> Session:  # noqa: D102 - as in `Session`
        return self.session.another()

    def close(self) -> None:  # noqa: D102 - as in `Session`
        self.session.close()


@contextmanager
def connect(url: str) -> Generator[Session]:
    """Open *url* for the duration of a `with` block.

    Args:
        url: `mysql://user:password@host:3306/name` (also `mariadb://`), `postgresql://…`, or
            `sqlite:///path`, with the parameters that the relay's own store takes. If it
            names several servers, `host1:3306,host2:3306`, the first one that takes writes is
            used; if none does, the first one that can be read.

    Raises:
        ValueError: The URL does not name a known database. The message does not repeat the URL,
            because it may contain a password.
        DatabaseError: The server is unreachable or refuses the login.
    """
    parts = split_url(url)
    if parts.scheme not in _SCHEMES or len(parts.path) < 2:
        raise ValueError(
            "a database URL looks like mysql://user:password@host:3306/name, "
            "postgresql://user:password@host:5432/name or sqlite:///path/to/file.db"
        )
    session = _SQLite(parts.path[1:]) if parts.scheme == "sqlite" else _Server(url)
    try:
        yield session
    finally:
        session.close()


@contextmanager
def transaction(session: Session) -> Generator[None]:
    """Run the `with` block as one transaction."""
    session.execute("BEGIN IMMEDIATE" if session.dialect is Dialect.SQLITE else "BEGIN")
    try:
        yield
        # Inside the `try`: after a COMMIT that a cluster refuses, the next BEGIN could commit what
        # is left.
        session.execute("COMMIT")
    except BaseException:
        with suppress(Exception):  # the connection may be gone, and the transaction with it
            session.execute("ROLLBACK")
        raise


def insert(
    session: Session, table: str, columns: Sequence[str], rows: Iterable[tuple[Any, ...]]
) -> None:
    """Insert *rows*, as many in one statement as a server takes by default."""
    names = ", ".join(quoted(column, session.dialect) for column in columns)
    marks = f"({', '.join('?' * len(columns))})"
    together, size = list[tuple[Any, ...]](), 0

    def flush() -> None:
        if together:
            session.execute(
                f"INSERT INTO {quoted(table, session.dialect)} ({names}) VALUES "
                + ", ".join([marks] * len(together)),
                *chain.from_iterable(together),
            )
            together.clear()

    for row in rows:
        length = sum(4 * len(value) if isinstance(value, str) else 20 for value in row)
        if size + length > _PACKET or len(together) * len(columns) > _PARAMETERS:
            flush()
            size = 0
        together.append(row)
        size += length
    flush()


@contextmanager
def undone(session: Session) -> Generator[None]:
    """Undo the statements of the `with` block; on PostgreSQL even inside a transaction."""
    back = _begin(session)
    try:
        yield
    finally:
        session.execute(back)


def _begin(session: Session) -> str:
    """Start a transaction or a savepoint; return the statement that undoes it."""
    if session.dialect is Dialect.POSTGRES:
        with suppress(DatabaseError):  # no transaction is open
            session.execute("SAVEPOINT kling_migration")
            return "ROLLBACK TO SAVEPOINT kling_migration"
    session.execute("BEGIN")
    return "ROLLBACK"


class _SQLite:
    dialect = Dialect.SQLITE

    def __init__(self, path: str) -> None:
        self.database = path
        self.url = f"sqlite:///{path}"
        # mode=rw: a command for an existing table must not create an empty file.
        try:
            self._connection = sqlite3.connect(
                f"{Path(path).absolute().as_uri()}?mode=rw",
                uri=True,
                isolation_level=None,
                timeout=30,
            )
        except sqlite3.Error as error:
            raise DatabaseError("SQLITE_CANTOPEN", f"cannot open {path}: {error}") from error

    def query(self, sql: str, *parameters: object) -> list[tuple[Any, ...]]:
        return list(self._run(sql, parameters))

    def execute(self, sql: str, *parameters: object) -> int:
        return self._run(sql, parameters).rowcount

    def _run(self, sql: str, parameters: Sequence[Any]) -> sqlite3.Cursor:
        try:
            return self._connection.execute(sql, parameters)
        except sqlite3.Error as error:
            code = getattr(error, "sqlite_errorname", "SQLITE_ERROR")
            raise DatabaseError(code, str(error)) from error

    def server(self) -> Server:
        return DatabaseNode()

    def another(self) -> Session:
        return _SQLite(self.database)

    def close(self) -> None:
        self._connection.close()


#: Settings that a migration relies on, and that a server's configuration or an administrator may
#: have changed. Triggers keep the sql_mode of the session that creates them. Strict: a value that
#: does not fit is an error. NO_AUTO_VALUE_ON_ZERO: an id 0 stays 0. NO_ZERO_DATE is left out: dates
#: of columns that are only copied stay as they are.
_MYSQL_SETTINGS: Final = (
    "SET SESSION sql_mode = 'STRICT_ALL_TABLES,STRICT_TRANS_TABLES,NO_AUTO_VALUE_ON_ZERO,"
    "ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION', SESSION sql_safe_updates = 0,"
    " SESSION sql_auto_is_null = 0, SESSION sql_quote_show_create = 1,"
    " SESSION sql_select_limit = DEFAULT, SESSION foreign_key_checks = 1,"
    " SESSION unique_checks = 1"
)
#: More such settings, which MySQL does not have.
_MARIADB_SETTINGS: Final = "SET SESSION check_constraint_checks = 1, SESSION max_statement_time = 0"


class _Server:
    """A storage connection to a server, whose calls run one by one on a private event loop."""

    def __init__(self, url: str) -> None:
        parts = split_url(url)
        is_postgres = parts.scheme.startswith("postgres")
        self.dialect = Dialect.POSTGRES if is_postgres else Dialect.MYSQL
        self.database = unquote(parts.path[1:])
        self._name = ""
        # A migration may take any time between two statements.
        options: dict[str, Any] = {"limits": attrs.evolve(LIMITS, idle_in_transaction=0)}
        if not is_postgres:
            options["session"] = (_MYSQL_SETTINGS,)
        engine = cast("ServerEngine", engine_of(url, **options))
        self._loop = asyncio.new_event_loop()
        try:
            self._connection = self._connected(url, engine, options)
        except BaseException as error:
            self._loop.close()
            if isinstance(error, _REFUSALS):
                raise self._error(error) from error
            raise
        hosts = engine.address.hosts
        self.url = url if len(hosts) == 1 else url_of_host(parts, hosts[self._connection.host])
        self._name = self.server().name
        if is_postgres:
            # This makes a policy that hides rows an error, so that a copy cannot miss them.
            self.execute("SET row_security = off")
        elif "mariadb" in str(self.query("SELECT VERSION()")[0][0]).lower():
            self.dialect = Dialect.MARIADB
            self.execute(_MARIADB_SETTINGS)

    def _connected(
        self, url: str, engine: ServerEngine, options: Mapping[str, Any]
    ) -> PooledConnection:
        """Connect to the first server that takes writes, or else to one that can be read."""
        try:
            return self._wait(engine.connect())
        except NodeNotReadyError:
            readable = cast("ServerEngine", engine_of(url, read_only=True, **options))
            return self._wait(readable.connect())

    def query(self, sql: str, *parameters: object) -> list[tuple[Any, ...]]:
        return [tuple(row) for row in self._run(Statement(sql, reads=True, once=True), parameters)]

    def execute(self, sql: str, *parameters: object) -> int:
        return int(self._run(Statement(sql, reads=False, once=True), parameters))

    def _run(self, statement: Statement, parameters: tuple[object, ...]) -> Any:
        try:
            return self._wait(self._connection.execute(statement, parameters))
        except _REFUSALS as error:
            raise self._error(error) from error

    def server(self) -> Server:
        try:
            return self._wait(self._connection.look())
        except _REFUSALS as error:
            raise self._error(error) from error

    def another(self) -> Session:
        return _same(_Server(self.url), self._name)

    def close(self) -> None:
        try:
            with suppress(Exception):  # an error of the connection was raised before
                self._wait(self._connection.goodbye())
        finally:
            self._loop.close()

    def _wait(self, call: Coroutine[Any, Any, T]) -> T:
        return self._loop.run_until_complete(call)

    def _error(self, meaning: Exception) -> DatabaseError:
        """Return the driver's own error, from which the storage made *meaning*."""
        error: BaseException = meaning
        while error.__cause__ is not None:
            error = error.__cause__
        code = getattr(error, "sqlstate", None)
        if self.dialect is Dialect.POSTGRES:
            code, text = code or "", str(error)
        else:
            code = error.args[0] if error.args and isinstance(error.args[0], int) else 0
            text = str(error.args[-1] if error.args else error)
        return DatabaseError(code, _error_text(text, meaning, self._name))


def _same(other: Session, name: str) -> Session:
    """Return *other* if it is connected to the server *name*; otherwise close it.

    Raises:
        UnfinishedError: It is connected to another server.
    """
    server = other.server().name
    if server == name:
        return other
    other.close()
    raise UnfinishedError(
        f"the command was started on {name}, and its address now leads to {server}: it does not "
        "continue there, because the state there may differ; run kling-mock db check, and then the "
        "same command again"
    )


def _error_text(text: str, known: Exception, name: str) -> str:
    """Return the message for an error of the driver.

    Args:
        text: The driver's own message.
        known: The meaning of the error for the storage.
        name: The server's own name; "" before there is a connection.
    """
    if not (name and isinstance(known, ConnectionLostError)) or isinstance(
        known, NodeNotReadyError
    ):
        return text
    return (
        f"{text}: the server {name} was lost, and the command does not continue on another one; "
        "run kling-mock db check to see the state there, and then the same command again"
    )

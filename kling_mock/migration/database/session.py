"""One blocking connection for a command, with the same calls on each database.

A command runs one statement after the other. The drivers of MariaDB and PostgreSQL that the relay
uses are asynchronous, so they get a private event loop here.

Of several servers in the URL one is chosen at the beginning, as the relay does, and kept: what a
migration has seen on one server need not be so on another.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Coroutine, Generator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any, Final, Protocol, cast
from urllib.parse import SplitResult, unquote, urlsplit, urlunsplit

from kling_mock.migration.findings import UnfinishedError
from kling_mock.storage.adapters.address import (
    ServerAddress,
    missing_driver,
    mysql_address,
    postgres_address,
    split_url,
    url_of_host,
)
from kling_mock.storage.adapters.connection import (
    ConnectionLostError,
    NodeNotReadyError,
    PooledConnection,
)
from kling_mock.storage.adapters.mysql_nodes import MysqlNode
from kling_mock.storage.adapters.server import ServerEngine
from kling_mock.storage.errors import StorageError
from kling_mock.storage.schema import Dialect
from kling_mock.storage.steps import numbered
from kling_mock.storage.values import DatabaseNode

__all__ = ["DatabaseError", "Server", "Session", "connect", "transaction", "undone"]

#: What a server says of itself: MariaDB and MySQL also how they are replicated.
Server = DatabaseNode | MysqlNode

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
        """Ask the server who it is, and whether it takes writes."""
        ...

    def query(self, sql: str, *parameters: object) -> list[tuple[Any, ...]]:
        """Return the rows that *sql* finds."""
        ...

    def execute(self, sql: str, *parameters: object) -> int:
        """Run one statement; return the number of rows it touched."""
        ...

    def another(self) -> Session:
        """Open another connection to the same database on the same server; the caller closes it.

        Raises:
            UnfinishedError: The address leads to another server now.
        """
        ...

    def close(self) -> None:
        """Close the connection."""
        ...


@contextmanager
def connect(url: str) -> Generator[Session]:
    """Open *url* for the length of a `with` block.

    Args:
        url: `mysql://user:password@host:3306/name` (also `mariadb://`), `postgresql://…`, or
            `sqlite:///path`, with the parameters that the relay's own store takes. Of several
            servers, `host1:3306,host2:3306`, the first that takes writes is used; if none does,
            the first that can be read.

    Raises:
        ValueError: The URL names no known database; its text is not repeated, because it may
            hold a password.
        DatabaseError: The server is away or refuses the login.
    """
    parts = split_url(url)
    if parts.scheme not in _SCHEMES or len(parts.path) < 2:
        raise ValueError(
            "a database URL looks like mysql://user:password@host:3306/name, "
            "postgresql://user:password@host:5432/name or sqlite:///path/to/file.db"
        )
    session = _open(parts)
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
        # Inside: of a COMMIT that a cluster refuses, the next BEGIN could commit what is left.
        session.execute("COMMIT")
    except BaseException:
        with suppress(Exception):  # the connection may be gone, and the transaction with it
            session.execute("ROLLBACK")
        raise


@contextmanager
def undone(session: Session) -> Generator[None]:
    """Undo the statements of the `with` block; on PostgreSQL also inside of a transaction."""
    back = _begin(session)
    try:
        yield
    finally:
        session.execute(back)


def _begin(session: Session) -> str:
    """Begin something that the returned statement undoes."""
    if session.dialect is Dialect.POSTGRES:
        with suppress(DatabaseError):  # no transaction is open
            session.execute("SAVEPOINT kling_migration")
            return "ROLLBACK TO SAVEPOINT kling_migration"
    session.execute("BEGIN")
    return "ROLLBACK"


def _open(parts: SplitResult) -> Session:
    if parts.scheme == "sqlite":
        return _SQLite(parts.path[1:])
    return _Postgres(parts) if parts.scheme.startswith("postgres") else _MariaDB(parts)


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


class _OnLoop:
    """Runs an asynchronous driver's calls one by one on a loop of its own."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()

    def _wait(self, call: Coroutine[Any, Any, Any]) -> Any:
        return self._loop.run_until_complete(call)

    def _connected(self, engine: Callable[..., ServerEngine]) -> Any:
        """Connect to the first server that takes writes, or else to one that can be read.

        Args:
            engine: Makes the engine; takes the option `read_only`.
        """
        try:
            try:
                return self._wait(engine().connect())
            except NodeNotReadyError:
                return self._wait(engine(read_only=True).connect())
        except BaseException:
            self._loop.close()
            raise

    def _end(self, call: Coroutine[Any, Any, Any]) -> None:
        try:
            with suppress(Exception):  # an error of the connection was raised before
                self._wait(call)
        finally:
            self._loop.close()


#: What a server's configuration or an administrator may have set otherwise, and a migration
#: relies on. Triggers keep the sql_mode of the session that creates them. Strict: a value that
#: does not fit is an error. NO_AUTO_VALUE_ON_ZERO: an id 0 stays 0. No NO_ZERO_DATE: dates of
#: columns that are only copied stay as they are.
_MY_SETTINGS: Final = (
    (
        "sql_mode = 'STRICT_ALL_TABLES,STRICT_TRANS_TABLES,NO_AUTO_VALUE_ON_ZERO,"
        "ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION'"
    ),
    "sql_safe_updates = 0",
    "sql_auto_is_null = 0",
    "sql_quote_show_create = 1",
    "sql_select_limit = DEFAULT",
    "foreign_key_checks = 1",
    "unique_checks = 1",
)
#: The same for what MySQL does not have.
_MARIADB_SETTINGS: Final = ("check_constraint_checks = 1", "max_statement_time = 0")


class _MariaDB(_OnLoop):
    def __init__(self, parts: SplitResult) -> None:
        try:
            from kling_mock.storage.adapters import mysql
        except ModuleNotFoundError as error:
            raise missing_driver("mysql") from error
        self._driver = mysql
        address = mysql_address(parts)
        super().__init__()
        self.database = str(address.arguments["database"])
        self._name = ""
        settings = f"SET SESSION {', SESSION '.join(_MY_SETTINGS)}"
        engine = partial(mysql.MysqlEngine, address, session=(settings,))
        try:
            self._connection: mysql.MysqlConnection = self._connected(engine)
        except (ConnectionLostError, StorageError) as error:
            raise self._error(_cause(error)) from error
        self.url = _url(parts, address, self._connection)
        self._name = self.server().name
        version = str(self.query("SELECT VERSION()")[0][0])
        self.dialect = Dialect.MARIADB if "mariadb" in version.lower() else Dialect.MYSQL
        if self.dialect is Dialect.MARIADB:
            self.execute(f"SET SESSION {', SESSION '.join(_MARIADB_SETTINGS)}")

    def query(self, sql: str, *parameters: object) -> list[tuple[Any, ...]]:
        rows, _ = self._run(sql, parameters)
        return [tuple(row) for row in rows]

    def execute(self, sql: str, *parameters: object) -> int:
        return int(self._run(sql, parameters)[1])

    def _run(self, sql: str, parameters: Sequence[object]) -> tuple[Any, int]:
        try:
            rows, count = self._wait(self._on_cursor(sql, parameters))
        except self._driver.DRIVER_ERRORS as error:
            raise self._error(error) from error
        return rows, count

    async def _on_cursor(self, sql: str, parameters: Sequence[object]) -> tuple[Any, int]:
        cursor = self._connection.driver.cursor()
        try:
            if parameters:
                sql = sql.replace("%", "%%").replace("?", "%s")
            await cursor.execute(sql, parameters or None)
            return await cursor.fetchall(), cursor.rowcount
        finally:
            await cursor.close()

    def _error(self, error: BaseException) -> DatabaseError:
        text = str(error.args[-1] if error.args else error)
        if self._name and isinstance(error, self._driver.DRIVER_ERRORS):
            text = _said(text, self._driver.translated(error, changes=True), self._name)
        return DatabaseError(self._driver.code_of(error), text)

    def server(self) -> Server:
        try:
            return cast("Server", self._wait(self._connection.look()))
        except ConnectionLostError as error:
            raise self._error(_cause(error)) from error

    def another(self) -> Session:
        return _same(_MariaDB(urlsplit(self.url)), self._name)

    def close(self) -> None:
        self._end(self._connection.goodbye())


class _Postgres(_OnLoop):
    dialect = Dialect.POSTGRES

    def __init__(self, parts: SplitResult) -> None:
        try:
            from kling_mock.storage.adapters import postgres
        except ModuleNotFoundError as error:
            raise missing_driver("postgres") from error
        self._driver = postgres
        super().__init__()
        self.database = unquote(parts.path[1:])
        # As libpq, and the store, read it.
        address = postgres_address(parts)
        self._name = ""
        engine = partial(postgres.PostgresEngine, address)
        try:
            self._connection: postgres.PostgresConnection = self._connected(engine)
        except (ConnectionLostError, StorageError) as error:
            raise self._error(_cause(error)) from error
        self.url = _url(parts, address, self._connection)
        self._name = self.server().name
        # A policy that hides rows is an error, so that no copy can lack them.
        self.execute("SET row_security = off")

    def query(self, sql: str, *parameters: object) -> list[tuple[Any, ...]]:
        try:
            rows = self._wait(self._connection.driver.fetch(numbered(sql), *parameters))
        except self._driver.DRIVER_ERRORS as error:
            raise self._error(error) from error
        return [tuple(row) for row in rows]

    def execute(self, sql: str, *parameters: object) -> int:
        try:
            tag = self._wait(self._connection.driver.execute(numbered(sql), *parameters))
        except self._driver.DRIVER_ERRORS as error:
            raise self._error(error) from error
        count = str(tag).rpartition(" ")[2]
        return int(count) if count.isdigit() else 0

    def _error(self, error: BaseException) -> DatabaseError:
        text = str(error)
        if self._name and isinstance(error, self._driver.DRIVER_ERRORS):
            text = _said(text, self._driver.translated(error), self._name)
        return DatabaseError(str(getattr(error, "sqlstate", "")), text)

    def server(self) -> Server:
        try:
            return cast("Server", self._wait(self._connection.check()))
        except NodeNotReadyError as error:
            if error.node is not None:
                return error.node
            raise self._error(_cause(error)) from error
        except ConnectionLostError as error:
            raise self._error(_cause(error)) from error

    def another(self) -> Session:
        return _same(_Postgres(urlsplit(self.url)), self._name)

    def close(self) -> None:
        self._end(self._connection.goodbye())


def _url(parts: SplitResult, address: ServerAddress, connection: PooledConnection) -> str:
    """Return the URL of the one server that *connection* leads to."""
    if len(address.hosts) == 1:
        return urlunsplit(parts)
    return url_of_host(parts, address.hosts[connection.host])


def _same(other: Session, name: str) -> Session:
    """Return *other* if it leads to the server *name*, and close it if not.

    Raises:
        UnfinishedError: It does not.
    """
    found = other.server().name
    if found == name:
        return other
    other.close()
    raise UnfinishedError(
        f"the command works on {name}, and its address now leads to {found}: it does not go on "
        "there, because what it has seen may not be so there; run kling-mock db check, and then "
        "the same command again"
    )


def _said(text: str, known: Exception, name: str) -> str:
    """Return what to say of an error of the driver.

    Args:
        text: Its own text.
        known: What it means.
        name: The server's name of itself.
    """
    if not isinstance(known, ConnectionLostError) or isinstance(known, NodeNotReadyError):
        return text
    return (
        f"{text}: the server {name} was lost, and the command does not go on at another one; run "
        "kling-mock db check to see what is there, and then the same command again"
    )


def _cause(error: BaseException) -> BaseException:
    """Return the driver's own error, if there is one."""
    while error.__cause__ is not None:
        error = error.__cause__
    return error

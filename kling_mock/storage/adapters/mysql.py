"""MySQL and MariaDB over asyncmy.

Every statement is prepared once per connection and its parameters are sent apart from it, so
there is no escaping that an odd sql_mode or character set could defeat.

READ COMMITTED is set for each connection: with it InnoDB locks the rows that it changes and no
gaps between them. Nothing depends on it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import asyncmy
from asyncmy import errors

from kling_mock.storage.adapters.address import ServerAddress
from kling_mock.storage.adapters.connection import (
    ConflictingWriteError,
    ConnectionLostError,
    NodeNotReadyError,
    PooledConnection,
)
from kling_mock.storage.adapters.engine import TransactionMode
from kling_mock.storage.adapters.meanings import Meaning, meaning_in_mysql
from kling_mock.storage.adapters.mysql_nodes import (
    GALERA_STATUS,
    GROUP_MEMBERS,
    READ_ONLY,
    VARIABLES,
    MysqlKind,
    MysqlNode,
    kind_of,
    node_of,
)
from kling_mock.storage.adapters.server import LIMITS, ServerEngine, ServerLimits
from kling_mock.storage.errors import StorageError, StorageUnavailableError
from kling_mock.storage.schema import Dialect
from kling_mock.storage.steps import DuplicateError, Statement
from kling_mock.storage.values import DatabaseNode

__all__ = ["DRIVER_ERRORS", "SESSION", "MysqlConnection", "MysqlEngine", "code_of", "translated"]

#: What the driver raises.
DRIVER_ERRORS: Final = (errors.MySQLError, OSError, EOFError)

#: What each connection is set to, whatever the server's own settings are.
SESSION: Final = (
    "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED",
    "SET SESSION sql_mode = 'STRICT_TRANS_TABLES,NO_ENGINE_SUBSTITUTION'",
    "SET SESSION innodb_lock_wait_timeout = 10",
)

_TABLES: Final = Statement(
    "SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE()", reads=True
)


def code_of(error: BaseException) -> int:
    """Return the number of an error of the driver; 0 if it has none."""
    return error.args[0] if error.args and isinstance(error.args[0], int) else 0


def translated(error: Exception, *, changes: bool) -> Exception:
    """Translate an error of the driver, without the server's own text.

    Args:
        error: The error.
        changes: Whether it answers a statement that changes rows, or COMMIT.
    """
    if not isinstance(error, errors.MySQLError):
        return ConnectionLostError(type(error).__name__)
    code = code_of(error)
    name = f"MySQL error {code}"
    match meaning_in_mysql(code, str(error), changes=changes):
        case Meaning.DUPLICATE:
            return DuplicateError()
        case Meaning.RUN_AGAIN:
            return ConflictingWriteError(name)
        case Meaning.NOT_READY:
            return NodeNotReadyError(name)
        case Meaning.REFUSED if not isinstance(error, errors.InterfaceError):
            return StorageError(f"the database refused a statement: {name}")
        case _:
            return ConnectionLostError(name)


class MysqlConnection(PooledConnection):
    """A connection to MySQL or MariaDB.

    Args:
        driver: The connection of the driver.

    Attributes:
        driver: The same.
    """

    def __init__(self, driver: Any) -> None:
        self.driver = driver
        self._prepared: dict[Statement, Any] = {}

    async def query(self, sql: str, *, changes: bool = False) -> None:
        """Run a statement without parameters."""
        try:
            await self.driver.query(sql)
        except DRIVER_ERRORS as error:
            raise translated(error, changes=changes) from error

    async def _rows(self, sql: str) -> Sequence[tuple[Any, ...]]:
        try:
            async with self.driver.cursor() as cursor:
                await cursor.execute(sql)
                rows: Sequence[tuple[Any, ...]] = await cursor.fetchall()
                return rows
        except DRIVER_ERRORS as error:
            raise translated(error, changes=False) from error

    async def begin(self, mode: TransactionMode) -> None:
        """Begin a transaction."""
        if mode is TransactionMode.SNAPSHOT:
            await self.query("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            await self.query("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY")
        else:
            await self.query("BEGIN")

    async def commit(self) -> None:
        """Make the transaction durable."""
        await self.query("COMMIT", changes=True)

    async def rollback(self) -> None:
        """Undo the transaction."""
        await self.query("ROLLBACK")

    async def execute(self, statement: Statement, parameters: tuple[Any, ...]) -> Any:
        """Run one statement."""
        prepared = self._prepared.get(statement) or await self._prepare(statement)
        try:
            result = await prepared.execute(parameters)
        except DRIVER_ERRORS as error:
            raise translated(error, changes=not statement.reads) from error
        return result.rows or () if statement.reads else result.affected_rows

    async def _prepare(self, statement: Statement) -> Any:
        try:
            prepared = self._prepared[statement] = await self.driver.prepare(statement.sql)
        except DRIVER_ERRORS as error:
            raise translated(error, changes=False) from error
        return prepared

    async def run_script(self, statements: Sequence[str]) -> None:
        """Run a script. Each statement commits by itself, as MySQL does with all DDL."""
        for sql in statements:
            await self.query(sql)

    async def check(self) -> DatabaseNode:
        """Ask the server who it is."""
        node = await self.look()
        _must_serve(node)
        return DatabaseNode(node.name)

    async def look(self) -> MysqlNode:
        """Ask the server who it is, how it is replicated, and whether it serves."""
        variables = dict(await self._rows(VARIABLES))
        kind = kind_of(variables)
        status = dict(await self._rows(GALERA_STATUS)) if kind is MysqlKind.GALERA else {}
        members: Any = await self._rows(GROUP_MEMBERS) if kind is MysqlKind.GROUP else ()
        return node_of(variables, status, members)

    def terminate(self) -> None:
        """Drop the connection."""
        self.driver.close()

    async def goodbye(self) -> None:
        """Disconnect in order."""
        await self.driver.ensure_closed()


def _must_serve(node: MysqlNode) -> None:
    if node.problem is not None:
        known = DatabaseNode(node.name, node.problem)
        raise NodeNotReadyError(f"{node.name}: {node.problem}", known)


class MysqlEngine(ServerEngine):
    """Runs transactions on MySQL or MariaDB.

    Args:
        address: With the arguments of `asyncmy.connect`.
        limits: See `ServerEngine`.
        session: What each connection is set to, besides causal reads.
        read_only: Whether a server is used that takes no writes.
    """

    dialect = Dialect.MYSQL

    def __init__(
        self,
        address: ServerAddress,
        limits: ServerLimits = LIMITS,
        *,
        session: Sequence[str] = SESSION,
        read_only: bool = False,
    ) -> None:
        super().__init__(address, limits, read_only=read_only)
        self._session = tuple(session)

    @property
    def table_names(self) -> Statement:
        """The statement that reads the names of the tables."""
        return _TABLES

    async def connect_to(self, host: int) -> MysqlConnection:
        """Open a connection to one of the servers, which commits each statement by itself."""
        name, port = self.address.hosts[host]
        try:
            driver = await asyncmy.connect(
                host=name, port=port, **self.address.arguments, charset="utf8mb4", autocommit=True
            )
        except RuntimeError as error:
            # The driver asks for it only when a server logs in by MySQL's default method.
            raise StorageUnavailableError(
                "cannot use the database: its login needs the package `cryptography`;"
                " pip install 'kling-sdk[mysql]' brings it"
            ) from error
        except DRIVER_ERRORS as error:
            known = translated(error, changes=False)
            if isinstance(known, ConnectionLostError):
                raise known from error
            # Wrong password, unknown database: a retry would not help.
            raise StorageUnavailableError(f"cannot use the database: {known}") from error
        session = MysqlConnection(driver)
        try:
            node = await session.look()
            if not (self._read_only and node.problem == READ_ONLY):
                _must_serve(node)
            for sql in (*self._session, *node.session):
                await session.query(sql)
        except BaseException:
            session.terminate()
            raise
        return session

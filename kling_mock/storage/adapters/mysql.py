"""MySQL and MariaDB over asyncmy.

Every statement is prepared once per connection and its parameters are sent apart from it, so
there is no escaping that an odd sql_mode or character set could defeat.

READ COMMITTED is set for each connection: with it InnoDB locks the rows that it changes and no
gaps between them. Nothing depends on it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

import asyncmy
from asyncmy import errors

from kling_mock.storage.adapters.engine import TransactionMode
from kling_mock.storage.adapters.server import (
    POOL_SIZE,
    SILENCE_LIMIT,
    ConflictingWriteError,
    ConnectionLostError,
    PooledConnection,
    ServerEngine,
)
from kling_mock.storage.errors import StorageError, StorageUnavailableError
from kling_mock.storage.schema import Dialect
from kling_mock.storage.steps import DuplicateError, Statement

__all__ = ["DRIVER_ERRORS", "SESSION", "MysqlEngine", "code_of", "connect"]

#: What the driver raises.
DRIVER_ERRORS: Final = (errors.MySQLError, OSError, EOFError)

#: What each connection is set to, whatever the server's own settings are.
SESSION: Final = (
    "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED",
    "SET SESSION sql_mode = 'STRICT_TRANS_TABLES,NO_ENGINE_SUBSTITUTION'",
    "SET SESSION innodb_lock_wait_timeout = 10",
)

_DUPLICATE: Final = 1062
#: Deadlock, lock wait timeout, changed since it was read (MariaDB), certification failure
#: (Group Replication and Galera), write conflicts (TiDB, not tested).
_CONFLICTS: Final = frozenset({1213, 1205, 1020, 3101, 8002, 8022, 9007})
#: Shutdown, interrupted, killed, too many connections; and the client's own: no connection,
#: gone away, lost during the query, malformed packet.
_LOST: Final = frozenset(
    {1040, 1053, 1152, 1158, 1159, 1160, 1161, 1317, 1927, 2002, 2003, 2006, 2013, 2014, 2027, 2055}
)

_TABLES: Final = Statement(
    "SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE()", reads=True
)


async def connect(address: Mapping[str, Any]) -> Any:
    """Open a connection of the driver, which commits each statement by itself."""
    return await asyncmy.connect(**address, charset="utf8mb4", autocommit=True)


def code_of(error: Exception) -> int:
    """Return the number of an error of the driver; 0 if it has none."""
    return error.args[0] if error.args and isinstance(error.args[0], int) else 0


def translated(error: Exception) -> Exception:
    """Translate an error of the driver, without the server's own text."""
    if not isinstance(error, errors.MySQLError):
        return ConnectionLostError(type(error).__name__)
    code = code_of(error)
    if code == _DUPLICATE:
        return DuplicateError()
    if code in _CONFLICTS:
        return ConflictingWriteError(f"MySQL error {code}")
    if code in _LOST or isinstance(error, errors.InterfaceError):
        return ConnectionLostError(f"MySQL error {code}")
    return StorageError(f"the database refused a statement: MySQL error {code}")


class MysqlConnection(PooledConnection):
    """A connection to MySQL or MariaDB."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self._prepared: dict[Statement, Any] = {}

    async def query(self, sql: str) -> None:
        """Run a statement without parameters."""
        try:
            await self._connection.query(sql)
        except DRIVER_ERRORS as error:
            raise translated(error) from error

    async def begin(self, mode: TransactionMode) -> None:
        """Begin a transaction."""
        if mode is TransactionMode.SNAPSHOT:
            await self.query("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            await self.query("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY")
        else:
            await self.query("BEGIN")

    async def commit(self) -> None:
        """Make the transaction durable."""
        await self.query("COMMIT")

    async def rollback(self) -> None:
        """Undo the transaction."""
        await self.query("ROLLBACK")

    async def execute(self, statement: Statement, parameters: tuple[Any, ...]) -> Any:
        """Run one statement."""
        try:
            prepared = self._prepared.get(statement)
            if prepared is None:
                prepared = await self._connection.prepare(statement.sql)
                self._prepared[statement] = prepared
            result = await prepared.execute(parameters)
        except DRIVER_ERRORS as error:
            raise translated(error) from error
        return result.rows or () if statement.reads else result.affected_rows

    async def run_script(self, statements: Sequence[str]) -> None:
        """Run a script. Each statement commits by itself, as MySQL does with all DDL."""
        for sql in statements:
            await self.query(sql)

    def terminate(self) -> None:
        """Drop the connection."""
        self._connection.close()

    async def goodbye(self) -> None:
        """Disconnect in order."""
        await self._connection.ensure_closed()


class MysqlEngine(ServerEngine):
    """Runs transactions on MySQL or MariaDB.

    Args:
        address: Arguments of `asyncmy.connect`: host, port, user, password, database, ...
        session: What each connection is set to.
        pool_size: Connections at most.
        silence: See `ServerEngine`.
    """

    dialect = Dialect.MYSQL

    def __init__(
        self,
        address: Mapping[str, Any],
        *,
        session: Sequence[str] = SESSION,
        pool_size: int = POOL_SIZE,
        silence: float = SILENCE_LIMIT,
    ) -> None:
        super().__init__(pool_size=pool_size, silence=silence)
        self._address = MappingProxyType(dict(address))
        self._session = tuple(session)

    @property
    def table_names(self) -> Statement:
        """The statement that reads the names of the tables."""
        return _TABLES

    async def connect(self) -> MysqlConnection:
        """Open a connection."""
        try:
            connection = await connect(self._address)
        except DRIVER_ERRORS as error:
            known = translated(error)
            if isinstance(known, ConnectionLostError):
                raise known from error
            # Wrong password, unknown database: a retry would not help.
            raise StorageUnavailableError(f"cannot use the database: {known}") from error
        session = MysqlConnection(connection)
        for sql in self._session:
            await session.query(sql)
        return session

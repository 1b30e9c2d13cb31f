"""PostgreSQL over asyncpg, which prepares every statement by itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

import asyncpg

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

__all__ = ["DRIVER_ERRORS", "PostgresEngine"]

_BEGIN: Final = {
    TransactionMode.WRITE: "BEGIN ISOLATION LEVEL READ COMMITTED",
    TransactionMode.SNAPSHOT: "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
}
#: What CREATE ... IF NOT EXISTS fails with when another process creates the same table.
_CREATED_BY_OTHERS: Final = (
    asyncpg.UniqueViolationError,
    asyncpg.DuplicateObjectError,
    asyncpg.DuplicateTableError,
)
#: Runs of a script that another process is running at the same time.
_SCRIPT_RUNS: Final = 20

_TABLES: Final = Statement(
    "SELECT table_name FROM information_schema.tables WHERE table_schema = current_schema()",
    reads=True,
)

DRIVER_ERRORS: Final = (
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    OSError,
    TimeoutError,
)
_CONFLICTS: Final = (
    asyncpg.DeadlockDetectedError,
    asyncpg.LockNotAvailableError,
    asyncpg.SerializationError,
)
_LOST: Final = (
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,  # shutdown, cannot connect now
    asyncpg.TooManyConnectionsError,
    asyncpg.InterfaceError,
    # The driver's own state is lost, as when the server closes a connection that begins to work.
    asyncpg.InternalClientError,
    OSError,
    TimeoutError,
)


def translated(error: Exception) -> Exception:
    """Translate an error of the driver, without the server's own text."""
    name = f"PostgreSQL {getattr(error, 'sqlstate', None) or type(error).__name__}"
    if isinstance(error, asyncpg.UniqueViolationError):
        return DuplicateError()
    if isinstance(error, _CONFLICTS):
        return ConflictingWriteError(name)
    if isinstance(error, _LOST):
        return ConnectionLostError(name)
    return StorageError(f"the database refused a statement: {name}")


class PostgresConnection(PooledConnection):
    """A connection to PostgreSQL."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    async def query(self, sql: str) -> None:
        """Run a statement without parameters."""
        try:
            await self._connection.execute(sql)
        except DRIVER_ERRORS as error:
            raise translated(error) from error

    async def begin(self, mode: TransactionMode) -> None:
        """Begin a transaction."""
        await self.query(_BEGIN[mode])

    async def commit(self) -> None:
        """Make the transaction durable."""
        await self.query("COMMIT")

    async def rollback(self) -> None:
        """Undo the transaction."""
        await self.query("ROLLBACK")

    async def execute(self, statement: Statement, parameters: tuple[Any, ...]) -> Any:
        """Run one statement."""
        try:
            if statement.reads:
                return await self._connection.fetch(statement.postgres, *parameters)
            status: str = await self._connection.execute(statement.postgres, *parameters)
        except DRIVER_ERRORS as error:
            raise translated(error) from error
        return int(status.rpartition(" ")[2])

    async def run_script(self, statements: Sequence[str]) -> None:
        """Run a script, all or nothing."""
        for _ in range(_SCRIPT_RUNS):
            try:
                async with self._connection.transaction():
                    await self._connection.execute(";\n".join(statements))
            except _CREATED_BY_OTHERS:
                # Another process created the same table first: IF NOT EXISTS does not see that.
                continue
            except DRIVER_ERRORS as error:
                raise translated(error) from error
            return
        raise StorageUnavailableError(
            "the tables could not be created: other processes are creating them"
        )

    def terminate(self) -> None:
        """Drop the connection."""
        self._connection.terminate()

    async def goodbye(self) -> None:
        """Disconnect in order."""
        await self._connection.close()


class PostgresEngine(ServerEngine):
    """Runs transactions on PostgreSQL.

    Args:
        address: Arguments of `asyncpg.connect`: a `dsn`, or host, port, user, ...
        pool_size: Connections at most.
        silence: See `ServerEngine`.
    """

    dialect = Dialect.POSTGRES

    def __init__(
        self,
        address: Mapping[str, Any],
        *,
        pool_size: int = POOL_SIZE,
        silence: float = SILENCE_LIMIT,
    ) -> None:
        super().__init__(pool_size=pool_size, silence=silence)
        self._address = MappingProxyType(dict(address))

    @property
    def table_names(self) -> Statement:
        """The statement that reads the names of the tables."""
        return _TABLES

    async def connect(self) -> PostgresConnection:
        """Open a connection."""
        try:
            connection = await asyncpg.connect(**self._address)
        except DRIVER_ERRORS as error:
            known = translated(error)
            if isinstance(known, ConnectionLostError):
                raise known from error
            # Wrong password, unknown database: a retry would not help.
            raise StorageUnavailableError(f"cannot use the database: {known}") from error
        return PostgresConnection(connection)

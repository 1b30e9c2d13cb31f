"""PostgreSQL over asyncpg, which prepares every statement by itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import asyncpg

from kling_mock.storage.adapters.connection import (
    ConflictingWriteError,
    ConnectionLostError,
    NodeNotReadyError,
    PooledConnection,
)
from kling_mock.storage.adapters.engine import TransactionMode
from kling_mock.storage.adapters.meanings import Meaning, meaning_in_postgres
from kling_mock.storage.adapters.server import ServerEngine
from kling_mock.storage.errors import StorageError, StorageUnavailableError
from kling_mock.storage.schema import Dialect
from kling_mock.storage.steps import DuplicateError, Statement
from kling_mock.storage.values import DatabaseNode

__all__ = ["DRIVER_ERRORS", "PostgresEngine", "translated"]

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

#: What is read at each connect: the server's own address, and whether it takes writes. A standby
#: takes none.
_NODE: Final = """
    SELECT COALESCE(host(inet_server_addr()), 'local') || ':' || current_setting('port'),
        current_setting('transaction_read_only')"""

#: What the driver raises. `InternalClientError` is a loss of its own state, as when the server
#: closes a connection that begins to work.
DRIVER_ERRORS: Final = (
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    OSError,
    TimeoutError,
)


def translated(error: Exception) -> Exception:
    """Translate an error of the driver, without the server's own text."""
    state = error.sqlstate if isinstance(error, asyncpg.PostgresError) else None
    name = f"PostgreSQL {state or type(error).__name__}"
    match meaning_in_postgres(state):
        case Meaning.DUPLICATE:
            return DuplicateError()
        case Meaning.RUN_AGAIN:
            return ConflictingWriteError(name)
        case Meaning.LOST:
            return ConnectionLostError(name)
        case Meaning.NOT_READY:
            return NodeNotReadyError(name)
        case Meaning.REFUSED:
            return StorageError(f"the database refused a statement: {name}")


class PostgresConnection(PooledConnection):
    """A connection to PostgreSQL.

    Args:
        driver: The connection of the driver.

    Attributes:
        driver: The same.
    """

    def __init__(self, driver: Any) -> None:
        self.driver = driver

    async def query(self, sql: str) -> None:
        """Run a statement without parameters."""
        try:
            await self.driver.execute(sql)
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
                return await self.driver.fetch(statement.postgres, *parameters)
            status: str = await self.driver.execute(statement.postgres, *parameters)
        except DRIVER_ERRORS as error:
            raise translated(error) from error
        return int(status.rpartition(" ")[2])

    async def run_script(self, statements: Sequence[str]) -> None:
        """Run a script, all or nothing."""
        for _ in range(_SCRIPT_RUNS):
            try:
                async with self.driver.transaction():
                    await self.driver.execute(";\n".join(statements))
            except _CREATED_BY_OTHERS:
                # Another process created the same table first: IF NOT EXISTS does not see that.
                continue
            except DRIVER_ERRORS as error:
                raise translated(error) from error
            return
        raise StorageUnavailableError(
            "the tables could not be created: other processes are creating them"
        )

    async def check(self) -> DatabaseNode:
        """Ask the server who it is."""
        try:
            name, read_only = await self.driver.fetchrow(_NODE)
        except DRIVER_ERRORS as error:
            raise translated(error) from error
        if read_only == "on":
            problem = "it is a standby, or else read-only"
            raise NodeNotReadyError(f"{name}: {problem}", DatabaseNode(name, problem))
        return DatabaseNode(name)

    def terminate(self) -> None:
        """Drop the connection."""
        self.driver.terminate()

    async def goodbye(self) -> None:
        """Disconnect in order."""
        await self.driver.close()


class PostgresEngine(ServerEngine):
    """Runs transactions on PostgreSQL. The address has the arguments of `asyncpg.connect`.

    With one host the driver itself finds it, in any of the ways in which libpq does.
    """

    dialect = Dialect.POSTGRES

    @property
    def table_names(self) -> Statement:
        """The statement that reads the names of the tables."""
        return _TABLES

    async def connect_to(self, host: int) -> PostgresConnection:
        """Open a connection to one of the servers."""
        hosts = self.address.hosts
        one: dict[str, Any] = {}
        if len(hosts) > 1:
            one = {"host": hosts[host].name, "port": hosts[host].port}
        try:
            connection = await asyncpg.connect(**self.address.arguments, **one)
        except DRIVER_ERRORS as error:
            known = translated(error)
            if isinstance(known, ConnectionLostError):
                raise known from error
            # Wrong password, unknown database: a retry would not help.
            raise StorageUnavailableError(f"cannot use the database: {known}") from error
        session = PostgresConnection(connection)
        try:
            if not self._read_only:
                await session.check()
        except BaseException:
            session.terminate()
            raise
        return session

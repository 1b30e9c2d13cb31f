"""PostgreSQL over asyncpg, which prepares every statement by itself."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

import asyncpg

from kling_mock.relay.storage.adapters.connection import (
    ConflictingWriteError,
    ConnectionLostError,
    PooledConnection,
    error_of,
)
from kling_mock.relay.storage.adapters.engine import TransactionMode
from kling_mock.relay.storage.adapters.meanings import in_words, meaning_in_postgres
from kling_mock.relay.storage.adapters.server import LOCK_WAIT, ServerEngine
from kling_mock.relay.storage.errors import StorageError, StorageUnavailableError
from kling_mock.relay.storage.schema import Dialect
from kling_mock.relay.storage.statements import AFTER_LOCKS
from kling_mock.relay.storage.steps import Statement
from kling_mock.relay.storage.values import DatabaseNode

_BEGIN: Final = {
    TransactionMode.WRITE: "BEGIN ISOLATION LEVEL READ COMMITTED",
    TransactionMode.LONG_WRITE: (
        "BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL lock_timeout = 0;"
        " SET LOCAL idle_in_transaction_session_timeout = 0"
    ),
    TransactionMode.SNAPSHOT: (
        "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;"
        " SET LOCAL idle_in_transaction_session_timeout = 0"
    ),
}
#: The errors of CREATE ... IF NOT EXISTS when another process creates the same table.
_CREATED_BY_OTHERS: Final = (
    asyncpg.UniqueViolationError,
    asyncpg.DuplicateObjectError,
    asyncpg.DuplicateTableError,
    asyncpg.LockNotAvailableError,
)
#: Runs of a script that another process is running at the same time.
_SCRIPT_RUNS: Final = 20

_TABLES: Final = Statement(
    "SELECT table_name FROM information_schema.tables WHERE table_schema = current_schema()",
    reads=True,
)

#: The query of each connect: the server's own address, and whether it takes writes. A standby does
#: not.
_NODE: Final = """
    SELECT COALESCE(host(inet_server_addr()), 'local') || ':' || current_setting('port'),
        current_setting('transaction_read_only')"""

_STANDBY: Final = "it is a standby, or else read-only"

#: The exceptions of the driver. `InternalClientError` means that it lost its own state, for example
#: because the server closed a connection that was about to be used.
DRIVER_ERRORS: Final = (
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    OSError,
    TimeoutError,
)


def translated(error: Exception) -> Exception:
    """Translate an error of the driver, without the server's own text."""
    if isinstance(error, asyncpg.InvalidCachedStatementError):  # a column was changed meanwhile
        return ConnectionLostError("a statement has to be prepared again")
    state = error.sqlstate if isinstance(error, asyncpg.PostgresError) else None
    name = in_words(f"PostgreSQL {state or type(error).__name__}")
    return error_of(meaning_in_postgres(state), name)


class PostgresConnection(PooledConnection):
    """A connection to PostgreSQL.

    Args:
        driver: The connection of the driver.
        ahead: The statements to prepare before there are locks.
        statement: Seconds that a statement of a short transaction may take; 0 for no limit.

    Attributes:
        driver: The same.
    """

    def __init__(self, driver: Any, ahead: Iterable[Statement], statement: int = 0) -> None:
        self.driver = driver
        self._begin = _BEGIN
        if statement:
            short = f"{_BEGIN[TransactionMode.WRITE]}; SET LOCAL statement_timeout = '{statement}s'"
            self._begin = {**_BEGIN, TransactionMode.WRITE: short}
        self._ahead = {*ahead}
        self._prepared: dict[Statement, Any] = {}

    async def query(self, sql: str) -> None:
        """Run a statement without parameters."""
        try:
            await self.driver.execute(sql)
        except DRIVER_ERRORS as error:
            raise translated(error) from error

    async def begin(self, mode: TransactionMode) -> None:
        """Begin a transaction.

        While the driver prepares a statement, the server does not count the session as idle: if the
        process stopped at that moment, its locks would never end. So statements are prepared before
        there are locks. Where that fails, because tables are missing or other processes create
        them, the transaction begins without it.
        """
        if mode is TransactionMode.WRITE:
            for statement in self._ahead - self._prepared.keys():
                try:
                    await self._prepare(statement)
                except (StorageError, ConflictingWriteError):
                    break
                # Preparing also begins a transaction, which locks the statement's table. With two
                # tables, there could be a deadlock with a process that creates them.
                await self.query("SELECT 1")
        await self.query(self._begin[mode])

    async def commit(self) -> None:
        """Make the transaction durable."""
        await self.query("COMMIT")

    async def rollback(self) -> None:
        """Undo the transaction."""
        await self.query("ROLLBACK")

    async def execute(self, statement: Statement, parameters: tuple[Any, ...]) -> Any:
        """Run one statement."""
        try:
            if statement.once:
                if statement.reads:
                    return await self.driver.fetch(statement.postgres, *parameters)
                status: str = await self.driver.execute(statement.postgres, *parameters)
            else:
                prepared = self._prepared.get(statement) or await self._prepare(statement)
                rows = await prepared.fetch(*parameters)
                if statement.reads:
                    return rows
                status = prepared.get_statusmsg()
        except DRIVER_ERRORS as error:
            raise translated(error) from error
        count = status.rpartition(" ")[2]
        return int(count) if count.isdigit() else 0  # DDL does not count rows

    async def _prepare(self, statement: Statement) -> Any:
        try:
            prepared = self._prepared[statement] = await self.driver.prepare(statement.postgres)
        except DRIVER_ERRORS as error:
            raise translated(error) from error
        return prepared

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

    async def look(self) -> DatabaseNode:
        """Ask the server for its identity, and whether it takes writes."""
        try:
            name, read_only = await self.driver.fetchrow(_NODE)
        except DRIVER_ERRORS as error:
            raise translated(error) from error
        return DatabaseNode(name, _STANDBY if read_only == "on" else None)

    def terminate(self) -> None:
        """Drop the connection."""
        self.driver.terminate()

    async def goodbye(self) -> None:
        """Disconnect in order."""
        await self.driver.close()


class PostgresEngine(ServerEngine):
    """Runs transactions on PostgreSQL. The address has the arguments of `asyncpg.connect`.

    With a single host, the driver itself finds it in the same ways as libpq.
    """

    dialect = Dialect.POSTGRES
    table_names = _TABLES

    async def connect_to(self, host: int) -> PostgresConnection:
        """Open a connection to one of the servers."""
        hosts = self.address.hosts
        host_and_port: dict[str, Any] = {}
        if len(hosts) > 1:
            host_and_port = {"host": hosts[host].name, "port": hosts[host].port}
        try:
            connection = await asyncpg.connect(**self.address.arguments, **host_and_port)
        except DRIVER_ERRORS as error:
            known = translated(error)
            if isinstance(known, ConnectionLostError):
                raise known from error
            # Wrong password, unknown database: a retry would not help.
            raise StorageUnavailableError(f"cannot use the database: {known}") from error
        # Without the limit, as in a migration, a stopped process keeps its locks anyway.
        idle = self._limits.idle_in_transaction
        ahead = AFTER_LOCKS if idle else ()
        session = PostgresConnection(connection, ahead, self._limits.statement)
        try:
            if not self._read_only:
                await session.check()
            if idle:
                # An UPDATE may wait twice: for its turn, and for the transaction that has the row.
                await session.query(
                    f"SET idle_in_transaction_session_timeout = '{idle}s';"
                    f" SET lock_timeout = '{LOCK_WAIT / 2}s'"
                )
        except BaseException:
            session.terminate()
            raise
        return session

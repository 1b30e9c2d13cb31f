"""MySQL and MariaDB over asyncmy.

Every statement is prepared once per connection and its parameters are sent separately, so there is
no escaping that an odd sql_mode or character set could defeat.

READ COMMITTED is set for each connection: with it InnoDB locks the rows that it changes, but not
the gaps between them. Correctness does not depend on it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import asyncmy
from asyncmy import errors

from kling_mock.relay.storage.adapters.address import ServerAddress
from kling_mock.relay.storage.adapters.connection import (
    ConnectionLostError,
    PooledConnection,
    error_of,
    must_serve,
)
from kling_mock.relay.storage.adapters.engine import TransactionMode
from kling_mock.relay.storage.adapters.meanings import Meaning, in_words, meaning_in_mysql
from kling_mock.relay.storage.adapters.mysql_nodes import (
    GALERA_STATUS,
    GROUP_MEMBERS,
    READ_ONLY,
    VARIABLES,
    MysqlKind,
    MysqlNode,
    kind_of,
    node_of,
)
from kling_mock.relay.storage.adapters.server import LIMITS, LOCK_WAIT, ServerEngine, ServerLimits
from kling_mock.relay.storage.errors import StorageUnavailableError
from kling_mock.relay.storage.schema import Dialect
from kling_mock.relay.storage.steps import Statement

#: The exceptions of the driver.
DRIVER_ERRORS: Final = (errors.MySQLError, OSError, EOFError)

#: The settings of each connection, whatever the server's own settings are.
SESSION: Final = (
    "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED",
    "SET SESSION sql_mode = 'STRICT_TRANS_TABLES,NO_ENGINE_SUBSTITUTION'",
    f"SET SESSION innodb_lock_wait_timeout = {LOCK_WAIT}",
    f"SET SESSION lock_wait_timeout = {LOCK_WAIT}",  # LOCK TABLES, FLUSH TABLES WITH READ LOCK
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
        changes: Whether the statement was one that changes rows, or COMMIT.
    """
    if not isinstance(error, errors.MySQLError):
        return ConnectionLostError(type(error).__name__)
    code = code_of(error)
    meaning = meaning_in_mysql(code, str(error), changes=changes)
    if meaning is Meaning.REFUSED and isinstance(error, errors.InterfaceError):
        meaning = Meaning.LOST
    return error_of(meaning, in_words(f"MySQL error {code}"))


class MysqlConnection(PooledConnection):
    """A connection to MySQL or MariaDB.

    Args:
        driver: The connection of the driver.

    Attributes:
        driver: The same.
    """

    _idle_limit: str | None = None
    _statement_limit: tuple[str, int] | None = None
    _limits_statements = False

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

    async def limit_times(self, limits: ServerLimits, node: MysqlNode) -> None:
        """Make the server end a transaction that is idle, or a statement that runs, for too long.

        MySQL limits only the idle time of a connection, in a transaction or not, so an unused
        connection is dropped earlier. MariaDB's limit for transactions that have written would
        miss a transaction that has only locked rows.
        """
        if node.has_idle_limit:
            self._idle_limit = "idle_transaction_timeout"
        else:
            self._idle_limit = "wait_timeout"
            self.max_idle = limits.idle_in_transaction - 1
        await self.query(f"SET SESSION {self._idle_limit} = {limits.idle_in_transaction}")
        if node.statement_time is not None:
            variable, second = node.statement_time
            self._statement_limit = variable, limits.statement * second

    async def allow_long_statements(self) -> None:
        """Let statements take as long as they need, until the next short transaction."""
        await self._limit_statements(is_limited=False)

    async def _limit_statements(self, *, is_limited: bool) -> None:
        if self._statement_limit is None or self._limits_statements is is_limited:
            return
        variable, limit = self._statement_limit
        await self.query(f"SET SESSION {variable} = {limit if is_limited else 'DEFAULT'}")
        self._limits_statements = is_limited

    async def begin(self, mode: TransactionMode) -> None:
        """Begin a transaction."""
        await self._limit_statements(is_limited=mode is TransactionMode.WRITE)
        if mode is TransactionMode.SNAPSHOT:
            if self._idle_limit:  # it locks no rows, and may pause between statements
                self.is_usable = False
                await self.query(f"SET SESSION {self._idle_limit} = 3600")
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
        try:
            if statement.once:
                return await self._execute_once(statement, parameters)
            prepared = self._prepared.get(statement) or await self._prepare(statement)
            result = await prepared.execute(parameters)
        except DRIVER_ERRORS as error:
            raise translated(error, changes=statement.once or not statement.reads) from error
        return result.rows or () if statement.reads else result.affected_rows

    async def _execute_once(self, statement: Statement, parameters: tuple[Any, ...]) -> Any:
        cursor = self.driver.cursor()
        try:
            # Without parameters the driver passes a percent sign unchanged.
            text = statement.sql
            if parameters:
                text = text.replace("%", "%%").replace("?", "%s")
            await cursor.execute(text, parameters or None)
            return await cursor.fetchall() if statement.reads else cursor.rowcount
        finally:
            await cursor.close()

    async def _prepare(self, statement: Statement) -> Any:
        try:
            prepared = self._prepared[statement] = await self.driver.prepare(statement.sql)
        except DRIVER_ERRORS as error:
            raise translated(error, changes=False) from error
        return prepared

    async def run_script(self, statements: Sequence[str]) -> None:
        """Run a script. Each statement commits by itself, as MySQL does with all DDL."""
        await self.allow_long_statements()
        for sql in statements:
            await self.query(sql)

    async def look(self) -> MysqlNode:
        """Ask the server for its identity, how it is replicated, and whether it serves."""
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


class MysqlEngine(ServerEngine):
    """Runs transactions on MySQL or MariaDB.

    Args:
        address: The servers, with the arguments of `asyncmy.connect`.
        limits: See `ServerEngine`.
        session: The settings of each connection, in addition to causal reads.
        read_only: Whether a server that does not take writes may be used.
    """

    dialect = Dialect.MYSQL
    table_names = _TABLES

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

    async def connect_to(self, host: int) -> MysqlConnection:
        """Open a connection to one of the servers, which commits each statement by itself."""
        name, port = self.address.hosts[host]
        try:
            driver = await asyncmy.connect(
                host=name, port=port, **self.address.arguments, charset="utf8mb4", autocommit=True
            )
        except RuntimeError as error:
            # The driver needs `cryptography` only if the login uses MySQL's default method.
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
                must_serve(node)
            for sql in (*self._session, *node.session):
                await session.query(sql)
            if self._limits.idle_in_transaction:
                await session.limit_times(self._limits, node)
        except BaseException:
            session.terminate()
            raise
        return session

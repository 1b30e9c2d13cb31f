"""What the adapters of database servers share: connections, and running a transaction again."""

from __future__ import annotations

import asyncio
import logging
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, TypeVar

from kling_mock.storage.adapters.engine import RUNS, TransactionMode, call_nothing
from kling_mock.storage.errors import StorageUnavailableError
from kling_mock.storage.schema import Dialect
from kling_mock.storage.steps import (
    DuplicateError,
    RetryTransactionError,
    Statement,
    Transaction,
    TransactionFactory,
)

__all__ = [
    "POOL_SIZE",
    "ConflictingWriteError",
    "ConnectionLostError",
    "PooledConnection",
    "ServerEngine",
]

T = TypeVar("T")

_log = logging.getLogger("kling_mock.storage")

#: Connections of one process. More would wait for each other in the database.
POOL_SIZE: Final = 10
#: Connections that may be lost under one transaction.
LOSSES: Final = 3
#: Seconds that a short transaction may take. A lock is waited for up to 10 s, so after this the
#: server is unreachable, as behind a broken network; no driver notices that by itself.
SILENCE_LIMIT: Final = 20.0
#: The modes whose transactions are short; a read of many rows takes what it takes.
_SHORT: Final = frozenset({TransactionMode.LOOK, TransactionMode.WRITE})


class ConflictingWriteError(Exception):
    """The database aborted the transaction because of a concurrent one: run it again."""


class ConnectionLostError(Exception):
    """The connection is gone; what it had not committed is rolled back."""


class PooledConnection(ABC):
    """A connection to a server, in use by one transaction at a time.

    Each method raises `ConnectionLostError` if the connection is lost, and
    `ConflictingWriteError` if the transaction is to be run again; `execute` also `DuplicateError`.
    """

    @abstractmethod
    async def begin(self, mode: TransactionMode) -> None:
        """Begin a transaction of a mode that needs one."""

    @abstractmethod
    async def commit(self) -> None:
        """Make the transaction durable."""

    @abstractmethod
    async def rollback(self) -> None:
        """Undo the transaction."""

    @abstractmethod
    async def execute(self, statement: Statement, parameters: tuple[Any, ...]) -> Any:
        """Run one statement: rows of a SELECT, the number of changed rows of another."""

    @abstractmethod
    async def run_script(self, statements: Sequence[str]) -> None:
        """Run the statements of a script."""

    @abstractmethod
    def terminate(self) -> None:
        """Drop the connection without closing it in order; the server rolls back."""

    @abstractmethod
    async def goodbye(self) -> None:
        """Disconnect in order."""


async def drive(transaction: Transaction[T], session: PooledConnection) -> T:
    """Run a transaction on an asynchronous driver."""
    try:
        step = next(transaction)
        while True:
            try:
                reply = await session.execute(*step)
            except DuplicateError as error:
                step = transaction.throw(error)
            else:
                step = transaction.send(reply)
    except StopIteration as stop:
        result: T = stop.value
        return result


async def transact(
    session: PooledConnection, make: TransactionFactory[T], mode: TransactionMode
) -> T:
    """Run a transaction once.

    A connection that is lost during COMMIT leaves open whether the transaction was made. The
    transaction is then run again as after any loss: it finds the row, or the ledger's key.
    """
    if mode in {TransactionMode.READ, TransactionMode.LOOK}:
        return await drive(make(), session)
    await session.begin(mode)
    try:
        result = await drive(make(), session)
        # Inside, since of a COMMIT that is refused nothing may be left: with MySQL the next BEGIN
        # on this connection would commit it.
        await session.commit()
    except ConnectionLostError:
        raise
    except Exception:
        await session.rollback()
        raise
    return result


class Pool:
    """Idle connections, the last used one first; opened when they are needed.

    Args:
        connect: Opens one.
        size: How many there may be.
        silence: Seconds that a short transaction may take.
    """

    def __init__(
        self, connect: Callable[[], Awaitable[PooledConnection]], size: int, silence: float
    ) -> None:
        self._connect = connect
        self._silence = silence
        self._free = asyncio.Semaphore(size)
        self._idle: list[PooledConnection] = []

    async def use(self, make: TransactionFactory[T], mode: TransactionMode) -> T:
        """Run a transaction once on a connection of its own."""
        async with self._free:
            session = self._idle.pop() if self._idle else await self._new()
            try:
                result = await self._limited(session, make, mode)
            except ConnectionLostError:
                session.terminate()
                # The others were most likely lost for the same reason.
                self.drop()
                raise
            except Exception:
                self._idle.append(session)
                raise
            except BaseException:
                # Cancelled in the middle of a reply: the rest of it is still to be read.
                session.terminate()
                raise
            self._idle.append(session)
            return result

    async def _new(self) -> PooledConnection:
        try:
            async with asyncio.timeout(self._silence):
                return await self._connect()
        except TimeoutError:
            raise ConnectionLostError(f"no connection for {self._silence:g} s") from None

    async def _limited(
        self, session: PooledConnection, make: TransactionFactory[T], mode: TransactionMode
    ) -> T:
        """Run a transaction once, with a time limit if it is a short one."""
        limit = self._silence if mode in _SHORT else None
        try:
            async with asyncio.timeout(limit):
                return await transact(session, make, mode)
        except TimeoutError:
            raise ConnectionLostError(f"no reply for {limit:g} s") from None

    async def run_script(self, statements: Sequence[str]) -> None:
        """Run a script on a connection of its own, and disconnect."""
        session = await self._connect()
        try:
            await session.run_script(statements)
        finally:
            await session.goodbye()

    def drop(self) -> None:
        """Drop the idle connections."""
        while self._idle:
            self._idle.pop().terminate()

    async def close(self) -> None:
        """Disconnect the idle connections in order."""
        while self._idle:
            await self._idle.pop().goodbye()


class ServerEngine(ABC):
    """Runs transactions on a database server.

    Args:
        pool_size: Connections at most.
        silence: Seconds that a short transaction may take before its connection counts as lost.
    """

    dialect: Dialect

    def __init__(self, *, pool_size: int = POOL_SIZE, silence: float = SILENCE_LIMIT) -> None:
        self._size = pool_size
        self._silence = silence
        self.repeats = Counter[str]()
        self.on_connect: Callable[[], None] = call_nothing
        self._pool: Pool | None = None

    @abstractmethod
    async def connect(self) -> PooledConnection:
        """Open a connection.

        Raises:
            ConnectionLostError: There was none to be had.
            StorageUnavailableError: The server refuses the login.
        """

    @property
    @abstractmethod
    def table_names(self) -> Statement:
        """The statement that reads the names of the tables of the database."""

    async def open(self) -> None:
        """Prepare to connect; the first query shows whether that works."""
        self._pool = Pool(self._connected, self._size, self._silence)

    async def close(self) -> None:
        """Disconnect."""
        pool, self._pool = self._pool, None
        if pool is not None:
            await pool.close()

    async def run(self, make: TransactionFactory[T], mode: TransactionMode) -> T:
        """Run a transaction, again after each conflict or lost connection."""
        runs = losses = 0
        while True:
            try:
                return await self._opened().use(make, mode)
            except (RetryTransactionError, ConflictingWriteError) as error:
                self.repeats[
                    "changed" if isinstance(error, RetryTransactionError) else "deadlock"
                ] += 1
                runs += 1
                if runs >= RUNS:
                    raise StorageUnavailableError(
                        f"the database aborted the same transaction {RUNS} times"
                    ) from None
            except ConnectionLostError as error:
                self.repeats["connection_lost"] += 1
                losses += 1
                _log.warning("kling storage error: lost the connection to the database: %s", error)
                if losses >= LOSSES:
                    raise StorageUnavailableError(f"the database is away: {error}") from error

    async def tables(self) -> frozenset[str]:
        """Return the names of the tables in the database."""

        def names() -> Transaction[frozenset[str]]:
            rows = yield self.table_names, ()
            return frozenset(row[0] for row in rows)

        return await self.run(names, TransactionMode.READ)

    async def execute_script(self, statements: Sequence[str]) -> None:
        """Run a script; another process may be running the same one."""
        await self._opened().run_script(statements)

    async def _connected(self) -> PooledConnection:
        session = await self.connect()
        self.on_connect()
        return session

    def _opened(self) -> Pool:
        if self._pool is None:
            raise StorageUnavailableError("the database is not open")
        return self._pool

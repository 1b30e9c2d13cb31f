"""What the adapters of database servers share: connections, and running a unit again."""

from __future__ import annotations

import asyncio
import logging
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, TypeVar

from kling_mock.storage.adapters.engine import RUNS, Mode
from kling_mock.storage.errors import StorageUnavailableError
from kling_mock.storage.schema import Dialect
from kling_mock.storage.transaction import AgainError, DuplicateError, Make, Statement, Unit

__all__ = ["POOL_SIZE", "LostError", "OvertakenError", "ServerEngine", "Session"]

T = TypeVar("T")

_log = logging.getLogger("kling_mock.storage")

#: Connections of one process. More would wait for each other in the database.
POOL_SIZE: Final = 10
#: Connections that may be lost under one unit.
LOSSES: Final = 3
#: Seconds that a short transaction may take. A lock is waited for up to 10 s, so after this the
#: server is gone without a word, as behind a broken network; no driver notices that by itself.
SILENCE: Final = 20.0
#: The modes whose transactions are short; a read of many rows takes what it takes.
_SHORT: Final = frozenset({Mode.LOOK, Mode.WRITE})


class OvertakenError(Exception):
    """The database broke the transaction off for the sake of another: run it again."""


class LostError(Exception):
    """The connection is gone; what it had not committed is rolled back."""


class Session(ABC):
    """A connection to a server, in use by one unit at a time.

    Each method raises `LostError` if the connection is gone, and `OvertakenError` if the
    transaction is to be run again; `execute` also `DuplicateError`.
    """

    @abstractmethod
    async def begin(self, mode: Mode) -> None:
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
        """Drop the connection without a word; the server rolls back."""

    @abstractmethod
    async def goodbye(self) -> None:
        """Disconnect in order."""


async def drive(unit: Unit[T], session: Session) -> T:
    """Run a unit on a driver that does not block."""
    try:
        step = next(unit)
        while True:
            try:
                reply = await session.execute(*step)
            except DuplicateError as error:
                step = unit.throw(error)
            else:
                step = unit.send(reply)
    except StopIteration as stop:
        result: T = stop.value
        return result


async def transact(session: Session, make: Make[T], mode: Mode) -> T:
    """Run a unit once, as one transaction.

    A connection that is lost during COMMIT leaves open whether the transaction was made. The
    unit is then run again like after any loss: it finds the row, or the ledger's key, there.
    """
    if mode in {Mode.READ, Mode.LOOK}:
        return await drive(make(), session)
    await session.begin(mode)
    try:
        result = await drive(make(), session)
        # Inside, since of a COMMIT that is refused nothing may be left: with MySQL the next BEGIN
        # on this connection would commit it.
        await session.commit()
    except LostError:
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
        self, connect: Callable[[], Awaitable[Session]], size: int, silence: float
    ) -> None:
        self._connect = connect
        self._silence = silence
        self._free = asyncio.Semaphore(size)
        self._idle: list[Session] = []

    async def use(self, make: Make[T], mode: Mode) -> T:
        """Run a unit once on a connection of its own."""
        async with self._free:
            session = self._idle.pop() if self._idle else await self._new()
            try:
                result = await self._heard(session, make, mode)
            except LostError:
                session.terminate()
                # The others were most likely lost for the same reason.
                self.drop()
                raise
            except Exception:
                self._idle.append(session)
                raise
            except BaseException:
                # Cancelled in the middle of a reply: nobody knows what it would read next.
                session.terminate()
                raise
            self._idle.append(session)
            return result

    async def _new(self) -> Session:
        try:
            async with asyncio.timeout(self._silence):
                return await self._connect()
        except TimeoutError:
            raise LostError(f"it has let nobody in for {self._silence:g} s") from None

    async def _heard(self, session: Session, make: Make[T], mode: Mode) -> T:
        """Run a unit once; a server that stays silent is lost."""
        limit = self._silence if mode in _SHORT else None
        try:
            async with asyncio.timeout(limit):
                return await transact(session, make, mode)
        except TimeoutError:
            raise LostError(f"it has said nothing for {limit:g} s") from None

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
    """Runs units on a database server.

    Args:
        pool_size: Connections at most.
        silence: Seconds that a short transaction may take before its connection counts as lost.
    """

    dialect: Dialect

    def __init__(self, *, pool_size: int = POOL_SIZE, silence: float = SILENCE) -> None:
        self._size = pool_size
        self._silence = silence
        self.repeats = Counter[str]()
        self._pool: Pool | None = None

    @abstractmethod
    async def connect(self) -> Session:
        """Open a connection.

        Raises:
            LostError: There was none to be had.
            StorageUnavailableError: The server lets us not in.
        """

    @property
    @abstractmethod
    def table_names(self) -> Statement:
        """The statement that reads the names of the tables of the database."""

    async def open(self) -> None:
        """Make ready to connect; `tables` is what finds out whether that works."""
        self._pool = Pool(self.connect, self._size, self._silence)

    async def close(self) -> None:
        """Disconnect."""
        pool, self._pool = self._pool, None
        if pool is not None:
            await pool.close()

    async def run(self, make: Make[T], mode: Mode) -> T:
        """Run a unit, anew as often as it is overtaken or its connection is lost."""
        runs = losses = 0
        while True:
            try:
                return await self._opened().use(make, mode)
            except (AgainError, OvertakenError) as error:
                self.repeats["changed" if isinstance(error, AgainError) else "deadlock"] += 1
                runs += 1
                if runs >= RUNS:
                    raise StorageUnavailableError(
                        f"the database has broken off the same transaction {RUNS} times"
                    ) from None
            except LostError as error:
                self.repeats["connection_lost"] += 1
                losses += 1
                _log.warning("kling storage error: lost the connection to the database: %s", error)
                if losses >= LOSSES:
                    raise StorageUnavailableError(f"the database is away: {error}") from error

    async def tables(self) -> frozenset[str]:
        """Return the names of the tables in the database."""

        def names() -> Unit[frozenset[str]]:
            rows = yield self.table_names, ()
            return frozenset(row[0] for row in rows)

        return await self.run(names, Mode.READ)

    async def execute_script(self, statements: Sequence[str]) -> None:
        """Run a script; another process may be running the same one."""
        await self._opened().run_script(statements)

    def _opened(self) -> Pool:
        if self._pool is None:
            raise StorageUnavailableError("the database is not open")
        return self._pool

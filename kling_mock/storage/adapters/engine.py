"""What a driver's adapter has to do, and what the adapters of servers share."""

from __future__ import annotations

import logging
from abc import abstractmethod
from collections.abc import Sequence
from enum import Enum
from typing import Any, Final, Protocol, TypeVar

from kling_mock.storage.errors import StorageUnavailableError
from kling_mock.storage.schema import Dialect
from kling_mock.storage.statement import DuplicateError, Make, Statement, Unit

__all__ = ["Engine", "LostError", "Mode", "OvertakenError", "Session", "adrive", "transact"]

T = TypeVar("T")

_log = logging.getLogger("kling_mock.storage")

#: Runs of one unit, each of which somebody else has overtaken, before we give up. Each means
#: that another one went on, so this many in a row is a database in trouble, not a busy one.
RUNS: Final = 200
#: Connections that may be lost under one unit.
LOSSES: Final = 3


class Mode(Enum):
    """What a unit needs of its transaction."""

    #: Reads only; each statement may see its own state.
    READ = "read"
    #: Reads only; all statements see one state.
    SNAPSHOT = "snapshot"
    #: All or nothing, and durable before the answer.
    WRITE = "write"


class Engine(Protocol):
    """Runs units on a database."""

    dialect: Dialect

    async def open(self) -> None:
        """Connect."""
        ...

    async def close(self) -> None:
        """Disconnect."""
        ...

    async def run(self, make: Make[T], mode: Mode) -> T:
        """Run a unit, anew as often as it is overtaken, and return its result."""
        ...

    async def tables(self) -> frozenset[str]:
        """Return the names of the tables in the database."""
        ...

    async def execute_script(self, statements: Sequence[str]) -> None:
        """Run the statements of a script, each of which may have been run before."""
        ...


class OvertakenError(Exception):
    """The database broke the transaction off for the sake of another: run it again."""


class LostError(Exception):
    """The connection is gone; what it had not committed is rolled back."""


class Session(Protocol):
    """A connection to a server, in use by one unit at a time."""

    @abstractmethod
    async def begin(self, mode: Mode) -> None:
        """Begin a transaction, if the mode needs one."""

    @abstractmethod
    async def commit(self, mode: Mode) -> None:
        """Make it durable."""

    @abstractmethod
    async def rollback(self, mode: Mode) -> None:
        """Undo it."""

    @abstractmethod
    async def execute(self, statement: Statement, parameters: tuple[Any, ...]) -> Any:
        """Run one statement: rows of a SELECT, the number of changed rows of another.

        Raises:
            DuplicateError: It hit a unique index.
            LostError: The connection is gone.
            OvertakenError: The transaction is to be run again.
        """


async def adrive(unit: Unit[T], session: Session) -> T:
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
    unit is then run again like after any loss: it finds the row or the ledger's key there.
    """
    await session.begin(mode)
    try:
        result = await adrive(make(), session)
    except LostError:
        raise
    except BaseException:
        await session.rollback(mode)
        raise
    await session.commit(mode)
    return result


class Attempts:
    """Counts the runs of one unit, and says when to give up."""

    def __init__(self) -> None:
        self.runs = 0
        self.losses = 0

    def overtaken(self) -> None:
        """Count a run that was overtaken.

        Raises:
            StorageUnavailableError: It was too often.
        """
        self.runs += 1
        if self.runs >= RUNS:
            raise StorageUnavailableError(
                f"the database has broken off the same transaction {RUNS} times"
            )

    def lost(self, cause: BaseException) -> None:
        """Count a lost connection.

        Raises:
            StorageUnavailableError: It was too often.
        """
        self.losses += 1
        _log.warning("lost the connection to the database: %s", type(cause).__name__)
        if self.losses >= LOSSES:
            raise StorageUnavailableError(
                "the database is away: the connection was lost repeatedly"
            ) from cause

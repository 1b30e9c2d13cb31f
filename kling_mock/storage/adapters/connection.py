"""A connection to a database server, and running one transaction on it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, TypeVar

from kling_mock.storage.adapters.engine import TransactionMode
from kling_mock.storage.steps import DuplicateError, Statement, Transaction, TransactionFactory
from kling_mock.storage.values import DatabaseNode

__all__ = [
    "ConflictingWriteError",
    "ConnectionLostError",
    "NodeNotReadyError",
    "PooledConnection",
    "transact",
]

T = TypeVar("T")


class ConflictingWriteError(Exception):
    """The database aborted the transaction because of a concurrent one: run it again."""


class ConnectionLostError(Exception):
    """The connection is gone; what it had not committed is rolled back."""


class NodeNotReadyError(ConnectionLostError):
    """The server is there, and does not serve now or takes no writes: another one may.

    Attributes:
        node: What it says of itself, if it was asked.
    """

    def __init__(self, message: str, node: DatabaseNode | None = None) -> None:
        super().__init__(message)
        self.node = node


class PooledConnection(ABC):
    """A connection to a server, in use by one transaction at a time.

    Each method raises `ConnectionLostError` if the connection is lost, and
    `ConflictingWriteError` if the transaction is to be run again; `execute` also `DuplicateError`.

    Attributes:
        host: Position of its server in the URL.
        is_usable: Whether a further transaction may begin on it.
        retire_at: Seconds of the monotonic clock after which it is not used again.
    """

    host = 0
    is_usable = True
    retire_at = float("inf")

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
    async def check(self) -> DatabaseNode:
        """Ask the server who it is.

        Raises:
            NodeNotReadyError: It does not serve now, or takes no writes.
        """

    @abstractmethod
    def terminate(self) -> None:
        """Drop the connection without closing it in order; the server rolls back."""

    @abstractmethod
    async def goodbye(self) -> None:
        """Disconnect in order."""


async def _drive(transaction: Transaction[T], session: PooledConnection) -> T:
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
        return await _drive(make(), session)
    await session.begin(mode)
    try:
        result = await _drive(make(), session)
        # Inside, since of a COMMIT that is refused nothing may be left: with MySQL the next BEGIN
        # on this connection would commit it.
        await session.commit()
    except ConnectionLostError:
        raise
    except Exception:
        await _undo(session)
        raise
    return result


async def _undo(session: PooledConnection) -> None:
    """Roll back; a connection that refuses even that is not used again."""
    try:
        await session.rollback()
    except Exception:  # noqa: BLE001 - why the transaction failed matters more to the caller
        session.is_usable = False

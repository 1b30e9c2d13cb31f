"""A connection to a database server, and running one transaction on it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeVar

from kling_mock.relay.storage.adapters.engine import TransactionMode
from kling_mock.relay.storage.adapters.meanings import Meaning
from kling_mock.relay.storage.errors import NoRoomError, StorageError
from kling_mock.relay.storage.steps import (
    DuplicateError,
    Statement,
    Transaction,
    TransactionFactory,
)
from kling_mock.relay.storage.values import DatabaseNode

T = TypeVar("T")


class ConflictingWriteError(Exception):
    """The database aborted the transaction because of a concurrent one: run it again."""


class ConnectionLostError(Exception):
    """The connection is gone; changes that it had not committed are rolled back."""


class NodeNotReadyError(ConnectionLostError):
    """The server replies, but does not serve now or does not take writes: another one may.

    Attributes:
        node: The server's own description, if it was asked.
    """

    def __init__(self, message: str, node: DatabaseNode | None = None) -> None:
        super().__init__(message)
        self.node = node


class TooManyConnectionsError(ConnectionLostError):
    """The server does not have a free connection; open connections continue to work."""


def error_of(meaning: Meaning, name: str) -> Exception:
    """Return the exception for the meaning of an error of the server.

    Args:
        meaning: The meaning.
        name: The name of the server's error.
    """
    match meaning:
        case Meaning.DUPLICATE:
            return DuplicateError()
        case Meaning.REFUSED:
            return StorageError(f"the database refused a statement: {name}")
        case Meaning.NO_ROOM:
            return NoRoomError(f"the database has no room: {name}")
        case _:
            return _ERRORS[meaning](name)


_ERRORS: Final[Mapping[Meaning, Callable[[str], Exception]]] = {
    Meaning.RUN_AGAIN: ConflictingWriteError,
    Meaning.LOST: ConnectionLostError,
    Meaning.NOT_READY: NodeNotReadyError,
    Meaning.FULL: TooManyConnectionsError,
}


class PooledConnection(ABC):
    """A connection to a server, in use by one transaction at a time.

    Each method raises `ConnectionLostError` if the connection is lost, and
    `ConflictingWriteError` if the transaction must run again; `execute` also `DuplicateError`.

    Attributes:
        host: Position of its server in the URL.
        is_usable: Whether a further transaction may start on it.
        retire_at: Seconds of the monotonic clock after which it is not used again.
        max_idle: Seconds without use after which the server may close it.
        idle_since: Seconds of the monotonic clock at which it was used last.
    """

    host = 0
    is_usable = True
    retire_at = float("inf")
    max_idle = float("inf")
    idle_since = 0.0

    @abstractmethod
    async def begin(self, mode: TransactionMode) -> None:
        """Begin a transaction, for a mode that needs one."""

    async def allow_long_statements(self) -> None:  # noqa: B027 - not every server needs it
        """Let statements outside of a transaction take as long as they need."""

    @abstractmethod
    async def commit(self) -> None:
        """Make the transaction durable."""

    @abstractmethod
    async def rollback(self) -> None:
        """Undo the transaction."""

    @abstractmethod
    async def execute(self, statement: Statement, parameters: tuple[Any, ...]) -> Any:
        """Run one statement; return the rows of a SELECT, else the number of changed rows."""

    @abstractmethod
    async def run_script(self, statements: Sequence[str]) -> None:
        """Run the statements of a script."""

    @abstractmethod
    async def look(self) -> DatabaseNode:
        """Ask the server for its identity, and whether it serves and takes writes."""

    async def check(self) -> DatabaseNode:
        """Ask the server for its identity.

        Raises:
            NodeNotReadyError: It does not serve now, or does not take writes.
        """
        node = await self.look()
        must_serve(node)
        return DatabaseNode(node.name)

    @abstractmethod
    def terminate(self) -> None:
        """Drop the connection without a clean close; the server rolls back."""

    @abstractmethod
    async def goodbye(self) -> None:
        """Close the connection cleanly."""


def must_serve(node: DatabaseNode) -> None:
    """Raise `NodeNotReadyError` if a server does not serve now, or does not take writes."""
    if node.problem is not None:
        known = DatabaseNode(node.name, node.problem)
        raise NodeNotReadyError(f"{node.name}: {node.problem}", known)


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

    If the connection is lost during COMMIT, it is unknown whether the transaction was committed. It
    is then run again as after any loss: it finds the row, or the ledger's key.
    """
    if mode is TransactionMode.READ:
        await session.allow_long_statements()
    if mode in {TransactionMode.READ, TransactionMode.LOOK}:
        return await _drive(make(), session)
    await session.begin(mode)
    try:
        result = await _drive(make(), session)
        # Inside the `try`, since a refused COMMIT must not leave anything behind: with MySQL the
        # next BEGIN on this connection would commit it.
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

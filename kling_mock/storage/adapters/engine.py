"""What a driver's adapter has to do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from enum import Enum
from typing import Final, Protocol, TypeVar

from kling_mock.storage.schema import Dialect
from kling_mock.storage.steps import TransactionFactory
from kling_mock.storage.values import DatabaseNode

__all__ = ["RUNS", "Engine", "TransactionMode", "call_nothing"]

T = TypeVar("T")

#: Runs of one transaction, each aborted by a concurrent one, before it fails. Each means that
#: another one was committed, so this many in a row is a database in trouble, not a busy one.
RUNS: Final = 200


def call_nothing() -> None:
    """Do nothing: what an engine calls at a connect until something else is wanted."""


class TransactionMode(Enum):
    """What a transaction needs of the database."""

    #: Reads a few rows by their key: short enough to run on the event loop.
    LOOK = "look"
    #: Reads only; each statement may see another state.
    READ = "read"
    #: Reads only; all statements see one state.
    SNAPSHOT = "snapshot"
    #: All or nothing, and durable before the answer.
    WRITE = "write"


class Engine(Protocol):
    """Runs transactions on a database.

    Attributes:
        dialect: The SQL dialect.
        repeats: Runs of transactions that were not committed, by reason; see `values.REPEATS`.
        on_connect: Called when a connection to a server was opened.
    """

    dialect: Dialect
    repeats: Counter[str]
    on_connect: Callable[[], None]

    async def open(self) -> None:
        """Connect.

        Raises:
            StorageUnavailableError: It is away, or refuses the login.
        """
        ...

    async def close(self) -> None:
        """Disconnect; harmless when it is closed."""
        ...

    async def run(self, make: TransactionFactory[T], mode: TransactionMode) -> T:
        """Run a transaction, again after each conflict, and return its result.

        Raises:
            StorageUnavailableError: The database is away or too busy.
        """
        ...

    async def node(self) -> DatabaseNode:
        """Return the server that is used, and whether it serves and takes writes.

        Raises:
            StorageUnavailableError: The database is away.
        """
        ...

    async def tables(self) -> frozenset[str]:
        """Return the names of the tables in the database."""
        ...

    async def execute_script(self, statements: Sequence[str]) -> None:
        """Run the statements of a script, each of which may have been run before."""
        ...

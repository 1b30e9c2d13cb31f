"""The interface of a driver's adapter."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from enum import Enum
from typing import Final, Protocol, TypeVar

from kling_mock.relay.storage.schema import Dialect
from kling_mock.relay.storage.steps import Statement, TransactionFactory
from kling_mock.relay.storage.values import DatabaseNode

T = TypeVar("T")

#: Runs of one transaction, each aborted by a concurrent one, before it fails. Each abort means that
#: another transaction was committed, so this many in a row means that the database is in trouble,
#: not busy.
RUNS: Final = 200


def call_nothing() -> None:
    """Do nothing: the default of `Engine.on_connect`."""


class TransactionMode(Enum):
    """The guarantees that a transaction needs from the database."""

    #: Reads a few rows by their key: short enough to run on the event loop.
    LOOK = "look"
    #: Reads only; each statement may see another state.
    READ = "read"
    #: Reads only; all statements see one state.
    SNAPSHOT = "snapshot"
    #: All or nothing, and durable before the call returns.
    WRITE = "write"
    #: The same for many rows: the time of its statements is not limited.
    LONG_WRITE = "long write"


class Engine(Protocol):
    """Runs transactions on a database.

    Attributes:
        dialect: The SQL dialect.
        table_names: Reads the names of the tables in the database.
        repeats: Runs of transactions that were not committed, by reason; see `values.REPEATS`.
        on_connect: Called when a connection to a server was opened.
        per_user: Transactions of one user that may run at a time, so that one locked row does not
            take all connections; 0 for no limit.
    """

    dialect: Dialect
    table_names: Statement
    repeats: Counter[str]
    on_connect: Callable[[], None]
    per_user: int

    async def open(self) -> None:
        """Connect.

        Raises:
            StorageUnavailableError: The database is away, or refuses the login.
        """
        ...

    async def close(self) -> None:
        """Disconnect; has no effect if the engine is closed."""
        ...

    async def run(self, make: TransactionFactory[T], mode: TransactionMode) -> T:
        """Run a transaction, again after each conflict; return its result.

        Raises:
            StorageUnavailableError: The database is away or too busy.
        """
        ...

    async def probe(self, make: TransactionFactory[None]) -> DatabaseNode:
        """Run a small transaction that writes, for at most some seconds.

        Where possible it does not wait for other transactions of this process.

        Returns:
            The server that has run it, with a problem if no server serves or takes writes now.

        Raises:
            WaitedInVainError: Something is locked or silent.
            StorageUnavailableError: The database is away.
            StorageError: It refuses to write.
        """
        ...

    @property
    def waits_for(self) -> str:
        """The resource for which the probe under way waits."""
        ...

    async def execute_script(self, statements: Sequence[str]) -> None:
        """Run the statements of a script, each of which may have been run before."""
        ...

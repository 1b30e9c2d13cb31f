"""What a driver's adapter has to do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from enum import Enum
from typing import Final, Protocol, TypeVar

from kling_mock.storage.schema import Dialect
from kling_mock.storage.transaction import Make

__all__ = ["RUNS", "Engine", "Mode"]

T = TypeVar("T")

#: Runs of one unit, each of which somebody else has overtaken, before we give up. Each means
#: that another one went on, so this many in a row is a database in trouble, not a busy one.
RUNS: Final = 200


class Mode(Enum):
    """What a unit needs of its transaction."""

    #: Reads a few rows by their key: so short that it may run where it keeps others waiting.
    LOOK = "look"
    #: Reads only; each statement may see its own state.
    READ = "read"
    #: Reads only; all statements see one state.
    SNAPSHOT = "snapshot"
    #: All or nothing, and durable before the answer.
    WRITE = "write"


class Engine(Protocol):
    """Runs units on a database.

    Attributes:
        dialect: Whose SQL it speaks.
        repeats: Runs of a unit that came to nothing, by why; see `values.REPEATS`.
    """

    dialect: Dialect
    repeats: Counter[str]

    async def open(self) -> None:
        """Connect.

        Raises:
            StorageUnavailableError: It is away, or lets us not in.
        """
        ...

    async def close(self) -> None:
        """Disconnect; harmless when it is closed."""
        ...

    async def run(self, make: Make[T], mode: Mode) -> T:
        """Run a unit, anew as often as it is overtaken, and return its result.

        Raises:
            StorageUnavailableError: The database is away or too busy.
        """
        ...

    async def tables(self) -> frozenset[str]:
        """Return the names of the tables in the database."""
        ...

    async def execute_script(self, statements: Sequence[str]) -> None:
        """Run the statements of a script, each of which may have been run before."""
        ...

"""A statement, written once with `?` and spelled for each driver; and a unit of them.

A *unit* is one transaction as a generator: it yields statements with their parameters, is sent
what came of them, and returns its result. It holds every decision and does no I/O, so the same
transaction runs under each driver, and a test can fail it at every step.

What a unit is sent: of a SELECT the rows as tuples, of a change how many rows it changed. A unit
only ever asks whether a change that alters every row it matches changed one row. So it does not
matter that MySQL counts changed rows where the others count matched ones.

What is raised in a unit: `DuplicateError` where a statement hit a unique index. After it a unit
may only raise, because PostgreSQL takes no more statements of the transaction.

What a unit raises: a `StorageError`, which is its caller's; or `AgainError`, if what it had read
was overtaken by somebody else: then it is run anew, in a new transaction, so no isolation level
has to promise that a second look sees more than the first.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Sequence
from typing import Any, Final, TypeAlias, TypeVar

import attrs

__all__ = [
    "AgainError",
    "DuplicateError",
    "Make",
    "Statement",
    "Step",
    "Unit",
    "drive",
    "insert",
    "select",
    "write",
]

T = TypeVar("T")

_PLACEHOLDER: Final = re.compile(r"\?")


class AgainError(Exception):
    """What the unit had read is no longer so: run it anew."""


class DuplicateError(Exception):
    """A statement would have made two rows agree in a unique index."""


@attrs.frozen(eq=False)
class Statement:
    """One SQL statement.

    Attributes:
        sql: As written, with `?`, which SQLite and MySQL take as it is.
        reads: Whether it is a SELECT.
        postgres: With `$1`, `$2`, ...
    """

    sql: str
    reads: bool
    postgres: str = attrs.field(init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        """Spell it for asyncpg."""
        count = iter(range(1, 1_000))
        numbered = _PLACEHOLDER.sub(lambda _: f"${next(count)}", self.sql)
        object.__setattr__(self, "postgres", numbered)


Step: TypeAlias = tuple[Statement, tuple[Any, ...]]
Unit: TypeAlias = Generator[Step, Any, T]
#: Makes a unit anew for each run.
Make: TypeAlias = Callable[[], Unit[T]]


def write(sql: str) -> Statement:
    """Return a statement that changes rows."""
    return Statement(" ".join(sql.split()), reads=False)


def read(sql: str) -> Statement:
    """Return a SELECT."""
    return Statement(" ".join(sql.split()), reads=True)


def names(row: type[attrs.AttrsInstance]) -> tuple[str, ...]:
    """Return the columns of a value that a row is read into: its attributes, in their order."""
    return tuple(field.name for field in attrs.fields(row))


def select(row: type[attrs.AttrsInstance], rest: str) -> Statement:
    """Return a SELECT of all columns that *row* has, followed by *rest*."""
    return read(f"SELECT {', '.join(names(row))} {rest}")


def insert(table: str, columns: Sequence[str]) -> Statement:
    """Return an INSERT of one row."""
    marks = ", ".join("?" * len(columns))
    return write(f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})")  # noqa: S608 - names of our own


def drive(unit: Unit[T], execute: Callable[[Statement, tuple[Any, ...]], Any]) -> T:
    """Run a unit on a driver that blocks."""
    try:
        step = next(unit)
        while True:
            try:
                reply = execute(*step)
            except DuplicateError as error:
                step = unit.throw(error)
            else:
                step = unit.send(reply)
    except StopIteration as stop:
        result: T = stop.value
        return result

"""A statement, written once with `?` placeholders, and a transaction as steps of them.

A transaction is a generator: it yields statements with their parameters, is sent their results,
and returns its own. It makes every decision and does no I/O, so the same transaction runs on each
driver, and a test can fail it at every step.

It is sent the rows of a SELECT as tuples, and of a change the number of changed rows. Only of a
change that alters every row that it matches is that number looked at. So it does not matter that
MySQL counts changed rows where the others count matched ones.

`DuplicateError` is thrown into it where a statement violates a unique index. After that it may
only raise, because PostgreSQL accepts no more statements in the transaction.

It raises a `StorageError` for its caller; or `RetryTransactionError`, if a row that it had read
was changed concurrently: then it is run again as a new transaction, so that no isolation level
has to show it more at a second read than at the first.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Sequence
from itertools import count
from typing import Any, Final, TypeAlias, TypeVar

import attrs

__all__ = [
    "DuplicateError",
    "RetryTransactionError",
    "Statement",
    "Step",
    "Transaction",
    "TransactionFactory",
    "drive",
    "insert",
    "numbered",
    "select",
    "write",
]

T = TypeVar("T")

_PLACEHOLDER: Final = re.compile(r"\?")


class RetryTransactionError(Exception):
    """What the transaction had read was changed meanwhile: run it again."""


class DuplicateError(Exception):
    """A statement would have violated a unique index."""


def numbered(sql: str) -> str:
    """Return a statement with `$1`, `$2`, ... instead of `?`, as asyncpg takes it."""
    numbers = count(1)
    return _PLACEHOLDER.sub(lambda _: f"${next(numbers)}", sql)


@attrs.frozen(eq=False)
class Statement:
    """One SQL statement.

    Attributes:
        sql: As written, with `?`, as SQLite and MySQL take it.
        reads: Whether it is a SELECT.
        postgres: With `$1`, `$2`, ...
    """

    sql: str
    reads: bool
    postgres: str = attrs.field(init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        """Number the placeholders for asyncpg."""
        object.__setattr__(self, "postgres", numbered(self.sql))


Step: TypeAlias = tuple[Statement, tuple[Any, ...]]
Transaction: TypeAlias = Generator[Step, Any, T]
#: Creates the generator of each run.
TransactionFactory: TypeAlias = Callable[[], Transaction[T]]


def write(sql: str) -> Statement:
    """Return a statement that changes rows."""
    return Statement(" ".join(sql.split()), reads=False)


def read(sql: str) -> Statement:
    """Return a SELECT."""
    return Statement(" ".join(sql.split()), reads=True)


def names(row: type[attrs.AttrsInstance]) -> tuple[str, ...]:
    """Return the columns of a class that a row is read into: its attributes, in their order."""
    return tuple(field.name for field in attrs.fields(row))


def select(row: type[attrs.AttrsInstance], rest: str) -> Statement:
    """Return a SELECT of all columns that *row* has, followed by *rest*."""
    return read(f"SELECT {', '.join(names(row))} {rest}")


def insert(table: str, columns: Sequence[str], rows: int = 1) -> Statement:
    """Return an INSERT of so many rows."""
    marks = ", ".join([f"({', '.join('?' * len(columns))})"] * rows)
    return write(f"INSERT INTO {table} ({', '.join(columns)}) VALUES {marks}")  # noqa: S608 - names of our own


def drive(transaction: Transaction[T], execute: Callable[[Statement, tuple[Any, ...]], Any]) -> T:
    """Run a transaction on a blocking driver."""
    try:
        step = next(transaction)
        while True:
            try:
                reply = execute(*step)
            except DuplicateError as error:
                step = transaction.throw(error)
            else:
                step = transaction.send(reply)
    except StopIteration as stop:
        result: T = stop.value
        return result

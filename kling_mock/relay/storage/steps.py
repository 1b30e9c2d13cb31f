"""A statement, written once with `?` placeholders, and a transaction as steps of them.

A transaction is a generator: it yields statements with their parameters, is sent their results,
and returns its own. It makes every decision and does no I/O, so the same transaction runs on each
driver, and a test can fail it at every step.

It is sent the rows of a SELECT as tuples, or the number of rows that a change has changed. It uses
that number only if the change alters every row that it matches. So it does not matter that MySQL
counts changed rows where the others count matched rows.

`DuplicateError` is thrown into it where a statement violates a unique index. After that it may
only raise, because PostgreSQL does not accept further statements in the transaction.

It raises a `StorageError` for its caller, or `RetryTransactionError` if a row that it had read was
changed concurrently. It is then run again as a new transaction, so it does not depend on an
isolation level that shows more at a second read than at the first.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Sequence
from itertools import count
from typing import Any, Final, TypeAlias, TypeVar

import attrs

T = TypeVar("T")

_PLACEHOLDER: Final = re.compile(r"\?")


class RetryTransactionError(Exception):
    """A row that the transaction had read was changed meanwhile: run it again."""


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
        reads: Whether it returns rows, as a SELECT does.
        once: Whether it is too rare to be prepared, or cannot be prepared.
        postgres: With `$1`, `$2`, ...
    """

    sql: str
    reads: bool
    once: bool = False
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
    """Return the columns of a row class: its attributes, in their order."""
    return tuple(field.name for field in attrs.fields(row))


def select(row: type[attrs.AttrsInstance], rest: str) -> Statement:
    """Return a SELECT of all columns that *row* has, followed by *rest*."""
    return read(f"SELECT {', '.join(names(row))} {rest}")


def insert(table: str, columns: Sequence[str], rows: int = 1) -> Statement:
    """Return an INSERT of *rows* rows."""
    marks = ", ".join([f"({', '.join('?' * len(columns))})"] * rows)
    return write(f"INSERT INTO {table} ({', '.join(columns)}) VALUES {marks}")  # noqa: S608 - names of our own


def script(statements: Sequence[str]) -> Transaction[None]:
    """Run statements without parameters, one after the other."""
    for sql in statements:
        yield Statement(sql, reads=False), ()


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

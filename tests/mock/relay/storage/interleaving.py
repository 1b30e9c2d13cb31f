"""Two processes in one transaction: what one does between two statements of the other."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import count
from typing import Any, Final, TypeVar

from kling_mock.relay.storage.adapters.engine import TransactionMode
from kling_mock.relay.storage.sql_storage import Storage
from kling_mock.relay.storage.steps import (
    DuplicateError,
    Statement,
    Transaction,
    TransactionFactory,
)
from tests.mock.relay.storage.samples import Shop

T = TypeVar("T")

_LOCKS: Final = re.compile(r"(INSERT INTO|UPDATE|DELETE FROM) (users|tokens|videos|ledger|outbox) ")


def overtaken(
    mine: TransactionFactory[T], other: TransactionFactory[Any], at: Statement, nth: int
) -> TransactionFactory[T]:
    """Return the runs of *mine*: in the first, *other* is done before a statement.

    The first run is undone with what *other* has changed, so it is done again before the second.
    """
    runs = count()

    def first() -> Transaction[T]:
        met = 0
        transaction = mine()
        step = next(transaction)
        while True:
            met += step[0] is at
            if step[0] is at and met == nth:
                yield from other()
            try:
                reply = yield step
            except DuplicateError as error:
                step = _next(transaction.throw, error)
            else:
                step = _next(transaction.send, reply)
            if isinstance(step, _End):
                result: T = step.result
                return result

    def later() -> Transaction[T]:
        yield from other()
        return (yield from mine())

    return lambda: later() if next(runs) else first()


class _End:
    def __init__(self, result: Any) -> None:
        self.result = result


def _next(advance: Callable[[Any], Any], value: Any) -> Any:
    try:
        return advance(value)
    except StopIteration as stop:
        return _End(stop.value)


async def race(
    shop: Shop,
    mine: TransactionFactory[T],
    other: TransactionFactory[Any],
    *,
    at: Statement,
    nth: int = 1,
) -> T:
    """Run *mine*, overtaken by *other* just before the *nth* statement *at*."""
    assert isinstance(shop.store, Storage)
    result = await shop.store.run("race", overtaken(mine, other, at, nth), TransactionMode.WRITE)
    assert shop.store.statistics().repeats["changed"] == 1
    return result


async def statements_of(shop: Shop, transaction: Transaction[Any]) -> list[Statement]:
    """Run a transaction, and return its statements."""
    statements: list[Statement] = []

    def traced() -> Transaction[None]:
        step = next(transaction)
        while not isinstance(step, _End):
            statements.append(step[0])
            step = _next(transaction.send, (yield step))

    assert isinstance(shop.store, Storage)
    await shop.store.run("traced", traced, TransactionMode.WRITE)
    return statements


def noting(transaction: Transaction[T], late: set[Statement]) -> Transaction[T]:
    """Run a transaction; add the statements that it begins to use while rows are locked to *late*.

    These are the rows that the tasks of users need.
    """
    used: set[Statement] = set()
    has_locks = False
    step = _next(transaction.send, None)
    while not isinstance(step, _End):
        statement = step[0]
        if has_locks and statement not in used:
            late.add(statement)
        used.add(statement)
        try:
            reply = yield step
        except DuplicateError as error:
            step = _next(transaction.throw, error)
        else:
            has_locks |= bool(_LOCKS.match(statement.sql) and reply)
            step = _next(transaction.send, reply)
    result: T = step.result
    return result

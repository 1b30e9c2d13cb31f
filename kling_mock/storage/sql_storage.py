"""The storage over SQL: each method runs the transaction of the same name on an engine."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from functools import partial, wraps
from time import perf_counter
from types import CoroutineType
from typing import Any, Concatenate, Final, ParamSpec, TypeAlias, TypeVar

from kling_mock.storage.adapters.engine import Engine, TransactionMode
from kling_mock.storage.database_clock import read_clock
from kling_mock.storage.ensure_schema import ensure_schema
from kling_mock.storage.slow_statements import slow_record
from kling_mock.storage.steps import Transaction, TransactionFactory
from kling_mock.storage.transactions import (
    accounts,
    channels,
    create,
    due,
    lifecycle,
    monitoring,
    receivers,
    repair,
    reports,
    settlement,
    webhooks,
)
from kling_mock.storage.values import (
    REPEATS,
    Created,
    DatabaseNode,
    DatabaseTime,
    NewTask,
    Repair,
    SlowRecord,
    SlowTransaction,
    StoreStatistics,
)

__all__ = ["SLOW_AFTER", "SqlStorage", "method_of"]

P = ParamSpec("P")
T = TypeVar("T")

_Method: TypeAlias = "Callable[Concatenate[SqlStorage, P], CoroutineType[Any, Any, T]]"

_log: Final = logging.getLogger("kling_mock.storage")

#: Seconds from which a transaction counts as slow: MySQL's own default is 10, and a user waits.
SLOW_AFTER: Final = 1.0


def method_of(transaction: Callable[P, Transaction[T]], mode: TransactionMode) -> _Method[P, T]:
    """Return a method of `SqlStorage`, with the parameters of the transaction that it runs."""
    name = transaction.__name__

    @wraps(transaction)
    async def method(self: SqlStorage, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await self.run(name, partial(transaction, *args, **kwargs), mode)

    return method  # type: ignore[return-value]  # mypy takes it for a Coroutine, pyright does not


def _look(transaction: Callable[P, Transaction[T]]) -> _Method[P, T]:
    return method_of(transaction, TransactionMode.LOOK)


def _read(transaction: Callable[P, Transaction[T]]) -> _Method[P, T]:
    return method_of(transaction, TransactionMode.READ)


def _snapshot(transaction: Callable[P, Transaction[T]]) -> _Method[P, T]:
    return method_of(transaction, TransactionMode.SNAPSHOT)


def _write(transaction: Callable[P, Transaction[T]]) -> _Method[P, T]:
    return method_of(transaction, TransactionMode.WRITE)


class SqlStorage:
    """A `Storage` over a database.

    Args:
        engine: Runs transactions on the database.
        slow_after: Seconds from which a transaction counts as slow.
    """

    def __init__(self, engine: Engine, slow_after: float = SLOW_AFTER) -> None:
        self._engine = engine
        self._slow_after = slow_after
        self._slow: dict[str, SlowTransaction] = {}

    async def open(self) -> None:
        """Connect, and create or check the tables."""
        await self._engine.open()
        try:
            await ensure_schema(self._engine)
        except BaseException:
            await self._engine.close()
            raise

    async def close(self) -> None:
        """Disconnect."""
        await self._engine.close()

    async def run(self, name: str, make: TransactionFactory[T], mode: TransactionMode) -> T:
        """Run a transaction, and count it if it was slow.

        SQLite keeps no record of slow statements, so transactions are timed here.

        Args:
            name: What it is counted as; there are as many names as methods.
            make: Makes the transaction, for each run a new one.
            mode: What it needs.
        """
        begun = perf_counter()
        try:
            return await self._engine.run(make, mode)
        finally:
            seconds = perf_counter() - begun
            if seconds >= self._slow_after:
                self._count_slow(name, seconds)

    def _count_slow(self, name: str, seconds: float) -> None:
        before = self._slow.get(name, SlowTransaction(name, 0, 0.0))
        self._slow[name] = SlowTransaction(name, before.times + 1, max(before.longest, seconds))
        _log.warning("kling storage: %s was slow, %.1f s", name, seconds)

    def statistics(self) -> StoreStatistics:
        """Return what the engine has counted, and the slow transactions, the slowest first."""
        repeats = {why: self._engine.repeats[why] for why in REPEATS}
        slow: Sequence[SlowTransaction] = sorted(self._slow.values(), key=lambda one: -one.longest)
        return StoreStatistics(repeats, tuple(slow), self._slow_after)

    async def slow_statements(self, *, limit: int, running_for: float) -> SlowRecord:
        """Read what the database itself has recorded."""
        return await slow_record(self._engine, limit=limit, running_for=running_for)

    async def create_task(self, task: NewTask, *, now: int, next_poll_at: int) -> Created:
        """Create a task: the first run of the transaction takes it for a new one."""
        return await self.run(
            "create_task", create.creating(task, now, next_poll_at), TransactionMode.WRITE
        )

    async def repair(self, *, now: int, commit: bool) -> tuple[Repair, ...]:
        """Make the tables keep the rules of `reconcile` again, where it is clear how.

        Args:
            now: Unix seconds, for the entries that are added.
            commit: Whether to do it; else nothing is changed.

        Returns:
            The changes that were made, or would be.
        """
        make = partial(repair.repair, now=now, commit=commit)
        try:
            return await self.run("repair", make, TransactionMode.WRITE)
        except repair.NotCommittedError as planned:
            return planned.repairs

    async def ping(self) -> DatabaseNode:
        """Read a table, and ask the server whether it takes writes."""
        node = await self._engine.node()
        if node.problem is None:
            await self.run("ping", monitoring.ping, TransactionMode.READ)
        return node

    def on_connect(self, call: Callable[[], None]) -> None:
        """Call *call* whenever a connection was opened."""
        self._engine.on_connect = call

    async def read_clock(self) -> DatabaseTime | None:
        """Read the time of the server that is used."""
        return await read_clock(self._engine)

    # ------------------------------------------------------------ users

    create_user = _write(accounts.create_user)
    get_user = _look(accounts.get_user)
    find_user = _look(accounts.find_user)
    list_users = _read(accounts.list_users)
    set_user_status = _write(accounts.set_user_status)
    credit = _write(accounts.credit)
    list_ledger = _read(accounts.list_ledger)
    find_charge = _look(accounts.find_charge)

    # ------------------------------------------------------------ tokens

    create_token = _write(accounts.create_token)
    authenticate = _look(accounts.authenticate)
    list_tokens = _read(accounts.list_tokens)
    set_token_status = _write(accounts.set_token_status)
    set_token_quota = _write(accounts.set_token_quota)

    # ------------------------------------------------------------ channels

    create_channel = _write(channels.create_channel)
    get_channel = _look(channels.get_channel)
    list_channels = _look(channels.list_channels)
    replace_channel = _write(channels.replace_channel)
    change_channel = _write(channels.change_channel)
    delete_channel = _write(channels.delete_channel)

    # ------------------------------------------------------------ tasks: before the end

    bind_attempt = _write(lifecycle.bind_attempt)
    close_attempt = _write(lifecycle.close_attempt)
    accept = _write(lifecycle.accept)
    mark_open = _write(lifecycle.mark_open)
    list_due_tasks = _read(due.list_due_tasks)
    claim_tasks = _write(due.claim_tasks)
    put_off_tasks = _write(due.put_off_tasks)
    count_open_by_token = _read(due.count_open_by_token)
    claim_read = _write(lifecycle.claim_read)
    schedule_poll = _write(lifecycle.schedule_poll)
    schedule_sooner = _write(lifecycle.schedule_sooner)
    end_poll = _write(lifecycle.end_poll)

    # ------------------------------------------------------------ tasks: the end

    settle = _write(settlement.settle)
    keep_report = _write(settlement.keep_report)
    expire = _write(settlement.expire)
    report_not_found = _write(settlement.report_not_found)

    # ------------------------------------------------------------ tasks: reading

    find_task = _look(lifecycle.find_task)
    get_task = _look(lifecycle.get_task)
    find_by_kling_id = _look(lifecycle.find_by_kling_id)
    list_tasks = _read(lifecycle.list_tasks)

    # ------------------------------------------------------------ outgoing callbacks

    list_due_notices = _read(webhooks.list_due_notices)
    claim_notices = _write(webhooks.claim_notices)
    put_off_notices = _write(webhooks.put_off_notices)
    stop_notice = _write(webhooks.stop_notice)
    record_delivery = _write(webhooks.record_delivery)
    replay_notice = _write(webhooks.replay_notice)
    list_notices = _read(webhooks.list_notices)

    # ------------------------------------------------------------ receivers of callbacks

    find_receiver = _look(receivers.find_receiver)
    list_receivers = _read(receivers.list_receivers)
    count_receivers = _look(receivers.count_receivers)
    record_failure = _write(receivers.record_failure)
    record_success = _write(receivers.record_success)
    switch_receiver = _write(receivers.switch_receiver)
    find_webhook_secret = _look(receivers.find_webhook_secret)
    rotate_webhook_secret = _write(receivers.rotate_webhook_secret)

    # ------------------------------------------------------------ operations

    find_report = _look(reports.find_report)
    list_reports = _read(reports.list_reports)
    reconcile = _snapshot(monitoring.reconcile)
    stats = _read(monitoring.stats)
    list_stuck = _read(lifecycle.list_stuck)
    summary = _read(monitoring.summary)
    backlog = _read(monitoring.backlog)

"""The operations of the relay's storage: each runs the transaction of its name on an engine.

Every method is one transaction, is atomic, and can be called by many tasks, threads' loops and
processes at a time. A change returns only after it is durable. A refusal is raised as a
`StorageError`, and then nothing was changed. Every method may raise `StorageUnavailableError`.

Each change can be repeated: after an error that leaves it unknown whether the change was made, the
same call leads to the same state, and no money moves twice. So a user, token or channel that was
created at the same time with the same arguments is returned again.

Times are arguments in whole Unix seconds: a storage does not have a clock. Money is whole quota.
An operation is documented at its transaction, from which its method takes the docstring.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncGenerator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from functools import partial, wraps
from time import perf_counter
from typing import Any, Concatenate, Final, ParamSpec, TypeAlias, TypeVar

from kling_mock.relay.storage.adapters.engine import Engine, TransactionMode
from kling_mock.relay.storage.adapters.server import LIMITS, LOCK_WAIT
from kling_mock.relay.storage.database_clock import read_clock
from kling_mock.relay.storage.ensure_schema import ensure_schema
from kling_mock.relay.storage.errors import NoRoomError, StorageUnavailableError, WaitedInVainError
from kling_mock.relay.storage.slow_statements import slow_record
from kling_mock.relay.storage.steps import Transaction, TransactionFactory
from kling_mock.relay.storage.transactions import (
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
from kling_mock.relay.storage.values import (
    REPEATS,
    Created,
    DatabaseNode,
    DatabaseTime,
    NewNotice,
    NewTask,
    Repair,
    Settlement,
    SlowRecord,
    SlowTransaction,
    StoreStatistics,
    TaskResult,
)

P = ParamSpec("P")
T = TypeVar("T")

_Method: TypeAlias = "Callable[Concatenate[Storage, P], Coroutine[Any, Any, T]]"

_log: Final = logging.getLogger("kling_mock.storage")

#: Seconds for which a create waits for others of its user: as long as for locked rows.
CREATE_WAIT: Final = LIMITS.silence
#: Seconds from which a transaction counts as slow: MySQL's own default is 10, and a user waits.
SLOW_AFTER: Final = 1.0


def method_of(transaction: Callable[P, Transaction[T]], mode: TransactionMode) -> _Method[P, T]:
    """Return a method of `Storage`, with the parameters of the transaction that it runs."""
    name = transaction.__name__

    @wraps(transaction)
    async def method(self: Storage, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await self.run(name, partial(transaction, *args, **kwargs), mode)

    return method


def _look(transaction: Callable[P, Transaction[T]]) -> _Method[P, T]:
    return method_of(transaction, TransactionMode.LOOK)


def _read(transaction: Callable[P, Transaction[T]]) -> _Method[P, T]:
    return method_of(transaction, TransactionMode.READ)


def _snapshot(transaction: Callable[P, Transaction[T]]) -> _Method[P, T]:
    return method_of(transaction, TransactionMode.SNAPSHOT)


def _write(transaction: Callable[P, Transaction[T]]) -> _Method[P, T]:
    return method_of(transaction, TransactionMode.WRITE)


class _Turns:
    """The changes of one user: how many are running or waiting, and which may start."""

    def __init__(self, at_once: int) -> None:
        self.callers = 0
        self.free = asyncio.Semaphore(at_once)


class Storage:
    """Users, tokens, channels, tasks and the money that they move, in a database.

    Args:
        engine: Runs transactions on the database.
        slow_after: Seconds from which a transaction counts as slow.

    Attributes:
        next_poll_due: Returns when a row will next be due, Unix seconds, `None` if never. The
            attribute itself is `None` where another process may write to the database.
        next_notice_due: The same for notices.
        process: The name of this process, in its row of `processes`.
        last_write: Seconds of `perf_counter` at which a change was last made.
        failed_write: The same for a failed change. A change that failed because of a lock does not
            count: the lock may concern one user only.
        no_room: Why a change last found no room; "" if none did.
        no_room_at: When that was, seconds of `perf_counter`.
    """

    next_poll_due: Callable[[], int | None] | None = None
    next_notice_due: Callable[[], int | None] | None = None

    def __init__(self, engine: Engine, slow_after: float = SLOW_AFTER) -> None:
        self._engine = engine
        self._slow_after = slow_after
        self._slow: dict[str, SlowTransaction] = {}
        self.process = os.urandom(16).hex()
        self._turns: dict[int, _Turns] = {}
        self.last_write = self.failed_write = self.no_room_at = float("-inf")
        self.no_room = ""

    async def open(self) -> None:
        """Connect; an empty database gets its tables.

        Raises:
            SchemaError: The database has tables that this version does not know or that are older.
        """
        await self._engine.open()
        try:
            await ensure_schema(self._engine)
        except BaseException:
            await self._engine.close()
            raise

    async def close(self) -> None:
        """Finish pending calls and disconnect; has no effect if the storage is closed."""
        await self._engine.close()

    async def run(self, name: str, make: TransactionFactory[T], mode: TransactionMode) -> T:
        """Run a transaction, and count it if it was slow.

        SQLite keeps no record of slow statements, so transactions are timed here.

        Args:
            name: The name under which it is counted; there are as many names as methods.
            make: Creates the transaction, a new one for each run.
            mode: The guarantees that it needs.
        """
        started_at = perf_counter()
        try:
            result = await self._engine.run(make, mode)
        except StorageUnavailableError as error:
            if mode is TransactionMode.WRITE and not isinstance(error, WaitedInVainError):
                self.failed_write = perf_counter()
                if isinstance(error, NoRoomError):
                    self.no_room, self.no_room_at = str(error), self.failed_write
            raise
        else:
            if mode is TransactionMode.WRITE:
                self.last_write = perf_counter()
            return result
        finally:
            seconds = perf_counter() - started_at
            if seconds >= self._slow_after:
                self._count_slow(name, seconds)

    def _count_slow(self, name: str, seconds: float) -> None:
        before = self._slow.get(name, SlowTransaction(name, 0, 0.0))
        self._slow[name] = SlowTransaction(name, before.times + 1, max(before.longest, seconds))
        _log.warning("kling storage: %s was slow, %.1f s", name, seconds)

    def statistics(self) -> StoreStatistics:
        """Return the repeated and the slow transactions of this process, the slowest first.

        They are counted in memory, without a query.
        """
        repeats = {why: self._engine.repeats[why] for why in REPEATS}
        slow: Sequence[SlowTransaction] = sorted(
            self._slow.values(), key=lambda transaction: -transaction.longest
        )
        return StoreStatistics(repeats, tuple(slow), self._slow_after)

    async def slow_statements(self, *, limit: int, running_for: float) -> SlowRecord:
        """Return the slow statements that the database itself has recorded.

        Args:
            limit: Maximum number of recorded statements.
            running_for: Seconds from which a running statement is listed.
        """
        return await slow_record(self._engine, limit=limit, running_for=running_for)

    async def create_task(self, task: NewTask, *, now: int, next_poll_at: int) -> Created:
        """Hold the price from user and token, and insert the row as `submitted`.

        A call with the same user, `external_task_id` and `request_hash` as before returns the first
        row. So does a call with the same `task_id`, so that it can be repeated after a lost reply.
        The first run of the transaction assumes that the task is new.

        Args:
            task: The task to create.
            next_poll_at: When the sweeper polls the task, should its sender be killed.

        Raises:
            DisabledError: The user or the token is switched off, or the token has expired.
            ExistsError: The `task_id` is taken by another request.
            ExternalIdConflictError: The `external_task_id` belongs to another request.
            InsufficientQuotaError: The user's or the token's quota is too low.
            UnknownError: There is no such user or token, or the token is another user's.
        """
        make = create.creating(task, now, next_poll_at)
        async with self._turn_of(task.user_id, CREATE_WAIT):
            return await self.run("create_task", make, TransactionMode.WRITE)

    async def settle(
        self, result: TaskResult, *, now: int, notice: NewNotice | None = None, user_id: int = 0
    ) -> Settlement:
        """See `settlement.settle`; *user_id* is the task's owner, if that is known."""
        make = partial(settlement.settle, result, now=now, notice=notice)
        async with self._turn_of(user_id, LOCK_WAIT):
            return await self.run("settle", make, TransactionMode.WRITE)

    @asynccontextmanager
    async def _turn_of(self, user_id: int, limit: float) -> AsyncGenerator[None]:
        """Wait while too many changes of a user run, since the user's row may be locked.

        Args:
            limit: Seconds to wait.

        Raises:
            WaitedInVainError: The others took longer.
        """
        if not (user_id and self._engine.per_user):
            yield
            return
        turns = self._turns.setdefault(user_id, _Turns(self._engine.per_user))
        turns.callers += 1
        try:
            try:
                async with asyncio.timeout(limit):
                    await turns.free.acquire()
            except TimeoutError:
                raise WaitedInVainError(
                    f"other changes of user {user_id} took longer than {limit:g} s"
                ) from None
            try:
                yield
            finally:
                turns.free.release()
        finally:
            turns.callers -= 1
            if not turns.callers:
                del self._turns[user_id]

    async def repair(
        self, *, now: int, commit: bool, release_deleted: bool = False
    ) -> tuple[Repair, ...]:
        """Make the tables keep the rules of `reconcile` again, where it is clear how.

        Args:
            now: Unix seconds, for the entries that are added.
            commit: Whether to make the changes; otherwise nothing is changed.
            release_deleted: Whether to release the holds of open tasks whose rows were deleted.

        Returns:
            The changes that were made, or would have been made.
        """
        make = partial(repair.repair, now=now, commit=commit, release_deleted=release_deleted)
        try:
            return await self.run("repair", make, TransactionMode.LONG_WRITE)
        except repair.NotCommittedError as planned:
            return planned.repairs

    async def probe(self, *, now: int, padding: str = "") -> DatabaseNode:
        """Write the row of this process, without waiting for its other transactions; see `beat`.

        Returns:
            The server in use, with a problem if no server serves or takes writes now.

        Raises:
            StorageError: Nothing can be written; the text says why.
        """
        return await self._engine.probe(
            partial(monitoring.beat, self.process, now=now, padding=padding)
        )

    @property
    def waits_for(self) -> str:
        """The resource for which the probe under way waits."""
        return self._engine.waits_for

    def on_connect(self, call: Callable[[], None]) -> None:
        """Call *call* whenever a connection to the database was opened, on the event loop.

        Args:
            call: Must not block; it replaces the one before.
        """
        self._engine.on_connect = call

    async def read_clock(self) -> DatabaseTime | None:
        """Return the time of the server in use.

        Returns:
            `None` if it uses the clock of this computer: SQLite.

        Raises:
            StorageUnavailableError: The server is away.
        """
        return await read_clock(self._engine)

    # ------------------------------------------------------------ users

    create_user = _write(accounts.create_user)
    get_user = _look(accounts.get_user)
    bind_user = _write(accounts.bind_user)
    disown_number = _write(accounts.disown_number)
    list_old_numbers = _look(accounts.list_old_numbers)
    list_of_type = _look(lifecycle.list_of_type)
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
    sum_by_channel = _read(channels.sum_by_channel)
    replace_channel = _write(channels.replace_channel)
    change_channel = _write(channels.change_channel)
    delete_channel = _write(channels.delete_channel)

    # ------------------------------------------------------------ tasks: before the end

    bind_attempt = _write(lifecycle.bind_attempt)
    close_attempt = _write(lifecycle.close_attempt)
    accept = _write(lifecycle.accept)
    mark_open = _write(lifecycle.mark_open)
    list_due_tasks = _read(due.list_due_tasks)
    list_far_tasks = _read(due.list_far_tasks)
    claim_tasks = _write(due.claim_tasks)
    put_off_tasks = _write(due.put_off_tasks)
    count_open_by_token = _read(due.count_open_by_token)
    count_open_of_channel = _read(due.count_open_of_channel)
    claim_read = _write(lifecycle.claim_read)
    schedule_poll = _write(lifecycle.schedule_poll)
    schedule_sooner = _write(lifecycle.schedule_sooner)
    end_poll = _write(lifecycle.end_poll)

    # ------------------------------------------------------------ tasks: the end

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
    has_far_notices = _read(webhooks.has_far_notices)
    hasten_notices = _write(webhooks.hasten_notices)
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
    keep_callback_secret = _write(receivers.keep_callback_secret)

    # ------------------------------------------------------------ operations

    find_report = _look(reports.find_report)
    list_reports = _read(reports.list_reports)
    meet = _write(monitoring.meet)
    leave = _write(monitoring.leave)
    reconcile = _snapshot(monitoring.reconcile)
    stats = _read(monitoring.stats)
    list_stuck = _read(lifecycle.list_stuck)
    summary = _read(monitoring.summary)
    backlog = _read(monitoring.backlog)

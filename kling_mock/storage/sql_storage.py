"""The store over SQL: each method names its unit, and the engine runs it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from time import perf_counter
from typing import ParamSpec, TypeVar

from kling_mock.storage.adapters.engine import Engine, Mode
from kling_mock.storage.ensure_schema import found
from kling_mock.storage.slow import slow_record
from kling_mock.storage.stopwatch import SLOW_AFTER, Stopwatch
from kling_mock.storage.transaction import Make, Unit
from kling_mock.storage.transactions import accounts, channels, create, operations, reports, settle
from kling_mock.storage.transactions import lifecycle as watch
from kling_mock.storage.transactions import webhooks as outbox
from kling_mock.storage.values import (
    REPEATS,
    Absence,
    Acceptance,
    Attempt,
    Backlog,
    Caller,
    Channel,
    Created,
    DailyTotals,
    Delivery,
    LedgerEntry,
    NewChannel,
    NewNotice,
    NewTask,
    NewToken,
    NewUser,
    Notice,
    NoticeState,
    Overview,
    Reconciliation,
    Report,
    Settlement,
    SlowRecord,
    Strain,
    TaskResult,
    Token,
    User,
    VideoRow,
)

__all__ = ["SqlStorage"]

P = ParamSpec("P")
T = TypeVar("T")


class SqlStorage:
    """A `Storage` over a database. Each method is explained there.

    Args:
        engine: Runs units on the database.
        slow_after: Seconds from which a transaction counts as slow.
    """

    def __init__(self, engine: Engine, slow_after: float = SLOW_AFTER) -> None:
        self._engine = engine
        self._stopwatch = Stopwatch(slow_after)

    async def _look(self, unit: Callable[P, Unit[T]], *args: P.args, **kwargs: P.kwargs) -> T:
        return await self._timed(unit, partial(unit, *args, **kwargs), Mode.LOOK)

    async def _read(self, unit: Callable[P, Unit[T]], *args: P.args, **kwargs: P.kwargs) -> T:
        return await self._timed(unit, partial(unit, *args, **kwargs), Mode.READ)

    async def _write(self, unit: Callable[P, Unit[T]], *args: P.args, **kwargs: P.kwargs) -> T:
        return await self._timed(unit, partial(unit, *args, **kwargs), Mode.WRITE)

    async def _timed(self, unit: Callable[..., Unit[T]], make: Make[T], mode: Mode) -> T:
        begun = perf_counter()
        try:
            return await self._engine.run(make, mode)
        finally:
            self._stopwatch.note(unit.__name__, perf_counter() - begun)

    # ------------------------------------------------------------ life

    async def open(self) -> None:
        """See `Storage.open`."""
        await self._engine.open()
        try:
            await found(self._engine)
        except BaseException:
            await self._engine.close()
            raise

    async def close(self) -> None:
        """See `Storage.close`."""
        await self._engine.close()

    async def ping(self) -> None:
        """See `Storage.ping`."""
        await self._read(operations.ping)

    # ------------------------------------------------------------ users

    async def create_user(self, user: NewUser, *, now: int) -> User:
        """See `Storage.create_user`."""
        return await self._write(accounts.create_user, user, now)

    async def get_user(self, user_id: int) -> User:
        """See `Storage.get_user`."""
        return await self._look(accounts.user_by_id, user_id)

    async def find_user(self, username: str) -> User | None:
        """See `Storage.find_user`."""
        return await self._look(accounts.find_user, username)

    async def list_users(self, *, after: int = 0, limit: int = 100) -> Sequence[User]:
        """See `Storage.list_users`."""
        return await self._read(accounts.list_users, after, limit)

    async def set_user_status(self, user_id: int, status: int) -> User:
        """See `Storage.set_user_status`."""
        return await self._write(accounts.set_user_status, user_id, status)

    async def credit(
        self, user_id: int, amount: int, *, reference: str, now: int, note: str = ""
    ) -> LedgerEntry:
        """See `Storage.credit`."""
        return await self._write(accounts.credit, user_id, amount, reference, now, note)

    async def list_ledger(
        self, user_id: int, *, before: int | None = None, limit: int = 100
    ) -> Sequence[LedgerEntry]:
        """See `Storage.list_ledger`."""
        return await self._read(accounts.list_ledger, user_id, before, limit)

    async def find_charge(self, task_id: str) -> LedgerEntry | None:
        """See `Storage.find_charge`."""
        return await self._look(accounts.find_charge, task_id)

    # ------------------------------------------------------------ tokens

    async def create_token(self, token: NewToken, *, now: int) -> Token:
        """See `Storage.create_token`."""
        return await self._write(accounts.create_token, token, now)

    async def authenticate(self, token_hash: str) -> Caller | None:
        """See `Storage.authenticate`."""
        return await self._look(accounts.authenticate, token_hash)

    async def list_tokens(self, user_id: int) -> Sequence[Token]:
        """See `Storage.list_tokens`."""
        return await self._read(accounts.list_tokens, user_id)

    async def set_token_status(self, token_id: int, status: int) -> Token:
        """See `Storage.set_token_status`."""
        return await self._write(accounts.set_token_status, token_id, status)

    async def set_token_quota(self, token_id: int, remain_quota: int | None) -> Token:
        """See `Storage.set_token_quota`."""
        return await self._write(accounts.set_token_quota, token_id, remain_quota)

    # ------------------------------------------------------------ channels

    async def create_channel(self, channel: NewChannel, *, now: int) -> Channel:
        """See `Storage.create_channel`."""
        return await self._write(channels.create_channel, channel, now)

    async def get_channel(self, channel_id: int) -> Channel:
        """See `Storage.get_channel`."""
        return await self._look(channels.get_channel, channel_id)

    async def list_channels(self, *, with_deleted: bool = False) -> Sequence[Channel]:
        """See `Storage.list_channels`."""
        return await self._look(channels.list_channels, with_deleted)

    async def replace_channel(self, channel_id: int, channel: NewChannel) -> Channel:
        """See `Storage.replace_channel`."""
        return await self._write(channels.replace_channel, channel_id, channel)

    async def delete_channel(self, channel_id: int) -> Channel:
        """See `Storage.delete_channel`."""
        return await self._write(channels.delete_channel, channel_id)

    # ------------------------------------------------------------ tasks: before the end

    async def create_task(self, task: NewTask, *, now: int, next_poll_at: int) -> Created:
        """See `Storage.create_task`."""
        runs = create.creating(task, now, next_poll_at)
        return await self._timed(create.create_task, runs, Mode.WRITE)

    async def bind_attempt(self, task_id: str, attempt: Attempt) -> bool:
        """See `Storage.bind_attempt`."""
        return await self._write(watch.bind_attempt, task_id, attempt)

    async def close_attempt(self, task_id: str, *, at: int) -> None:
        """See `Storage.close_attempt`."""
        await self._write(watch.close_attempt, task_id, at)

    async def accept(
        self, task_id: str, kling_task_id: str, *, now: int, next_poll_at: int
    ) -> Acceptance:
        """See `Storage.accept`."""
        return await self._write(watch.accept, task_id, kling_task_id, now, next_poll_at)

    async def mark_open(self, task_id: str, status: str, *, now: int) -> bool:
        """See `Storage.mark_open`."""
        return await self._write(watch.mark_open, task_id, status, now)

    async def claim_due(self, *, now: int, lease_until: int, limit: int) -> Sequence[VideoRow]:
        """See `Storage.claim_due`."""
        return await self._write(watch.claim_due, now, lease_until, limit)

    async def claim_read(self, task_id: str, *, now: int, lease_until: int) -> bool:
        """See `Storage.claim_read`."""
        return await self._write(watch.claim_read, task_id, now, lease_until)

    async def schedule_poll(
        self, task_id: str, at: int, *, lease_until: int | None = None, only_sooner: bool = False
    ) -> None:
        """See `Storage.schedule_poll`."""
        await self._write(watch.schedule_poll, task_id, at, lease_until, only_sooner)

    # ------------------------------------------------------------ tasks: the end

    async def settle(
        self, result: TaskResult, *, now: int, notice: NewNotice | None = None
    ) -> Settlement:
        """See `Storage.settle`."""
        return await self._write(settle.settle, result, now, notice)

    async def keep_report(self, result: TaskResult, *, status: str, now: int) -> None:
        """See `Storage.keep_report`."""
        await self._write(settle.keep_unapplied, result, status, now)

    async def expire(
        self,
        task_id: str,
        *,
        created_until: int,
        reason: str,
        now: int,
        notice: NewNotice | None = None,
    ) -> bool:
        """See `Storage.expire`."""
        return await self._write(settle.expire, task_id, created_until, reason, now, notice)

    async def report_not_found(
        self, task_id: str, *, asked_at: int, reason: str, notice: NewNotice | None = None
    ) -> Absence:
        """See `Storage.report_not_found`."""
        return await self._write(settle.report_not_found, task_id, asked_at, reason, notice)

    # ------------------------------------------------------------ tasks: reading

    async def find_task(self, task_id: str) -> VideoRow | None:
        """See `Storage.find_task`."""
        return await self._look(watch.find_task, task_id)

    async def get_task(self, user_id: int, any_id: str) -> VideoRow | None:
        """See `Storage.get_task`."""
        return await self._look(watch.get_task, user_id, any_id)

    async def find_by_kling_id(self, kling_task_id: str) -> Sequence[VideoRow]:
        """See `Storage.find_by_kling_id`."""
        return await self._look(watch.find_by_kling_id, kling_task_id)

    async def list_tasks(
        self, user_id: int, *, before: int | None = None, limit: int = 20, status: str | None = None
    ) -> Sequence[VideoRow]:
        """See `Storage.list_tasks`."""
        return await self._read(watch.list_tasks, user_id, before, limit, status)

    # ------------------------------------------------------------ outgoing callbacks

    async def claim_notices(self, *, now: int, lease_until: int, limit: int) -> Sequence[Notice]:
        """See `Storage.claim_notices`."""
        return await self._write(outbox.claim_notices, now, lease_until, limit)

    async def record_delivery(self, delivery: Delivery, *, now: int) -> bool:
        """See `Storage.record_delivery`."""
        return await self._write(outbox.record_delivery, delivery, now)

    async def replay_notice(self, event_id: str, *, now: int) -> Notice:
        """See `Storage.replay_notice`."""
        return await self._write(outbox.replay_notice, event_id, now)

    async def list_notices(
        self,
        *,
        state: NoticeState | None = None,
        user_id: int | None = None,
        before: int | None = None,
        limit: int = 100,
    ) -> Sequence[Notice]:
        """See `Storage.list_notices`."""
        return await self._read(outbox.list_notices, state, user_id, before, limit)

    # ------------------------------------------------------------ operations

    async def find_report(self, task_id: str, status: str) -> Report | None:
        """See `Storage.find_report`."""
        return await self._look(reports.find_report, task_id, status)

    async def list_reports(
        self, *, before: int | None = None, limit: int = 100
    ) -> Sequence[Report]:
        """See `Storage.list_reports`."""
        return await self._read(reports.list_reports, before, limit)

    async def reconcile(self, user_id: int | None = None) -> Sequence[Reconciliation]:
        """See `Storage.reconcile`."""
        reconcile = operations.reconcile
        return await self._timed(reconcile, partial(reconcile, user_id), Mode.SNAPSHOT)

    async def stats(self, *, since: int) -> Sequence[DailyTotals]:
        """See `Storage.stats`."""
        return await self._read(operations.stats, since)

    async def list_stuck(
        self, *, created_until: int, after: int = 0, limit: int = 100
    ) -> Sequence[VideoRow]:
        """See `Storage.list_stuck`."""
        return await self._read(watch.list_stuck, created_until, after, limit)

    async def overview(self, *, now: int) -> Overview:
        """See `Storage.overview`."""
        return await self._read(operations.overview, now)

    async def backlog(self, *, now: int, stuck_until: int) -> Backlog:
        """See `Storage.backlog`."""
        return await self._read(operations.backlog, now, stuck_until)

    def strain(self) -> Strain:
        """See `Storage.strain`."""
        counted = self._engine.repeats
        repeats = {why: counted[why] for why in REPEATS}
        return Strain(repeats, tuple(self._stopwatch.slow()), self._stopwatch.slow_after)

    async def slow_statements(self, *, limit: int, running_for: float) -> SlowRecord:
        """See `Storage.slow_statements`."""
        return await slow_record(self._engine, limit=limit, running_for=running_for)

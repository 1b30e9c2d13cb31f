"""The operations of the relay's storage, whichever database is behind it.

Every method is one transaction, is atomic, and can be called by many tasks, threads' loops and
processes at a time. A change returns only after it is durable. A refusal is raised as a
`StorageError`, and then nothing was changed. Any of them may raise
`StorageUnavailableError`.

Each change can be repeated: after an error that leaves open whether the change was made, the
same call leads to the same state, and no money moves twice. So a user, token or
channel that was created at the same time with the same arguments is returned again.

Times are arguments in whole Unix seconds: a storage has no clock of its own. Money is whole quota.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from kling_mock.storage.values import (
    Absence,
    Acceptance,
    Attempt,
    Backlog,
    Caller,
    Channel,
    Created,
    DailyTotals,
    DatabaseNode,
    DatabaseTime,
    DueNotice,
    DueTask,
    LateReport,
    LedgerEntry,
    NewChannel,
    NewNotice,
    NewTask,
    NewToken,
    NewUser,
    Notice,
    NoticeState,
    Receiver,
    ReceiverCounts,
    Reconciliation,
    SecretRotation,
    Settlement,
    SlowRecord,
    StoreStatistics,
    StoreSummary,
    TaskResult,
    Token,
    User,
    VideoRow,
    WebhookDelivery,
)

__all__ = ["Storage"]


class Storage(Protocol):
    """Users, tokens, channels, tasks and the money that they move."""

    # ------------------------------------------------------------ lifecycle

    async def open(self) -> None:
        """Connect; an empty database gets its tables.

        Raises:
            SchemaError: It has tables that this version does not know or that are older.
        """
        ...

    async def close(self) -> None:
        """Finish pending calls and disconnect; harmless when it is closed."""
        ...

    def on_connect(self, call: Callable[[], None]) -> None:
        """Call *call* whenever a connection to the database was opened, on the event loop.

        Args:
            call: Must not block; it replaces the one before.
        """
        ...

    async def read_clock(self) -> DatabaseTime | None:
        """Return the time of the server that is used.

        Returns:
            `None` if it has no clock but that of this computer: in memory, and SQLite.

        Raises:
            StorageUnavailableError: It is away.
        """
        ...

    async def ping(self) -> DatabaseNode:
        """Read a table, and ask the server whether it takes writes.

        Returns:
            The server that is used; with a problem, if none serves or takes writes now.

        Raises:
            StorageUnavailableError: The database does not answer.
        """
        ...

    # ------------------------------------------------------------ users

    async def create_user(self, user: NewUser, *, now: int) -> User:
        """Create a user, with a ledger row of its opening balance, also if that is 0.

        Raises:
            ExistsError: The name is taken.
        """
        ...

    async def get_user(self, user_id: int) -> User:
        """Return a user.

        Raises:
            UnknownError: There is none.
        """
        ...

    async def find_user(self, username: str) -> User | None:
        """Return the user of that name, byte for byte."""
        ...

    async def list_users(self, *, after: int = 0, limit: int = 100) -> Sequence[User]:
        """Return users with ids above *after*, the lowest first."""
        ...

    async def set_user_status(self, user_id: int, status: int) -> User:
        """Switch a user on or off, or delete it; its open tasks continue.

        Raises:
            UnknownError: There is none, or it is deleted, which is permanent.
        """
        ...

    async def credit(
        self, user_id: int, amount: int, *, reference: str, now: int, note: str = ""
    ) -> LedgerEntry:
        """Add *amount* to a balance, or take it away if it is negative, once per *reference*.

        Args:
            user_id: Whose.
            amount: Quota, not 0.
            reference: The caller's own id of this credit, as a `task_id` is written. The
                same one again returns the first entry and moves nothing.
            now: The time.
            note: For people.

        Raises:
            ExistsError: The reference belongs to another user or amount.
            InsufficientQuotaError: It would take more than is neither spent nor held.
            UnknownError: There is no such user, or it is deleted.
            ValueError: The amount or the reference is not one, or the balance would pass
                `MAX_BALANCE`.
        """
        ...

    async def list_ledger(
        self, user_id: int, *, before: int | None = None, limit: int = 100
    ) -> Sequence[LedgerEntry]:
        """Return a user's ledger entries with ids below *before*, the newest first."""
        ...

    async def find_charge(self, task_id: str) -> LedgerEntry | None:
        """Return the charge of a task, if it was charged, be it 0."""
        ...

    # ------------------------------------------------------------ tokens

    async def create_token(self, token: NewToken, *, now: int) -> Token:
        """Create a token.

        Raises:
            ExistsError: Its hash is taken.
            UnknownError: There is no such user, or it is deleted.
        """
        ...

    async def authenticate(self, token_hash: str) -> Caller | None:
        """Return the token of that hash and its user, enabled or not, expired or not."""
        ...

    async def list_tokens(self, user_id: int) -> Sequence[Token]:
        """Return a user's tokens, the oldest first."""
        ...

    async def set_token_status(self, token_id: int, status: int) -> Token:
        """Switch a token on or off, or delete it; its open tasks continue.

        Raises:
            UnknownError: There is none, or it is deleted, which is permanent.
        """
        ...

    async def set_token_quota(self, token_id: int, remain_quota: int | None) -> Token:
        """Set what a token may still spend, with what is held in it; None is no limit.

        Raises:
            InsufficientQuotaError: Its open tasks hold more than that.
            UnknownError: There is none, or it is deleted.
            ValueError: It is not a whole number from 0 to `MAX_AMOUNT`.
        """
        ...

    # ------------------------------------------------------------ channels

    async def create_channel(self, channel: NewChannel, *, now: int) -> Channel:
        """Create a channel.

        Raises:
            ExistsError: Another one that is not deleted has its name.
        """
        ...

    async def get_channel(self, channel_id: int) -> Channel:
        """Return a channel, deleted or not.

        Raises:
            UnknownError: There is none.
        """
        ...

    async def list_channels(self, *, with_deleted: bool = False) -> Sequence[Channel]:
        """Return all channels, the oldest first."""
        ...

    async def replace_channel(self, channel_id: int, channel: NewChannel) -> Channel:
        """Replace a channel's settings; its usage stays.

        Raises:
            ExistsError: Another one that is not deleted has its name.
            UnknownError: There is none, or it is deleted.
        """
        ...

    async def change_channel(self, channel_id: int, settings: Mapping[str, Any]) -> Channel:
        """Change some settings of a channel; what others change meanwhile stays.

        Args:
            channel_id: The channel.
            settings: By the name that `NewChannel` has for each.

        Raises:
            ExistsError: Another one that is not deleted has its name.
            UnknownError: There is none, or it is deleted.
            ValueError: A value does not fit.
        """
        ...

    async def delete_channel(self, channel_id: int) -> Channel:
        """Delete a channel softly: no new tasks, its name is free, its row stays.

        Raises:
            UnknownError: There is none.
        """
        ...

    # ------------------------------------------------------------ tasks: before the end

    async def create_task(self, task: NewTask, *, now: int, next_poll_at: int) -> Created:
        """Hold the price from user and token, and insert the row as `submitted`.

        The same user, `external_task_id` and `request_hash` as before returns the first row;
        also the same `task_id`, so that this call can be repeated after a lost answer.

        Args:
            task: The task to create.
            now: The time.
            next_poll_at: When the sweeper looks after it, should its sender be killed.

        Raises:
            DisabledError: The user or the token is switched off, or the token has expired.
            ExistsError: The `task_id` is taken by another request.
            ExternalIdConflictError: The `external_task_id` belongs to another request.
            InsufficientQuotaError: The user's or the token's quota is too low.
            UnknownError: There is no such user or token, or the token is another user's.
        """
        ...

    async def bind_attempt(self, task_id: str, attempt: Attempt) -> bool:
        """Record the channel through which the task is about to be sent.

        To be called for another channel only after proof that the previous one has refused.
        Earlier "not found" replies no longer count.

        Returns:
            False if the row has ended or has been accepted: then it must not be sent.

        Raises:
            UnknownError: There is no such task.
        """
        ...

    async def close_attempt(self, task_id: str, *, at: int) -> None:
        """Record that the attempt's socket was closed at *at*, before its lease would end."""
        ...

    async def accept(
        self, task_id: str, kling_task_id: str, *, now: int, next_poll_at: int
    ) -> Acceptance:
        """Record Kling's id of the task. A row that has ended keeps its status.

        A row without a service gets the one of its channel.

        Raises:
            KlingTaskClashError: The row has another id, or another row of its channel or
                service has this one; nothing was changed.
            UnknownError: There is no such task.
            ValueError: The id is empty or longer than 200 characters.
        """
        ...

    async def mark_open(self, task_id: str, status: str, *, now: int) -> bool:
        """Record that the task is in an open *status*, known or not.

        `submitted` never replaces another status, and nothing replaces a terminal one.

        Returns:
            Whether the status changed.

        Raises:
            ValueError: The status is a terminal one: use `settle`; or it is empty.
        """
        ...

    async def list_due_tasks(
        self, *, now: int, after: tuple[int, int] = (0, 0), limit: int
    ) -> Sequence[DueTask]:
        """Return a page of open rows that are due and not leased, the longest overdue first.

        Args:
            now: The time.
            after: `next_poll_at` and `id` of the last row of the page before.
            limit: How many at most.
        """
        ...

    async def claim_tasks(
        self, task_ids: Sequence[str], *, now: int, lease_until: int
    ) -> Sequence[VideoRow]:
        """Lease those of some rows that are still due to be read upstream.

        No other caller gets them before *lease_until*. If the caller is killed before it calls
        `end_poll`, they are free again after that time.
        """
        ...

    async def put_off_tasks(self, task_ids: Sequence[str], at: int, *, now: int) -> None:
        """Have some rows that nobody has leased read at *at*, unless they are due later."""
        ...

    async def count_open_by_token(self) -> Mapping[int, int]:
        """Return how many open tasks each token has; one without any may be missing."""
        ...

    async def claim_read(self, task_id: str, *, now: int, lease_until: int) -> bool:
        """Lease an open row for one reading upstream.

        Returns:
            True for one caller over all processes; for the others, and for rows that have
            ended, False until *lease_until*.
        """
        ...

    async def schedule_poll(self, task_id: str, at: int) -> None:
        """Set when the sweeper reads an open row next; rows that have ended are left alone.

        Args:
            task_id: The row.
            at: When.
        """
        ...

    async def schedule_sooner(self, task_id: str, at: int, *, now: int) -> None:
        """Have the sweeper read an open row at some time, at the latest.

        If it is being read at this moment, it is read again: what that reading shows may be older
        than what the caller knows.

        Args:
            task_id: The row.
            at: When.
            now: The present.
        """
        ...

    async def end_poll(self, row: VideoRow, at: int, *, lease_until: int) -> None:
        """Set when a row that was claimed is read next, unless that was set since the claim.

        Args:
            row: The row, as `claim_tasks` returned it.
            at: When.
            lease_until: A new lease, before whose end no other caller reads it.
        """
        ...

    # ------------------------------------------------------------ tasks: the end

    async def settle(
        self, result: TaskResult, *, now: int, notice: NewNotice | None = None
    ) -> Settlement:
        """End a task: status, ledger, user, token, channel and *notice*, together and once.

        `succeed` charges `min(final, hold)`, with a ledger row also for 0, and counts the rest
        as uncollected; `failed` releases the hold. A report on a row that has ended in the
        same way changes nothing; one that contradicts is kept in `reports`. A success that is
        *unmetered* leaves a report of that too. The refusal of a create
        (*free_external_id*) changes nothing once the row has Kling's id. A legacy row gets
        its status and, for a success, a report; no money moves for it. A row without a service
        that has succeeded gets the one of its channel.

        Raises:
            KlingTaskClashError: The report names another `kling_task_id` than the row, or
                another row of its channel or service has the id; nothing was changed.
            UnknownError: There is no such task.
        """
        ...

    async def keep_report(self, result: TaskResult, *, status: str, now: int) -> None:
        """Keep a report without applying it.

        Of each task and *status* the first one is kept, and the others are counted, so the
        number of rows per task is bounded by the number of statuses in use.

        Args:
            result: The report.
            status: What it is kept as; at most 50 characters.
            now: Unix seconds.

        Raises:
            UnknownError: There is no such task.
        """
        ...

    async def expire(
        self,
        task_id: str,
        *,
        created_until: int,
        reason: str,
        now: int,
        notice: NewNotice | None = None,
    ) -> bool:
        """Fail an open task that was created at *created_until* or before, and release its hold.

        Returns:
            False if it had ended, is younger or is legacy: nothing was changed.

        Raises:
            UnknownError: There is no such task.
        """
        ...

    async def report_not_found(
        self, task_id: str, *, queried_at: int, reason: str, notice: NewNotice | None = None
    ) -> Absence:
        """Record that Kling, queried at *queried_at*, knew no task of this id.

        The second such reply fails the row and releases its hold, if its query was sent at
        least 60 s after the first, and the first at least 60 s after the attempt was over.

        Args:
            task_id: Our own id.
            queried_at: When the query was sent; also the time of the failure.
            reason: The `fail_reason`, if the row fails.
            notice: The callback to the user, if the row fails.

        Raises:
            UnknownError: There is no such task.
        """
        ...

    # ------------------------------------------------------------ tasks: reading

    async def find_task(self, task_id: str) -> VideoRow | None:
        """Return the row of a `task_id`, whichever user owns it."""
        ...

    async def get_task(self, user_id: int, any_id: str) -> VideoRow | None:
        """Return a user's own row by its `task_id` or else by its `external_task_id`."""
        ...

    async def find_by_kling_id(self, kling_task_id: str) -> Sequence[VideoRow]:
        """Return the rows with that Kling id; there is at most one per service."""
        ...

    async def list_tasks(
        self, user_id: int, *, before: int | None = None, limit: int = 20, status: str | None = None
    ) -> Sequence[VideoRow]:
        """Return a user's rows with ids below *before*, the newest first."""
        ...

    # ------------------------------------------------------------ outgoing callbacks

    async def list_due_notices(
        self, *, now: int, after: tuple[int, int] = (0, 0), limit: int
    ) -> Sequence[DueNotice]:
        """Return a page of pending notices that are due and not leased, the first due first.

        Args:
            now: The time.
            after: `next_at` and `id` of the last notice of the page before.
            limit: How many at most.
        """
        ...

    async def claim_notices(
        self, event_ids: Sequence[str], *, now: int, lease_until: int
    ) -> Sequence[Notice]:
        """Lease those of some notices that are still due, in their order.

        No other caller gets them before *lease_until*.
        """
        ...

    async def put_off_notices(self, event_ids: Sequence[str], at: int, *, now: int) -> None:
        """Have some notices that nobody has leased sent at *at*, unless they are due later."""
        ...

    async def stop_notice(self, event_id: str, *, now: int) -> bool:
        """Keep a pending notice back, because its receiver is switched off; see `replay_notice`.

        Returns:
            Whether it was pending.
        """
        ...

    async def record_delivery(self, delivery: WebhookDelivery, *, now: int) -> bool:
        """Record how an attempt ended, and release the lease.

        Returns:
            False if it is not pending or another attempt was recorded first.
        """
        ...

    async def replay_notice(self, event_id: str, *, now: int) -> Notice:
        """Make a notice pending again, due now, with no attempts.

        Raises:
            UnknownError: There is none.
        """
        ...

    async def list_notices(
        self,
        *,
        state: NoticeState | None = None,
        user_id: int | None = None,
        before: int | None = None,
        limit: int = 100,
    ) -> Sequence[Notice]:
        """Return notices with ids below *before*, the newest first."""
        ...

    # ------------------------------------------------------------ receivers of callbacks

    async def find_receiver(self, user_id: int, host: str) -> Receiver | None:
        """Return a receiver that fails or is switched off; None for any other."""
        ...

    async def list_receivers(self, *, after: int = 0, limit: int = 100) -> Sequence[Receiver]:
        """Return receivers that fail or are switched off, ids above *after*, lowest first."""
        ...

    async def count_receivers(self) -> ReceiverCounts:
        """Return how many receivers fail, and how many are switched off."""
        ...

    async def record_failure(
        self, user_id: int, host: str, *, now: int, off_from: int, least: int
    ) -> Receiver:
        """Count a failed attempt of a receiver, and switch it off if that is due.

        Args:
            user_id: Whose receiver.
            host: Its host.
            now: The time.
            off_from: It is switched off if it fails since then or longer,
            least: and so often in a row.
        """
        ...

    async def record_success(self, user_id: int, host: str) -> None:
        """Forget the failures of a receiver that is not switched off."""
        ...

    async def switch_receiver(self, receiver_id: int, *, off_at: int, now: int) -> Receiver:
        """Switch a receiver off at *off_at*, or on with 0; its failures count from *now* on.

        Raises:
            UnknownError: There is none.
        """
        ...

    async def find_webhook_secret(self, user_id: int) -> SecretRotation | None:
        """Return which secret signs a user's callbacks; None if it was never rotated."""
        ...

    async def rotate_webhook_secret(
        self, user_id: int, *, generation: int, overlap_until: int
    ) -> SecretRotation:
        """Have the secret of *generation* sign, and until *overlap_until* the one before it too.

        Raises:
            ExistsError: The secret was rotated since the caller has looked.
            UnknownError: There is no such user, or it is deleted.
        """
        ...

    # ------------------------------------------------------------ operations

    async def find_report(self, task_id: str, status: str) -> LateReport | None:
        """Return the report of a task that is kept as *status*; None if there is none."""
        ...

    async def list_reports(
        self, *, before: int | None = None, limit: int = 100
    ) -> Sequence[LateReport]:
        """Return results that were not applied with ids below *before*, the newest first."""
        ...

    async def reconcile(self, user_id: int | None = None) -> Sequence[Reconciliation]:
        """Compare every balance with the ledger and every charge with its row.

        Reads one consistent snapshot while the relay runs. Legacy rows, and tasks created
        with *overdraft*, hold nothing and do not count as differences.

        Args:
            user_id: Only this user; None is all of them.
        """
        ...

    async def stats(self, *, since: int) -> Sequence[DailyTotals]:
        """Return totals per day (UTC) of the tasks created at *since* or later, newest first."""
        ...

    async def list_stuck(
        self, *, created_until: int, after: int = 0, limit: int = 100
    ) -> Sequence[VideoRow]:
        """Return open rows created at *created_until* or before, ids above *after*, lowest first.

        Legacy rows are left out.
        """
        ...

    async def summary(self, *, now: int) -> StoreSummary:
        """Return counts for health and metrics."""
        ...

    async def backlog(self, *, now: int, stuck_until: int) -> Backlog:
        """Return the open tasks by state.

        Args:
            now: What was to be read before is overdue.
            stuck_until: What was created at this instant or before counts as stuck.
        """
        ...

    def statistics(self) -> StoreStatistics:
        """Return what this process had to repeat, and what was slow, since `open`.

        It is counted in memory, without a query.
        """
        ...

    async def slow_statements(self, *, limit: int, running_for: float) -> SlowRecord:
        """Return what the database itself knows of slow statements.

        Args:
            limit: Maximum number of recorded statements.
            running_for: Seconds from which a running statement is listed.
        """
        ...

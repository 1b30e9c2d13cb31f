"""Tasks in memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import attrs

from kling_mock.storage.errors import (
    DisabledError,
    ExistsError,
    ExternalIdConflictError,
    InsufficientQuotaError,
    KlingTaskClashError,
    StorageError,
    UnknownError,
)
from kling_mock.storage.memory.accounts import MemoryAccounts
from kling_mock.storage.money_rules import (
    absence,
    amounts,
    check_limit,
    needs_service,
    reported,
)
from kling_mock.storage.text import fit, optional_id
from kling_mock.storage.values import (
    ENABLED,
    TERMINAL,
    UNMETERED,
    UNNUMBERED,
    Absence,
    Acceptance,
    Attempt,
    Created,
    DueTask,
    LateReport,
    LedgerKind,
    NewNotice,
    NewTask,
    Notice,
    NoticeState,
    Settlement,
    TaskOutcome,
    TaskResult,
    VideoRow,
)
from kling_mock.storage.values.services import service_at

__all__ = ["MemoryTasks"]


class MemoryTasks(MemoryAccounts):
    """The methods of `Storage` about tasks."""

    # ------------------------------------------------------------ before the end

    async def create_task(self, task: NewTask, *, now: int, next_poll_at: int) -> Created:
        if (before := self._before(task)) is not None:
            return Created(before, is_new=False)
        self._hold(task, now)
        attempt = task.attempt or Attempt(0, "", 0)
        row = VideoRow(
            id=self.tables.next_id("videos"),
            task_id=task.task_id,
            prompt=task.prompt,
            created_at=now,
            updated_at=now,
            type=task.type,
            provider=task.provider,
            mode=task.mode,
            duration=task.duration,
            resolution=task.resolution,
            username=task.username,
            channel_id=attempt.channel_id,
            user_id=task.user_id,
            model=task.model,
            status="submitted",
            fail_reason="",
            video_id="",
            store_url="",
            quota=task.price,
            n=task.n,
            credentials="",
            json_data="",
            external_task_id=task.external_task_id,
            request_hash=task.request_hash,
            kling_task_id=None,
            channel_key_id=attempt.channel_key_id,
            token_id=task.token_id or 0,
            held_quota=0 if task.overdraft else task.price,
            next_poll_at=next_poll_at,
            lease_until=0,
            callback_url=task.callback_url,
            legacy=False,
            attempt_until=attempt.until,
            not_found_at=None,
            service=attempt.service,
        )
        self.tables.videos[row.task_id] = row
        if not task.overdraft:
            self._add_hold(row, now, task.price_reason)
        return Created(attrs.evolve(row, id=UNNUMBERED), is_new=True)

    def _before(self, task: NewTask) -> VideoRow | None:
        same = (task.user_id, task.request_hash)
        if task.external_task_id is not None:
            for row in self.tables.videos.values():
                if (row.user_id, row.external_task_id) == (task.user_id, task.external_task_id):
                    if row.request_hash != task.request_hash:
                        raise ExternalIdConflictError(row.task_id)
                    return row
        row_of_id = self.tables.videos.get(task.task_id)
        if row_of_id is not None and (row_of_id.user_id, row_of_id.request_hash) != same:
            raise ExistsError("task", "task_id")
        return row_of_id

    def _hold(self, task: NewTask, now: int) -> None:
        user = self.tables.user(task.user_id)
        if user.status != ENABLED:
            raise DisabledError("user")
        available = user.quota if task.overdraft else user.available
        if available < task.price:
            raise InsufficientQuotaError("user", task.price, available)
        held = 0 if task.overdraft else task.price
        if task.token_id:
            token = self.tables.tokens.get(task.token_id)
            if token is None or token.user_id != user.id:
                raise UnknownError("token", task.token_id)
            if token.status != ENABLED or token.is_expired(now):
                raise DisabledError("token")
            left = token.remain_quota - token.held_quota
            if not token.unlimited and left < task.price:
                raise InsufficientQuotaError("token", task.price, left)
            self.tables.tokens[token.id] = attrs.evolve(token, held_quota=token.held_quota + held)
        self.tables.users[user.id] = attrs.evolve(user, held_quota=user.held_quota + held)

    async def bind_attempt(self, task_id: str, attempt: Attempt) -> bool:
        row = self.tables.video(task_id)
        if not row.is_open or row.legacy or row.kling_task_id is not None:
            return False
        self.tables.change(
            row,
            channel_id=attempt.channel_id,
            channel_key_id=attempt.channel_key_id,
            attempt_until=attempt.until,
            service=attempt.service,
            not_found_at=None,
        )
        return True

    async def close_attempt(self, task_id: str, *, at: int) -> None:
        row = self.tables.videos.get(task_id)
        if row is not None and row.is_open and row.attempt_until > at:
            self.tables.change(row, attempt_until=at)

    async def accept(
        self, task_id: str, kling_task_id: str, *, now: int, next_poll_at: int
    ) -> Acceptance:
        if optional_id(kling_task_id) is None:
            raise ValueError("Kling's id of the task is empty")
        row = self.tables.video(task_id)
        if row.kling_task_id == kling_task_id:
            return Acceptance.ALREADY
        self._check_kling_id(row, kling_task_id)
        service = self._free_service(row, kling_task_id)
        if row.is_open and not row.legacy:
            self.tables.change(
                row, kling_task_id=kling_task_id, service=service, next_poll_at=next_poll_at
            )
            return Acceptance.RECORDED
        changed = self.tables.change(row, kling_task_id=kling_task_id, service=service)
        if row.status != "failed":
            return Acceptance.RECORDED
        self._report(changed, TaskResult(task_id, "failed", "create"), now, status="accepted")
        return Acceptance.LATE

    async def mark_open(self, task_id: str, status: str, *, now: int) -> bool:
        status = fit(status, 50).rstrip(" ")
        if not status or status in TERMINAL:
            raise ValueError("an open status is neither empty nor terminal")
        row = self.tables.videos.get(task_id)
        if row is None or not row.is_open or status in {"submitted", row.status}:
            return False
        self.tables.change(row, status=status, updated_at=now)
        return True

    async def list_due_tasks(
        self, *, now: int, after: tuple[int, int] = (0, 0), limit: int
    ) -> Sequence[DueTask]:
        check_limit(limit)
        due = [
            DueTask(row.id, row.task_id, row.channel_id, row.created_at, row.next_poll_at)
            for row in self.tables.videos.values()
            if row.next_poll_at is not None
            and row.next_poll_at <= now
            and row.lease_until <= now
            and (row.next_poll_at, row.id) > after
        ]
        return sorted(due, key=lambda one: (one.next_poll_at, one.id))[:limit]

    async def claim_tasks(
        self, task_ids: Sequence[str], *, now: int, lease_until: int
    ) -> Sequence[VideoRow]:
        found = [self.tables.videos[one] for one in task_ids if one in self.tables.videos]
        return [
            self.tables.change(row, lease_until=lease_until)
            for row in found
            if row.next_poll_at is not None and row.next_poll_at <= now and row.lease_until <= now
        ]

    async def put_off_tasks(self, task_ids: Sequence[str], at: int, *, now: int) -> None:
        for task_id in task_ids:
            row = self.tables.videos.get(task_id)
            if row is not None and row.next_poll_at is not None and row.lease_until <= now:
                self.tables.change(row, next_poll_at=max(row.next_poll_at, at))

    async def count_open_by_token(self) -> Mapping[int, int]:
        return Counter(
            row.token_id for row in self.tables.videos.values() if row.next_poll_at is not None
        )

    async def claim_read(self, task_id: str, *, now: int, lease_until: int) -> bool:
        row = self.tables.videos.get(task_id)
        if row is None or not row.is_open or row.lease_until > now:
            return False
        self.tables.change(row, lease_until=lease_until)
        return True

    async def schedule_poll(self, task_id: str, at: int) -> None:
        row = self.tables.videos.get(task_id)
        if row is not None and row.next_poll_at is not None:
            self.tables.change(row, next_poll_at=at)

    async def schedule_sooner(self, task_id: str, at: int, *, now: int) -> None:
        row = self.tables.videos.get(task_id)
        if row is None or row.next_poll_at is None:
            return
        if row.next_poll_at > at or row.lease_until > now:
            self.tables.change(row, next_poll_at=at)

    async def end_poll(self, row: VideoRow, at: int, *, lease_until: int) -> None:
        now = self.tables.videos.get(row.task_id)
        if now is not None and now.next_poll_at is not None:
            next_at = at if now.next_poll_at == row.next_poll_at else now.next_poll_at
            self.tables.change(now, next_poll_at=next_at, lease_until=lease_until)

    # ------------------------------------------------------------ the end

    async def settle(
        self, result: TaskResult, *, now: int, notice: NewNotice | None = None
    ) -> Settlement:
        row = self.tables.video(result.task_id)
        if result.kling_task_id is not None and result.kling_task_id != row.kling_task_id:
            self._check_kling_id(row, result.kling_task_id)
        if row.status == result.status:
            return Settlement(TaskOutcome.ALREADY, row)
        if not row.is_open:
            self._report(row, result, now)
            return Settlement(TaskOutcome.CONTRADICTED, row)
        if result.free_external_id and row.kling_task_id is not None:
            return Settlement(TaskOutcome.OVERRULED, row)
        succeeded = result.status == "succeed"
        charged, uncollected = amounts(row, result.quota) if succeeded else (0, 0)
        ended = self._end(row, result, charged, now)
        if row.legacy:
            if succeeded:
                self._report(row, result, now)
        else:
            if succeeded and result.unmetered:
                self._report(row, result, now, status=UNMETERED)
            self._pay(row, charged, uncollected if succeeded else None, now)
        self._notify(row, notice, now)
        return Settlement(TaskOutcome.SETTLED, ended, charged, uncollected)

    def _end(self, row: VideoRow, result: TaskResult, charged: int, now: int) -> VideoRow:
        freed = result.free_external_id and result.status == "failed"
        kling_task_id = row.kling_task_id or result.kling_task_id
        service = row.service
        if kling_task_id is not None and needs_service(row, result):
            service = self._free_service(row, kling_task_id)
        return self.tables.change(
            row,
            external_task_id=None if freed else row.external_task_id,
            status=result.status,
            updated_at=now,
            kling_task_id=kling_task_id,
            service=service,
            video_id=result.video_id or row.video_id,
            store_url=result.store_url or row.store_url,
            duration=result.duration or row.duration,
            fail_reason=result.fail_reason,
            json_data=result.json_data,
            quota=charged,
            held_quota=0,
            next_poll_at=None,
        )

    def _pay(self, row: VideoRow, charged: int, uncollected: int | None, now: int) -> None:
        """Move the money; *uncollected* is None for a failure, which only releases the hold."""
        user = self.tables.users[row.user_id]
        if row.held_quota and (LedgerKind.HOLD, row.task_id) not in self.tables.ledger:
            self._add_hold(row, now)
        if (LedgerKind.HOLD, row.task_id) in self.tables.ledger:
            self._add_end(LedgerKind.RELEASE, row, -row.held_quota, uncollected or 0, now)
        if uncollected is not None:
            self._add_end(LedgerKind.CHARGE, row, -charged, uncollected, now)
        self.tables.users[user.id] = attrs.evolve(
            user,
            quota=user.quota - charged,
            held_quota=user.held_quota - row.held_quota,
            used_quota=user.used_quota + charged,
            request_count=user.request_count + (uncollected is not None),
        )
        if (token := self.tables.tokens.get(row.token_id)) is not None:
            self.tables.tokens[token.id] = attrs.evolve(
                token,
                remain_quota=token.remain_quota - (0 if token.unlimited else charged),
                held_quota=token.held_quota - row.held_quota,
                used_quota=token.used_quota + charged,
            )
        if (channel := self.tables.channels.get(row.channel_id)) is not None:
            self.tables.channels[channel.id] = attrs.evolve(
                channel, used_quota=channel.used_quota + charged
            )

    def _add_hold(self, row: VideoRow, now: int, reason: str = "") -> None:
        self.tables.add_entry(
            LedgerKind.HOLD,
            row.task_id,
            row.user_id,
            row.held_quota,
            now=now,
            token_id=row.token_id,
            note=reason,
        )

    def _add_end(
        self, kind: LedgerKind, row: VideoRow, amount: int, uncollected: int, now: int
    ) -> None:
        self.tables.add_entry(
            kind,
            row.task_id,
            row.user_id,
            amount,
            now=now,
            token_id=row.token_id,
            channel_id=row.channel_id,
            uncollected=uncollected,
        )

    async def keep_report(self, result: TaskResult, *, status: str, now: int) -> None:
        self._report(self.tables.video(result.task_id), result, now, status=status)

    async def expire(
        self,
        task_id: str,
        *,
        created_until: int,
        reason: str,
        now: int,
        notice: NewNotice | None = None,
    ) -> bool:
        row = self.tables.video(task_id)
        if not row.is_open or row.legacy or row.created_at > created_until:
            return False
        failed = TaskResult(task_id, "failed", "sweeper", fail_reason=reason)
        await self.settle(failed, now=now, notice=notice)
        return True

    async def report_not_found(
        self, task_id: str, *, queried_at: int, reason: str, notice: NewNotice | None = None
    ) -> Absence:
        row = self.tables.video(task_id)
        decision = absence(row, queried_at)
        if decision is Absence.NOTED:
            self.tables.change(row, not_found_at=queried_at)
        elif decision is Absence.FAILED:
            failed = TaskResult(task_id, "failed", "sweeper", fail_reason=reason)
            await self.settle(failed, now=queried_at, notice=notice)
        return decision

    # ------------------------------------------------------------ reading

    async def find_task(self, task_id: str) -> VideoRow | None:
        return self.tables.videos.get(task_id)

    async def get_task(self, user_id: int, any_id: str) -> VideoRow | None:
        row = self.tables.videos.get(any_id)
        if row is not None and row.user_id == user_id:
            return row
        for row in self.tables.videos.values():
            if (row.user_id, row.external_task_id) == (user_id, any_id):
                return row
        return None

    async def find_by_kling_id(self, kling_task_id: str) -> Sequence[VideoRow]:
        return [row for row in self.tables.videos.values() if row.kling_task_id == kling_task_id]

    async def list_tasks(
        self, user_id: int, *, before: int | None = None, limit: int = 20, status: str | None = None
    ) -> Sequence[VideoRow]:
        check_limit(limit)
        rows = [
            row
            for row in self.tables.videos.values()
            if row.user_id == user_id
            and (before is None or row.id < before)
            and status in {None, row.status}
        ]
        return sorted(rows, key=lambda row: -row.id)[:limit]

    # ------------------------------------------------------------ parts

    def _check_kling_id(self, row: VideoRow, kling_task_id: str) -> None:
        taken = any(
            one.kling_task_id == kling_task_id
            and (
                one.channel_id == row.channel_id
                or (one.service is not None and one.service == row.service)
            )
            for one in self.tables.videos.values()
        )
        if row.kling_task_id is not None or taken:
            raise KlingTaskClashError(row.task_id, kling_task_id)

    def _free_service(self, row: VideoRow, kling_task_id: str) -> str:
        """Return the service of a row, in which no other row may have this id of Kling's."""
        channel = self.tables.channels.get(row.channel_id)
        label = service_at("", row.channel_id) if channel is None else channel.service_label
        service = label if row.service is None else row.service
        for one in self.tables.videos.values():
            if one.id != row.id and (one.kling_task_id, one.service) == (kling_task_id, service):
                raise KlingTaskClashError(row.task_id, kling_task_id)
        return service

    def _report(
        self, row: VideoRow, result: TaskResult, now: int, *, status: str | None = None
    ) -> None:
        key = (row.task_id, status or result.status)
        if (before := self.tables.reports.get(key)) is not None:
            self.tables.reports[key] = attrs.evolve(before, seen=before.seen + 1, last_at=now)
            return
        self.tables.reports[key] = LateReport(
            id=self.tables.next_id("reports"),
            task_id=row.task_id,
            status=key[1],
            user_id=row.user_id,
            channel_id=row.channel_id,
            kling_task_id=row.kling_task_id or result.kling_task_id,
            source=result.source,
            quota=reported(row, result),
            json_data=result.json_data,
            seen=1,
            first_at=now,
            last_at=now,
        )

    def _notify(self, row: VideoRow, notice: NewNotice | None, now: int) -> None:
        if notice is None:
            return
        if notice.event_id in self.tables.notices:
            raise StorageError(f"there is a notice {notice.event_id} already")
        self.tables.notices[notice.event_id] = Notice(
            id=self.tables.next_id("outbox"),
            event_id=notice.event_id,
            task_id=row.task_id,
            user_id=row.user_id,
            url=notice.url,
            body=notice.body,
            state=NoticeState.PENDING,
            attempts=0,
            next_at=now,
            lease_until=0,
            http_status=0,
            error="",
            created_at=now,
            updated_at=now,
        )

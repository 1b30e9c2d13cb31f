"""Outgoing callbacks, their receivers and secrets in memory."""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from kling_mock.storage.errors import ExistsError, UnknownError
from kling_mock.storage.memory.tasks import MemoryTasks
from kling_mock.storage.money_rules import check_limit
from kling_mock.storage.values import (
    DueNotice,
    Notice,
    NoticeState,
    Receiver,
    ReceiverCounts,
    SecretRotation,
    WebhookDelivery,
)

__all__ = ["MemoryWebhooks"]


class MemoryWebhooks(MemoryTasks):
    """The methods of `Storage` about outgoing callbacks."""

    # ------------------------------------------------------------ outgoing callbacks

    async def list_due_notices(
        self, *, now: int, after: tuple[int, int] = (0, 0), limit: int
    ) -> Sequence[DueNotice]:
        check_limit(limit)
        due = [
            DueNotice(one.id, one.event_id, one.user_id, one.url, one.next_at)
            for one in self.tables.notices.values()
            if self._is_due(one, now) and (one.next_at, one.id) > after
        ]
        due.sort(key=lambda one: (one.next_at, one.id))
        return due[:limit]

    async def claim_notices(
        self, event_ids: Sequence[str], *, now: int, lease_until: int
    ) -> Sequence[Notice]:
        found = [self.tables.notices[one] for one in event_ids if one in self.tables.notices]
        claimed = [
            attrs.evolve(one, lease_until=lease_until) for one in found if self._is_due(one, now)
        ]
        self.tables.notices.update((one.event_id, one) for one in claimed)
        return claimed

    async def put_off_notices(self, event_ids: Sequence[str], at: int, *, now: int) -> None:
        for event_id in event_ids:
            one = self.tables.notices.get(event_id)
            if one is not None and one.state is NoticeState.PENDING and one.lease_until <= now:
                changed = attrs.evolve(one, next_at=max(one.next_at, at))
                self.tables.notices[event_id] = changed

    async def stop_notice(self, event_id: str, *, now: int) -> bool:
        one = self.tables.notices.get(event_id)
        if one is None or one.state is not NoticeState.PENDING:
            return False
        self.tables.notices[event_id] = attrs.evolve(
            one, state=NoticeState.STOPPED, lease_until=0, updated_at=now
        )
        return True

    @staticmethod
    def _is_due(notice: Notice, now: int) -> bool:
        is_pending = notice.state is NoticeState.PENDING
        return is_pending and notice.next_at <= now and notice.lease_until <= now

    async def record_delivery(self, delivery: WebhookDelivery, *, now: int) -> bool:
        notice = self.tables.notices.get(delivery.event_id)
        if (
            notice is None
            or notice.state is not NoticeState.PENDING
            or notice.attempts != delivery.attempts
        ):
            return False
        self.tables.notices[notice.event_id] = attrs.evolve(
            notice,
            state=delivery.state,
            attempts=notice.attempts + 1,
            next_at=delivery.next_at,
            lease_until=0,
            http_status=delivery.http_status,
            error=delivery.error,
            updated_at=now,
        )
        return True

    async def replay_notice(self, event_id: str, *, now: int) -> Notice:
        if (notice := self.tables.notices.get(event_id)) is None:
            raise UnknownError("notice", event_id)
        self.tables.notices[event_id] = again = attrs.evolve(
            notice, state=NoticeState.PENDING, attempts=0, next_at=now, lease_until=0
        )
        return again

    async def list_notices(
        self,
        *,
        state: NoticeState | None = None,
        user_id: int | None = None,
        before: int | None = None,
        limit: int = 100,
    ) -> Sequence[Notice]:
        check_limit(limit)
        found = [
            one
            for one in self.tables.notices.values()
            if state in {None, one.state}
            and user_id in {None, one.user_id}
            and (before is None or one.id < before)
        ]
        return found[::-1][:limit]

    # ------------------------------------------------------------ receivers of callbacks

    async def find_receiver(self, user_id: int, host: str) -> Receiver | None:
        return self.tables.receivers.get((user_id, host))

    async def list_receivers(self, *, after: int = 0, limit: int = 100) -> Sequence[Receiver]:
        check_limit(limit)
        found = sorted(self.tables.receivers.values(), key=lambda one: one.id)
        return [one for one in found if one.id > after][:limit]

    async def count_receivers(self) -> ReceiverCounts:
        off = sum(one.is_off for one in self.tables.receivers.values())
        return ReceiverCounts(len(self.tables.receivers) - off, off)

    async def record_failure(
        self, user_id: int, host: str, *, now: int, off_from: int, least: int
    ) -> Receiver:
        before = self.tables.receivers.get((user_id, host))
        if before is None:
            number = self.tables.next_id("receivers")
            changed = Receiver(number, user_id, host, 1, now, now, 0)
        elif before.is_off:
            changed = before
        else:
            failures = before.failures + 1
            is_due = before.failing_since <= off_from and failures >= least
            off_at = now if is_due else 0
            changed = attrs.evolve(before, failures=failures, last_at=now, off_at=off_at)
        self.tables.receivers[user_id, host] = changed
        return changed

    async def record_success(self, user_id: int, host: str) -> None:
        before = self.tables.receivers.get((user_id, host))
        if before is not None and not before.is_off:
            del self.tables.receivers[user_id, host]

    async def switch_receiver(self, receiver_id: int, *, off_at: int, now: int) -> Receiver:
        for key, one in self.tables.receivers.items():
            if one.id == receiver_id:
                changed = attrs.evolve(one, failures=0, failing_since=now, off_at=off_at)
                self.tables.receivers[key] = changed
                return changed
        raise UnknownError("receiver", receiver_id)

    async def find_webhook_secret(self, user_id: int) -> SecretRotation | None:
        return self.tables.webhook_secrets.get(user_id)

    async def rotate_webhook_secret(
        self, user_id: int, *, generation: int, overlap_until: int
    ) -> SecretRotation:
        self.tables.living_user(user_id)
        wanted = SecretRotation(user_id, generation, overlap_until)
        before = self.tables.webhook_secrets.get(user_id)
        if before == wanted:
            return wanted
        if (0 if before is None else before.generation) != generation - 1:
            raise ExistsError("webhook secret", f"generation {generation}")
        self.tables.webhook_secrets[user_id] = wanted
        return wanted

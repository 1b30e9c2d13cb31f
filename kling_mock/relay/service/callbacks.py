"""Callbacks from Kling. A callback alone never moves money.

A callback is applied if it is signed with the channel's secret and names this very task. Otherwise
it is a hint: the task is read from Kling with the channel's own key, at the same rate limit as a
query. So a forgery can only cause a poll, and no result is lost because a signature is missing. A
signed success without units is a hint too, as long as a poll can supply them.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from typing import Final, TypeAlias

from kling_mock.clock import MockClock
from kling_mock.relay.domain import errors, json_body
from kling_mock.relay.domain.errors import RelayError, invalid
from kling_mock.relay.domain.schedule import READ_INTERVAL
from kling_mock.relay.domain.states import TaskState, state_of
from kling_mock.relay.metrics.counters import CallbackOutcome, Metrics
from kling_mock.relay.service.channel_registry import ChannelRegistry
from kling_mock.relay.service.reconciler import (
    TaskReconciler,
    lacks_units,
    names_another,
    would_change,
)
from kling_mock.relay.storage.sql_storage import Storage
from kling_mock.relay.storage.text import ID_RULE, is_external_id
from kling_mock.relay.storage.values import VideoRow
from kling_sdk import CallbackEvent, CallbackVerificationError, check_signature, parse_callback

_log: Final = logging.getLogger("kling_mock.relay")

DONE: Final = {"message": "success"}
ALREADY: Final = {"message": "already processed"}
SIGNATURE: Final = "webhook-signature"  # header of Standard Webhooks
#: Calls a function with a body, off the event loop if that may take long.
Parse: TypeAlias = Callable[[Callable[[bytes], CallbackEvent], bytes], Awaitable[CallbackEvent]]
_REMEMBERED: Final = 1000  # tasks given up whose last poll is remembered


class CallbackReceiver:
    """Receives the callbacks of Kling.

    Args:
        storage: The store of the rows.
        channels: The channels, whose secrets sign callbacks.
        reconciler: Reads tasks and applies results.
        schedule_sweep: Called with an instant at which the sweeper has work.
        parse: Calls a function with a body, off the event loop if that may take long.
        metrics: Counts the callbacks.

    Attributes:
        test_hook: Called with an unsigned callback that came from this computer; returns
            whether Kling's task has ended, which is then read at once, whenever it was read
            before. `None` in production.
    """

    def __init__(
        self,
        storage: Storage,
        channels: ChannelRegistry,
        reconciler: TaskReconciler,
        clock: MockClock,
        schedule_sweep: Callable[[float], None],
        parse: Parse,
        metrics: Metrics,
    ) -> None:
        self._parse = parse
        self._metrics = metrics
        self._storage = storage
        self._channels = channels
        self._reconciler = reconciler
        self._clock = clock
        self._schedule_sweep = schedule_sweep
        self._lost_reads: OrderedDict[str, int] = OrderedDict()
        self.test_hook: Callable[[VideoRow, CallbackEvent], bool] | None = None

    async def receive(
        self,
        task_id: str | None,
        raw: bytes,
        headers: Mapping[str, str],
        is_local: Callable[[], bool],
    ) -> dict[str, str]:
        """Process a callback; return the reply.

        Args:
            task_id: The relay's id in the path; `None` if the path has none.
            raw: The body as received.
            headers: The request's headers.
            is_local: Whether it came from this computer, and not through a proxy.

        Raises:
            RelayError: 400 if the body is not a task, 404 if there is no such task.
        """
        try:
            event = await self._parse(_read, raw)
        except RelayError:
            self._metrics.callback("invalid")
            raise
        except CallbackVerificationError as error:
            self._metrics.callback("invalid")
            raise invalid("body", str(error)) from None
        if not is_external_id(event.task.task_id):
            self._metrics.callback("invalid")
            raise invalid("body", f"the task's id is invalid; it must have {ID_RULE}")
        row = await self._find(task_id, event)
        if row is None:
            self._metrics.callback("unknown_task")
            raise RelayError(errors.NOT_FOUND, "there is no such task")
        trusted = await self._is_signed(row, raw, headers) and is_about(row, event)
        self._metrics.callback(outcome_of(row, event, headers, trusted=trusted))
        if trusted:
            return await self._apply(row, event)
        has_ended = self.test_hook is not None and is_local() and self.test_hook(row, event)
        return await self._hint(row, event, has_ended=has_ended)

    async def _find(self, task_id: str | None, event: CallbackEvent) -> VideoRow | None:
        name = task_id or event.task.external_task_id
        if name:
            return await self._storage.find_task(name)
        rows = await self._storage.find_by_kling_id(event.task.task_id)
        return rows[0] if len(rows) == 1 else None

    async def _is_signed(self, row: VideoRow, raw: bytes, headers: Mapping[str, str]) -> bool:
        secrets = await self._channels.webhook_secrets(row.channel_id)
        if not secrets:
            return False
        try:
            check_signature(raw, headers, secrets, self._clock.now())
        except (CallbackVerificationError, ValueError) as error:  # the latter: a secret is invalid
            _log.warning("kling callback of %s is only a hint: %s", row.task_id, error)
            return False
        return True

    async def _apply(self, row: VideoRow, event: CallbackEvent) -> dict[str, str]:
        if names_another(row, event.task):
            await self._reconciler.reject(row, event.task, "callback")
            return DONE if row.is_open else ALREADY
        if row.is_open and not row.legacy and lacks_units(event.task):
            if not await self._reconciler.read_first(row, event.task):
                await self._poll_again(row)
            return DONE
        await self._reconciler.apply(row, event.task, "callback")
        return DONE if row.is_open else ALREADY

    async def _hint(
        self, row: VideoRow, event: CallbackEvent, *, has_ended: bool
    ) -> dict[str, str]:
        now = int(self._clock.now())
        if not row.is_open or row.legacy:
            if not row.is_open and would_change(row, event.task):
                await self._reconciler.keep_unverified(row, event.task)
            if state_of(row.status, row.kling_task_id) is TaskState.LOST and self._may_read(
                row, now
            ):
                await self._reconciler.read(row, "callback")
            return ALREADY
        if has_ended and await self._reconciler.read(row, "callback"):
            return DONE
        # Kling's reply to the create is as good as a poll. A callback that repeats it, as Kling's
        # first one does, must not use up the poll that the next callback may need.
        repeats = now - row.created_at < READ_INTERVAL and not would_change(row, event.task)
        if repeats or not await self._reconciler.refresh(row, "callback"):
            await self._poll_again(row)
        return DONE

    async def _poll_again(self, row: VideoRow) -> None:
        """Schedule another poll of a row that was read a moment ago, and may have changed since."""
        now = int(self._clock.now())
        soon = now + READ_INTERVAL
        await self._storage.schedule_sooner(row.task_id, soon, now=now)
        self._schedule_sweep(soon)

    def _may_read(self, row: VideoRow, now: int) -> bool:
        """Return whether a row that was given up may be read again; only open rows have a lease."""
        last = self._lost_reads.pop(row.task_id, None)
        may = last is None or now - last >= READ_INTERVAL
        self._lost_reads[row.task_id] = now if may or last is None else last
        if len(self._lost_reads) > _REMEMBERED:
            self._lost_reads.popitem(last=False)
        return may


def _read(raw: bytes) -> CallbackEvent:
    json_body.check_size(raw)
    return parse_callback(raw, verify=False)


def outcome_of(
    row: VideoRow, event: CallbackEvent, headers: Mapping[str, str], *, trusted: bool
) -> CallbackOutcome:
    """Return the outcome as which a callback is counted.

    Args:
        row: The row as it was when the callback came.
        event: The callback.
        headers: Its headers.
        trusted: Whether it is signed with the channel's secret, and is about this row.
    """
    if trusted and names_another(row, event.task):
        return "contradicting"
    if not row.is_open:
        contradicts = not trusted and would_change(row, event.task)
        return "contradicting" if contradicts else "already_processed"
    if trusted:
        return "applied"
    return "unverified" if SIGNATURE in headers else "hint"


def is_about(row: VideoRow, event: CallbackEvent) -> bool:
    """Return whether a signed callback is about this very row.

    A valid signature on the report of another task proves nothing about this one.
    """
    if row.kling_task_id is not None:
        return row.kling_task_id == event.task.task_id
    return row.task_id == event.task.external_task_id

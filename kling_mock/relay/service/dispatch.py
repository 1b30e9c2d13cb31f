"""Sending a task to Kling: once, and to another channel only after proof of refusal."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Final

from kling_mock.clock import Clock
from kling_mock.relay.domain import wire
from kling_mock.relay.domain.channels import Verdict, judge, target
from kling_mock.relay.domain.errors import RelayError, upstream_refusal
from kling_mock.relay.domain.schedule import UNKNOWN_PAUSE, first_look
from kling_mock.relay.domain.wire import CreateAsk
from kling_mock.relay.metrics.counters import Tally
from kling_mock.relay.options import RelayOptions
from kling_mock.relay.service.channel_registry import Way
from kling_mock.relay.service.reconciler import brief
from kling_mock.relay.service.upstream import Upstream
from kling_mock.storage.errors import KlingTaskClashError, StorageUnavailableError
from kling_mock.storage.protocol import Storage
from kling_mock.storage.values import Attempt, Outcome, TaskResult, VideoRow
from kling_sdk.errors import KlingError
from kling_sdk.results import Task

__all__ = ["Sender"]

_log: Final = logging.getLogger("kling_mock.relay")

_SOON: Final = 5  # seconds: most lost answers belong to tasks that are there


class Sender:
    """Sends creates.

    Args:
        storage: Where the rows are.
        upstream: Kling.
        clock: The time.
        options: What the operator has set.
        note: Called with the instant at which the sweeper has to look.
        tally: Counts how creates end.
    """

    def __init__(
        self,
        storage: Storage,
        upstream: Upstream,
        clock: Clock,
        options: RelayOptions,
        note: Callable[[float], None],
        tally: Tally,
    ) -> None:
        self._tally = tally
        self._storage = storage
        self._upstream = upstream
        self._clock = clock
        self._options = options
        self._note = note

    def watch(self, lease: int) -> int:
        """Return when the sweeper looks after a create whose sender was killed."""
        at = lease + UNKNOWN_PAUSE
        self._note(at)
        return at

    async def send(self, row: VideoRow, ask: CreateAsk, ways: Sequence[Way]) -> dict[str, str]:
        """Send a row that was written just now; return the reply to the user.

        Raises:
            RelayError: All channels refused, provably; the hold is released.
            StorageUnavailableError: The database is away; the sweeper ends the row.
        """
        try:
            return await self._send(row, ask, ways)
        except (RelayError, StorageUnavailableError):
            raise
        except Exception:  # noqa: BLE001 - whatever it is, it may have happened after Kling took it
            _log.exception("kling task error: the create of %s broke off", row.task_id)
            return await self._broken_off(row)

    async def _send(self, row: VideoRow, ask: CreateAsk, ways: Sequence[Way]) -> dict[str, str]:
        error: KlingError | None = None
        for turn, way in enumerate(ways):
            if turn and not await self._bind(row, way, self._now() + self._options.create_lease):
                break  # it has turned up, or was given up, meanwhile
            try:
                task = await self._attempt(row, ask, way)
            except KlingError as failure:
                error = failure
                verdict = judge(failure)
                _log.warning(
                    "kling task error: %s, channel %d: %s (%s)",
                    row.task_id,
                    way.channel.id,
                    verdict,
                    brief(failure),
                )
                if verdict is Verdict.UNKNOWN:
                    return await self._unknown(row, way)
                if verdict is Verdict.REFUSED:
                    break
            else:
                return await self._accepted(row, task, way)
        assert error is not None  # noqa: S101 - there is a way, and it has failed
        return await self._refused(row, error)

    async def _attempt(self, row: VideoRow, ask: CreateAsk, way: Way) -> Task:
        callback = self._options.public_url
        body = wire.upstream_body(
            ask,
            target(ask.model, ask.mode, way.mapping),
            row.task_id,
            None if callback is None else f"{callback}/kling/callback/{row.task_id}",
        )
        return await self._upstream.create(way.channel.base_url, way.key, ask.endpoint, body)

    async def _bind(self, row: VideoRow, way: Way, until: int) -> bool:
        attempt = Attempt(way.channel.id, way.key.fingerprint, until)
        return await self._storage.bind_attempt(row.task_id, attempt)

    async def _accepted(self, row: VideoRow, task: Task, way: Way) -> dict[str, str]:
        now = self._now()
        look = first_look(now)
        self._tally.create("accepted")
        try:
            await self._storage.accept(row.task_id, task.task_id, now=now, next_poll_at=look)
        except KlingTaskClashError as error:
            _log.error("kling task error: %s", error)
            return wire.created(row)
        except StorageUnavailableError as error:
            # The task exists, and the row knows under which id to find it.
            _log.error("kling task error: %s is accepted, not noted: %s", row.task_id, error)
        self._note(look)
        _log.info(
            "kling task %s submitted: user %d, channel %d, kling %s, %s %s, %d quota held",
            row.task_id,
            row.user_id,
            way.channel.id,
            task.task_id,
            row.type,
            row.model,
            row.held_quota,
        )
        return {**wire.created(row), "kling_task_id": task.task_id}

    async def _unknown(self, row: VideoRow, way: Way) -> dict[str, str]:
        """Let the sweeper find out; until then nobody knows, and the user is told just that."""
        now = self._now()
        self._tally.create("unknown")
        look = now + _SOON
        try:
            await self._bind(row, way, now)  # the attempt is over
            await self._storage.schedule_poll(row.task_id, look)
        except StorageUnavailableError as error:
            # The task may exist, so nobody must be told to repeat. The row's lease will end.
            _log.error("kling task error: %s is unknown, not noted: %s", row.task_id, error)
        self._note(look)
        return wire.created(row)

    async def _broken_off(self, row: VideoRow) -> dict[str, str]:
        """Let the sweeper find out what became of a create that this process has failed in."""
        now = self._now()
        try:
            self._tally.create("unknown")
            await self._storage.close_attempt(row.task_id, at=now)
            await self._storage.schedule_poll(row.task_id, now + _SOON)
            self._note(now + _SOON)
        except Exception:  # noqa: BLE001 - the row's lease ends by itself
            _log.exception("kling task error: %s is unknown, not noted", row.task_id)
        return wire.created(row)

    async def _refused(self, row: VideoRow, error: KlingError) -> dict[str, str]:
        """Release the hold; the user may repeat the request under the same external id.

        If Kling has shown the task meanwhile, it is there, whatever the create was answered:
        then its row is returned as it is.

        Raises:
            RelayError: It was refused.
        """
        refusal = upstream_refusal(error)
        result = TaskResult(
            row.task_id,
            "failed",
            "create",
            fail_reason=f"refused: {brief(error)}",
            free_external_id=True,
        )
        settled = await self._storage.settle(result, now=self._now())
        if settled.row.kling_task_id is not None:
            _log.warning(
                "kling task error: the create of %s was refused, and Kling has shown the task",
                row.task_id,
            )
            self._tally.create("accepted")
            return wire.created(settled.row)
        self._tally.create("refused")
        if settled.outcome is Outcome.SETTLED:
            self._tally.settled("failed", "create")
        raise refusal

    def _now(self) -> int:
        return int(self._clock.now())

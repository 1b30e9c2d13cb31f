"""A repeated create: whether the first one is still being sent, and how long a repeat waits."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from kling_mock.relay.domain import errors
from kling_mock.relay.domain.errors import RelayError
from kling_mock.relay.domain.wire import CreateTaskRequest
from kling_mock.relay.storage.text import fit
from kling_mock.relay.storage.values import MAX_LEASE, VideoRow

#: Seconds for which a repeat waits for the response to the first create.
WAIT_LIMIT: Final = 20
#: Maximum number of repeats of one token that wait in one process.
WAITING_PER_TOKEN: Final = 64

_MIN_PAUSE: Final = 0.0625  # seconds; powers of two, so that the pauses add up exactly
_MAX_PAUSE: Final = 1.0
_RETRY_AFTER: Final = 2  # seconds


def is_being_sent(row: VideoRow, now: float, max_lease: float = MAX_LEASE) -> bool:
    """Return whether an attempt to send *row* to Kling may still be under way.

    Its sender may also have been killed: no process can tell until the attempt's lease has ended.

    Args:
        row: The row of the first create.
        now: The present, Unix seconds.
        max_lease: Maximum seconds of an attempt; an end further away was written by a wrong clock.
    """
    is_unsent = row.is_open and not row.legacy and row.kling_task_id is None
    return is_unsent and now < row.attempt_until <= now + max_lease


def max_attempt(speed: float | None) -> int:
    """Return the maximum duration of an attempt, which takes real time, on a clock of *speed*."""
    return round(MAX_LEASE * max(1.0, speed or 1.0))


def was_refused(row: VideoRow) -> bool:
    """Return whether Kling refused the create of *row*, which had an `external_task_id`.

    The row loses this id when its create is refused, and then stores the refusal; it also loses
    the id if Kling never received the task.
    """
    return row.status == "failed" and row.external_task_id is None and bool(row.json_data)


def wait_pauses() -> Iterator[float]:
    """Yield the pauses between two reads of the row, in seconds; they add up to `WAIT_LIMIT`."""
    pause, left = _MIN_PAUSE, float(WAIT_LIMIT)
    while left > 0:
        yield min(pause, left)
        left -= pause
        pause = min(2 * pause, _MAX_PAUSE)


def in_progress() -> RelayError:
    """Return the refusal of a repeat whose first create is still being sent."""
    return RelayError(
        errors.IN_PROGRESS,
        "external_task_id: the first request with it is still being sent to Kling; "
        f"repeat this one after {_RETRY_AFTER} seconds",
        retry_after=_RETRY_AFTER,
    )


def conflict(first: VideoRow | None, request: CreateTaskRequest) -> RelayError:
    """Return the refusal of a request whose `external_task_id` another one has used.

    It names the fields that are known to differ, without their values. Only some fields of the
    first request are stored.

    Args:
        first: The row of the first request; `None` if it is unknown.
    """
    fields = [] if first is None else list(_differing(first, request))
    known = f", which differs in {', '.join(fields)}" if fields else ""
    return RelayError(
        errors.CONFLICT,
        # The first words are Kling's own, by which its clients recognize this.
        f"External_task_id {request.external_task_id} already exists: it has been used for another "
        f"request{known}; use another id for this one",
    )


def _differing(first: VideoRow, request: CreateTaskRequest) -> Iterator[str]:
    """Yield the fields in which *request* surely differs from the request that made *first*."""
    if first.type != request.endpoint:
        yield "endpoint"
    if first.model != fit(request.model):
        yield "model"
    if request.mode and first.mode != fit(request.mode):
        yield "mode"  # without one, the row's mode may be of the channel's model mapping
    if first.prompt != fit(request.prompt):
        yield "prompt"
    if first.is_open and first.duration != request.duration:
        yield "duration"  # once the task has ended, the row has the result's duration
    if (first.callback_url or "") != (request.callback_url or ""):
        yield "callback_url"

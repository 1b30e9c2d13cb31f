"""The rules of money as functions of a row: the charge, and when "not found" is final."""

from __future__ import annotations

from typing import Final, NamedTuple

from kling_mock.relay.storage.values import MAX_LEASE, Absence, TaskResult, VideoRow

#: Seconds between the end of an attempt and the first reply "not found" that counts, and between
#: that and the second (our rule: Kling does not document the time until a task can be found).
SPACING: Final = 60
#: Maximum number of rows of one page or one claim.
MAX_LIMIT: Final = 1_000


class Amounts(NamedTuple):
    """The cost of a success.

    Attributes:
        charged: The amount taken from the balance.
        uncollected: The part of the final amount that exceeds the hold.
    """

    charged: int
    uncollected: int


def amounts(row: VideoRow, final: int | None) -> Amounts:
    """Return the cost of the success of an open *row*.

    Args:
        row: The row, still open. A row with a price but no hold was created under the guide's
            plain check: its final amount is charged, whatever the balance.
        final: The final amount, or None to charge the price.
    """
    if row.legacy:
        return Amounts(0, 0)
    due = row.quota if final is None else final
    if row.quota and not row.held_quota:
        return Amounts(due, 0)
    charged = min(due, row.held_quota)
    return Amounts(charged, due - charged)


def needs_service(row: VideoRow, result: TaskResult) -> bool:
    """Return whether the end of an open *row* has to record its service.

    It has to where the row gets Kling's id, and where it is charged: then no other row can be
    charged for the same task of Kling.
    """
    if row.service is not None:
        return False
    if row.kling_task_id is None:
        return result.kling_task_id is not None
    return result.status == "succeed" and not row.legacy


def reported(row: VideoRow, result: TaskResult) -> int:
    """Return the amount with which a report is kept: its own, else the row's price."""
    return row.quota if result.quota is None else result.quota


def absence(row: VideoRow, queried_at: int, max_lease: int = MAX_LEASE) -> Absence:
    """Return the meaning for *row* of the reply "not found" to a query sent at *queried_at*.

    A time that is more than *max_lease* seconds away was written by a wrong clock, and is ignored.
    """
    if not row.is_open or row.legacy or row.kling_task_id is not None:
        return Absence.IRRELEVANT
    latest = queried_at + max_lease
    if row.not_found_at is None or row.not_found_at > latest:
        over = max((at for at in (row.attempt_until, row.created_at) if at <= latest), default=0)
        return Absence.NOTED if queried_at >= over + SPACING else Absence.TOO_EARLY
    return Absence.FAILED if queried_at >= row.not_found_at + SPACING else Absence.TOO_EARLY


def check_limit(limit: int) -> None:
    """Check that *limit* is 1 to `MAX_LIMIT`.

    Raises:
        ValueError: The limit is outside this range.
    """
    if not 1 <= limit <= MAX_LIMIT:
        raise ValueError(f"limit must be 1 to {MAX_LIMIT}, not {limit}")

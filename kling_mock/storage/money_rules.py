"""The rules as functions of a row: what is charged, and when "not found" is final."""

from __future__ import annotations

from typing import Final, NamedTuple

from kling_mock.storage.values import Absence, TaskResult, VideoRow

__all__ = [
    "MAX_LIMIT",
    "SPACING",
    "Amounts",
    "absence",
    "amounts",
    "check_limit",
    "needs_service",
    "reported",
]

#: Seconds between the end of an attempt and the first reply "not found" that counts, and
#: between that and the second (our rule: Kling documents no time until a task can be found).
SPACING: Final = 60
#: Rows that one page or one claim may ask for.
MAX_LIMIT: Final = 1_000


class Amounts(NamedTuple):
    """What a success costs.

    Attributes:
        charged: Taken from the balance.
        uncollected: What the final amount is above the hold.
    """

    charged: int
    uncollected: int


def amounts(row: VideoRow, final: int | None) -> Amounts:
    """Return what the success of an open *row* costs.

    Args:
        row: The row, still open. One with a price and no hold was created under the guide's
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

    It does where the row gets Kling's id, and where it is charged: then no other row can be
    charged for the same task of Kling's.
    """
    if row.service is not None:
        return False
    if row.kling_task_id is None:
        return result.kling_task_id is not None
    return result.status == "succeed" and not row.legacy


def reported(row: VideoRow, result: TaskResult) -> int:
    """Return the amount that a report is kept with: its own, else the row's price."""
    return row.quota if result.quota is None else result.quota


def absence(row: VideoRow, queried_at: int) -> Absence:
    """Return what the reply "not found" to a query sent at *queried_at* means for *row*."""
    if not row.is_open or row.legacy or row.kling_task_id is not None:
        return Absence.IRRELEVANT
    if row.not_found_at is None:
        over = max(row.attempt_until, row.created_at)
        return Absence.NOTED if queried_at >= over + SPACING else Absence.TOO_EARLY
    return Absence.FAILED if queried_at >= row.not_found_at + SPACING else Absence.TOO_EARLY


def check_limit(limit: int) -> None:
    """Check that *limit* is 1 to `MAX_LIMIT`.

    Raises:
        ValueError: It is not.
    """
    if not 1 <= limit <= MAX_LIMIT:
        raise ValueError(f"limit must be 1 to {MAX_LIMIT}, not {limit}")

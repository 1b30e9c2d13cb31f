"""Retries: what a failure leaves unknown, when a call is repeated, and after which pause.

Exponential backoff with full jitter. A server's `Retry-After` is the minimum pause. 1303 means that
all slots are busy, for which the vendor advises to start at 1 s or more.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple, TypeGuard

from kling_sdk.errors import (
    ConcurrencyLimitError,
    KlingAPIError,
    KlingError,
    TransportError,
    UnreachableError,
)

BASE: Final = 0.5  # s
MAX_PAUSE: Final = 8.0  # s
ATTEMPTS: Final = 3  # at an address that has never worked: within about 1.5 s
BUSY_BASE: Final = 2.0  # s
MAX_BUSY_PAUSE: Final = 15.0  # s
SHORTEST: Final = 1.0  # s that an attempt has: a shorter one would hide what the server said


def is_transient(error: KlingError) -> TypeGuard[KlingAPIError | TransportError]:
    """Return True when the same call may pass later.

    No answer, 1302, 1303, 5xx, and a relay's 409 for a request that is in progress.
    """
    return isinstance(error, TransportError) or (
        isinstance(error, KlingAPIError) and error.retryable
    )


def maybe_done(error: KlingError) -> bool:
    """Return True when the server may have carried out the call that ended with *error*."""
    return (isinstance(error, KlingAPIError) and not error.is_refusal) or (
        isinstance(error, TransportError) and error.maybe_sent
    )


def is_unexplained_conflict(error: KlingError) -> bool:
    """Return True for a 409 that is neither a known conflict nor a request in progress."""
    return (
        isinstance(error, KlingAPIError)
        and error.http_status == 409
        and not (error.is_refusal or error.retryable)
    )


class Policy(NamedTuple):
    """The number of repeats of a call, and the pauses before them.

    Attributes:
        retries: Maximum number of repeats, or None for as many as the deadline allows.
        random: Returns a number from 0 up to 1.
        answered: Whether the server has ever answered this client.
        reached: Whether a connection to it was ever made.
        may_start: Whether it may still be starting.
        shortest: The last attempt starts at least this many seconds before the deadline.
    """

    retries: int | None
    random: Callable[[], float]
    answered: bool = True
    reached: bool = True
    may_start: bool = False
    shortest: float = SHORTEST

    def is_hopeless(self, error: KlingError, attempt: int, *, is_poll: bool = False) -> bool:
        """Return whether an address that has never worked has been tried often enough."""
        if not isinstance(error, UnreachableError):
            return False
        is_final = error.is_final and not (is_poll and error.may_pass)
        if is_final or attempt < ATTEMPTS:
            return is_final
        if self.may_start and not error.maybe_sent:
            return False
        # After a connection that was made and broke, a refused one may mean a restart.
        return not (self.answered or (self.reached and not error.maybe_sent))

    def pause(self, error: KlingError, attempt: int, remaining: float) -> float | None:
        """Return the seconds to wait before the next attempt, or None to give up.

        Args:
            error: Why the attempt failed.
            attempt: The number of the attempt, from 1.
            remaining: Seconds until the deadline.
        """
        if not is_transient(error) or (self.retries is not None and attempt > self.retries):
            return None
        if self.is_hopeless(error, attempt):
            return None
        busy = isinstance(error, ConcurrencyLimitError)
        base, max_pause = (BUSY_BASE, MAX_BUSY_PAUSE) if busy else (BASE, MAX_PAUSE)
        pause = self.random() * min(max_pause, base * 2.0 ** min(attempt - 1, 10))
        if busy:
            pause = max(1.0, pause)
        if error.retry_after is not None:
            pause = max(pause, error.retry_after)
        return pause if pause < remaining - self.shortest else None

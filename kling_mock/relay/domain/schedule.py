"""The schedule of polls of open tasks, and the deadline after which a task fails.

Times are Unix seconds, durations seconds.
"""

from __future__ import annotations

from typing import Final

#: Minimum time between two polls of an open task, by all processes together.
READ_INTERVAL: Final = 5
#: A task that has been open for so long fails, once a last poll has shown that it is still open.
DEADLINE: Final = 24 * 3600
#: The limit for an upstream that cannot be read.
_LAST_DEADLINE: Final = 2 * DEADLINE
#: Time from the end of a create whose reply was lost to the first poll, and between its polls: a
#: little more than the 60 seconds after which a "not found" counts.
UNKNOWN_PAUSE: Final = 65

_MIN_PAUSE: Final = 20.0
_MAX_PAUSE: Final = 600.0
_SHARE_OF_AGE: Final = 0.25  # the older a task, the less a longer pause matters
_JITTER: Final = 0.2


def first_poll(now: int) -> int:
    """Return when the sweeper first polls a task that was accepted at *now*."""
    return now + round(_MIN_PAUSE)


def next_poll(now: int, created_at: int, chance: float) -> int:
    """Return when the sweeper polls an open task again.

    The pause is a quarter of its age, from 20 seconds up to 10 minutes, plus up to a fifth, so that
    tasks of one burst do not stay together.

    Args:
        now: The present.
        created_at: When the task was created.
        chance: A number from 0 up to 1.
    """
    pause = min(max(_SHARE_OF_AGE * (now - created_at), _MIN_PAUSE), _MAX_PAUSE)
    return now + round(pause * (1.0 + _JITTER * chance))


def is_expired(now: int, created_at: int, *, readable: bool) -> bool:
    """Return whether an open task fails for its age.

    Args:
        now: The present.
        created_at: When the task was created.
        readable: Whether the upstream has just shown that it is open. A task whose upstream cannot
            be read gets twice the time.
    """
    return created_at <= expires_before(now, readable=readable)


def expires_before(now: int, *, readable: bool) -> int:
    """Return the time of creation up to which open tasks fail; see `is_expired`."""
    return now - (DEADLINE if readable else _LAST_DEADLINE)

"""What the emulator and its relay tell a client that waits: when it makes sense to ask again.

A client in another process knows nothing of this server's clock, and would wait as for the real
service: half a minute until its first look, however fast the clock is. So each reply states a
pause in real time. The project's SDK never waits longer than that if its own clock is the
computer's; others ignore the header.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

__all__ = ["POLL_AFTER_HEADER", "poll_after", "poll_after_line"]

POLL_AFTER_HEADER: Final = "x-kling-mock-poll-after-ms"

_EVERY: Final = 5_000.0  # milliseconds of the server's clock
_LEAST: Final = 20
_MOST: Final = 1_000  # of a clock that runs; a task of a test may end at once on any
_STANDING: Final = 100  # of a manual clock, which somebody may advance at any time


def poll_after(speed: float | None) -> int:
    """Return the pause in milliseconds of real time.

    Args:
        speed: Seconds on the server's clock in one real second; `None` if it stands still.
    """
    return _STANDING if speed is None else max(_LEAST, min(_MOST, round(_EVERY / speed)))


@lru_cache(maxsize=4)
def poll_after_line(speed: float | None) -> str:
    """Return the header line with its line end, for the *speed* of `poll_after`."""
    return f"{POLL_AFTER_HEADER}: {poll_after(speed)}\r\n"

"""The clock of a relay that stands in front of an emulated Kling with a speed."""

from __future__ import annotations

import http.client
from email.utils import parsedate_to_datetime
from typing import Final
from urllib.parse import urlsplit

from kling_mock.clock import ScaledClock

__all__ = ["emulated_clock"]

_PATIENCE: Final = 5.0  # seconds of real time for the reply


def emulated_clock(speed: float, upstream: str) -> ScaledClock:
    """Return a clock that shows what the emulated Kling's does.

    At any speed but 1 that depends on when the emulator was started, so it is asked: its replies
    are dated by its own clock. The relay's is behind it by the time of one reply, times the speed.

    Args:
        speed: Seconds on both clocks in one real second.
        upstream: Base URL of the emulated Kling, which must be running.

    Raises:
        OSError: It does not reply, or its reply has no date.
        ValueError: *speed* is not a positive number.
    """
    ScaledClock(speed)  # before anybody is asked
    return ScaledClock(speed, _date_of(upstream))


def _date_of(upstream: str) -> float:
    """Return the date of a reply of *upstream*, Unix seconds."""
    parts = urlsplit(upstream)
    connection: http.client.HTTPConnection
    if parts.scheme == "https":
        connection = http.client.HTTPSConnection(parts.netloc, timeout=_PATIENCE)
    else:
        connection = http.client.HTTPConnection(parts.netloc, timeout=_PATIENCE)
    try:
        connection.request("GET", parts.path or "/")
        return parsedate_to_datetime(connection.getresponse().getheader("Date", "")).timestamp()
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise OSError(
            "--speed: the clock of the emulated Kling at --upstream cannot be read"
            f" ({type(error).__name__}). Start `kling-mock serve --speed N` first; without --speed"
            " the relay runs in real time"
        ) from error
    finally:
        connection.close()

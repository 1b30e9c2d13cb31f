"""The clock that the arguments of a server describe, and its first instant."""

from __future__ import annotations

from kling_mock.clock import ManualClock, MockClock, RealClock, ScaledClock
from kling_mock.clock.process_time import real_time

SEEDED_START = 1_767_225_600.0  # 2026-01-01T00:00:00Z: where the clock of a seeded server starts


_SEED_BITS = 4096  # Python does not write much longer numbers
_LAST = 253_402_300_799.0  # the end of the year 9999, which is the last in an HTTP date


def check_seed(seed: int | None) -> None:
    """Check a seed.

    Raises:
        ValueError: It is not a whole number, or has thousands of digits.
    """
    if seed is None:
        return
    if type(seed) is not int or seed.bit_length() > _SEED_BITS:
        seed_text = seed if type(seed) is not int else "a longer one"
        raise ValueError(
            f"seed: must be a whole number of at most {_SEED_BITS} bits or None, got {seed_text!r}"
        )


def first_instant(clock: str | float, seed: int | None, start: float | str | None) -> float | None:
    """Return the instant at which the clock begins, Unix seconds; `None` is the present.

    Args:
        clock: As given to `KlingMock`.
        seed: As given to `KlingMock`; with one, every run begins at the same instant.
        start: As given to `KlingMock`.

    Raises:
        ValueError: *start* is neither "now" nor a number of seconds up to the year 9999.
    """
    match start:
        case "now":
            return None
        case None:
            return SEEDED_START if seed is not None and clock != "real" else None
        case int() | float() if not isinstance(start, bool):
            if 0 <= start <= _LAST:  # and so finite
                return float(start)
        case _:
            pass
    raise ValueError(f"start: must be 'now' or Unix seconds from 0 to {_LAST:.0f}, got {start!r}")


def make_clock(clock: str | float, start: float | None) -> MockClock:
    """Return the clock.

    Args:
        clock: "manual", "real" or a speed.
        start: Unix seconds at which it begins; `None` is the present.

    Raises:
        ValueError: *clock* is something else, or a real clock is given a *start*.
    """
    match clock:
        case "manual":
            return ManualClock(start, real=real_time)
        case "real":
            if start is not None:
                raise ValueError("start: the real clock is always now; use clock=1.0 or 'manual'")
            return RealClock(real=real_time)
        case int() | float() if not isinstance(clock, bool):
            return ScaledClock(clock, start, real=real_time)
        case _:
            raise ValueError(
                f"clock: must be 'manual', 'real' or a speed such as 60, got {clock!r}"
            )

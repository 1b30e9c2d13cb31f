"""The clock that the arguments of a server describe, and where it begins."""

from __future__ import annotations

from kling_mock.clock import ManualClock, MockClock, RealClock, ScaledClock

__all__ = ["SEEDED_START", "first_instant", "make_clock"]

SEEDED_START = 1_767_225_600.0  # 2026-01-01T00:00:00Z: where the clock of a seeded server starts


def first_instant(clock: str | float, seed: int | None, start: float | str | None) -> float | None:
    """Return where the clock begins, Unix seconds; `None` is the present.

    Args:
        clock: As given to `KlingMock`.
        seed: As given; with one, every run begins at the same instant.
        start: As given.

    Raises:
        ValueError: *start* is a word other than "now".
    """
    match start:
        case "now":
            return None
        case str():
            raise ValueError(f"start: must be Unix seconds or 'now', got {start!r}")
        case None if seed is not None and clock != "real":
            return SEEDED_START
        case _:
            return start


def make_clock(clock: str | float, start: float | None) -> MockClock:
    """Return the clock.

    Args:
        clock: "manual", "real" or a speed.
        start: Unix seconds at which it begins; `None` is the present.

    Raises:
        ValueError: *clock* is none of these, or a real clock is to begin elsewhere.
    """
    match clock:
        case "manual":
            return ManualClock(start)
        case "real":
            if start is not None:
                raise ValueError("start: the real clock is always now; use clock=1.0 or 'manual'")
            return RealClock()
        case bool() | str():
            raise ValueError(
                f"clock: must be 'manual', 'real' or a speed such as 60, got {clock!r}"
            )
        case _:
            return ScaledClock(clock, start)

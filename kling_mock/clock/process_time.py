"""The time of this process, which a test may have frozen, and the time of the computer.

freezegun and time-machine replace the functions of `time` for all threads. A clock goes on by the
computer's time, whatever is frozen, and whenever this module was loaded. Where other clients of
this process sign tokens, their time counts too.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
import time
from collections.abc import Callable
from typing import Any, Final

_FREEZER: Final = "freezegun.api"


def wall() -> float:
    """Return what `time.time()` says to the code of this process, Unix seconds."""
    return time.time()


def real_time() -> float:
    """Return the computer's time, Unix seconds, also while this process's is frozen."""
    # Without the attribute it is being loaded by another thread, and time is not frozen yet.
    hatch: Any = getattr(sys.modules.get("time_machine"), "escape_hatch", None)
    if hatch is None and _FREEZER not in sys.modules:
        return time.time()
    if hatch is not None and hatch.is_travelling():
        return float(hatch.time.time())
    return float(_original("time")())


def steady() -> float:
    """Return seconds that pass, also while this process's time is frozen."""
    if _FREEZER not in sys.modules:  # on the way of every request, several times
        return time.monotonic()
    return float(_original("monotonic")())


def ignore_frozen_time(loop: asyncio.AbstractEventLoop) -> None:
    """Let *loop* go on while this process's time is frozen: its timers would never be due."""
    with contextlib.suppress(AttributeError):  # of a loop in C, which reads its own clock
        loop.time = steady  # type: ignore[method-assign]  # what loops of the standard library read


def _original(name: str) -> Callable[[], float]:
    # freezegun keeps them; loaded under it, a function of `time` is its own already.
    frozen = sys.modules.get(_FREEZER)
    function: Callable[[], float] = getattr(frozen, f"real_{name}", None) or getattr(time, name)
    return function

"""Objects that only a garbage collection frees."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def garbage() -> Iterator[list[Any]]:
    """Disable garbage collection meanwhile; then fill the list with the unreachable objects."""
    unreachable: list[Any] = []
    was_enabled = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        yield unreachable
        gc.set_debug(gc.DEBUG_SAVEALL)
        gc.collect()
        unreachable += gc.garbage
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        if was_enabled:
            gc.enable()

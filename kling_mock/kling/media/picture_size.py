"""The size that a picture states in its first bytes."""

from __future__ import annotations

import importlib
import io
import struct
from typing import Any


def stated_size(content: bytes) -> tuple[int, int] | None:
    """Return width and height in pixels, or `None` if the file does not state them."""
    # By name: the library has no types; and here, so that a server that only ever sees URLs
    # does not load it.
    imagesize: Any = importlib.import_module("imagesize")
    try:
        width, height = imagesize.get(io.BytesIO(content))
    except (ValueError, TypeError, IndexError, struct.error):
        return None
    if width < 0 or height < 0:  # what the library returns where it finds no size
        return None
    return int(width), int(height)

"""A line for the person at the terminal, also while a test runner captures what tests print.

A test that hangs is never reported, so what it logs or captures meanwhile is not shown.
"""

from __future__ import annotations

import contextlib
import os
import sys

# It keeps the descriptors that standard error had before pytest captured it. The plugin does not
# load this module: what a run without a KlingMock pays for it is one system call.
_PLUGIN = "_kling_mock_pytest"


def tell(text: str) -> None:
    """Write a line to the real standard error; do nothing if it is closed or full."""
    line = f"\nkling_mock: {text}\n".encode(errors="backslashreplace")
    descriptors: list[int] = getattr(sys.modules.get(_PLUGIN), "STDERR", [])
    with contextlib.suppress(OSError, ValueError):
        if descriptors:
            os.write(descriptors[-1], line)
        elif sys.__stderr__ is not None:  # as in a program without a console
            os.write(sys.__stderr__.fileno(), line)

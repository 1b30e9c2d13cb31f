"""Standard output of a command: either all of it is written, or an error is raised."""

from __future__ import annotations

import contextlib
import os
import sys
from typing import Final

BROKEN_PIPE: Final = 141  # 128 + SIGPIPE, as shells count


class OutputError(Exception):
    """Standard output takes nothing, as on a full disk."""


class PipeClosedError(Exception):
    """The pipe that takes standard output was closed, as by `head`."""


def write(text: str) -> None:
    """Write *text*, at once.

    Raises:
        PipeClosedError: the pipe was closed.
        OutputError: it cannot be written.
    """
    if sys.stdout is None:
        raise OutputError("standard output is closed")
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        _drop_output()
        raise PipeClosedError from None
    except OSError as error:
        _drop_output()
        raise OutputError(f"cannot print the result: {error.strerror}") from None


def _drop_output() -> None:
    """Discard the rest of the buffer: at its end Python would try to write it again."""
    with contextlib.suppress(OSError, ValueError):  # a stream without a descriptor, as in a test
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)

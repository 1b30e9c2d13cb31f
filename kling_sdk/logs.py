"""Showing what a client does on standard error, for programs that set up no logging.

The environment's `KLING_LOG` does it for every client of a process, `-v` for the command. A
program that sets up logging itself needs none of this: the logger is `kling_sdk`. What it is
given holds no key, prompt or signed URL.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping
from typing import Final

__all__ = ["LEVELS", "log_as_environment_says", "log_to_stderr"]

LEVELS: Final[Mapping[str, int]] = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
}

_log: Final = logging.getLogger("kling_sdk")


class _StderrHandler(logging.Handler):
    """Writes to what `sys.stderr` is at the moment: a terminal's progress line replaces it."""

    def emit(self, record: logging.LogRecord) -> None:
        if sys.stderr is None:  # a program without a console
            return
        try:
            sys.stderr.write(f"{self.format(record)}\n")
            sys.stderr.flush()
        except Exception:  # noqa: BLE001 - as every handler of the standard library does
            self.handleError(record)


_HANDLER: Final = _StderrHandler()
_HANDLER.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))


def log_to_stderr(level: str) -> None:
    """Write the log of this package to standard error, from *level* on; a key of `LEVELS`.

    The most detailed level that was asked for stays.
    """
    if _HANDLER in _log.handlers:
        _log.setLevel(min(_log.level, LEVELS[level]))
    else:
        _log.setLevel(LEVELS[level])
        _log.addHandler(_HANDLER)


def log_as_environment_says(environment: Mapping[str, str]) -> None:
    """Do what `KLING_LOG` asks for: `debug`, `info` or `warning`; nothing when it is not set.

    A word that is none of these is a line in the log and no error: it must not stop a program.
    """
    wanted = environment.get("KLING_LOG", "").strip().lower()
    if not wanted:
        return
    log_to_stderr(wanted if wanted in LEVELS else "warning")
    if wanted not in LEVELS:
        _log.warning("KLING_LOG is %.20r; it must be one of %s", wanted, ", ".join(LEVELS))

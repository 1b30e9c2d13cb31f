"""The log on standard error, for programs that do not set up logging themselves.

`KLING_LOG` in the environment turns it on for every client of a process, `-v` for the command. A
program that sets up logging itself does not need this module: the logger is `kling_sdk`. No record
contains a key, prompt or signed URL.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping
from typing import Final

from kling_sdk.text.printable import log

LEVELS: Final[Mapping[str, int]] = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
}


class _StderrHandler(logging.Handler):
    """Writes to the current `sys.stderr`, which a terminal's progress line replaces."""

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
    if _HANDLER in log.handlers:
        log.setLevel(min(log.level, LEVELS[level]))
    else:
        log.setLevel(LEVELS[level])
        log.addHandler(_HANDLER)


def log_as_environment_says(environment: Mapping[str, str]) -> None:
    """Start the log at the level in `KLING_LOG`: `debug`, `info` or `warning`; none if unset.

    Any other word is logged and is not an error: it must not stop a program.
    """
    level = environment.get("KLING_LOG", "").strip().lower()
    if not level:
        return
    log_to_stderr(level if level in LEVELS else "warning")
    if level not in LEVELS:
        log.warning("KLING_LOG is %.20r; it must be one of %s", level, ", ".join(LEVELS))

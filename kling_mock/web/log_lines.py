"""The log of the commands that serve: one line per event, on standard error."""

from __future__ import annotations

import logging
import sys
import time
from typing import TextIO

from kling_mock.web.request_ids import REQUEST_ID

__all__ = ["LogLines", "log_to_stderr"]


class LogLines(logging.Handler):
    """Writes `2026-11-25 17:14:17,413 INFO kling task ...` lines.

    An event of a request ends with ` request_id=`, the request's id.
    What a client sent stays on its line: characters that are not printable are escaped. A
    traceback follows on lines of its own, indented.

    Args:
        stream: Where to; it is flushed by a line's end, as standard error is.
    """

    def __init__(self, stream: TextIO) -> None:
        super().__init__()
        self._stream = stream
        self._second = -1
        self._stamp = ""

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record."""
        try:
            self._stream.write(self.format(record))
        except Exception:  # noqa: BLE001 - `logging` promises that logging raises nothing
            self.handleError(record)

    def format(self, record: logging.LogRecord) -> str:
        """Return the line of a record, and its traceback."""
        second = int(record.created)
        if second != self._second:
            # Made once a second: a busy relay writes two lines for each of its tasks.
            self._stamp = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(second))
            self._second = second
        message = _printable(record.getMessage())
        request_id = REQUEST_ID.get()
        if request_id:
            message = f"{message} request_id={request_id}"
        line = f"{self._stamp},{int(record.msecs):03d} {record.levelname} {message}\n"
        if record.exc_info:
            # Indented, so that no text in it can pass for an event.
            told = _TRACEBACKS.formatException(record.exc_info).split("\n")
            line += "".join(f"  {_printable(one)}\n" for one in told)
        return line


_TRACEBACKS = logging.Formatter()


def _printable(text: str) -> str:
    return text if text.isprintable() else "".join(map(_shown, text))


def _shown(character: str) -> str:
    return character if character.isprintable() else ascii(character)[1:-1]


def log_to_stderr() -> None:
    """Let the log of relay and store go to standard error, a line for each change of a task.

    The process is the command's own: what its lines do not show is not collected either.
    """
    logging.logThreads = False
    logging.logProcesses = False
    logging.logMultiprocessing = False
    lines = LogLines(sys.stderr)
    for name in ("kling_mock.relay", "kling_mock.storage"):
        logger = logging.getLogger(name)
        logger.handlers = [lines]
        logger.setLevel(logging.INFO)
        logger.propagate = False

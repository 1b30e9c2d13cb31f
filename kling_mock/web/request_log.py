"""Request ids, and the log of the serving commands: one line per event, on standard error.

The id of a request is in `X-Request-Id` of request and reply, and at the end of its log lines.
"""

from __future__ import annotations

import logging
import re
import sys
import time
from collections.abc import Callable
from contextvars import ContextVar
from typing import Final, TextIO

REQUEST_ID_HEADER: Final = "X-Request-Id"
#: The id of the request that is being answered; "" outside of one.
REQUEST_ID: Final = ContextVar("kling_request_id", default="")

# Visible ASCII, which cannot end a header or a log line.
_VALID: Final = re.compile(r"[!-~]{1,128}").fullmatch


def chosen_id(header: str | None, make: Callable[[], str]) -> str:
    """Return the client's own id if it is 1 to 128 visible ASCII characters, or a new one.

    Args:
        header: The request's `X-Request-Id`; `None` if it has none.
        make: Makes a new id.
    """
    if header is not None and _VALID(header) is not None:
        return header
    return make()


class LogLines(logging.Handler):
    """Writes `2026-11-25 17:14:17,413 INFO kling task ...` lines.

    An event of a request ends with ` request_id=`, the request's id.
    What a client sent stays on its line: characters that are not printable are escaped. A
    traceback follows on lines of its own, indented.

    Args:
        stream: The destination; a line's end flushes it, as it does standard error.
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
        message = printable(record.getMessage())
        request_id = REQUEST_ID.get()
        if request_id:
            message = f"{message} request_id={request_id}"
        line = f"{self._stamp},{int(record.msecs):03d} {record.levelname} {message}\n"
        if record.exc_info:
            # Indented, so that no text in it can pass for an event.
            lines = _TRACEBACKS.formatException(record.exc_info).split("\n")
            line += "".join(f"  {printable(text)}\n" for text in lines)
        return line


_TRACEBACKS = logging.Formatter()


def printable(text: str) -> str:
    """Return *text* with unprintable characters escaped, so that it stays on its line."""
    return text if text.isprintable() else "".join(map(_escaped, text))


def _escaped(character: str) -> str:
    return character if character.isprintable() else ascii(character)[1:-1]


def log_to_stderr(level: str | None = None) -> None:
    """Send the log of relay and store to standard error, a line for each change of a task.

    The process belongs to the command: what the lines do not show is not collected either.

    Args:
        level: The minimum level, such as "warning"; `None` is "info".
    """
    logging.logThreads = False
    logging.logProcesses = False
    logging.logMultiprocessing = False
    lines = LogLines(sys.stderr)
    for name in ("kling_mock", "kling_mock.relay", "kling_mock.storage"):
        logger = logging.getLogger(name)
        logger.handlers = [lines]
        logger.setLevel((level or "info").upper())
        logger.propagate = False

"""Text from outside, made safe to show in errors, in the log and on a terminal.

A server's text may contain control sequences for a terminal, text that looks like another line of a
log, and half of a surrogate pair, which cannot even be written.
"""

from __future__ import annotations

import logging
from typing import Final


def printable(value: object) -> str:
    """Return a text with a space for each character that cannot be printed."""
    text = str(value)
    if text.isprintable():
        return text
    return "".join(letter if letter.isprintable() else " " for letter in text)


def _make_printable(record: logging.LogRecord) -> bool:
    text = record.getMessage()
    if not text.isprintable():
        record.msg, record.args = printable(text), None
    return True


#: The log of this package.
log: Final = logging.getLogger("kling_sdk")
log.addFilter(_make_printable)

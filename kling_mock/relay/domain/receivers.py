"""Receivers of webhooks: who counts as one, and when one is switched off."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

__all__ = ["LEAST_FAILURES", "host_of_url"]

#: A receiver is switched off only after so many failures in a row: more than one webhook has.
LEAST_FAILURES: Final = 10
_LONGEST: Final = 255  # characters: the longest name that DNS has, and the column


def host_of_url(url: str) -> str:
    """Return the host of a webhook's URL, which distinguishes receivers: ASCII in lower case.

    All URLs of a user on one host are one receiver: they are alive or dead together.
    """
    try:
        host = (urlsplit(url).hostname or "").rstrip(".")
    except ValueError:
        host = ""
    try:
        written = host.encode("idna").decode() if not host.isascii() else host
    except UnicodeError:
        written = host.encode("ascii", "backslashreplace").decode()
    return "".join(one if "!" <= one <= "~" else "?" for one in written)[:_LONGEST]

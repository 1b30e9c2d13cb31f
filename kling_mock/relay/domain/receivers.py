"""Receivers of webhooks: how they are told apart, and when one is switched off."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

#: Failures in a row before a receiver is switched off: more than one webhook can cause.
MIN_FAILURES: Final = 10
_MAX_HOST: Final = 255  # characters: the longest name that DNS has, and the column


def host_of_url(url: str) -> str:
    """Return the host of a webhook's URL, which distinguishes receivers: ASCII in lower case.

    All URLs of a user on one host are one receiver: they work or fail together.
    """
    try:
        host = (urlsplit(url).hostname or "").rstrip(".")
    except ValueError:
        host = ""
    try:
        written = host.encode("idna").decode() if not host.isascii() else host
    except UnicodeError:
        written = host.encode("ascii", "backslashreplace").decode()
    return "".join(char if "!" <= char <= "~" else "?" for char in written)[:_MAX_HOST]

"""Reading addresses that a caller gives: base URLs, and hosts that may be called."""

from __future__ import annotations

import re
from collections.abc import Iterable
from ipaddress import ip_address
from urllib.parse import urlsplit

__all__ = ["is_http_url", "read_base_url", "read_hosts"]

_NAME = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_])?\.?")


def is_http_url(url: str) -> bool:
    """Return whether *url* is http or https, and has a host and a port that can be called."""
    try:
        parts = urlsplit(url)
        port = parts.port  # raises above 65535
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and bool(parts.hostname) and port != 0


def read_base_url(name: str, given: object) -> str:
    """Return a base URL without a slash at the end.

    Args:
        name: What it is called in an error.
        given: Scheme and host, with a port or path if it has them.

    Raises:
        ValueError: It is no such URL.
    """
    if isinstance(given, str) and is_http_url(given) and not set("?#@ ").intersection(given):
        return given.rstrip("/")
    raise ValueError(
        f"{name}: must be http or https, host and port, such as 'https://kling.test:8443'; got "
        f"{given!r}"
    )


def read_hosts(name: str, given: Iterable[str]) -> frozenset[str]:
    """Return hosts in lower case; "*" is any.

    Args:
        name: What they are called in an error.
        given: Names or addresses without a port; a string is one of them.

    Raises:
        ValueError: One is none.
    """
    return frozenset(_host(name, one) for one in ([given] if isinstance(given, str) else given))


def _host(name: str, given: object) -> str:
    if not isinstance(given, str):
        raise ValueError(f"{name}: must be names or addresses, got {given!r}")  # noqa: TRY004 - one kind for all
    if given == "*" or _NAME.fullmatch(given) or _is_address(given):
        return given.lower()
    try:
        host = urlsplit(given if "//" in given else f"//{given}").hostname
    except ValueError:
        host = None
    fitting = host and (_NAME.fullmatch(host) or _is_address(host))
    if fitting:
        advice = f"a host alone, without scheme, port, path and brackets: {host!r}"
    else:
        advice = "a host such as 'receiver.internal' or '10.0.0.5'; '*' alone is any host"
    raise ValueError(f"{name}: must be {advice}; got {given!r}")


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True

"""Addresses that a caller gives: base URLs, hosts that may be called, and URLs to be shown."""

from __future__ import annotations

import re
from collections.abc import Iterable
from ipaddress import ip_address
from urllib.parse import urlsplit

__all__ = [
    "ANY_HOST",
    "HIDDEN",
    "host_of",
    "is_address",
    "is_http_url",
    "read_base_url",
    "read_hosts",
    "read_listening_host",
    "shown_url",
]

ANY_HOST = "*"
HIDDEN = "?<hidden>"
_HOST_AND_PORT = re.compile(r"([^:\[\]]*|\[[^\[\]]*\])(:[0-9]*)?")
_NAME = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_])?\.?")


def is_http_url(url: str) -> bool:
    """Return whether *url* is http or https, and has a host and a port that can be called."""
    try:
        parts = urlsplit(url)
        port = parts.port  # raises above 65535
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and bool(parts.hostname) and port != 0


def host_of(url: str) -> str:
    """Return the host of *url* in lower case, without a dot at the end; "" if it has none."""
    try:
        host = urlsplit(url).hostname
    except ValueError:
        return ""
    return (host or "").rstrip(".")


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


def read_hosts(name: str, given: object) -> frozenset[str]:
    """Return hosts in lower case; "*" is any.

    Args:
        name: What they are called in an error.
        given: Names or addresses without a port; a string is one of them.

    Raises:
        ValueError: One is none.
    """
    hosts = [given] if isinstance(given, str) else given
    if not isinstance(hosts, Iterable) or isinstance(hosts, bytes | dict):
        raise ValueError(f"{name}: must be a list of names or addresses, got {given!r}")  # noqa: TRY004 - one kind for all
    return frozenset(_host(name, one) for one in hosts)


def read_listening_host(name: str, given: object) -> str:
    """Return the address to listen on; "" is any of this computer.

    Args:
        name: What it is called in an error.
        given: A name or address without a port.

    Raises:
        ValueError: It is none.
    """
    if isinstance(given, str) and (not given or _NAME.fullmatch(given) or is_address(given)):
        return given
    raise ValueError(
        f"{name}: must be an address or a name to listen on, without scheme and port, such as "
        f"'127.0.0.1' or '::1'; got {given!r}"
    )


def _host(name: str, given: object) -> str:
    if not isinstance(given, str):
        raise ValueError(f"{name}: must be names or addresses, got {given!r}")  # noqa: TRY004 - one kind for all
    if given == ANY_HOST or _NAME.fullmatch(given) or is_address(given):
        return given.lower()
    try:
        host = urlsplit(given if "//" in given else f"//{given}").hostname
    except ValueError:
        host = None
    fitting = host and (_NAME.fullmatch(host) or is_address(host))
    if fitting:
        advice = f"a host alone, without scheme, port, path and brackets: {host!r}"
    else:
        advice = "a host such as 'receiver.internal' or '10.0.0.5'; '*' alone is any host"
    raise ValueError(f"{name}: must be {advice}; got {given!r}")


def is_address(text: str) -> bool:
    """Return whether *text* is an IPv4 or IPv6 address, without port and brackets."""
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def shown_url(url: str) -> str:
    """Return *url* without user info, query and fragment: these hold passwords and tokens.

    `?<hidden>` stands for what was left out.
    """
    head = re.split(r"[?#]", url, maxsplit=1)[0]
    scheme, slashes, rest = head.rpartition("://")
    host, slash, path = rest.partition("/")
    host = host.rpartition("@")[2]
    if slashes and not _HOST_AND_PORT.fullmatch(host):
        return f"{scheme}{slashes}{HIDDEN}"  # it may be a password with a "/" in it
    shown = f"{scheme}{slashes}{host}{slash}{path}"
    return shown if shown == url else f"{shown}{HIDDEN}"

"""Listening addresses: their sockets, their URLs, and which of them only this computer reaches."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Container
from ipaddress import IPv6Address, ip_address

__all__ = ["BACKLOG", "bind", "comes_from_here", "is_local", "is_loopback", "url_of"]

BACKLOG = 512

_PROXIED = ("Forwarded", "X-Forwarded-For", "X-Real-IP", "Via")  # headers that proxies add


def bind(host: str, port: int, last: int = 0) -> socket.socket:
    """Return a socket that listens on *host* and *port*; 0 is any free one.

    Args:
        host: The address.
        port: The port.
        last: The port of an earlier start, which is taken for *port* 0 if it is still free.

    Raises:
        OSError: The address cannot be bound, for example because the port is taken.
    """
    if last and not port:
        with contextlib.suppress(OSError):  # another server has it now
            return bind(host, last)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = None
    try:
        bound = socket.socket(family, socket.SOCK_STREAM)
        # A port of a server that has just ended is free again at once; one that another server
        # listens on is not.
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((host, port))
        bound.listen(BACKLOG)
        return bound  # noqa: TRY300 - an interrupt at this line closes it, too
    except BaseException as error:  # also Ctrl-C
        if bound is not None:
            bound.close()
        if not isinstance(error, OSError):
            raise
        reason = error.strerror or str(error)
        raise OSError(error.errno, f"cannot listen on {host}:{port}: {reason}") from error


def url_of(host: str, port: int, *, tls: bool) -> str:
    """Return the base URL of a server on this computer, without a slash at the end."""
    name = "127.0.0.1" if host in {"0.0.0.0", ""} else host  # noqa: S104 - compared
    name = f"[{name}]" if ":" in name else name
    return f"{'https' if tls else 'http'}://{name}:{port}"


def is_loopback(host: str) -> bool:
    """Return whether a server that listens on *host* is reached from this computer only."""
    return host == "localhost" or is_local(host)


def is_local(address: str | None) -> bool:
    """Return whether the peer with this address is on this computer."""
    try:
        peer = ip_address((address or "").partition("%")[0])
    except ValueError:
        return False
    mapped = peer.ipv4_mapped if isinstance(peer, IPv6Address) else None
    return (mapped or peer).is_loopback


def comes_from_here(peer: str | None, headers: Container[str]) -> bool:
    """Return whether a request comes from this computer, and not through a proxy.

    Args:
        peer: The address that it came from.
        headers: Its headers, whose names are compared without case.
    """
    return is_local(peer) and not any(name in headers for name in _PROXIED)

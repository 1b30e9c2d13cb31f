"""Sockets to listen on, and the URLs by which they are reached."""

from __future__ import annotations

import socket

__all__ = ["BACKLOG", "bind", "url_of"]

BACKLOG = 512


def bind(host: str, port: int) -> socket.socket:
    """Return a socket that listens on *host* and *port*; 0 is any free one.

    Raises:
        OSError: The address cannot be bound, for example because the port is taken.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    try:
        # A port of a server that has just ended is free again at once; one that another server
        # listens on is not.
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((host, port))
        bound.listen(BACKLOG)
    except OSError as error:
        bound.close()
        reason = error.strerror or str(error)
        raise OSError(error.errno, f"cannot listen on {host}:{port}: {reason}") from error
    return bound


def url_of(host: str, port: int, *, tls: bool) -> str:
    """Return the base URL of a server on this computer, without a slash at the end."""
    name = "127.0.0.1" if host in {"0.0.0.0", ""} else host  # noqa: S104 - compared
    name = f"[{name}]" if ":" in name else name
    return f"{'https' if tls else 'http'}://{name}:{port}"

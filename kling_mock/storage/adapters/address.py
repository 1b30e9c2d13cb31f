"""What storage and migration share before a driver is loaded: the URL, and the missing extra."""

from __future__ import annotations

import ssl
from typing import Any
from urllib.parse import SplitResult, parse_qsl, unquote

__all__ = ["missing_driver", "mysql_address"]


def missing_driver(extra: str) -> ImportError:
    """Return the error for a database whose driver is not installed."""
    return ImportError(f"this database needs the extra `{extra}`: pip install 'kling-sdk[{extra}]'")


def mysql_address(parts: SplitResult) -> dict[str, Any]:
    """Return the arguments with which asyncmy connects.

    Args:
        parts: `mysql://user:password@host:port/database`, with `?ssl=true` for TLS with a
            verified certificate, `?unix_socket=PATH` for a socket.

    Raises:
        ValueError: There is no database in it, or another parameter.
    """
    database = unquote(parts.path[1:])
    if not database:
        raise ValueError("a MySQL URL ends with the name of the database")
    address: dict[str, Any] = {
        "host": parts.hostname or "127.0.0.1",
        "port": parts.port or 3306,
        "user": unquote(parts.username or "root"),
        "password": unquote(parts.password or ""),
        "database": database,
    }
    for name, value in parse_qsl(parts.query, keep_blank_values=True):
        if name == "unix_socket":
            address[name] = value
        elif (name, value) == ("ssl", "true"):
            address[name] = ssl.create_default_context()
        else:
            raise ValueError("a MySQL URL takes ?ssl=true and ?unix_socket=PATH")
    return address

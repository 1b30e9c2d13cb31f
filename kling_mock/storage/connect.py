"""Which store a URL means. The only place that names the adapters."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final
from urllib.parse import SplitResult

from kling_mock.storage.adapters.address import (
    missing_driver,
    mysql_address,
    postgres_address,
    split_url,
)
from kling_mock.storage.adapters.engine import Engine
from kling_mock.storage.protocol import Storage
from kling_mock.storage.sql_storage import SqlStorage

__all__ = ["connect", "engine_of"]


def connect(url: str) -> Storage:
    """Return the store of a URL, not yet open.

    Args:
        url: `sqlite://` (in memory), `sqlite:///relative.db`, `sqlite:////absolute.db`;
            `mysql://user:password@host:port/database` and `mariadb://...`, with `?ssl=true`
            for TLS with a verified certificate, `?unix_socket=PATH` for a socket;
            `postgresql://...` as libpq reads it. Several servers that hold the same rows are
            separated by commas, `host1:3306,host2:3306`: the first that serves and takes writes is
            used.

    Raises:
        ImportError: The driver is not installed; the text names the command.
        ValueError: The URL names no database that is known. The text never repeats the URL,
            because there may be a password in it.
    """
    return SqlStorage(engine_of(url))


def engine_of(url: str) -> Engine:
    """Return the engine of a URL; see `connect`."""
    parts = split_url(url)
    make = _ENGINES.get(parts.scheme)
    if make is None or not url.startswith(f"{parts.scheme}://"):
        known = ", ".join(f"{name}://" for name in _ENGINES)
        raise ValueError(f"a database URL begins with one of {known}")
    return make(parts)


def _sqlite(parts: SplitResult) -> Engine:
    from kling_mock.storage.adapters.sqlite import SqliteEngine

    if parts.netloc:
        raise ValueError("a SQLite URL has three slashes, or four for an absolute path")
    name = parts.path[1:]
    return SqliteEngine(Path(name) if name and name != ":memory:" else None)


def _mysql(parts: SplitResult) -> Engine:
    try:
        from kling_mock.storage.adapters.mysql import MysqlEngine
    except ModuleNotFoundError as error:
        raise missing_driver("mysql") from error
    return MysqlEngine(mysql_address(parts))


def _postgres(parts: SplitResult) -> Engine:
    try:
        from kling_mock.storage.adapters.postgres import PostgresEngine
    except ModuleNotFoundError as error:
        raise missing_driver("postgres") from error
    return PostgresEngine(postgres_address(parts, timeout=10))


_ENGINES: Final[Mapping[str, Callable[[SplitResult], Engine]]] = {
    "sqlite": _sqlite,
    "mysql": _mysql,
    "mariadb": _mysql,
    "postgresql": _postgres,
    "postgres": _postgres,
}

"""Choosing the store of a URL. This is the only module that names the adapters."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import SplitResult

from kling_mock.relay.storage.adapters.address import (
    missing_driver,
    mysql_address,
    postgres_address,
    split_url,
)
from kling_mock.relay.storage.adapters.engine import Engine
from kling_mock.relay.storage.sql_storage import Storage


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
        ValueError: The URL does not name a known database. The text never repeats the URL, because
            there may be a password in it.
    """
    if is_in_memory(url):
        from kling_mock.relay.storage.memory import MemoryStorage

        return MemoryStorage()
    return Storage(engine_of(url))


def is_in_memory(url: str) -> bool:
    """Return whether the URL means a database that ends with the process."""
    return url.rstrip("/") in {"sqlite:", "sqlite:///:memory:"}


def engine_of(url: str, **options: Any) -> Engine:
    """Return the engine of a URL that is not in memory; see `connect`.

    Args:
        options: Options of the engine.
    """
    parts = split_url(url)
    make = _ENGINES.get(parts.scheme)
    if make is None or not url.startswith(f"{parts.scheme}://"):
        known = ", ".join(f"{name}://" for name in _ENGINES)
        raise ValueError(f"a database URL begins with one of {known}")
    return make(parts, **options)


def _sqlite(parts: SplitResult, **options: Any) -> Engine:
    from kling_mock.relay.storage.adapters.sqlite import SqliteEngine

    if parts.netloc:
        raise ValueError("a SQLite URL has three slashes, or four for an absolute path")
    return SqliteEngine(Path(parts.path[1:]), **options)


def _mysql(parts: SplitResult, **options: Any) -> Engine:
    try:
        from kling_mock.relay.storage.adapters.mysql import MysqlEngine
    except ModuleNotFoundError as error:
        raise missing_driver("mysql") from error
    return MysqlEngine(mysql_address(parts), **options)


def _postgres(parts: SplitResult, **options: Any) -> Engine:
    try:
        from kling_mock.relay.storage.adapters.postgres import PostgresEngine
    except ModuleNotFoundError as error:
        raise missing_driver("postgres") from error
    return PostgresEngine(postgres_address(parts, timeout=10), **options)


_ENGINES: Final[Mapping[str, Callable[..., Engine]]] = {
    "sqlite": _sqlite,
    "mysql": _mysql,
    "mariadb": _mysql,
    "postgresql": _postgres,
    "postgres": _postgres,
}

"""The clock of a database server: what relay processes share, whatever their own clocks show."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from kling_mock.storage.adapters.engine import Engine, TransactionMode
from kling_mock.storage.schema import Dialect
from kling_mock.storage.steps import Statement, Transaction, read
from kling_mock.storage.values import DatabaseTime

__all__ = ["read_clock"]

_MICROSECONDS: Final = 1_000_000

#: Whose it is, and microseconds since 1970 (UTC), whatever the time zone of server and session.
#: SQLite has no clock but that of the computer it runs on.
_CLOCKS: Final[Mapping[Dialect, Statement]] = {
    Dialect.MYSQL: read("""
        SELECT CONCAT(@@hostname, ':', @@port),
            TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(6))"""),
    Dialect.POSTGRES: read("""
        SELECT COALESCE(host(inet_server_addr()), 'local') || ':' || current_setting('port'),
            CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000 AS BIGINT)"""),
}


async def read_clock(engine: Engine) -> DatabaseTime | None:
    """Return the time of the server that is used; `None` if it has no clock of its own.

    Raises:
        StorageUnavailableError: It is away.
    """
    clock = _CLOCKS.get(engine.dialect)
    if clock is None:
        return None

    def look() -> Transaction[DatabaseTime]:
        ((node, microseconds),) = yield clock, ()
        return DatabaseTime(node, int(microseconds) / _MICROSECONDS)

    return await engine.run(look, TransactionMode.LOOK)

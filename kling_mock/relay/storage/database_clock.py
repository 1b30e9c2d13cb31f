"""The clock of a database server, which relay processes share, whatever their own clocks show."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from kling_mock.relay.storage.adapters.engine import Engine, TransactionMode
from kling_mock.relay.storage.schema import Dialect
from kling_mock.relay.storage.steps import Statement, Transaction, read
from kling_mock.relay.storage.values import DatabaseTime

_MICROSECONDS: Final = 1_000_000

#: The server's name, and microseconds since 1970 (UTC), whatever the time zone of server and
#: session. SQLite does not have a clock other than that of the computer on which it runs.
_CLOCKS: Final[Mapping[Dialect, Statement]] = {
    Dialect.MYSQL: read("""
        SELECT CONCAT(@@hostname, ':', @@port),
            TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(6))"""),
    Dialect.POSTGRES: read("""
        SELECT COALESCE(host(inet_server_addr()), 'local') || ':' || current_setting('port'),
            CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000 AS BIGINT)"""),
}


async def read_clock(engine: Engine) -> DatabaseTime | None:
    """Return the time of the server in use; `None` if it does not have a clock of its own.

    Raises:
        StorageUnavailableError: The server is away.
    """
    clock = _CLOCKS.get(engine.dialect)
    if clock is None:
        return None

    def look() -> Transaction[DatabaseTime]:
        ((node, microseconds),) = yield clock, ()
        return DatabaseTime(node, int(microseconds) / _MICROSECONDS)

    return await engine.run(look, TransactionMode.LOOK)

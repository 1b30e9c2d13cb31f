"""The clock of a database: what its processes have in common, whatever their own clocks show."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from kling_mock.storage.adapters.engine import Engine, TransactionMode
from kling_mock.storage.schema import Dialect
from kling_mock.storage.steps import Statement, Transaction, read

__all__ = ["read_clock"]

_MICROSECONDS: Final = 1_000_000

#: Microseconds since 1970 (UTC), whatever the time zone of server and session. SQLite has no clock
#: but that of the computer it runs on.
_CLOCKS: Final[Mapping[Dialect, Statement]] = {
    Dialect.MYSQL: read("SELECT TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(6))"),
    Dialect.POSTGRES: read("""
        SELECT CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000 AS BIGINT)"""),
}


async def read_clock(engine: Engine) -> float | None:
    """Return the database's time, Unix seconds; `None` if it has no clock of its own.

    Raises:
        StorageUnavailableError: It is away.
    """
    clock = _CLOCKS.get(engine.dialect)
    if clock is None:
        return None

    def look() -> Transaction[float]:
        rows = yield clock, ()
        return int(rows[0][0]) / _MICROSECONDS

    return await engine.run(look, TransactionMode.LOOK)

"""The storage in memory: SQLite, from a template with the tables in it."""

from __future__ import annotations

from functools import cache, partial

from kling_mock.relay.storage import statements as sql
from kling_mock.relay.storage.adapters.engine import TransactionMode
from kling_mock.relay.storage.adapters.sqlite_memory import MemoryEngine, MemoryTemplate, connected
from kling_mock.relay.storage.ensure_schema import created_schema
from kling_mock.relay.storage.schema import Dialect
from kling_mock.relay.storage.sql_storage import SLOW_AFTER, Storage
from kling_mock.relay.storage.transactions.due import next_due


class MemoryStorage(Storage):
    """A storage that belongs to this process: always open, and pickled with its rows.

    `close` keeps the rows: they end with this object. They may take up to 1 GiB.

    Args:
        slow_after: See `Storage`.
    """

    def __init__(self, slow_after: float = SLOW_AFTER) -> None:
        template = _template()
        self._memory = memory = MemoryEngine(template.connect(), template.give_back)
        super().__init__(memory, slow_after)
        self.next_poll_due, self.next_notice_due = (
            partial(memory.run_now, partial(next_due, statement), TransactionMode.LOOK)
            for statement in (sql.NEXT_POLL, sql.NEXT_NOTICE)
        )

    async def open(self) -> None:
        """Do nothing."""


@cache
def _template() -> MemoryTemplate:
    engine = MemoryEngine(connected())
    engine.run_now(lambda: created_schema(Dialect.SQLITE), TransactionMode.WRITE)
    return MemoryTemplate(engine.serialize())

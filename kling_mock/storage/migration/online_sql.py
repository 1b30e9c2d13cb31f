"""The statements of the online way, on MariaDB and MySQL 8: the one place that words them.

What a prototype on 1,000,000 rows taught is written beside the statement it shaped.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import attrs

from kling_mock.storage.migration.facts import OWN_TRIGGERS
from kling_mock.storage.migration.session import Dialect
from kling_mock.storage.migration.table import Column, Table

__all__ = ["BEFORE", "INDEX", "SHADOW", "Words"]

SHADOW: Final = "videos_migrating"
BEFORE: Final = "videos_before_migration"
INDEX: Final = "kling_migration_created"

_EVENTS: Final = ("INSERT", "UPDATE", "DELETE")

TRIGGERS: Final = tuple(OWN_TRIGGERS + event.lower() for event in _EVENTS)


@attrs.frozen
class Words:
    """The statements for one table.

    Attributes:
        found: The old table, as it was before the first step.
        target: The new one.
        copied: Returns the SQL for a column's value, given what the old row is called.
        dialect: `mariadb` or `mysql`.
    """

    found: Table
    target: Table
    copied: Callable[[Column, str], str | None]
    dialect: Dialect

    @property
    def numbered(self) -> bool:
        """Whether old rows have an id already; otherwise they get one in order of time."""
        return self.found.has("id")

    @property
    def share(self) -> str:
        """The words that lock rows against a change and pass over those that are locked."""
        lock = "FOR SHARE" if self.dialect == "mysql" else "LOCK IN SHARE MODE"
        return f"{lock} SKIP LOCKED"

    @property
    def key(self) -> str:
        """The column by which the copy goes through the old table."""
        return "id" if self.numbered else "created_at"

    @property
    def key_index(self) -> str:
        """The index under that column; without it a chunk takes 0.7 s per million rows."""
        return "PRIMARY" if self.numbered else INDEX

    # ------------------------------------------------------------ copying

    def end_of_chunk(self, size: int) -> str:
        """Return the query for the key of the last row of the next chunk, after key `?`."""
        return (
            f"SELECT {self.key} FROM videos FORCE INDEX ({self.key_index}) "
            f"WHERE {self.key} > ? ORDER BY {self.key} LIMIT 1 OFFSET {size - 1}"
        )

    def copy(self, where: str) -> str:
        """Return the INSERT that copies the rows meeting *where*, numbered on from @n.

        A row that is there already came by a trigger and is newer. A row that a writer is
        changing is skipped: had the copy to wait for it, the writer might in turn wait for
        the copy's hold on AUTO_INCREMENT, and fail with 1467. `missing` finds it later.
        READ COMMITTED locks no gap.
        """
        columns, values = self._copied("", number="@n := @n + 1")
        return (
            f"INSERT INTO {SHADOW} ({columns}) SELECT {values} FROM videos "
            f"FORCE INDEX ({self.key_index}) WHERE {where} ORDER BY {self.key} "
            f"{self.share} ON DUPLICATE KEY UPDATE {SHADOW}.task_id = {SHADOW}.task_id"
        )

    # ------------------------------------------------------------ following writers

    def triggers(self) -> list[str]:
        """Return the triggers that carry every write over to the copy.

        INSERT and DELETE are mirrored. UPDATE only updates: a row that was not copied yet
        will be copied as it is then.
        """
        columns, values = self._copied("NEW.")
        changes = ", ".join(f"{name} = {value}" for name, value in self._pairs("NEW."))
        bodies = (
            f"INSERT INTO {SHADOW} ({columns}) VALUES ({values})",
            f"UPDATE {SHADOW} SET {changes} WHERE {self.same_row('OLD.')}",
            f"DELETE FROM {SHADOW} WHERE {self.same_row('OLD.')}",
        )
        return [
            f"CREATE TRIGGER {name} AFTER {event} ON videos FOR EACH ROW {body}"
            for name, event, body in zip(TRIGGERS, _EVENTS, bodies, strict=True)
        ]

    def same_row(self, row: str) -> str:
        """Return the condition that finds the copy of *row*.

        Ids are compared in the copy's character set: the other way round the index is lost,
        and the worst stall of a writer was 2.3 s against 0.02 s.
        """
        return f"{SHADOW}.id = {row}id" if self.numbered else f"{SHADOW}.{same_task_id(row)}"

    # ------------------------------------------------------------ judging

    def missing(self) -> str:
        """Return the query for the number of old rows that have no copy, by task_id."""
        return f"SELECT COUNT(*) {self._without_copy}"

    def some_missing(self) -> str:
        """Return the query for key and task_id of some old rows that have no copy.

        It locks nothing. `one_row` then finds each: a copy that searched by itself would hold
        AUTO_INCREMENT while it reads the whole table.
        """
        return f"SELECT v.{self.key}, v.task_id {self._without_copy} LIMIT 1000"

    def one_row(self) -> str:
        """Return the condition on the row with the key `?` and the task_id `?`."""
        return f"{self.key} <=> ? AND task_id = ?"

    @property
    def _without_copy(self) -> str:
        return (
            f"FROM videos AS v LEFT JOIN {SHADOW} AS s ON s.{same_task_id('v.')} "
            "WHERE s.task_id IS NULL"
        )

    def counts(self) -> str:
        """Return the query for the rows of both tables at one moment."""
        return f"SELECT (SELECT COUNT(*) FROM videos), (SELECT COUNT(*) FROM {SHADOW})"

    def swap(self) -> str:
        """Return the one statement after which the copy is the table."""
        return f"RENAME TABLE videos TO {BEFORE}, {SHADOW} TO videos"

    # ------------------------------------------------------------ inside

    def _pairs(self, row: str) -> list[tuple[str, str]]:
        return [
            (f"`{one.name}`", value)
            for one in self.target.columns
            if (value := self.copied(one, row)) is not None
        ]

    def _copied(self, row: str, number: str = "") -> tuple[str, str]:
        pairs = self._pairs(row)
        if number and not self.numbered:
            pairs.insert(0, ("`id`", number))
        return ", ".join(name for name, _ in pairs), ", ".join(value for _, value in pairs)


def same_task_id(row: str) -> str:
    """Return the end of a comparison with the ascii column `task_id`, which keeps its index."""
    return f"task_id = CONVERT({row}task_id USING ascii) COLLATE ascii_bin"

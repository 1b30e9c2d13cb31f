"""The statements of the online upgrade, on MariaDB and MySQL 8.

Measurements on 1,000,000 rows are written beside the statement they shaped.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import attrs

from kling_mock.migration.database.preflight import OWN_TRIGGERS
from kling_mock.migration.rows.data_checks import filler
from kling_mock.migration.schema.rebuild import BEFORE
from kling_mock.storage.schema import Column, Dialect, Table, quoted

__all__ = ["BEFORE", "INDEX", "SHADOW", "OnlineSql"]

SHADOW: Final = "videos_migrating"
INDEX: Final = "kling_migration_created"

_EVENTS: Final = ("INSERT", "UPDATE", "DELETE")

TRIGGERS: Final = tuple(OWN_TRIGGERS + event.lower() for event in _EVENTS)


@attrs.frozen
class OnlineSql:
    """The statements for one table.

    Attributes:
        found: The old table, as it was before the first step.
        target: The new one.
        copied: Returns the SQL for a column's value, given the prefix of the old row.
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
        """The clause that locks rows against a change and skips locked ones."""
        lock = "FOR SHARE" if self.dialect is Dialect.MYSQL else "LOCK IN SHARE MODE"
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

    def tried(self) -> tuple[str, ...]:
        """Return statements that make every trigger run once, on a row of no other use.

        The row gets the time 1, or the next id, so that it is found without a scan.
        """
        required = [
            one
            for one in self.found.columns
            if one.required and one.name not in {"id", "task_id", "created_at"}
        ]
        names = ["task_id", "created_at", *(self._name(one) for one in required)]
        values = [f"'{OWN_TRIGGERS}try'", "1", *(filler(one) for one in required)]
        key = "LAST_INSERT_ID()" if self.numbered else "1"
        where = f"WHERE {self.key} = {key} AND task_id = '{OWN_TRIGGERS}try'"
        return (
            f"INSERT INTO videos ({', '.join(names)}) VALUES ({', '.join(values)})",
            f"UPDATE videos SET created_at = created_at, status = 'failed' {where}",
            f"DELETE FROM videos {where}",
        )

    def triggers(self) -> list[str]:
        """Return the triggers that carry every write over to the copy.

        INSERT and DELETE are mirrored. UPDATE only updates: a row that was not copied yet
        will be copied as it is then.
        """
        columns, values = self._copied("NEW.")
        changes = ", ".join(
            f"{self._name(column)} = {value}" for column, value in self._pairs("NEW.")
        )
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

        Ids are compared in the copy's character set: in the reverse direction the index is lost,
        and the worst stall of a writer was 2.3 s against 0.02 s.
        """
        return f"{SHADOW}.id = {row}id" if self.numbered else f"{SHADOW}.{same_task_id(row)}"

    # ------------------------------------------------------------ comparing

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

    def compared(self, after: int | None, last: int | None) -> str:
        """Return the query for number and checksum of some rows: the old ones, and the copy's.

        One statement sees both tables at one moment, so writers do not matter. Without a time
        a row is found at the time 0 in the copy.

        Args:
            after: The key that comes before the rows; None for the beginning.
            last: The key of the last row; None for the end.
        """
        limits = [f"{self.key} > {after}"] if after is not None else []
        limits += [f"{self.key} <= {last}"] if last is not None else []
        where = " AND ".join(limits) or "TRUE"
        zero = (after is None or after < 0) and (last is None or last >= 0)
        old = f"({where} OR {self.key} IS NULL)" if zero and not self.numbered else where
        pairs = self._pairs("")
        one = _summed([self._hashed(column, value) for column, value in pairs])
        other = _summed([_hash(self._name(column)) for column, _ in pairs])
        return (
            f"SELECT (SELECT {one} FROM videos FORCE INDEX ({self.key_index}) WHERE {old}), "
            f"(SELECT {other} FROM {SHADOW} {self._copy_index} WHERE {where})"
        )

    @property
    def _copy_index(self) -> str:
        if self.numbered:
            return "FORCE INDEX (PRIMARY)"
        names = (one.name for one in self.target.indexes if one.columns == (self.key,))
        return next((f"FORCE INDEX (`{name}`)" for name in names), "")

    def _hashed(self, column: Column, value: str) -> str:
        """Return the hash of an old value, in the character set of the new column."""
        old = self.found.column(column.name)
        if old is not None and _character_set(old) != _character_set(column):
            return _hash(f"CONVERT({value} USING {_character_set(column)})")
        return _hash(value)

    def swap(self) -> str:
        """Return the one statement after which the copy is the table."""
        return f"RENAME TABLE videos TO {BEFORE}, {SHADOW} TO videos"

    # ------------------------------------------------------------ inside

    def _name(self, column: Column) -> str:
        return quoted(column.name, self.dialect)

    def _pairs(self, row: str) -> list[tuple[Column, str]]:
        return [
            (one, self._whole(one, value))
            for one in self.target.columns
            if (value := self.copied(one, row)) is not None
        ]

    def _whole(self, column: Column, value: str) -> str:
        """Return *value* so that a text with trailing blanks is refused as well, and not truncated.

        A VARCHAR drops trailing blanks beyond its length, also in strict mode.
        """
        old, length = self.found.column(column.name), column.length
        if old is None or length is None or (old.length is not None and old.length <= length):
            return value
        return f"IF(CHAR_LENGTH({value}) > {length}, REPEAT('-', {length + 1}), {value})"

    def _copied(self, row: str, number: str = "") -> tuple[str, str]:
        pairs = [(self._name(column), value) for column, value in self._pairs(row)]
        if number and not self.numbered:
            pairs.insert(0, ("`id`", number))
        return ", ".join(name for name, _ in pairs), ", ".join(value for _, value in pairs)


def _hash(value: str) -> str:
    """Return the hash of one value by itself.

    Above max_allowed_packet, a text made of several values is NULL.
    """
    return f"COALESCE(CRC32({value}), 'NULL')"


def _summed(hashes: list[str]) -> str:
    row = f"CRC32(CONCAT_WS(',', {', '.join(hashes)}))"
    return f"CONCAT(COUNT(*), ':', COALESCE(SUM({row}), 0))"


def _character_set(column: Column) -> str:
    return column.collation.partition("_")[0]


def same_task_id(row: str) -> str:
    """Return the end of a comparison with the ascii column `task_id`, which keeps its index."""
    return f"task_id = CONVERT({row}task_id USING ascii) COLLATE ascii_bin"

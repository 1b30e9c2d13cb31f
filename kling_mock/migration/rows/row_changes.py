"""Change rows so that the target schema can hold them, and record each changed value.

Everything here can be run again: a changed row no longer meets the condition, and a recorded
value stays.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import attrs

from kling_mock.migration.database.session import Session
from kling_mock.migration.rows.change_log import filled, remember, remember_every
from kling_mock.migration.rows.data_checks import DataCheck, binary, filler, row_checks
from kling_mock.migration.state import CHANGES
from kling_mock.storage.schema import Column, Dialect, Table, quoted

__all__ = ["RESOLUTIONS", "RowChanges"]

#: What each resolution does, for the documentation and for messages.
RESOLUTIONS: Final = {
    "generate": "give the row a new task_id, legacy-…",
    "rename": "keep the first row's task_id, and add ~2, ~3, … to the others'",
    "absolute": "drop the minus sign",
    "to-seconds": "divide by 1000",
    "cut": "cut off the end",
    "copy": "copy use_id to user_id",
}


@attrs.frozen
class RowChanges:
    """The changes that the rows of one table need for the target schema.

    Attributes:
        session: The connection.
        found: The table as it is.
        wanted: What it shall become.
        new_id: Returns a task_id that no row has.
        log: Told what is changed, a line each.
    """

    session: Session
    found: Table
    wanted: Table
    new_id: Callable[[], str]
    log: Callable[[str], None]

    @property
    def _table(self) -> str:
        return quoted(self.found.name, self.session.dialect)

    def resolve(self, resolutions: Mapping[str, str]) -> None:
        """Apply the resolutions that the operator chose.

        Ids first: they have to be distinct, because the other changes are recorded by id.
        """
        questions = [
            one
            for one in row_checks(self.found, self.wanted, self.session.dialect)
            if one.name in resolutions
        ]
        for one in questions:
            if one.column == "task_id":
                self.log(f"{one.name}={one.resolution}: {self._renamed(one)} rows changed")
        if "duplicate-task-id" in resolutions:
            self.log(f"duplicate-task-id=rename: {self._apart()} rows changed")
        for one in questions:
            if one.column != "task_id":
                self.log(f"{one.name}={one.resolution}: {self._changed(one)} rows changed")

    def remember_nulls(self) -> None:
        """Remember which rows held NULL, or no time of an update, before it is filled in."""
        fills = self._to_fill()
        sums = (f"SUM(CASE WHEN {condition} THEN 1 ELSE 0 END)" for _, condition in fills)
        total, *counts = self.session.query(
            f"SELECT {', '.join(['COUNT(*)', *sums])} FROM {self._table}"
        )[0]
        for (column, condition), count in zip(fills, counts, strict=True):
            if count and count == total:
                remember_every(self.session, self.found.name, column.name)
            elif count:
                new = filled(column)
                remember(self.session, self.found.name, self._old(column.name), condition, new)

    def fill(self) -> None:
        """Replace NULL where the target schema takes none, and an update time of 0."""
        for statement in self.filling():
            self.session.execute(statement)

    def filling(self) -> list[str]:
        """Return the statements of `fill`: at most one, which reads the table once."""
        fills = self._to_fill()
        if not fills:
            return []
        names = {column.name: column for column, _ in fills}
        changes = ", ".join(
            f"{quoted(name, self.session.dialect)} = {self.copied(column)}"
            for name, column in names.items()
        )
        met = " OR ".join(condition for _, condition in fills)
        return [f"UPDATE {self._table} SET {changes} WHERE {met}"]

    def copied(self, column: Column, row: str = "") -> str | None:
        """Return the SQL for the value of a wanted *column* in a copy; None: its default.

        Args:
            column: The wanted column.
            row: What the old row is called in the statement, with its dot: `NEW.`.
        """
        dialect = self.session.dialect
        name, old = row + quoted(column.name, dialect), self.found.column(column.name)
        if column.name == "legacy" and old is None:
            return "1"
        if old is None:
            return f"COALESCE({row}created_at, 0)" if column.name == "updated_at" else None
        if column.name == "updated_at":
            return f"COALESCE(NULLIF({name}, 0), {row}created_at, 0)"
        value = f"COALESCE({name}, {filler(column)})" if _tightened(old, column) else name
        cast = dialect is Dialect.POSTGRES and old.type != column.type
        return f"CAST({value} AS {column.type})" if cast else value

    # ------------------------------------------------------------ inside

    def _old(self, name: str) -> Column:
        return next(one for one in self.found.columns if one.name == name)

    def _to_fill(self) -> list[tuple[Column, str]]:
        fills = list[tuple[Column, str]]()
        for column in self.wanted.columns:
            old, name = self.found.column(column.name), quoted(column.name, self.session.dialect)
            if old is None or column.name == "task_id":
                continue
            if _tightened(old, column):
                fills.append((column, f"{name} IS NULL"))
            if column.name == "updated_at":
                fills.append((column, f"{name} = 0"))
        return fills

    def _changed(self, question: DataCheck) -> int:
        name = quoted(question.column, self.session.dialect)
        target = self.wanted.column(question.column)
        length = target.length if target else None
        whole = "DIV" if self.session.dialect.is_mysql else "/"
        new = {
            "absolute": f"ABS({name})",
            "to-seconds": f"{name} {whole} 1000",
            "cut": f"SUBSTR({name}, 1, {length})",
            "copy": quoted("use_id", self.session.dialect),
        }[question.resolution]
        column = self._old(question.column)
        remember(self.session, self.found.name, column, question.condition, new)
        return self.session.execute(
            f"UPDATE {self._table} SET {name} = {new} WHERE {question.condition}"
        )

    def _renamed(self, question: DataCheck) -> int:
        count = 0
        while rows := self.session.query(
            f"SELECT task_id FROM {self._table} WHERE {question.condition} LIMIT 1"
        ):
            self._rename(rows[0][0], self.new_id())
            count += 1
        return count

    def _apart(self) -> int:
        count = 0
        exact = binary("task_id", self.session.dialect)
        for task_id, copies in self.session.query(
            f"SELECT MIN(task_id), COUNT(*) FROM {self._table} WHERE task_id <> '' "
            f"GROUP BY {exact} HAVING COUNT(*) > 1"
        ):
            for number in range(2, int(copies) + 1):
                self._rename(task_id, self._free(str(task_id), number))
                count += 1
        return count

    def _free(self, task_id: str, number: int) -> str:
        new = f"{task_id[:190]}~{number}"
        taken = self.session.query(f"SELECT 1 FROM {self._table} WHERE task_id = ?", new)
        return self.new_id() if taken else new

    def _rename(self, old: str | None, new: str) -> None:
        """Give one row, the newest with the id *old*, another id."""
        same = "task_id IS NULL" if old is None else _IDENTICAL[self.session.dialect]
        values = () if old is None else (old,)
        self.session.execute(
            f"UPDATE {self._table} SET task_id = ? WHERE {_ONE_ROW[self.session.dialect]}".format(
                table=self._table, same=same
            ),
            new,
            *values,
        )
        self.session.execute(
            f"INSERT INTO {CHANGES} (column_name, task_id, old_value, new_value) "
            "VALUES ('task_id', ?, ?, ?)",
            new,
            old,
            new,
        )


def _tightened(old: Column, new: Column) -> bool:
    return old.nullable and not new.nullable


#: Where ids are the same to the last byte; utf8mb4_bin passes over blanks at the end.
_MY_SAME: Final = f"CAST({binary('task_id', Dialect.MARIADB)} AS BINARY) = CAST(? AS BINARY)"
_IDENTICAL: Final[dict[Dialect, str]] = {
    Dialect.MARIADB: _MY_SAME,
    Dialect.MYSQL: _MY_SAME,
    Dialect.SQLITE: f"{binary('task_id', Dialect.SQLITE)} = ?",
    Dialect.POSTGRES: f"{binary('task_id', Dialect.POSTGRES)} = ?",
}
_MY_ROW: Final = "{same} ORDER BY created_at DESC LIMIT 1"
_ONE_ROW: Final[dict[Dialect, str]] = {
    Dialect.MARIADB: _MY_ROW,
    Dialect.MYSQL: _MY_ROW,
    Dialect.SQLITE: "rowid = (SELECT rowid FROM {table} WHERE {same} ORDER BY created_at DESC, "
    "rowid DESC LIMIT 1)",
    Dialect.POSTGRES: "ctid = (SELECT ctid FROM {table} WHERE {same} ORDER BY created_at DESC, "
    "ctid DESC LIMIT 1)",
}

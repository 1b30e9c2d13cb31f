"""Change rows so that the target schema can hold them, and record each changed value.

Everything here can be run again: a changed row no longer meets the condition, and a recorded
value stays.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Final

import attrs

from kling_mock.relay.migration.database.session import Session
from kling_mock.relay.migration.rows.change_log import filled, remember, remember_every
from kling_mock.relay.migration.rows.data_checks import DataCheck, filler, row_checks
from kling_mock.relay.migration.schema.column_types import binary
from kling_mock.relay.migration.state import CHANGES
from kling_mock.relay.storage.schema import Column, Dialect, Table, quoted

#: The effect of each resolution, for the documentation and for messages.
RESOLUTIONS: Final = {
    "generate": "give the row a new task_id, legacy-…",
    "rename": "keep the first row's task_id, and add ~2, ~3, … to the others'",
    "absolute": "drop the minus sign",
    "to-seconds": "divide by 1000",
    "cut": "cut off the end",
    "copy": "copy use_id to user_id",
    "leave": "upgrade only videos, for a program of your own, and leave the other tables",
}

#: The findings that each resolution resolves, and `long-…` by `cut`.
_RESOLVED: Final = {
    "null-task-id": "generate",
    "empty-task-id": "generate",
    "long-task-id": "generate",
    "odd-task-id": "generate",
    "duplicate-task-id": "rename",
    "negative-quota": "absolute",
    "milliseconds-created-at": "to-seconds",
    "milliseconds-updated-at": "to-seconds",
    "use-id": "copy",
    "foreign-tables": "leave",
}

#: Resolutions that an online upgrade applies to each row that it copies, because the new column
#: could not hold the value. `db finish` applies the others: until then the old program reads what
#: it wrote.
_IN_THE_COPY: Final = frozenset({"cut", "generate"})

#: Findings about rows without a task_id.
_NAMELESS: Final = frozenset({"null-task-id", "empty-task-id"})


def resolution_of(finding: str, target: Table) -> str | None:
    """Return the resolution of a *finding* about a table that becomes *target*; None if none."""
    cut = {f"long-{column.name.replace('_', '-')}" for column in target.columns if column.length}
    return _RESOLVED.get(finding, "cut" if finding in cut else None)


def apart(source: Table) -> frozenset[str]:
    """Return the names of findings about rows that an online upgrade cannot follow.

    It follows a row of *source* by its `id`, else by its `task_id`. Which of several rows keeps
    their task_id depends on all of them, so that a trigger, which sees one, cannot decide it.
    """
    return frozenset({"duplicate-task-id"}) | (frozenset() if source.has("id") else _NAMELESS)


@attrs.frozen
class RowChanges:
    """The changes that the rows of one table need for the target schema.

    Attributes:
        session: The connection.
        source: The table as it is.
        target: The table that it will become.
        new_id: Returns a task_id that no row has.
        log: Receives a line about each change.
        in_copy: Names of findings that `copied` resolves, if their resolution is in `_IN_THE_COPY`.
    """

    session: Session
    source: Table
    target: Table
    new_id: Callable[[], str]
    log: Callable[[str], None]
    in_copy: Collection[str] = ()

    @property
    def _table(self) -> str:
        return quoted(self.source.name, self.session.dialect)

    def resolve(self, resolutions: Mapping[str, str]) -> None:
        """Apply the resolutions that the operator chose.

        Ids come first: they have to be distinct, because the other changes are recorded by id.
        """
        questions = [
            check
            for check in row_checks(self.source, self.target, self.session.dialect)
            if check.name in resolutions
        ]
        for question in questions:
            if question.column == "task_id":
                self.log(
                    f"{question.name}={question.resolution}: {self._renamed(question)} rows changed"
                )
        if "duplicate-task-id" in resolutions:
            self.log(f"duplicate-task-id=rename: {self._apart()} rows changed")
        for question in questions:
            if question.column != "task_id":
                self.log(
                    f"{question.name}={question.resolution}: {self._changed(question)} rows changed"
                )

    def remember_nulls(self, origin: Table) -> None:
        """Record which rows hold NULL, or an update time of 0, before it is filled in.

        Columns that *origin*, the table before the first run, does not have were added by a run
        that was killed: nothing of them is restored.
        """
        fills = [fill for fill in self._to_fill() if origin.has(fill[0].name)]
        sums = (f"SUM(CASE WHEN {condition} THEN 1 ELSE 0 END)" for _, condition in fills)
        total, *counts = self.session.query(
            f"SELECT {', '.join(['COUNT(*)', *sums])} FROM {self._table}"
        )[0]
        for (column, condition), count in zip(fills, counts, strict=True):
            if count and count == total:
                remember_every(self.session, self.source.name, column.name)
            elif count:
                old, new = self._old(column.name), filled(column)
                remember(self.session, self.source.name, old, condition, new, self.key())

    def remember_copied(self) -> None:
        """Record the values that were resolved in the copy; `source` is still the old table."""
        for check in self._in_copy():
            column = self._old(check.column)
            new, name = self._resolved(check, ""), self.source.name
            rows = remember(self.session, name, column, check.condition, new, self.key())
            self.log(f"{check.name}={check.resolution}: {rows} rows changed")

    def key(self, row: str = "") -> str:
        """Return the SQL for the task_id that a row of the old table has in the copy."""
        name = f"{row}{quoted('task_id', self.session.dialect)}"
        for check in self._in_copy():
            if check.column == "task_id":
                name = f"IF({self._met(check, row)}, {self._resolved(check, row)}, {name})"
        return name

    def copied(self, column: Column, row: str = "") -> str | None:
        """Return the SQL for the value of a target *column* in a copy; None means its default.

        Args:
            column: The target column.
            row: The prefix of the old row in the statement, with its dot: `NEW.`.
        """
        dialect = self.session.dialect
        name, old = row + quoted(column.name, dialect), self.source.column(column.name)
        if column.name == "legacy" and old is None:
            return "1"
        if old is None:
            return self._instead(column, row)
        if column.name == "updated_at":
            return f"COALESCE(NULLIF({name}, 0), {row}created_at, 0)"
        if column.name == "task_id":
            return self.key(row)
        for check in self._in_copy():
            if check.column == column.name:
                name = self._resolved(check, row)
        value = f"COALESCE({name}, {filler(column)})" if _tightened(old, column) else name
        cast = dialect is Dialect.POSTGRES and old.type != column.type
        return f"CAST({value} AS {column.type})" if cast else value

    def completing(self) -> list[str]:
        """Return the statements that fill new columns of rows that the old program has written."""
        table = self._table
        return [f"UPDATE {table} SET updated_at = created_at WHERE updated_at = 0 AND legacy = 1"]

    # ------------------------------------------------------------ inside

    def _in_copy(self) -> Iterator[DataCheck]:
        for check in row_checks(self.source, self.target, self.session.dialect):
            if check.name in self.in_copy and check.resolution in _IN_THE_COPY:
                yield check

    def _met(self, check: DataCheck, row: str) -> str:
        name = quoted(check.column, self.session.dialect)
        return f"({check.condition.replace(name, row + name)})"

    def _resolved(self, check: DataCheck, row: str) -> str:
        """Return the SQL for the replacement of a value, which depends on its row alone."""
        name = row + quoted(check.column, self.session.dialect)
        if check.resolution == "generate":
            unique = f"{row}id" if check.name in _NAMELESS else name
            return f"CONCAT('legacy-', LEFT(SHA2({unique}, 256), 24))"
        target = self.target.column(check.column)
        return f"SUBSTR({name}, 1, {target.length if target else None})"

    def _instead(self, column: Column, row: str) -> str | None:
        """Return the SQL for the value of a *column* that the old table does not have."""
        if column.name == "updated_at":
            return f"COALESCE({row}created_at, 0)"
        is_user = column.name == "user_id" and self.source.has("use_id")
        return f"COALESCE({row}use_id, 0)" if is_user else None

    def _old(self, name: str) -> Column:
        return next(column for column in self.source.columns if column.name == name)

    def _to_fill(self) -> list[tuple[Column, str]]:
        fills = list[tuple[Column, str]]()
        for column in self.target.columns:
            old, name = self.source.column(column.name), quoted(column.name, self.session.dialect)
            if old is None or column.name == "task_id":
                continue
            if _tightened(old, column):
                fills.append((column, f"{name} IS NULL"))
            if column.name == "updated_at":
                fills.append((column, f"{name} = 0"))
        return fills

    def _changed(self, question: DataCheck) -> int:
        name = quoted(question.column, self.session.dialect)
        whole = "DIV" if self.session.dialect.is_mysql else "/"
        new = {
            "absolute": f"ABS({name})",
            "to-seconds": f"{name} {whole} 1000",
            "cut": self._resolved(question, ""),
            "copy": quoted("use_id", self.session.dialect),
        }[question.resolution]
        column = self._old(question.column)
        remember(self.session, self.source.name, column, question.condition, new)
        return self.session.execute(
            f"UPDATE {self._table} SET {name} = {new} WHERE {question.condition}"
        )

    def _renamed(self, question: DataCheck) -> int:
        """Give each row that meets *question* another id, in one statement for all of them."""
        name, column = self.source.name, self._old("task_id")
        prefix, where, order = f"'{self.new_id()}-'", question.condition, ""
        if self.session.dialect.is_mysql:
            # The same rows are numbered twice, in the order of their content: rows that are alike
            # in everything may change places.
            order = f"ORDER BY {self._newest_first()}"
            new = f"CONCAT({prefix}, ROW_NUMBER() OVER ({order}))"
            number = f"CONCAT({prefix}, @kling_number := @kling_number + 1)"
            self.session.execute("SET @kling_number = 0")
        else:
            new = number = f"{prefix} || {_ROW[self.session.dialect]}"
        remember(self.session, name, column, where, new, new)
        return self.session.execute(
            f"UPDATE {self._table} SET task_id = {number} WHERE {where} {order}"
        )

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
        rows = self.session.query(f"SELECT 1 FROM {self._table} WHERE task_id = ?", new)
        return self.new_id() if rows else new

    def _rename(self, old: str | None, new: str) -> None:
        """Give one row, the newest with the id *old*, another id."""
        same = "task_id IS NULL" if old is None else _IDENTICAL[self.session.dialect]
        values = () if old is None else (old,)
        self.session.execute(
            f"UPDATE {self._table} SET task_id = ? WHERE {self._newest(same)}", new, *values
        )
        self.session.execute(
            f"INSERT INTO {CHANGES} (column_name, task_id, old_value, new_value) "
            "VALUES ('task_id', ?, ?, ?)",
            new,
            old,
            new,
        )

    def _newest(self, same: str) -> str:
        """Return the condition on the newest of the rows that meet *same*."""
        if self.session.dialect.is_mysql:
            return f"{same} ORDER BY {self._newest_first()} LIMIT 1"
        row = "rowid" if self.session.dialect is Dialect.SQLITE else "ctid"
        return (
            f"{row} = (SELECT {row} FROM {self._table} WHERE {same} "
            f"ORDER BY created_at DESC, {row} DESC LIMIT 1)"
        )

    def _newest_first(self) -> str:
        """Return the order of rows on MariaDB and MySQL, which is the same on every replica.

        A replica that repeats a statement stores its rows in another order, and has to choose the
        same one among rows of the same time.
        """
        columns = (quoted(column.name, self.session.dialect) for column in self.source.columns)
        return ", ".join(["created_at DESC", *(f"SHA2({column}, 256)" for column in columns)])


def _tightened(old: Column, new: Column) -> bool:
    return old.nullable and not new.nullable


#: The expression that distinguishes rows without a key, as text.
_ROW: Final = {
    Dialect.SQLITE: "rowid",
    Dialect.POSTGRES: "translate(ctid::text, ',()', '-')",
}

#: The condition that ids are the same to the last byte; utf8mb4_bin ignores trailing blanks.
_MY_SAME: Final = f"CAST({binary('task_id', Dialect.MARIADB)} AS BINARY) = CAST(? AS BINARY)"
_IDENTICAL: Final[dict[Dialect, str]] = {
    Dialect.MARIADB: _MY_SAME,
    Dialect.MYSQL: _MY_SAME,
    Dialect.SQLITE: f"{binary('task_id', Dialect.SQLITE)} = ?",
    Dialect.POSTGRES: f"{binary('task_id', Dialect.POSTGRES)} = ?",
}

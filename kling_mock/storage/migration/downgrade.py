"""`kling-mock db downgrade`: back to the table that the upgrade found.

No row and no column that existed before is lost, and values that the upgrade changed are put
back. What only the new schema can hold stops it, unless the operator has it set aside: then it
is kept in `migration_changes`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Final, Literal

import attrs

from kling_mock.storage.migration.companions import leave
from kling_mock.storage.migration.ddl import alter, quoted
from kling_mock.storage.migration.findings import Finding
from kling_mock.storage.migration.introspect import read_table
from kling_mock.storage.migration.plan import plan
from kling_mock.storage.migration.probes import row_probes
from kling_mock.storage.migration.rebuild import rebuild
from kling_mock.storage.migration.session import Dialect, Session, transaction
from kling_mock.storage.migration.shapes import Shape
from kling_mock.storage.migration.state import CHANGES, EVERY, Origin, State
from kling_mock.storage.migration.table import Column, Table, same_content
from kling_mock.storage.migration.upgrade import BlockedError

__all__ = ["Downgrade", "Point"]

#: Where a run can be stopped; the tests stop it at each.
Point = Literal["set-aside", "altered", "restored", "finished"]

#: Columns of ours whose values say nothing that the old table would miss.
_DERIVED: Final = frozenset({"id", "legacy", "updated_at"})

#: Marks values in `migration_changes` that a downgrade kept.
_ASIDE: Final = "new:"


def nowhere(_point: Point) -> None:
    """Pass a named point without stopping."""


@attrs.frozen
class Downgrade:
    """One downgrade of the table `videos`.

    Attributes:
        session: The connection.
        wanted: The schema that the table has now.
        set_aside: Names of findings whose values are kept in `migration_changes`.
        log: Told what is done, a line each.
        at: Called at each named point.
    """

    session: Session
    wanted: Table
    set_aside: Collection[str] = ()
    log: Callable[[str], None] = print
    at: Callable[[Point], None] = nowhere

    def run(self) -> Shape:
        """Bring the table back; return the shape that it has again.

        Raises:
            BlockedError: No upgrade was recorded, or there is data the old shape cannot hold.
            DatabaseError: The database refused a statement.
        """
        state = State(self.session)
        origin, found = state.origin, read_table(self.session, self.wanted.name)
        if origin is None or found is None:
            raise BlockedError(
                [
                    Finding(
                        "no-origin",
                        "blocker",
                        "no upgrade by this program is recorded, so there is no way back",
                    )
                ]
            )
        if self.session.dialect in {"mariadb", "mysql"}:
            self._whole(state, origin, found)
        else:
            with transaction(self.session):
                self._whole(state, origin, found)
        self.at("finished")
        return origin.shape

    def _whole(self, state: State, origin: Origin, found: Table) -> None:
        if not same_content(found, origin.table):
            lost = self.losses(found, origin.table)
            refused = [one for one in lost if one.name not in self.set_aside]
            if refused:
                raise BlockedError(refused)
            self._keep_losses(found, origin.table, lost)
            self._single_out()
            state.set("downgrading", value=True)
            self.at("set-aside")
            self._change(origin, found)
            self.at("altered")
        self._restore(origin.table)
        self.at("restored")
        if full := leave(self.session, state.get("made") or []):
            self.log(f"{', '.join(full)}: not empty, so they stay")
        if self.session.query(
            f"SELECT 1 FROM {CHANGES} WHERE column_name LIKE '{_ASIDE}%' LIMIT 1"
        ):
            for name in ("origin", "upgrading", "downgrading", "rows", "checksum", "made"):
                state.delete(name)
            self.session.execute(f"DELETE FROM {CHANGES} WHERE column_name NOT LIKE '{_ASIDE}%'")
            self.log(f"what was set aside is in the table {CHANGES}")
        else:
            state.drop()

    # ------------------------------------------------------------ what would be lost

    def losses(self, found: Table, old: Table) -> list[Finding]:
        """Return what the old table cannot hold: one finding for each column or index."""
        narrow = [
            one
            for one in row_probes(found, old, self.session.dialect)
            if one.name.startswith(("long-", "range-"))
        ]
        conditions = [
            *(
                (f"new-{_dashed(one.name)}", self._holds(one), "set-aside")
                for one in _new(found, old)
            ),
            *((one.name, one.condition, "") for one in narrow),
        ]
        table, findings = quoted(found.name, self.session.dialect), list[Finding]()
        for name, condition, word in conditions:
            count = self.session.query(f"SELECT COUNT(*) FROM {table} WHERE {condition}")[0][0]
            if count:
                says = f"the old table has no place for what {count} rows hold here"
                findings.append(Finding(name, "blocker", says, int(count), resolution=word))
        return [*findings, *self._collisions(table, old)]

    def _holds(self, column: Column) -> str:
        name = quoted(column.name, self.session.dialect)
        if column.default is not None:
            return f"{name} <> {column.default}"
        textual = "char" in column.type or "text" in column.type
        return f"{name} <> ''" if textual else f"{name} IS NOT NULL"

    def _collisions(self, table: str, old: Table) -> list[Finding]:
        findings: list[Finding] = []
        for index in old.indexes:
            prefix = index.prefixes[0] if index.unique and len(index.columns) == 1 else None
            if prefix is None:
                continue
            rows = self.session.query(
                f"SELECT COUNT(*) FROM (SELECT 1 AS one FROM {table} "
                f"GROUP BY LOWER(LEFT({quoted(index.columns[0], self.session.dialect)}, {prefix})) "
                "HAVING COUNT(*) > 1) AS alike"
            )
            if rows[0][0]:
                says = (
                    f"ids are equal in their first {prefix} characters or but for case, and the "
                    f"old index {index.name} refuses them"
                )
                findings.append(Finding("alike-task-id", "blocker", says, int(rows[0][0])))
        return findings

    # ------------------------------------------------------------ the way back

    def _keep_losses(self, found: Table, old: Table, lost: list[Finding]) -> None:
        names, table = {one.name for one in lost}, quoted(found.name, self.session.dialect)
        for column in _new(found, old):
            if f"new-{_dashed(column.name)}" in names:
                text = _as_text(quoted(column.name, self.session.dialect), self.session.dialect)
                key = _ASIDE + column.name
                self.session.execute(f"DELETE FROM {CHANGES} WHERE column_name = ?", key)
                kept = self.session.execute(
                    f"INSERT INTO {CHANGES} (column_name, task_id, old_value) "
                    f"SELECT '{key}', task_id, {text} FROM {table} WHERE {self._holds(column)}"
                )
                self.log(f"new-{_dashed(column.name)}=set-aside: {kept} values")

    def _single_out(self) -> None:
        """Note by id which rows were migrated, once there are others: `legacy` goes away."""
        table = quoted(self.wanted.name, self.session.dialect)
        if not self.session.query(f"SELECT 1 FROM {table} WHERE legacy = 0 LIMIT 1"):
            return
        for column, value in self.session.query(
            f"SELECT column_name, old_value FROM {CHANGES} WHERE task_id = ?", EVERY
        ):
            self.session.execute(
                f"INSERT INTO {CHANGES} (column_name, task_id, old_value) "
                f"SELECT '{column}', task_id, {'NULL' if value is None else repr(str(value))} "
                f"FROM {table} WHERE legacy = 1"
            )
            self.session.execute(
                f"DELETE FROM {CHANGES} WHERE column_name = ? AND task_id = ?", column, EVERY
            )

    def _change(self, origin: Origin, found: Table) -> None:
        dialect = self.session.dialect
        if dialect in {"mariadb", "mysql"}:
            steps = plan(found, origin.table, in_order=True)
            self.session.execute(alter(found.name, steps, dialect))
            return
        made = origin.definition if dialect == "sqlite" else ()

        def copied(column: Column) -> str | None:
            name, now = quoted(column.name, dialect), found.column(column.name)
            if now is None:
                return None
            cast = dialect == "postgresql" and now.type != column.type
            return f"CAST({name} AS {column.type})" if cast else name

        for statement in rebuild(found, origin.table, dialect, copied, made):
            self.session.execute(statement)

    def _restore(self, old: Table) -> None:
        """Put back what the upgrade changed; ids last, for the rest is known by them."""
        table, dialect = quoted(old.name, self.session.dialect), self.session.dialect
        names = {
            str(row[0]) for row in self.session.query(f"SELECT DISTINCT column_name FROM {CHANGES}")
        }
        for column in sorted(old.columns, key=lambda one: one.name == "task_id"):
            if column.name not in names:
                continue
            name = quoted(column.name, dialect)
            value = f"CAST(old_value AS {column.type})" if dialect == "postgresql" else "old_value"
            where = f"FROM {CHANGES} WHERE column_name = '{column.name}' AND task_id = "
            if self.session.query(f"SELECT 1 {where}'{EVERY}'"):
                self.session.execute(
                    f"UPDATE {table} SET {name} = (SELECT {value} {where}'{EVERY}')"
                )
            key = _key(table, dialect)
            self.session.execute(
                f"UPDATE {table} SET {name} = (SELECT {value} {where}{key}) "
                f"WHERE EXISTS (SELECT 1 {where}{key})"
            )


def _new(found: Table, old: Table) -> list[Column]:
    return [one for one in found.columns if not old.has(one.name) and one.name not in _DERIVED]


def _key(table: str, dialect: Dialect) -> str:
    """Return the id of a row so that the key of `migration_changes` finds it."""
    if dialect in {"mariadb", "mysql"}:
        return f"CONVERT({table}.task_id USING ascii) COLLATE ascii_bin"
    return f"{table}.task_id"


def _as_text(value: str, dialect: Dialect) -> str:
    return f"CAST({value} AS {'CHAR' if dialect in {'mariadb', 'mysql'} else 'TEXT'})"


def _dashed(column: str) -> str:
    return column.replace("_", "-")

"""`kling-mock db downgrade`: back to the table that the upgrade found.

No row and no column that existed before is lost, and values that the upgrade changed are
restored. Data that only the new schema can hold stops it, unless the operator sets it aside: then
it is kept in `migration_changes`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Final

import attrs

from kling_mock.migration.auxiliary_tables import drop_unused
from kling_mock.migration.check import left_over
from kling_mock.migration.database.features import unsupported
from kling_mock.migration.database.introspect import read_table
from kling_mock.migration.database.preflight import judge, look
from kling_mock.migration.database.session import Session, transaction
from kling_mock.migration.findings import BlockedError, Finding
from kling_mock.migration.rows.change_log import restore, single_out, stored
from kling_mock.migration.rows.data_checks import row_checks
from kling_mock.migration.schema.alter import alter
from kling_mock.migration.schema.known_schemas import KnownSchema, goal
from kling_mock.migration.schema.plan import plan
from kling_mock.migration.schema.rebuild import rebuild
from kling_mock.migration.state import CHANGES, MigrationState, Origin
from kling_mock.migration.upgrade import lock
from kling_mock.storage.schema import Column, Dialect, Index, Table, quoted, same_content

__all__ = ["Downgrade", "downgrade_statements", "in_the_way", "recorded"]

#: Added columns whose values the old table does not need.
_DERIVED: Final = frozenset({"id", "legacy", "updated_at"})

#: Marks values in `migration_changes` that a downgrade kept.
_ASIDE: Final = "new:"


def recorded(session: Session, table: str) -> tuple[Origin, Table]:
    """Return where the *table* came from, and what it is now.

    Raises:
        BlockedError: No upgrade was recorded, or there is no such table.
    """
    origin, found = MigrationState(session).origin, read_table(session, table)
    if origin is None or found is None:
        says = "no upgrade by this program is recorded, so it cannot be undone"
        raise BlockedError([Finding("no-origin", "blocker", says)])
    return origin, found


def in_the_way(session: Session, found: Table, old: Table, wanted: Table) -> list[Finding]:
    """Return what a downgrade would lose that neither the old table nor the upgrade made."""
    known = {one.name for one in (*goal(old, wanted).indexes, *old.indexes)}
    later = [one.name for one in found.indexes if one.name not in known]
    return [
        *left_over(session),
        *unsupported(session, found, wanted),
        *(one for one in judge(look(session, found.name)) if one.severity == "blocker"),
        *(
            Finding(
                "later-index",
                "blocker",
                f"the index {name} was made after the upgrade; drop it, and make it again "
                "afterwards",
            )
            for name in later
        ),
    ]


def downgrade_statements(found: Table, origin: Origin, dialect: Dialect) -> list[str]:
    """Return the statements that bring back the old table."""
    if dialect.is_mysql:
        return [alter(found.name, plan(found, origin.table, in_order=True), dialect)]

    def copied(column: Column) -> str | None:
        name, now = quoted(column.name, dialect), found.column(column.name)
        if now is None:
            return None
        cast = dialect is Dialect.POSTGRES and now.type != column.type
        return f"CAST({name} AS {column.type})" if cast else name

    made = origin.definition if dialect is Dialect.SQLITE else ()
    return rebuild(found, origin.table, dialect, copied, made)


@attrs.frozen
class Downgrade:
    """One downgrade of the table `videos`.

    Attributes:
        session: The connection.
        wanted: The schema that the table has now.
        set_aside: Names of findings whose values are kept in `migration_changes`; `all` for
            each that can be kept.
        log: Told what is done, a line each.
    """

    session: Session
    wanted: Table
    set_aside: Collection[str] = ()
    log: Callable[[str], None] = print

    def run(self) -> KnownSchema:
        """Bring the table back; return the shape that it has again.

        Raises:
            BlockedError: No upgrade was recorded, one is not finished, or there is data the
                old shape cannot hold.
            DatabaseError: The database refused a statement.
        """
        state = MigrationState(self.session)
        origin, found = recorded(self.session, self.wanted.name)
        if state.method == "online":
            says = "an online upgrade was interrupted; run it again, or --abandon it"
            raise BlockedError([Finding("online-unfinished", "blocker", says)])
        if self.session.dialect.is_mysql:
            self._whole(state, origin, found)
        else:
            with transaction(self.session):
                lock(self.session, found.name)
                self._whole(state, origin, found)
        return origin.shape

    def _may_go(self, lost: Finding) -> bool:
        chosen = lost.name in self.set_aside or "all" in self.set_aside
        return bool(lost.resolution) and chosen

    def _whole(self, state: MigrationState, origin: Origin, found: Table) -> None:
        there = not same_content(found, origin.table)
        lost = self.losses(found, origin.table) if there else []
        refused = [one for one in lost if not self._may_go(one)]
        if there:
            refused += in_the_way(self.session, found, origin.table, self.wanted)
        if refused:
            raise BlockedError(refused)
        state.create()  # a run that was killed at its very end dropped one of the two
        if there:
            self._keep_losses(found, origin.table, lost)
            single_out(self.session, found)
            state.set("downgrading", value=True)
            for statement in downgrade_statements(found, origin, self.session.dialect):
                self.session.execute(statement)
        restore(self.session, origin.table, self.wanted)
        if full := drop_unused(self.session, state.get("made") or []):
            self.log(f"{', '.join(full)}: not empty, so they stay")
        aside = f"column_name LIKE '{_ASIDE}%'"
        if self.session.query(f"SELECT 1 FROM {CHANGES} WHERE {aside} LIMIT 1"):
            self.session.execute(f"DELETE FROM {CHANGES} WHERE NOT {aside}")
            state.clear()
            self.log(f"what was set aside is in the table {CHANGES}")
        else:
            state.drop()

    # ------------------------------------------------------------ what would be lost

    def losses(self, found: Table, old: Table) -> list[Finding]:
        """Return what the old table cannot hold: one finding for each column or index."""
        narrow = [
            one
            for one in row_checks(found, old, self.session.dialect)
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
        known, target = {one.name for one in findings}, goal(old, self.wanted)
        findings += [
            Finding(
                f"new-{_dashed(one.name)}",
                "blocker",
                f"the column {one.name} was added after the upgrade, and the old table has none",
                resolution="set-aside",
            )
            for one in _new(found, old)
            if not target.has(one.name) and f"new-{_dashed(one.name)}" not in known
        ]
        return [*findings, *self._collisions(table, old)]

    def _holds(self, column: Column) -> str:
        name = quoted(column.name, self.session.dialect)
        if column.default is not None:
            return f"{name} <> {column.default}"
        textual = "char" in column.type or "text" in column.type
        return f"{name} <> ''" if textual else f"{name} IS NOT NULL"

    def _collisions(self, table: str, old: Table) -> list[Finding]:
        """Return which ids an old key refuses that looks at their beginning, or not at case.

        Only MariaDB and MySQL have such keys; elsewhere the old ones compare every byte.
        """
        column = old.column("task_id")
        if column is None or not self.session.dialect.is_mysql:
            return []
        keys = [*old.indexes, Index("PRIMARY", old.primary, unique=True)]
        charset = column.collation.partition("_")[0]
        value = f"CONVERT(task_id USING {charset}) COLLATE {column.collation}"
        findings: list[Finding] = []
        for key in keys:
            if not key.unique or key.columns != ("task_id",):
                continue
            shown = f"LEFT({value}, {key.prefixes[0]})" if key.prefixes[0] else value
            count = self.session.query(
                f"SELECT COUNT(*) FROM (SELECT 1 AS one FROM {table} GROUP BY {shown} "
                "HAVING COUNT(*) > 1) AS alike"
            )[0][0]
            if count:
                part = f" in their first {key.prefixes[0]} characters" if key.prefixes[0] else ""
                says = f"ids are equal{part} to the old key {key.name}, which refuses them"
                findings.append(Finding("alike-task-id", "blocker", says, int(count)))
        return findings

    # ------------------------------------------------------------ values set aside

    def _keep_losses(self, found: Table, old: Table, lost: list[Finding]) -> None:
        names, table = {one.name for one in lost}, quoted(found.name, self.session.dialect)
        for column in _new(found, old):
            if f"new-{_dashed(column.name)}" in names:
                text = stored(column, self.session.dialect)
                key = _ASIDE + column.name
                self.session.execute(f"DELETE FROM {CHANGES} WHERE column_name = ?", key)
                kept = self.session.execute(
                    f"INSERT INTO {CHANGES} (column_name, task_id, old_value) "
                    f"SELECT '{key}', task_id, {text} FROM {table} WHERE {self._holds(column)}"
                )
                self.log(f"new-{_dashed(column.name)}=set-aside: {kept} values")


def _new(found: Table, old: Table) -> list[Column]:
    return [one for one in found.columns if not old.has(one.name) and one.name not in _DERIVED]


def _dashed(column: str) -> str:
    return column.replace("_", "-")

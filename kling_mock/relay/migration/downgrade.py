"""`kling-mock db downgrade`: restore the table that the upgrade found.

No row and no column that existed before is lost, and values that the upgrade changed are
restored. Data that only the new schema can hold stops the downgrade, unless the operator sets the
data aside: then it is kept in `migration_changes`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from typing import Final

import attrs

from kling_mock.relay.migration.auxiliary_tables import drop_unused
from kling_mock.relay.migration.check import left_over
from kling_mock.relay.migration.database.features import unsupported
from kling_mock.relay.migration.database.introspect import read_table
from kling_mock.relay.migration.database.lock_retry import WAIT_AT_MOST, LockRetry
from kling_mock.relay.migration.database.preflight import judge, look
from kling_mock.relay.migration.database.session import Session
from kling_mock.relay.migration.findings import BlockedError, Finding
from kling_mock.relay.migration.rows.change_log import restore, single_out, stored
from kling_mock.relay.migration.rows.data_checks import row_checks
from kling_mock.relay.migration.schema.alter import alter
from kling_mock.relay.migration.schema.known_schemas import KnownSchema, goal
from kling_mock.relay.migration.schema.plan import plan
from kling_mock.relay.migration.schema.rebuild import rebuild
from kling_mock.relay.migration.state import ASIDE, CHANGES, MigrationState, Origin
from kling_mock.relay.migration.upgrade import drop_copies
from kling_mock.relay.storage.schema import Column, Dialect, Index, Table, quoted, same_content

#: Added columns whose values the old table does not need.
_DERIVED: Final = frozenset({"id", "legacy", "updated_at"})


def recorded(session: Session, table: str) -> tuple[Origin, Table]:
    """Return the origin of the *table*, and its present description.

    Raises:
        BlockedError: No upgrade was recorded, or there is no such table.
    """
    origin, migrated = MigrationState(session).origin, read_table(session, table)
    if origin is None or migrated is None:
        says = "no upgrade by this program is recorded, so it cannot be undone"
        raise BlockedError([Finding("no-origin", "blocker", says)])
    return origin, migrated


def in_the_way(session: Session, migrated: Table, old: Table, schema: Table) -> list[Finding]:
    """Return the blockers of a downgrade, such as later additions that it would lose."""
    known = {index.name for index in (*goal(old, schema).indexes, *old.indexes)}
    later = [index.name for index in migrated.indexes if index.name not in known]
    return [
        *left_over(session),
        *unsupported(session, migrated, schema),
        *(
            finding
            for finding in judge(look(session, migrated.name))
            if finding.severity == "blocker"
        ),
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


def downgrade_statements(migrated: Table, origin: Origin, dialect: Dialect) -> list[str]:
    """Return the statements that restore the old table."""
    if dialect.is_mysql:
        return [alter(migrated.name, plan(migrated, origin.table, in_order=True), dialect)]

    def copied(column: Column) -> str | None:
        name, now = quoted(column.name, dialect), migrated.column(column.name)
        if now is None:
            return None
        cast = dialect is Dialect.POSTGRES and now.type != column.type
        return f"CAST({name} AS {column.type})" if cast else name

    statements = origin.definition if dialect is Dialect.SQLITE else ()
    return rebuild(migrated, origin.table, dialect, copied, statements)


@attrs.frozen
class Downgrade:
    """One downgrade of the table `videos`.

    Attributes:
        session: The connection.
        schema: The schema that the table has now.
        set_aside: Names of findings whose values are kept in `migration_changes`; `all` for
            every finding whose values can be kept.
        log: Receives a line about each action.
        wait_at_most: Seconds after which a wait for others that use the table is given up.
    """

    session: Session
    schema: Table
    set_aside: Collection[str] = ()
    log: Callable[[str], None] = print
    wait_at_most: float = WAIT_AT_MOST

    def run(self) -> KnownSchema:
        """Restore the old table; return its shape.

        Raises:
            BlockedError: No upgrade was recorded, one is not finished, or there is data the
                old shape cannot hold.
            UnfinishedError: Others used the table for longer than `wait_at_most`.
            DatabaseError: The database refused a statement.
        """
        state = MigrationState(self.session)
        origin, migrated = recorded(self.session, self.schema.name)
        if state.method == "online":
            text = "an online upgrade was interrupted; run it again, or --abandon it"
            if state.is_swapped:
                text = "the tables are swapped; stop the old program, and run kling-mock db finish"
            raise BlockedError([Finding("online-unfinished", "blocker", text)])
        retry = LockRetry(self.session, self.log, time.sleep, self.wait_at_most)
        if self.session.dialect.is_mysql:
            lost = self._accepted(origin, migrated)
            with retry.bounded():
                self._restore(state, origin, migrated, lost)
        else:

            def whole() -> None:
                self._restore(state, origin, migrated, self._accepted(origin, migrated))

            retry.in_transaction(migrated.name, whole)
        return origin.shape

    def _may_go(self, lost: Finding) -> bool:
        chosen = lost.name in self.set_aside or "all" in self.set_aside
        return bool(lost.resolution) and chosen

    def _accepted(self, origin: Origin, migrated: Table) -> list[Finding] | None:
        """Return the losses that the operator accepts; None if *migrated* is the old table."""
        if same_content(migrated, origin.table):
            return None
        lost = self.losses(migrated, origin.table)
        refused = [finding for finding in lost if not self._may_go(finding)]
        refused += in_the_way(self.session, migrated, origin.table, self.schema)
        if refused:
            raise BlockedError(refused)
        return lost

    def _restore(
        self, state: MigrationState, origin: Origin, migrated: Table, lost: list[Finding] | None
    ) -> None:
        state.create()  # a run killed at its very end may have dropped one of its tables
        if state.method == "direct":
            drop_copies(self.session)
        if lost is not None:
            self._keep_losses(migrated, origin.table, lost)
            single_out(self.session, migrated)
            state.set("downgrading", value=True)
            for statement in downgrade_statements(migrated, origin, self.session.dialect):
                self.session.execute(statement)
        restore(self.session, origin.table, self.schema)
        if full := drop_unused(self.session, state.get("made") or []):
            self.log(f"{', '.join(full)}: not empty, so they stay")
        if state.end():
            self.log(f"what was set aside is in the table {CHANGES}")

    # ------------------------------------------------------------ what would be lost

    def losses(self, migrated: Table, old: Table) -> list[Finding]:
        """Return a finding for each column or index that the old table cannot hold."""
        narrow = [
            check
            for check in row_checks(migrated, old, self.session.dialect)
            if check.name.startswith(("long-", "range-"))
        ]
        conditions = [
            *(
                (f"new-{_dashed(column.name)}", self._holds(column), "set-aside")
                for column in _new(migrated, old)
            ),
            *((check.name, check.condition, "") for check in narrow),
        ]
        table, findings = quoted(migrated.name, self.session.dialect), list[Finding]()
        for name, condition, word in conditions:
            count = self.session.query(f"SELECT COUNT(*) FROM {table} WHERE {condition}")[0][0]
            if count:
                says = f"the old table has no place for what {count} rows hold here"
                findings.append(Finding(name, "blocker", says, int(count), resolution=word))
        known, target = {finding.name for finding in findings}, goal(old, self.schema)
        findings += [
            Finding(
                f"new-{_dashed(column.name)}",
                "blocker",
                f"the column {column.name} was added after the upgrade, and the old table does not "
                "have it",
                resolution="set-aside",
            )
            for column in _new(migrated, old)
            if not target.has(column.name) and f"new-{_dashed(column.name)}" not in known
        ]
        return [*findings, *self._collisions(table, old)]

    def _holds(self, column: Column) -> str:
        name = quoted(column.name, self.session.dialect)
        if column.default is not None:
            return f"{name} <> {column.default}"
        textual = "char" in column.type or "text" in column.type
        return f"{name} <> ''" if textual else f"{name} IS NOT NULL"

    def _collisions(self, table: str, old: Table) -> list[Finding]:
        """Return a finding for each old key that refuses ids because it ignores their end or case.

        Only MariaDB and MySQL have such keys; elsewhere the old keys compare every byte.
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
            indexed = f"LEFT({value}, {key.prefixes[0]})" if key.prefixes[0] else value
            count = self.session.query(
                f"SELECT COUNT(*) FROM (SELECT 1 AS one FROM {table} GROUP BY {indexed} "
                "HAVING COUNT(*) > 1) AS alike"
            )[0][0]
            if count:
                part = f" in their first {key.prefixes[0]} characters" if key.prefixes[0] else ""
                says = f"ids are equal{part} to the old key {key.name}, which refuses them"
                findings.append(Finding("alike-task-id", "blocker", says, int(count)))
        return findings

    # ------------------------------------------------------------ values set aside

    def _keep_losses(self, migrated: Table, old: Table, lost: list[Finding]) -> None:
        names, table = (
            {finding.name for finding in lost},
            quoted(migrated.name, self.session.dialect),
        )
        for column in _new(migrated, old):
            if f"new-{_dashed(column.name)}" in names:
                text = stored(column, self.session.dialect)
                key = ASIDE + column.name
                self.session.execute(f"DELETE FROM {CHANGES} WHERE column_name = ?", key)
                count = self.session.execute(
                    f"INSERT INTO {CHANGES} (column_name, task_id, old_value) "
                    f"SELECT '{key}', task_id, {text} FROM {table} WHERE {self._holds(column)}"
                )
                self.log(f"new-{_dashed(column.name)}=set-aside: {count} values")


def _new(migrated: Table, old: Table) -> list[Column]:
    return [
        column
        for column in migrated.columns
        if not old.has(column.name) and column.name not in _DERIVED
    ]


def _dashed(column: str) -> str:
    return column.replace("_", "-")

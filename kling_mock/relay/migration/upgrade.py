"""`kling-mock db upgrade` without `--online`: change the table while the application is stopped.

On MariaDB and MySQL, one transaction changes the rows so that they fit, an ALTER numbers the rows
without an id, and another ALTER does everything else. On SQLite and PostgreSQL, everything happens
in one transaction. If a run is killed at any point, the next one continues from what it finds.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping

import attrs

from kling_mock.relay.migration.auxiliary_tables import (
    auxiliary_tables,
    foreign_says,
    make_tables,
    write_version,
)
from kling_mock.relay.migration.check import CheckReport, check, import_unfinished
from kling_mock.relay.migration.database.introspect import definition, read_table
from kling_mock.relay.migration.database.lock_retry import WAIT_AT_MOST, LockRetry
from kling_mock.relay.migration.database.session import DatabaseError, Session, transaction
from kling_mock.relay.migration.findings import BlockedError, Finding, UnfinishedError
from kling_mock.relay.migration.row_order import number_rows, unordered
from kling_mock.relay.migration.rows.change_log import restore
from kling_mock.relay.migration.rows.row_changes import RowChanges
from kling_mock.relay.migration.schema.alter import alter
from kling_mock.relay.migration.schema.known_schemas import NUMBERING, KnownSchema, goal
from kling_mock.relay.migration.schema.plan import plan
from kling_mock.relay.migration.schema.rebuild import rebuild
from kling_mock.relay.migration.state import ImportStage, Method, MigrationState, Origin
from kling_mock.relay.migration.verify import checksum
from kling_mock.relay.storage.schema import Dialect, Table, quoted, same_content


@attrs.frozen
class Upgrade:
    """One upgrade of the table `videos`.

    Attributes:
        session: The connection.
        schema: The target schema.
        new_id: Returns a task_id that no row has, for rows that need one.
        resolutions: The operator's decisions: the name of each blocker and its resolution.
        log: Receives a line about each action.
        wait_at_most: Seconds after which a wait for others that use the table is given up.
    """

    session: Session
    schema: Table
    new_id: Callable[[], str]
    resolutions: Mapping[str, str] = attrs.field(factory=dict[str, str])
    log: Callable[[str], None] = print
    wait_at_most: float = WAIT_AT_MOST

    def run(self) -> KnownSchema:
        """Upgrade the table; return the schema that it had, even if that was the target.

        Raises:
            BlockedError: There is a blocker without a resolution.
            DatabaseError: The database refused a statement.
        """
        if self.session.dialect.is_mysql:
            return self._run(self._alter)
        return self._retry.again(self._in_one_transaction)

    @property
    def _retry(self) -> LockRetry:
        return LockRetry(self.session, self.log, time.sleep, self.wait_at_most)

    def _in_one_transaction(self) -> KnownSchema:
        with transaction(self.session):
            # Locked before the check: later writes would not be checked, and a CAST cuts texts.
            lock(self.session, self.schema.name)
            return self._run(self._rebuild)

    def _run(self, change: Callable[[MigrationState, Table, CheckReport], None]) -> KnownSchema:
        state = MigrationState(self.session)
        self.allow(state, "direct")
        report = check(self.session, self.schema)
        if report.shape is KnownSchema.OURS:
            if state.method is not None:
                self._finish(state)
            return report.shape
        table = self.accepted(report, "direct")
        self.record(state, report, table, "direct")
        change(state, table, report)
        self._finish(state)
        return report.shape

    def allow(self, state: MigrationState, method: Method) -> None:
        """Refuse to start if another command was interrupted.

        Raises:
            BlockedError: That command has to be finished first.
        """
        if state.import_stage is ImportStage.COPYING:
            raise BlockedError(import_unfinished(state))
        if state.get("downgrading") is not None:
            says = "a downgrade was interrupted; run kling-mock db downgrade again first"
            raise BlockedError([Finding("downgrading", "blocker", says)])
        if method == "direct" and state.is_swapped:
            says = "stop the old program, and run kling-mock db finish"
            raise BlockedError([Finding("swapped", "blocker", f"the tables are swapped; {says}")])
        if method == "direct" and state.method == "online":
            says = (
                "an online upgrade was interrupted; run kling-mock db upgrade --online again, "
                "or --abandon"
            )
            raise BlockedError([Finding("online-unfinished", "blocker", says)])

    def needed(self, method: Method) -> bool:
        """Return whether there is something to upgrade, without changing anything.

        Raises:
            BlockedError: `run` would raise it.
        """
        state = MigrationState(self.session)
        self.allow(state, method)
        report = check(self.session, self.schema)
        if report.shape is KnownSchema.OURS:
            return False
        self.continuing(state).accepted(report, method)
        return True

    def continuing(self, state: MigrationState) -> Upgrade:
        """Return the upgrade with the decisions of the online run that it continues, and its own.

        Args:
            state: The recorded state; without an unfinished online run it adds nothing.
        """
        recorded = state.get("resolutions") if state.method == "online" else None
        return attrs.evolve(self, resolutions={**(recorded or {}), **self.resolutions})

    def accepted(self, report: CheckReport, method: Method) -> Table:
        """Return the table of a report that allows an upgrade.

        Raises:
            BlockedError: The report does not allow an upgrade.
        """
        if report.table is None or not report.shape.upgradable:
            raise BlockedError([Finding(report.shape.value, "blocker", report.shape.means)])
        if open_ones := self.unresolved(report.blockers):
            raise BlockedError(open_ones)
        if method == "direct" and (refused := unordered(self.session, report.table, "blocker")):
            raise BlockedError(refused)
        if method == "online" and report.table.index(NUMBERING) is not None:
            says = (
                "a direct upgrade was interrupted; stop the application and run kling-mock db "
                "upgrade again, or go back with kling-mock db downgrade"
            )
            raise BlockedError([Finding("direct-unfinished", "blocker", says)])
        return report.table

    def unresolved(self, blockers: Iterable[Finding]) -> list[Finding]:
        """Return the blockers that the operator has not resolved."""
        return [
            blocker
            for blocker in blockers
            if not blocker.resolution or self.resolutions.get(blocker.name) != blocker.resolution
        ]

    # ------------------------------------------------------------ steps

    def record(
        self, state: MigrationState, report: CheckReport, table: Table, method: Method
    ) -> None:
        """Record the original table, once, before anything is changed."""
        state.create()
        if state.origin is None:
            origin = Origin(report.shape, table, report.definition)
            state.set("origin", origin.to_json())
        state.set("upgrading", {"way": method})

    def _rows(self, table: Table) -> RowChanges:
        return RowChanges(self.session, table, goal(table, self.schema), self.new_id, self.log)

    def _alter(self, state: MigrationState, table: Table, report: CheckReport) -> None:
        rows = self._rows(table)
        with self._retry.bounded(), transaction(self.session):
            rows.resolve(self.resolutions)
            rows.remember_nulls(_origin(state))
            rows.fill()
            self._note_content(state, table, rows)
        target = goal(table, self.schema)
        if not table.has("legacy"):
            target = with_default(target, "legacy", "1")
        if definition(self.session, table.name) != report.definition:
            raise UnfinishedError(
                "the definition of the table was changed meanwhile, so it was not altered; "
                "run kling-mock db check and the upgrade again"
            )
        dialect = self.session.dialect
        numbered, statements = number_rows(self.session, table, target, dialect)
        try:
            with self._retry.bounded():
                for statement in (*statements, alter(table.name, plan(numbered, target), dialect)):
                    self.session.execute(statement)
        except (DatabaseError, UnfinishedError) as error:
            error.add_note(self._undone(state, table))
            raise

    def _undone(self, state: MigrationState, table: Table) -> str:
        """Undo the row changes that preceded a failed ALTER; return a note on the table's state.

        Args:
            state: The recorded state, with the origin of the table.
            table: The table as it was when this run started.
        """
        origin = state.origin
        says = (
            "rows may have been changed already: kling-mock db downgrade restores them; or remove "
            "the cause of the failure and run the upgrade again, which continues"
        )
        if origin is None or not same_content(table, origin.table):
            return says
        try:
            now = read_table(self.session, table.name)
            if now is not None and (steps := plan(now, origin.table, in_order=True)):
                self.session.execute(alter(table.name, steps, self.session.dialect))
            restore(self.session, origin.table, self.schema)
            state.drop()
        except DatabaseError as failure:
            return f"it could not be undone ({failure}); {says}"
        return "the upgrade is undone: every row is as it was before"

    def _rebuild(self, state: MigrationState, table: Table, _report: CheckReport) -> None:
        rows = self._rows(table)
        rows.resolve(self.resolutions)
        rows.remember_nulls(_origin(state))
        self._note_content(state, table, rows)
        target = goal(table, self.schema)
        for statement in rebuild(table, target, self.session.dialect, rows.copied):
            self.session.execute(statement)

    def _note_content(self, state: MigrationState, table: Table, rows: RowChanges) -> None:
        """Record the number and checksum that the rows will have, for `verify`."""
        if table.has("legacy"):
            return
        shared = [column for column in rows.target.columns if table.has(column.name)]
        values = {
            column.name: value for column in shared if (value := rows.copied(column)) is not None
        }
        self._note(state, table.name, values)

    def note_content(self, state: MigrationState, origin: Origin | None) -> None:
        """Record the present number and checksum of the rows that came from *origin*."""
        columns = () if origin is None else goal(origin.table, self.schema).columns
        shared = [
            column.name
            for column in columns
            if origin is not None and origin.table.has(column.name)
        ]
        values = {name: quoted(name, self.session.dialect) for name in shared}
        self._note(state, "videos", values, "WHERE legacy = 1")

    def _note(
        self, state: MigrationState, table: str, values: Mapping[str, str], where: str = ""
    ) -> None:
        name = quoted(table, self.session.dialect)
        content = checksum(self.session, name, [*values.values()], where)
        state.set("rows", int(content.partition(":")[0]))
        state.set("checksum", {"columns": [*values], "value": content})

    def finish(self, state: MigrationState) -> None:
        """Create the other tables that are missing, and mark the upgrade as finished."""
        beside = auxiliary_tables(self.session)
        if beside.foreign:
            self.log(foreign_says(beside.foreign))
        else:
            make_tables(self.session, state)
            write_version(self.session)
        state.delete("upgrading", "swapped", "resolutions")

    def _finish(self, state: MigrationState) -> None:
        """Fill in the values that the ALTER could not compute, and finish the upgrade."""
        table = read_table(self.session, self.schema.name)
        for statement in () if table is None else self._rows(table).completing():
            self.session.execute(statement)
        if self.session.dialect.is_mysql:
            self._settle()
        self.finish(state)

    def _settle(self) -> None:
        """Change the default of `legacy`, so that later rows are not taken for migrated ones."""
        table = read_table(self.session, self.schema.name)
        if table is not None and (steps := plan(table, goal(table, self.schema))):
            self.session.execute(alter(table.name, steps, self.session.dialect))


def _origin(state: MigrationState) -> Table:
    origin = state.origin
    assert origin is not None  # noqa: S101 - `record` has stored it
    return origin.table


def lock(session: Session, table: str) -> None:
    """Keep others from writing to *table* until the transaction ends; PostgreSQL only."""
    if session.dialect is Dialect.POSTGRES and read_table(session, table) is not None:
        name = quoted(table, session.dialect)
        # Writers queue behind whoever waits, so each attempt is short; `LockRetry` repeats it.
        session.execute("SET LOCAL lock_timeout = '1s'")
        session.execute(f"LOCK TABLE {name} IN SHARE ROW EXCLUSIVE MODE")


def with_default(table: Table, column: str, default: str) -> Table:
    """Return *table* with another default for one column."""
    columns = (
        attrs.evolve(old, default=default) if old.name == column else old for old in table.columns
    )
    return attrs.evolve(table, columns=tuple(columns))

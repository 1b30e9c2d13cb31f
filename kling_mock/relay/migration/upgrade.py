"""`kling-mock db upgrade` without `--online`: change the table while the application is stopped.

On MariaDB and MySQL, a copy is filled beside the table, which others can read meanwhile but not
write to, and one RENAME swaps the two. On SQLite and PostgreSQL, everything happens in one
transaction. Until then the table is as it was. If a run is killed, the next one removes what is
left of its copy, or finishes what follows the swap.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress

import attrs

from kling_mock.relay.migration.auxiliary_tables import (
    auxiliary_tables,
    foreign_says,
    make_tables,
    write_version,
)
from kling_mock.relay.migration.check import CheckReport, check, import_unfinished
from kling_mock.relay.migration.database.cluster import REPLICA_UNKNOWN
from kling_mock.relay.migration.database.introspect import definition, next_number, read_table
from kling_mock.relay.migration.database.lock_retry import WAIT_AT_MOST, LockRetry
from kling_mock.relay.migration.database.session import DatabaseError, Session
from kling_mock.relay.migration.database.table_lock import writers_out
from kling_mock.relay.migration.findings import BlockedError, Finding, UnfinishedError
from kling_mock.relay.migration.rows.row_changes import RowChanges
from kling_mock.relay.migration.schema.known_schemas import KnownSchema, goal
from kling_mock.relay.migration.schema.rebuild import (
    COPY,
    OLD,
    copy_beside,
    rebuild,
    settled,
)
from kling_mock.relay.migration.state import ImportStage, Method, MigrationState, Origin
from kling_mock.relay.migration.verify import checksum
from kling_mock.relay.storage.schema import Table, quoted


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
            return self._run(self._beside)
        # Locked before the check: later writes would not be checked, and a CAST cuts texts.
        return self._retry.in_transaction(self.schema.name, lambda: self._run(self._in_place))

    @property
    def _retry(self) -> LockRetry:
        return LockRetry(self.session, self.log, time.sleep, self.wait_at_most)

    def _run(self, change: Callable[[MigrationState, Table, CheckReport], None]) -> KnownSchema:
        state = MigrationState(self.session)
        self.allow(state, "direct")
        report = check(self.session, self.schema)
        if report.shape is KnownSchema.OURS:
            if state.method is not None:
                self._finish(state)
            return report.shape
        change(state, self.accepted(report), report)
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
        self.continuing(state).accepted(report)
        return True

    def continuing(self, state: MigrationState) -> Upgrade:
        """Return the upgrade with the decisions of the online run that it continues, and its own.

        Args:
            state: The recorded state; without an unfinished online run it adds nothing.
        """
        recorded = state.get("resolutions") if state.method == "online" else None
        return attrs.evolve(self, resolutions={**(recorded or {}), **self.resolutions})

    def accepted(self, report: CheckReport) -> Table:
        """Return the table of a report that allows an upgrade.

        Raises:
            BlockedError: The report does not allow an upgrade.
        """
        if report.table is None or not report.shape.upgradable:
            raise BlockedError([Finding(report.shape.value, "blocker", report.shape.means)])
        if open_ones := self.unresolved(report.blockers):
            raise BlockedError(open_ones)
        return report.table

    def unresolved(self, blockers: Iterable[Finding]) -> list[Finding]:
        """Return the blockers that the operator has not resolved.

        Each command that writes asks first whether the server is a replica, so not again here.
        """
        return [
            blocker
            for blocker in blockers
            if blocker.name != REPLICA_UNKNOWN
            and (not blocker.resolution or self.resolutions.get(blocker.name) != blocker.resolution)
        ]

    # ------------------------------------------------------------ steps

    def record(
        self, state: MigrationState, report: CheckReport, table: Table, method: Method
    ) -> None:
        """Record the original table, once, before anything is changed.

        The leftovers of a killed direct upgrade are removed: it had not changed the table.
        """
        if state.method == "direct":
            drop_copies(self.session)
            if not table.has("legacy"):
                state.forget_origin()
        state.create()
        if state.origin is None:
            origin = Origin(report.shape, table, report.definition)
            state.set("origin", origin.to_json())
        state.set("upgrading", {"way": method})

    def _rows(self, table: Table) -> RowChanges:
        return RowChanges(self.session, table, goal(table, self.schema), self.new_id, self.log)

    def _beside(self, state: MigrationState, table: Table, report: CheckReport) -> None:
        is_first = not state.exists()
        try:
            with self._retry.bounded(), writers_out(self._retry) as swap:
                self._must_follow(report)
                self.record(state, report, table, "direct")
                rows = self._fitted(state, self._staged(table))
                next_id = next_number(self.session, table.name)
                *statements, last = copy_beside(
                    rows.source, rows.target, self.session.dialect, rows.copied, next_id
                )
                for statement in statements:
                    self.session.execute(statement)
                swap(last)
        except (DatabaseError, UnfinishedError) as error:
            # Without a connection, even the RENAME may have run; the next run sees what is left.
            with suppress(DatabaseError):
                drop_copies(self.session)
                error.add_note("the table is as it was before")
                if is_first:
                    state.drop()
            raise

    def _must_follow(self, report: CheckReport) -> None:
        if definition(self.session, self.schema.name) != report.definition:
            raise UnfinishedError(
                "the definition of the table was changed meanwhile; run kling-mock db check and "
                "the upgrade again"
            )

    def _staged(self, table: Table) -> Table:
        """Return the table in which rows are resolved: a copy, so that `videos` stays as it is."""
        if not self.resolutions.keys() - {"foreign-tables"}:
            return table
        name = quoted(table.name, self.session.dialect)
        self.session.execute(f"CREATE TABLE {OLD} LIKE {name}")
        self.session.execute(f"INSERT INTO {OLD} SELECT * FROM {name}")
        return attrs.evolve(table, name=OLD)

    def _in_place(self, state: MigrationState, table: Table, report: CheckReport) -> None:
        self.record(state, report, table, "direct")
        rows = self._fitted(state, table)
        for statement in rebuild(table, rows.target, self.session.dialect, rows.copied):
            self.session.execute(statement)

    def _fitted(self, state: MigrationState, table: Table) -> RowChanges:
        """Make the rows of *table* fit, and record what they held and will hold."""
        rows = self._rows(table)
        rows.resolve(self.resolutions)
        origin = state.origin
        assert origin is not None  # noqa: S101 - `record` has stored it
        rows.remember_nulls(origin.table)
        self._note_content(state, table, rows)
        return rows

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
        table = read_table(self.session, self.schema.name)
        if self.session.dialect.is_mysql and table is not None:
            for statement in settled(table, goal(table, self.schema), self.session.dialect):
                self.session.execute(statement)
        self.finish(state)


def drop_copies(session: Session) -> None:
    """Remove the tables of an interrupted direct upgrade on MariaDB or MySQL."""
    if session.dialect.is_mysql:
        session.execute(f"DROP TABLE IF EXISTS {COPY}, {OLD}")

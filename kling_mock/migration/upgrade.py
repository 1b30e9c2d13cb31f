"""`kling-mock db upgrade` without `--online`: the application is stopped, the table changed.

MariaDB and MySQL: rows are made to fit in one transaction, then one ALTER does everything
else. SQLite and PostgreSQL: all of it is one transaction. Wherever a run is killed, the next
one continues from what it finds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import attrs

from kling_mock.migration.auxiliary_tables import auxiliary_tables, create_missing
from kling_mock.migration.check import CheckReport, check
from kling_mock.migration.database.introspect import definition, read_table
from kling_mock.migration.database.session import Session, transaction
from kling_mock.migration.findings import BlockedError, Finding, UnfinishedError
from kling_mock.migration.rows.row_changes import RowChanges
from kling_mock.migration.schema.alter import alter
from kling_mock.migration.schema.known_schemas import KnownSchema, goal
from kling_mock.migration.schema.plan import plan
from kling_mock.migration.schema.rebuild import rebuild
from kling_mock.migration.state import Method, MigrationState, Origin
from kling_mock.migration.verify import checksum
from kling_mock.storage.schema import Dialect, Table, quoted

__all__ = ["Upgrade", "lock", "with_default"]


@attrs.frozen
class Upgrade:
    """One upgrade of the table `videos`.

    Attributes:
        session: The connection.
        wanted: The target schema.
        new_id: Returns a task_id that no row has, for rows that need one.
        resolutions: What the operator allows: the name of each blocker and its resolution.
        log: Receives a line about each action.
    """

    session: Session
    wanted: Table
    new_id: Callable[[], str]
    resolutions: Mapping[str, str] = attrs.field(factory=dict[str, str])
    log: Callable[[str], None] = print

    def run(self) -> KnownSchema:
        """Upgrade the table; return the schema that it had, also if that was the target.

        Raises:
            BlockedError: There is a blocker without a resolution.
            DatabaseError: The database refused a statement.
        """
        if self.session.dialect.is_mysql:
            return self._run(self._alter)
        with transaction(self.session):
            # Before the check: what is written after it is not checked, and a CAST cuts texts.
            lock(self.session, self.wanted.name)
            return self._run(self._rebuild)

    def _run(self, change: Callable[[MigrationState, Table, CheckReport], None]) -> KnownSchema:
        state = MigrationState(self.session)
        self.allow(state, "direct")
        report = check(self.session, self.wanted)
        if report.shape is KnownSchema.OURS:
            if state.method is not None:
                self._finish(state)
            return report.shape
        found = self.accepted(report)
        self.record(state, report, found, "direct")
        change(state, found, report)
        self._finish(state)
        return report.shape

    def allow(self, state: MigrationState, method: Method) -> None:
        """Refuse to begin where another command was interrupted.

        Raises:
            BlockedError: That command has to be finished first.
        """
        if state.get("downgrading") is not None:
            says = "a downgrade was interrupted; run kling-mock db downgrade again first"
            raise BlockedError([Finding("downgrading", "blocker", says)])
        if method == "direct" and state.method == "online":
            says = (
                "an online upgrade was interrupted; run kling-mock db upgrade --online again, "
                "or --abandon"
            )
            raise BlockedError([Finding("online-unfinished", "blocker", says)])

    def needed(self, method: Method) -> bool:
        """Return whether an upgrade has something to do; changes nothing.

        Raises:
            BlockedError: `run` would raise it.
        """
        self.allow(MigrationState(self.session), method)
        report = check(self.session, self.wanted)
        if report.shape is KnownSchema.OURS:
            return False
        self.accepted(report)
        return True

    def accepted(self, report: CheckReport) -> Table:
        """Return the table of a report that allows an upgrade.

        Raises:
            BlockedError: It does not.
        """
        if report.found is None or not report.shape.upgradable:
            raise BlockedError([Finding(report.shape.value, "blocker", report.shape.means)])
        open_ones = [
            one
            for one in report.blockers
            if not one.resolution or self.resolutions.get(one.name) != one.resolution
        ]
        if open_ones:
            raise BlockedError(open_ones)
        return report.found

    # ------------------------------------------------------------ steps

    def record(
        self, state: MigrationState, report: CheckReport, found: Table, method: Method
    ) -> None:
        """Record the original table, once, before anything is changed."""
        state.create()
        if state.origin is None:
            origin = Origin(report.shape, found, report.definition)
            state.set("origin", origin.to_json())
        state.set("upgrading", {"way": method})

    def _rows(self, found: Table) -> RowChanges:
        return RowChanges(self.session, found, goal(found, self.wanted), self.new_id, self.log)

    def _alter(self, state: MigrationState, found: Table, report: CheckReport) -> None:
        rows = self._rows(found)
        with transaction(self.session):
            rows.resolve(self.resolutions)
            rows.remember_nulls()
            rows.fill()
            self._note_content(state, found, rows)
        target = goal(found, self.wanted)
        if not found.has("legacy"):
            target = with_default(target, "legacy", "1")
        if definition(self.session, found.name) != report.definition:
            raise UnfinishedError(
                "the definition of the table was changed meanwhile, so it was not altered; "
                "run kling-mock db check and the upgrade again"
            )
        self.session.execute(alter(found.name, plan(found, target), self.session.dialect))

    def _rebuild(self, state: MigrationState, found: Table, _report: CheckReport) -> None:
        rows = self._rows(found)
        rows.resolve(self.resolutions)
        rows.remember_nulls()
        self._note_content(state, found, rows)
        target = goal(found, self.wanted)
        for statement in rebuild(found, target, self.session.dialect, rows.copied):
            self.session.execute(statement)

    def _note_content(self, state: MigrationState, found: Table, rows: RowChanges) -> None:
        """Keep number and checksum of the rows as they will be, for `verify`."""
        if found.has("legacy"):
            return
        shared = [one for one in rows.wanted.columns if found.has(one.name)]
        values = [value for one in shared if (value := rows.copied(one)) is not None]
        content = checksum(self.session, quoted(found.name, self.session.dialect), values, "")
        state.set("rows", int(content.partition(":")[0]))
        state.set("checksum", {"columns": [one.name for one in shared], "value": content})

    def finish(self, state: MigrationState) -> None:
        """Create what is missing beside the table, and mark the upgrade as finished."""
        beside = auxiliary_tables(self.session)
        if beside.foreign:
            self.log(
                f"{', '.join(beside.foreign)}: another program's tables, left alone; the relay "
                "needs a database in which these are its own"
            )
        else:
            # Recorded before they are created, so that a downgrade knows them in any case.
            made: list[str] = state.get("made") or []
            state.set("made", [*dict.fromkeys([*made, *(one.name for one in beside.missing)])])
            create_missing(self.session, beside.missing)
        state.delete("upgrading")

    def _finish(self, state: MigrationState) -> None:
        """Fill in what the ALTER could not compute."""
        table = quoted(self.wanted.name, self.session.dialect)
        self.session.execute(
            f"UPDATE {table} SET updated_at = created_at WHERE updated_at = 0 AND legacy = 1"
        )
        if self.session.dialect.is_mysql:
            self._settle()
        self.finish(state)

    def _settle(self) -> None:
        """Change the default of `legacy`, so that new rows are the relay's own."""
        found = read_table(self.session, self.wanted.name)
        if found is not None and (steps := plan(found, goal(found, self.wanted))):
            self.session.execute(alter(found.name, steps, self.session.dialect))


def lock(session: Session, table: str) -> None:
    """Keep others from writing to *table* until the end of the transaction, on PostgreSQL."""
    if session.dialect is Dialect.POSTGRES and read_table(session, table) is not None:
        name = quoted(table, session.dialect)
        session.execute(f"LOCK TABLE {name} IN SHARE ROW EXCLUSIVE MODE")


def with_default(table: Table, column: str, default: str) -> Table:
    """Return *table* with another default of one column."""
    columns = (
        attrs.evolve(one, default=default) if one.name == column else one for one in table.columns
    )
    return attrs.evolve(table, columns=tuple(columns))

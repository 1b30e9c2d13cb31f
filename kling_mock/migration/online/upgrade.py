"""`kling-mock db upgrade --online`: the application runs while its table is replaced.

A shadow table gets the target schema; triggers carry every write over; the rows are copied in
small transactions, oldest first, so that ids rise with time; one RENAME swaps the tables once
nothing is missing. It needs no key on the old table. Each transaction of the copy records how
far it came, so a killed run can be continued; if a trigger was missing or the definition of the
table was changed, the copy starts again. A run that ends early removes its triggers.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing, suppress

import attrs

from kling_mock.migration.check import CheckReport, check
from kling_mock.migration.database.cluster import read_only, several_writers
from kling_mock.migration.database.introspect import next_number, read_table
from kling_mock.migration.database.session import DatabaseError, Session, transaction, undone
from kling_mock.migration.findings import BlockedError, Finding, UnfinishedError
from kling_mock.migration.online.copying import Copying
from kling_mock.migration.online.cut_over import CutOver, Recorded
from kling_mock.migration.online.lock_retry import LockRetry
from kling_mock.migration.online.progress import Progress, Throttle
from kling_mock.migration.online.sql import BEFORE, INDEX, SHADOW, TRIGGERS, OnlineSql
from kling_mock.migration.online.stopping import StoppedError
from kling_mock.migration.rows.change_log import restore
from kling_mock.migration.rows.row_changes import RowChanges
from kling_mock.migration.schema.alter import alter
from kling_mock.migration.schema.known_schemas import KnownSchema, goal, recognise
from kling_mock.migration.schema.plan import plan
from kling_mock.migration.state import MigrationState
from kling_mock.migration.upgrade import Upgrade
from kling_mock.storage.schema import Dialect, Table, same_content

__all__ = ["OnlineUpgrade"]


def silent(_progress: Progress) -> None:
    """Ignore the progress."""


@attrs.frozen
class OnlineUpgrade:
    """One online upgrade of the table `videos`.

    Attributes:
        upgrade: The target and the resolutions; the same as for the direct upgrade.
        throttle: How fast.
        progress: Called after each chunk.
        now: A clock in seconds, for pace and estimate.
        sleep: Waits for that many seconds.
        all_writers_here: Whether the operator states that all writers use this server, though
            others of its cluster take writes as well.
    """

    upgrade: Upgrade
    throttle: Throttle = attrs.field(factory=Throttle)
    progress: Callable[[Progress], None] = silent
    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    all_writers_here: bool = False

    @property
    def _session(self) -> Session:
        return self.upgrade.session

    @property
    def _retry(self) -> LockRetry:
        return LockRetry(self._session, self.upgrade.log, self.sleep)

    def run(self) -> KnownSchema:
        """Upgrade the table; return the schema that it had.

        Raises:
            BlockedError: There is a blocker, or the database is not MariaDB or MySQL.
            UnfinishedError: The copy is not complete, so the tables were not swapped.
            DatabaseError: The database refused a statement.
        """
        self._prepare_session()
        state = MigrationState(self._session)
        self.upgrade.allow(state, "online")
        report = check(self._session, self.upgrade.wanted)
        if report.shape is KnownSchema.OURS:
            if state.method == "online":
                self._clean_up(state)
                return report.shape
            return self.upgrade.run()
        self.must_carry_all_writes()
        found = self.upgrade.accepted(report)
        if read_table(self._session, BEFORE) is not None:
            says = f"{BEFORE} is left from an earlier upgrade; drop it first"
            raise BlockedError([Finding("left-over", "blocker", says)])
        if found.has("use_id"):
            says = (
                "a program that still writes the column use_id would leave user_id empty; stop it "
                "and upgrade without --online"
            )
            raise BlockedError([Finding("use-id", "blocker", says)])
        if self._session.dialect is Dialect.MYSQL and found.checks & self.upgrade.wanted.checks:
            says = (
                "the table has the CHECK of the target schema, from a direct upgrade that was "
                "interrupted or an older relay, and MySQL takes the name of a CHECK once in a "
                "database; stop the application, and upgrade without --online"
            )
            raise BlockedError([Finding("check-name", "blocker", says)])
        if state.method != "online" and read_table(self._session, SHADOW) is not None:
            says = f"there is a table {SHADOW} that no upgrade has made; rename or drop it"
            raise BlockedError([Finding("left-over", "blocker", says)])
        self.upgrade.record(state, report, found, "online")
        number = int(self._session.query("SELECT CONNECTION_ID()")[0][0])
        try:
            self._replace(state, found, report)
        except BaseException as error:
            error.add_note(self._stop_carrying(error, number))
            raise
        self._clean_up(state)
        return report.shape

    def must_carry_all_writes(self) -> None:
        """Refuse to run where triggers on this server do not see every write.

        Where nothing is copied, nothing is refused.

        Raises:
            BlockedError: The server takes no writes, or others take some, too.
        """
        if (refused := self._escaping()) and self._copies():
            raise BlockedError(refused)

    def _escaping(self) -> list[Finding]:
        """Return why writes may escape the triggers on this server."""
        server = self._session.server()
        several = [] if self.all_writers_here else several_writers(server, "blocker")
        return [*read_only(server), *several]

    def _copies(self) -> bool:
        found = read_table(self._session, self.upgrade.wanted.name)
        shape = recognise(found, self.upgrade.wanted)
        return shape.upgradable and shape is not KnownSchema.OURS

    def _replace(self, state: MigrationState, found: Table, report: CheckReport) -> None:
        """Copy the table and swap; whatever is raised, the old table stays in use."""
        base = _without_our_index(found)
        copying, cut_over = self._copying(base), CutOver(self._session, self._retry)
        cut_over.may_lock()
        self._prepare_copy(state, base, copying, report)
        copying.run()
        recorded = Recorded.read(state)
        cut_over.must_be(recorded, self._session)
        copying.complete()
        copying.compare()
        # A node may have joined, or a group may have been switched to several primaries.
        if escaping := self._escaping():
            says = "; ".join(one.says for one in escaping)
            raise UnfinishedError(f"the tables were not swapped: {says}")
        cut_over.run(copying.sql.swap(), recorded)

    def _stop_carrying(self, error: BaseException, number: int) -> str:
        """Remove the triggers after *error*; return what is left and what to do about it.

        Args:
            error: What ended the run. The connection is of no use after an interrupt, which
                may have come in the middle of a statement, and perhaps after other errors.
            number: The connection's id.
        """
        usable = isinstance(error, StoppedError) or not isinstance(error, KeyboardInterrupt)
        if usable:
            with suppress(Exception):  # whatever it is, a new connection may do it
                return self._without_triggers(self._session)
        try:
            with closing(self._session.another()) as fresh:
                with suppress(DatabaseError):  # it is closed already
                    fresh.execute(f"KILL {number}")
                return self._without_triggers(fresh)
        except Exception as failure:  # noqa: BLE001 - the operator reads it
            return (
                f"the triggers {', '.join(TRIGGERS)} could not be removed ({failure}): they can "
                "make writes fail; run kling-mock db upgrade --abandon at once"
            )

    def _without_triggers(self, session: Session) -> str:
        self._drop_triggers(attrs.evolve(self._retry, session=session))
        if read_table(session, BEFORE) is not None:
            return (
                "the tables are swapped already; run kling-mock db upgrade --online again to "
                "finish it (--abandon is no longer possible, db downgrade is)"
            )
        return (
            f"the triggers are removed and the old table is in use; {SHADOW} may be left: run "
            "kling-mock db upgrade --online again, which copies from the beginning, or remove "
            "what is left with kling-mock db upgrade --abandon"
        )

    def abandon(self) -> None:
        """Remove everything that an unfinished run left behind; the old table stays in use.

        Raises:
            BlockedError: There is no unfinished run, or its tables are swapped already.
        """
        state = MigrationState(self._session)
        if state.method != "online":
            raise BlockedError(
                [Finding("not-under-way", "blocker", "no online upgrade is under way")]
            )
        if read_table(self._session, BEFORE) is not None:
            says = (
                "the tables are swapped already; run the upgrade again to finish it, and then "
                "db downgrade to go back"
            )
            raise BlockedError([Finding("swapped", "blocker", says)])
        self._remove()
        origin, found = state.origin, read_table(self._session, "videos")
        if origin is not None and found is not None and same_content(found, origin.table):
            restore(self._session, origin.table, self.upgrade.wanted)
            state.drop()
        else:  # it had begun on what a direct upgrade left
            state.delete("online", "paused", "recorded")
            state.set("upgrading", {"way": "direct"})

    # ------------------------------------------------------------ beginning

    def _prepare_session(self) -> None:
        if not self._session.dialect.is_mysql:
            says = "the online upgrade needs MariaDB or MySQL; upgrade without --online"
            raise BlockedError([Finding("online", "blocker", says)])
        # As a variable of SELECT, MySQL 9 warns that binlog_format will be gone.
        named = "SHOW VARIABLES WHERE Variable_name IN ('log_bin', 'binlog_format')"
        variables = dict(self._session.query(named))
        if variables["log_bin"] == "ON" and variables.get("binlog_format") == "STATEMENT":
            says = "binlog_format is STATEMENT; the copy needs ROW or MIXED"
            raise BlockedError([Finding("binlog", "blocker", says)])
        self._session.execute("SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED")
        # An UPDATE by a trigger may lock a gap of the copy until its writer commits. While the
        # copy waits for that, others wait for the copy: so it gives up soon and tries again.
        self._session.execute("SET SESSION innodb_lock_wait_timeout = 1")

    def _rows(self, base: Table) -> RowChanges:
        target = goal(base, self.upgrade.wanted)
        return RowChanges(self._session, base, target, self.upgrade.new_id, self.upgrade.log)

    def _copying(self, base: Table) -> Copying:
        rows = self._rows(base)
        sql = OnlineSql(base, rows.wanted, rows.copied, self._session.dialect)
        return Copying(sql, self.throttle, self._retry, self.progress, self.now)

    def _can_continue(self, state: MigrationState) -> bool:
        """Return whether the copy of a run that was killed can be continued."""
        recorded = Recorded.read(state)
        there = read_table(self._session, SHADOW) is not None
        return there and state.get("online") is not None and not recorded.changes(self._session)

    def _prepare_copy(
        self, state: MigrationState, base: Table, copying: Copying, report: CheckReport
    ) -> None:
        """Make rows fit, and unless a killed run left them whole, shadow and triggers."""
        continued = self._can_continue(state)
        if not continued:
            self._remove()
            state.delete("online", "rows", "checksum", "recorded")
        with transaction(self._session):
            self._rows(base).resolve(self.upgrade.resolutions)
        if continued:
            return
        sql = copying.sql
        if not sql.numbered:
            self._retry.execute(
                f"ALTER TABLE videos ADD INDEX {INDEX} (created_at), ALGORITHM=INPLACE, LOCK=NONE"
            )
        total = int(self._session.query("SELECT COUNT(*) FROM videos")[0][0])
        self._make_shadow(sql, total)
        for trigger in sql.triggers():
            self._retry.execute(trigger)
        recorded = Recorded.now(self._session)
        recorded.must_follow(report.definition)
        recorded.write(state)
        self._retry.again(lambda: self._try(sql))
        # Only now: a copy that began before the last trigger could miss a write.
        copying.begin(total)

    def _try(self, sql: OnlineSql) -> None:
        """Make each trigger run once, and undo it: a trigger that fails makes writes fail."""
        with undone(self._session):
            for statement in sql.tried():
                self._session.execute(statement)

    def _make_shadow(self, sql: OnlineSql, total: int) -> None:
        self._session.execute(f"CREATE TABLE {SHADOW} LIKE videos")
        empty = read_table(self._session, SHADOW)
        if empty is not None and (steps := plan(empty, sql.target)):
            self._session.execute(alter(SHADOW, steps, self._session.dialect))
        # New rows are numbered above all that will be copied, however many come meanwhile, or
        # above all that the old table ever had.
        reserved = total + total // 2 + 100_000
        if sql.numbered:
            reserved = next_number(self._session, "videos")
        self._session.execute(f"ALTER TABLE {SHADOW} AUTO_INCREMENT = {reserved}")

    # ------------------------------------------------------------ ending

    def _clean_up(self, state: MigrationState) -> None:
        self._drop_triggers(self._retry)
        before = read_table(self._session, BEFORE)
        if before is not None:
            self._drop_our_index(before)
            # Only now there are no more writers: what was NULL to the end is to be NULL again.
            with transaction(self._session):
                self._rows(_without_our_index(before)).remember_nulls()
        state.delete("online", "paused", "recorded")
        self.upgrade.finish(state)
        self.upgrade.log(f"the old table is kept as {BEFORE}; drop it when nothing is missed")

    def _remove(self) -> None:
        """Remove what an earlier run left; triggers first, for they need the shadow."""
        self._drop_triggers(self._retry)
        self._session.execute(f"DROP TABLE IF EXISTS {SHADOW}")
        table = read_table(self._session, "videos")
        if table is not None:
            self._drop_our_index(table)

    def _drop_triggers(self, retry: LockRetry) -> None:
        for name in TRIGGERS:
            retry.execute(f"DROP TRIGGER IF EXISTS {name}")

    def _drop_our_index(self, table: Table) -> None:
        if table.index(INDEX) is not None:
            self._retry.execute(f"ALTER TABLE {table.name} DROP INDEX {INDEX}")


def _without_our_index(table: Table) -> Table:
    """Return *table* as it was before the copy got its index."""
    indexes = tuple(one for one in table.indexes if one.name != INDEX)
    return attrs.evolve(table, indexes=indexes)

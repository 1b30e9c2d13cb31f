"""`kling-mock db upgrade --online`: replace the table while the application runs.

A shadow table gets the target schema; triggers carry every write over; the rows are copied in
small transactions, oldest first, so that ids rise with time; one RENAME swaps the tables once
nothing is missing. The old table does not need a key. Each transaction of the copy records its
progress, so a killed run can be continued; if a trigger was missing or the definition of the table
was changed, the copy starts again. A run that ends early removes its triggers.

`kling-mock db finish` follows when the old program has stopped. Until then the new table takes what
the old program writes, and no relay opens it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import closing, suppress
from typing import Final

import attrs

from kling_mock.relay.migration.check import CheckReport, check
from kling_mock.relay.migration.database.cluster import read_only, seen_server, several_writers
from kling_mock.relay.migration.database.introspect import next_number, read_table
from kling_mock.relay.migration.database.lock_retry import WAIT_AT_MOST, LockRetry
from kling_mock.relay.migration.database.preflight import binary_log
from kling_mock.relay.migration.database.session import DatabaseError, Session, transaction, undone
from kling_mock.relay.migration.findings import BlockedError, Finding, UnfinishedError
from kling_mock.relay.migration.online.copying import Copying
from kling_mock.relay.migration.online.cut_over import CutOver, Recorded
from kling_mock.relay.migration.online.progress import Progress, Throttle, silent
from kling_mock.relay.migration.online.sql import (
    BEFORE,
    INDEX,
    SHADOW,
    TRIGGERS,
    WATCHERS,
    OnlineSql,
)
from kling_mock.relay.migration.online.stopping import StoppedError
from kling_mock.relay.migration.rows.data_checks import check_rows
from kling_mock.relay.migration.rows.row_changes import RowChanges, apart
from kling_mock.relay.migration.schema.alter import alter
from kling_mock.relay.migration.schema.known_schemas import KnownSchema, goal, recognise
from kling_mock.relay.migration.schema.plan import plan
from kling_mock.relay.migration.state import CHANGES, DELETED, MigrationState, taken_names
from kling_mock.relay.migration.upgrade import Upgrade
from kling_mock.relay.storage.schema import Dialect, Table

#: The `innodb_autoinc_lock_mode` in which statements do not hold a table's counter.
INTERLEAVED: Final = 2


@attrs.frozen
class OnlineUpgrade:
    """One online upgrade of the table `videos`.

    Attributes:
        upgrade: The target and the resolutions; the same as for the direct upgrade.
        throttle: The pace of the copy.
        progress: Called after each chunk.
        now: A clock in seconds, for pace and estimate.
        sleep: Waits for that many seconds.
        wait_at_most: Seconds after which a wait for a transaction on the table is given up.
        all_writers_here: Whether the operator states that all writers use this server, although
            other servers of its cluster also take writes.
    """

    upgrade: Upgrade
    throttle: Throttle = attrs.field(factory=Throttle)
    progress: Callable[[Progress], None] = silent
    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    all_writers_here: bool = False
    wait_at_most: float = WAIT_AT_MOST

    @property
    def _session(self) -> Session:
        return self.upgrade.session

    @property
    def _retry(self) -> LockRetry:
        return LockRetry(self._session, self.upgrade.log, self.sleep, self.wait_at_most)

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
        continued = attrs.evolve(self, upgrade=self.upgrade.continuing(state))
        return continued._run(state)  # noqa: SLF001 - of this class

    def _run(self, state: MigrationState) -> KnownSchema:
        report = check(self._session, self.upgrade.schema)
        if report.shape is KnownSchema.OURS:
            if state.method == "online":
                self._swapped(state)
                return report.shape
            return self.upgrade.run()
        self.must_carry_all_writes()
        table = self.upgrade.accepted(report)
        if read_table(self._session, BEFORE) is not None:
            says = f"{BEFORE} is left from an earlier upgrade; drop it first"
            raise BlockedError([Finding("left-over", "blocker", says)])
        names = apart(table)
        if refused := [finding for finding in report.blockers if finding.name in names]:
            says = (
                "the online upgrade cannot tell these rows apart, and writes nothing to the old "
                "table; stop the application, and upgrade without --online, or give these rows "
                "ids of their own"
            )
            raise BlockedError(
                [attrs.evolve(finding, says=f"{finding.says}; {says}") for finding in refused]
            )
        if table.has("use_id"):
            says = (
                "a program that still writes the column use_id would leave user_id empty; stop it "
                "and upgrade without --online"
            )
            raise BlockedError([Finding("use-id", "blocker", says)])
        if self._session.dialect is Dialect.MYSQL and table.checks & self.upgrade.schema.checks:
            says = (
                "the table has the CHECK of the target schema, from an older relay, and MySQL "
                "takes the name of a CHECK once in a database; stop the application, and upgrade "
                "without --online"
            )
            raise BlockedError([Finding("check-name", "blocker", says)])
        if state.method != "online" and read_table(self._session, SHADOW) is not None:
            says = f"there is a table {SHADOW} that no upgrade has made; rename or drop it"
            raise BlockedError([Finding("left-over", "blocker", says)])
        self.upgrade.record(state, report, table, "online")
        cut_over = CutOver(self._session, self._retry)
        cut_over.may_lock()
        number = int(self._session.query("SELECT CONNECTION_ID()")[0][0])
        try:
            self._replace(state, table, report, cut_over)
        except BaseException as error:
            error.add_note(self._stop_carrying(error, number))
            raise
        self._swapped(state)
        return report.shape

    def must_carry_all_writes(self) -> None:
        """Refuse to run if triggers cannot be made here, or do not see every write.

        If there is nothing to copy, the run is not refused.

        Raises:
            BlockedError: The server does not take writes, other servers also take some, or the
                binary log keeps the upgrade from working.
        """
        refused = self._escaping()
        if self._session.dialect.is_mysql:
            refused += binary_log(self._session, "blocker")
        if refused and self._copies():
            raise BlockedError(refused)

    def _escaping(self) -> list[Finding]:
        """Return the reasons why writes may escape the triggers on this server."""
        server, _ = seen_server(self._session)
        several = [] if self.all_writers_here else several_writers(server, "blocker")
        return [*read_only(server), *several]

    def _copies(self) -> bool:
        table = read_table(self._session, self.upgrade.schema.name)
        shape = recognise(table, self.upgrade.schema)
        return shape.upgradable and shape is not KnownSchema.OURS

    def _replace(
        self, state: MigrationState, table: Table, report: CheckReport, cut_over: CutOver
    ) -> None:
        """Copy the table and swap; whatever is raised, the old table stays in use."""
        base = _without_our_index(table)
        copying = self._copying(base)
        self._prepare_copy(state, copying, report)
        copying.run()
        recorded = Recorded.read(state)
        cut_over.must_be(recorded, self._session)
        copying.complete()
        copying.compare()
        # A node may have joined, a group may have been switched to several primaries, or a table
        # of ours may have been replaced.
        if escaping := [*self._escaping(), *taken_names(self._session)]:
            says = "; ".join(finding.says for finding in escaping)
            raise UnfinishedError(f"the tables were not swapped: {says}")
        # The triggers of the old table write to the copy, so the copy is locked too.
        for name, trigger in zip(WATCHERS, copying.sql.watchers(), strict=True):
            self._retry.execute_locked(("videos", SHADOW), _drop_trigger(name), trigger)
        cut_over.run(copying.sql.swap(), recorded)

    def _stop_carrying(self, error: BaseException, number: int) -> str:
        """Remove the triggers after *error*; return what is left and what to do about it.

        Args:
            error: The error that ended the run. After an interrupt, which may have come in the
                middle of a statement, the connection is unusable; after other errors it may be.
            number: The connection's id.
        """
        usable = isinstance(error, StoppedError) or not isinstance(error, KeyboardInterrupt)
        if usable:
            with suppress(Exception):  # whatever the error, a new connection may succeed
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
        retry = attrs.evolve(self._retry, session=session)
        is_swapped = read_table(session, BEFORE) is not None
        self._drop_triggers(retry, BEFORE if is_swapped else "videos")
        if is_swapped:
            return (
                "the tables are swapped already; run kling-mock db upgrade --online again, and "
                "then kling-mock db finish (--abandon is no longer possible)"
            )
        if read_table(session, SHADOW) is not None:
            for name in WATCHERS:
                retry.execute_locked((SHADOW,), _drop_trigger(name))
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
                "the tables are swapped already; stop the old program, run kling-mock db finish, "
                "and then kling-mock db downgrade to go back"
            )
            raise BlockedError([Finding("swapped", "blocker", says)])
        self._remove()
        table = read_table(self._session, "videos")
        if table is not None and table.has("legacy"):  # the record of an earlier upgrade stays
            state.delete("upgrading", "online", "paused", "recorded", "resolutions")
        else:
            state.create()  # a run killed at its very end may have dropped one of its tables
            state.end()

    # ------------------------------------------------------------ beginning

    def _prepare_session(self) -> None:
        if not self._session.dialect.is_mysql:
            says = "the online upgrade needs MariaDB or MySQL; upgrade without --online"
            raise BlockedError([Finding("online", "blocker", says)])
        self._session.execute("SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED")
        # An UPDATE by a trigger may lock a gap of the copy until its writer commits. While the
        # copy waits for that, others wait for the copy: so it gives up soon and tries again.
        self._session.execute("SET SESSION innodb_lock_wait_timeout = 1")
        # Twice a year, at the clock changes of a zone, local times are ambiguous.
        self._session.execute("SET SESSION time_zone = '+00:00'")

    def _rows(self, base: Table, resolutions: Mapping[str, str] | None = None) -> RowChanges:
        target = goal(base, self.upgrade.schema)
        resolutions = self.upgrade.resolutions if resolutions is None else resolutions
        return RowChanges(
            self._session, base, target, self.upgrade.new_id, self.upgrade.log, resolutions
        )

    def _copying(self, base: Table) -> Copying:
        rows = self._rows(base)
        sql = OnlineSql(base, rows.target, rows.copied, self._session.dialect, rows.key)
        packet, counter = self._session.query(
            "SELECT @@max_allowed_packet, @@innodb_autoinc_lock_mode"
        )[0]
        max_characters = 0 if int(counter) == INTERLEAVED else int(packet) // 5
        return Copying(sql, self.throttle, self._retry, self.progress, self.now, max_characters)

    def _can_continue(self, state: MigrationState) -> bool:
        """Return whether the copy of a killed run can be continued."""
        recorded = Recorded.read(state)
        there = read_table(self._session, SHADOW) is not None
        same = state.get("resolutions") == dict(self.upgrade.resolutions)
        started = there and same and state.get("online") is not None
        return started and not recorded.changes(self._session)

    def _prepare_copy(self, state: MigrationState, copying: Copying, report: CheckReport) -> None:
        """Create the shadow table and the triggers, unless a killed run left them complete."""
        if self._can_continue(state):
            return
        self._remove()
        state.delete("online", "rows", "checksum", "recorded")
        sql = copying.sql
        if not sql.numbered:
            self._retry.execute(
                f"ALTER TABLE videos ADD INDEX {INDEX} (created_at), ALGORITHM=INPLACE, LOCK=NONE"
            )
        total = int(self._session.query("SELECT COUNT(*) FROM videos")[0][0])
        self._make_shadow(sql, total)
        for name, trigger in zip(TRIGGERS, sql.triggers(), strict=True):
            self._retry.execute_locked(("videos",), _drop_trigger(name), trigger)
        recorded = Recorded.now(self._session)
        recorded.must_follow(report.definition)
        recorded.write(state)
        state.set("resolutions", dict(self.upgrade.resolutions))
        self._retry.again(lambda: self._try(sql))
        # Only now: a copy that started before the last trigger could miss a write.
        copying.begin(total)

    def _try(self, sql: OnlineSql) -> None:
        """Run each trigger once, and undo that: a trigger that fails would make writes fail."""
        with undone(self._session):
            for statement in sql.tried():
                self._session.execute(statement)

    def _make_shadow(self, sql: OnlineSql, total: int) -> None:
        self._session.execute(f"CREATE TABLE {SHADOW} LIKE videos")
        empty = read_table(self._session, SHADOW)
        if empty is not None and (steps := plan(empty, sql.target)):
            self._session.execute(alter(SHADOW, steps, self._session.dialect))
        # New rows get numbers above those of all rows that will be copied, however many come
        # meanwhile, or above all numbers that the old table ever had.
        reserved = total + total // 2 + 100_000
        if sql.numbered:
            reserved = next_number(self._session, "videos")
        self._session.execute(f"ALTER TABLE {SHADOW} AUTO_INCREMENT = {reserved}")

    # ------------------------------------------------------------ ending

    def _swapped(self, state: MigrationState) -> None:
        """Remove the triggers and our index from the old table, which the copy has replaced."""
        before = read_table(self._session, BEFORE)
        if before is not None:
            self._drop_triggers(self._retry, BEFORE)
            self._drop_our_index(before)
        state.set("swapped", value=True)
        state.delete("online", "paused", "recorded")
        self.upgrade.log(
            f"the old table is kept as {BEFORE}, of which kling-mock db finish reads old values; "
            "drop it afterwards, when nothing is missed"
        )

    def finish(self) -> None:
        """Make the table the relay's own, once the old program has stopped.

        Raises:
            BlockedError: The tables were not swapped, or the old program has left a blocker.
            DatabaseError: The database refused a statement.
        """
        state, table = MigrationState(self._session), read_table(self._session, "videos")
        is_ours = recognise(table, self.upgrade.schema) is KnownSchema.OURS
        if is_ours and state.method is None:
            return  # done before, or never needed
        if not state.is_swapped or table is None:
            says = "no online upgrade waits for the end of the old program"
            raise BlockedError([Finding("not-swapped", "blocker", says)])
        upgrade = self._with_resolutions(state)
        rows = RowChanges(
            self._session, table, goal(table, upgrade.schema), upgrade.new_id, upgrade.log
        )
        _, findings = check_rows(self._session, table, rows.target)
        blockers = [finding for finding in findings if finding.severity == "blocker"]
        if refused := upgrade.unresolved(blockers):
            raise BlockedError(refused)
        for name in WATCHERS:
            self._retry.execute_locked(("videos",), _drop_trigger(name))
        before = read_table(self._session, BEFORE)
        with transaction(self._session):
            if before is not None:
                old = self._rows(before, upgrade.resolutions)
                old.remember_nulls(before)
                old.remember_copied()
            self._session.execute(f"DELETE FROM {CHANGES} WHERE column_name = ?", DELETED)
            self._session.execute("UPDATE videos SET legacy = 1 WHERE legacy <> 1")
            rows.resolve(upgrade.resolutions)
            for statement in rows.completing():
                self._session.execute(statement)
            upgrade.note_content(state, state.origin)
        upgrade.finish(state)

    def _with_resolutions(self, state: MigrationState) -> Upgrade:
        """Return the upgrade with the operator's decisions from its start and from now."""
        decided = {**self.upgrade.continuing(state).resolutions}
        if "milliseconds-created-at" in decided:  # which replaces a missing updated_at
            decided.setdefault("milliseconds-updated-at", "to-seconds")
        return attrs.evolve(self.upgrade, resolutions=decided)

    def _remove(self) -> None:
        """Remove the leftovers of an earlier run: triggers first, as they need the shadow table."""
        self._drop_triggers(self._retry, "videos")
        self._session.execute(f"DROP TABLE IF EXISTS {SHADOW}")
        table = read_table(self._session, "videos")
        if table is not None:
            self._drop_our_index(table)

    def _drop_triggers(self, retry: LockRetry, table: str) -> None:
        # Without the DELETE trigger, the INSERT trigger would refuse a row that is inserted again.
        for name in reversed(TRIGGERS):
            retry.execute_locked((table,), _drop_trigger(name))

    def _drop_our_index(self, table: Table) -> None:
        if table.index(INDEX) is not None:
            self._retry.execute(f"ALTER TABLE {table.name} DROP INDEX {INDEX}")


def _drop_trigger(name: str) -> str:
    return f"DROP TRIGGER IF EXISTS {name}"


def _without_our_index(table: Table) -> Table:
    """Return *table* as it was before the index for the copy was added."""
    indexes = tuple(index for index in table.indexes if index.name != INDEX)
    return attrs.evolve(table, indexes=indexes)

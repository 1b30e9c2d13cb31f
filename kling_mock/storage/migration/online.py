"""`kling-mock db upgrade --online`: the application goes on while its table is replaced.

A shadow table gets the wanted schema; triggers carry every write over; the rows are copied in
small transactions, oldest first, so that ids rise with time; one RENAME swaps the tables once
nothing is missing. It needs no key on the old table. Each transaction of the copy records how
far it came, so a killed run goes on; if a trigger was ever missing, the copy starts again.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Final, Literal, TypeVar

import attrs

from kling_mock.storage.migration.check import check
from kling_mock.storage.migration.ddl import alter
from kling_mock.storage.migration.facts import long_transactions
from kling_mock.storage.migration.findings import Finding
from kling_mock.storage.migration.introspect import definition, read_table
from kling_mock.storage.migration.online_sql import BEFORE, INDEX, SHADOW, TRIGGERS, Words
from kling_mock.storage.migration.plan import plan
from kling_mock.storage.migration.rows import Rows
from kling_mock.storage.migration.session import DatabaseError, Session, transaction
from kling_mock.storage.migration.shapes import Shape, goal
from kling_mock.storage.migration.state import Origin, State
from kling_mock.storage.migration.table import Table
from kling_mock.storage.migration.upgrade import BlockedError, Upgrade

__all__ = ["Online", "Point", "Progress", "Throttle"]

#: Where a run can be stopped; the tests stop it at each.
Point = Literal[
    "recorded",
    "rows-fitted",
    "indexed",
    "shadow-made",
    "first-trigger",
    "triggers-made",
    "first-chunk",
    "copied",
    "verified",
    "swapped",
    "triggers-gone",
    "finished",
]

_BUSY: Final = frozenset({1205, 1213})  # lock wait timeout, deadlock: try again


#: How often a statement is tried that meets somebody's lock, about a second each.
_ATTEMPTS: Final = 600

#: Rows in a chunk at the most: what a writer may wait for on an unlucky day.
_MOST: Final = 20_000

_Found = TypeVar("_Found")


@attrs.frozen
class Throttle:
    """How much the copy may take of the server.

    Attributes:
        chunk_seconds: What one transaction of the copy aims to take, in seconds; the number
            of rows in it follows.
        share: Which part of the time the copy may run, above 0 and at most 1; it sleeps for
            the rest.
        running: Threads at work above which the copy waits; 0 for any number.
        first_chunk: Rows in the first chunk, and the fewest in any: below that the copy would
            spend its time on round trips and commits.
    """

    chunk_seconds: float = 0.1
    share: float = attrs.field(
        default=0.8, validator=[attrs.validators.gt(0), attrs.validators.le(1)]
    )
    running: int = 25
    first_chunk: int = 500


@attrs.frozen
class Progress:
    """How far a copy is.

    Attributes:
        copied: Rows copied so far.
        total: Rows to copy, as counted at the start.
        rate: Rows a second in this run.
        remaining: Seconds to go at that rate; None before the first chunk.
    """

    copied: int
    total: int
    rate: float
    remaining: float | None


def silent(_progress: Progress) -> None:
    """Take no notice."""


def nowhere(_point: Point) -> None:
    """Pass a named point without stopping."""


@attrs.define
class Online:
    """One online upgrade of the table `videos`.

    Attributes:
        upgrade: What is wanted and allowed; the same as for the direct way.
        throttle: How fast.
        progress: Told after each chunk.
        at: Called at each named point.
        now: A clock in seconds, for pace and estimate.
        sleep: Waits for that many seconds.
    """

    upgrade: Upgrade
    throttle: Throttle = Throttle()
    progress: Callable[[Progress], None] = silent
    at: Callable[[Point], None] = nowhere
    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep

    @property
    def _session(self) -> Session:
        return self.upgrade.session

    def run(self) -> Shape:
        """Upgrade the table; return the shape that it had.

        Raises:
            BlockedError: Something stands in the way, or the database is not MariaDB or MySQL.
            DatabaseError: The database refused a statement.
        """
        self._prepare_session()
        state = State(self._session)
        report = check(self._session, self.upgrade.wanted)
        if report.shape is Shape.OURS:
            if state.under_way:
                self._clean_up(state)
            return report.shape
        found = self.upgrade.accepted(report)
        if read_table(self._session, BEFORE) is not None:
            says = f"{BEFORE} is left from an earlier upgrade; drop it first"
            raise BlockedError([Finding("left-over", "blocker", says)])
        state.create()
        if state.origin is None:
            text = definition(self._session, found.name)
            state.set("origin", Origin(report.shape, found, text).to_json())
        state.set("upgrading", {"resolutions": dict(self.upgrade.resolutions), "way": "online"})
        self.at("recorded")
        origin = state.origin
        base = origin.table if origin else found
        words = self._words(base)
        if not self._can_go_on(state):
            self._start(state, base, words)
        self._copy(state, words)
        self.at("copied")
        self._verify(words)
        self.at("verified")
        self._patiently(words.swap())
        self.at("swapped")
        self._clean_up(state)
        self.at("finished")
        return report.shape

    def abandon(self) -> None:
        """Remove everything that an unfinished run left behind; the old table stays in use."""
        state = State(self._session)
        if read_table(self._session, BEFORE) is None:
            self._remove()
        state.delete("online")
        state.delete("upgrading")

    # ------------------------------------------------------------ beginning

    def _prepare_session(self) -> None:
        if self._session.dialect not in {"mariadb", "mysql"}:
            says = "the online way needs MariaDB or MySQL; upgrade without --online"
            raise BlockedError([Finding("online", "blocker", says)])
        logged, form = self._session.query("SELECT @@log_bin, @@binlog_format")[0]
        if logged and form == "STATEMENT":
            says = "binlog_format is STATEMENT; the copy needs ROW or MIXED"
            raise BlockedError([Finding("binlog", "blocker", says)])
        self._session.execute("SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED")
        # An UPDATE by a trigger may lock a gap of the copy until its writer commits. While the
        # copy waits for that, others wait for the copy: so it gives way soon and tries again.
        self._session.execute("SET SESSION innodb_lock_wait_timeout = 1")

    def _words(self, base: Table) -> Words:
        rows = self._rows(base)
        target = goal(base, self.upgrade.wanted)
        return Words(base, target, rows.copied, self._session.dialect)

    def _rows(self, base: Table) -> Rows:
        target = goal(base, self.upgrade.wanted)
        return Rows(self._session, base, target, self.upgrade.new_id, self.upgrade.log)

    def _can_go_on(self, state: State) -> bool:
        present = {
            str(row[0])
            for row in self._session.query(
                "SELECT TRIGGER_NAME FROM information_schema.TRIGGERS "
                "WHERE TRIGGER_SCHEMA = DATABASE() AND EVENT_OBJECT_TABLE = 'videos'"
            )
        }
        whole = present.issuperset(TRIGGERS) and read_table(self._session, SHADOW) is not None
        return whole and state.get("online") is not None

    def _start(self, state: State, base: Table, words: Words) -> None:
        self._remove()
        state.delete("online")
        rows = self._rows(base)
        with transaction(self._session):
            rows.resolve(self.upgrade.resolutions)
            rows.remember_nulls()
        self.at("rows-fitted")
        if not words.numbered:
            self._patiently(
                f"ALTER TABLE videos ADD INDEX {INDEX} (created_at), ALGORITHM=INPLACE, LOCK=NONE"
            )
        self.at("indexed")
        total = int(self._session.query("SELECT COUNT(*) FROM videos")[0][0])
        self._make_shadow(words, total)
        self.at("shadow-made")
        for number, trigger in enumerate(words.triggers()):
            self._patiently(trigger)
            if not number:
                self.at("first-trigger")
        self.at("triggers-made")
        # Only now: a copy that began before the last trigger could miss a write.
        begin = {"after": None, "number": 0, "copied": 0, "before": 0, "total": total}
        state.set("online", begin)

    def _make_shadow(self, words: Words, total: int) -> None:
        self._session.execute(f"CREATE TABLE {SHADOW} LIKE videos")
        empty = read_table(self._session, SHADOW)
        if empty is not None and (steps := plan(empty, words.target)):
            self._session.execute(alter(SHADOW, steps, self._session.dialect))
        if not words.numbered:
            # New rows are numbered above all that will be copied, however many come meanwhile.
            reserved = total + total // 2 + 100_000
            self._session.execute(f"ALTER TABLE {SHADOW} AUTO_INCREMENT = {reserved}")

    # ------------------------------------------------------------ copying

    def _copy(self, state: State, words: Words) -> None:
        size, began, here = self.throttle.first_chunk, self.now(), 0
        at: dict[str, Any] = state.get("online")
        while at["after"] != "end":
            self._wait_for_leave(state)
            started = self.now()
            after, conditions = self._next_chunk(words, at["after"], size)
            for condition in conditions[:-1]:
                at = self._copy_rows(state, words, condition, at)
            at = self._copy_rows(state, words, conditions[-1], {**at, "after": after})
            self.at("first-chunk")
            taken = max(self.now() - started, 1e-6)
            size = int(size * min(1.3, self.throttle.chunk_seconds / taken))
            size = max(self.throttle.first_chunk, min(_MOST, size))
            here += at["copied"] - at["before"]
            self._tell(at, here / max(self.now() - began, 1e-6))
            self.sleep(taken * (1 / self.throttle.share - 1))

    def _tell(self, at: dict[str, Any], rate: float) -> None:
        left = max(0, at["total"] - at["copied"])
        self.progress(Progress(at["copied"], at["total"], rate, left / rate if rate else None))

    def _next_chunk(
        self, words: Words, after: Any, size: int
    ) -> tuple[int | Literal["end"], list[str]]:
        """Return where the next chunk ends, and the conditions of its parts."""
        key, query = words.key, self._session.query
        if after is None:  # rows without a time come first: no range holds them
            lowest = query(f"SELECT MIN({key}), COUNT(*) - COUNT({key}) FROM videos")[0]
            parts = _parts(f"{key} IS NULL", int(lowest[1]), size)
            return ("end" if lowest[0] is None else int(lowest[0]) - 1), parts
        end = query(words.end_of_chunk(size), after)
        if not end:
            return "end", [f"{key} > {after}"]
        last = int(end[0][0])
        same = int(query(f"SELECT COUNT(*) FROM videos WHERE {key} = {last}")[0][0])
        if same <= size:
            return last, [f"{key} > {after} AND {key} <= {last}"]
        before = f"{key} > {after} AND {key} < {last}"
        return last, [before, *_parts(f"{key} = {last}", same, size)]

    def _copy_rows(
        self, state: State, words: Words, condition: str, at: dict[str, Any], *values: object
    ) -> dict[str, Any]:
        """Copy some rows and record it in the same transaction; repeat it after a deadlock."""

        def once() -> dict[str, Any]:
            with transaction(self._session):
                self._session.execute("SET @n := ?", at["number"])
                copied = self._session.execute(words.copy(condition), *values)
                number = int(self._session.query("SELECT @n")[0][0])
                done = {**at, "number": number, "copied": at["copied"] + copied}
                state.set("online", {**done, "before": at["copied"]})
                return {**done, "before": at["copied"]}

        return self._again(once)

    def _wait_for_leave(self, state: State) -> None:
        """Wait while somebody asked for a pause or the server has enough to do."""
        while state.get("paused"):
            self.sleep(1)
        limit = self.throttle.running
        while limit and _running(self._session) > limit:
            self.sleep(0.5)

    # ------------------------------------------------------------ ending

    def _verify(self, words: Words) -> None:
        """Copy what slipped through, if anything did, and make sure that nothing is missing.

        The copy passes over rows that a writer is changing, and a row whose time is moved
        back over the copy's place escapes it. Fifty times in a row is somebody's lock.
        """
        state = State(self._session)
        for _ in range(50):
            missing = self._session.query(words.some_missing())
            if not missing:
                break
            self.upgrade.log(f"{len(missing)} rows escaped the copy; copying them")
            for key, task_id in missing:
                self._copy_rows(state, words, words.one_row(), state.get("online"), key, task_id)
            self.sleep(0.1)
        old, new = self._again(lambda: self._session.query(words.counts())[0])
        if old != new or self._session.query(words.missing())[0][0]:
            says = f"the copy has {new} rows and the table {old}; run again with --abandon first"
            raise BlockedError([Finding("copy-differs", "blocker", says)])
        if not self._can_go_on(state):
            says = "a trigger disappeared during the copy; run again, it starts anew"
            raise BlockedError([Finding("trigger-missing", "blocker", says)])

    def _clean_up(self, state: State) -> None:
        for name in TRIGGERS:
            self._patiently(f"DROP TRIGGER IF EXISTS {name}")
        self.at("triggers-gone")
        state.delete("online")
        self.upgrade.finish(state)
        self.upgrade.log(f"the old table is kept as {BEFORE}; drop it when nothing is missed")

    def _remove(self) -> None:
        """Remove what an earlier run left; triggers first, for they need the shadow."""
        for name in TRIGGERS:
            self._patiently(f"DROP TRIGGER IF EXISTS {name}")
        self._session.execute(f"DROP TABLE IF EXISTS {SHADOW}")
        table = read_table(self._session, "videos")
        if table is not None and table.index(INDEX) is not None:
            self._patiently(f"ALTER TABLE videos DROP INDEX {INDEX}")

    def _patiently(self, statement: str) -> None:
        """Run a statement that needs the table for a moment; give way after a second.

        Writers queue behind a statement that waits for an open transaction, so it is not
        tried while one has lasted, and gives up its place after a second.
        """
        self._session.execute("SET SESSION lock_wait_timeout = 1")
        for attempt in range(_ATTEMPTS):
            while long := long_transactions(self._session, seconds=1):
                self.upgrade.log(f"waiting for a transaction that has lasted {max(long)} s")
                self.sleep(0.5)
            try:
                self._session.execute(statement)
            except DatabaseError as error:
                if error.code not in _BUSY or attempt == _ATTEMPTS - 1:
                    raise
                self.sleep(0.2)
            else:
                return

    def _again(self, call: Callable[[], _Found]) -> _Found:
        for attempt in range(_ATTEMPTS):
            try:
                return call()
            except DatabaseError as error:
                if error.code not in _BUSY or attempt == _ATTEMPTS - 1:
                    raise
                self.sleep(0.05 * min(attempt + 1, 20))
        raise AssertionError("unreachable: the last attempt returns or raises")


def _parts(condition: str, rows: int, size: int) -> list[str]:
    """Return *condition*, split by a hash when it holds for many more rows than a chunk has."""
    count = -(-rows // size)
    if count <= 1:
        return [condition]
    return [f"{condition} AND CRC32(task_id) % {count} = {part}" for part in range(count)]


def _running(session: Session) -> int:
    return int(session.query("SHOW GLOBAL STATUS LIKE 'Threads_running'")[0][1])

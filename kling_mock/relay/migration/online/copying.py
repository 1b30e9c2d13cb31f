"""The copy of the online upgrade: chunk after chunk, each recorded in its own transaction."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any, Final, Literal

import attrs

from kling_mock.relay.migration.database.lock_retry import LockRetry
from kling_mock.relay.migration.database.session import Session, transaction
from kling_mock.relay.migration.findings import UnfinishedError
from kling_mock.relay.migration.online.progress import Progress, Throttle, parts
from kling_mock.relay.migration.online.sql import OnlineSql
from kling_mock.relay.migration.state import MigrationState

#: Rows that one statement compares, or finds without a copy.
_COMPARED: Final = 20_000

#: Seconds to wait before a chunk all of whose rows are held is tried again, and in all; each second
#: of copying gives one back. A transaction that holds the whole table mostly ends within them, and
#: rows that were passed over are copied more slowly.
_PAUSE: Final = 0.5
_PATIENCE: Final = 10.0

#: Maximum bytes of an INSERT of rows that are written out; a longer row is inserted by itself.
_STATEMENT: Final = 1_000_000


@attrs.frozen
class Copying:
    """Fills the shadow table with the rows of the old one.

    Attributes:
        sql: The statements.
        throttle: The pace of the copy.
        retry: Waits for locks.
        progress: Called after each chunk.
        now: A clock in seconds.
        max_characters: Maximum characters of a row that is written out, instead of INSERT ...
            SELECT; 0 if INSERT ... SELECT does not keep writers from numbering their rows.
    """

    sql: OnlineSql
    throttle: Throttle
    retry: LockRetry
    progress: Callable[[Progress], None]
    now: Callable[[], float]
    max_characters: int = 0

    @property
    def _session(self) -> Session:
        return self.retry.session

    @property
    def _state(self) -> MigrationState:
        return MigrationState(self._session)

    def begin(self, total: int) -> None:
        """Record that a copy of *total* rows begins."""
        # Rows after the last one come by trigger: a copy that followed them might never end.
        last = self._session.query(f"SELECT MAX({self.sql.key}) FROM videos")[0][0]
        start: dict[str, Any] = {"after": None, "number": 0, "copied": 0, "passed": []}
        self._state.set("online", {**start, "total": total, "last": last})

    def run(self) -> None:
        """Copy all rows, starting where the last run stopped."""
        size, began, here, waited = self.throttle.first_chunk, self.now(), 0, 0.0
        at: dict[str, Any] = self._state.get("online")
        while at["after"] != "end":
            self._wait_while_busy()
            started, before = self.now(), at
            after, conditions = self._next_chunk(at["after"], at["last"], size)
            for condition in conditions[:-1]:
                at = self._chunk(condition, at, size)
            at = {**at, "after": after}
            at = self._chunk(conditions[-1], at, size) if conditions else at
            seconds = self.now() - started
            copied = at["copied"] - before["copied"]
            is_held = len(at["passed"]) > len(before["passed"])
            if is_held and not copied and waited + _PAUSE <= _PATIENCE:
                at = before
                self._state.set("online", at)
                self.retry.sleep(_PAUSE)
                waited += _PAUSE
                continue
            waited = max(0.0, waited - seconds)
            here += copied
            rate = here / max(self.now() - began, 1e-6)
            self.progress(Progress(at["copied"], at["total"], rate, ended=after == "end"))
            if not is_held:  # else it was quick, because rows were held
                size = self.throttle.next_size(size, seconds)
            self.retry.sleep(self.throttle.rest(seconds))

    def _next_chunk(
        self, after: Any, end: int | None, size: int
    ) -> tuple[int | Literal["end"], list[str]]:
        """Return the end of the next chunk, and the conditions of its parts."""
        key, query = self.sql.key, self._session.query
        if after is None:  # rows without a time come first: they are not in any range
            lowest = query(f"SELECT MIN({key}), COUNT(*) - COUNT({key}) FROM videos")[0]
            without = parts(f"{key} IS NULL", int(lowest[1]), size) if lowest[1] else []
            return ("end" if None in {lowest[0], end} else int(lowest[0]) - 1), without
        place = query(self.sql.end_of_chunk(size), after)
        if not place or (end is not None and place[0][0] >= end):
            return "end", [f"{key} > {after} AND {key} <= {end}"]
        last = int(place[0][0])
        same = int(query(f"SELECT COUNT(*) FROM videos WHERE {key} = {last}")[0][0])
        if same <= size:
            return last, [f"{key} > {after} AND {key} <= {last}"]
        before = f"{key} > {after} AND {key} < {last}"
        return last, [before, *parts(f"{key} = {last}", same, size)]

    def _chunk(self, condition: str, at: dict[str, Any], size: int) -> dict[str, Any]:
        """Copy the rows of a chunk; record how many of them a writer holds, for `complete`."""

        def once() -> dict[str, Any]:
            with transaction(self._session):
                copied, number = self._insert(condition, at["number"])
                done = {**at, "number": number, "copied": at["copied"] + copied}
                left = self._left(condition) if copied < size else 0
                if left:  # they keep their place in the order of time
                    passed = {"where": condition, "number": number, "count": left}
                    done |= {"number": number + left, "passed": [*at["passed"], passed]}
                self._state.set("online", done)
                return done

        return self.retry.again(once)

    def _left(self, condition: str) -> int:
        left = self.sql.left(condition)
        return int(self._session.query(f"SELECT COUNT(*) FROM videos WHERE {left}")[0][0])

    def _insert(self, condition: str, number: int, *values: object) -> tuple[int, int]:
        """Copy the rows that no writer holds; return how many, and the last number they got."""
        sql, session = self.sql, self._session
        if self.max_characters:
            texts = [row[0] for row in session.query(sql.literals(condition), *values)]
            if not any(text is None or len(text) > self.max_characters for text in texts):
                return self._insert_texts(texts, number)
        session.execute("SET @n := ?", number)
        copied = session.execute(sql.copy(condition), *values)
        return copied, int(session.query("SELECT @n")[0][0])

    def _insert_texts(self, texts: list[str], number: int) -> tuple[int, int]:
        copied, together, size = 0, list[str](), 0
        limit = min(_STATEMENT, 4 * self.max_characters)  # a character has at most 4 bytes
        for text in texts:
            number += 1
            length = len(text.encode())
            if together and size + length > limit:
                copied += self._session.execute(self.sql.inserted(together))
                together, size = [], 0
            size += length
            together.append(text if self.sql.numbered else f"{number}, {text}")
        if together:
            copied += self._session.execute(self.sql.inserted(together))
        return copied, number

    def _wait_while_busy(self) -> None:
        """Wait while the copy is paused or the server is busy."""
        if self._state.get("paused"):
            self.retry.log("paused; kling-mock db upgrade --resume continues it")
            while self._state.get("paused"):
                self.retry.sleep(0.2)
            self.retry.log("continuing")
        limit, logged = self.throttle.running, False
        while limit and (running := _running(self._session)) > limit:
            if not logged:
                self.retry.log(f"waiting: {running} threads are running, more than {limit}")
                logged = True
            self.retry.sleep(0.5)

    # ------------------------------------------------------------ completeness

    def complete(self) -> None:
        """Copy the rows that are still missing, until the copy is complete.

        The copy passes over rows that a writer is changing, and misses a row whose time is moved
        back past the position of the copy.

        Raises:
            UnfinishedError: A transaction held some rows for longer than `wait_at_most`.
        """
        at = self._state.get("online")
        if at["passed"]:
            rows = sum(chunk["count"] for chunk in at["passed"])
            self.retry.log(f"{rows} rows were held by other transactions; copying them")
        at = self._fetch_passed(at)
        everywhere = {"where": None, "number": at["number"], "count": 0}
        self._fetch_passed({**at, "passed": [everywhere]})

    def _fetch_passed(self, at: dict[str, Any]) -> dict[str, Any]:
        """Copy the rows that were passed over, by ranges."""
        waited = 0.0
        while at["passed"]:
            before = at["copied"]
            for _ in range(len(at["passed"])):
                at = self._passed(at)
            if at["passed"]:
                waited = self._wait(waited) if at["copied"] == before else 0
        return at

    def _passed(self, at: dict[str, Any]) -> dict[str, Any]:
        """Copy missing rows of the first range that was passed over; it moves to the end.

        It is removed once none is missing. The rows are found without a lock, since MariaDB keeps
        a lock on each row that it reads through a secondary index, also if the row does not match.
        A range to which writers add rows would be locked for longer each time, and each time a
        deadlock with one of them would end the transaction.
        """
        first, *others = at["passed"]
        rows = self._session.query(self.sql.missing(first["where"], _COMPARED))
        if not rows:
            done = {**at, "passed": others}
            self._state.set("online", done)
            return done
        if len(rows) > first["count"]:
            self.retry.log(f"{len(rows) - first['count']} rows escaped the copy; copying them")
            first = {**first, "number": at["number"], "count": len(rows)}
            at = {**at, "number": at["number"] + len(rows)}
        at = {**at, "passed": [*others, first]}
        # A search reads the whole range, the copy only the rows that it lists.
        for begin in range(0, len(rows), self.throttle.first_chunk):
            started = self.now()
            at = self._listed(rows[begin : begin + self.throttle.first_chunk], at)
            self.retry.sleep(self.throttle.rest(self.now() - started))
        return at

    def _listed(self, rows: Sequence[tuple[Any, ...]], at: dict[str, Any]) -> dict[str, Any]:
        """Copy these rows of the last range that was passed over; after a conflict, half of them.

        Args:
            rows: Their keys and task_ids.
            at: The position of the copy.
        """
        *others, last = at["passed"]
        attempts = itertools.count()

        def once() -> dict[str, Any]:
            condition, values = self.sql.listed(rows[: max(1, len(rows) >> next(attempts))])
            with transaction(self._session):
                copied, number = self._insert(condition, last["number"], *values)
                again = {**last, "number": number, "count": last["count"] - copied}
                result = {**at, "copied": at["copied"] + copied, "passed": [*others, again]}
                self._state.set("online", result)
                return result

        return self.retry.again(once)

    def _wait(self, waited: float) -> float:
        """Wait a moment for the transactions that hold rows; return the total seconds.

        Raises:
            UnfinishedError: The total exceeds `wait_at_most`.
        """
        if waited > self.retry.wait_at_most:
            raise UnfinishedError(
                f"rows of the table are still missing in the copy: a transaction has held them "
                f"for {waited:.0f} s (--wait-at-most); end it, and run the same command again"
            )
        self.retry.sleep(0.1)
        return waited + 0.1

    def compare(self) -> None:
        """Compare every copied value with the old one, in batches of rows, and then their numbers.

        If a writer has added a second row with a task_id, a table without ids has two rows for one
        copy. That copy is equal to whichever of the two was written last, and so may be equal to
        each of them when its batch is compared.

        Raises:
            UnfinishedError: The copy differs from the table.
        """
        self.retry.log("comparing the copy with the table")
        after: int | None = None
        while True:
            started = self.now()
            last = self._end_of_rows(after)
            old, new = self._session.query(self.sql.compared(after, last))[0]
            if old != new:
                where = f"{self.sql.key} after {after} up to {last}"
                raise UnfinishedError(
                    f"the copy is not the table: of rows with {where}, number and checksum are "
                    f"{old} in the table and {new} in the copy"
                )
            if last is None:
                break
            after = last
            self.retry.sleep(self.throttle.rest(self.now() - started))
        old, new = self._session.query(self.sql.counted())[0]
        if old != new:
            raise UnfinishedError(
                f"the copy is not the table, which has {old} rows, and the copy {new}: a task_id "
                "may be there twice; run kling-mock db check"
            )

    def _end_of_rows(self, after: int | None) -> int | None:
        if after is None:
            lowest = self._session.query(f"SELECT MIN({self.sql.key}) FROM videos")[0][0]
            return None if lowest is None else int(lowest)
        end = self._session.query(self.sql.end_of_chunk(_COMPARED), after)
        return int(end[0][0]) if end else None


def _running(session: Session) -> int:
    return int(session.query("SHOW GLOBAL STATUS LIKE 'Threads_running'")[0][1])

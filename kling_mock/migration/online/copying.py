"""The copy of the online upgrade: chunk after chunk, each recorded in its own transaction."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, Literal

import attrs

from kling_mock.migration.database.session import Session, transaction
from kling_mock.migration.findings import UnfinishedError
from kling_mock.migration.online.lock_retry import LockRetry
from kling_mock.migration.online.progress import Progress, Throttle, parts
from kling_mock.migration.online.sql import OnlineSql
from kling_mock.migration.state import MigrationState

__all__ = ["Copying"]

#: Rows that are compared by one statement.
_COMPARED: Final = 20_000

#: How often the copy is searched for missing rows; after that a lock must be the reason.
_SEARCHES: Final = 50


@attrs.frozen
class Copying:
    """Fills the shadow table with the rows of the old one.

    Attributes:
        sql: The statements.
        throttle: How fast.
        retry: Waits for locks.
        progress: Called after each chunk.
        now: A clock in seconds.
    """

    sql: OnlineSql
    throttle: Throttle
    retry: LockRetry
    progress: Callable[[Progress], None]
    now: Callable[[], float]

    @property
    def _session(self) -> Session:
        return self.retry.session

    @property
    def _state(self) -> MigrationState:
        return MigrationState(self._session)

    def begin(self, total: int) -> None:
        """Record that a copy of *total* rows begins."""
        self._state.set("online", {"after": None, "number": 0, "copied": 0, "total": total})

    def run(self) -> None:
        """Copy all rows, from where the last run was."""
        size, began, here = self.throttle.first_chunk, self.now(), 0
        at: dict[str, Any] = self._state.get("online")
        while at["after"] != "end":
            self._wait_while_busy()
            started, before = self.now(), at["copied"]
            after, conditions = self._next_chunk(at["after"], size)
            for condition in conditions[:-1]:
                at = self._copy(condition, at)
            at = self._copy(conditions[-1], {**at, "after": after})
            taken = self.now() - started
            here += at["copied"] - before
            rate = here / max(self.now() - began, 1e-6)
            self.progress(Progress(at["copied"], at["total"], rate, ended=after == "end"))
            size = self.throttle.next_size(size, taken)
            self.retry.sleep(self.throttle.rest(taken))

    def _next_chunk(self, after: Any, size: int) -> tuple[int | Literal["end"], list[str]]:
        """Return where the next chunk ends, and the conditions of its parts."""
        key, query = self.sql.key, self._session.query
        if after is None:  # rows without a time come first: no range holds them
            lowest = query(f"SELECT MIN({key}), COUNT(*) - COUNT({key}) FROM videos")[0]
            without = parts(f"{key} IS NULL", int(lowest[1]), size)
            return ("end" if lowest[0] is None else int(lowest[0]) - 1), without
        end = query(self.sql.end_of_chunk(size), after)
        if not end:
            return "end", [f"{key} > {after}"]
        last = int(end[0][0])
        same = int(query(f"SELECT COUNT(*) FROM videos WHERE {key} = {last}")[0][0])
        if same <= size:
            return last, [f"{key} > {after} AND {key} <= {last}"]
        before = f"{key} > {after} AND {key} < {last}"
        return last, [before, *parts(f"{key} = {last}", same, size)]

    def _copy(self, condition: str, at: dict[str, Any], *values: object) -> dict[str, Any]:
        """Copy some rows and record it in the same transaction; repeat it after a deadlock."""

        def once() -> dict[str, Any]:
            with transaction(self._session):
                self._session.execute("SET @n := ?", at["number"])
                copied = self._session.execute(self.sql.copy(condition), *values)
                number = int(self._session.query("SELECT @n")[0][0])
                done = {**at, "number": number, "copied": at["copied"] + copied}
                self._state.set("online", done)
                return done

        return self.retry.again(once)

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
        """Copy the missing rows, if there are any, until none is missing.

        The copy passes over rows that a writer is changing, and a row whose time is moved
        back over the copy's place escapes it.

        Raises:
            UnfinishedError: Something is missing after many searches.
        """
        sql, query = self.sql, self._session.query
        for _ in range(_SEARCHES):
            missing = query(sql.some_missing())
            if not missing:
                return
            self.retry.log(f"{len(missing)} rows escaped the copy; copying them")
            for key, task_id in missing:
                self._copy(sql.one_row(), self._state.get("online"), key, task_id)
            self.retry.sleep(0.1)
        raise UnfinishedError(
            f"after {_SEARCHES} searches, rows of the table are still missing in the copy: a "
            "transaction that has not ended holds them"
        )

    def compare(self) -> None:
        """Compare every copied value with the old one, some rows at a time.

        Raises:
            UnfinishedError: The copy is not the table.
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
                return
            after = last
            self.retry.sleep(self.throttle.rest(self.now() - started))

    def _end_of_rows(self, after: int | None) -> int | None:
        if after is None:
            lowest = self._session.query(f"SELECT MIN({self.sql.key}) FROM videos")[0][0]
            return None if lowest is None else int(lowest)
        end = self._session.query(self.sql.end_of_chunk(_COMPARED), after)
        return int(end[0][0]) if end else None


def _running(session: Session) -> int:
    return int(session.query("SHOW GLOBAL STATUS LIKE 'Threads_running'")[0][1])

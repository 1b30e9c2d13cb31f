"""The swap of copy and table, during which the definition cannot be changed.

RENAME TABLE is not allowed under LOCK TABLES, and without a lock another ALTER can come
between the last check and the RENAME. So a second connection locks the table and checks it, the
RENAME queues behind the lock, and the lock is released: a waiting RENAME runs before every
other waiting statement.
"""

from __future__ import annotations

from contextlib import closing
from typing import Any, Final

import attrs

from kling_mock.relay.migration.database.introspect import definition
from kling_mock.relay.migration.database.lock_retry import LockRetry
from kling_mock.relay.migration.database.preflight import references
from kling_mock.relay.migration.database.session import Session
from kling_mock.relay.migration.database.table_lock import (
    no_causal_reads,
    overtaken,
)
from kling_mock.relay.migration.findings import UnfinishedError
from kling_mock.relay.migration.online.sql import INDEX, TRIGGERS
from kling_mock.relay.migration.state import STATE, MigrationState

_TRIGGERS: Final = (
    "SELECT TRIGGER_NAME, ACTION_TIMING, EVENT_MANIPULATION, ACTION_STATEMENT "
    "FROM information_schema.TRIGGERS WHERE EVENT_OBJECT_SCHEMA = DATABASE() "
    "AND EVENT_OBJECT_TABLE = 'videos' ORDER BY TRIGGER_NAME"
)


@attrs.frozen
class Recorded:
    """The definition and the triggers of the table while it is copied.

    Attributes:
        definition: The statements of the database itself; () when nothing was recorded.
        triggers: Name, time, event and body of each trigger.
    """

    definition: tuple[str, ...]
    triggers: tuple[tuple[str, ...], ...]

    @classmethod
    def now(cls, session: Session) -> Recorded:
        """Return the present definition and triggers."""
        rows = session.query(_TRIGGERS)
        return cls(
            definition(session, "videos"), tuple(tuple(str(value) for value in row) for row in rows)
        )

    @classmethod
    def read(cls, state: MigrationState) -> Recorded:
        """Return the definition and triggers that were recorded before the copy started."""
        value: dict[str, Any] = state.get("recorded") or {"definition": [], "triggers": []}
        return cls(
            tuple(value["definition"]), tuple(tuple(trigger) for trigger in value["triggers"])
        )

    def write(self, state: MigrationState) -> None:
        """Record the definition and the triggers."""
        state.set("recorded", attrs.asdict(self))

    def must_follow(self, checked: tuple[str, ...]) -> None:
        """Check that only our index and triggers were added since the table was *checked*.

        Raises:
            UnfinishedError: Something else was changed.
        """
        ours = f"KEY `{INDEX}`"
        changes = _different(checked, self.definition, ours)
        changes += [f"there is a trigger {x[0]}" for x in self.triggers if x[0] not in TRIGGERS]
        if changes:
            raise UnfinishedError(_CHANGED + "; ".join(changes))

    def changes(self, session: Session) -> list[str]:
        """Return a phrase for each difference from the present table."""
        now = Recorded.now(session)
        differences = _different(self.definition, now.definition)
        names = {trigger[0] for trigger in now.triggers}
        if gone := sorted(set(TRIGGERS) - names):
            differences.append(f"a trigger disappeared during the copy: {', '.join(gone)}")
        elif now.triggers != self.triggers:
            differences.append(f"its triggers are different: {', '.join(sorted(names))}")
        return differences


#: The beginning of each refusal of a swap.
_CHANGED: Final = (
    "the table's definition was changed during the copy, so the tables were not swapped: "
)


def _different(old: tuple[str, ...], new: tuple[str, ...], ours: str = "\n") -> list[str]:
    """Return a phrase for each difference between two definitions.

    Lines that begin with *ours* are ignored.
    """
    before, after = (
        [
            entry
            for text in texts
            for line in text.splitlines()
            if not (entry := line.strip().removesuffix(",")).startswith(ours)
        ]
        for texts in (old, new)
    )
    differences = [f"there is {line}" for line in after if line not in before]
    differences += [f"there is no longer {line}" for line in before if line not in after]
    if before != after and not differences:
        differences.append("the order of its columns is another one")
    return differences


@attrs.frozen
class CutOver:
    """Swaps the tables, unless the definition of the old one was changed.

    Attributes:
        session: The connection of the upgrade.
        retry: Waits for locks.
    """

    session: Session
    retry: LockRetry

    def may_lock(self) -> None:
        """Lock a table of our own for a moment, to check a privilege that is needed at the end.

        Raises:
            DatabaseError: The user may not lock tables.
        """
        with closing(self.session.another()) as guard:
            guard.execute(f"LOCK TABLES {STATE} WRITE")

    def must_be(self, recorded: Recorded, session: Session) -> None:
        """Check that the table is as it was *recorded*.

        Raises:
            UnfinishedError: The table has changed.
        """
        if changes := recorded.changes(session):
            raise UnfinishedError(_CHANGED + "; ".join(changes))

    def run(self, swap: str, recorded: Recorded) -> None:
        """Run the statement *swap*.

        Raises:
            UnfinishedError: The table is not as it was *recorded*.
        """
        number = self.session.query("SELECT CONNECTION_ID()")[0][0]
        self.session.execute("SET SESSION lock_wait_timeout = 1")
        with closing(self.session.another()) as guard:
            guard.execute("SET SESSION lock_wait_timeout = 1")
            no_causal_reads(guard)

            def once() -> None:
                self.retry.wait_for_transactions()
                if keys := references(self.session, "videos"):
                    raise UnfinishedError(f"foreign keys point to the table: {', '.join(keys)}")
                guard.execute("LOCK TABLES videos WRITE")
                try:
                    self.must_be(recorded, guard)
                except BaseException:
                    guard.execute("UNLOCK TABLES")
                    raise
                # A write that comes in between is carried over by the triggers.
                with overtaken(guard, number):
                    self.session.execute(swap)

            self.retry.again(once, lambda _: 0.2)

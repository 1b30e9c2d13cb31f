"""The old relay, at work while its table is migrated."""

from __future__ import annotations

from typing import Any

from kling_mock.relay.migration.database.session import Session
from tests.mock.relay.migration import legacy


class Application:
    """The writes of the old relay meanwhile, and those that were acknowledged.

    Args:
        session: Its connection.
        own: Whether it touches only rows that it has inserted itself.
    """

    def __init__(self, session: Session, *, own: bool = False) -> None:
        self.session = session
        self.expected = self._rows_by_id()
        self._protected_ids = set(self.expected) if own else set[Any]()
        self.number = 0

    def _rows_by_id(self) -> dict[Any, tuple[str, int]]:
        rows = self.session.query("SELECT task_id, status, quota FROM videos")
        by_id = {task_id: (status, quota) for task_id, status, quota in rows}
        assert len(by_id) == len(rows) or None in by_id, "an id is there twice"
        return by_id

    def work(self) -> None:
        """Insert a row, end another, delete a third."""
        self.number += 1
        new = f"app-{self.number}"
        self.session.execute(
            "INSERT INTO videos (task_id, created_at, user_id, channel_id, status, quota, n) "
            "VALUES (?, ?, 1, 1, 'submitted', 5, 0)",
            new,
            1_700_000_000 + self.number % 400,
        )
        self.expected[new] = ("submitted", 5)
        known = sorted(self.expected.keys() - self._protected_ids)
        ended, gone = known[self.number % len(known)], f"app-{self.number - 3}"
        self.session.execute(
            "UPDATE videos SET status = 'succeed', quota = ? WHERE task_id = ?", self.number, ended
        )
        self.expected[ended] = ("succeed", self.number)
        if gone in self.expected:
            self.session.execute("DELETE FROM videos WHERE task_id = ?", gone)
            del self.expected[gone]

    def check(self) -> None:
        """Fail unless exactly what was acknowledged is there, each row once."""
        assert self._rows_by_id() == self.expected


def many(count: int) -> list[tuple[Any, ...]]:
    """Return rows with all kinds of times: none, the same, and different ones."""
    rows = []
    for number in range(count):
        row = dict(zip(legacy.COLUMNS, legacy.CLEAN[0], strict=True))
        time = None if number % 7 == 0 else 1_700_000_000 + (number if number % 2 else 50)
        row |= {"task_id": f"old-{number:04}", "created_at": time}
        rows.append(tuple(row[name] for name in legacy.COLUMNS))
    return rows

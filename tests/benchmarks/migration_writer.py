"""The application during a migration: a process that writes or reads, and remembers.

Run as a program, so that it shares no interpreter with the migration. It works until its
standard input closes and then prints what it saw as one line of JSON.
"""

from __future__ import annotations

import json
import random
import sys
import threading
import time
from typing import Any, Final

from kling_mock.relay.migration.database.session import DatabaseError, Session, connect

_PACE: Final = 0.004  # seconds between two statements
_TRANSIENT: Final = frozenset({1205, 1213, 1020})


class Client:
    """One connection that does the old relay's work, each statement a transaction."""

    def __init__(self, session: Session, name: str, rows: int) -> None:
        self.session = session
        self.name = name
        self.rows = rows
        self.random = random.Random(name)  # noqa: S311 - which row is written
        self.number = 0
        self.worst = 0.0
        self.statements = 0
        self.errors: dict[str, int] = {}
        self.expected: dict[str, Any] = {}
        self.own: list[str] = []

    def timed(self, sql: str, *values: object) -> None:
        """Run a statement, again after a deadlock, and note how long its caller waited."""
        started = time.perf_counter()
        while True:
            try:
                self.session.query(sql, *values)
            except DatabaseError as error:
                self.errors[str(error.code)] = self.errors.get(str(error.code), 0) + 1
                if error.code not in _TRANSIENT:
                    raise
            else:
                break
        self.worst = max(self.worst, time.perf_counter() - started)
        self.statements += 1

    def write(self) -> None:
        """Insert a task, or end one, or change an old row, or delete one of the own."""
        kind = self.number % 8
        self.number += 1
        if kind < 3:
            task_id = f"{self.name}-{self.number}"
            self.timed(
                "INSERT INTO videos (task_id, created_at, user_id, channel_id, status, quota, n) "
                "VALUES (?, ?, 1, 1, 'submitted', 5, 1)",
                task_id,
                1_700_000_000 + self.random.randrange(self.rows),
            )
            self.expected[task_id] = ["submitted", 5]
            self.own.append(task_id)
        elif kind == 7:
            task_id = self.own.pop(self.random.randrange(len(self.own)))
            self.timed("DELETE FROM videos WHERE task_id = ?", task_id)
            self.expected[task_id] = None
        else:
            # Each writer has its own share of the old rows, so it knows their last state.
            number = self.random.randrange(self.rows // 4) * 4 + int(self.name[-1])
            task_id = f"old-{number:032}"
            self.timed(
                "UPDATE videos SET status = 'succeed', quota = ? WHERE task_id = ?",
                self.number,
                task_id,
            )
            self.expected[task_id] = ["succeed", self.number]

    def read(self) -> None:
        """Look a task up as the relay does."""
        number = self.random.randrange(1, self.rows)
        self.timed("SELECT status FROM videos WHERE task_id = ?", f"old-{number:032}")


def main() -> None:
    """Work until standard input closes."""
    url, kind, name, rows = sys.argv[1:]
    stop = threading.Event()

    def wait_for_the_end() -> None:
        sys.stdin.read()
        stop.set()

    threading.Thread(target=wait_for_the_end, daemon=True).start()
    with connect(url) as session:
        client = Client(session, name, int(rows))
        client.timed("SELECT 1")
        client.worst = 0.0
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        act = client.write if kind == "writer" else client.read
        while not stop.wait(_PACE):
            act()
        seen = {
            "worst": client.worst,
            "statements": client.statements,
            "errors": client.errors,
            "expected": client.expected,
        }
        sys.stdout.write(json.dumps(seen) + "\n")


if __name__ == "__main__":
    main()

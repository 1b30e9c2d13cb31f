"""An application with the habits of an ORM, which writes while its table is migrated.

Run as a program, so that it shares no interpreter with the migration or with another writer. It has
a connection of its own, works until its standard input closes, goes on for some transactions, and
prints as one line of JSON what was acknowledged to it.
"""

from __future__ import annotations

import asyncio
import json
import random
import subprocess
import sys
import tempfile
import threading
import time
import warnings
from collections import Counter
from collections.abc import Callable, Generator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple, cast
from urllib.parse import urlsplit

import asyncmy
import attrs
from asyncmy.errors import MySQLError

from tests.benchmarks.measure import ROOT
from tests.proof.video_rows import BEGAN, COLUMNS, CONSTANT, HELD, HELD_ROWS, SHARES, Row, hashed
from tests.proof.video_rows import original as original_row

#: Errors after which an application repeats its transaction: a deadlock, a wait for a lock that
#: took too long, a row that has changed since the transaction's snapshot.
CONFLICTS: Final = frozenset({"1213", "1205", "1020"})
#: Transactions of each writer after the migration.
_AFTER: Final = 20
_LONG: Final = 70_000  # bytes


class Load(NamedTuple):
    """The work of the writers.

    Attributes:
        url: The database.
        rows: How many rows it began with.
        is_unique: Whether `task_id` is unique, so that a statement can rely on it.
        pause: Seconds between two transactions.
        held: The maximum seconds of a transaction that holds all rows; 0 to make none.
        every: Seconds from one such transaction of a writer to its next.
    """

    url: str
    rows: int
    is_unique: bool
    pause: float
    held: float
    every: float


class Witness(NamedTuple):
    """The acknowledged writes.

    Attributes:
        changed: What each row is since then, by task_id; None: deleted.
        transactions: How many were committed.
        held: How many of them held all rows, and for how many seconds in all.
        errors: How often each error ended a transaction, by its code.
        longest: The seconds of the slowest statement.
    """

    changed: dict[str, Row | None]
    transactions: int
    held: tuple[int, float]
    errors: dict[str, int]
    longest: float


# ---------------------------------------------------------------- for a test


@contextmanager
def writers(load: Load) -> Generator[Callable[[], Witness]]:
    """Run one writer for each share; the yielded function ends them and returns what they saw."""
    with ExitStack() as stack:
        running = [stack.enter_context(_writer(load, share)) for share in range(SHARES)]
        for process in running:  # all are at work before anything is migrated
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"

        def end() -> Witness:
            for process in running:
                assert process.stdin is not None
                process.stdin.close()
                process.stdin = None
            return _together(
                [json.loads(process.communicate(timeout=300)[0]) for process in running]
            )

        yield end


@contextmanager
def _writer(load: Load, share: int) -> Generator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.proof.video_writer", json.dumps(load), str(share)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def _together(seen: Sequence[dict[str, Any]]) -> Witness:
    changed = dict[str, Row | None]()
    errors = Counter[str]()
    for report in seen:
        assert not changed.keys() & report["changed"].keys(), "two writers share a row"
        changed |= {name: row and Row(*row) for name, row in report["changed"].items()}
        errors.update(report["errors"])
    counts, lengths = zip(*(report["held"] for report in seen), strict=True)
    return Witness(
        changed,
        sum(report["transactions"] for report in seen),
        (sum(counts), sum(lengths)),
        dict(errors),
        max(report["longest"] for report in seen),
    )


# ---------------------------------------------------------------- the program


class Connection:
    """A writer's own connection, whose statements run one by one."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._loop = asyncio.new_event_loop()
        self._opened: Any = self._loop.run_until_complete(
            asyncmy.connect(
                host=cast("str", parts.hostname),
                port=cast("int", parts.port),
                user="root",
                database=parts.path[1:],
                autocommit=True,
            )
        )
        self.longest = 0.0

    def run(self, sql: str, *values: object) -> None:
        async def execute() -> None:
            async with self._opened.cursor() as cursor:
                await cursor.execute(sql, values or None)

        started = time.perf_counter()
        self._loop.run_until_complete(execute())
        self.longest = max(self.longest, time.perf_counter() - started)


@attrs.define
class Writer:
    """One writer, of one share of the rows.

    Attributes:
        load: What it does.
        share: Its share.
        connection: Its connection.
        chance: What it draws from.
        changed: What its rows are since the beginning, as it was acknowledged.
        own: Ids that it has made itself and that may be there.
    """

    load: Load
    share: int
    connection: Connection
    chance: random.Random
    folder: Path
    changed: dict[str, Row | None] = attrs.field(factory=dict[str, "Row | None"])
    own: list[str] = attrs.field(factory=list[str])
    number: int = 0
    transactions: int = 0
    held: list[float] = attrs.field(factory=list[float])
    errors: Counter[str] = attrs.field(factory=Counter[str])
    _open: dict[str, Row | None] = attrs.field(factory=dict[str, "Row | None"])

    def work(self) -> None:
        """Run a transaction of some statements, and keep what it has changed if it is committed."""

        def statements() -> bool:
            for _ in range(self.chance.randint(1, 6)):
                self.chance.choice(self._habits())()
            return self.chance.random() > 0.1

        self._transaction(statements)

    def hold(self) -> None:
        """Lock all rows by an UPDATE that finds its own without an index, and keep them."""
        seconds, now = self.chance.uniform(self.load.held / 3, self.load.held), self.number + 1

        def statements() -> bool:
            self.number = now
            self.connection.run(
                f"UPDATE videos SET status = 'held-{now}', quota = quota + 1 "
                f"WHERE user_id + 0 = {HELD + self.share}"
            )
            for number in range(self.share, SHARES * HELD_ROWS, SHARES):
                row = self._now(original_row(number).task_id)
                assert row is not None
                self._keep(row._replace(status=f"held-{now}", quota=row.quota + 1))
            time.sleep(seconds)
            return True

        if self._transaction(statements):
            self.held.append(seconds)

    def _transaction(self, statements: Callable[[], bool]) -> bool:
        self._open.clear()
        try:
            self.connection.run("BEGIN")
            is_kept = statements()
            self.connection.run("COMMIT" if is_kept else "ROLLBACK")
        except MySQLError as error:
            self.errors[str(error.args[0])] += 1
            self.connection.run("ROLLBACK")
            return False
        if is_kept:
            self.changed |= self._open
            self.own += [name for name in self._open if not name.startswith("old-")]
            self.transactions += 1
        return is_kept

    # ------------------------------------------------------------ what it knows

    def _now(self, task_id: str) -> Row | None:
        """Return what a row is, in the transaction that is open."""
        for known in (self._open, self.changed):
            if task_id in known:
                return known[task_id]
        return original_row(int(task_id[4:])) if task_id.startswith("old-") else None

    def _keep(self, row: Row) -> None:
        self._open[row.task_id] = row

    def _some(self) -> Row:
        """Return a row of its share that is there, an old or a new one."""
        while True:
            if self.own and self.chance.random() < 0.3:
                row = self._now(self.chance.choice(self.own))
            else:
                first = HELD_ROWS * SHARES
                number = self.chance.randrange(first, self.load.rows - SHARES) // SHARES * SHARES
                row = self._now(original_row(number + self.share).task_id)
            if row is not None:
                return row

    def _time(self) -> int:
        return BEGAN + self.chance.randrange(self.load.rows)

    def _text(self) -> str:
        """Return a prompt with signs of three bytes, now and then longer than a TEXT."""
        seed = f"{self.share}-{self.number}-"
        is_long = self.chance.random() < 0.05
        return seed + ("长" * (_LONG // 3) if is_long else "p" * self.chance.randint(0, 900))

    def _new(self) -> tuple[Row, list[Any]]:
        """Return a new row, and its values for all columns."""
        self.number += 1
        text = self._text()
        row = Row(
            f"new-{self.share}-{self.number}",
            self._time(),
            self.share,
            "submitted",
            self.number % 1_000,
            hashed(text),
            f"https://cdn.example.com/{self.number}",
        )
        return row, self._values(row, text)

    def _values(self, row: Row, text: str) -> list[Any]:
        return [*row._replace(prompt=text), *CONSTANT.values()]

    # ------------------------------------------------------------ habits

    def _habits(self) -> list[Callable[[], None]]:
        habits = [
            *(self._insert, self._insert, self._update, self._update, self._update_locked),
            *(self._text_update, self._move, self._rename, self._delete, self._load_data),
        ]
        upserts = [self._replace, self._replace_new, self._upsert, self._insert_ignore]
        return [*habits, *(upserts if self.load.is_unique else ())]

    def _put(self, verb: str, values: Sequence[Any], rows: int = 1, end: str = "") -> None:
        marks = f"({', '.join(['%s'] * (len(COLUMNS) + len(CONSTANT)))})"
        self.connection.run(
            f"{verb} INTO videos ({', '.join((*COLUMNS, *CONSTANT))}) "
            f"VALUES {', '.join([marks] * rows)} {end}",
            *values,
        )

    def _insert(self) -> None:
        new = [self._new() for _ in range(self.chance.randint(1, 5))]
        self._put("INSERT", [value for _, values in new for value in values], len(new))
        for row, _ in new:
            self._keep(row)

    def _load_data(self) -> None:
        new = [self._new() for _ in range(self.chance.randint(1, 20))]
        path = self.folder / "rows"
        path.write_text("".join("\t".join(map(str, values)) + "\n" for _, values in new), "utf-8")
        self.connection.run(
            f"LOAD DATA INFILE '{path}' INTO TABLE videos CHARACTER SET utf8mb4 "
            f"({', '.join((*COLUMNS, *CONSTANT))})"
        )
        for row, _ in new:
            self._keep(row)

    def _set(self, row: Row, **values: Any) -> None:
        """Run an UPDATE of one row."""
        changes = ", ".join(f"{name} = %s" for name in values)
        self.connection.run(
            f"UPDATE videos SET {changes} WHERE task_id = %s", *values.values(), row.task_id
        )
        if "prompt" in values:
            values["prompt"] = hashed(values["prompt"])
        new = row._replace(**values)
        if new.task_id != row.task_id:
            self._open[row.task_id] = None
        self._keep(new)

    def _update(self) -> None:
        self.number += 1
        self._set(self._some(), status="succeed", quota=self.number)

    def _update_locked(self) -> None:
        row = self._some()
        self.connection.run("SELECT * FROM videos WHERE task_id = %s FOR UPDATE", row.task_id)
        self.number += 1
        self._set(row, status=f"s{self.number}", store_url=f"https://cdn/{self.number}")

    def _text_update(self) -> None:
        self.number += 1
        self._set(self._some(), prompt=self._text())

    def _move(self) -> None:
        """Change the time by which the copy goes through the table."""
        self._set(self._some(), created_at=self._time())

    def _rename(self) -> None:
        self.number += 1
        self._set(self._some(), task_id=f"new-{self.share}-r{self.number}")

    def _delete(self) -> None:
        row = self._some()
        self.connection.run("DELETE FROM videos WHERE task_id = %s", row.task_id)
        self._open[row.task_id] = None

    def _replace(self) -> None:
        self._replace_by(self._some().task_id)

    def _replace_new(self) -> None:
        self._replace_by(None)

    def _replace_by(self, task_id: str | None) -> None:
        row, values = self._new()
        row = row._replace(task_id=task_id or row.task_id)
        self._put("REPLACE", [row.task_id, *values[1:]])
        self._keep(row)

    def _upsert(self) -> None:
        row, (new, values) = self._some(), self._new()
        is_known = self.chance.random() < 0.7
        name = row.task_id if is_known else new.task_id
        update = "ON DUPLICATE KEY UPDATE quota = VALUES(quota), status = VALUES(status)"
        self._put("INSERT", [name, *values[1:]], end=update)
        self._keep(row._replace(quota=new.quota, status=new.status) if is_known else new)

    def _insert_ignore(self) -> None:
        row, (_, values) = self._some(), self._new()
        self._put("INSERT IGNORE", [row.task_id, *values[1:]])


def main() -> None:
    """Work until standard input closes, and then for a while on the table that is there."""
    load, share = Load(*json.loads(sys.argv[1])), int(sys.argv[2])
    warnings.simplefilter("ignore")  # the driver's, of what INSERT IGNORE has ignored
    stop = threading.Event()

    def wait_for_the_end() -> None:
        sys.stdin.read()
        stop.set()

    threading.Thread(target=wait_for_the_end, daemon=True).start()
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o711)  # the server, another user, reads a file there
        chance = random.Random(share)  # noqa: S311 - what is written, not a secret
        writer = Writer(load, share, Connection(load.url), chance, Path(folder))
        writer.work()
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        # The writers hold all rows one after the other, and not at the same time.
        next_hold = time.monotonic() + load.every * (share + 0.5) / SHARES
        while not stop.wait(load.pause):
            if load.held and time.monotonic() > next_hold:
                writer.hold()
                next_hold = time.monotonic() + load.every
            writer.work()
        for _ in range(_AFTER):
            writer.work()
    witness = Witness(
        writer.changed,
        writer.transactions,
        (len(writer.held), sum(writer.held)),
        dict(writer.errors),
        writer.connection.longest,
    )
    sys.stdout.write(json.dumps(witness._asdict()) + "\n")


if __name__ == "__main__":
    main()

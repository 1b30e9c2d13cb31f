"""Waiting times and lost writes of an application while its table is migrated.

A MariaDB server of its own, so that no other work is measured and none disturbed. Two writers
and a reader, each a process, work from before the migration until after it.
"""

from __future__ import annotations

import json
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

from kling_mock.relay.migration.database.session import DatabaseError, Session, connect
from kling_mock.relay.migration.online.upgrade import OnlineUpgrade
from kling_mock.relay.migration.schema.known_schemas import target_schema
from kling_mock.relay.migration.upgrade import Upgrade
from kling_mock.relay.storage.schema import Dialect
from tests.benchmarks.frame import Figure, Gate, Report
from tests.benchmarks.measure import ROOT
from tests.mock.relay.migration import legacy

PACKAGES: Final = ("asyncmy",)

ROWS: Final = 1_000_000
QUICK_ROWS: Final = 20_000
RUNS: Final = 3


class Seen(NamedTuple):
    """The application's view of one migration."""

    seconds: float
    write_stall: float
    read_stall: float
    lost: int
    writes: int
    errors: dict[str, int]


def run(*, quick: bool) -> Report:
    """Measure the online way, and once the guide's own statements beside it."""
    rows, runs = (QUICK_ROWS, 1) if quick else (ROWS, RUNS)
    with server() as url, connect(url) as session:
        _fill(session, rows)
        online = [_measured(session, url, rows, _online) for _ in range(runs)]
        guide = _measured(session, url, rows, _guide)
    return report(online, guide, rows, full_size=not quick)


def report(online: list[Seen], guide: Seen, rows: int, *, full_size: bool) -> Report:
    """Return the results of the runs."""
    gates = _gates(online, guide, full_size=full_size)
    return Report("migration", gates, _figures(online, guide, rows), [_SETTING])


_SETTING: Final = (
    "A MariaDB server of its own with a buffer pool of 2 GB, synchronous commits; two writers "
    "and a reader that pause 4 ms between statements, each a process; the copy's defaults."
)


def _gates(online: list[Seen], guide: Seen, *, full_size: bool) -> list[Gate]:
    return [
        Gate(
            "online_write_stall_s",
            statistics.median(upgrade.write_stall for upgrade in online),
            0.5,
            "<=",
            "s",
            "the maximum wait of a writer for one statement during an online upgrade",
            full_size=full_size,
        ),
        Gate(
            "writes_lost",
            sum(upgrade.lost for upgrade in online),
            0,
            "<=",
            "",
            "acknowledged writes that are absent or stale afterwards, over all runs",
        ),
        Gate(
            "online_total_vs_guide_alter",
            statistics.median(run.seconds for run in online) / guide.seconds,
            4,
            "<=",
            "x",
            "median time of the whole upgrade against the guide's four ALTERs together",
            full_size=full_size,
        ),
    ]


def _figures(online: list[Seen], guide: Seen, rows: int) -> list[Figure]:
    errors = sum(sum(upgrade.errors.values()) for upgrade in online)
    kinds = ", ".join(sorted({code for upgrade in online for code in upgrade.errors})) or "none"
    return [
        Figure("rows", rows, "", "in the table, about 1.1 KB each"),
        Figure(
            "online_total_s",
            statistics.median(upgrade.seconds for upgrade in online),
            "s",
            "from the check to the removal of the triggers, median",
        ),
        Figure(
            "online_read_stall_s",
            statistics.median(upgrade.read_stall for upgrade in online),
            "s",
            "a reader's longest wait, median",
        ),
        Figure(
            "writes", sum(upgrade.writes for upgrade in online), "", "acknowledged, over all runs"
        ),
        Figure("writer_errors", errors, "", f"deadlocks and timeouts, repeated; codes: {kinds}"),
        Figure("guide_total_s", guide.seconds, "s", "the guide's four ALTERs"),
        Figure("guide_write_stall_s", guide.write_stall, "s", "a writer's longest wait in them"),
    ]


# ---------------------------------------------------------------- one migration


def _online(session: Session) -> None:
    upgrade = Upgrade(session, target_schema(Dialect.MARIADB), lambda: "", log=lambda _: None)
    OnlineUpgrade(upgrade).run()


def _guide(session: Session) -> None:
    for statement in legacy.GUIDE:
        session.execute(statement)


def _measured(session: Session, url: str, rows: int, migrate: Callable[[Session], None]) -> Seen:
    _restore(session)
    with ExitStack() as stack:
        clients = [
            stack.enter_context(_client(url, kind, name, rows))
            for kind, name in (("writer", "w1"), ("writer", "w2"), ("reader", "r3"))
        ]
        with connect(url) as own:  # the cut-over leaves its session with a short lock_wait_timeout
            started = time.perf_counter()
            migrate(own)
            seconds = time.perf_counter() - started
        time.sleep(1)  # writers go on for a while, on the new table
        seen = [_stopped(client) for client in clients]
    writers, reader = seen[:2], seen[2]
    errors: dict[str, int] = {}
    for tally in seen:
        for code, count in tally["errors"].items():
            errors[code] = errors.get(code, 0) + count
    return Seen(
        seconds,
        max(writer["worst"] for writer in writers),
        reader["worst"],
        sum(_lost(session, writer["expected"]) for writer in writers),
        sum(writer["statements"] for writer in writers),
        errors,
    )


def _lost(session: Session, expected: dict[str, Any]) -> int:
    lost = 0
    for task_id, state in expected.items():
        rows = session.query("SELECT status, quota FROM videos WHERE task_id = ?", task_id)
        lost += rows != ([] if state is None else [tuple(state)])
    return lost


@contextmanager
def _client(url: str, kind: str, name: str, rows: int) -> Iterator[subprocess.Popen[str]]:
    client = subprocess.Popen(
        [sys.executable, "-m", "tests.benchmarks.migration_writer", url, kind, name, str(rows)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    try:
        assert client.stdout is not None
        client.stdout.readline()
        yield client
    finally:
        client.kill()
        client.wait()


def _stopped(client: subprocess.Popen[str]) -> dict[str, Any]:
    output, _ = client.communicate("", timeout=60)
    seen: dict[str, Any] = json.loads(output)
    return seen


# ---------------------------------------------------------------- the table


def _fill(session: Session, rows: int) -> None:
    """Make the old table once, as `template`: about 1.1 KB a row, heavy skew of users."""
    for statement in legacy.MARIADB["gorm"][0]:
        session.execute(statement)
    session.execute("RENAME TABLE videos TO template")
    step = 50_000
    for first in range(0, rows, step):
        session.execute(
            "INSERT INTO template (prompt, created_at, task_id, type, provider, mode, duration, "
            "resolution, username, channel_id, user_id, model, status, fail_reason, video_id, "
            "store_url, quota, n, credentials) SELECT REPEAT(MD5(seq), 20), "
            f"1700000000 + MOD(seq * 7919, {rows}), CONCAT('old-', LPAD(seq, 32, '0')), "
            "'text2video', 'kling', 'std', '5', '', CONCAT('user', MOD(seq, 900)), MOD(seq, 5), "
            "IF(MOD(seq, 3) = 0, 1, MOD(seq, 900)), 'kling-v1-5-std', 'succeed', '', "
            "CONCAT('8123', seq), CONCAT('https://cdn.example.com/', REPEAT(SHA1(seq), 4)), "
            f"350000, 1, '' FROM seq_{first}_to_{min(first + step, rows) - 1}"
        )


def _restore(session: Session) -> None:
    for table in ("videos", "videos_before_migration", "migration_state", "migration_changes"):
        session.execute(f"DROP TABLE IF EXISTS {table}")
    session.execute("CREATE TABLE videos LIKE template")
    session.execute("INSERT INTO videos SELECT * FROM template")


@contextmanager
def server(pool: str = "2G") -> Iterator[str]:
    """Run a MariaDB server on a directory of its own; yield the URL of an empty database.

    Args:
        pool: The size of its buffer pool.
    """
    program, install = shutil.which("mariadbd"), shutil.which("mariadb-install-db")
    if program is None or install is None:
        raise SystemExit("this benchmark needs the MariaDB server: apt-get install mariadb-server")
    port = _free_port()
    with tempfile.TemporaryDirectory(prefix="kling-bench-") as directory:
        # A temporary directory of its own: when it starts, a server removes all that look like
        # leftovers there, which may be another server's.
        scratch = Path(directory) / "tmp"
        scratch.mkdir()
        base = [f"--datadir={directory}/data", f"--tmpdir={scratch}", "--user=root"]
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        subprocess.run(
            [install, "--no-defaults", *base, "--auth-root-authentication-method=normal"],
            check=True,
            **quiet,  # type: ignore[call-overload] # two fixed keywords
        )
        process = subprocess.Popen(
            [
                program,
                "--no-defaults",
                *base,
                f"--socket={Path(directory) / 'sock'}",
                f"--port={port}",
                "--bind-address=127.0.0.1",
                f"--innodb-buffer-pool-size={pool}",
                "--innodb-log-file-size=1G",
            ],
            **quiet,  # type: ignore[call-overload] # two fixed keywords
        )
        try:
            root = f"mysql://root@127.0.0.1:{port}/"
            _ready(root)
            with connect(root + "mysql") as session:
                session.execute("CREATE DATABASE bench CHARACTER SET utf8mb4")
            yield root + "bench"
        finally:
            process.terminate()
            process.wait()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port: int = listening.getsockname()[1]
        return port


def _ready(root: str) -> None:
    for _ in range(300):
        try:
            with connect(root + "mysql"):
                return
        except DatabaseError:
            time.sleep(0.1)
    raise SystemExit("the MariaDB server did not start within 30 s")

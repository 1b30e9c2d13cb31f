"""The command, killed by the operating system after each step, and run again."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest

from kling_mock.cli.main import main
from kling_mock.relay.migration.check import CheckVerdict, check
from kling_mock.relay.migration.database.introspect import definition, read_table
from kling_mock.relay.migration.database.session import Session, connect
from kling_mock.relay.migration.downgrade import Downgrade
from kling_mock.relay.migration.online.progress import Throttle
from kling_mock.relay.migration.online.upgrade import OnlineUpgrade
from kling_mock.relay.migration.schema.known_schemas import target_schema
from kling_mock.relay.migration.state import MigrationState
from kling_mock.relay.migration.upgrade import Upgrade
from tests.mock.relay.migration import legacy, tables
from tests.mock.relay.migration.application import Application
from tests.mock.relay.migration.steps import STEPS, Steps
from tests.mock.relay.migration.watched_session import Watched

pytestmark = pytest.mark.slow

RESOLUTIONS = {
    "direct": {"null-task-id": "generate", "negative-quota": "absolute"},
    "online": {"long-task-id": "generate", "negative-quota": "absolute"},
}
ROWS = {
    way: (*legacy.CLEAN, *(legacy.blocking_row(blocker) for blocker in words))
    for way, words in RESOLUTIONS.items()
}
#: The first step of `db finish`.
FINISHING = STEPS["mariadb", "online"].index("swap noted") + 1
CASES = [(*way, step) for way, steps in STEPS.items() for step in steps]


@pytest.mark.parametrize(("dialect", "way"), STEPS)
def test_every_step_has_a_name(dialect: str, way: str, databases: Callable[[str], str]) -> None:
    """An upgrade does nothing that a test does not know and kill it after."""
    steps: list[str] = []
    with connect(databases(dialect)) as session:
        tables.make(session, "gorm", ROWS[way])
        watched = Watched(session, Steps(steps.append))
        job = Upgrade(
            watched, target_schema(session.dialect), lambda: "x", RESOLUTIONS[way], lambda _: None
        )
        if way == "online":
            swapping = OnlineUpgrade(job, Throttle(running=0), sleep=lambda _: None)
            swapping.run()
            swapping.finish()
        else:
            job.run()
    assert tuple(dict.fromkeys(steps)) == STEPS[dialect, way]


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., tuple[int, str]]]:
    """Run a command that is killed at a step; return its status and its errors."""
    errors = tmp_path_factory.mktemp("killed") / "errors"

    def run(step: str, *words: str) -> tuple[int, str]:
        errors.unlink(missing_ok=True)
        assert server.stdin is not None
        assert server.stdout is not None
        server.stdin.write(json.dumps([str(errors), step, *words]) + "\n")
        server.stdin.flush()
        return int(server.stdout.readline()), errors.read_text("utf-8")

    program = [sys.executable, "-m", "tests.mock.relay.migration.killed_at_step"]
    with subprocess.Popen(
        program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as server:
        yield run


@pytest.mark.parametrize(("dialect", "way", "step"), CASES)
def test_a_process_killed_after_any_step_is_finished_by_the_next(
    dialect: str,
    way: str,
    step: str,
    databases: Callable[[str], str],
    killed: Callable[..., tuple[int, str]],
) -> None:
    """SIGKILL, writes of the application, and the command again: done, each row there once."""
    url = databases(dialect)
    with connect(url) as session:
        tables.make(session, "gorm", ROWS[way])
        old = definition(session, "videos"), old_rows(session)
        table = read_table(session, "videos")
    assert table is not None
    words = ["upgrade", "--db", url]
    words += [f"--resolve={name}={word}" for name, word in RESOLUTIONS[way].items()]
    words += ["--online", "--max-running=0", "--progress=none"] if way == "online" else []

    is_end = way == "online" and step in STEPS["mariadb", "online"][FINISHING:]
    if is_end:
        assert main(["db", *words]) == 0
    status, errors = killed(step, *(("finish", "--db", url) if is_end else words))
    assert status == -signal.SIGKILL, errors
    with connect(url) as session:
        application = Application(session, own=True)
        for _ in range(5):
            application.work()
        ids = {task_id for task_id in application.expected if str(task_id).startswith("app-")}
    finish = ["db", "finish", "--db", url]
    assert is_end or main(["db", *words]) == 0
    assert way == "direct" or main(finish) == 0

    with connect(url) as session:
        assert check(session, target_schema(session.dialect)).verdict is CheckVerdict.WANTED
        rows = session.query("SELECT task_id FROM videos ORDER BY task_id")
        assert len(rows) == len(ROWS[way]) + len(ids)
        assert ids < {row[0] for row in rows}
        assert_tidy(session)
        changed = session.query("SELECT DISTINCT column_name FROM migration_changes")
        assert {name for (name,) in changed} <= {column.name for column in table.columns}
        session.execute("DROP TABLE IF EXISTS videos_before_migration")
        Downgrade(session, target_schema(session.dialect), log=lambda _: None).run()
        assert (definition(session, "videos"), old_rows(session)) == old
        assert len(tables.rows(session)) == len(ROWS[way]) + len(ids)


def test_a_killed_online_run_goes_on_with_what_was_decided_at_its_start(
    databases: Callable[[str], str], killed: Callable[..., tuple[int, str]]
) -> None:
    """Nothing has to be decided again: neither for the copy, nor for the end of the old program."""
    url = databases("mariadb")
    run = ("upgrade", "--db", url, "--online", "--max-running=0", "--progress=none")
    words = ("--resolve=long-model=cut", "--resolve=negative-quota=absolute")
    long = dict(zip(legacy.COLUMNS, legacy.blocking_row("long-model"), strict=True))
    with connect(url) as session:
        tables.make(session, "gorm", (*legacy.CLEAN, tuple(long.values())))
    assert killed("place noted", *run, *words)[0] == -signal.SIGKILL
    with connect(url) as session:
        tables.insert(session, [tuple((long | {"task_id": "new-1", "quota": -7}).values())])
        before = tables.rows(session)
    assert killed("copy begun", *run)[0] == 0  # there is no such step
    assert main(["db", "finish", "--db", url]) == 0
    with connect(url) as session:
        assert session.query("SELECT MAX(CHAR_LENGTH(model)), MIN(quota) FROM videos") == [(100, 0)]
        Downgrade(session, target_schema(session.dialect), log=lambda _: None).run()
        assert tables.rows(session) == before


def old_rows(session: Session) -> list[str]:
    """Return the rows that the application did not write."""
    rows = session.query("SELECT * FROM videos WHERE task_id IS NULL OR task_id NOT LIKE 'app-%'")
    return sorted(repr(row) for row in rows)


def assert_tidy(session: Session) -> None:
    """Fail if anything of the migration is left."""
    state = MigrationState(session)
    assert (state.method, state.get("online"), state.get("paused")) == (None, None, None)
    if not session.dialect.is_mysql:
        assert read_table(session, "videos_before_migration") is None
        return
    assert session.query("SHOW TRIGGERS") == []
    assert read_table(session, "videos_migrating") is None
    for name in ("videos", "videos_before_migration"):
        table = read_table(session, name)
        assert table is None or table.index("kling_migration_created") is None

"""The command, killed by the operating system after each step, and run again."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable

import pytest

from kling_mock.cli.main import main
from kling_mock.migration.check import CheckVerdict, check
from kling_mock.migration.database.introspect import definition, read_table
from kling_mock.migration.database.session import Session, connect
from kling_mock.migration.downgrade import Downgrade
from kling_mock.migration.online.progress import Throttle
from kling_mock.migration.online.upgrade import OnlineUpgrade
from kling_mock.migration.schema.known_schemas import target_schema
from kling_mock.migration.state import MigrationState
from kling_mock.migration.upgrade import Upgrade
from tests.mock.migration import legacy, tables
from tests.mock.migration.application import Application
from tests.mock.migration.steps import STEPS, Steps
from tests.mock.migration.watched_session import Watched

pytestmark = pytest.mark.slow

RESOLUTIONS = {"null-task-id": "generate", "negative-quota": "absolute"}
ROWS = (*legacy.CLEAN, *(legacy.blocking_row(one) for one in RESOLUTIONS))
CASES = [(*way, step) for way, steps in STEPS.items() for step in steps]


@pytest.mark.parametrize(("dialect", "way"), STEPS)
def test_every_step_has_a_name(dialect: str, way: str, databases: Callable[[str], str]) -> None:
    """An upgrade does nothing that a test does not know and kill it after."""
    steps: list[str] = []
    with connect(databases(dialect)) as session:
        tables.make(session, "gorm", ROWS)
        watched = Watched(session, Steps(steps.append))
        job = Upgrade(
            watched, target_schema(session.dialect), lambda: "x", RESOLUTIONS, lambda _: None
        )
        if way == "online":
            OnlineUpgrade(job, Throttle(running=0), sleep=lambda _: None).run()
        else:
            job.run()
    assert tuple(dict.fromkeys(steps)) == STEPS[dialect, way]


@pytest.mark.parametrize(("dialect", "way", "step"), CASES)
def test_a_process_killed_after_any_step_is_finished_by_the_next(
    dialect: str, way: str, step: str, databases: Callable[[str], str]
) -> None:
    """SIGKILL, writes of the application, and the command again: done, each row there once."""
    url = databases(dialect)
    with connect(url) as session:
        tables.make(session, "gorm", ROWS)
        old = definition(session, "videos"), old_rows(session)
    words = ["upgrade", "--db", url]
    words += [f"--resolve={name}={word}" for name, word in RESOLUTIONS.items()]
    words += ["--online", "--max-running=0", "--progress=none"] if way == "online" else []

    dead = subprocess.run(
        [sys.executable, "-m", "tests.mock.migration.killed_at_step", step, *words],
        capture_output=True,
        text=True,
        check=False,
    )
    assert dead.returncode == -signal.SIGKILL, dead.stderr
    with connect(url) as session:
        application = Application(session, own=True)
        for _ in range(5):
            application.work()
        ids = {one for one in application.expected if str(one).startswith("app-")}
    assert main(["db", *words]) == 0

    with connect(url) as session:
        assert check(session, target_schema(session.dialect)).verdict is CheckVerdict.WANTED
        found = session.query("SELECT task_id FROM videos ORDER BY task_id")
        assert len(found) == len(ROWS) + len(ids)
        assert ids < {row[0] for row in found}
        assert_tidy(session)
        session.execute("DROP TABLE IF EXISTS videos_before_migration")
        Downgrade(session, target_schema(session.dialect), log=lambda _: None).run()
        assert (definition(session, "videos"), old_rows(session)) == old
        assert len(tables.rows(session)) == len(ROWS) + len(ids)


def old_rows(session: Session) -> list[str]:
    """Return the rows that the application did not write."""
    rows = session.query("SELECT * FROM videos WHERE task_id IS NULL OR task_id NOT LIKE 'app-%'")
    return sorted(repr(row) for row in rows)


def assert_tidy(session: Session) -> None:
    """Fail if anything of the way is left."""
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

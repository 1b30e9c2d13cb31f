"""P5: a process with a wrong clock ends no task that goes on, and holds none back.

Relays on real sockets over a database that each of them uses, with wall clocks that are given to
them. The negative controls are the same relays on a clock that is not corrected.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final

import attrs
import pytest

from kling_mock.clock import MockClock, NodeClock, RealClock
from tests.mock.relay.http_calls import Caller
from tests.mock.relay.scripted_kling import (
    ReceivedRequest,
    Reply,
    ScriptedKling,
    accepted,
    envelope,
    refusal,
    task,
)
from tests.mock.relay.standalone import standalone
from tests.mock.relay.storage.databases import Mysql, Postgres, SqliteFile, need

pytestmark = pytest.mark.slow

TASKS: Final = 5
HOUR: Final = 3600
SETTINGS: Final[dict[str, Any]] = {
    "token": f"sk-{'1' * 48}",
    "admin_token": "admin-of-the-test",
    "upstream_key": "an-api-key",
    "sweep_interval": 0.2,
}
#: The longest pause from one poll to the next, and the time that a poll may take.
FARTHEST: Final = 720 + 120

Database = SqliteFile | Mysql | Postgres


@attrs.define
class Kling:
    """A Kling whose tasks go on until a test ends them."""

    status: str = "processing"
    knows_them: bool = True

    def __call__(self, request: ReceivedRequest) -> Reply:
        if request.method == "POST":
            return accepted(request, f"at-kling-{request.external_task_id}")
        if not self.knows_them:
            return refusal(1203, 404)
        return envelope(
            task(request.path.rpartition("/")[2], self.status, final_unit_deduction="2")
        )


@attrs.frozen
class Scene:
    """A database with tasks that a relay with the right time has created."""

    database: Database
    kling: Kling
    url: str

    @contextmanager
    def relay(self, clock: MockClock | None = None) -> Iterator[Caller]:
        with standalone(self.url, clock=clock, database=self.database.url, **SETTINGS) as caller:
            yield Caller(caller.http, caller.mock, SETTINGS["token"])

    def rows(self) -> list[tuple[str, int, int]]:
        """Return status, next poll and end of the lease of each task."""
        rows = self.query("SELECT status, next_poll_at, lease_until FROM videos")
        return [(row[0], row[1] or 0, row[2]) for row in rows]

    def statuses(self) -> Counter[str]:
        return Counter(row[0] for row in self.rows())

    def query(self, sql: str) -> Any:
        return asyncio.run(self.database.query(sql))

    def make_due(self) -> None:
        """Have the sweepers of the running relays read all tasks."""
        self.query("UPDATE videos SET next_poll_at = 1, lease_until = 0")

    def wait(self) -> None:
        """Wait until each task was read, and so ended or put off."""
        for _ in range(200):
            if all(at != 1 for _, at, _ in self.rows()):
                return
            time.sleep(0.05)
        pytest.fail("the sweeper has not read the tasks")


@pytest.fixture(params=["mariadb", "postgres"])
def scene(request: pytest.FixtureRequest) -> Iterator[Scene]:
    need("mysql" if request.param == "mariadb" else "postgres")
    database = Mysql() if request.param == "mariadb" else Postgres()
    asyncio.run(database.make())
    try:
        yield from with_tasks(database)
    finally:
        asyncio.run(database.drop())


@pytest.fixture
def sqlite_scene(tmp_path: Path) -> Iterator[Scene]:
    yield from with_tasks(SqliteFile(tmp_path))


def with_tasks(database: Database) -> Iterator[Scene]:
    kling = Kling()
    with ScriptedKling(kling) as server:
        scene = Scene(database, kling, server.url)
        with scene.relay() as caller:
            for _ in range(TASKS):
                caller.created()
        yield scene


def ahead(seconds: float) -> Callable[[], float]:
    """Return a wall clock that is wrong."""
    return lambda: time.time() + seconds


class MovedClock:
    """A wall clock that a test moves."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead


def health(caller: Caller) -> Mapping[str, Any]:
    reply = caller.http.get("/health")
    assert reply.status_code == 200
    payload: Mapping[str, Any] = reply.json()
    return payload


@pytest.mark.parametrize("hours", [25, 49, 2, -2, -25])
def test_a_process_with_a_wrong_clock_harms_nobody(
    scene: Scene, hours: int, caplog: pytest.LogCaptureFixture
) -> None:
    """It goes by the database's time, reports what is wrong, and fails no task for its age."""
    caplog.set_level(logging.ERROR, "kling_mock.relay")
    scene.make_due()
    with scene.relay(NodeClock(wall=ahead(hours * HOUR))) as caller:
        scene.wait()
        clock = health(caller)["clock"]
        assert clock["fault"] == "differs"
        assert abs(clock["ahead_seconds"] - hours * HOUR) < 5
        admin = {"Authorization": f"Bearer {caller.mock.admin_token}"}
        metrics = caller.http.get("/metrics", headers=admin).text
        assert 'kling_relay_clock_fault{fault="differs"} 1.0' in metrics
    assert "this computer's clock is" in caplog.text
    assert scene.statuses() == Counter(processing=TASKS)
    now = time.time()
    assert all(at - now < FARTHEST and lease - now < FARTHEST for _, at, lease in scene.rows())

    scene.kling.status = "succeed"
    scene.make_due()
    with scene.relay() as caller:  # one whose clock is right goes on
        scene.wait()
        assert "clock" not in health(caller)
    assert scene.statuses() == Counter(succeed=TASKS)


def test_the_checker_catches_a_clock_that_is_not_corrected(scene: Scene) -> None:
    """Negative control: 25 hours ahead all tasks fail, which Kling goes on to make."""
    scene.make_due()
    with scene.relay(RealClock(wall=ahead(25 * HOUR))) as caller:
        scene.wait()
        assert "clock" not in health(caller)
    assert scene.statuses() == Counter(failed=TASKS)


def test_the_checker_catches_leases_that_are_far_away(scene: Scene) -> None:
    """Negative control: 2 hours ahead the next poll, of whichever process, is as far away."""
    scene.make_due()
    with scene.relay(RealClock(wall=ahead(2 * HOUR))):
        scene.wait()
    now = time.time()
    assert all(at - now > 7000 for _, at, _ in scene.rows())


def test_a_wall_clock_that_jumps_harms_nobody(scene: Scene) -> None:
    """A running process notices it before it ends a task; when the clock is back, tasks end."""
    jumps(scene, "differs")


def test_a_wall_clock_that_jumps_on_sqlite_harms_nobody(sqlite_scene: Scene) -> None:
    """There the monotonic clock is the only other witness."""
    jumps(sqlite_scene, "jumped")


def jumps(scene: Scene, fault: str) -> None:
    wall = MovedClock()
    with scene.relay(NodeClock(wall=wall)) as caller:
        assert "clock" not in health(caller)
        wall.ahead = 25 * HOUR
        scene.make_due()
        scene.wait()
        assert health(caller)["clock"]["fault"] == fault
        assert scene.statuses() == Counter(processing=TASKS)
        now = time.time()
        assert all(at - now < FARTHEST for _, at, _ in scene.rows())
        wall.ahead = 0.0
        assert "clock" not in health(caller)


@pytest.mark.parametrize("why", ["old", "unknown"])
def test_while_the_clocks_disagree_nothing_ends_for_its_age(scene: Scene, why: str) -> None:
    """It may be the database's that is wrong. A process whose clock agrees ends the same tasks:
    those that are open for too long, and those that Kling has not known for a minute.
    """
    scene.query(f"UPDATE videos SET created_at = created_at - {25 * HOUR}")
    if why == "unknown":
        scene.kling.knows_them = False
        scene.query("UPDATE videos SET kling_task_id = NULL, attempt_until = 1, not_found_at = 2")
    for clock, failed in ((NodeClock(wall=ahead(25 * HOUR)), 0), (None, TASKS)):
        scene.make_due()
        with scene.relay(clock):
            scene.wait()
        assert scene.statuses()["failed"] == failed


def test_the_checker_catches_a_jump_that_is_believed(sqlite_scene: Scene) -> None:
    """Negative control: on the wall clock alone young tasks fail at once."""
    wall = MovedClock()
    with sqlite_scene.relay(RealClock(wall=wall)):
        wall.ahead = 25 * HOUR
        sqlite_scene.make_due()
        sqlite_scene.wait()
    assert sqlite_scene.statuses() == Counter(failed=TASKS)


@pytest.mark.parametrize("hours", [25, -25])
def test_a_second_process_of_a_sqlite_file_says_that_it_lives_in_another_time(
    sqlite_scene: Scene, hours: int, caplog: pytest.LogCaptureFixture
) -> None:
    """A file has no clock; the other process has. Until it is seen to live, nothing expires."""
    caplog.set_level(logging.ERROR, "kling_mock.relay")
    with sqlite_scene.relay(NodeClock()) as right, ExitStack() as stack:
        sqlite_scene.make_due()
        wrong = stack.enter_context(sqlite_scene.relay(NodeClock(wall=ahead(hours * HOUR))))
        assert health(wrong)["clock"]["fault"] == "unread"
        sqlite_scene.wait()
        until = time.monotonic() + 15
        while (clock := health(wrong)["clock"])["fault"] != "apart":
            assert time.monotonic() < until, clock
            health(right)  # which is a sign of life
            time.sleep(0.1)
        assert abs(clock["apart_seconds"] - hours * HOUR) < 70
    assert "what another process writes into the same SQLite file" in caplog.text
    assert sqlite_scene.statuses() == Counter(processing=TASKS)


def test_a_relay_on_sqlite_that_started_a_day_ahead_leaves_nothing_that_lasts(
    sqlite_scene: Scene,
) -> None:
    """As before NTP: the next one, with the right time, reads its tasks at its first sweeps."""
    sqlite_scene.kling.status = "submitted"
    sqlite_scene.make_due()
    with sqlite_scene.relay(NodeClock(wall=ahead(20 * HOUR))):
        sqlite_scene.wait()
    assert all(at - time.time() > 19 * HOUR for _, at, _ in sqlite_scene.rows())
    sqlite_scene.kling.status = "succeed"
    with sqlite_scene.relay(NodeClock()):
        until = time.monotonic() + 60
        while sqlite_scene.statuses() != Counter(succeed=TASKS):
            assert time.monotonic() < until, sqlite_scene.rows()
            time.sleep(0.1)

"""An online upgrade: the application writes on, and the result is as if it had been stopped."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from kling_mock.storage.migration.check import Verdict, check
from kling_mock.storage.migration.introspect import definition, read_table
from kling_mock.storage.migration.online import Online, Progress, Throttle
from kling_mock.storage.migration.session import Session, connect
from kling_mock.storage.migration.shapes import Shape
from kling_mock.storage.migration.state import State
from kling_mock.storage.migration.upgrade import BlockedError, Upgrade
from kling_mock.storage.migration.wanted import wanted
from tests.migration import legacy, tables

POINTS = (
    *("recorded", "rows-fitted", "indexed", "shadow-made", "first-trigger", "triggers-made"),
    *("first-chunk", "copied", "verified", "swapped", "triggers-gone"),
)


def online(session: Session, resolutions: dict[str, str] | None = None, **options: Any) -> Online:
    ids = iter(range(1, 1000))
    upgrade = Upgrade(
        session,
        wanted(session.dialect),
        lambda: f"legacy-{next(ids)}",
        resolutions or {},
        log=lambda _: None,
    )
    options = {"sleep": lambda _: None, "throttle": Throttle(running=0, first_chunk=2), **options}
    return Online(upgrade, **options)


@pytest.mark.parametrize("shape", legacy.MARIADB)
def test_every_shape_is_upgraded_online(session: Session, shape: str) -> None:
    """Each legacy table is replaced by one in the wanted schema, with every row in it."""
    tables.make(session, shape)
    old = definition(session, "videos"), tables.checksum(session)
    assert online(session).run() is Shape(shape)
    assert check(session, wanted("mariadb")).verdict is Verdict.WANTED
    assert session.query("SELECT COUNT(*), MIN(legacy) FROM videos") == [(len(legacy.CLEAN), 1)]
    if shape in {"gorm", "task-id-key"}:
        times = session.query("SELECT created_at FROM videos ORDER BY id")
        assert times == sorted(times)  # ids rise with time
    assert tables.checksum(session, "videos_before_migration") == old[1]
    assert session.query("SHOW TRIGGERS") == []
    assert online(session).run() is Shape.OURS


class Application:
    """What the old relay does meanwhile, and what it was told is done."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.expected = {
            task_id: (status, quota)
            for task_id, status, quota in session.query("SELECT task_id, status, quota FROM videos")
        }
        self.number = 0

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
        known = sorted(self.expected)
        ended, gone = known[self.number % len(known)], f"app-{self.number - 3}"
        self.session.execute(
            "UPDATE videos SET status = 'succeed', quota = ? WHERE task_id = ?", self.number, ended
        )
        self.expected[ended] = ("succeed", self.number)
        if self.expected.pop(gone, None):
            self.session.execute("DELETE FROM videos WHERE task_id = ?", gone)

    def check(self) -> None:
        """Fail unless exactly what was acknowledged is there."""
        found = {
            task_id: (status, quota)
            for task_id, status, quota in self.session.query(
                "SELECT task_id, status, quota FROM videos"
            )
        }
        assert found == self.expected


def many(count: int) -> list[tuple[Any, ...]]:
    """Return rows with all kinds of times: none, the same, and different ones."""
    rows = []
    for number in range(count):
        row = dict(zip(legacy.COLUMNS, legacy.CLEAN[0], strict=True))
        time = None if number % 7 == 0 else 1_700_000_000 + (number if number % 2 else 50)
        row |= {"task_id": f"old-{number:04}", "created_at": time}
        rows.append(tuple(row[name] for name in legacy.COLUMNS))
    return rows


class Killed(BaseException):
    """The process is gone."""


def test_killed_at_every_point_it_goes_on_and_loses_nothing(
    new_database: Callable[[str], str],
) -> None:
    """Run after run dies, each a point further; writes go on, and the last ends with them all."""
    url = new_database("mariadb")
    with connect(url) as session:
        tables.make(session, "gorm", many(30))
        old = definition(session, "videos")
        application = Application(session)

    for fatal in POINTS:

        def at(passed: str, fatal: str = fatal) -> None:
            application.work()
            if passed == fatal:
                raise Killed

        with connect(url) as session, connect(url) as application.session:
            with pytest.raises(Killed):
                online(session, at=at).run()
            application.work()
    with connect(url) as session, connect(url) as application.session:
        online(session, at=lambda _: application.work()).run()
        application.check()
        assert check(session, wanted("mariadb")).verdict is Verdict.WANTED
        assert session.query("SHOW TRIGGERS") == []
        origin = State(session).origin
        assert origin is not None
        assert (origin.shape, origin.definition) == (Shape.GORM, old)


def test_an_application_that_never_stops_loses_no_write(session: Session) -> None:
    """With a writer at work from beginning to end, each write it was told is done is there."""
    tables.make(session, "gorm", many(400))
    stop, errors = threading.Event(), list[BaseException]()
    url = f"mysql://root@127.0.0.1:3306/{session.database}"
    with connect(url) as other:
        application = Application(other)

        def write() -> None:
            try:
                while not stop.is_set():
                    application.work()
            except BaseException as error:  # noqa: BLE001 - told to the test below
                errors.append(error)

        writer = threading.Thread(target=write)
        writer.start()
        try:
            online(session, throttle=Throttle(running=0, first_chunk=40)).run()
        finally:
            stop.set()
            writer.join()
        assert not errors
        application.check()


def test_a_lost_trigger_is_noticed_and_the_copy_starts_again(session: Session) -> None:
    """Canary: without a trigger writes would be lost, so such a copy never becomes the table."""
    tables.make(session, "gorm", many(20))
    application = Application(session)
    cut: list[str] = []

    def at(point: str) -> None:
        if point == "first-chunk" and not cut:
            cut.append(point)
            session.execute("DROP TRIGGER kling_migration_update")
            session.execute("UPDATE videos SET status = 'lost?' WHERE task_id = 'old-0007'")
            application.expected["old-0007"] = ("lost?", 350_000)

    with pytest.raises(BlockedError, match="a trigger disappeared"):
        online(session, at=at).run()
    online(session).run()
    application.check()


def test_a_row_whose_time_moves_back_is_not_forgotten(session: Session) -> None:
    """A row that moves to where the copy has been is found missing and copied."""
    tables.make(session, "gorm", many(40))
    application, moved = Application(session), list[str]()

    def at(point: str) -> None:
        if point == "first-chunk" and not moved:
            moved.append(point)
            session.execute("UPDATE videos SET created_at = NULL WHERE task_id = 'old-0039'")

    lines: list[str] = []
    run = online(session, at=at)
    run.upgrade = Upgrade(run.upgrade.session, run.upgrade.wanted, lambda: "x", log=lines.append)
    run.run()
    assert "1 rows escaped the copy; copying them" in lines
    application.check()


def test_a_row_that_a_writer_holds_is_not_waited_for(session: Session) -> None:
    """The copy passes over a row in the middle of a change and fetches it when it is free."""
    tables.make(session, "gorm", many(20))
    url = f"mysql://root@127.0.0.1:3306/{session.database}"
    with connect(url) as other:
        application = Application(other)

        def at(point: str) -> None:
            if point == "triggers-made":
                other.execute("BEGIN")
                other.query("SELECT 1 FROM videos WHERE task_id = 'old-0008' FOR UPDATE")
            elif point == "copied":
                other.execute("UPDATE videos SET status = 'held' WHERE task_id = 'old-0008'")
                other.execute("COMMIT")

        application.expected["old-0008"] = ("held", 350_000)
        online(session, at=at).run()
        application.check()


def test_the_copy_gives_way_to_an_open_transaction(session: Session) -> None:
    """What a writer has locked and not committed is not fought for: the copy tries again."""
    tables.make(session, "gorm", many(20))
    url = f"mysql://root@127.0.0.1:3306/{session.database}"
    with connect(url) as other:
        application = Application(other)

        def at(point: str) -> None:
            if point == "triggers-made":
                other.execute("BEGIN")
                other.execute("UPDATE videos SET status = 'held' WHERE task_id = 'old-0008'")

        slept: list[float] = []

        def sleep(seconds: float) -> None:
            slept.append(seconds)
            if seconds == 0.05:  # what it sleeps after it gave way
                other.execute("COMMIT")

        application.expected["old-0008"] = ("held", 350_000)
        online(session, at=at, sleep=sleep).run()
        application.check()
        assert 0.05 in slept


def test_it_pauses_when_asked_and_waits_for_a_busy_server(session: Session) -> None:
    """A pause lasts until it is taken back, and a server with much to do is left alone."""
    tables.make(session, "gorm", many(20))
    slept: list[float] = []
    seen: list[Progress] = []
    url = f"mysql://root@127.0.0.1:3306/{session.database}"
    with connect(url) as other, connect(url) as waiting:
        other.query("SELECT GET_LOCK(?, 0)", session.database)
        busy = threading.Thread(
            target=waiting.query, args=("SELECT GET_LOCK(?, 60)", session.database)
        )

        def sleep(seconds: float) -> None:
            slept.append(seconds)
            state = State(other)
            if seconds == 1 and slept.count(1) == 3:
                state.delete("paused")
            if slept.count(0.5) == 3 and busy.is_alive():
                other.query("SELECT RELEASE_LOCK(?)", session.database)
                busy.join()

        def at(point: str) -> None:
            if point == "triggers-made":
                State(other).set("paused", value=True)
                busy.start()

        throttle = Throttle(running=1, first_chunk=5)
        online(session, at=at, sleep=sleep, throttle=throttle, progress=seen.append).run()
    assert slept.count(1) == 3
    assert slept.count(0.5) >= 3
    assert [one.copied for one in seen] == sorted(one.copied for one in seen)
    assert (seen[-1].copied, seen[-1].total, seen[-1].remaining) == (20, 20, 0)


def test_blockers_stop_it_and_can_be_resolved(session: Session) -> None:
    """The online way refuses what the direct way refuses, and takes the same words."""
    tables.make(session, "gorm", (*legacy.CLEAN, legacy.blocking_row("null-task-id")))
    before = definition(session, "videos"), tables.checksum(session)
    with pytest.raises(BlockedError, match="null-task-id"):
        online(session).run()
    assert (definition(session, "videos"), tables.checksum(session)) == before
    online(session, {"null-task-id": "generate"}).run()
    assert session.query("SELECT COUNT(*) FROM videos WHERE task_id LIKE 'legacy-%'") == [(1,)]


def test_an_unfinished_run_can_be_abandoned(session: Session) -> None:
    """Everything a dead run left is removed, and the old table is as it was."""
    tables.make(session, "gorm", many(10))
    before = definition(session, "videos"), tables.checksum(session)

    def at(point: str) -> None:
        if point == "copied":
            raise Killed

    with pytest.raises(Killed):
        online(session, at=at).run()
    online(session).abandon()
    assert (definition(session, "videos"), tables.checksum(session)) == before
    assert read_table(session, "videos_migrating") is None
    assert session.query("SHOW TRIGGERS") == []


@pytest.mark.parametrize("session", ["sqlite", "postgresql"], indirect=True)
def test_elsewhere_the_direct_way_is_named(session: Session) -> None:
    """On a database without this way the refusal says which way there is."""
    tables.make(session, "gorm")
    with pytest.raises(BlockedError, match="upgrade without --online"):
        online(session).run()


def test_a_table_left_from_before_is_not_overwritten(session: Session) -> None:
    """The kept old table of an earlier upgrade has to be dropped by its owner."""
    tables.make(session, "gorm")
    session.execute("CREATE TABLE videos_before_migration (id int)")
    with pytest.raises(BlockedError, match="left from an earlier upgrade"):
        online(session).run()

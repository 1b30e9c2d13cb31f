"""An online upgrade: the application writes on, and the result is as if it had been stopped."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from kling_mock.storage.migration.check import Verdict, check
from kling_mock.storage.migration.introspect import definition, read_table
from kling_mock.storage.migration.online import Online
from kling_mock.storage.migration.pace import Progress, Throttle
from kling_mock.storage.migration.session import Session, connect
from kling_mock.storage.migration.shapes import Shape
from kling_mock.storage.migration.state import State
from kling_mock.storage.migration.upgrade import BlockedError, UnfinishedError, Upgrade
from kling_mock.storage.migration.wanted import wanted
from tests.migration import legacy, tables
from tests.migration.application import Application, many
from tests.migration.steps import STEPS, Steps
from tests.migration.tables import url_of
from tests.migration.watched import Watched


def online(
    session: Session,
    resolutions: dict[str, str] | None = None,
    log: Callable[[str], None] = lambda _: None,
    after: Callable[[str], None] = lambda _: None,
    **options: Any,
) -> Online:
    ids = iter(range(1, 1000))
    upgrade = Upgrade(
        Watched(session, Steps(after)),
        wanted(session.dialect),
        lambda: f"legacy-{next(ids)}",
        resolutions or {},
        log=log,
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


class Killed(BaseException):
    """The process is gone."""


def test_killed_again_and_again_it_goes_on_and_loses_nothing(
    databases: Callable[[str], str],
) -> None:
    """Run after run dies, each a step further; writes go on, and the last ends with them all."""
    url = databases("mariadb")
    with connect(url) as session:
        tables.make(session, "gorm", many(30))
        old = definition(session, "videos")
        application = Application(session)

    never = {"id changed", "id remembered", "value remembered", "quota changed"}  # none is amiss
    for fatal in STEPS["mariadb", "online"]:
        if fatal in never or fatal.startswith("committed"):
            continue

        def after(step: str, fatal: str = fatal) -> None:
            if step not in {"rows copied", "place noted"}:  # the copy holds its rows then
                application.work()
            if step == fatal:
                raise Killed

        with connect(url) as session, connect(url) as application.session:
            with pytest.raises(Killed):
                online(session, after=after).run()
            application.work()
    with connect(url) as session, connect(url) as application.session:
        online(session).run()
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
    url = url_of(session)
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

    def after(step: str) -> None:
        if step == "committed: place noted" and not cut:
            cut.append(step)
            session.execute("DROP TRIGGER kling_migration_update")
            session.execute("UPDATE videos SET status = 'lost?' WHERE task_id = 'old-0007'")
            application.expected["old-0007"] = ("lost?", 350_000)

    with pytest.raises(UnfinishedError, match="a trigger disappeared"):
        online(session, after=after).run()
    online(session).run()
    application.check()


def test_a_row_whose_time_moves_back_is_not_forgotten(session: Session) -> None:
    """A row that moves to where the copy has been is found missing and copied."""
    tables.make(session, "gorm", many(40))
    application, moved = Application(session), list[str]()

    def after(step: str) -> None:
        if step == "committed: place noted" and not moved:
            moved.append(step)
            session.execute("UPDATE videos SET created_at = NULL WHERE task_id = 'old-0039'")

    lines: list[str] = []
    online(session, log=lines.append, after=after).run()
    assert "1 rows escaped the copy; copying them" in lines
    application.check()


def test_a_row_that_a_writer_holds_is_not_waited_for(session: Session) -> None:
    """The copy passes over a row in the middle of a change and fetches it when it is free."""
    tables.make(session, "gorm", many(20))
    url = url_of(session)
    with connect(url) as other:
        application = Application(other)

        def after(step: str) -> None:
            if step == "copy begun":
                other.execute("BEGIN")
                other.query("SELECT 1 FROM videos WHERE task_id = 'old-0008' FOR UPDATE")

        def progress(now: Progress) -> None:
            if now.ended:
                other.execute("UPDATE videos SET status = 'held' WHERE task_id = 'old-0008'")
                other.execute("COMMIT")

        application.expected["old-0008"] = ("held", 350_000)
        online(session, after=after, progress=progress).run()
        application.check()


def test_the_copy_gives_way_to_an_open_transaction(session: Session) -> None:
    """What a writer has locked and not committed is not fought for: the copy tries again."""
    tables.make(session, "gorm", many(20))
    url = url_of(session)
    with connect(url) as other:
        application = Application(other)

        def after(step: str) -> None:
            if step == "copy begun":
                other.execute("BEGIN")
                other.execute("UPDATE videos SET status = 'held' WHERE task_id = 'old-0008'")

        slept: list[float] = []

        def sleep(seconds: float) -> None:
            slept.append(seconds)
            if seconds == 0.05:  # what it sleeps after it gave way
                other.execute("COMMIT")

        application.expected["old-0008"] = ("held", 350_000)
        online(session, after=after, sleep=sleep).run()
        application.check()
        assert 0.05 in slept


def test_it_pauses_when_asked_and_waits_for_a_busy_server(session: Session) -> None:
    """A pause lasts until it is taken back, and a server with much to do is left alone."""
    tables.make(session, "gorm", many(20))
    slept: list[float] = []
    seen: list[Progress] = []
    lines: list[str] = []
    url = url_of(session)
    with connect(url) as other, connect(url) as waiting:
        other.query("SELECT GET_LOCK(?, 0)", session.database)
        busy = threading.Thread(
            target=waiting.query, args=("SELECT GET_LOCK(?, 60)", session.database)
        )

        def sleep(seconds: float) -> None:
            slept.append(seconds)
            state = State(other)
            if seconds == 0.2 and slept.count(0.2) == 3:
                state.delete("paused")
            if slept.count(0.5) == 3 and busy.is_alive():
                other.query("SELECT RELEASE_LOCK(?)", session.database)
                busy.join()

        def after(step: str) -> None:
            if step == "copy begun":
                State(other).set("paused", value=True)
                busy.start()

        throttle = Throttle(running=1, first_chunk=5)
        run = online(
            session,
            log=lines.append,
            after=after,
            sleep=sleep,
            throttle=throttle,
            progress=seen.append,
        )
        run.run()
    assert lines[:2] == ["paused; kling-mock db upgrade --resume lets it go on", "going on"]
    assert lines[2].endswith("threads are at work, more than 1")
    assert slept.count(0.2) == 3
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

    def progress(now: Progress) -> None:
        if now.ended:
            raise Killed

    with pytest.raises(Killed):
        online(session, progress=progress).run()
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

"""An online upgrade: the application writes on, and the result is as if it had been stopped."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from kling_mock.relay.migration.check import CheckVerdict, check
from kling_mock.relay.migration.database.introspect import definition
from kling_mock.relay.migration.database.session import DatabaseError, Session, connect
from kling_mock.relay.migration.downgrade import Downgrade
from kling_mock.relay.migration.findings import BlockedError, UnfinishedError
from kling_mock.relay.migration.online.progress import Progress, Throttle
from kling_mock.relay.migration.online.upgrade import OnlineUpgrade
from kling_mock.relay.migration.schema.known_schemas import KnownSchema, target_schema
from kling_mock.relay.migration.state import MigrationState
from kling_mock.relay.migration.upgrade import Upgrade
from kling_mock.relay.migration.verify import verify
from kling_mock.relay.storage.schema import Dialect
from tests.mock.relay.migration import legacy, tables
from tests.mock.relay.migration.application import Application, many
from tests.mock.relay.migration.steps import STEPS, Steps
from tests.mock.relay.migration.tables import url_of
from tests.mock.relay.migration.watched_session import Watched


class Finished(OnlineUpgrade):
    """An online upgrade after whose swap the old program stops at once."""

    def run(self) -> KnownSchema:
        shape = super().run()
        if MigrationState(self.upgrade.session).is_swapped:
            self.finish()
        return shape


def online(
    session: Session,
    resolutions: dict[str, str] | None = None,
    log: Callable[[str], None] = lambda _: None,
    after: Callable[[str], None] = lambda _: None,
    finish: bool = True,  # noqa: FBT001, FBT002 - for tests
    **options: Any,
) -> OnlineUpgrade:
    ids = iter(range(1, 1000))
    upgrade = Upgrade(
        Watched(session, Steps(after)),
        target_schema(session.dialect),
        lambda: f"legacy-{next(ids)}",
        resolutions or {},
        log=log,
    )
    options = {"sleep": lambda _: None, "throttle": Throttle(running=0, first_chunk=2), **options}
    return (Finished if finish else OnlineUpgrade)(upgrade, **options)


@pytest.mark.parametrize("shape", ["gorm", "task-id-key"])
def test_the_old_table_is_kept_and_ids_rise_with_time(session: Session, shape: str) -> None:
    """The old table stays beside the new one to the byte; the copy is numbered by time."""
    tables.make(session, shape)
    (old,) = definition(session, "videos")
    before = tables.checksum(session)
    online(session).run()
    times = session.query("SELECT created_at FROM videos ORDER BY id")
    assert times == sorted(times)
    assert tables.checksum(session, "videos_before_migration") == before
    renamed = definition(session, "videos_before_migration")
    assert renamed == (old.replace("`videos`", "`videos_before_migration`"),)
    assert session.query("SHOW TRIGGERS") == []
    assert online(session).run() is KnownSchema.OURS


class Killed(BaseException):
    """The process is gone."""


@pytest.mark.slow
def test_killed_again_and_again_it_goes_on_and_loses_nothing(
    databases: Callable[[str], str],
) -> None:
    """Run after run dies, each a step further; writes go on, and the last ends with them all."""
    url = databases("mariadb")
    with connect(url) as session:
        tables.make(session, "gorm", many(30))
        old = definition(session, "videos")
        application = Application(session)

    never = {"id remembered", "quota changed"}  # none is amiss
    for fatal in STEPS["mariadb", "online"]:
        if fatal in never or fatal.startswith("committed"):
            continue

        ended = list[str]()  # after the swap the old program stops

        def after(step: str, fatal: str = fatal, ended: list[str] = ended) -> None:
            ended.extend([step] if step == "swap noted" else [])
            if not ended and step not in {"rows copied", "place noted"}:  # the copy holds its rows
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
        assert check(session, target_schema(Dialect.MARIADB)).verdict is CheckVerdict.WANTED
        assert session.query("SHOW TRIGGERS") == []
        origin = MigrationState(session).origin
        assert origin is not None
        assert (origin.shape, origin.definition) == (KnownSchema.GORM, old)


def test_an_application_that_never_stops_loses_no_write(session: Session) -> None:
    """With a writer at work from beginning to end, each acknowledged write is there."""
    tables.make(session, "gorm", many(400))
    stop, errors = threading.Event(), list[BaseException]()
    url = url_of(session)
    with connect(url) as other:
        application = Application(other)

        def write() -> None:
            try:
                while not stop.is_set():
                    application.work()
            except BaseException as error:  # noqa: BLE001 - raised in the test below
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


def test_a_row_of_the_time_between_the_triggers_is_deleted_in_the_copy_too(
    session: Session,
) -> None:
    """A row that comes after one trigger and goes before the next is in neither table."""
    tables.make(session, "gorm", many(20))
    application = Application(session)

    def after(step: str) -> None:
        if step in {"insert trigger", "update trigger", "delete trigger"}:
            for _ in range(4):  # the fourth deletes what the first inserted
                application.work()

    online(session, after=after).run()
    application.check()


def test_a_lost_trigger_is_noticed_and_the_copy_starts_again(session: Session) -> None:
    """Control: without a trigger writes would be lost, so such a copy never becomes the table."""
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
            state = MigrationState(other)
            if seconds == 0.2 and slept.count(0.2) == 3:
                state.delete("paused")
            if slept.count(0.5) == 3 and busy.is_alive():
                other.query("SELECT RELEASE_LOCK(?)", session.database)
                busy.join()

        def after(step: str) -> None:
            if step == "copy begun":
                MigrationState(other).set("paused", value=True)
                busy.start()

        # MySQL counts its event scheduler, which waits for something to do.
        limit = 2 if session.dialect is Dialect.MYSQL else 1
        throttle = Throttle(running=limit, first_chunk=5)
        run = online(
            session,
            log=lines.append,
            after=after,
            sleep=sleep,
            throttle=throttle,
            progress=seen.append,
        )
        run.run()
    assert lines[:2] == ["paused; kling-mock db upgrade --resume continues it", "continuing"]
    assert lines[2].endswith(f"threads are running, more than {limit}")
    assert slept.count(0.2) == 3
    assert slept.count(0.5) >= 3
    assert [progress.copied for progress in seen] == sorted(progress.copied for progress in seen)
    assert (seen[-1].copied, seen[-1].total, seen[-1].remaining) == (20, 20, 0)


def die_at(fatal: str) -> Callable[[str], None]:
    def after(step: str) -> None:
        if step == fatal:
            raise Killed

    return after


def test_an_unfinished_run_can_be_abandoned(session: Session) -> None:
    """Everything a dead run left is removed; the old table is as it was, old values included."""
    words = {"negative-quota": "absolute", "long-task-id": "generate"}
    tables.make(session, "gorm", (*many(10), *(legacy.blocking_row(blocker) for blocker in words)))
    before = definition(session, "videos"), tables.checksum(session)
    with pytest.raises(Killed):
        online(session, words, after=die_at("committed: place noted")).run()
    MigrationState(session).set("paused", value=True)
    online(session).abandon()
    assert (definition(session, "videos"), tables.checksum(session)) == before
    assert session.query("SHOW TABLES") == [("videos",)]
    assert session.query("SHOW TRIGGERS") == []
    with pytest.raises(BlockedError, match="no online upgrade is under way"):
        online(session).abandon()
    online(session, words).run()  # and it does not wait for a pause that is over


def test_a_run_whose_table_was_changed_meanwhile_can_be_abandoned(session: Session) -> None:
    """No upgrade is under way then, and the next one records the table as it is."""
    tables.make(session, "gorm")
    with pytest.raises(Killed):
        online(session, after=die_at("copy begun")).run()
    session.execute("ALTER TABLE videos ADD COLUMN mine int")
    online(session).abandon()
    assert session.query("SHOW TABLES") == [("videos",)]


def test_an_abandoned_run_leaves_what_a_downgrade_has_set_aside(session: Session) -> None:
    """The values stay in `migration_changes`, as after the downgrade."""
    tables.make(session, "gorm")
    online(session).upgrade.run()
    session.execute("INSERT INTO videos (task_id, kling_task_id) VALUES ('new-1', '81')")
    Downgrade(session, target_schema(Dialect.MARIADB), {"all"}, log=lambda _: None).run()
    aside = session.query("SELECT * FROM migration_changes")
    with pytest.raises(Killed):
        online(session, after=die_at("copy begun")).run()
    online(session).abandon()
    assert aside
    assert session.query("SELECT * FROM migration_changes") == aside
    assert session.query("SELECT * FROM migration_state") == []


def test_after_the_swap_there_is_only_the_way_on(session: Session) -> None:
    """Once the tables are swapped a run can be finished, not abandoned."""
    tables.make(session, "gorm")
    with pytest.raises(Killed):
        online(session, after=die_at("swapped")).run()
    with pytest.raises(BlockedError, match="swapped already"):
        online(session).abandon()
    online(session).run()
    assert session.query("SHOW TRIGGERS") == []


def test_the_direct_way_and_the_way_back_wait_for_an_unfinished_run(session: Session) -> None:
    """A table with the triggers of a dead run on it is not changed under them."""
    tables.make(session, "gorm")
    with pytest.raises(Killed):
        online(session, after=die_at("copy begun")).run()
    before = definition(session, "videos")
    with pytest.raises(BlockedError, match="--online again, or --abandon"):
        online(session).upgrade.run()
    with pytest.raises(BlockedError, match="run it again, or --abandon it"):
        Downgrade(session, target_schema(Dialect.MARIADB)).run()
    assert definition(session, "videos") == before


@pytest.mark.parametrize("fatal", ["copy filled", "renamed", "old gone", "tables to make"])
def test_the_online_way_finishes_what_the_direct_one_began(session: Session, fatal: str) -> None:
    """Whoever changes their mind half way ends with the same table, and can verify it."""
    tables.make(session, "gorm")
    old = definition(session, "videos"), tables.checksum(session)
    job = online(session, after=die_at(fatal))
    with pytest.raises(Killed):
        job.upgrade.run()
    online(session).run()
    assert check(session, target_schema(Dialect.MARIADB)).verdict is CheckVerdict.WANTED
    assert not [
        outcome
        for outcome in verify(session, target_schema(Dialect.MARIADB))
        if outcome.passed is False
    ]
    assert session.query("SELECT COUNT(*), MIN(legacy) FROM videos") == [(len(legacy.CLEAN), 1)]
    Downgrade(session, target_schema(Dialect.MARIADB), log=lambda _: None).run()
    assert (definition(session, "videos"), tables.checksum(session)) == old


def test_a_row_that_slips_in_before_the_triggers_is_resolved_by_the_next_run(
    session: Session,
) -> None:
    """The row of an application that still writes empty ids is named, and then resolved."""
    tables.make(session, "gorm")

    def after(step: str) -> None:
        if step == "index for the copy":
            tables.insert(session, [legacy.blocking_row("empty-task-id")])

    with pytest.raises(DatabaseError, match=r"(?i)constraint"):
        online(session, after=after).run()
    with pytest.raises(BlockedError, match="empty-task-id"):
        online(session).run()
    resolved = {"empty-task-id": "generate"}
    with pytest.raises(BlockedError, match="upgrade without --online"):
        online(session, resolved).run()
    online(session).abandon()
    online(session, resolved).upgrade.run()
    assert session.query("SELECT COUNT(*), MIN(task_id) FROM videos WHERE task_id LIKE 'leg%'") == [
        (1, "legacy-1-1")
    ]


def test_what_the_application_wrote_meanwhile_survives_a_downgrade(session: Session) -> None:
    """A column that was NULL in every row at the start is not emptied of later values."""
    tables.make(session, "gorm")

    def after(step: str) -> None:
        if step == "copy begun":
            session.execute("INSERT INTO videos (task_id, mode) VALUES ('meanwhile', 'pro')")
            session.execute("INSERT INTO videos (task_id) VALUES ('nothing')")

    online(session, after=after).run()
    Downgrade(session, target_schema(Dialect.MARIADB), log=lambda _: None).run()
    rows = session.query("SELECT task_id, mode, quota FROM videos WHERE created_at IS NULL")
    assert sorted(rows) == [("meanwhile", "pro", None), ("nothing", None, None)]


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

"""The copy beside writers: no error for them that was not there before, and no row out of reach."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import attrs
import pytest

from kling_mock.relay.migration.database.session import (
    DatabaseError,
    Session,
    SessionWrapper,
    connect,
)
from kling_mock.relay.migration.downgrade import Downgrade
from kling_mock.relay.migration.findings import UnfinishedError
from kling_mock.relay.migration.online.progress import Progress, Throttle
from kling_mock.relay.migration.online.sql import SHADOW
from kling_mock.relay.migration.online.upgrade import OnlineUpgrade
from kling_mock.relay.migration.schema.known_schemas import target_schema
from kling_mock.relay.migration.state import MigrationState
from kling_mock.relay.migration.upgrade import Upgrade
from kling_mock.relay.migration.verify import verify
from kling_mock.relay.storage.schema import Dialect
from tests.clusters.cluster import ClusterDatabase
from tests.clusters.mysql9 import Mysql9
from tests.mock.relay.migration import legacy, tables
from tests.mock.relay.migration.application import Application, many
from tests.mock.relay.migration.tables import url_of
from tests.mock.relay.migration.test_online import online
from tests.mock.relay.migration.watched_session import Watched

pytestmark = pytest.mark.slow

#: A time after that of all rows.
NEW = 1_800_000_000
#: The error of a writer that has waited for a table's counter in vain.
COUNTER = 1467


def rows_of_users(count: int) -> list[tuple[Any, ...]]:
    rows = []
    for number in range(count):
        row = dict(zip(legacy.COLUMNS, legacy.CLEAN[0], strict=True))
        own = {"task_id": f"old-{number:06}", "user_id": number % 2}
        rows.append(tuple((row | own | {"created_at": 1_700_000_000 + number}).values()))
    return rows


@contextmanager
def writing(url: str, errors: list[int]) -> Iterator[None]:
    """Insert rows from several connections in transactions of several statements."""
    stop = threading.Event()

    def write(writer: int) -> None:
        number = 0
        with connect(url) as session:
            while not stop.is_set():
                number += 1
                try:
                    session.execute("BEGIN")
                    for part in range(3):
                        session.execute(
                            "INSERT INTO videos (task_id, created_at, status) VALUES (?, ?, 'x')",
                            f"new-{writer}-{number}-{part}",
                            1_700_000_000 + number % 3_000,
                        )
                        session.execute(
                            "UPDATE videos SET status = 'y' WHERE task_id = ?",
                            f"old-{(number * 37 + part) % 3_000:06}",
                        )
                    session.execute("COMMIT")
                except DatabaseError as error:
                    session.execute("ROLLBACK")
                    errors.append(int(error.code))

    threads = [threading.Thread(target=write, args=(writer,)) for writer in range(3)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def test_writers_never_wait_in_vain_for_the_counter_of_the_copy(session: Session) -> None:
    """On MariaDB with its default the copy once rolled back whole transactions (1467)."""
    tables.make(session, "gorm", rows_of_users(3_000))
    # The application finds its rows by an index, and so locks no others.
    session.execute("ALTER TABLE videos ADD INDEX mine (task_id(40))")
    errors = list[int]()
    job = online(session, throttle=Throttle(running=0, first_chunk=200), finish=False)
    with writing(session.url, errors):
        job.run()
    assert verified(session)
    job.finish()
    assert COUNTER not in errors
    assert verified(session)


@contextmanager
def waiting(url: str, statement: str) -> Iterator[None]:
    """Run *statement* on a connection of its own while it waits for a row; then roll it back."""
    errors = list[DatabaseError]()

    def run(session: Session) -> None:
        try:
            session.execute(statement)
        except DatabaseError as error:
            errors.append(error)

    with connect(url) as session, connect(url) as looking:
        session.execute("SET SESSION sql_mode = ''")
        session.execute("BEGIN")
        ((number,),) = session.query("SELECT CONNECTION_ID()")
        thread = threading.Thread(target=run, args=(session,))
        thread.start()
        try:
            # By its connection: for 0.1 s the server lists locks from a cache, which may have those
            # that an earlier statement waited for.
            waited = (
                "SELECT 1 FROM information_schema.INNODB_TRX "
                f"WHERE trx_mysql_thread_id = {number} AND trx_state = 'LOCK WAIT'"
            )
            while not looking.query(waited):
                assert thread.is_alive(), errors
                time.sleep(0.2)  # what is asked for within 0.1 s comes from a cache
            yield
        finally:
            thread.join()
            session.execute("ROLLBACK")


def test_a_bulk_statement_of_an_application_does_not_lock_the_counter_of_the_copy(
    session: Session,
) -> None:
    """An INSERT is made at once meanwhile; beside INSERT ... SELECT into the copy it is not.

    A trigger's INSERT is a statement of its own, and so not a bulk statement.
    """
    tables.make(session, "gorm", many(20))
    values = "(task_id, created_at) SELECT 'held', 2"
    seen = list[object]()

    def after(step: str) -> None:
        if step != "copy begun":
            return
        for table in ("videos", SHADOW):
            with connect(session.url) as holder, connect(session.url) as writer:
                # The bulk statement waits for the first row, and locks the gap up to the second.
                holder.execute("SET SESSION sql_mode = ''")
                holder.execute("BEGIN")
                rows = "(1, 'held'), (2, 'later')"
                holder.execute(f"INSERT INTO {SHADOW} (id, task_id) VALUES {rows}")
                with waiting(session.url, f"INSERT INTO {table} {values}"):
                    writer.execute("SET SESSION innodb_lock_wait_timeout = 1")
                    try:
                        new = "INSERT INTO videos (task_id, created_at) VALUES ('new', 2)"
                        seen.append(writer.execute(new))
                    except DatabaseError as error:
                        seen.append(error.code)
                    finally:
                        holder.execute("ROLLBACK")

    online(session, after=after).run()
    assert seen == [1, COUNTER]
    assert verified(session)


def test_an_application_meets_1467_on_a_counter_of_its_own_without_an_upgrade(
    session: Session,
) -> None:
    """The victim of a deadlock that waits for the counter is told 1467 instead of 1213."""
    tables.make(session, "go-seed", many(20))
    upsert = (
        "INSERT INTO videos (task_id, created_at) SELECT 'old-0001', 2 "
        "ON DUPLICATE KEY UPDATE status = 'y'"
    )
    with connect(session.url) as light:
        light.execute("BEGIN")
        light.execute("UPDATE videos SET status = 'x' WHERE task_id = 'old-0001'")
        heavy = f"BEGIN NOT ATOMIC UPDATE videos SET quota = 1 WHERE id > 5; {upsert}; END"
        with waiting(session.url, heavy):
            with pytest.raises(DatabaseError) as raised:
                light.execute("INSERT INTO videos (task_id, created_at) VALUES ('new', 2)")
            assert raised.value.code == COUNTER


def verified(session: Session) -> bool:
    failed = [x for x in verify(session, target_schema(Dialect.MARIADB)) if x.passed is False]
    assert not failed, failed
    return True


def test_rows_that_one_update_holds_are_copied_as_ranges(session: Session) -> None:
    """All are locked until the copy has been everywhere; then a few statements do.

    Chunks do not grow meanwhile: a large range may take longer than the rows are free.
    """
    count = 3_000
    tables.make(session, "gorm", rows_of_users(count))
    inserts, lines, ranges = list[str](), list[str](), list[int]()
    with connect(session.url) as other:
        other.execute("BEGIN")

        def after(step: str) -> None:
            if step == "copy begun":
                other.execute("UPDATE videos SET status = 'held' WHERE user_id = 1")
            inserts.extend([step] if step == "rows copied" else [])

        def progress(now: Progress) -> None:
            if now.ended:
                passed = MigrationState(session).get("online")["passed"]
                ranges.extend(chunk["count"] for chunk in passed)
                other.execute("COMMIT")

        throttle = Throttle(running=0, first_chunk=100)
        online(session, log=lines.append, after=after, progress=progress, throttle=throttle).run()
    assert f"{count} rows were held by other transactions; copying them" in lines
    assert not [line for line in lines if "escaped" in line]
    assert len(inserts) < 3 * count / throttle.first_chunk
    assert sum(ranges) == count
    assert max(ranges) < 2 * throttle.first_chunk
    assert session.query("SELECT status, COUNT(*) FROM videos GROUP BY status ORDER BY status") == [
        ("held", count // 2),
        ("succeed", count // 2),
    ]
    assert verified(session)


def test_a_hold_of_all_rows_is_waited_for_before_any_of_them_is_passed_over(
    session: Session,
) -> None:
    """A chunk that is held as a whole is tried again every half second, for up to 10 s."""
    tables.make(session, "gorm", rows_of_users(200))
    lines, slept = list[str](), list[float]()
    with connect(session.url) as other:
        other.execute("BEGIN")

        def after(step: str) -> None:
            if step == "copy begun":
                other.query("SELECT 1 FROM videos FOR UPDATE")

        def sleep(seconds: float) -> None:
            slept.append(seconds)
            if slept.count(0.5) == 20:
                other.execute("COMMIT")

        throttle = Throttle(running=0, first_chunk=5)
        online(session, log=lines.append, after=after, sleep=sleep, throttle=throttle).run()
    assert slept.count(0.5) == 20
    assert not [line for line in lines if "were held" in line]
    assert verified(session)


def test_rows_that_were_held_are_copied_without_a_lock_on_their_range(session: Session) -> None:
    """Writers may add rows to it without end, and do not wait for those that have a copy."""
    tables.make(session, "gorm", rows_of_users(200))
    updated, free = list[int](), threading.Event()
    with connect(session.url) as other, connect(session.url) as writer:
        writer.execute("SET SESSION innodb_lock_wait_timeout = 1")
        other.execute("BEGIN")

        def after(step: str) -> None:
            if step == "copy begun":
                other.query("SELECT 1 FROM videos WHERE task_id = 'old-000100' FOR UPDATE")
            if step == "rows copied" and free.is_set():
                free.clear()
                update = "UPDATE videos SET status = 'x' WHERE task_id = 'old-000050'"
                updated.append(writer.execute(update))

        def progress(now: Progress) -> None:
            if now.ended:
                other.execute("COMMIT")
                free.set()

        throttle = Throttle(running=0, first_chunk=500)
        online(session, after=after, progress=progress, throttle=throttle).run()
    assert updated == [1]
    assert verified(session)


@pytest.mark.parametrize("shape", ["guide", "go-seed"])
def test_an_update_of_a_row_that_is_not_copied_yet_keeps_no_other_row_out_of_the_copy(
    session: Session, shape: str
) -> None:
    """An UPDATE that finds nothing in the copy would lock the gap in which the copy continues."""
    tables.make(session, shape, rows_of_users(40))
    session.execute("UPDATE videos SET created_at = id")
    with connect(session.url) as other:
        other.execute("BEGIN")

        def after(step: str) -> None:
            if step == "copy begun":
                other.execute("UPDATE videos SET status = 'held' WHERE id = 20")
                session.execute("UPDATE videos SET id = 100 WHERE id = 10")

        def progress(now: Progress) -> None:
            if now.ended:
                assert session.query(f"SELECT COUNT(*) FROM {SHADOW}") == [(39,)]
                other.execute("COMMIT")

        throttle = Throttle(running=0, first_chunk=5)
        job = online(session, after=after, progress=progress, throttle=throttle, wait_at_most=2)
        job.run()
    assert session.query("SELECT id, status FROM videos WHERE id IN (10, 20, 100)") == [
        (20, "held"),
        (100, "succeed"),
    ]
    assert verified(session)


@attrs.frozen
class Deadlocked(SessionWrapper):
    """A session whose INSERTs into the copy fail while there is a number of failures left."""

    session: Session
    failures: list[int]
    sizes: list[int] = attrs.field(factory=list[int])

    def execute(self, sql: str, *parameters: object) -> int:
        if sql.startswith(f"INSERT INTO {SHADOW}"):
            self.sizes.append(sql.count("), (") + 1)
            if self.failures:
                self.failures.pop()
                raise DatabaseError(1213, "Deadlock found when trying to get lock")
        return super().execute(sql, *parameters)


def test_after_each_conflict_half_of_the_rows_that_were_held_are_tried(session: Session) -> None:
    """So that some are copied, however many writers use the rows beside them."""
    tables.make(session, "gorm", rows_of_users(40))
    failing = Deadlocked(session, [])
    with connect(session.url) as other:
        other.execute("BEGIN")

        def after(step: str) -> None:
            if step == "copy begun":
                other.query("SELECT 1 FROM videos FOR UPDATE")

        def progress(now: Progress) -> None:
            if now.ended:
                other.execute("COMMIT")
                failing.failures.extend(range(7))

        throttle = Throttle(running=0, first_chunk=500)
        online(failing, after=after, progress=progress, throttle=throttle).run()
    assert failing.sizes == [40, 20, 10, 5, 2, 1, 1, 1, 39]
    assert verified(session)


@attrs.frozen
class Searching(SessionWrapper):
    """A session that notes how many rows each search for rows without a copy has found."""

    session: Session
    sizes: list[int]

    def query(self, sql: str, *parameters: object) -> list[tuple[Any, ...]]:
        rows = super().query(sql, *parameters)
        if "NOT EXISTS" in sql and "LIMIT" in sql:
            self.sizes.append(len(rows))
        return rows


def test_one_search_finds_all_rows_that_escaped_the_copy(session: Session) -> None:
    """It reads the whole table; what it found is copied a few rows at a time."""
    tables.make(session, "gorm", rows_of_users(40))
    searching = Searching(session, [])
    with connect(session.url) as other:

        def progress(now: Progress) -> None:
            if now.copied == 2:
                other.execute("UPDATE videos SET created_at = 1 WHERE created_at > 1700000001")

        online(searching, progress=progress).run()
    assert searching.sizes == [38, 0]
    assert verified(session)


def test_a_transaction_that_holds_rows_for_ever_ends_the_run_in_order(session: Session) -> None:
    """After `--wait-at-most` the old table is in use, without triggers, and the reason is named."""
    tables.make(session, "gorm", many(20))
    session.execute("ALTER TABLE videos ADD INDEX mine (task_id(40))")
    with connect(session.url) as other:
        other.execute("BEGIN")

        def after(step: str) -> None:
            if step == "copy begun":
                other.execute("UPDATE videos SET status = 'held' WHERE task_id = 'old-0008'")

        slept = list[float]()

        def sleep(seconds: float) -> None:
            slept.append(seconds)
            if sum(slept) > 4:  # the triggers are removed as soon as that is possible
                other.execute("ROLLBACK")

        with pytest.raises(UnfinishedError, match="--wait-at-most") as raised:
            online(session, after=after, sleep=sleep, wait_at_most=3).run()
    assert "the old table is in use" in raised.value.__notes__[0]
    assert session.query("SHOW TRIGGERS") == []


@pytest.mark.parametrize("elsewhere", ["another table", "another database"])
def test_a_transaction_that_does_not_use_the_table_is_not_waited_for(
    session: Session, databases: Callable[[str], str], elsewhere: str
) -> None:
    """Neither one of the same program on its users, nor one in another database."""
    tables.make(session, "gorm", many(20))
    url = databases("mariadb") if elsewhere == "another database" else session.url
    lines = list[str]()
    with connect(url) as other:
        other.execute("CREATE TABLE elsewhere (n int) ENGINE=InnoDB")
        other.execute("BEGIN")
        other.execute("INSERT INTO elsewhere VALUES (1)")
        await_age(session)
        online(session, log=lines.append).run()
        other.execute("ROLLBACK")
    assert not [line for line in lines if line.startswith("waiting")]


def await_age(session: Session) -> None:
    """Wait until the server counts a transaction as older than a second."""
    until = time.monotonic() + 20
    old = (
        "SELECT 1 FROM information_schema.INNODB_TRX WHERE trx_started < NOW() - INTERVAL 1 SECOND"
    )
    while not session.query(old):
        assert time.monotonic() < until
        session.query("SELECT SLEEP(0.2)")


def test_a_transaction_that_uses_the_table_is_waited_for(session: Session) -> None:
    """The negative control: also one that has only read it."""
    tables.make(session, "gorm", many(20))
    lines = list[str]()
    with connect(session.url) as other:
        other.execute("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        other.execute("BEGIN")
        other.query("SELECT COUNT(*) FROM videos")
        await_age(session)

        def sleep(seconds: float) -> None:
            if seconds == 0.5:
                other.execute("COMMIT")

        online(session, log=lines.append, sleep=sleep).run()
    waiting = [line for line in lines if line.startswith("waiting for a transaction that has last")]
    assert waiting
    assert all("uses the table" in line for line in waiting)


def test_a_user_who_may_not_see_who_uses_a_table_is_told_so(mysql9: Mysql9) -> None:
    """Without performance_schema, MySQL tells of no transaction whether it uses the table."""
    with ClusterDatabase(mysql9) as database:
        name, url = database.name, mysql9.url(database.name, [0])
        with connect(url) as root, connect(url) as other:
            tables.make(root, "gorm", many(20))
            root.execute("CREATE TABLE elsewhere (n int)")
            root.execute(f"CREATE USER {name}@'%'")
            root.execute(f"GRANT ALL ON {name}.* TO {name}@'%'")
            root.execute(f"GRANT PROCESS, SUPER ON *.* TO {name}@'%'")
            other.execute("BEGIN")
            other.execute("INSERT INTO elsewhere VALUES (1)")
            await_age(root)
            lines = list[str]()
            with (
                connect(url.replace("root@", f"{name}@")) as session,
                pytest.raises(UnfinishedError, match="performance_schema, and the right"),
            ):
                online(session, log=lines.append, wait_at_most=0.5).run()
            assert "whether it uses the table is unknown" in lines[-1]
            # The negative control: with that privilege it does not wait.
            online(root, log=lines.append, wait_at_most=0.5).run()
            other.execute("ROLLBACK")
            root.execute(f"DROP USER {name}@'%'")


def test_long_rows_that_are_written_out_do_not_share_a_statement(session: Session) -> None:
    """A statement of two could be longer than a packet of the server."""
    tables.make(session, "gorm", many(4))
    session.execute("UPDATE videos SET prompt = REPEAT('x', 700000)")
    sizes: list[int] = []

    def after(sql: str, _: tuple[object, ...]) -> None:
        if sql.startswith("INSERT INTO videos_migrating"):
            sizes.append(len(sql))

    job = Upgrade(Watched(session, after), target_schema(session.dialect), str, log=lambda _: None)
    OnlineUpgrade(job, Throttle(running=0), sleep=lambda _: None).run()
    assert len(sizes) == 4
    assert max(sizes) < 710_000


def test_two_rows_with_one_task_id_are_not_swapped_for_one(session: Session) -> None:
    """Each is equal to the copy when it is compared, as it was written last then."""
    tables.make(session, "gorm", rows_of_users(20))
    write = "UPDATE videos SET status = status WHERE task_id = 'old-000000' AND created_at {} ?"
    written = list[str]()

    def after(step: str) -> None:
        if step == "copy begun":
            session.execute(
                "INSERT INTO videos (task_id, created_at) VALUES ('old-000000', ?)", NEW
            )

    def log(line: str) -> None:
        if line.startswith("comparing"):
            written.append("the old row")
            session.execute(write.format("<"), NEW)

    def sleep(_seconds: float) -> None:
        if written == ["the old row"]:
            written.append("the new row")
            session.execute(write.format("="), NEW)

    with pytest.raises(UnfinishedError, match="has 21 rows, and the copy 20"):
        online(session, log=log, after=after, sleep=sleep).run()
    assert written == ["the old row", "the new row"]
    assert session.query("SELECT COUNT(*) FROM videos") == [(21,)]


def test_a_user_who_may_not_lock_tables_is_refused_before_anything_is_made(
    session: Session,
) -> None:
    """The message is the database's own; it says nothing of triggers, for there are none."""
    tables.make(session, "gorm", many(20))
    [(name,)] = session.query("SELECT DATABASE()")
    session.execute(f"CREATE USER {name}@'%'")
    try:
        session.execute(f"GRANT ALL ON {name}.* TO {name}@'%'")
        session.execute(f"REVOKE LOCK TABLES ON {name}.* FROM {name}@'%'")
        address = url_of(session).replace("root@", f"{name}@")
        with connect(address) as user, pytest.raises(DatabaseError, match="denied") as raised:
            online(user).run()
        notes = getattr(raised.value, "__notes__", [])
        assert "trigger" not in "".join([str(raised.value), *notes])
        assert session.query("SHOW TRIGGERS") == []
        assert session.query("SHOW TABLES LIKE 'videos%'") == [("videos",)]
    finally:
        session.execute(f"DROP USER {name}@'%'")


def test_an_application_is_written_out_in_every_type(session: Session) -> None:
    """What is copied as text is the same value, whatever its type and its character set."""
    tables.make(session, "gorm", many(8))
    session.execute(
        "ALTER TABLE videos ADD f float, ADD d double, ADD e decimal(20,7),"
        " ADD t timestamp(3) NULL, ADD w datetime(6), ADD k enum('a','b'),"
        " ADD g varchar(50) CHARACTER SET gbk,"
        " ADD l varchar(50) CHARACTER SET latin1"
    )
    session.execute(
        "UPDATE videos SET f = 16777217.1 / 3, d = 1e300 / 7, e = -1.0000001,"
        " t = '2023-11-05 01:30:00.5', w = '2001-02-03 04:05:06.123456', k = 'b',"
        " g = '鱼\\'', l = 'çé\\\\', prompt = ?",
        "'\\ \0 \x1a \n 🐈 % ? \" NULL",
    )
    old = session.query("SELECT f + 0e0, d, e, t, w, k, HEX(g), HEX(l), prompt FROM videos")
    online(session).run()
    assert session.query("SELECT f + 0e0, d, e, t, w, k, HEX(g), HEX(l), prompt FROM videos") == old


def test_an_old_row_is_not_written_by_a_resolution(session: Session) -> None:
    """What is resolved is resolved in the copy, or at the end; the old program reads its own."""
    words = {"negative-quota": "absolute", "long-task-id": "generate", "long-model": "cut"}
    rows = [
        dict(zip(legacy.COLUMNS, legacy.blocking_row(blocker), strict=True)) for blocker in words
    ]
    rows[-1]["task_id"] = "blocking-2"
    tables.make(session, "gorm", (*legacy.CLEAN, *(tuple(row.values()) for row in rows)))
    before = tables.checksum(session)
    seen = list[str]()

    def after(step: str) -> None:
        if step in {"copy begun", "delete watcher"}:
            seen.append(tables.checksum(session))
        if step == "swap noted":  # the sign still says that the task is paid
            seen.append(str(session.query("SELECT MIN(quota) FROM videos")[0][0]))

    online(session, words, after=after).run()
    assert seen == [before, before, "-350000"]
    assert session.query("SELECT MIN(quota) >= 0, MAX(CHAR_LENGTH(model)) FROM videos") == [
        (1, 100)
    ]
    application = Application(session)
    assert [task_id for task_id in application.expected if str(task_id).startswith("legacy-")]
    assert verified(session)


@pytest.mark.parametrize("shape", ["guide-step-1", "guide-step-2", "go-head"])
def test_rows_without_a_task_id_are_told_apart_by_their_id(session: Session, shape: str) -> None:
    """Those that the application writes during the copy, or holds, get one as well."""
    nameless = [legacy.blocking_row(f"{kind}-task-id") for kind in ("null", "empty")]
    tables.make(session, shape, (*legacy.CLEAN, *nameless, *nameless))
    words = {"null-task-id": "generate", "empty-task-id": "generate"}
    lines = list[str]()
    with connect(session.url) as other:
        other.execute("BEGIN")

        def after(step: str) -> None:
            if step == "copy begun":
                tables.insert(session, nameless)
                session.execute(
                    "UPDATE videos SET quota = 7 WHERE task_id = '' ORDER BY id LIMIT 1"
                )
                other.query("SELECT 1 FROM videos WHERE id IN (7, 8) FOR UPDATE")

        def progress(now: Progress) -> None:
            if now.ended:
                other.execute("COMMIT")

        job = online(session, words, lines.append, after, finish=False, progress=progress)
        job.run()
    assert verified(session)
    job.finish()
    assert {"null-task-id=generate: 3 rows changed", "empty-task-id=generate: 3 rows changed"} < {
        *lines
    }
    assert session.query(
        "SELECT COUNT(DISTINCT task_id) FROM videos WHERE task_id LIKE 'leg%'"
    ) == [(6,)]
    assert verified(session)
    old = tables.rows(session, "videos_before_migration")
    Downgrade(session, target_schema(session.dialect), log=lambda _: None).run()
    assert tables.rows(session) == old

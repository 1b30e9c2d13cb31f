"""P5: an online upgrade on a cluster loses no row, or does not run.

The proofs run on a real Galera cluster. Its nodes all take writes, and a trigger sees what its own
node sees; so the upgrade refuses to run, unless the operator states that all writers use the node
of the upgrade. The negative control is a writer on another node in spite of that statement.
"""

from __future__ import annotations

import itertools
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from time import monotonic, sleep
from typing import Any

import attrs
import pytest

from kling_mock.cli.main import main
from kling_mock.relay.migration.database.introspect import definition
from kling_mock.relay.migration.database.lock_retry import LockRetry
from kling_mock.relay.migration.database.session import (
    DatabaseError,
    Session,
    SessionWrapper,
    connect,
    transaction,
)
from kling_mock.relay.migration.online.progress import Throttle
from kling_mock.relay.migration.online.upgrade import OnlineUpgrade
from kling_mock.relay.migration.schema.known_schemas import target_schema
from kling_mock.relay.migration.upgrade import Upgrade
from tests.clusters.cluster import ClusterDatabase
from tests.clusters.fixtures import FULL
from tests.clusters.galera import Galera
from tests.mock.relay.migration import tables
from tests.mock.relay.migration.application import Application, many
from tests.mock.relay.migration.watched_session import Watched

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1_800 if FULL else 300)]

#: A row that is there from the beginning, and that a writer changes while the table is copied.
OLD = "old-0007"


@attrs.frozen
class Locking(SessionWrapper):
    """A session that calls *locked* once another connection of it has locked the table."""

    session: Session
    locked: Callable[[], None]

    def execute(self, sql: str, *parameters: object) -> int:
        count = super().execute(sql, *parameters)
        if sql == "LOCK TABLES videos WRITE":
            self.locked()
        return count

    def another(self) -> Session:
        return Locking(super().another(), self.locked)


@attrs.frozen
class Place:
    """A database of the cluster, and its address with chosen nodes.

    Attributes:
        database: The database.
    """

    database: ClusterDatabase

    def url(self, *nodes: int) -> str:
        return self.database.cluster.url(self.database.name, nodes)


@pytest.fixture
def place(galera: Galera) -> Iterator[Place]:
    """A database with an old table of 200 rows."""
    galera.restore()
    with ClusterDatabase(galera) as database:
        cluster_place = Place(database)
        with connect(cluster_place.url(0)) as session:
            tables.make(session, "gorm", many(200))
        yield cluster_place


def content(url: str) -> tuple[Any, ...]:
    with connect(url) as session:
        schema = definition(session, "videos"), session.query("SHOW TABLES")
        return *schema, session.query("SHOW TRIGGERS"), tables.rows(session)


def test_with_several_nodes_that_take_writes_it_is_refused(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    """The refusal says what the cluster is and what to do, and nothing is changed anywhere."""
    before = content(place.url(0))
    assert main(["db", "upgrade", "--online", "--db", place.url(0, 1, 2)]) == 11
    message = capsys.readouterr().err
    assert "a Galera cluster with 3 nodes" in message
    assert "--all-writers-on-this-node" in message
    assert "nothing was changed" in message
    assert content(place.url(0)) == content(place.url(1)) == before
    assert main(["db", "check", "--json", "--db", place.url(1, 2)]) == 10
    cluster = json.loads(capsys.readouterr().out)["cluster"]
    assert (cluster["kind"], cluster["nodes"], cluster["online_refused"]) == ("galera", 3, True)


def test_with_all_writers_on_its_node_it_loses_no_update(place: Place) -> None:
    """With a writer at work from beginning to end, each acknowledged write is on every node.

    None waits for long: a causal read that waits for the swap does so for 30 s.
    """
    stop, errors, longest = threading.Event(), list[BaseException](), 0.0
    with connect(place.url(0)) as other:
        application = Application(other)

        def write() -> None:
            nonlocal longest
            try:
                while not stop.is_set():
                    began = monotonic()
                    # Galera ends what the swap meets with 1213: it is not acknowledged.
                    with suppress_deadlocks():
                        application.work()
                    longest = max(longest, monotonic() - began)
            except BaseException as error:  # noqa: BLE001 - raised in the test below
                errors.append(error)

        writer = threading.Thread(target=write)
        writer.start()
        try:
            words = ("--online", "--all-writers-on-this-node", "--max-running", "0")
            assert main(["db", "upgrade", *words, "--db", place.url(0, 1, 2)]) == 0
        finally:
            stop.set()
            writer.join()
        assert not errors
        assert longest < 20
        application.check()
        with connect(place.url(1)) as application.session:
            application.check()


@contextmanager
def suppress_deadlocks() -> Iterator[None]:
    try:
        yield
    except DatabaseError as error:
        if error.code != 1213:
            raise


def test_triggers_that_are_made_beside_writers_are_there_once(place: Place) -> None:
    """Beside three writers; without the lock, some are gone, doubled or broken."""
    stop = threading.Event()

    def write() -> None:
        update = "UPDATE videos SET n = n + 1 WHERE task_id = ?"
        with connect(place.url(0)) as session:
            session.execute("SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED")
            for number in itertools.takewhile(lambda _: not stop.is_set(), itertools.count()):
                with suppress_deadlocks(), transaction(session):
                    session.execute(update, f"old-{number % 200:04}")

    writers = [threading.Thread(target=write) for _ in range(3)]
    named = (
        "SELECT TRIGGER_NAME FROM information_schema.TRIGGERS "
        "WHERE TRIGGER_SCHEMA = DATABASE() ORDER BY TRIGGER_NAME"
    )
    bodies = {
        "after_delete": "DELETE FROM copy WHERE copy.task_id = OLD.task_id",
        "after_insert": "INSERT INTO copy (task_id) VALUES (NEW.task_id)",
        "after_update": "UPDATE copy SET n = NEW.n WHERE copy.task_id = OLD.task_id",
    }
    with connect(place.url(0)) as session:
        session.execute("CREATE TABLE copy LIKE videos")
        retry = LockRetry(session, log=lambda _: None, sleep=sleep)
        for writer in writers:
            writer.start()
        try:
            for _ in range(1500 if FULL else 200):
                for name, body in bodies.items():
                    create = (
                        f"CREATE TRIGGER {name} {name.replace('_', ' ')} ON videos FOR EACH ROW"
                    )
                    drop = f"DROP TRIGGER IF EXISTS {name}"
                    retry.execute_locked(("videos",), drop, f"{create} {body}")
                assert session.query(named) == [(name,) for name in bodies]
                for name in bodies:
                    retry.execute_locked(("videos",), f"DROP TRIGGER IF EXISTS {name}")
                assert session.query(named) == []
        finally:
            stop.set()
            for writer in writers:
                writer.join()


def test_an_update_during_the_copy_is_not_lost_on_the_same_node(place: Place) -> None:
    """The row is locked, so that the copy passes over it and finds it missing later."""
    application = upgraded_around_an_update(place, node=0)
    with connect(place.url(0)) as application.session:
        application.check()


def test_a_write_of_another_node_does_not_hold_up_the_swap(place: Place) -> None:
    """It comes when the table is locked: the RENAME waits for it, and it waits for the lock."""
    with connect(place.url(0)) as session, connect(place.url(1)) as writer:
        application, update = Application(writer), Update(writer)

        def write() -> None:
            update.begin()
            update.commit()

        job = Upgrade(Locking(session, write), target_schema(session.dialect), _no_id, log=_ignored)
        OnlineUpgrade(job, Throttle(running=0), all_writers_here=True).run()
        application.expected[OLD] = ("acknowledged", application.expected[OLD][1])
        for node in (0, 1):
            with connect(place.url(node)) as application.session:
                application.check()


def test_the_check_catches_a_writer_on_another_node(place: Place) -> None:
    """Negative control: no lock and no certification stops the copy, and the update is gone."""
    application = upgraded_around_an_update(place, node=1)
    with connect(place.url(0)) as application.session:
        with pytest.raises(AssertionError):
            application.check()
        statuses = application.session.query("SELECT status FROM videos WHERE task_id = ?", OLD)
        sql = "SELECT status FROM videos_before_migration WHERE task_id = ?"
        assert application.session.query(sql, OLD) == [("acknowledged",)] != statuses


def upgraded_around_an_update(place: Place, *, node: int) -> Application:
    """Upgrade online on node 0, while one update is under way on *node* until the copy is made.

    It is committed as soon as the upgrade finds the row missing, and at the latest when it has
    compared copy and table.
    """
    with connect(place.url(0)) as session, connect(place.url(node)) as writer:
        application = Application(writer)
        writer.execute("SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED")
        with closing(Update(writer)) as update:
            Online(session, update).run()
        assert update.acknowledged
        application.expected[OLD] = ("acknowledged", application.expected[OLD][1])
        return application


class Update:
    """One update, in a transaction of its own."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.acknowledged = False
        self._is_open = False

    def begin(self) -> None:
        self.session.execute("BEGIN")
        self.session.execute("UPDATE videos SET status = 'acknowledged' WHERE task_id = ?", OLD)
        self._is_open = True

    def commit(self) -> None:
        if self._is_open:
            self._is_open = False
            self.session.execute("COMMIT")
            self.acknowledged = True

    def close(self) -> None:
        if self._is_open:
            self.session.execute("ROLLBACK")


class Online:
    """An online upgrade, as `--all-writers-on-this-node` runs it, around an update."""

    def __init__(self, session: Session, update: Update) -> None:
        self._session = session
        self._update = update
        self._is_compared = False

    def run(self) -> None:
        watched = Watched(self._session, self._after)
        target = target_schema(watched.dialect)
        job = Upgrade(watched, target, _no_id, log=self._log)
        OnlineUpgrade(job, Throttle(running=0), all_writers_here=True, sleep=_at_once).run()

    def _after(self, sql: str, parameters: tuple[object, ...]) -> None:
        if sql.startswith("INSERT INTO migration_state") and parameters[0] == "online":
            self._update.begin()  # the triggers are there, and nothing is copied
        if self._is_compared:
            self._update.commit()

    def _log(self, line: str) -> None:
        if "held by other transactions" in line:
            self._update.commit()
        # What compares are queries: the next statement that is executed prepares the swap.
        self._is_compared = self._is_compared or line.startswith("comparing")


def _ignored(_line: str) -> None:
    """Show nothing."""


def _at_once(_seconds: float) -> None:
    """Wait for nothing."""


_no_id: Callable[[], str] = str

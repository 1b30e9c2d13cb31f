"""However an online upgrade ends early: no trigger stays, and the operator reads what does."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress

import pytest

from kling_mock.cli.main import main
from kling_mock.relay.migration import check as check_module
from kling_mock.relay.migration.check import CheckVerdict, check
from kling_mock.relay.migration.database.introspect import definition
from kling_mock.relay.migration.database.session import DatabaseError, Session, connect
from kling_mock.relay.migration.findings import BlockedError, UnfinishedError
from kling_mock.relay.migration.schema.known_schemas import target_schema
from kling_mock.relay.migration.upgrade import Upgrade
from kling_mock.relay.storage.schema import Dialect
from tests.mock.relay.migration import tables
from tests.mock.relay.migration.application import Application, many
from tests.mock.relay.migration.steps import STEPS
from tests.mock.relay.migration.tables import url_of
from tests.mock.relay.migration.test_features import nothing
from tests.mock.relay.migration.test_online import online
from tests.mock.relay.migration.watched_session import Watched

pytestmark = pytest.mark.slow  # a database server, or killed processes

_ALL = STEPS["mariadb", "online"]
#: The steps after which triggers are on the table.
ARMED = [
    step
    for step in _ALL[_ALL.index("insert trigger") : _ALL.index("swapped")]
    if step != "triggers tried" and not step.endswith("watcher gone")  # which the end does as well
]
ONLINE = ("--online", "--max-running=0", "--progress=none")


@pytest.mark.parametrize("step", ARMED)
def test_an_error_after_any_step_removes_the_triggers(session: Session, step: str) -> None:
    """Whatever goes wrong, the application's writes go on, and the error says what is left."""
    tables.make(session, "gorm", many(20))

    def after(done: str) -> None:
        if done == step:
            raise RuntimeError("something went wrong")

    with pytest.raises(RuntimeError) as raised:
        online(session, after=after).run()
    assert session.query("SHOW TRIGGERS") == []
    assert "kling-mock db upgrade --abandon" in raised.value.__notes__[0]
    application = Application(session)
    application.work()
    online(session).run()
    application.check()


def test_no_write_fails_while_the_triggers_are_removed(session: Session) -> None:
    """Between the removal of two of them, a row that is replaced is not there twice in the copy."""
    tables.make(session, "task-id-key", many(20))
    tried = list[str]()
    with connect(url_of(session)) as other:

        def after(step: str) -> None:
            if step == "committed: place noted" and not tried:
                tried.append(step)
                raise RuntimeError("something went wrong")
            if tried and step.endswith("trigger gone"):
                tried.append(step)
                for (task_id,) in other.query("SELECT task_id FROM videos"):
                    other.execute("REPLACE INTO videos (task_id, n) VALUES (?, 2)", task_id)

        with pytest.raises(RuntimeError):
            online(session, after=after).run()
        assert len(tried) == 4
        assert other.query("SELECT DISTINCT n FROM videos") == [(2,)]


def test_a_lost_connection_does_not_leave_the_triggers(session: Session) -> None:
    """If the server ends the connection, another one removes the triggers."""
    tables.make(session, "gorm", many(20))
    with connect(url_of(session)) as other:
        number = session.query("SELECT CONNECTION_ID()")[0][0]

        def after(step: str) -> None:
            if step == "copy begun":
                other.execute(f"KILL {number}")

        with pytest.raises(DatabaseError) as raised:
            online(session, after=after).run()
        assert "--abandon" in raised.value.__notes__[0]
        assert other.query("SHOW TRIGGERS") == []


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
@pytest.mark.parametrize("step", ["insert trigger", "copy begun", "rows copied", "place noted"])
def test_a_process_that_is_asked_to_end_removes_its_triggers(
    name: str, step: str, databases: Callable[[str], str]
) -> None:
    """Ctrl-C and a service manager's stop leave a table that works, and name --abandon."""
    url = databases("mariadb")
    with connect(url) as session:
        tables.make(session, "gorm", many(20))
        before = definition(session, "videos"), tables.checksum(session)
    words = ["upgrade", "--db", url, *ONLINE]
    ended = subprocess.run(
        [
            sys.executable,
            "-m",
            "tests.mock.relay.migration.killed_at_step",
            f"{name}:{step}",
            *words,
        ],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert ended.returncode == 128 + signal.Signals[name], ended.stderr
    assert "kling-mock db upgrade --abandon" in ended.stderr
    with connect(url) as session:
        assert session.query("SHOW TRIGGERS") == []
        assert main(["db", "upgrade", "--db", url, "--abandon"]) == 0
        assert (definition(session, "videos"), tables.checksum(session)) == before
        assert session.query("SHOW TABLES") == [("videos",)]


def test_after_a_kill_the_next_check_names_what_is_left(
    databases: Callable[[str], str], capsys: pytest.CaptureFixture[str]
) -> None:
    """Nobody can act on SIGKILL, so the next command says what the dead one has left."""
    url = databases("mariadb")
    with connect(url) as session:
        tables.make(session, "gorm", many(20))
        before = definition(session, "videos"), tables.checksum(session)
    words = ["upgrade", "--db", url, *ONLINE]
    dead = [sys.executable, "-m", "tests.mock.relay.migration.killed_at_step", "copy begun", *words]
    subprocess.run(dead, check=False, capture_output=True, timeout=60)
    with connect(url) as session:
        assert len(session.query("SHOW TRIGGERS")) == 3
    assert main(["db", "check", "--db", url]) == 10
    assert "kling-mock db upgrade --abandon" in capsys.readouterr().out
    assert main(["db", "upgrade", "--db", url]) == 11
    assert "--abandon" in capsys.readouterr().err
    assert main(["db", "upgrade", "--db", url, "--abandon"]) == 0
    with connect(url) as session:
        assert (definition(session, "videos"), tables.checksum(session)) == before
        assert session.query("SHOW TRIGGERS") == []


def test_a_trigger_that_fails_is_found_before_anything_is_copied(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each trigger runs once and is undone: one that fails would make every write fail."""
    tables.make(session, "gorm", many(20))
    session.execute("ALTER TABLE videos ADD COLUMN extra bigint AS (quota * 2) VIRTUAL")
    monkeypatch.setattr(check_module, "unsupported", nothing)  # which refuses it before
    before, steps = tables.checksum(session), list[str]()
    with pytest.raises(DatabaseError) as raised:
        online(session, after=steps.append).run()
    assert raised.value.code in {1906, 3105}  # of MariaDB, of MySQL
    assert "rows copied" not in steps
    assert "--abandon" in raised.value.__notes__[0]
    assert session.query("SHOW TRIGGERS") == []
    assert tables.checksum(session) == before
    session.execute("INSERT INTO videos (task_id) VALUES ('a write that works')")


# ---------------------------------------------------------------- changed by somebody else

CHANGES = {
    "ALTER TABLE videos ADD COLUMN tenant int DEFAULT 7": "`tenant`",
    "ALTER TABLE videos DROP INDEX idx_tid": "idx_tid",
    "ALTER TABLE videos ADD INDEX idx_n (n)": "idx_n",
    "ALTER TABLE videos MODIFY n int DEFAULT 3": "`n`",
    "ALTER TABLE videos MODIFY n bigint FIRST": "order of its columns",
    "ALTER TABLE videos COMMENT 'mine'": "mine",
    "CREATE TRIGGER mine BEFORE INSERT ON videos FOR EACH ROW SET NEW.n = 1": "mine",
    "DROP TRIGGER kling_migration_delete": "kling_migration_delete",
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("at", ["copy begun", "committed: place noted"])
def test_a_definition_that_changes_meanwhile_is_not_lost(
    session: Session, change: str, at: str
) -> None:
    """What another program does to the table during the copy is named, and the table kept."""
    tables.make(session, "gorm", many(20))
    done: list[str] = []

    def after(step: str) -> None:
        if step == at and not done:
            done.append(step)
            session.execute(change)

    with pytest.raises(UnfinishedError, match="definition was changed during the copy") as raised:
        online(session, after=after).run()
    assert CHANGES[change] in str(raised.value)
    triggers = {row[0] for row in session.query("SHOW TRIGGERS")}
    assert triggers <= {"mine"}
    assert session.query("SHOW TABLES LIKE 'videos_before%'") == []
    if "tenant" in change:  # the next run copies the table as it is now
        online(session).run()
        assert session.query("SELECT DISTINCT tenant FROM videos") == [(7,)]


@pytest.mark.parametrize(
    "change", [change for change in CHANGES if "kling_migration" not in change]
)
@pytest.mark.parametrize("at", ["origin", "marks forgotten", "shadow made", "update trigger"])
def test_a_definition_that_changes_after_the_check_is_not_lost(
    session: Session, change: str, at: str
) -> None:
    """Between the check and the first copied row is time enough for another program."""
    tables.make(session, "gorm", many(20))

    def after(step: str) -> None:
        if step == at:
            session.execute(change)

    with pytest.raises(UnfinishedError, match="definition was changed during the copy") as raised:
        online(session, after=after).run()
    assert CHANGES[change] in str(raised.value)
    assert {row[0] for row in session.query("SHOW TRIGGERS")} <= {"mine"}


def test_a_definition_that_changes_before_the_lock_is_not_lost(session: Session) -> None:
    """The direct way looks once more, too."""
    tables.make(session, "gorm")

    def after(sql: str, _parameters: tuple[object, ...]) -> None:
        if sql.startswith("DROP TEMPORARY TABLE"):  # at the end of the check
            session.execute("ALTER TABLE videos MODIFY n int NOT NULL DEFAULT 3 COMMENT 'mine'")

    with pytest.raises(UnfinishedError, match="definition of the table was changed"):
        Upgrade(Watched(session, after), target_schema(session.dialect), lambda: "x").run()
    # MySQL quotes the number.
    assert "DEFAULT 3 COMMENT 'mine'" in definition(session, "videos")[0].replace("'3'", "3")


def test_a_foreign_key_that_comes_meanwhile_stops_the_swap(session: Session) -> None:
    """A table that refers to the old one would go on to do so after the swap."""
    tables.make(session, "script", many(20))

    def after(step: str) -> None:
        if step == "copy begun":
            session.execute(
                "CREATE TABLE other (n bigint unsigned, FOREIGN KEY (n) REFERENCES videos (id))"
            )

    with pytest.raises(UnfinishedError, match="foreign keys point to the table"):
        online(session, after=after).run()
    assert session.query("SHOW TRIGGERS") == []


@pytest.mark.parametrize("seed", range(4))
def test_no_change_of_the_definition_slips_in_before_the_swap(session: Session, seed: int) -> None:
    """However a change and the swap race, a column that was added is in the table that is used."""
    tables.make(session, "gorm", many(20))
    chance = random.Random(seed)  # noqa: S311 - when it is tried, not a secret
    with connect(url_of(session)) as other:

        def change() -> None:
            time.sleep(chance.random() * 0.1)  # meets the copy, the comparison or the swap
            for number in range(3):
                with suppress(DatabaseError):
                    other.execute(f"ALTER TABLE videos ADD COLUMN late_{number} int")

        changing = threading.Thread(target=change)

        def after(step: str) -> None:
            if step == "copy begun":
                changing.start()

        with suppress(UnfinishedError):
            online(session, after=after).run()
        changing.join()
    late = (
        "SELECT COLUMN_NAME FROM information_schema.COLUMNS WHERE TABLE_NAME = ? "
        "AND TABLE_SCHEMA = DATABASE() AND COLUMN_NAME LIKE 'late%'"
    )
    assert session.query(late, "videos_before_migration") == []
    assert len(session.query(late, "videos")) == 3


def test_somebody_elses_table_is_not_dropped(session: Session) -> None:
    """The name of the copy may be taken; then the upgrade says so, and drops nothing."""
    tables.make(session, "gorm")
    session.execute("CREATE TABLE videos_migrating (mine int)")
    session.execute("INSERT INTO videos_migrating VALUES (1)")
    with pytest.raises(BlockedError, match="videos_migrating that no upgrade has made"):
        online(session).run()
    assert session.query("SELECT * FROM videos_migrating") == [(1,)]
    assert check(session, target_schema(Dialect.MARIADB)).verdict is CheckVerdict.POSSIBLE

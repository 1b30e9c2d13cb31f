"""While one command changes a database, a second one changes nothing and says who runs."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from kling_mock.cli.main import make_parser
from kling_mock.relay.domain.credentials import token_hash
from kling_mock.relay.migration import command
from kling_mock.relay.migration.check import CheckVerdict, check
from kling_mock.relay.migration.database import run_lock
from kling_mock.relay.migration.database.session import Session, connect
from kling_mock.relay.migration.schema.known_schemas import target_schema
from tests.clusters.cluster import ClusterDatabase
from tests.clusters.galera import Galera
from tests.mock.relay.migration import one_api_tables, tables
from tests.mock.relay.migration.watched_session import KilledError, Watched

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """No command of these tests is killed by the system, so that none waits for the server."""
    monkeypatch.setattr(run_lock, "_PATIENCE", 0)


ONLINE = ("upgrade", "--online", "--all-writers-on-this-node", "--max-running=0", "--progress=none")
DIRECT, BACK, FINISH, ABANDON = ("upgrade",), ("downgrade",), ("finish",), ("upgrade", "--abandon")
#: With the one-api database as the word that follows.
IMPORT = ("import", "one-api", "--progress=none", "--from")
#: The commands that run, and the statement of each after which others are tried.
RUNS = (
    (DIRECT, "INSERT INTO `kling_migration_new`"),
    (BACK, "DROP COLUMN `id`"),
    (ONLINE, "INSERT INTO videos_migrating"),
    (FINISH, "UPDATE videos SET legacy"),
)


def run(
    url: str,
    words: Sequence[str],
    statement: str = "",
    others: Sequence[tuple[str, Sequence[str]]] = (),
    ends: Callable[[], None] = lambda: None,
) -> tuple[int, list[int]]:
    """Run a command, and after a statement of it others; return its status and theirs.

    Args:
        url: The database that it changes.
        words: The command.
        statement: A part of that statement.
        others: Databases and commands.
        ends: Called after the others.
    """
    statuses: list[int] = []

    def then(sql: str, _parameters: object) -> None:
        if statement and statement in sql and not statuses:
            statuses.extend(run(*other)[0] for other in others)
            ends()

    @contextmanager
    def opened(address: str) -> Generator[Session]:
        with connect(address) as session:
            yield Watched(session, then) if address == url else session

    parser = make_parser(["db", "import"])
    if words[0] == "import":
        options = parser.parse_args([*words, "--to", url])
        return command.run_import(options, token_hash, opened), statuses
    return command.run(words[0], parser.parse_args(["db", *words, "--db", url]), opened), statuses


def test_a_second_command_says_who_runs_and_changes_nothing(
    databases: Callable[[str], str], capsys: pytest.CaptureFixture[str]
) -> None:
    """Each of direct, back, online, finish, --abandon and import, during each of them."""
    url, one_api, empty = (databases("mariadb") for _ in range(3))
    with connect(url) as session, connect(one_api) as source:
        tables.make(session, "gorm")
        one_api_tables.make(source)
        into = (*IMPORT, one_api)
        commands = (DIRECT, BACK, ONLINE, FINISH, ABANDON, into)

        def tried(words: Sequence[str], statement: str, where: str) -> None:
            others = [(where, other) for other in commands]
            assert run(where, words, statement, others) == (0, [11] * len(commands))
            errors = capsys.readouterr().err
            refusal = "blocker   running: another upgrade, downgrade or import"
            assert errors.count(refusal) == len(commands), errors
            assert errors.count(" of root from ") == len(commands)

        for words, statement in RUNS:
            tried(words, statement, url)
        assert check(session, target_schema(session.dialect)).verdict is CheckVerdict.WANTED
        assert session.query("SHOW TRIGGERS") == []
        assert len(session.query("SELECT id FROM videos")) == 4
        session.execute("DROP TABLE videos_before_migration")
        assert run(url, BACK)[0] == 0

        def killed() -> None:
            raise KilledError

        with pytest.raises(KilledError):
            run(url, ONLINE, "INSERT INTO videos_migrating", [(url, BACK)], killed)
        capsys.readouterr()
        tried(ABANDON, "DROP TABLE IF EXISTS videos_migrating", url)
        tried(into, "INSERT INTO `videos`", empty)


@pytest.mark.parametrize("dialect", ["sqlite", "postgresql"])
def test_on_the_other_databases_too(
    dialect: str, databases: Callable[[str], str], capsys: pytest.CaptureFixture[str]
) -> None:
    """Where a migration is one transaction, a second command does not wait for it either."""
    url = databases(dialect)
    with connect(url) as session:
        tables.make(session, "gorm")
    for words in (DIRECT, BACK):
        others = [(url, other) for other in (DIRECT, BACK, FINISH)]
        assert run(url, words, 'INSERT INTO "videos"', others) == (0, [11] * len(others))
        errors = capsys.readouterr().err
        who = f"process {os.getpid()};" if dialect == "sqlite" else " of postgres from "
        assert errors.count(who) == len(others), errors


def test_two_imports_into_one_file(
    databases: Callable[[str], str], capsys: pytest.CaptureFixture[str]
) -> None:
    """An import into SQLite is many transactions: a second one would copy the same rows."""
    source, target = databases("sqlite"), databases("sqlite")
    with connect(source) as session:
        one_api_tables.make(session)
    words = (*IMPORT, source)
    others = [(target, other) for other in (words, DIRECT, BACK)]
    assert run(target, words, 'INSERT INTO "videos"', others) == (0, [11] * 3)
    assert capsys.readouterr().err.count(f"process {os.getpid()};") == 3
    assert not Path(target.removeprefix("sqlite:///") + "-migrating").exists()


def test_two_nodes_of_galera_exclude_each_other(
    galera: Galera, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each node knows the locks of its own connections only: the second says where the first is."""
    galera.restore()
    with ClusterDatabase(galera) as database:
        here, there = (galera.url(database.name, [node]) for node in (0, 1))
        with connect(here) as session:
            tables.make(session, "gorm")
            others = [(there, other) for other in (DIRECT, BACK, ONLINE, FINISH, ABANDON)]
            for words, statement in RUNS:
                assert run(here, words, statement, others) == (0, [11] * len(others))
                errors = capsys.readouterr().err
                assert errors.count(f" of {session.server().name}; wait until") == len(others), (
                    errors
                )
            assert ("kling_migration_running",) not in session.query("SHOW TABLES")


def test_what_a_killed_command_held_on_galera_is_taken_over_on_its_node(
    galera: Galera, capsys: pytest.CaptureFixture[str]
) -> None:
    """The same command on that node continues; on another one it says where to run it."""
    galera.restore()
    with ClusterDatabase(galera) as database:
        here, there = (galera.url(database.name, [node]) for node in (0, 1))
        with connect(here) as session:
            tables.make(session, "gorm")
            session.execute(
                "CREATE TABLE kling_migration_running (id INT NOT NULL PRIMARY KEY, "
                "server VARCHAR(300) NOT NULL, connection BIGINT NOT NULL)"
            )
            name = session.server().name
            session.execute("INSERT INTO kling_migration_running VALUES (1, ?, 7)", name)
            assert run(there, DIRECT)[0] == 11
            assert f"connection 7 of {name}; wait" in capsys.readouterr().err
            assert run(here, DIRECT)[0] == 0
            assert run(there, BACK)[0] == 0


def test_a_copy_is_paused_and_continued_by_another_command(session: Session) -> None:
    """`--pause` and `--resume` are for a copy that runs."""
    tables.make(session, "gorm")
    others = [(session.url, ("upgrade", word)) for word in ("--pause", "--resume")]
    assert run(session.url, ONLINE, RUNS[2][1], others) == (0, [0, 0])

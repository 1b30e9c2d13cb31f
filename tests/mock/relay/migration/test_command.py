"""The commands `kling-mock db …`, as an operator types them."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from kling_mock.cli.main import main, make_parser
from kling_mock.relay.migration import backup as backups
from kling_mock.relay.migration import command
from kling_mock.relay.migration.database import preflight as facts
from kling_mock.relay.migration.database.introspect import definition, read_table
from kling_mock.relay.migration.database.session import DatabaseError, Session, connect
from kling_mock.relay.migration.schema.known_schemas import KnownSchema, recognise, target_schema
from kling_mock.relay.migration.upgrade import Upgrade
from kling_mock.relay.storage.connect import connect as connect_storage
from kling_mock.relay.storage.schema import VERSION
from tests.mock.relay.migration import legacy, tables
from tests.mock.relay.migration.watched_session import KilledError, Watched

DIALECTS = ["mariadb", "sqlite", "postgresql"]
Say = Callable[..., tuple[int, str, str]]


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str]) -> Say:
    """Run a command; return its exit status and what it printed."""

    def run(*words: str) -> tuple[int, str, str]:
        status = main(["db", *words])
        return (status, *capsys.readouterr())

    return run


@pytest.mark.parametrize("dialect", DIALECTS)
def test_the_whole_way(
    dialect: str, databases: Callable[[str], str], say: Say, tmp_path: Path
) -> None:
    """Check, backup and upgrade, verify, and back again, each with its own exit status."""
    url = databases(dialect)
    assert say("check", "--db", url)[0] == 12
    with connect(url) as session:
        tables.make(session, "gorm", (*legacy.CLEAN, legacy.blocking_row("negative-quota")))
        old = definition(session, "videos"), tables.checksum(session)

    status, out, _ = say("check", "--db", url)
    assert status == 11
    assert "--resolve negative-quota=absolute would drop the minus sign" in out
    status, out, err = say("upgrade", "--db", url)
    assert (status, out) == (11, "")
    assert "negative-quota" in err
    assert "nothing was changed" in err

    dump = tmp_path / "videos.dump"
    resolve = ("--resolve", "negative-quota=absolute")
    status, out, _ = say("upgrade", "--db", url, *resolve, "--backup", str(dump))
    assert status == 0
    assert f"backup of {len(legacy.CLEAN) + 1} rows" in out
    assert "upgraded from gorm" in out
    assert dump.stat().st_size > 1000

    status, out, _ = say("verify", "--db", url)
    assert (status, "FAIL" in out) == (0, False)
    assert "pass  checksum" in out
    assert "pass  row count" in out
    assert "nothing to do" in say("upgrade", "--db", url)[1]
    assert json.loads(say("check", "--db", url, "--json")[1])["verdict"] == "wanted"

    assert "the table is gorm again" in say("downgrade", "--db", url)[1]
    with connect(url) as session:
        assert (definition(session, "videos"), tables.checksum(session)) == old


@pytest.mark.parametrize("dialect", DIALECTS)
def test_the_printed_statements_do_it_too(
    dialect: str, databases: Callable[[str], str], say: Say
) -> None:
    """What `db sql` prints, run by hand, ends in the target schema."""
    url = databases(dialect)
    with connect(url) as session:
        tables.make(session, "go-head")
    status, out, _ = say("sql", "--db", url)
    assert status == 0
    with connect(url) as session:
        run_script(session, out)
        assert (
            recognise(read_table(session, "videos"), target_schema(session.dialect))
            is KnownSchema.OURS
        )
        assert session.query("SELECT COUNT(*), MIN(legacy) FROM videos") == [(4, 1)]


@pytest.mark.parametrize(
    "pair",
    ["negativ-quota=absolute", "negative-quota=rename", "long-prompt=cut", "long-modell=cut"],
)
def test_a_resolution_of_nothing_is_refused(
    pair: str, databases: Callable[[str], str], say: Say
) -> None:
    """A misspelt one did nothing, and the command ended with 0."""
    url = databases("sqlite")
    with connect(url) as session:
        tables.make(session, "gorm")
    status, out, err = say("upgrade", "--db", url, "--resolve", pair)
    assert (status, out) == (1, "")
    name, _, resolution = pair.partition("=")
    assert f"--resolve: {name} is not a finding that {resolution} resolves" in err
    for known in legacy.RESOLUTIONS.items():
        assert say("upgrade", "--db", url, "--resolve", "=".join(known))[0] == 0


@pytest.mark.slow
def test_no_statements_are_printed_that_cannot_be_run(
    databases: Callable[[str], str], say: Say
) -> None:
    """Not beside what an interrupted upgrade has left, nor if there is nothing to upgrade."""
    url = databases("mariadb")

    def after(sql: str, _parameters: object) -> None:
        if sql.startswith("CREATE TABLE kling_migration_new"):
            raise KilledError

    with connect(url) as session:
        tables.make(session, "gorm")
        watched = Watched(session, after)
        with pytest.raises(KilledError):
            Upgrade(watched, target_schema(session.dialect), str, log=lambda _: None).run()
        for words in (("sql",), ("sql", "--down")):
            status, out, err = say(*words, "--db", url)
            assert (status, out, "unfinished: an upgrade was interrupted" in err) == (11, "", True)
        assert say("upgrade", "--db", url)[0] == 0
        status, out, _ = say("sql", "--db", url)
        assert (status, out) == (0, "-- nothing to do: the table is in the target schema\n")


@pytest.mark.parametrize("dialect", DIALECTS)
def test_the_printed_way_back_does_it_too(
    dialect: str, databases: Callable[[str], str], say: Say
) -> None:
    """What `db sql --down` prints, run by hand, ends in the old table."""
    url = databases(dialect)
    assert say("sql", "--db", url, "--down")[0] == 11
    with connect(url) as session:
        tables.make(session, "gorm")
        old = definition(session, "videos")
    say("upgrade", "--db", url)
    out = say("sql", "--db", url, "--down")[1]
    with connect(url) as session:
        run_script(session, out)
        assert definition(session, "videos") == old


def run_script(session: object, text: str) -> None:
    lines = [line for line in text.splitlines() if not line.startswith("--")]
    for statement in "\n".join(lines).split(";\n"):
        if statement.strip("; \n"):
            session.execute(statement.strip("; \n"))  # type: ignore[attr-defined] # a Session


@pytest.mark.slow
def test_statements_for_mysql_say_where_they_were_run(
    databases: Callable[[str], str], say: Say
) -> None:
    """MySQL gets its own words, and the truth about them; SQLite cannot be worded here."""
    url = databases("mariadb")
    with connect(url) as session:
        tables.make(session, "task-id-key")
    status, out, _ = say("sql", "--db", url, "--for", "mysql")
    assert status == 0
    assert "tested on MySQL 9.7, not on 8; 5.7 does not have ROW_NUMBER" in out
    assert "INDEX IF " not in out
    assert say("sql", "--db", url, "--for", "sqlite")[0] == 1
    with connect(url) as session:
        tables.insert(session, [legacy.blocking_row("negative-quota")])
    assert "negative-quota" in say("sql", "--db", url)[2]


@pytest.mark.slow
def test_online_by_command(databases: Callable[[str], str], say: Say) -> None:
    """The online way shows its progress, keeps the old table, and is verified against it."""
    url = databases("mariadb")
    with connect(url) as session:
        tables.make(session, "gorm")
    assert say("upgrade", "--db", url, "--pause")[0] == 1
    assert say("upgrade", "--db", url, "--online", "--share", "0")[0] == 1
    status, out, err = say("upgrade", "--db", url, "--online", "--max-running", "0")
    assert status == 0
    assert "kept as videos_before_migration" in out
    assert "100% 4 rows" in err
    status, out, _ = say("verify", "--db", url)
    assert (status, "pass  checksum" in out) == (0, True)
    assert say("check", "--db", url)[0] == 10
    assert say("finish", "--db", url)[0] == 0
    for _ in range(2):  # once more changes nothing
        assert say("check", "--db", url)[0] == 0
        assert say("finish", "--db", url)[0] == 0
    with connect(url) as session:
        session.execute("UPDATE videos SET model = 'changed'")
    assert "FAIL  checksum" in say("verify", "--db", url)[1]


@pytest.mark.slow
def test_a_run_can_be_paused_and_abandoned_by_command(
    databases: Callable[[str], str], say: Say
) -> None:
    """A pause is a mark in the database, so that another terminal can set it."""
    url = databases("mariadb")
    with connect(url) as session:
        tables.make(session, "gorm")
        way = json.dumps({"way": "online"})
        session.execute("CREATE TABLE migration_state (name VARCHAR(50) PRIMARY KEY, value TEXT)")
        session.execute("INSERT INTO migration_state VALUES (?, ?)", "upgrading", way)
    assert "it pauses" in say("upgrade", "--db", url, "--pause")[1]
    assert "it continues" in say("upgrade", "--db", url, "--resume")[1]
    assert "is removed" in say("upgrade", "--db", url, "--abandon")[1]


def test_another_programs_tables_are_left_alone(databases: Callable[[str], str], say: Say) -> None:
    """A one-api database keeps its users; the relay has to use a database of its own."""
    url = databases("sqlite")
    with connect(url) as session:
        tables.make(session, "gorm")
        session.execute("CREATE TABLE users (id integer, password text)")
        before = definition(session, "users")
    assert "users: another program's tables, so no relay" in say("upgrade", "--db", url)[2]
    leave = ("--resolve", "foreign-tables=leave")
    assert "users: another program's tables, so no relay" in say("upgrade", "--db", url, *leave)[1]
    with connect(url) as session:
        assert definition(session, "users") == before
        assert read_table(session, "schema_version") is None


async def test_the_relays_store_opens_an_upgraded_database(
    databases: Callable[[str], str], say: Say
) -> None:
    """After an upgrade the store finds its tables and the old rows, marked as legacy."""
    url = databases("sqlite")
    with connect(url) as session:
        tables.make(session, "gorm")
    assert say("upgrade", "--db", url)[0] == 0
    store = connect_storage(url)
    await store.open()
    try:
        task = await store.find_task("luma-0001")
        assert task is not None
        assert task.legacy
    finally:
        await store.close()


def test_tables_that_the_relay_used_stay_after_a_downgrade(
    databases: Callable[[str], str], say: Say
) -> None:
    """Users and their money are not dropped with the old table; the version says 0 then."""
    url = databases("sqlite")
    with connect(url) as session:
        tables.make(session, "gorm")
    say("upgrade", "--db", url)
    with connect(url) as session:
        session.execute("INSERT INTO users (username) VALUES ('anna')")
    assert "users: not empty, so they stay" in say("downgrade", "--db", url)[1]
    with connect(url) as session:
        assert session.query("SELECT version FROM schema_version") == [(0,)]
        assert read_table(session, "ledger") is not None
    say("upgrade", "--db", url)
    with connect(url) as session:
        assert session.query("SELECT version FROM schema_version") == [(VERSION,)]


# ---------------------------------------------------------------- backup


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_backup_that_is_not_whole_is_none(
    dialect: str,
    databases: Callable[[str], str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A dump without its end or with a row too few is refused and removed."""
    url = databases(dialect)
    with connect(url) as session:
        tables.make(session, "gorm")
    target = tmp_path / "dump"
    assert backups.backup(url, target) == len(legacy.CLEAN)
    with pytest.raises(backups.BackupError, match="never overwrites"):
        backups.backup(url, target)
    other = tmp_path / "other"
    monkeypatch.setattr(backups, "_count", lambda _: 99)
    with pytest.raises(backups.BackupError, match="the table 99 to 99"):
        backups.backup(url, other)
    assert not other.exists()
    if dialect != "sqlite":
        monkeypatch.setattr(backups, "_END", dict.fromkeys((True, False), "-- no such end"))
        with pytest.raises(backups.BackupError, match="cut off"):
            backups.backup(url, other)
        gone = url.rsplit("/", 1)[0] + "/kling_no_such_database"
        monkeypatch.setattr(backups, "_count", lambda _: 0)
        with pytest.raises(backups.BackupError, match="failed"):
            backups.backup(gone, other)


def test_a_password_is_in_no_command_line(tmp_path: Path) -> None:
    """The dump tool gets the password by the environment, and asks for one snapshot."""
    for scheme, name in (("mysql", "MYSQL_PWD"), ("postgresql", "PGPASSWORD")):
        command, environment = backups.dump_command(f"{scheme}://u:s%40cret@h:1/d", tmp_path / "f")
        assert "cret" not in " ".join(command)
        assert environment == {name: "s@cret"}
        assert "--single-transaction" in command or scheme == "postgresql"


@pytest.mark.parametrize("way", [(), ("--online",)])
@pytest.mark.slow
def test_a_backup_is_made_only_where_an_upgrade_follows(
    way: tuple[str, ...], databases: Callable[[str], str], say: Say, tmp_path: Path
) -> None:
    """A refused upgrade leaves no backup behind that the next run would not overwrite."""
    url, dump = databases("mariadb"), tmp_path / "dump"
    with connect(url) as session:
        tables.make(session, "gorm", (*legacy.CLEAN, legacy.blocking_row("negative-quota")))
    words = ("upgrade", "--db", url, "--backup", str(dump), *way)
    assert say(*words)[0] == 11
    assert not dump.exists()
    assert say(*words, "--resolve", "negative-quota=absolute")[0] == 0
    assert dump.exists()
    dump.unlink()
    assert not way or say("finish", "--db", url)[0] == 0
    assert "nothing to do" in say(*words)[1]
    assert not dump.exists()


def test_a_backup_that_the_database_refuses_leaves_no_file(
    databases: Callable[[str], str], tmp_path: Path
) -> None:
    """Whatever goes wrong, half a backup is not left to be taken for one."""
    url, target = databases("sqlite"), tmp_path / "dump"
    with pytest.raises(DatabaseError, match="no such table"):
        backups.backup(url, target)
    assert not target.exists()


def test_the_dump_tool_connects_as_the_url_says() -> None:
    """A socket, a verified server and libpq's own parameters are handed on."""
    url = "mysql://u@h/d?unix_socket=/run/x.sock&ssl=true"
    command, _ = backups.dump_command(url, Path("f"))
    assert "--socket=/run/x.sock" in command
    assert any("verify" in argument.lower() for argument in command)
    command, _ = backups.dump_command("postgresql://u:s@h/d?sslmode=require", Path("f"))
    assert command[-1] == "--dbname=postgresql://u@h/d?sslmode=require"
    with pytest.raises(ValueError, match="takes"):
        backups.dump_command("mysql://u@h/d?tls=1", Path("f"))


# ---------------------------------------------------------------- words


def test_mistakes_are_explained(say: Say, capsys: pytest.CaptureFixture[str]) -> None:
    """A wrong URL, a database that is away, and a wrong word each get their sentence."""
    assert "a database URL looks like" in say("check", "--db", "nonsense")[2]
    status, _, err = say("check", "--db", "mysql://root@127.0.0.1:1/x")
    assert (status, "kling-mock:" in err) == (1, True)
    sqlite = "sqlite:////nowhere/at/all.db"
    assert "cannot open" in say("verify", "--db", sqlite)[2]
    with pytest.raises(SystemExit):
        main(["db", "check"])
    assert "--db" in capsys.readouterr().err


def test_a_word_that_resolves_nothing_is_refused(databases: Callable[[str], str], say: Say) -> None:
    """A resolution is NAME=RESOLUTION with one that exists."""
    url = databases("sqlite")
    for wrong in ("negative-quota", "=cut", "negative-quota=maybe"):
        assert (
            "--resolve: expected NAME=RESOLUTION"
            in say("upgrade", "--db", url, "--resolve", wrong)[2]
        )
    assert say("verify", "--db", url)[0] == 11


def test_no_driver_is_loaded_for_another_command() -> None:
    """`kling-mock --help` loads neither a driver nor a migration."""
    code = (
        "import sys; before = set(sys.modules); from kling_mock.cli.main import main\n"
        "try: main(['--help'])\nexcept SystemExit: pass\n"
        "new = sys.modules.keys() - before\n"
        "print([n for n in new if n.startswith(('asyncmy', 'asyncpg', 'sqlite3', 'attr'))"
        " or n.startswith('kling_mock.relay.migration.database.session')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_ctrl_c_says_how_to_go_on(
    databases: Callable[[str], str], capsys: pytest.CaptureFixture[str]
) -> None:
    """An upgrade stopped by hand says that the same command continues it; the rows are there."""
    url = databases("sqlite")
    with connect(url) as session:
        tables.make(session, "gorm")
        before = definition(session, "videos"), tables.checksum(session)

    def after(sql: str, _parameters: tuple[object, ...]) -> None:
        if sql.startswith("DROP TABLE"):
            raise KeyboardInterrupt

    @contextmanager
    def opened(url: str) -> Iterator[Session]:
        with connect(url) as session:
            yield Watched(session, after)

    parser = make_parser(["db"])
    options = parser.parse_args(["db", "upgrade", "--db", url])
    assert command.run("upgrade", options, opened) == 130
    assert "run the same command again" in capsys.readouterr().err
    with connect(url) as session:
        assert (definition(session, "videos"), tables.checksum(session)) == before


@pytest.mark.slow
def test_what_cannot_be_kept_cannot_be_set_aside(databases: Callable[[str], str], say: Say) -> None:
    """`all` and a name keep values; ids that the old key refuses still stop a downgrade."""
    url = databases("mariadb")
    with connect(url) as session:
        tables.make(session, "task-id-key")
    assert say("upgrade", "--db", url)[0] == 0
    with connect(url) as session:
        session.execute("INSERT INTO videos (task_id, held_quota) VALUES ('A', 1), ('a', 2)")
    status, _, err = say("downgrade", "--db", url, "--set-aside=all", "--set-aside=alike-task-id")
    assert (status, "alike-task-id" in err, "new-held-quota" in err) == (11, True, False)
    with connect(url) as session:
        session.execute("DELETE FROM videos WHERE BINARY task_id = 'A'")
    assert say("downgrade", "--db", url, "--set-aside", "all")[0] == 0
    with connect(url) as session:
        changes = session.query("SELECT column_name, task_id, old_value FROM migration_changes")
        assert changes == [("new:held_quota", "a", "2")]


def test_free_room_on_another_computer_is_not_known(session: Session) -> None:
    """The disk of this computer says nothing about a server elsewhere."""
    tables.make(session, "gorm")

    class Elsewhere(Watched):
        def query(self, sql: str, *parameters: object) -> list[tuple[Any, ...]]:
            rows = self.session.query(sql, *parameters)
            return [(rows[0][0], "elsewhere")] if "@@hostname" in sql else rows

    assert facts.look(session, "videos").free
    assert facts.look(Elsewhere(session, lambda _sql, _parameters: None), "videos").free is None


#: What an operator may have that is called as a thing of ours is.
TAKEN = {
    "migration_changes": "CREATE TABLE migration_changes (id int, note varchar(9))",
    "migration_state": "CREATE TABLE migration_state (name varchar(50) PRIMARY KEY, value int)",
    "kling_migration_delete": (
        "CREATE TRIGGER kling_migration_delete BEFORE DELETE ON mine FOR EACH ROW SET @n = 1"
    ),
    "kling_migration_created": "CREATE INDEX kling_migration_created ON videos (user_id)",
}


@pytest.mark.parametrize(
    ("dialect", "name"),
    [
        *(("mariadb", name) for name in TAKEN),
        *(("sqlite", name) for name in tuple(TAKEN)[:2]),
        *(("postgresql", name) for name in tuple(TAKEN)[:2]),
    ],
)
def test_what_only_has_the_name_of_ours_is_named_and_left(
    dialect: str, name: str, databases: Callable[[str], str], say: Say
) -> None:
    """By the check and by each command that writes; nothing is changed, and nothing dropped."""
    url = databases(dialect)
    with connect(url) as session:
        tables.make(session, "gorm")
        session.execute("CREATE TABLE mine (n int)")
        session.execute(TAKEN[name])
        before = definition(session, "videos"), definition(session, "mine")
        status, out, _ = say("check", "--db", url)
        kind = TAKEN[name].split()[1].lower()
        assert (status, f"left-over: there is a {kind} {name}" in out) == (11, True)
        for words in (("upgrade",), ("upgrade", "--online"), ("sql",)):
            status, out, err = say(*words, "--db", url)
            assert (status, out, f" {name}," in err) == (11, "", True)
        assert (definition(session, "videos"), definition(session, "mine")) == before
        if "state" in name or "changes" in name:
            assert read_table(session, name) is not None
            session.execute(f"DROP TABLE {name}")
            assert say("upgrade", "--db", url)[0] == 0
            session.execute(f"DROP TABLE {name}")
            session.execute(TAKEN[name])
            status, _, err = say("downgrade", "--db", url)
            assert (status, f"left-over: there is a table {name}" in err) == (11, True)


@pytest.mark.slow
def test_a_table_of_ours_that_is_replaced_meanwhile_stops_the_swap(
    databases: Callable[[str], str], capsys: pytest.CaptureFixture[str]
) -> None:
    """After the swap, each DELETE of the old program would write to the table of another."""
    url = databases("mariadb")
    parser = make_parser(["db"])

    @contextmanager
    def opened(url: str) -> Iterator[Session]:
        with connect(url) as session:

            def after(sql: str, _parameters: object) -> None:
                if sql.startswith("CREATE TABLE videos_migrating"):
                    session.execute("DROP TABLE migration_changes")
                    session.execute(TAKEN["migration_changes"])

            yield Watched(session, after)

    with connect(url) as session:
        tables.make(session, "gorm")
        options = parser.parse_args(["db", "upgrade", "--online", "--max-running=0", "--db", url])
        assert command.run("upgrade", options, opened) == 1
        errors = capsys.readouterr().err
        assert "the tables were not swapped: there is a table migration_changes" in errors
        assert read_table(session, "videos_before_migration") is None
        assert session.query("SHOW TRIGGERS") == []

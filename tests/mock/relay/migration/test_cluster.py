"""On which server a migration may run, and that it stays on it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from kling_mock.cli.main import make_parser
from kling_mock.relay.migration import command
from kling_mock.relay.migration.backup import dump_command
from kling_mock.relay.migration.database.cluster import cluster_text, read_only, several_writers
from kling_mock.relay.migration.database.introspect import definition
from kling_mock.relay.migration.database.session import DatabaseError, Server, Session, connect
from kling_mock.relay.migration.findings import UnfinishedError
from kling_mock.relay.storage.adapters.mysql_nodes import READ_ONLY, MysqlKind, MysqlNode
from kling_mock.relay.storage.values import DatabaseNode
from tests.mock.relay.migration import tables
from tests.mock.relay.migration.watched_session import Watched
from tests.mock.relay.storage.databases import MYSQL
from tests.mock.relay.storage.proxy import Proxy

ALONE = MysqlNode("db1:3306", None, MysqlKind.SINGLE)
GALERA = MysqlNode("db1:3306", None, MysqlKind.GALERA, nodes=3, writers=3)
ONE_NODE = MysqlNode("db1:3306", None, MysqlKind.GALERA)
ONE_PRIMARY = MysqlNode("db1:3306", None, MysqlKind.GROUP, nodes=3, writers=1)
PRIMARIES = MysqlNode("db1:3306", None, MysqlKind.GROUP, nodes=2, writers=2)
REPLICA = MysqlNode("db2:3306", READ_ONLY, MysqlKind.SINGLE)
SECONDARY = MysqlNode("db2:3306", READ_ONLY, MysqlKind.GROUP, nodes=3, writers=1)
STANDBY = DatabaseNode("10.0.0.2:5432", "it is a standby, or else read-only")


@pytest.mark.parametrize(
    ("server", "kind"),
    [
        (ALONE, None),
        (ONE_NODE, None),
        (ONE_PRIMARY, None),
        (DatabaseNode("10.0.0.1:5432"), None),
        (DatabaseNode(), None),
        (GALERA, "a Galera cluster with 3 nodes"),
        (PRIMARIES, "MySQL Group Replication in multi-primary mode with 2 nodes"),
    ],
)
def test_an_online_upgrade_needs_one_server_that_takes_all_writes(
    server: Server, kind: str | None
) -> None:
    """The finding says what was found, which server this is, and what can be done."""
    findings = several_writers(server, "blocker")
    assert bool(findings) == (kind is not None)
    for finding in findings:
        assert (finding.name, finding.severity) == ("several-writers", "blocker")
        assert kind is not None
        assert kind in finding.says
        assert "this is db1:3306" in finding.says
        assert "send all writers to this node" in finding.says
        assert "--all-writers-on-this-node" in finding.says
        assert "without --online" in finding.says


@pytest.mark.parametrize("server", [ALONE, GALERA, ONE_PRIMARY, PRIMARIES, DatabaseNode()])
def test_a_server_that_takes_writes_can_be_migrated(server: Server) -> None:
    """Whatever it is replicated with: only the online upgrade asks for more."""
    assert not read_only(server)


@pytest.mark.parametrize("server", [REPLICA, SECONDARY, STANDBY])
def test_a_server_that_takes_no_writes_is_refused(server: Server) -> None:
    """The finding names it, says why, and says which server is meant."""
    (finding,) = read_only(server)
    assert (finding.name, finding.severity) == ("read-only", "blocker")
    assert f"this is {server.name}, and {server.problem}" in finding.says
    assert "name that one in --db" in finding.says


@pytest.mark.parametrize(
    ("server", "text"),
    [
        (ALONE, "none, this is db1:3306; an online upgrade may run"),
        (REPLICA, "none, this is db2:3306; an online upgrade is refused"),
        (
            GALERA,
            (
                "Galera cluster, 3 nodes, of which 3 may take writes, this is db1:3306; "
                "an online upgrade is refused"
            ),
        ),
        (
            ONE_PRIMARY,
            (
                "MySQL Group Replication, 3 nodes, of which 1 may take writes, this is db1:3306; "
                "an online upgrade may run"
            ),
        ),
    ],
)
def test_a_check_says_what_the_server_is_part_of(server: MysqlNode, text: str) -> None:
    """In one line."""
    assert cluster_text(server) == text


# ---------------------------------------------------------------- commands


def run(describe: Callable[[], Server], *words: str) -> int:
    """Run a command on a server that says so of itself at each question."""

    @contextmanager
    def opened(url: str) -> Iterator[Session]:
        class Asked(Watched):
            def server(self) -> Server:
                return describe()

        with connect(url) as session:
            yield Asked(session, lambda _sql, _parameters: None)

    parser = make_parser(["db"])
    options = parser.parse_args(["db", *words])
    return command.run(words[0], options, opened)


def content(session: Session) -> tuple[Any, ...]:
    names = session.query("SHOW TABLES")
    return definition(session, "videos"), tables.rows(session), names


@pytest.mark.slow
def test_on_a_cluster_an_online_upgrade_is_refused_until_all_writers_are_here(
    session: Session, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing is changed by the refusal; the direct upgrade and a check are not refused."""
    tables.make(session, "gorm")
    before, url = content(session), session.url
    assert run(lambda: GALERA, "upgrade", "--online", "--db", url) == 11
    output = capsys.readouterr().err
    assert "several-writers: the database is a Galera cluster" in output
    assert "nothing was changed" in output
    assert content(session) == before

    assert run(lambda: GALERA, "check", "--db", url) == 10
    output = capsys.readouterr().out
    assert "cluster   Galera cluster, 3 nodes" in output
    assert "warning   several-writers" in output
    assert run(lambda: GALERA, "check", "--json", "--db", url) == 10
    assert json.loads(capsys.readouterr().out)["cluster"] == {
        "kind": "galera",
        "node": "db1:3306",
        "nodes": 3,
        "writers": 3,
        "online_refused": True,
    }

    words = ("--online", "--all-writers-on-this-node", "--max-running", "0")
    assert run(lambda: GALERA, "upgrade", *words, "--db", url) == 0
    assert run(lambda: GALERA, "finish", "--db", url) == 0
    assert run(lambda: GALERA, "upgrade", "--online", "--db", url) == 0
    assert "nothing to do" in capsys.readouterr().out
    assert run(lambda: GALERA, "downgrade", "--db", url) == 0
    session.execute("DROP TABLE videos_before_migration")
    assert run(lambda: GALERA, "upgrade", "--db", url) == 0


@pytest.mark.slow
def test_a_node_that_joins_during_the_copy_stops_the_swap(
    session: Session, capsys: pytest.CaptureFixture[str]
) -> None:
    """Before the swap the server is asked again."""
    tables.make(session, "gorm")
    url = session.url

    def describe() -> Server:
        copied = session.query("SHOW TABLES LIKE 'videos_migrating'")
        return GALERA if copied else ONE_NODE

    assert run(describe, "upgrade", "--online", "--max-running", "0", "--db", url) == 1
    errors = capsys.readouterr().err
    assert "the tables were not swapped: the database is a Galera cluster" in errors
    assert "the triggers are removed and the old table is in use" in errors
    assert session.query("SHOW TRIGGERS") == []


@pytest.mark.parametrize(
    "words",
    [
        ("upgrade",),
        ("upgrade", "--online"),
        ("upgrade", "--online", "--all-writers-on-this-node"),
        ("upgrade", "--abandon"),
        ("upgrade", "--pause"),
        ("downgrade",),
    ],
    ids=" ".join,
)
def test_no_command_writes_on_a_replica(
    words: tuple[str, ...], session: Session, capsys: pytest.CaptureFixture[str]
) -> None:
    """Even where the user could: an administrator may write on a read-only server."""
    tables.make(session, "gorm")
    before = content(session)
    assert run(lambda: REPLICA, *words, "--db", session.url) == 11
    errors = capsys.readouterr().err
    assert "read-only: this is db2:3306, and it is read-only" in errors
    assert "nothing was changed" in errors
    assert content(session) == before


@pytest.fixture
def limited(session: Session) -> Iterator[str]:
    """The URL for a user who has all rights in this database, and none of the server."""
    user = f"{session.database}"[-24:]
    session.execute(f"CREATE USER '{user}'@'%'")
    session.execute(f"GRANT ALL ON {session.database}.* TO '{user}'@'%'")
    yield session.url.replace("root@", f"{user}@")
    session.execute(f"DROP USER '{user}'@'%'")


def test_what_does_not_say_whether_it_is_a_replica_is_not_migrated(
    session: Session, limited: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The right that is missing is named word for word, and so is the option that does without."""
    tables.make(session, "gorm")
    before = content(session)
    grants = set[str]()
    for words in (("check",), ("upgrade",), ("upgrade", "--online"), ("finish",), ("downgrade",)):
        assert run_plainly(*words, "--db", limited) == 11
        output = "".join(capsys.readouterr())
        assert "blocker   replica-unknown: this is " in output
        grants |= {*re.findall("run (GRANT REPLICA.* ON .* TO .*), or, if it is not", output)}
        assert "give --yes-not-a-replica" in output
        assert content(session) == before
    assert run_plainly("sql", "--db", limited) == 0
    assert "whether this is a replica is unknown" in capsys.readouterr().out
    assert run_plainly("upgrade", "--yes-not-a-replica", "--db", limited) == 0
    assert run_plainly("downgrade", "--yes-not-a-replica", "--db", limited) == 0
    (grant,) = grants
    session.execute(grant)
    assert run_plainly("upgrade", "--db", limited) == 0
    assert "replica-unknown" not in "".join(capsys.readouterr())


@pytest.mark.parametrize("session", ["postgresql"], indirect=True)
def test_a_server_that_can_only_be_read_is_checked(
    session: Session, capsys: pytest.CaptureFixture[str]
) -> None:
    """A real one, though not a standby: all its transactions are read-only."""
    tables.make(session, "gorm")
    before = tables.rows(session)
    name = f'"{session.database}"'
    session.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    try:
        assert run_plainly("check", "--db", session.url) == 11
        assert "blocker   read-only: this is " in capsys.readouterr().out
        assert run_plainly("upgrade", "--db", session.url) == 11
        assert "read-only: this is " in capsys.readouterr().err
    finally:
        session.execute(f"ALTER DATABASE {name} RESET default_transaction_read_only")
    assert tables.rows(session) == before


def run_plainly(*words: str) -> int:
    parser = make_parser(["db"])
    return command.run(words[0], parser.parse_args(["db", *words]))


# ---------------------------------------------------------------- several servers


@pytest.fixture
def proxies(session: Session) -> Iterator[tuple[Proxy, Proxy]]:
    del session  # which says whether there is a server at all
    with Proxy(MYSQL) as first, Proxy(MYSQL) as second:
        yield first, second


def url_over(session: Session, *proxies: Proxy) -> str:
    hosts = ",".join(f"127.0.0.1:{proxy.port}" for proxy in proxies)
    return f"mysql://root@{hosts}/{session.database}"


def test_the_first_server_that_answers_is_used_and_kept(
    session: Session, proxies: tuple[Proxy, Proxy]
) -> None:
    """Its second connection and a dump go to the same one, also when the first is back."""
    first, second = proxies
    first.go_away()
    with connect(url_over(session, first, second)) as opened:
        first.come_back()
        assert opened.url == url_over(session, second)
        other = opened.another()
        assert other.url == opened.url
        other.close()
        assert first.sent == 0
        dump, _ = dump_command(opened.url, Path("videos.sql"))
        assert f"--port={second.port}" in dump


def test_a_server_that_is_lost_ends_the_command(
    session: Session, proxies: tuple[Proxy, Proxy]
) -> None:
    """It does not go on at another server, and says so."""
    first, second = proxies
    with connect(url_over(session, first, second)) as opened:
        first.go_away()
        with pytest.raises(DatabaseError, match="does not continue on another one; run kling-mock"):
            opened.execute("CREATE TABLE other (n int)")
        with pytest.raises(DatabaseError):
            opened.another()
    assert second.sent == 0


def test_an_address_that_leads_elsewhere_ends_the_command(session: Session) -> None:
    """As behind a name or a proxy that leads to a new server after a failover."""
    session._name = "db1:3306"  # type: ignore[attr-defined] # where the session began
    with pytest.raises(UnfinishedError, match="started on db1:3306, and its address now leads to"):
        session.another()


def test_servers_that_are_all_away_are_an_error(
    session: Session, proxies: tuple[Proxy, Proxy]
) -> None:
    """With the driver's words."""
    for proxy in proxies:
        proxy.go_away()
    with (
        pytest.raises(DatabaseError, match=r"(?i)connect"),
        connect(url_over(session, *proxies)),
    ):
        pass

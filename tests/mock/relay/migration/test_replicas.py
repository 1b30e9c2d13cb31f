"""A replica has the same rows under the same ids after a migration as the primary."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest

from kling_mock.cli.main import make_parser
from kling_mock.relay.migration import command
from kling_mock.relay.migration.database.introspect import definition
from kling_mock.relay.migration.database.session import Session, connect
from kling_mock.relay.migration.findings import UnfinishedError
from kling_mock.relay.migration.schema.known_schemas import target_schema
from kling_mock.relay.migration.script import upgrade_script
from kling_mock.relay.migration.upgrade import Upgrade
from tests.clusters.cluster import ClusterDatabase
from tests.clusters.fixtures import REPLICATED
from tests.clusters.galera import Galera
from tests.clusters.replicas import PRIMARY, REPLICA, Replicated
from tests.mock.relay.migration import legacy, tables
from tests.mock.relay.migration.watched_session import Watched

pytestmark = pytest.mark.slow

#: Each has two rows.
PAIRS = 50


@pytest.fixture(params=REPLICATED)
def replicated(request: pytest.FixtureRequest) -> Iterator[ClusterDatabase]:
    cluster: Replicated = request.getfixturevalue(request.param)
    with ClusterDatabase(cluster) as database:
        yield database


def run(*words: str) -> int:
    parser = make_parser(["db"])
    return command.run(words[0], parser.parse_args(["db", *words]))


def fill(url: str, shape: str, same_id: str | None = None) -> None:
    """Make rows of pairs of callers: the first inserts first, the second commits first.

    Args:
        url: The database.
        shape: The shape of the table.
        same_id: The id of both rows of a pair, with the number of the pair in place of a `{}`; they
            then differ in their prompt alone.
    """
    with connect(url) as first, connect(url) as second:
        tables.make(first, shape)
        for pair in range(PAIRS):
            for session, name in ((first, "Late"), (second, "early")):
                session.execute("BEGIN")
                row = dict(zip(legacy.COLUMNS, legacy.CLEAN[0], strict=True))
                # Without a key there may be ids that differ in nothing but case, at the same time.
                only_case = shape == "gorm" and pair % 2 == 0
                task_id = f"{'Aa'[name > 'a'] if only_case else name}-{pair}"
                if same_id is not None:
                    task_id, row["prompt"] = same_id.format(pair), name
                row |= {"task_id": task_id, "created_at": 1_700_000_000 + pair // 2}
                names, marks = ", ".join(row), ", ".join("?" for _ in row)
                session.execute(f"INSERT INTO videos ({names}) VALUES ({marks})", *row.values())
            second.execute("COMMIT")
            first.execute("COMMIT")


def direct(url: str) -> None:
    assert run("upgrade", "--db", url) == 0


def online(url: str) -> None:
    assert run("upgrade", "--online", "--max-running", "0", "--db", url) == 0
    assert run("finish", "--db", url) == 0


def script(url: str) -> None:
    """What `db sql` prints."""
    with connect(url) as session:
        text = "\n".join(
            line for line in upgrade_script(session, session.dialect) if line[:2] != "--"
        )
        for statement in filter(str.strip, text.split(";")):
            session.execute(statement)


WAYS: Sequence[Callable[[str], None]] = (direct, script, online)


def rows(session: Session) -> list[tuple[Any, ...]]:
    return session.query("SELECT * FROM videos ORDER BY id")


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("shape", ["gorm", "task-id-key"])
def test_a_replica_has_the_ids_of_its_primary(
    replicated: ClusterDatabase, way: Callable[[str], None], shape: str
) -> None:
    """Whatever the format of the binary log; ids follow time, and replication goes on."""
    cluster = replicated.cluster
    assert isinstance(cluster, Replicated)
    for binlog_format in cluster.formats:
        cluster.write_as(binlog_format)
        url, there = (cluster.url(replicated.name, [node]) for node in (PRIMARY, REPLICA))
        fill(url, shape)
        way(url)
        cluster.catch_up()
        with connect(url) as primary, connect(there) as replica:
            assert rows(primary) == rows(replica)
            assert len(rows(primary)) == 2 * PAIRS + len(legacy.CLEAN)
            times = [row[0] for row in primary.query("SELECT created_at FROM videos ORDER BY id")]
            assert times == sorted(times)
            primary.execute("UPDATE videos SET status = 'failed', quota = 1 WHERE id % 3 = 0")
            cluster.catch_up()
            assert rows(primary) == rows(replica)
            for (name,) in primary.query("SHOW TABLES"):
                primary.execute(f"DROP TABLE {name}")


@pytest.mark.parametrize("binlog_format", ["STATEMENT", "MIXED", "ROW"])
@pytest.mark.parametrize(
    ("same_id", "resolution"),
    [("same-{}", "duplicate-task-id=rename"), ("", "empty-task-id=generate")],
)
def test_of_rows_alike_a_replica_renames_the_one_that_its_primary_does(
    replicated: ClusterDatabase, same_id: str, resolution: str, binlog_format: str
) -> None:
    """Also where the statement is repeated there, on rows that are kept in another order."""
    cluster = replicated.cluster
    assert isinstance(cluster, Replicated)
    cluster.write_as(binlog_format)
    url, there = (cluster.url(replicated.name, [node]) for node in (PRIMARY, REPLICA))
    fill(url, "gorm", same_id)
    resolve = f"--resolve={resolution}"
    assert run("upgrade", resolve, "--db", url) == 0
    cluster.catch_up()
    with connect(url) as primary, connect(there) as replica:
        assert rows(primary) == rows(replica)
        assert len(rows(primary)) == 2 * PAIRS + len(legacy.CLEAN)
    assert run("downgrade", "--db", url) == 0
    cluster.catch_up()
    with connect(url) as primary, connect(there) as replica:
        assert tables.rows(primary) == tables.rows(replica)
    cluster.write_as(cluster.formats[0])


def test_a_replica_that_takes_writes_is_refused(
    replicated: ClusterDatabase, capsys: pytest.CaptureFixture[str]
) -> None:
    """A migration there would stop replication; nothing is changed, and the primary is named."""
    cluster = replicated.cluster
    assert isinstance(cluster, Replicated)
    url, there = (cluster.url(replicated.name, [node]) for node in (PRIMARY, REPLICA))
    with connect(url) as primary:
        tables.make(primary, "gorm")
    cluster.catch_up()
    with connect(there) as replica:
        before = definition(replica, "videos"), tables.rows(replica)
        says = f"replica: this is .*:{cluster.ports[REPLICA]}, and it is a replica of "
        says += f"127.0.0.1:{cluster.ports[PRIMARY]};.* name that one in --db"
        for words in (("upgrade",), ("upgrade", "--online"), ("downgrade",)):
            assert run(*words, "--db", there) == 11
            assert re.search(f"blocker   {says}", capsys.readouterr().err)
        assert run("check", "--db", there) == 11
        printed = capsys.readouterr().out
        assert re.search(f"blocker   {says}", printed)
        assert "an online upgrade is refused" in printed
        assert (definition(replica, "videos"), tables.rows(replica)) == before
    direct(url)  # the negative control
    cluster.catch_up()


def test_a_user_who_may_not_see_that_it_is_a_replica_is_refused_there(
    replicated: ClusterDatabase, capsys: pytest.CaptureFixture[str]
) -> None:
    """Also while its replication is stopped; on MariaDB a running one is found nevertheless."""
    cluster, name = replicated.cluster, replicated.name
    assert isinstance(cluster, Replicated)
    is_mariadb = cluster.kind == "mariadb-replica"
    with connect(cluster.url(name, [PRIMARY])) as primary:
        tables.make(primary, "gorm")
        primary.execute(f"CREATE USER {name}@'%'")
        primary.execute(f"GRANT ALL ON {name}.* TO {name}@'%'")
    cluster.catch_up()
    there = cluster.url(name, [REPLICA])
    words = ("--db", there.replace("root@", f"{name}@"))
    with connect(there) as replica:
        before = definition(replica, "videos"), tables.rows(replica)
        try:
            for stopped in (False, True):
                if stopped:
                    replica.execute("STOP REPLICA")
                name = "replica" if is_mariadb and not stopped else "replica-unknown"
                assert run("upgrade", *words) == 11
                errors = capsys.readouterr().err
                assert f"blocker   {name}: " in errors
                assert ("it is one or was one" in errors) is (is_mariadb and stopped)
                if is_mariadb and not stopped:
                    assert run("upgrade", *words, "--yes-not-a-replica") == 11
            assert (definition(replica, "videos"), tables.rows(replica)) == before
        finally:
            replica.execute("START REPLICA")
    with connect(cluster.url(name, [PRIMARY])) as primary:
        primary.execute(f"DROP USER {name}@'%'")


def test_a_user_who_may_not_create_triggers_is_told_so(
    replicated: ClusterDatabase, capsys: pytest.CaptureFixture[str]
) -> None:
    """The check and the upgrade say which privilege is missing; the online upgrade makes nothing.

    The user may not see either whether the server is a replica, and states that it is not.
    """
    cluster, name = replicated.cluster, replicated.name
    url = cluster.url(name, [PRIMARY])
    with connect(url) as primary:
        tables.make(primary, "gorm")
        primary.execute(f"CREATE USER {name}@'%'")
        primary.execute(f"GRANT ALL ON {name}.* TO {name}@'%'")
    words = ("--db", url.replace("root@", f"{name}@"))
    assert run("check", *words) == 11
    output = capsys.readouterr().out
    assert "blocker   replica-unknown: " in output
    assert "warning   trigger-privilege: " in output
    no_replica = "--yes-not-a-replica"
    assert run("upgrade", *words, no_replica, "--online") == 11
    assert "blocker   trigger-privilege: " in capsys.readouterr().err
    with connect(url) as primary:
        assert primary.query("SHOW TABLES") == [("videos",)]
        assert primary.query("SHOW TRIGGERS") == []
        primary.execute(f"GRANT SUPER ON *.* TO {name}@'%'")
    may_ask = cluster.kind == "mysql9-replica"  # with MySQL's SUPER
    assert run("check", *words) == (10 if may_ask else 11)
    assert "trigger-privilege" not in capsys.readouterr().out
    assert run("upgrade", *words, *([] if may_ask else [no_replica])) == 0
    with connect(url) as primary:
        primary.execute(f"REVOKE SUPER ON *.* FROM {name}@'%'")
    assert run("upgrade", *words, no_replica, "--online") == 0  # nothing is to be copied
    with connect(url) as primary:
        primary.execute(f"DROP USER {name}@'%'")


def test_all_nodes_of_galera_have_the_same_ids(galera: Galera) -> None:
    """Also after the direct upgrade, which the documentation recommends there."""
    galera.restore()
    with ClusterDatabase(galera) as database:
        for way in (direct, script):
            urls = [galera.url(database.name, [node]) for node in galera.nodes]
            fill(urls[0], "gorm")
            way(urls[0])
            for url in urls:
                with connect(urls[0]) as here, connect(url) as there:
                    here.execute("UPDATE videos SET status = 'failed' WHERE id % 3 = 0")
                    there.execute("SET SESSION wsrep_sync_wait = 1")
                    assert rows(there) == rows(here)
                    assert len(rows(there)) == 2 * PAIRS + len(legacy.CLEAN)
            with connect(urls[0]) as session:
                for (name,) in session.query("SHOW TABLES"):
                    session.execute(f"DROP TABLE {name}")


def test_a_write_on_another_node_of_galera_stops_the_direct_upgrade(galera: Galera) -> None:
    """The lock holds on one node only, so the upgrade ends there, and the write is in the table."""
    galera.restore()
    with ClusterDatabase(galera) as database:
        urls = [galera.url(database.name, [node]) for node in galera.nodes]
        with connect(urls[0]) as here, connect(urls[1]) as there:
            tables.make(here, "gorm")

            def write(sql: str, _parameters: object) -> None:
                if sql.startswith("INSERT INTO `kling_migration_new`"):
                    there.execute("INSERT INTO videos (task_id) VALUES ('late')")

            job = Upgrade(
                Watched(here, write), target_schema(here.dialect), str, log=lambda _: None
            )
            with pytest.raises(UnfinishedError, match="another server of the cluster writes"):
                job.run()
            for session in (here, there):
                session.execute("SET SESSION wsrep_sync_wait = 1")
                assert len(tables.rows(session)) == len(legacy.CLEAN) + 1
                assert session.query("SHOW TABLES") == [("videos",)]


@pytest.mark.parametrize("session", ["mariadb"], indirect=True)
def test_a_unique_index_does_not_decide_the_order_of_the_ids(session: Session) -> None:
    """The server would keep the rows of an ALTER in the order of a unique index without NULL."""
    prompt, _, _, *rest = legacy.CLEAN[0]
    rows = [(prompt, 1_700_000_000 - number, f"t-{number}", *rest) for number in range(9)]
    tables.make(session, "gorm", rows)
    session.execute("ALTER TABLE videos ADD serial INT NOT NULL DEFAULT 0")
    session.execute("UPDATE videos SET serial = -created_at")
    session.execute("ALTER TABLE videos ADD UNIQUE (serial)")
    direct(session.url)
    ids = session.query("SELECT id, task_id FROM videos ORDER BY id")
    assert ids == [(number + 1, f"t-{8 - number}") for number in range(9)]

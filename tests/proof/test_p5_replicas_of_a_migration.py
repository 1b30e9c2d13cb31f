"""P5: a migration leaves each row under the same id on every server, and they stay alike.

On a primary with a replica (MariaDB with MIXED and with ROW, MySQL 9), and on three nodes of
Galera: each way there and back, and then writes such as an old program and a relay make, by id.
`KLING_PROOF_SIZE=full` takes 10,000 of them. The negative control is the guide's own ALTER, which
numbers the rows of each server in that server's hidden order.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterator
from typing import Any, Final

import pytest

from kling_mock.relay.migration.database.session import Session, connect
from tests.clusters.cluster import ClusterDatabase
from tests.clusters.fixtures import REPLICATED
from tests.clusters.galera import Galera
from tests.clusters.replicas import PRIMARY, REPLICA, Replicated
from tests.mock.relay.migration import legacy
from tests.mock.relay.migration.test_replicas import direct, fill, online, rows, run, script

pytestmark = pytest.mark.slow

#: Writes after each migration.
WRITES: Final = 10_000 if os.environ.get("KLING_PROOF_SIZE") == "full" else 300


def online_beside_others(url: str) -> None:
    """As where all writers are stated to use this node."""
    words = ("--online", "--all-writers-on-this-node", "--max-running", "0")
    assert run("upgrade", *words, "--db", url) == 0
    assert run("finish", "--db", url) == 0


def back(url: str) -> None:
    direct(url)
    assert run("downgrade", "--db", url) == 0


def write(session: Session, seed: int) -> None:
    """Insert, change by id and by task_id, and delete."""
    chance = random.Random(seed)  # noqa: S311 - what is written, not a secret
    columns = {row[0] for row in session.query("SHOW COLUMNS FROM videos")}
    key = "id" if "id" in columns else "created_at"
    keys = [row[0] for row in session.query(f"SELECT {key} FROM videos")]
    for number in range(WRITES):
        kind = chance.random()
        if kind < 0.3:
            task_id = f"new-{seed}-{number}"
            session.execute(
                "INSERT INTO videos (task_id, created_at, status, quota) VALUES (?, ?, 'x', ?)",
                *(task_id, 1_700_000_000 + number, number),
            )
        elif kind < 0.9:
            session.execute(
                f"UPDATE videos SET status = ?, store_url = ? WHERE {key} = ?",
                *(f"s{number}", f"https://cdn/{number}", chance.choice(keys)),
            )
        else:
            session.execute(
                "DELETE FROM videos WHERE task_id = ?", f"new-{seed}-{chance.randrange(WRITES)}"
            )


def drop_all(session: Session) -> None:
    for (name,) in session.query("SHOW TABLES"):
        session.execute(f"DROP TABLE {name}")


def content(session: Session, by: str) -> list[tuple[Any, ...]]:
    return session.query(f"SELECT * FROM videos ORDER BY {by}")


@pytest.fixture(params=REPLICATED)
def replicated(request: pytest.FixtureRequest) -> Iterator[ClusterDatabase]:
    cluster: Replicated = request.getfixturevalue(request.param)
    with ClusterDatabase(cluster) as database:
        yield database


@pytest.mark.timeout(1_800)
@pytest.mark.parametrize("way", [direct, online, script, back])
def test_a_replica_stays_like_its_primary(
    replicated: ClusterDatabase, way: Callable[[str], None]
) -> None:
    """0 ids differ after each way, replication runs, and what is written then is equal on both."""
    cluster = replicated.cluster
    assert isinstance(cluster, Replicated)
    for binlog_format in cluster.formats:
        cluster.write_as(binlog_format)
        url, there = (cluster.url(replicated.name, [node]) for node in (PRIMARY, REPLICA))
        fill(url, "gorm")
        way(url)
        by = "task_id" if way is back else "id"
        with connect(url) as primary, connect(there) as replica:
            cluster.catch_up()
            assert content(primary, by) == content(replica, by)
            assert len(content(primary, by)) == 100 + len(legacy.CLEAN)
            write(primary, seed=1)
            cluster.catch_up()
            assert content(primary, by) == content(replica, by)
            drop_all(primary)


def test_the_proof_catches_the_guides_own_alter(replicated: ClusterDatabase) -> None:
    """Negative control: numbered by AUTO_INCREMENT, rows have other ids on the replica."""
    cluster = replicated.cluster
    assert isinstance(cluster, Replicated)
    cluster.write_as("ROW")
    url, there = (cluster.url(replicated.name, [node]) for node in (PRIMARY, REPLICA))
    fill(url, "gorm")
    with connect(url) as primary, connect(there) as replica:
        primary.execute(legacy.GUIDE[0])
        cluster.catch_up()
        assert content(primary, "id") != content(replica, "id")
        drop_all(primary)
        cluster.catch_up()


@pytest.mark.timeout(1_800)
@pytest.mark.parametrize("way", [direct, online_beside_others, script, back])
def test_the_nodes_of_galera_stay_alike(galera: Galera, way: Callable[[str], None]) -> None:
    """Each has the same rows under the same ids, and none leaves the cluster."""
    galera.restore()
    with ClusterDatabase(galera) as database:
        urls = [galera.url(database.name, [node]) for node in galera.nodes]
        fill(urls[0], "gorm")
        way(urls[0])
        by = "task_id" if way is back else "id"
        with connect(urls[0]) as here:
            for writes in (False, True):
                if writes:
                    write(here, seed=1)
                for url in urls[1:]:
                    with connect(url) as there:
                        there.execute("SET SESSION wsrep_sync_wait = 1")
                        assert content(there, by) == content(here, by)
            assert len(rows(here) if by == "id" else content(here, by)) >= 100

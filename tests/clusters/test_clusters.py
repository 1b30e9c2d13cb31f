"""The clusters of the tests: they do what the proofs ask of them, and end with the test."""

from __future__ import annotations

import asyncio
import os
import select
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.clusters.cluster import Cluster, ClusterDatabase
from tests.clusters.fixtures import FULL, IN_SUITE, cluster_of
from tests.clusters.mysql9 import transactions
from tests.clusters.postgres import PostgresCluster
from tests.clusters.servers import free_ports

ROOT = Path(__file__).parents[2]


@pytest.fixture(params=(*IN_SUITE, "group-replication") if FULL else IN_SUITE)
def cluster(request: pytest.FixtureRequest) -> Cluster:
    cluster = cluster_of(request, request.param)
    assert cluster is not None
    return cluster


def test_rows_survive_a_node_that_is_killed_and_all_of_them(cluster: Cluster) -> None:
    """A node that was killed comes back with what it has missed; so do all."""
    with ClusterDatabase(cluster) as database:

        def run(sql: str) -> list[int]:
            return [row[0] for row in asyncio.run(database.query(sql))]

        run("CREATE TABLE kept (number INT PRIMARY KEY)")
        run("INSERT INTO kept VALUES (1)")
        victim = cluster.primary()
        cluster.kill(victim)
        assert not cluster.is_ready(victim)
        if isinstance(cluster, PostgresCluster):
            cluster.promote(cluster.most_advanced())
        cluster.restore()
        run("INSERT INTO kept VALUES (2)")
        cluster.kill_all()
        cluster.restore()
        assert all(map(cluster.is_ready, cluster.nodes))
        assert run("SELECT number FROM kept ORDER BY number") == [1, 2]


@pytest.mark.slow
def test_servers_end_with_the_process_that_started_them() -> None:
    """Also when it is killed, so that a test that hangs leaves nothing behind."""
    words = (
        "from tests.clusters.postgres import PostgresCluster\n"
        "cluster = PostgresCluster()\n"
        "cluster.start()\n"
        "print(*[cluster.process(node).pid for node in cluster.nodes], flush=True)\n"
        "input()\n"
    )
    given = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", words]
    pipe = subprocess.PIPE
    with (
        subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, env=given) as starter,
        ExitStack() as stack,
    ):
        assert starter.stdout is not None
        pids = [int(word) for word in starter.stdout.readline().split()]
        assert len(pids) == 3
        ends = [os.pidfd_open(pid) for pid in pids]
        for end in ends:
            stack.callback(os.close, end)
        starter.kill()
        for end in ends:
            has_ended, _, _ = select.select([end], [], [], 20)
            assert has_ended


def test_ports_are_all_different() -> None:
    """They are looked for together."""
    ports = free_ports(12)
    assert len(set(ports)) == 12


@pytest.mark.parametrize(
    ("executed", "count"),
    [("", 0), ("a7e2:1-5", 5), ("a7e2:1-5:8", 6), ("a7e2:1-5,\nb1c3:1:3-4", 8)],
)
def test_the_transactions_of_a_set_are_counted(executed: str, count: int) -> None:
    """A node begins the group again that has executed most."""
    assert transactions(executed) == count

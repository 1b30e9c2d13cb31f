"""The clusters of the tests: they do what the proofs ask of them, and end with the test."""

from __future__ import annotations

import asyncio
import json
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
    """This holds also when it is killed, so that a test that hangs leaves nothing behind."""
    words = (
        "from tests.clusters.postgres import PostgresCluster\n"
        "cluster = PostgresCluster()\n"
        "cluster.start()\n"
        "print(*[cluster.process(node).pid for node in cluster.nodes], flush=True)\n"
        "input()\n"
    )
    variables = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", words]
    pipe = subprocess.PIPE
    with (
        subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, env=variables) as starter,
        ExitStack() as stack,
    ):
        assert starter.stdout is not None
        pids = [int(word) for word in starter.stdout.readline().split()]
        assert len(pids) == 3
        # What they share is theirs, so that none of it stays.
        maps = "".join(Path(f"/proc/{pid}/maps").read_text("utf-8") for pid in pids)
        assert "PostgreSQL." not in maps  # a file in /dev/shm
        if os.geteuid() == 0:
            spaces = {Path(f"/proc/{pid}/ns/ipc").readlink() for pid in pids}
            assert Path("/proc/self/ns/ipc").readlink() not in spaces
        ends = [os.pidfd_open(pid) for pid in pids]
        for end in ends:
            stack.callback(os.close, end)
        starter.kill()
        for end in ends:
            has_ended, _, _ = select.select([end], [], [], 20)
            assert has_ended


def test_a_port_is_given_once() -> None:
    """Neither this process nor another gets a port whose server has not started yet."""
    ports = [*free_ports(6), *free_ports(4)]
    assert len({*ports}) == 10
    assert free_ports(1, ports) == []
    ask = (
        "from tests.clusters.servers import free_ports\n"
        f"print([free_ports(1, {ports}), free_ports(1)])"
    )
    other = subprocess.run(
        [sys.executable, "-c", ask], check=True, stdout=subprocess.PIPE, cwd=ROOT
    )
    none, new = json.loads(other.stdout)
    assert none == []
    assert len(new) == 1


@pytest.mark.slow
def test_the_tests_load_without_pwd() -> None:
    """Windows does not have it; tests.conftest imports the clusters."""
    words = "import sys; sys.modules['pwd'] = None; import tests.conftest"
    subprocess.run([sys.executable, "-c", words], check=True, cwd=ROOT)


@pytest.mark.slow
def test_tests_of_one_group_run_in_one_worker(pytester: pytest.Pytester) -> None:
    """So that one worker starts a cluster, for all tests that need it."""
    pytester.makepyfile("""
        from pathlib import Path

        import pytest

        @pytest.mark.xdist_group("cluster")
        @pytest.mark.parametrize("number", range(8))
        def test_it(number, worker_id):
            Path(f"worker-{worker_id}").touch()
    """)
    result = pytester.runpytest_subprocess("-n", "2", "--dist", "loadgroup")
    result.assert_outcomes(passed=8)
    assert len([*pytester.path.glob("worker-*")]) == 1


@pytest.mark.parametrize(
    ("executed", "count"),
    [("", 0), ("a7e2:1-5", 5), ("a7e2:1-5:8", 6), ("a7e2:1-5,\nb1c3:1:3-4", 8)],
)
def test_the_transactions_of_a_set_are_counted(executed: str, count: int) -> None:
    """A node begins the group again that has executed most."""
    assert transactions(executed) == count

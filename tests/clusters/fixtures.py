"""Fixtures of database clusters: each is started once per process, by the first test that needs it.

Galera and PostgreSQL are part of the suite;
what needs MySQL 9 runs with `KLING_PROOF_SIZE=full`, as it has to be fetched from Debian sid.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Final

import pytest

from tests.clusters.cluster import NODES, Cluster
from tests.clusters.galera import Galera
from tests.clusters.mysql9 import GroupReplication, Mysql9, mysql_programs
from tests.clusters.postgres import PostgresCluster
from tests.clusters.replicas import MariadbReplica, Mysql9Replica
from tests.clusters.servers import ServerError

FULL: Final = os.environ.get("KLING_PROOF_SIZE") == "full"
#: Fixture that has the cluster, and the node that each of four relay processes tries first.
STORES: Final[dict[str, tuple[str, tuple[int, ...]]]] = {
    "galera-spread": ("galera", (*NODES, 0)),
    "galera-one-node": ("galera", (0, 0, 0, 0)),
    "postgres-standbys": ("postgres_cluster", (0, 0, 0, 0)),
    "mysql9": ("mysql9", (0, 0, 0, 0)),
    "group-replication": ("group_replication", (0, 0, 0, 0)),
}
#: Those that are part of the suite.
IN_SUITE: Final = ("galera-spread", "postgres-standbys")
STORES_OF_THIS_SIZE: Final = tuple(STORES) if FULL else IN_SUITE
_REPLICATED: Final = ("mariadb_replica", "mysql9_replica")
_FIXTURES: Final = frozenset((*_REPLICATED, *(fixture for fixture, _ in STORES.values())))
#: The primaries with a replica that are part of a run of this size.
REPLICATED: Final = _REPLICATED if FULL else _REPLICATED[:1]


@pytest.fixture(scope="session")
def galera() -> Iterator[Galera]:
    """Three MariaDB nodes that all take writes."""
    _need(Galera.missing())
    with Galera() as cluster:
        yield cluster


@pytest.fixture(scope="session")
def postgres_cluster() -> Iterator[PostgresCluster]:
    """A PostgreSQL primary and two synchronous standbys."""
    _need(PostgresCluster.missing())
    with PostgresCluster() as cluster:
        yield cluster


@pytest.fixture(scope="session")
def mysql9() -> Iterator[Mysql9]:
    """One MySQL 9 server."""
    _need_mysql()
    with Mysql9() as cluster:
        yield cluster


@pytest.fixture(scope="session")
def group_replication() -> Iterator[GroupReplication]:
    """Three MySQL 9 servers, one of which takes writes."""
    _need_mysql()
    with GroupReplication() as cluster:
        yield cluster


@pytest.fixture(scope="session")
def mariadb_replica() -> Iterator[MariadbReplica]:
    """A MariaDB primary and a replica that is not read-only."""
    _need(MariadbReplica.missing())
    with MariadbReplica() as cluster:
        yield cluster


@pytest.fixture(scope="session")
def mysql9_replica() -> Iterator[Mysql9Replica]:
    """The same of MySQL 9."""
    _need_mysql()
    with Mysql9Replica() as cluster:
        yield cluster


def cluster_of(request: pytest.FixtureRequest, store: str) -> Cluster | None:
    """Return the cluster of one of `STORES`, with all its nodes up; `None` for other stores."""
    if store not in STORES:
        return None
    cluster: Cluster = request.getfixturevalue(STORES[store][0])
    cluster.restore()
    return cluster


def _need_mysql() -> None:
    try:
        mysql_programs()
    except ServerError as error:
        _need(str(error))


def _need(what: str | None) -> None:
    """Skip the test, or fail it with CI=true or in full size, if something is not there."""
    if what is None:
        return
    if FULL or os.environ.get("CI"):
        pytest.fail(f"no cluster: {what}")
    pytest.skip(f"no cluster: {what}")


@pytest.hookimpl(tryfirst=True)  # before `-m` selects
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        case = getattr(item, "callspec", None)
        values = [value for value in case.params.values() if type(value) is str] if case else []
        fixtures = [STORES[value][0] if value in STORES else value for value in values]
        used = sorted(_FIXTURES.intersection((*fixtures, *getattr(item, "fixturenames", ()))))
        if used:
            item.add_marker(pytest.mark.slow)
            item.add_marker(pytest.mark.xdist_group(used[0]))  # one worker starts it
        elif "postgres" in values and item.path.parent.name == "proof":
            # Four relays have up to 49 of the 97 connections of the server that all tests use.
            item.add_marker(pytest.mark.xdist_group("postgres"))

"""Fixtures of database clusters: each is started once per process, by the first test that wants it.

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
_FIXTURES: Final = frozenset(fixture for fixture, _ in STORES.values())


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
        values = case.params.values() if case else ()
        uses_store = any(type(value) is str and value in STORES for value in values)
        if uses_store or not _FIXTURES.isdisjoint(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.slow)

"""The state of a MySQL or MariaDB server by its own variables."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from kling_mock.relay.storage.adapters.mysql_nodes import MysqlKind, kind_of, node_of

ALONE = {"hostname": "db1", "port": "3306", "read_only": "OFF", "wsrep_on": "OFF"}
GALERA = ALONE | {"wsrep_on": "ON"}
READY = {"wsrep_ready": "ON", "wsrep_cluster_status": "Primary"}
GROUP = {
    "hostname": "db1",
    "port": "3306",
    "read_only": "OFF",
    "group_replication_group_name": "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee",
    "group_replication_single_primary_mode": "ON",
}
THREE = [("ONLINE", 3, 1)]


def test_a_server_alone_sets_nothing_more() -> None:
    """It reads what it has written."""
    node = node_of(ALONE, {}, [])
    assert (node.name, node.kind, node.problem, node.session) == (
        "db1:3306",
        MysqlKind.SINGLE,
        None,
        (),
    )


def test_mariadb_is_known_by_its_limit_of_idle_transactions() -> None:
    """MySQL does not have it; there the limit is one of the connection."""
    assert not node_of(ALONE, {}, []).has_idle_limit
    assert node_of(ALONE | {"idle_transaction_timeout": "0"}, {}, []).has_idle_limit


@pytest.mark.parametrize("value", ["ON", "1", "NO_LOCK", "NO_LOCK_NO_ADMIN"])
@pytest.mark.parametrize(
    ("variables", "status", "members"), [(ALONE, {}, []), (GALERA, READY, []), (GROUP, {}, THREE)]
)
def test_one_that_takes_no_writes_is_not_used(
    value: str,
    variables: Mapping[str, str],
    status: Mapping[str, str],
    members: list[tuple[str, int, int]],
) -> None:
    """This holds for any kind of node, and any kind of read-only state."""
    node = node_of({**variables, "read_only": value}, status, members)
    assert node.problem == "it is read-only"


def test_on_galera_reads_wait_for_what_other_nodes_have_committed() -> None:
    """A setting of the session makes them wait."""
    node = node_of(GALERA, READY, [])
    assert node.kind is kind_of(GALERA) is MysqlKind.GALERA
    assert node.problem is None
    assert node.session == ("SET SESSION wsrep_sync_wait = 1",)


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        ({}, "primary component"),
        (READY | {"wsrep_cluster_status": "non-Primary"}, "primary component"),
        (READY | {"wsrep_cluster_status": "Disconnected"}, "primary component"),
        (READY | {"wsrep_ready": "OFF"}, "not ready"),
    ],
)
def test_a_node_outside_of_its_cluster_is_not_used(status: Mapping[str, str], reason: str) -> None:
    """One that is still joining, too."""
    problem = node_of(GALERA, status, []).problem
    assert problem is not None
    assert reason in problem


@pytest.mark.parametrize(
    ("mode", "level"), [("ON", "BEFORE_ON_PRIMARY_FAILOVER"), ("OFF", "BEFORE")]
)
def test_in_a_group_reads_wait_too(mode: str, level: str) -> None:
    """With a single primary, only after a failover: until then, all writes are on that server."""
    node = node_of(GROUP | {"group_replication_single_primary_mode": mode}, {}, THREE)
    assert node.kind is MysqlKind.GROUP
    assert node.problem is None
    assert node.session == (f"SET SESSION group_replication_consistency = '{level}'",)


@pytest.mark.parametrize(
    ("members", "reason"),
    [
        ([], "not online in its replication group: OFFLINE"),
        ([("OFFLINE", 1, 1)], "OFFLINE"),
        ([("ONLINE", 2, 0), ("RECOVERING", 1, 1)], "RECOVERING"),
        ([("ONLINE", 1, 1), ("UNREACHABLE", 2, 0)], "lost the majority"),
        ([("ONLINE", 1, 1), ("UNREACHABLE", 1, 0)], "lost the majority"),
    ],
)
def test_a_member_that_cannot_commit_is_not_used(
    members: list[tuple[str, int, int]], reason: str
) -> None:
    """One that was started alone would take writes that the group never sees."""
    problem = node_of(GROUP, {}, members).problem
    assert problem is not None
    assert reason in problem


@pytest.mark.parametrize(
    "members",
    [
        THREE,
        [("ONLINE", 2, 1), ("UNREACHABLE", 1, 0)],
        [("ONLINE", 1, 1)],
        [("ONLINE", 2, 1), ("RECOVERING", 1, 0)],
    ],
)
def test_a_member_with_the_majority_is_used(members: list[tuple[str, int, int]]) -> None:
    """It is used while another one is away, or joins."""
    assert node_of(GROUP, {}, members).problem is None


SEVERAL_PRIMARIES = GROUP | {"group_replication_single_primary_mode": "OFF"}


@pytest.mark.parametrize(
    ("variables", "status", "members", "nodes", "writers"),
    [
        (ALONE, {}, [], 1, 1),
        (GALERA, READY, [], 1, 1),
        (GALERA, READY | {"wsrep_cluster_size": "1"}, [], 1, 1),
        (GALERA, READY | {"wsrep_cluster_size": "3"}, [], 3, 3),
        (GROUP, {}, THREE, 3, 1),
        (SEVERAL_PRIMARIES, {}, THREE, 3, 3),
        (SEVERAL_PRIMARIES, {}, [("ONLINE", 1, 1)], 1, 1),
        (SEVERAL_PRIMARIES, {}, [("ONLINE", 1, 1), ("RECOVERING", 1, 0)], 2, 2),
        (SEVERAL_PRIMARIES, {}, [("ONLINE", 2, 1), ("UNREACHABLE", 1, 0)], 3, 3),
        (SEVERAL_PRIMARIES, {}, [("ONLINE", 1, 1), ("ERROR", 1, 0), ("OFFLINE", 1, 0)], 1, 1),
    ],
)
def test_it_says_how_many_servers_take_writes(
    variables: Mapping[str, str],
    status: Mapping[str, str],
    members: list[tuple[str, int, int]],
    nodes: int,
    writers: int,
) -> None:
    """One that joins or cannot be reached may take some a moment later; one with an error not."""
    node = node_of(variables, status, members)
    assert (node.nodes, node.writers) == (nodes, writers)

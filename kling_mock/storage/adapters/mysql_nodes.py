"""Which kind of server a MySQL or MariaDB is, whether it serves now, and how reads are made causal.

Sources: the manuals of MariaDB Galera Cluster and of MySQL Group Replication; both were run with
three nodes that were killed, frozen and cut off.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Final

import attrs

__all__ = [
    "GALERA_STATUS",
    "GROUP_MEMBERS",
    "READ_ONLY",
    "VARIABLES",
    "MysqlKind",
    "MysqlNode",
    "kind_of",
    "node_of",
]

#: The problem of a server that can be read, and takes no writes.
READ_ONLY: Final = "it is read-only"

#: What is read at each connect.
VARIABLES: Final = (
    "SHOW GLOBAL VARIABLES WHERE Variable_name IN ('hostname', 'port', 'read_only', 'wsrep_on',"
    " 'group_replication_group_name', 'group_replication_single_primary_mode')"
)
#: On Galera also this.
GALERA_STATUS: Final = (
    "SHOW GLOBAL STATUS WHERE Variable_name IN"
    " ('wsrep_ready', 'wsrep_cluster_status', 'wsrep_cluster_size')"
)
#: In a replication group also this: of this server first.
GROUP_MEMBERS: Final = (
    "SELECT member_state, COUNT(*), MAX(member_id = @@server_uuid)"
    " FROM performance_schema.replication_group_members GROUP BY member_state"
)

_READS_WAIT_ON_GALERA: Final = "SET SESSION wsrep_sync_wait = 1"
_READS_WAIT_IN_GROUP: Final = "SET SESSION group_replication_consistency = 'BEFORE'"
#: With a single primary all reads are made where all writes are: only a new primary has to wait,
#: for what the old one has sent.
_READS_WAIT_AFTER_FAILOVER: Final = (
    "SET SESSION group_replication_consistency = 'BEFORE_ON_PRIMARY_FAILOVER'"
)


class MysqlKind(StrEnum):
    """How a server is replicated; `single` is also one with asynchronous replicas."""

    SINGLE = "single"
    GALERA = "galera"
    GROUP = "group_replication"


@attrs.frozen
class MysqlNode:
    """A server, as it was at one instant.

    Attributes:
        name: Its own name of itself: host name and port.
        kind: How it is replicated.
        problem: Why it cannot be used now; `None` if it can.
        session: What a connection to it has to set for causal reads.
        nodes: How many servers its cluster has, this one included, so far as it can be seen from
            here. An arbitrator of Galera counts: nothing tells it from a server.
        writers: How many of them may take writes.
    """

    name: str
    kind: MysqlKind
    problem: str | None
    session: tuple[str, ...]
    nodes: int = 1
    writers: int = 1


def kind_of(variables: Mapping[str, str]) -> MysqlKind:
    """Return the kind of a server, given its `VARIABLES`."""
    if variables.get("wsrep_on") == "ON":
        return MysqlKind.GALERA
    return MysqlKind.GROUP if variables.get("group_replication_group_name") else MysqlKind.SINGLE


def node_of(
    variables: Mapping[str, str],
    status: Mapping[str, str],
    members: Sequence[tuple[str, int, int]],
) -> MysqlNode:
    """Return what a server has said of itself.

    Args:
        variables: The rows of `VARIABLES`.
        status: The rows of `GALERA_STATUS`, if it is Galera.
        members: The rows of `GROUP_MEMBERS`, if it is in a group: a state, how many members have
            it, and whether this server has.
    """
    kind = kind_of(variables)
    problem: str | None = None
    session: tuple[str, ...] = ()
    nodes = writers = 1
    if kind is MysqlKind.GALERA:
        problem = _problem_on_galera(status)
        session = (_READS_WAIT_ON_GALERA,)
        nodes = writers = int(status.get("wsrep_cluster_size", 1))
    elif kind is MysqlKind.GROUP:
        problem = _problem_in_group(members)
        single = variables.get("group_replication_single_primary_mode") == "ON"
        session = (_READS_WAIT_AFTER_FAILOVER if single else _READS_WAIT_IN_GROUP,)
        # One that joins or cannot be reached may take writes a moment later.
        nodes = sum(count for state, count, _ in members if state not in {"OFFLINE", "ERROR"})
        writers = 1 if single else nodes
    # MariaDB 12 has more values than ON and OFF; all others refuse writes.
    if problem is None and variables.get("read_only", "OFF") not in {"OFF", "0"}:
        problem = READ_ONLY
    name = f"{variables.get('hostname', '')}:{variables.get('port', '')}"
    return MysqlNode(name, kind, problem, session, nodes, writers)


def _problem_on_galera(status: Mapping[str, str]) -> str | None:
    if status.get("wsrep_cluster_status") != "Primary":
        return "it is not in the cluster's primary component"
    return None if status.get("wsrep_ready") == "ON" else "it is not ready (wsrep_ready)"


def _problem_in_group(members: Sequence[tuple[str, int, int]]) -> str | None:
    own = next((state for state, _, is_own in members if is_own), "OFFLINE")
    if own != "ONLINE":
        # A member that was started and has not joined takes writes that the group never sees.
        return f"it is not online in its replication group: {own}"
    reachable = sum(count for state, count, _ in members if state != "UNREACHABLE")
    if 2 * reachable <= sum(count for _, count, _ in members):
        return "its replication group has lost the majority"
    return None

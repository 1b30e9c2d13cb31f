"""The kind of a MySQL or MariaDB server, whether it serves now, and how its reads become causal.

Sources: the manuals of MariaDB Galera Cluster and of MySQL Group Replication; both were run with
three nodes that were killed, frozen and cut off.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Final

import attrs

from kling_mock.relay.storage.values import DatabaseNode

#: The problem of a server that can be read but does not take writes.
READ_ONLY: Final = "it is read-only"

#: The variables that are read at each connect.
VARIABLES: Final = (
    "SHOW GLOBAL VARIABLES WHERE Variable_name IN ('hostname', 'port', 'read_only', 'wsrep_on',"
    " 'group_replication_group_name', 'group_replication_single_primary_mode',"
    " 'idle_transaction_timeout', 'max_statement_time', 'max_execution_time')"
)
#: The variables that are read on Galera, too.
GALERA_STATUS: Final = (
    "SHOW GLOBAL STATUS WHERE Variable_name IN"
    " ('wsrep_ready', 'wsrep_cluster_status', 'wsrep_cluster_size')"
)
#: The members that are read in a replication group, this server first.
GROUP_MEMBERS: Final = (
    "SELECT member_state, COUNT(*), MAX(member_id = @@server_uuid)"
    " FROM performance_schema.replication_group_members GROUP BY member_state"
)

#: The limits of a statement's time, with their units in a second: of MariaDB and of MySQL.
_STATEMENT_TIMES: Final = (("max_statement_time", 1), ("max_execution_time", 1000))
_READS_WAIT_ON_GALERA: Final = "SET SESSION wsrep_sync_wait = 1"
_READS_WAIT_IN_GROUP: Final = "SET SESSION group_replication_consistency = 'BEFORE'"
#: With a single primary, all reads are made on the server that takes all writes. Only a new primary
#: has to wait, for the transactions that the old one has sent.
_READS_WAIT_AFTER_FAILOVER: Final = (
    "SET SESSION group_replication_consistency = 'BEFORE_ON_PRIMARY_FAILOVER'"
)


class MysqlKind(StrEnum):
    """The replication of a server; `single` is also one with asynchronous replicas."""

    SINGLE = "single"
    GALERA = "galera"
    GROUP = "group_replication"


@attrs.frozen
class MysqlNode(DatabaseNode):
    """A server, as it was at one instant.

    Attributes:
        kind: How it is replicated.
        session: The settings of a connection to it for causal reads.
        nodes: Number of servers in its cluster, including this one, as far as this server can tell.
            An arbitrator of Galera counts: it cannot be told from a server.
        writers: How many of them may take writes.
        has_idle_limit: Whether it can end a transaction that is idle, as MariaDB can.
        statement_time: Its variable that limits the time of a statement (on MySQL, of a SELECT),
            and how many units of it are a second; `None` if it has none.
    """

    kind: MysqlKind = MysqlKind.SINGLE
    session: tuple[str, ...] = ()
    nodes: int = 1
    writers: int = 1
    has_idle_limit: bool = False
    statement_time: tuple[str, int] | None = None


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
    """Return the description of a server.

    Args:
        variables: The rows of `VARIABLES`.
        status: The rows of `GALERA_STATUS`, if it is Galera.
        members: The rows of `GROUP_MEMBERS`, if it is in a group: a state, the number of members
            in that state, and whether this server is in it.
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
        # A member that is joining or cannot be reached may take writes a moment later.
        nodes = sum(count for state, count, _ in members if state not in {"OFFLINE", "ERROR"})
        writers = 1 if single else nodes
    # MariaDB 12 has more values than ON and OFF; all others refuse writes.
    if problem is None and variables.get("read_only", "OFF") not in {"OFF", "0"}:
        problem = READ_ONLY
    name = f"{variables.get('hostname', '')}:{variables.get('port', '')}"
    has_idle_limit = "idle_transaction_timeout" in variables
    time = next((time for time in _STATEMENT_TIMES if time[0] in variables), None)
    return MysqlNode(name, problem, kind, session, nodes, writers, has_idle_limit, time)


def _problem_on_galera(status: Mapping[str, str]) -> str | None:
    if status.get("wsrep_cluster_status") != "Primary":
        return "it is not in the cluster's primary component"
    return None if status.get("wsrep_ready") == "ON" else "it is not ready (wsrep_ready)"


def _problem_in_group(members: Sequence[tuple[str, int, int]]) -> str | None:
    own = next((state for state, _, is_own in members if is_own), "OFFLINE")
    if own != "ONLINE":
        # A member that was started but has not joined takes writes that the group never sees.
        return f"it is not online in its replication group: {own}"
    reachable = sum(count for state, count, _ in members if state != "UNREACHABLE")
    if 2 * reachable <= sum(count for _, count, _ in members):
        return "its replication group has lost the majority"
    return None

"""What follows for a migration from which server it is on, and what that is replicated with.

The online upgrade carries writes over by triggers. A trigger sees what the server that runs it
sees: a row that another server changes at the same time as the copy reads it is changed there
alone, and no certification finds a conflict, since the copy has written another row. On Galera
(MariaDB 11.8, three nodes) each of 4 runs with a writer on another node lost 1 to 4 of 650 to
1,780 acknowledged updates, and none of 3 runs with the writer on the same node. An update that is
held open on another node while its row is copied is lost there each time, and also on MySQL Group
Replication in multi-primary mode (MySQL 9.7, two nodes).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

from kling_mock.migration.database.session import Server
from kling_mock.migration.findings import Finding
from kling_mock.storage.adapters.mysql_nodes import MysqlKind, MysqlNode

__all__ = ["cluster_text", "read_only", "several_writers"]

_KINDS: Final[Mapping[MysqlKind, str]] = {
    MysqlKind.SINGLE: "no cluster",
    MysqlKind.GALERA: "a Galera cluster",
    MysqlKind.GROUP: "MySQL Group Replication",
}


def read_only(server: Server) -> list[Finding]:
    """Return a blocker if the server takes no writes: a migration has to run where they go."""
    if server.problem is None:
        return []
    says = (
        f"this is {server.name}, and {server.problem}; a migration must run on the server that "
        "takes the writes: name that one in --db, or all servers, separated by commas"
    )
    return [Finding("read-only", "blocker", says)]


def several_writers(server: Server, severity: Literal["blocker", "warning"]) -> list[Finding]:
    """Return a finding if other servers take writes, too: the online upgrade could lose them.

    Args:
        server: What the server has said of itself.
        severity: `blocker` for the online upgrade; for a check a `warning`, since the direct
            upgrade, during which nobody writes, is safe.
    """
    if not isinstance(server, MysqlNode) or server.writers < 2:
        return []
    mode = " in multi-primary mode" if server.kind is MysqlKind.GROUP else ""
    says = (
        f"the database is {_KINDS[server.kind]}{mode} with {server.nodes} nodes, each of which "
        f"may take writes, and this is {server.name}; an online upgrade loses updates that are "
        "made on other nodes, so it needs one node that takes all writes: send all writers to "
        "this node, and then give --all-writers-on-this-node, or stop the application and upgrade "
        "without --online"
    )
    return [Finding("several-writers", severity, says)]


def cluster_text(server: MysqlNode) -> str:
    """Return what a server of MariaDB or MySQL is part of, and what that means, for people."""
    refused = several_writers(server, "warning") or read_only(server)
    online = "an online upgrade is refused" if refused else "an online upgrade may run"
    if server.kind is MysqlKind.SINGLE:
        return f"none, this is {server.name}; {online}"
    return (
        f"{_KINDS[server.kind].removeprefix('a ')}, {server.nodes} nodes, of which "
        f"{server.writers} may take writes, this is {server.name}; {online}"
    )

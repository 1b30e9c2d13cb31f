"""The server of a migration, its replication, and the consequences for an upgrade.

The online upgrade carries writes over by triggers. A trigger sees what its own server sees: if
another server changes a row while the copy reads it, the row is changed on that server alone, and
certification does not find a conflict, since the copy has written another row. On Galera (MariaDB
11.8, three nodes) each of 4 runs with a writer on another node lost 1 to 4 of 650 to 1,780
acknowledged updates; 3 runs with the writer on the same node did not lose any. An update that is
held open on another node while its row is copied is lost every time on Galera, and also on MySQL
Group Replication in multi-primary mode (MySQL 9.7, two nodes).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

import attrs

from kling_mock.relay.migration.database.session import DatabaseError, Server, Session
from kling_mock.relay.migration.findings import Finding
from kling_mock.relay.storage.adapters.mysql_nodes import MysqlKind, MysqlNode
from kling_mock.relay.storage.schema import Dialect

_KINDS: Final[Mapping[MysqlKind, str]] = {
    MysqlKind.SINGLE: "no cluster",
    MysqlKind.GALERA: "a Galera cluster",
    MysqlKind.GROUP: "MySQL Group Replication",
}


_REPLICA: Final = "it is a replica of "
#: The name of the finding that a server does not say whether it is a replica.
REPLICA_UNKNOWN: Final = "replica-unknown"
#: The query for a server's primary, and the columns of the primary's host and port in its result.
_SOURCES: Final[Mapping[Dialect, tuple[str, int, int]]] = {
    Dialect.MARIADB: ("SHOW ALL SLAVES STATUS", 3, 5),
    Dialect.MYSQL: ("SHOW REPLICA STATUS", 1, 3),
}
#: The right to ask for the primary.
_RIGHTS: Final = {Dialect.MARIADB: "REPLICA MONITOR", Dialect.MYSQL: "REPLICATION CLIENT"}
#: The query that every user of MariaDB may run: does it replicate now, and did it ever.
_SIGNS: Final = (
    "SELECT VARIABLE_VALUE <> '0', @@gtid_slave_pos <> '' FROM information_schema.GLOBAL_STATUS "
    "WHERE VARIABLE_NAME = 'SLAVES_RUNNING'"
)


def seen_server(session: Session) -> tuple[Server, list[Finding]]:
    """Return the server's description of itself, and a blocker if it is incomplete.

    A replica need not be read-only. A change on a replica stops its replication, so a replica has a
    `problem` here, even while its replication is stopped.
    """
    server = session.server()
    if server.problem is not None or not isinstance(server, MysqlNode):
        return server, []
    question, host, port = _SOURCES[session.dialect]
    try:
        rows = session.query(question)
    except DatabaseError as error:
        is_mariadb = session.dialect is Dialect.MARIADB
        runs, ever = session.query(_SIGNS)[0] if is_mariadb else (0, 0)
        if runs:
            return attrs.evolve(server, problem=f"{_REPLICA}a server that it does not name"), []
        user, at, at_host = str(session.query("SELECT CURRENT_USER()")[0][0]).rpartition("@")
        was = ", and it is one or was one, since it has a gtid_slave_pos" if ever else ""
        says = (
            f"this is {server.name}, which does not say whether it is a replica, where a migration "
            f"stops replication{was}: {error}; have its administrator run GRANT "
            f"{_RIGHTS[session.dialect]} ON *.* TO '{user}'{at}'{at_host}', or, if it is not a "
            "replica, give --yes-not-a-replica"
        )
        return server, [Finding(REPLICA_UNKNOWN, "blocker", says)]
    for row in rows:  # channels of Group Replication do not have one primary
        if not any(str(value).startswith("group_replication_") for value in row):
            return attrs.evolve(server, problem=f"{_REPLICA}{row[host]}:{row[port]}"), []
    return server, []


def read_only(server: Server) -> list[Finding]:
    """Return a blocker if the server does not take writes: a migration must run where they go."""
    if server.problem is None:
        return []
    says = (
        f"this is {server.name}, and {server.problem}; a migration must run on the server that "
        "takes the writes: name that one in --db, or all servers, separated by commas"
    )
    if not server.problem.startswith(_REPLICA):
        return [Finding("read-only", "blocker", says)]
    says += "; if this one takes them by now, first run STOP REPLICA and RESET REPLICA ALL on it"
    return [Finding("replica", "blocker", says)]


def several_writers(server: Server, severity: Literal["blocker", "warning"]) -> list[Finding]:
    """Return a finding if other servers also take writes: the online upgrade could lose them.

    Args:
        server: The server's description of itself.
        severity: `blocker` for the online upgrade; `warning` for a check, since the direct
            upgrade is safe: the application does not write during it.
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
    """Return a text for people about the cluster of a MariaDB or MySQL server, and its meaning."""
    refused = several_writers(server, "warning") or read_only(server)
    online = "an online upgrade is refused" if refused else "an online upgrade may run"
    if server.kind is MysqlKind.SINGLE:
        return f"none, this is {server.name}; {online}"
    return (
        f"{_KINDS[server.kind].removeprefix('a ')}, {server.nodes} nodes, of which "
        f"{server.writers} may take writes, this is {server.name}; {online}"
    )

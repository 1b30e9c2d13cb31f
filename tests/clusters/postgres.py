"""PostgreSQL with a primary and two synchronous standbys on this computer."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import asyncpg

from tests.clusters.cluster import NODES, Cluster
from tests.clusters.servers import free_ports

_PACKAGES: Final = Path("/usr/lib/postgresql")
_SETTINGS: Final = """
port = {port}
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
shared_buffers = 64MB
dynamic_shared_memory_type = mmap
max_connections = 200
wal_keep_size = 64MB
wal_log_hints = on
synchronous_standby_names = 'ANY 1 (node0, node1, node2)'
synchronous_commit = on
primary_conninfo = '{primary}'
"""


def _programs() -> Path | None:
    """Return the folder of the newest installed version's programs."""
    folders = [path for path in _PACKAGES.glob("*/bin") if (path / "postgres").exists()]
    return max(folders, key=lambda path: float(path.parent.name), default=None)


class PostgresCluster(Cluster):
    """One node takes writes, and COMMIT waits for one of the others, which follow it.

    The operator's program (Patroni, repmgr) promotes it; here the test does.
    """

    kind = "postgres"
    user = "postgres"

    def __init__(self) -> None:
        super().__init__()
        self.ports = free_ports(len(NODES))
        self._data = [self.folder.make(f"data{node}") for node in NODES]
        self._primary = NODES[0]

    @staticmethod
    def missing() -> str | None:
        """Return what has to be installed, or `None`."""
        return None if _programs() else "apt-get install postgresql"

    def start(self) -> None:
        self._run("initdb", 0, "-U", "postgres", "--auth=trust", "--no-sync")
        self._set_up(0, follows=None)
        self._launch(0)
        for node in NODES[1:]:
            source = f"--dbname={self._source(0, node)}"
            self._run("pg_basebackup", node, source, "--checkpoint=fast", "--wal-method=stream")
            self._set_up(node, follows=0)
            self._launch(node)
        self._await_standby()

    def promote(self, node: int) -> None:
        """Make a standby the primary, and let the others that run follow it."""
        self._primary = node
        self._run("pg_ctl", node, "--wait", "promote")
        for other in NODES:
            if other != node and self.process(other).is_running:
                self._set_up(other, follows=node)
                self._run("pg_ctl", other, "reload")

    def most_advanced(self) -> int:
        """Return the running standby that has received most."""
        sql = "SELECT pg_last_wal_receive_lsn() - '0/0'::pg_lsn"
        running = [node for node in NODES if self.process(node).is_running]
        received = {node: rows[0][0] for node in running if (rows := self.ask(sql, node))}
        return max(received, key=lambda node: received[node] or 0)

    def rejoin(self, node: int) -> None:
        """Start a node as a standby of the primary, without what only it had written."""
        if self.process(node).is_running:
            self.process(node).stop()
        (self._data[node] / "postmaster.pid").unlink(missing_ok=True)
        # Until the primary's checkpoint it does not show that a new history has started.
        self.ask("CHECKPOINT", self._primary)
        source = f"--source-server={self._source(self._primary, node)}"
        if not (self._data[node] / "standby.signal").exists():
            self._run("pg_rewind", node, source)
        self._set_up(node, follows=self._primary)
        self._launch(node)

    def force_majority(self, node: int) -> None:
        """Start one of the others: without a standby no COMMIT ends."""
        self.rejoin(next(other for other in NODES if other != node))

    def recover(self) -> None:
        for node in (self._primary, *NODES):
            if not self.process(node).is_running:
                (self._data[node] / "postmaster.pid").unlink(missing_ok=True)
                self._launch(node)
        self._await_standby()

    def is_ready(self, node: int) -> bool:
        return self.process(node).is_running and bool(self.ask("SELECT 1", node))

    def primary(self) -> int:
        return self._primary

    def url(self, database: str, nodes: Sequence[int] = NODES) -> str:
        hosts = ",".join(f"127.0.0.1:{self.ports[node]}" for node in nodes)
        return f"postgresql://postgres@{hosts}/{database}"

    async def query(self, sql: str, node: int, database: str = "") -> Sequence[Sequence[Any]]:
        connection = await asyncpg.connect(
            host="127.0.0.1",
            port=self.ports[node],
            user="postgres",
            database=database or "postgres",
        )
        try:
            rows: list[Any] = []
            for statement in sql.split(";"):
                rows = await connection.fetch(statement)
            return rows
        finally:
            connection.terminate()

    def _await_standby(self) -> None:
        sql = "SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'"

        def follows() -> bool:
            rows = self.ask(sql, self._primary)
            return bool(rows) and rows[0][0] == len(NODES) - 1

        self.process(self._primary).await_that(follows, "followed by its standbys")

    def _source(self, primary: int, node: int) -> str:
        address = f"host=127.0.0.1 port={self.ports[primary]} user=postgres"
        return f"{address} application_name=node{node}"

    def _set_up(self, node: int, follows: int | None) -> None:
        """Write the settings of a node, and whether it is a standby."""
        data = self._data[node]
        primary = "" if follows is None else self._source(follows, node)
        ours = data / "kling.conf"
        ours.write_text(_SETTINGS.format(port=self.ports[node], primary=primary))
        main = data / "postgresql.conf"
        if "kling.conf" not in main.read_text():
            main.write_text(main.read_text() + "\ninclude 'kling.conf'\n")
        signal = data / "standby.signal"
        if follows is not None:
            signal.touch()
            self.folder.own(signal)
        self.folder.own(ours)

    def _launch(self, node: int) -> None:
        programs = _programs()
        assert programs is not None
        self.process(node).start([str(programs / "postgres"), "-D", str(self._data[node])])
        self.process(node).await_that(lambda: self.is_ready(node), "ready")

    def _run(self, program: str, node: int, *more: str) -> None:
        programs = _programs()
        assert programs is not None
        self.folder.run([str(programs / program), "-D", str(self._data[node]), *more])

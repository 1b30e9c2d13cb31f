"""A MariaDB Galera cluster of three nodes on this computer.

What it takes was found out by running it: https://mariadb.com/kb/en/galera-cluster/ says most.
"""

from __future__ import annotations

import re
import shutil
from contextlib import suppress
from pathlib import Path
from typing import Final

from tests.clusters.cluster import NODES, MysqlCluster
from tests.clusters.servers import ServerError, free_ports

_PROVIDER: Final = (Path("/usr/lib/galera/libgalera_smm.so"),)
#: A node that is silent for 2 s is left out. The default, 5 s, stops all writes for 6 s; 1 s is
#: less than a busy machine of two cores needs.
_TIMEOUTS: Final = (
    "evs.keepalive_period=PT0.5S",
    "evs.inactive_check_period=PT0.5S",
    "evs.suspect_timeout=PT2S",
    "evs.inactive_timeout=PT6S",
    "evs.install_timeout=PT6S",
)
#: How often a node that ends while it joins is started.
_ATTEMPTS: Final = 3
_POSITION: Final = re.compile(r"WSREP: Recovered position:?\s*([0-9a-f-]+:-?\d+)")
_STATUS: Final = "SHOW GLOBAL STATUS WHERE Variable_name IN ('wsrep_ready', 'wsrep_cluster_size')"


class Galera(MysqlCluster):
    """Three nodes that all take writes."""

    kind = "galera"
    causal = "SET SESSION wsrep_sync_wait = 1;"

    def __init__(self) -> None:
        super().__init__()
        ports = free_ports(2 * len(NODES))
        self.ports, self._group = ports[0::2], ports[1::2]
        self._data = [self.folder.make(f"data{node}") for node in NODES]
        for node in NODES:
            self.folder.make(f"tmp{node}")

    @staticmethod
    def missing() -> str | None:
        """Return what has to be installed, or `None`."""
        programs = ("mariadbd", "mariadb-install-db", "rsync")
        has_programs = all(map(shutil.which, programs))
        is_there = has_programs and any(path.exists() for path in _PROVIDER)
        return None if is_there else "apt-get install mariadb-server galera-4 rsync"

    def start(self) -> None:
        self.folder.run(
            [
                "mariadb-install-db",
                "--no-defaults",
                f"--datadir={self._data[0]}",
                "--auth-root-authentication-method=normal",
                "--skip-test-db",
                f"--tmpdir={self.folder.path / 'tmp0'}",
            ]
        )
        self._bootstrap(0)
        for node in NODES[1:]:  # one after the other: each needs one that gives it the data
            self._launch(node)
            self._await(node)

    def rejoin(self, node: int) -> None:
        """Start a node, which fetches what it has missed."""
        if self.process(node).is_running:
            self._await(node)
            return
        for _ in range(_ATTEMPTS - 1):
            # A change of the members during the transfer ends the one that joins.
            with suppress(ServerError):
                self._start(node)
                return
            self.process(node).kill()
        self._start(node)

    def _start(self, node: int) -> None:
        # Its position makes it ask for what it has missed only, and not for everything.
        self._launch(node, f"--wsrep-start-position={self._position(node)}")
        self._await(node)

    def recover(self) -> None:
        """Begin with the node that has committed most."""
        at = {node: self._position(node) for node in NODES}
        first = max(NODES, key=lambda node: int(at[node].rpartition(":")[2]))
        self._bootstrap(first, at[first])
        for node in NODES:
            if node != first:
                self.rejoin(node)

    def is_ready(self, node: int) -> bool:
        if not self.process(node).is_running:
            return False
        status = {str(name).lower(): str(value) for name, value in self.ask(_STATUS, node)}
        return status.get("wsrep_ready") == "ON"

    def primary(self) -> int:
        return next(node for node in NODES if self.is_ready(node))

    def force_majority(self, node: int) -> None:
        # Until the node has noticed that the others are gone, it does not listen.
        self.process(node).await_that(lambda: not self.is_ready(node), "cut off")

        def serves() -> bool:
            # (MariaDB before 11.4: SET GLOBAL wsrep_provider_options = 'pc.bootstrap=YES'.)
            self.ask("SET GLOBAL wsrep_provider_pc_bootstrap = ON", node)
            return self.is_ready(node)

        self.process(node).await_that(serves, "ready")

    def _await(self, node: int) -> None:
        self.process(node).await_that(lambda: self.is_ready(node), "ready")

    def _bootstrap(self, node: int, position: str | None = None) -> None:
        state = self._data[node] / "grastate.dat"
        if state.exists():
            text = re.sub(r"safe_to_bootstrap: \d", "safe_to_bootstrap: 1", state.read_text())
            state.write_text(text)
        # Without its position a node that begins a cluster begins a new history, too.
        more = [] if position is None else [f"--wsrep-start-position={position}"]
        self._launch(node, "--wsrep-new-cluster", *more)
        self._await(node)

    def _launch(self, node: int, *more: str) -> None:
        members = ",".join(f"127.0.0.1:{port}" for port in self._group)
        own = f"127.0.0.1:{self._group[node]}"
        # For this start alone: it tells the others, and listens there while it fetches.
        increments, states = free_ports(2)
        provider = (
            f"base_host=127.0.0.1;base_port={self._group[node]};gmcast.listen_addr=tcp://{own};"
            f"ist.recv_addr=127.0.0.1:{increments};gcache.size=32M;gcache.recover=yes;"
            + ";".join(_TIMEOUTS)
        )
        self.process(node).start(
            [
                *self._command(node),
                f"--port={self.ports[node]}",
                "--bind-address=127.0.0.1",
                "--skip-name-resolve",
                "--max-connections=200",
                "--performance-schema=OFF",
                "--wsrep-cluster-name=kling",
                "--wsrep-slave-threads=2",
                f"--wsrep-cluster-address=gcomm://{members}",
                f"--wsrep-node-name=node{node}",
                f"--wsrep-node-address={own}",
                f"--wsrep-node-incoming-address=127.0.0.1:{self.ports[node]}",
                "--wsrep-sst-method=rsync",
                f"--wsrep-sst-receive-address=127.0.0.1:{states}",
                f"--wsrep-provider-options={provider}",
                *more,
            ]
        )

    def _command(self, node: int) -> list[str]:
        data = self._data[node]
        return [
            "mariadbd",
            "--no-defaults",
            f"--datadir={data}",
            f"--socket={data}.sock",
            f"--pid-file={data}.pid",
            # A server that starts deletes what others have in the folder for temporary tables.
            f"--tmpdir={self.folder.path / f'tmp{node}'}",
            "--innodb-buffer-pool-size=64M",
            "--innodb-log-file-size=32M",
            "--innodb-autoinc-lock-mode=2",
            "--default-storage-engine=InnoDB",
            "--binlog-format=ROW",
            "--wsrep-on=ON",
            f"--wsrep-provider={next(path for path in _PROVIDER if path.exists())}",
        ]

    def _position(self, node: int) -> str:
        """Return what a node that is down has committed last: the history's id and a number."""
        done = self.folder.run(
            [
                *self._command(node),
                "--wsrep-cluster-address=gcomm://",
                "--wsrep-recover",
                "--skip-networking",
            ]
        )
        positions: list[str] = _POSITION.findall(done.stdout + done.stderr)
        return positions[-1]

"""MySQL 9 of Debian sid, unpacked into a cache and never installed; alone, and as a group.

Debian's stable release has MariaDB only. sid moves: a missing package is reported, and fails under
CI.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Final

from tests.clusters.cluster import NODES, MysqlCluster
from tests.clusters.servers import ServerError, free_ports

_PACKAGES: Final = (
    "mysql-server-core",
    "mysql-server",
    "mysql-client-core",
    "libstdc++6",
    "libgcc-s1",
    "libicu78",
    "libprotobuf-lite32t64",
    "libgoogle-perftools4t64",
    "libunwind8",
    "libmecab2",
)
_SOURCE: Final = (
    "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg]"
    " http://deb.debian.org/debian sid main\n"
)
_GROUP: Final = "a7e2c9f0-5d4b-4c3a-9b1e-0f6d8e7c5b3a"
_OWN_STATE: Final = (
    "SELECT member_state FROM performance_schema.replication_group_members"
    " WHERE member_id = @@server_uuid"
)
_PRIMARY: Final = (
    "SELECT member_port FROM performance_schema.replication_group_members"
    " WHERE member_role = 'PRIMARY' AND member_state = 'ONLINE'"
)
_UNREACHABLE: Final = (
    "SELECT COUNT(*) FROM performance_schema.replication_group_members"
    " WHERE member_state = 'UNREACHABLE'"
)
_TRANSACTIONS: Final = (
    "SELECT @@gtid_executed, GTID_SUBTRACT((SELECT received_transaction_set"
    " FROM performance_schema.replication_connection_status"
    " WHERE channel_name = 'group_replication_applier'), @@gtid_executed)"
)
_CHANNEL: Final = (
    "CHANGE REPLICATION SOURCE TO SOURCE_USER = 'root' FOR CHANNEL 'group_replication_recovery'"
)


@cache
def mysql_programs() -> Path:
    """Return the root of the unpacked packages; fetch them first if they are not there.

    Raises:
        ServerError: They cannot be fetched.
    """
    # The servers of a test that is run by root are another user's, who cannot see into /root.
    own = Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")).expanduser()
    folder = (Path("/var/cache") if os.geteuid() == 0 else own) / "kling-tests" / "mysql9"
    root = folder / "root"
    if not (root / "usr/sbin/mysqld").exists():
        _fetch(folder, root)
    return root


def _fetch(folder: Path, root: Path) -> None:
    for subfolder in ("lists/partial", "packages"):
        (folder / subfolder).mkdir(parents=True, exist_ok=True)
    sources = folder / "sid.list"
    sources.write_text(_SOURCE)
    options = [
        f"Dir::Etc::sourcelist={sources}",
        "Dir::Etc::sourceparts=-",
        f"Dir::State::lists={folder / 'lists'}",
        f"Dir::Cache={folder}",
        "APT::Sandbox::User=root",
    ]
    apt = ["apt-get", "-qq", *(word for option in options for word in ("-o", option))]
    try:
        _run([*apt, "update"], folder)
        _run([*apt, "download", *_PACKAGES], folder / "packages")
        # Unpacked beside its place: a run that is cut off leaves nothing that looks complete.
        partial = folder / f"root-{os.getpid()}"
        for package in (folder / "packages").glob("*.deb"):
            _run(["dpkg", "-x", str(package), str(partial)], folder)
        partial.rename(root)
    except (OSError, subprocess.SubprocessError) as error:
        reason = getattr(error, "stderr", "") or error
        raise ServerError(f"MySQL 9 cannot be downloaded from Debian sid: {reason}") from error


def _run(command: Sequence[str], folder: Path) -> None:
    subprocess.run(command, check=True, capture_output=True, text=True, timeout=300, cwd=folder)


class Mysql9Servers(MysqlCluster):
    """MySQL servers that know nothing of each other."""

    def __init__(self) -> None:
        super().__init__()
        ports = free_ports(2 * len(self.nodes))
        self.ports, self._group = ports[0::2], ports[1::2]
        self._data = [self.folder.make(f"data{node}") for node in self.nodes]
        for node in self.nodes:
            self.folder.make(f"tmp{node}")

    @property
    def _environment(self) -> Mapping[str, str]:
        root = mysql_programs()
        folders = (root / "usr/lib/x86_64-linux-gnu", root / "lib/x86_64-linux-gnu")
        private = root / "usr/lib/mysql/private"
        return {"LD_LIBRARY_PATH": ":".join(map(str, (*folders, private)))}

    def _command(self, node: int) -> list[str]:
        usr = mysql_programs() / "usr"
        return [
            str(usr / "sbin/mysqld"),
            "--no-defaults",
            f"--basedir={usr}",
            f"--lc-messages-dir={usr / 'share/mysql'}",
            f"--plugin-dir={usr / 'lib/mysql/plugin'}",
            f"--datadir={self._data[node]}",
            # A server that starts deletes what others have in the folder for temporary tables.
            f"--tmpdir={self.folder.path / f'tmp{node}'}",
            "--secure-file-priv=",
        ]

    def _make_data(self, node: int) -> None:
        self.folder.run([*self._command(node), "--initialize-insecure"], self._environment)

    def _launch(self, node: int, *more: str) -> None:
        data = self._data[node]
        self.process(node).start(
            [
                *self._command(node),
                f"--socket={data}.sock",
                f"--pid-file={data}.pid",
                f"--port={self.ports[node]}",
                "--bind-address=127.0.0.1",
                "--mysqlx=OFF",
                f"--server-id={node + 1}",
                "--innodb-buffer-pool-size=128M",
                "--max-connections=200",
                *more,
            ],
            self._environment,
        )
        self.process(node).await_that(lambda: bool(self.ask("SELECT 1", node)), "reachable")


class Mysql9(Mysql9Servers):
    """One server, alone."""

    kind = "mysql9"
    nodes = (0,)

    def start(self) -> None:
        self._make_data(0)
        self._launch(0)

    def rejoin(self, node: int) -> None:
        self._launch(node)

    def recover(self) -> None:
        self._launch(0)

    def is_ready(self, node: int) -> bool:
        return self.process(node).is_running and bool(self.ask("SELECT 1", node))

    def primary(self) -> int:
        return 0

    def force_majority(self, node: int) -> None:
        """Do nothing: it has no other servers."""


class GroupReplication(Mysql9Servers):
    """MySQL Group Replication with a single primary, which the group itself replaces."""

    kind = "group_replication"

    def is_ready(self, node: int) -> bool:
        if not self.process(node).is_running:
            return False
        rows = self.ask(_OWN_STATE, node)
        return bool(rows) and rows[0][0] == "ONLINE"

    def start(self) -> None:
        for node in NODES:
            self._make_data(node)
            self._launch(node)
        self._bootstrap(0)
        for node in NODES[1:]:
            self._join(node)

    def rejoin(self, node: int) -> None:
        """Start a node, or let one that was excluded leave and join again."""
        if self.process(node).is_running:
            self.ask("STOP GROUP_REPLICATION", node)
        else:
            self._launch(node)
        self._join(node)

    def recover(self) -> None:
        """Begin with the node that has most, executed or received.

        What a node has received and not executed it executes when it starts, so another history
        must not begin without it.
        """
        for node in NODES:
            self._launch(node)
        executed = {node: self._transactions(node) for node in NODES}
        first = max(NODES, key=executed.__getitem__)
        self._bootstrap(first)
        for node in NODES:
            if node != first:
                self._join(node)

    def primary(self) -> int:
        for node in NODES:
            if self.is_ready(node) and (rows := self.ask(_PRIMARY, node)):
                return self.ports.index(int(rows[0][0]))
        raise ServerError("the group has no primary")

    def _transactions(self, node: int) -> int:
        """Count the transactions that a node has."""
        ((executed, received),) = self.ask(_TRANSACTIONS, node)
        return transactions(executed) + transactions(received or "")

    def force_majority(self, node: int) -> None:
        def is_alone() -> bool:
            rows = self.ask(_UNREACHABLE, node)
            return bool(rows) and rows[0][0] == len(NODES) - 1

        self.process(node).await_that(is_alone, "cut off")
        self._run(f"SET GLOBAL group_replication_force_members = '{self._address(node)}'", node)
        self._run("SET GLOBAL group_replication_force_members = ''", node)

    def _address(self, node: int) -> str:
        return f"127.0.0.1:{self._group[node]}"

    def _launch(self, node: int, *more: str) -> None:
        seeds = ",".join(map(self._address, self.nodes))
        settings = {
            "group-name": _GROUP,
            "start-on-boot": "OFF",
            "communication-stack": "XCOM",
            "local-address": self._address(node),
            "group-seeds": seeds,
            "ip-allowlist": "127.0.0.0/8",
            "single-primary-mode": "ON",
            "enforce-update-everywhere-checks": "OFF",
            "recovery-get-public-key": "ON",
            "member-expel-timeout": "0",
        }
        super()._launch(
            node,
            "--gtid-mode=ON",
            "--enforce-gtid-consistency=ON",
            "--report-host=127.0.0.1",
            f"--report-port={self.ports[node]}",
            "--plugin-load-add=group_replication.so",
            *(f"--loose-group-replication-{name}={value}" for name, value in settings.items()),
            *more,
        )

    def _bootstrap(self, node: int) -> None:
        self._run(
            f"SET GLOBAL group_replication_bootstrap_group = ON; {_CHANNEL};"
            " START GROUP_REPLICATION; SET GLOBAL group_replication_bootstrap_group = OFF",
            node,
        )

    def _join(self, node: int) -> None:
        self._run(f"{_CHANNEL}; START GROUP_REPLICATION", node)
        self.process(node).await_that(lambda: self.is_ready(node), "online in its group")

    def _run(self, sql: str, node: int) -> None:
        asyncio.run(self.query(sql, node))


def transactions(gtids: str) -> int:
    """Count the transactions of a set such as `uuid:1-5:8,other:1`."""
    total = 0
    for uuid_set in filter(None, gtids.replace("\n", "").split(",")):
        for span in uuid_set.split(":")[1:]:
            if span[0].isdigit():
                first, _, last = span.partition("-")
                total += int(last or first) - int(first) + 1
    return total

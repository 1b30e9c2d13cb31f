"""A primary and one asynchronous replica on this computer, of MariaDB and of MySQL 9."""

from __future__ import annotations

import shutil
from functools import partial
from typing import ClassVar, Final

from tests.clusters.cluster import MysqlCluster
from tests.clusters.mysql9 import Mysql9Servers
from tests.clusters.servers import ServerError, free_ports

PRIMARY: Final = 0
REPLICA: Final = 1
#: Places in the answer to `SHOW REPLICA STATUS`, alike on both.
_SQL_RUNNING: Final = 11
_LAST_ERROR: Final = 19


class Replicated(MysqlCluster):
    """Node 0 takes writes, which node 1 makes again. The replica is not read-only."""

    nodes = (PRIMARY, REPLICA)
    formats: ClassVar[tuple[str, ...]]

    def write_as(self, binlog_format: str) -> None:
        """Have connections that are made from now on write that format to the binary log."""
        self.ask(f"SET GLOBAL binlog_format = '{binlog_format}'", PRIMARY)

    def catch_up(self) -> None:
        """Wait until the replica has made all that the primary did.

        Raises:
            ServerError: Replication has stopped.
        """
        self.ask(
            "CREATE DATABASE IF NOT EXISTS marker;"
            "CREATE TABLE IF NOT EXISTS marker.mark (number BIGINT NOT NULL PRIMARY KEY);"
            "INSERT INTO marker.mark SELECT COALESCE(MAX(number), 0) + 1 FROM marker.mark",
            PRIMARY,
        )
        last = "SELECT MAX(number) FROM marker.mark"
        primary_mark = self.ask(last, PRIMARY)

        def is_there() -> bool:
            for status in self.ask("SHOW REPLICA STATUS", REPLICA):
                if status[_SQL_RUNNING] == "No":
                    raise ServerError(f"replication stopped: {status[_LAST_ERROR]}")
            return self.ask(last, REPLICA) == primary_mark

        self.process(REPLICA).await_that(is_there, "as far as its primary")

    def rejoin(self, node: int) -> None:
        """No test kills one."""
        raise NotImplementedError

    def recover(self) -> None:
        """No test kills both."""
        raise NotImplementedError

    def is_ready(self, node: int) -> bool:
        return self.process(node).is_running and bool(self.ask("SELECT 1", node))

    def primary(self) -> int:
        return PRIMARY

    def force_majority(self, node: int) -> None:
        """Neither votes."""


class MariadbReplica(Replicated):
    """MariaDB."""

    kind = "mariadb-replica"
    formats = ("MIXED", "ROW")

    def __init__(self) -> None:
        super().__init__()
        self.ports = free_ports(len(self.nodes))
        self._commands = dict[int, list[str]]()

    @staticmethod
    def missing() -> str | None:
        """Return what has to be installed, or `None`."""
        is_there = all(map(shutil.which, ("mariadbd", "mariadb-install-db")))
        return None if is_there else "apt-get install mariadb-server"

    def start(self) -> None:
        for node in self.nodes:
            data, temporary = self.folder.make(f"data{node}"), self.folder.make(f"tmp{node}")
            place = ("--no-defaults", f"--datadir={data}", f"--tmpdir={temporary}")
            install = "--auth-root-authentication-method=normal"
            self.folder.run(["mariadb-install-db", *place, install, "--skip-test-db"])
            self._commands[node] = [
                "mariadbd",
                *place,
                f"--socket={data}.sock",
                f"--pid-file={data}.pid",
                f"--port={self.ports[node]}",
                "--bind-address=127.0.0.1",
                f"--server-id={node + 1}",
                f"--log-bin={data}/bin",
                "--innodb-buffer-pool-size=64M",
            ]
            self.rejoin(node)
        self.ask(
            f"CHANGE MASTER TO master_host='127.0.0.1', master_port={self.ports[PRIMARY]},"
            " master_user='root', master_use_gtid=slave_pos, master_ssl_verify_server_cert=0;"
            " START REPLICA",
            REPLICA,
        )

    def rejoin(self, node: int) -> None:
        """Start a node that has ended, as a service manager does."""
        self.process(node).start(self._commands[node])
        self.process(node).await_that(partial(self.is_ready, node), "reachable")


class Mysql9Replica(Mysql9Servers, Replicated):
    """MySQL 9."""

    kind = "mysql9-replica"
    nodes = (PRIMARY, REPLICA)
    formats = ("ROW", "MIXED")

    def start(self) -> None:
        for node in self.nodes:
            self._make_data(node)
            self._launch(node, "--gtid-mode=ON", "--enforce-gtid-consistency=ON")
        self.ask(
            "CHANGE REPLICATION SOURCE TO SOURCE_HOST='127.0.0.1',"
            f" SOURCE_PORT={self.ports[PRIMARY]}, SOURCE_USER='root', SOURCE_AUTO_POSITION=1,"
            " GET_SOURCE_PUBLIC_KEY=1; START REPLICA",
            REPLICA,
        )

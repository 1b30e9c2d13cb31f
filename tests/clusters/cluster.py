"""The operations of every cluster of the tests."""

from __future__ import annotations

import asyncio
import secrets
import warnings
from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any, ClassVar, Final, Self

import asyncmy
import asyncpg
from asyncmy.errors import Error as MysqlError

from tests.clusters.servers import ServerFolder, ServerProcess

#: Servers of a cluster.
NODES: Final = (0, 1, 2)
#: Seconds that a question of the tests' own may take.
_ANSWER: Final = 5.0
#: What a driver raises when a server does not answer.
NO_ANSWER: Final = (
    OSError,
    EOFError,
    TimeoutError,
    MysqlError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
)


class Cluster(ABC):
    """Database servers that hold the same rows. A context manager: they run.

    The methods that wait (`rejoin`, `recover`, `promote`) block and connect by loops of their
    own: a test that is a coroutine calls them by `asyncio.to_thread`.

    Attributes:
        kind: What it is, in one word.
        user: The user that the servers run as, where the tests run as root.
        nodes: Their numbers.
        causal: What a session sets to read what any node has committed.
        ports: Where each node takes SQL.
    """

    kind: ClassVar[str]
    user: ClassVar[str]
    nodes: ClassVar[Sequence[int]] = NODES
    causal: ClassVar[str] = ""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self.folder = self._stack.enter_context(ServerFolder(self.kind, self.user))
        self.ports: Sequence[int]
        self._processes = [
            ServerProcess(self.folder, self.folder.path / f"log{node}", f"{self.kind} node {node}")
            for node in self.nodes
        ]

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._processes:
            process.kill()
        self._stack.close()

    @abstractmethod
    def start(self) -> None:
        """Make the data and start all nodes."""

    @abstractmethod
    def rejoin(self, node: int) -> None:
        """Start a node that was killed, or let one join that was excluded; wait until it serves."""

    @abstractmethod
    def recover(self) -> None:
        """Start the cluster again after all nodes were killed."""

    @abstractmethod
    def is_ready(self, node: int) -> bool:
        """Whether a node serves."""

    @abstractmethod
    def primary(self) -> int:
        """Return the node that takes writes; where all do, the first one that is ready."""

    @abstractmethod
    def url(self, database: str, nodes: Sequence[int] = NODES) -> str:
        """Return the address of a database, with nodes in the order in which they are tried."""

    @abstractmethod
    async def query(self, sql: str, node: int, database: str = "") -> Sequence[Sequence[Any]]:
        """Run statements at one node, and return what the last one read."""

    def ask(self, sql: str, node: int) -> Sequence[Sequence[Any]]:
        """Run statements at one node, outside of any loop; read nothing if it does not answer."""

        async def ask() -> Sequence[Sequence[Any]]:
            async with asyncio.timeout(_ANSWER):
                return await self.query(sql, node)

        try:
            return asyncio.run(ask())
        except NO_ANSWER:
            return ()

    @abstractmethod
    def force_majority(self, node: int) -> None:
        """Let a node serve without the others, as an operator does who knows they are dead."""

    def process(self, node: int) -> ServerProcess:
        return self._processes[node]

    def kill(self, node: int) -> None:
        """Kill a node, as a power cut of its machine does."""
        self._processes[node].kill()

    def kill_all(self) -> None:
        """Kill all nodes at the same time."""
        for process in self._processes:
            process.freeze()
        for process in self._processes:
            process.kill()

    def freeze(self, node: int) -> None:
        """Stop a node from running, as a virtual machine that is paused: it accepts TCP."""
        self._processes[node].freeze()

    def thaw(self, node: int) -> None:
        """Let a frozen node run again."""
        self._processes[node].thaw()

    def restore(self) -> None:
        """Bring back every node that does not serve."""
        for process in self._processes:
            if process.is_running:
                process.thaw()
        if not any(process.is_running for process in self._processes):
            self.recover()
        for node in self.nodes:
            if not self.is_ready(node):
                self.rejoin(node)


class MysqlCluster(Cluster):
    """A cluster of servers that speak MySQL's protocol."""

    user = "mysql"

    def url(self, database: str, nodes: Sequence[int] = NODES) -> str:
        hosts = ",".join(f"127.0.0.1:{self.ports[node]}" for node in nodes)
        return f"mysql://root@{hosts}/{database}"

    async def query(self, sql: str, node: int, database: str = "") -> Sequence[Sequence[Any]]:
        connection = await asyncmy.connect(
            host="127.0.0.1",
            port=self.ports[node],
            user="root",
            database=database or None,
            autocommit=True,
        )
        try:
            # The driver makes Python warnings of the server's, such as of a deprecated setting.
            with warnings.catch_warnings(action="ignore"):
                async with connection.cursor() as cursor:
                    rows: Sequence[Sequence[Any]] = ()
                    for statement in sql.split(";"):
                        await cursor.execute(statement)
                        rows = await cursor.fetchall()
                    return rows
        finally:
            connection.close()


class ClusterDatabase:
    """A database of its own in a cluster; a context manager: it is there.

    Args:
        cluster: The cluster.

    Attributes:
        cluster: The cluster.
        name: The database's name.
    """

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.name = f"kling_test_{secrets.token_hex(6)}"

    def __enter__(self) -> Self:
        asyncio.run(self._at_primary(f"CREATE DATABASE {self.name}", ""))
        return self

    def __exit__(self, *_: object) -> None:
        force = " WITH (FORCE)" if self.cluster.kind == "postgres" else ""
        asyncio.run(self._at_primary(f"DROP DATABASE {self.name}{force}", ""))

    @property
    def url(self) -> str:
        """Its address, with the nodes in their order."""
        return self.cluster.url(self.name, self.cluster.nodes)

    def url_from(self, node: int) -> str:
        """Return its address, with the nodes from this one on."""
        nodes = self.cluster.nodes
        return self.cluster.url(self.name, [*nodes[node:], *nodes[:node]])

    async def query(self, sql: str) -> Sequence[Sequence[Any]]:
        """Run statements where they may write, and return what the last one read."""
        return await self._at_primary(f"{self.cluster.causal}{sql}", self.name)

    async def _at_primary(self, sql: str, database: str) -> Sequence[Sequence[Any]]:
        node = await asyncio.to_thread(self.cluster.primary)
        return await self.cluster.query(sql, node, database)

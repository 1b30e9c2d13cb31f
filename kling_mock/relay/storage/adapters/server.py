"""The base of the adapters of database servers: choosing a server, and repeating transactions."""

from __future__ import annotations

import asyncio
import logging
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from random import random
from time import monotonic
from typing import Final, TypeVar

import attrs

from kling_mock.relay.storage.adapters.address import ServerAddress
from kling_mock.relay.storage.adapters.connection import (
    ConflictingWriteError,
    ConnectionLostError,
    NodeNotReadyError,
    PooledConnection,
    TooManyConnectionsError,
    transact,
)
from kling_mock.relay.storage.adapters.engine import RUNS, TransactionMode, call_nothing
from kling_mock.relay.storage.adapters.hosts import HostOrder
from kling_mock.relay.storage.adapters.pauses import after_conflict, after_loss
from kling_mock.relay.storage.adapters.pool import Pool
from kling_mock.relay.storage.errors import StorageUnavailableError, WaitedInVainError
from kling_mock.relay.storage.schema import Dialect
from kling_mock.relay.storage.steps import (
    RetryTransactionError,
    Statement,
    TransactionFactory,
)
from kling_mock.relay.storage.values import DatabaseNode

T = TypeVar("T")

_log = logging.getLogger("kling_mock.storage")

#: Minimum number of connections that one transaction may lose before it fails.
LOSSES: Final = 3
#: Seconds that a probe may take.
PROBE: Final = 2.0
#: The modes whose transactions are short; the time of a read of many rows is not limited.
_SHORT: Final = frozenset({TransactionMode.LOOK, TransactionMode.WRITE})


@attrs.frozen
class ServerLimits:
    """The limits of connections. Durations are seconds.

    Attributes:
        connections: Maximum number per process. More would wait for each other in the database.
        silence: Time that a short transaction may take before its connection counts as lost. Waits
            for a lock end after `LOCK_WAIT`, so after this time the server is unreachable, for
            example behind a broken network; no driver notices that by itself. A short transaction
            that has taken so long in all is not run again.
        suspect_after: With several servers, the time that one may take before it is asked whether
            it still responds.
        connect: With several servers, the time that one may take to connect, including the login. A
            frozen server accepts TCP.
        patience: With several servers, the time for which a transaction looks for one: a cluster
            that has lost a server has to agree on that first.
        stand_in: Time for which a connection to a server other than the first one is used, so that
            all processes return to the first server soon after it is back.
        idle_in_transaction: Time that a transaction that changes rows may be idle before the server
            ends it, so that others do not wait for the locks of a process that has stopped; 0 for
            no limit, as in a migration.
    """

    connections: int = 10
    silence: float = 20.0
    suspect_after: float = 2.0
    connect: float = 2.5
    patience: float = 5.0
    stand_in: float = 60.0
    idle_in_transaction: int = 5

    @property
    def statement(self) -> int:
        """Seconds that a statement of a short transaction may take; 0 for no limit.

        While a statement runs, its transaction is not idle, however long its process has been gone.
        The limit is longer than a wait for a lock.
        """
        return max(0, self.idle_in_transaction - 1)

    def of(self, hosts: int) -> ServerLimits:
        """Return the limits for this number of servers."""
        if hosts > 1:
            return self
        return attrs.evolve(self, suspect_after=self.silence, connect=self.silence, patience=0.0)


LIMITS: Final = ServerLimits()

#: Seconds for which a statement waits for a lock. A transaction of a stopped process keeps its
#: locks until its idle time ends; another one of that process, which waits for them, has given up
#: by then, and does not get them for as long again.
LOCK_WAIT: Final = LIMITS.idle_in_transaction - 2


class ServerEngine(ABC):
    """Runs transactions on a database server, or on one of several that hold the same rows.

    Args:
        address: The servers; the first that serves and takes writes is used.
        limits: The limits of its connections.
        read_only: Whether a server that does not take writes may be used.

    Attributes:
        address: The servers.
    """

    dialect: Dialect
    table_names: Statement
    per_user = 4
    waits_for = ""

    def __init__(
        self, address: ServerAddress, limits: ServerLimits = LIMITS, *, read_only: bool = False
    ) -> None:
        self.address = address
        self._read_only = read_only
        self._limits = limits.of(len(address.hosts))
        self._order = HostOrder(len(address.hosts))
        self._host = 0
        self.repeats = Counter[str]()
        self.on_connect: Callable[[], None] = call_nothing
        self._pool: Pool | None = None

    @abstractmethod
    async def connect_to(self, host: int) -> PooledConnection:
        """Open a connection to one of the servers.

        Raises:
            ConnectionLostError: No connection could be opened.
            NodeNotReadyError: The server does not serve now, or does not take writes.
            StorageUnavailableError: The server refuses the login.
        """

    async def connect(self) -> PooledConnection:
        """Open a connection to the first server that serves and takes writes.

        Raises:
            ConnectionLostError: No server does; the text has the reason of each. It is a
                `NodeNotReadyError` if one of them replies.
            StorageUnavailableError: A server refuses the login.
        """
        lost: list[ConnectionLostError] = []
        for host in self._order.at(monotonic()):
            try:
                session = await self._within_limit(host)
            except ConnectionLostError as error:
                self._put_off(host)
                lost.append(error)
            else:
                self._note(host, session)
                return session
        reasons = "; ".join(map(str, lost))
        for loss in lost:
            if isinstance(loss, TooManyConnectionsError):
                raise TooManyConnectionsError(reasons) from loss
            if isinstance(loss, NodeNotReadyError):
                raise NodeNotReadyError(reasons, loss.node) from loss
        raise ConnectionLostError(reasons) from lost[-1]

    def _put_off(self, host: int) -> None:
        self._order.put_off(host, monotonic())

    async def _within_limit(self, host: int) -> PooledConnection:
        try:
            async with asyncio.timeout(self._limits.connect):
                session = await self.connect_to(host)
        except TimeoutError:
            raise ConnectionLostError(f"no connection for {self._limits.connect:g} s") from None
        session.host = host
        return session

    def _note(self, host: int, session: PooledConnection) -> None:
        """Record the server of a connection, and how long the connection may be used."""
        if host > 0:
            session.retire_at = monotonic() + self._limits.stand_in
        if host != self._host:
            self._host = host
            name, port = self.address.hosts[host]
            _log.warning("kling storage: the database server in use is now %s:%d", name, port)

    async def _answers(self, host: int) -> bool:
        """Return whether a server accepts a connection, and serves."""
        try:
            session = await self._within_limit(host)
        except (ConnectionLostError, StorageUnavailableError):
            return False
        session.terminate()
        return True

    async def open(self) -> None:
        """Prepare to connect; the first query shows whether that works."""
        self._pool = Pool(
            self._connected,
            self._limits.connections,
            self._answers,
            self._put_off,
            self._limits.suspect_after,
        )

    async def close(self) -> None:
        """Disconnect."""
        pool, self._pool = self._pool, None
        if pool is not None:
            await pool.close()

    async def run(self, make: TransactionFactory[T], mode: TransactionMode) -> T:
        """Run a transaction, again after each conflict or lost connection."""
        limit = self._limits.silence if mode in _SHORT else None

        def use() -> Awaitable[T]:
            return self._opened().use(lambda session: transact(session, make, mode), limit)

        return await self._until_done(use, limit, self._limits.patience)

    async def _until_done(
        self, use: Callable[[], Awaitable[T]], limit: float | None, patience: float
    ) -> T:
        conflicts = losses = 0
        first_loss, started_at = 0.0, monotonic()
        while True:
            try:
                return await use()
            except (RetryTransactionError, ConflictingWriteError) as error:
                self.repeats[
                    "changed" if isinstance(error, RetryTransactionError) else "deadlock"
                ] += 1
                conflicts += 1
                if limit is not None and monotonic() - started_at >= limit:
                    raise WaitedInVainError(
                        f"rows that the transaction needs were locked for {limit:g} s"
                    ) from None
                if conflicts >= RUNS:
                    raise StorageUnavailableError(
                        f"the database aborted the same transaction {RUNS} times"
                    ) from None
                pause = after_conflict(conflicts, random())  # noqa: S311 - no secret
            except ConnectionLostError as error:
                self.repeats["connection_lost"] += 1
                losses += 1
                if losses == 1:
                    first_loss = monotonic()
                    _log.warning(
                        "kling storage error: lost the connection to the database: %s", error
                    )
                now = monotonic()
                # A server that was silent for this long would be silent again.
                is_silent = limit is not None and now - started_at >= limit
                if is_silent or (losses >= LOSSES and now - first_loss >= patience):
                    kind = WaitedInVainError if is_silent else StorageUnavailableError
                    raise kind(f"the database is away: {error}") from error
                pause = after_loss(losses, random())  # noqa: S311 - no secret
            if pause:
                await asyncio.sleep(pause)

    async def probe(self, make: TransactionFactory[None]) -> DatabaseNode:
        """Ask a server for its identity, and write to it, over a new connection if all are busy."""

        async def work(session: PooledConnection) -> DatabaseNode:
            self.waits_for = "a response of the server"
            node = await session.check()
            self.waits_for = "tables that are locked, or the server's disk"
            await transact(session, make, TransactionMode.WRITE)
            return node

        def use() -> Awaitable[DatabaseNode]:
            self.waits_for = "a connection"
            return self._opened().use_now(work, PROBE)

        try:
            async with asyncio.timeout(PROBE):
                return await self._until_done(use, PROBE, 0.0)
        except TimeoutError:
            raise WaitedInVainError(f"it waited {PROBE:g} s for {self.waits_for}") from None
        except StorageUnavailableError as error:
            cause = error.__cause__
            if isinstance(cause, NodeNotReadyError) and cause.node is not None:
                return cause.node
            raise
        finally:
            self.waits_for = ""

    async def execute_script(self, statements: Sequence[str]) -> None:
        """Run a script; another process may be running the same one."""
        await self._opened().run_script(statements)

    async def _connected(self) -> PooledConnection:
        session = await self.connect()
        self.on_connect()
        return session

    def _opened(self) -> Pool:
        if self._pool is None:
            raise StorageUnavailableError("the database is not open")
        return self._pool

"""What the adapters of database servers share: which server is used, and running it again."""

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

from kling_mock.storage.adapters.address import ServerAddress
from kling_mock.storage.adapters.connection import (
    ConflictingWriteError,
    ConnectionLostError,
    NodeNotReadyError,
    PooledConnection,
    transact,
)
from kling_mock.storage.adapters.engine import RUNS, TransactionMode, call_nothing
from kling_mock.storage.adapters.hosts import HostOrder
from kling_mock.storage.adapters.pauses import after_conflict, after_loss
from kling_mock.storage.adapters.pool import Pool
from kling_mock.storage.errors import StorageUnavailableError
from kling_mock.storage.schema import Dialect
from kling_mock.storage.steps import (
    RetryTransactionError,
    Statement,
    Transaction,
    TransactionFactory,
)
from kling_mock.storage.values import DatabaseNode

__all__ = ["LIMITS", "ServerEngine", "ServerLimits"]

T = TypeVar("T")

_log = logging.getLogger("kling_mock.storage")

#: Connections that may be lost under one transaction, at least.
LOSSES: Final = 3
#: The modes whose transactions are short; a read of many rows takes what it takes.
_SHORT: Final = frozenset({TransactionMode.LOOK, TransactionMode.WRITE})


@attrs.frozen
class ServerLimits:
    """What connections may take. Durations are seconds.

    Attributes:
        connections: Of one process. More would wait for each other in the database.
        silence: What a short transaction may take before its connection counts as lost. A lock is
            waited for up to 10 s, so after this the server is unreachable, as behind a broken
            network; no driver notices that by itself. A short transaction that has taken so long
            in all is not run again.
        suspect_after: With several servers, how long one may take before it is asked whether it
            is there.
        connect: With several servers, what one may take to let us in, login included. One that is
            frozen accepts TCP.
        patience: With several servers, for how long a transaction looks for one: a cluster that
            has lost a server agrees on that first.
        stand_in: How long a connection to another server than the first one is used, so that all
            processes are back on the same one soon after it is.
    """

    connections: int = 10
    silence: float = 20.0
    suspect_after: float = 2.0
    connect: float = 2.5
    patience: float = 5.0
    stand_in: float = 60.0

    def of(self, hosts: int) -> ServerLimits:
        """Return the limits where there are so many servers."""
        if hosts > 1:
            return self
        return attrs.evolve(self, suspect_after=self.silence, connect=self.silence, patience=0.0)


LIMITS: Final = ServerLimits()


class ServerEngine(ABC):
    """Runs transactions on a database server, or on one of several that hold the same rows.

    Args:
        address: The servers; the first that serves and takes writes is used.
        limits: What connections may take.
        read_only: Whether a server is used that takes no writes.

    Attributes:
        address: The servers.
    """

    dialect: Dialect

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
            ConnectionLostError: There was none to be had.
            NodeNotReadyError: The server does not serve now, or takes no writes.
            StorageUnavailableError: The server refuses the login.
        """

    @property
    @abstractmethod
    def table_names(self) -> Statement:
        """The statement that reads the names of the tables of the database."""

    async def connect(self) -> PooledConnection:
        """Open a connection to the first server that serves and takes writes.

        Raises:
            ConnectionLostError: None does; the text says why of each. It is a `NodeNotReadyError`
                if one of them is there.
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
        for one in lost:
            if isinstance(one, NodeNotReadyError):
                raise NodeNotReadyError(reasons, one.node) from one
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
        """Note on which server a connection is, and until when it may be."""
        if host > 0:
            session.retire_at = monotonic() + self._limits.stand_in
        if host != self._host:
            self._host = host
            name, port = self.address.hosts[host]
            _log.warning("kling storage: the database is now used at %s:%d", name, port)

    async def _answers(self, host: int) -> bool:
        """Whether a server lets us in, and serves."""
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
        return await self._until_done(
            lambda session: transact(session, make, mode), limit, self._limits.patience
        )

    async def _until_done(
        self,
        work: Callable[[PooledConnection], Awaitable[T]],
        limit: float | None,
        patience: float,
    ) -> T:
        conflicts = losses = 0
        first_loss, begun = 0.0, monotonic()
        while True:
            try:
                return await self._opened().use(work, limit)
            except (RetryTransactionError, ConflictingWriteError) as error:
                self.repeats[
                    "changed" if isinstance(error, RetryTransactionError) else "deadlock"
                ] += 1
                conflicts += 1
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
                # A server that was silent for as long would be so again.
                is_silent = limit is not None and now - begun >= limit
                if is_silent or (losses >= LOSSES and now - first_loss >= patience):
                    raise StorageUnavailableError(f"the database is away: {error}") from error
                pause = after_loss(losses, random())  # noqa: S311 - no secret
            if pause:
                await asyncio.sleep(pause)

    async def node(self) -> DatabaseNode:
        """Ask the server that is used who it is, and whether it serves and takes writes.

        Returns:
            With a problem, if none of the servers does.

        Raises:
            StorageUnavailableError: None of them answers.
        """
        try:
            return await self._until_done(
                lambda session: session.check(), self._limits.silence, 0.0
            )
        except StorageUnavailableError as error:
            cause = error.__cause__
            if isinstance(cause, NodeNotReadyError) and cause.node is not None:
                return cause.node
            raise

    async def tables(self) -> frozenset[str]:
        """Return the names of the tables in the database."""

        def names() -> Transaction[frozenset[str]]:
            rows = yield self.table_names, ()
            return frozenset(row[0] for row in rows)

        return await self.run(names, TransactionMode.READ)

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

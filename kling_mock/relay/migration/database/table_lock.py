"""The lock under which a direct upgrade copies the table, on MariaDB and MySQL."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator
from contextlib import closing, contextmanager, suppress
from typing import Final

import attrs

from kling_mock.relay.migration.database.lock_retry import LockRetry
from kling_mock.relay.migration.database.run_lock import IDLE
from kling_mock.relay.migration.database.session import DatabaseError, Session
from kling_mock.relay.migration.findings import UnfinishedError
from kling_mock.relay.storage.adapters.mysql_nodes import MysqlKind, MysqlNode

#: Whether the connection `?` waits for a lock.
_QUEUED: Final = (
    "SELECT 1 FROM information_schema.PROCESSLIST "
    "WHERE ID = ? AND STATE LIKE 'Waiting for%metadata lock'"
)
#: Threads that wait to repeat here what another server of a cluster has written.
_APPLIERS: Final = (
    "SELECT 1 FROM information_schema.PROCESSLIST WHERE USER = 'system user' "
    "AND (STATE LIKE 'Waiting for%metadata lock' OR STATE = 'Waiting to execute in isolation')"
)


@contextmanager
def writers_out(retry: LockRetry) -> Generator[Callable[[str], None]]:
    """Keep others from writing to `videos` during the `with` block; they can read it.

    A connection of its own holds the lock, so that the connection of *retry* can use other tables.

    Yields:
        A function that runs the RENAME at the end, with no write between the lock and the RENAME.
    """
    session = retry.session
    with closing(session.another()) as guard:
        guard.execute(f"SET SESSION wait_timeout = {IDLE}")
        server = guard.server()
        if isinstance(server, MysqlNode) and server.kind is MysqlKind.GALERA:
            # The RENAME waits for the guard, and a causal read would wait for the RENAME.
            guard.execute("SET SESSION wsrep_sync_wait = 0")
        attrs.evolve(retry, session=guard).execute("LOCK TABLES videos READ")
        number = session.query("SELECT CONNECTION_ID()")[0][0]
        lock = _Lock(guard, number)
        holding = threading.Thread(target=lock.hold)
        holding.start()

        def rename(statement: str) -> None:
            lock.is_ending.set()
            while not lock.is_held.wait(0.001):
                if not holding.is_alive():
                    raise UnfinishedError(
                        "the lock of the table was lost, or another server of the cluster writes "
                        "to the table; stop the application on all servers, and run the same "
                        "command again"
                    )
            session.execute(statement)

        try:
            yield rename
        finally:
            lock.is_over.set()
            holding.join()


@attrs.frozen
class _Lock:
    """The lock of a connection, and when it is released.

    RENAME is not allowed under LOCK TABLES. But one that waits runs before every other waiting
    statement, so the lock is released once it waits.

    Attributes:
        guard: The connection.
        number: The connection of the RENAME.
        is_ending: Set before the RENAME.
        is_held: Set if the lock is held after that.
        is_over: Set when nobody needs the lock any more.
    """

    guard: Session
    number: int
    is_ending: threading.Event = attrs.field(factory=threading.Event)
    is_held: threading.Event = attrs.field(factory=threading.Event)
    is_over: threading.Event = attrs.field(factory=threading.Event)

    def hold(self) -> None:
        """Hold the lock until the RENAME waits for it, or another server of a cluster does.

        Galera runs a definition statement only when every earlier write is repeated here. Such a
        write waits for the lock, so the lock would not end.
        """
        with suppress(DatabaseError):  # if the connection is lost, so is the lock
            while not self.is_over.is_set():
                is_ending = self.is_ending.is_set()
                if self.guard.query(_APPLIERS):
                    break
                if is_ending:
                    self.is_held.set()
                    if self.guard.query(_QUEUED, self.number):
                        break
                self.is_over.wait(0.001 if is_ending else 0.1)
            self.guard.execute("UNLOCK TABLES")

"""Locks of the table on MariaDB and MySQL, and the RENAME that ends them."""

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

#: Whether the connection `?` waits for a lock, or has waited for a second for the writes that a
#: Galera cluster has put before its statement: these may need the lock.
_WAITS: Final = (
    "SELECT 1 FROM information_schema.PROCESSLIST "
    "WHERE ID = ? AND (STATE LIKE 'Waiting for%metadata lock' "
    "OR STATE = 'Waiting to execute in isolation' AND TIME > 0)"
)
#: Threads that wait to repeat here what another server of a cluster has written.
_APPLIERS: Final = (
    "SELECT 1 FROM information_schema.PROCESSLIST WHERE USER = 'system user' "
    "AND (STATE LIKE 'Waiting for%metadata lock' OR STATE = 'Waiting to execute in isolation')"
)


@contextmanager
def overtaken(guard: Session, number: int) -> Generator[None]:
    """Unlock the tables of *guard* once the RENAME of the `with` block waits for them.

    RENAME is not allowed under LOCK TABLES. But one that waits runs before every other waiting
    statement.

    Args:
        guard: The connection that has locked the table; nobody else uses it meanwhile.
        number: The number of the connection that runs the RENAME.
    """
    ended = threading.Event()

    def unlock() -> None:
        with suppress(DatabaseError):  # if the connection is lost, so is the lock
            try:
                while not ended.is_set() and not guard.query(_WAITS, number):
                    ended.wait(0.001)
            finally:
                guard.execute("UNLOCK TABLES")

    thread = threading.Thread(target=unlock)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


@contextmanager
def writers_out(retry: LockRetry) -> Generator[Callable[[str], None]]:
    """Keep others from writing to `videos` during the `with` block; they can read it.

    A connection of its own holds the lock, so that the connection of *retry* can use other tables.
    On Galera, it gives the lock up for a write of another server that is repeated here: every
    definition statement would wait for that write, and so the lock would not end.

    Yields:
        A function that runs the RENAME at the end, with no write between the lock and the RENAME.
    """
    session = retry.session
    with closing(session.another()) as guard:
        guard.execute(f"SET SESSION wait_timeout = {IDLE}")
        no_causal_reads(guard)
        attrs.evolve(retry, session=guard).execute("LOCK TABLES videos READ")
        is_ending, is_held = threading.Event(), threading.Event()

        def hold() -> None:
            with suppress(DatabaseError):  # if the connection is lost, so is the lock
                while not is_held.is_set():
                    is_last = is_ending.wait(0.1)
                    if guard.query(_APPLIERS):
                        guard.execute("UNLOCK TABLES")
                        return
                    if is_last:
                        is_held.set()

        holding = threading.Thread(target=hold)
        holding.start()

        def rename(statement: str) -> None:
            is_ending.set()
            holding.join()
            if not is_held.is_set():
                raise UnfinishedError(
                    "the lock of the table was lost, or another server of the cluster writes "
                    "to the table; stop the application on all servers, and run the same "
                    "command again"
                )
            number = session.query("SELECT CONNECTION_ID()")[0][0]
            with overtaken(guard, number):
                session.execute(statement)

        try:
            yield rename
        finally:
            is_ending.set()
            holding.join()


def no_causal_reads(guard: Session) -> None:
    """Let *guard*, which locks the table, read without waiting for other writes, on Galera.

    A RENAME waits for its lock, and a causal read would wait for the RENAME: for 30 s, during which
    no node of the cluster can write.
    """
    server = guard.server()
    if isinstance(server, MysqlNode) and server.kind is MysqlKind.GALERA:
        guard.execute("SET SESSION wsrep_sync_wait = 0")

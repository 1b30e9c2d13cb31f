"""Operations that need locks of a running application: they give up soon and are repeated."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager, suppress
from typing import Final, TypeVar

import attrs

from kling_mock.relay.migration.database.introspect import read_table
from kling_mock.relay.migration.database.preflight import long_transactions, transactions_on
from kling_mock.relay.migration.database.session import DatabaseError, Session, transaction
from kling_mock.relay.migration.findings import UnfinishedError
from kling_mock.relay.storage.adapters.meanings import (
    Meaning,
    meaning_in_mysql,
    meaning_in_postgres,
)
from kling_mock.relay.storage.schema import Dialect, quoted

#: Total seconds for which a statement is tried, by default.
WAIT_AT_MOST: Final = 600.0
#: Seconds that a statement waits for a lock; each writer behind it waits with it.
_STALL: Final = 1.0
#: Number of attempts, 0.01 s apart, to find a moment at which the table is not in use.
_LOOKS: Final = 20

#: Text about a transaction, for servers that do not tell which tables it uses.
_UNKNOWN: Final = {
    Dialect.MYSQL: " (whether it uses the table is unknown: that takes performance_schema, and "
    "the right to SELECT from it)",
    Dialect.MARIADB: " (whether it uses the table is unknown: that takes INSTALL SONAME "
    "'metadata_lock_info')",
}

_Returned = TypeVar("_Returned")


@attrs.frozen
class LockRetry:
    """Runs operations that need locks while an application uses the tables.

    Attributes:
        session: The connection.
        log: Receives a line about each wait for a transaction.
        sleep: Waits for that many seconds.
        wait_at_most: Seconds after which a wait is given up.
    """

    session: Session
    log: Callable[[str], None]
    sleep: Callable[[float], None]
    wait_at_most: float = WAIT_AT_MOST

    def execute(self, statement: str, *parameters: object) -> None:
        """Run a statement that locks a table for a moment; give up after a second.

        Writers queue behind a statement that waits for an open transaction. So the statement is not
        tried while a long transaction is open, and gives up its place in the queue after a second.
        """
        self._after_transactions(lambda: self.session.execute(statement, *parameters))

    def execute_locked(self, tables: Sequence[str], *statements: str) -> None:
        """Run statements that make or remove a trigger, under a lock of *tables*; see `execute`.

        The first statement must remove what a failed attempt has left. Without the lock, a Galera
        node (MariaDB 11.8) aborts the writers when a trigger is changed, and now and then the
        trigger is missing afterwards, exists twice, or has "an error in its body".
        """

        def under_lock() -> None:
            self.session.execute("LOCK TABLES " + ", ".join(f"{table} WRITE" for table in tables))
            try:
                for statement in statements:
                    self.session.execute(statement)
            finally:
                with suppress(DatabaseError):  # if the connection is lost, so is the lock
                    self.session.execute("UNLOCK TABLES")

        self._after_transactions(under_lock)

    def _after_transactions(self, call: Callable[[], object]) -> None:
        self._limit(_STALL)

        def once() -> None:
            if self.session.dialect.is_mysql:
                self.wait_for_transactions()
            call()

        self.again(once, _rarer)

    def again(
        self,
        call: Callable[[], _Returned],
        pause: Callable[[int], float] = lambda attempt: 0.05 * min(attempt, 20),
    ) -> _Returned:
        """Return the result of *call*; repeat it after a conflict with another transaction.

        Args:
            call: The call to try.
            pause: Returns the seconds to wait after that many attempts.

        Raises:
            DatabaseError: The call failed for another reason.
            UnfinishedError: The conflicts lasted for longer than `wait_at_most`.
        """
        waited, attempt = 0.0, 0
        while True:
            try:
                return call()
            except DatabaseError as error:
                if not is_busy(error):
                    raise
                if waited > self.wait_at_most:
                    raise UnfinishedError(
                        f"other transactions have held what it needs for {waited:.0f} s "
                        f"(--wait-at-most): {error}"
                    ) from error
            attempt += 1
            self.sleep(pause(attempt))
            waited += pause(attempt) + _STALL

    def wait_for_transactions(self) -> None:
        """Wait until no transaction that uses the table has lasted for more than a second.

        Raises:
            UnfinishedError: A transaction has lasted for longer than `wait_at_most`.
        """
        waited = 0.0
        while held := self._held():
            age, where = held
            if not waited:
                self.log(f"waiting for a transaction that has lasted {age} s{where}")
            if waited > self.wait_at_most:
                raise UnfinishedError(
                    f"a transaction has lasted {age} s{where}, and was waited for {waited:.0f} s "
                    "(--wait-at-most); end it, and run the same command again"
                )
            self.sleep(0.5)
            waited += 0.5

    def in_transaction(self, table: str, call: Callable[[], _Returned]) -> _Returned:
        """Return the result of *call*, in a transaction in which nobody else writes to *table*.

        It is for SQLite and PostgreSQL, and repeated after a conflict. Writers queue behind
        whoever waits for a lock of PostgreSQL, so no attempt waits for more than a second.

        Raises:
            UnfinishedError: The conflicts lasted for longer than `wait_at_most`.
        """

        def once() -> _Returned:
            with transaction(self.session):
                self._limit(_STALL)
                is_postgres = self.session.dialect is Dialect.POSTGRES
                if is_postgres and read_table(self.session, table) is not None:
                    name = quoted(table, self.session.dialect)
                    self.session.execute(f"LOCK TABLE {name} IN SHARE ROW EXCLUSIVE MODE")
                return call()

        return self.again(once)

    @contextmanager
    def bounded(self) -> Generator[None]:
        """Bound how long the statements of the `with` block wait for locks, on MariaDB and MySQL.

        First wait for the transactions on the table: an ALTER of the whole table waits again at
        its end, and would have to be repeated.

        Raises:
            UnfinishedError: A transaction has lasted for longer than `wait_at_most`.
        """
        self.wait_for_transactions()
        seconds = max(_STALL, self.wait_at_most)
        self._limit(seconds)
        try:
            yield
        except DatabaseError as error:
            if not is_busy(error):
                raise
            raise UnfinishedError(
                f"a transaction has held what it needs for {seconds:.0f} s (--wait-at-most); end "
                f"it, and run the same command again: {error}"
            ) from error

    def _limit(self, seconds: float) -> None:
        """Let a statement wait for a lock no longer than *seconds*."""
        if self.session.dialect.is_mysql:
            for name in ("lock_wait_timeout", "innodb_lock_wait_timeout"):
                self.session.execute(f"SET SESSION {name} = {seconds:.0f}")
        elif self.session.dialect is Dialect.POSTGRES:
            self.session.execute(f"SET lock_timeout = '{seconds:.0f}s'")

    def _held(self) -> tuple[int, str] | None:
        """Return the age of the oldest transaction to wait for, and whether it uses the table."""
        ages = long_transactions(self.session, seconds=1)
        if not ages:
            return None
        known = transactions_on(self.session, "videos", seconds=1)
        if known is not None:
            return (max(known), " and uses the table") if known else None
        return None if self._is_free() else (max(ages), _UNKNOWN[self.session.dialect])

    def _is_free(self) -> bool:
        """Return whether the table is free at some moment, without making writers wait."""
        if self.session.dialect is not Dialect.MARIADB:  # MySQL does not have NOWAIT here
            return False
        for _ in range(_LOOKS):
            try:
                self.session.execute("LOCK TABLES videos WRITE NOWAIT")
            except DatabaseError as error:
                if not is_busy(error):
                    raise
                self.sleep(0.01)
            else:
                self.session.execute("UNLOCK TABLES")
                return True
        return False


def _rarer(attempt: int) -> float:
    """Return the pause after an attempt that made writers wait: it doubles, up to 20 s."""
    return min(0.2 * 2.0**attempt, 20 * _STALL)


def is_busy(error: DatabaseError) -> bool:
    """Return whether a concurrent transaction is the reason, as in a refusal by certification."""
    if isinstance(error.code, str):
        return meaning_in_postgres(error.code) is Meaning.RUN_AGAIN
    code = error.code
    return meaning_in_mysql(code, str(error), changes=True) is Meaning.RUN_AGAIN

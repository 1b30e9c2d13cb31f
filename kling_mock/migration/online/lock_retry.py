"""Statements that wait for the locks of a running application: give up soon, and try again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeVar

import attrs

from kling_mock.migration.database.preflight import long_transactions
from kling_mock.migration.database.session import DatabaseError, Session
from kling_mock.storage.adapters.meanings import Meaning, meaning_in_mysql

__all__ = ["LockRetry"]

#: How often a statement is tried that waits for a lock, about a second each.
_ATTEMPTS: Final = 600

_Found = TypeVar("_Found")


@attrs.frozen
class LockRetry:
    """Runs statements on MariaDB or MySQL beside an application.

    Attributes:
        session: The connection.
        log: Receives a line about what is waited for.
        sleep: Waits for that many seconds.
    """

    session: Session
    log: Callable[[str], None]
    sleep: Callable[[float], None]

    def execute(self, statement: str) -> None:
        """Run a statement that locks the table for a moment; give up after a second.

        Writers queue behind a statement that waits for an open transaction, so it is not
        tried while one has lasted, and gives up its place after a second.
        """
        self.session.execute("SET SESSION lock_wait_timeout = 1")

        def once() -> None:
            self.wait_for_transactions()
            self.session.execute(statement)

        self.again(once, lambda _: 0.2)

    def again(
        self,
        call: Callable[[], _Found],
        pause: Callable[[int], float] = lambda attempt: 0.05 * min(attempt, 20),
    ) -> _Found:
        """Return what *call* returns; repeat it after a conflict with another transaction.

        Args:
            call: What is tried.
            pause: Returns the seconds to wait after that many attempts.

        Raises:
            DatabaseError: It failed otherwise, or six hundred times.
        """
        for attempt in range(1, _ATTEMPTS):
            try:
                return call()
            except DatabaseError as error:
                if not _is_busy(error):
                    raise
            self.sleep(pause(attempt))
        return call()

    def wait_for_transactions(self) -> None:
        """Wait until no transaction on the server has lasted for more than a second."""
        logged = False
        while long := long_transactions(self.session, seconds=1):
            if not logged:
                self.log(f"waiting for a transaction that has lasted {max(long)} s")
                logged = True
            self.sleep(0.5)


def _is_busy(error: DatabaseError) -> bool:
    """Return whether a concurrent transaction is the reason: also a refusal by certification."""
    code = error.code if isinstance(error.code, int) else 0
    return meaning_in_mysql(code, str(error), changes=True) is Meaning.RUN_AGAIN

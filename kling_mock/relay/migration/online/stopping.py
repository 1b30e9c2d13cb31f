"""Stop on a signal between two statements: a connection stopped inside a statement is unusable."""

from __future__ import annotations

import signal
import threading
from collections.abc import Generator
from contextlib import contextmanager
from types import FrameType
from typing import Any, Final

import attrs

from kling_mock.relay.migration.database.session import Session, SessionWrapper

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)


class StoppedError(KeyboardInterrupt):
    """The command was stopped by a signal.

    Attributes:
        status: The exit status for that signal.
    """

    def __init__(self, number: int) -> None:
        super().__init__(f"signal {number}")
        self.status = 128 + number


@contextmanager
def stopping(session: Session) -> Generator[Session]:
    """Yield *session*; after SIGINT or SIGTERM, its next statement raises `StoppedError`.

    Statements after that one run as before, so that the command can clean up. A second signal
    ends the process in the usual way. Outside of the main thread, nothing is changed.
    """
    if threading.current_thread() is not threading.main_thread():
        yield session
        return
    stoppable = _Stoppable(session)
    old = {signum: signal.signal(signum, stoppable.stop) for signum in _SIGNALS}
    stoppable.before = old
    try:
        yield stoppable
    finally:
        for signum, handler in old.items():
            signal.signal(signum, handler)


@attrs.define(eq=False)
class _Stoppable(SessionWrapper):
    """A session that can be stopped between statements."""

    session: Session
    requested: int = 0
    before: dict[Any, Any] = attrs.field(factory=dict[Any, Any])

    def stop(self, number: int, _frame: FrameType | None) -> None:
        """Remember a signal, and restore the handlers for a second one."""
        self.requested = number
        for signum, handler in self.before.items():
            signal.signal(signum, handler)

    def _check(self) -> None:
        if self.requested:
            number, self.requested = self.requested, 0
            raise StoppedError(number)

    def query(self, sql: str, *parameters: object) -> list[tuple[Any, ...]]:
        self._check()
        return super().query(sql, *parameters)

    def execute(self, sql: str, *parameters: object) -> int:
        self._check()
        return super().execute(sql, *parameters)

"""A session that reports each statement that it ran, so that a test can act in between."""

from __future__ import annotations

from collections.abc import Callable

import attrs

from kling_mock.relay.migration.database.session import Session, SessionWrapper, connect


@attrs.frozen
class Watched(SessionWrapper):
    """A session, watched.

    Attributes:
        session: What runs the statements.
        after: Told each statement and its parameters, once it ran and no table is locked: what
            it does on another connection would wait for the lock.
    """

    session: Session
    after: Callable[[str, tuple[object, ...]], None]
    _locked: list[tuple[str, tuple[object, ...]]] = attrs.field(factory=list, init=False)

    def execute(self, sql: str, *parameters: object) -> int:
        count = super().execute(sql, *parameters)
        if self._locked or sql.startswith("LOCK TABLES"):
            self._locked.append((sql, parameters))
            if sql != "UNLOCK TABLES":
                return count
        ran = [*self._locked] or [(sql, parameters)]
        self._locked.clear()
        for statement in ran:
            self.after(*statement)
        return count


class KilledError(Exception):
    """The process has ended here."""


def killed_after_each_statement(url: str, work: Callable[[Session], object]) -> int:
    """End *work* after its first statement, after the second of a new try, until it ends itself.

    Returns:
        How often it was ended.
    """
    for step in range(100):
        left = [step]

        def killed(sql: str, parameters: tuple[object, ...], left: list[int] = left) -> None:
            del sql, parameters
            left[0] -= 1
            if left[0] < 0:
                raise KilledError

        with connect(url) as session:
            try:
                work(Watched(session, killed))
            except KilledError:
                continue
            return step
    raise AssertionError("it never ends")

"""A session that reports each statement that it ran, so that a test can act in between."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs

from kling_mock.migration.database.session import Server, Session, connect
from kling_mock.storage.schema import Dialect


@attrs.frozen
class Watched:
    """A session, watched.

    Attributes:
        session: What runs the statements.
        after: Told each statement and its parameters, once it ran.
    """

    session: Session
    after: Callable[[str, tuple[object, ...]], None]

    @property
    def dialect(self) -> Dialect:
        return self.session.dialect

    @property
    def database(self) -> str:
        return self.session.database

    @property
    def url(self) -> str:
        return self.session.url

    def server(self) -> Server:
        return self.session.server()

    def query(self, sql: str, *parameters: object) -> list[tuple[Any, ...]]:
        return self.session.query(sql, *parameters)

    def execute(self, sql: str, *parameters: object) -> int:
        count = self.session.execute(sql, *parameters)
        self.after(sql, parameters)
        return count

    def another(self) -> Session:
        return self.session.another()

    def close(self) -> None:
        self.session.close()


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

"""`db verify` and the plans of the guide's queries."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

import pytest

from kling_mock.relay.migration.database.session import connect
from kling_mock.relay.migration.schema.known_schemas import target_schema
from kling_mock.relay.migration.verify import verify
from tests.mock.relay.migration import legacy, tables
from tests.mock.relay.migration.test_command import Say, say

__all__ = ["say"]

COUNT: Final = 3000


def rows(users: int) -> Iterator[tuple[Any, ...]]:
    """Yield the rows of a table, of so many users."""
    row = dict(zip(legacy.COLUMNS, legacy.CLEAN[0], strict=True))
    for number in range(COUNT):
        own = {"task_id": f"kling_{number:032x}", "created_at": 1_700_000_000 + number}
        yield tuple((row | own | {"user_id": number % users + 1}).values())


@pytest.mark.parametrize("dialect", ["mariadb", "postgresql"])
def test_a_plan_without_its_index_says_why(
    dialect: str, databases: Callable[[str], str], say: Say
) -> None:
    """All rows of a table of one user are read as a whole; of many users, over the index."""
    for users, passed in ((1, None), (COUNT, True)):
        url = databases(dialect)
        with connect(url) as session:
            tables.make(session, "gorm", rows(users))
            assert say("upgrade", "--db", url)[0] == 0
            session.execute("ANALYZE" if dialect == "postgresql" else "ANALYZE TABLE videos")
            plans = {
                outcome.name: outcome for outcome in verify(session, target_schema(session.dialect))
            }
            since = plans["plan a user's since"]
            assert since.passed is passed
            reason = f"user 1 has {COUNT // users} of {COUNT} rows: for most of a table"
            assert (reason in since.says) is (passed is None)
            assert plans["plan by id"].passed
            assert plans["plan by task_id"].passed

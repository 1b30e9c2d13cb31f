"""`db verify` and the plans of the guide's queries."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from typing import Any, Final

import pytest

from kling_mock.relay.migration.database.session import Session, SessionWrapper, connect
from kling_mock.relay.migration.schema.known_schemas import target_schema
from kling_mock.relay.migration.verify import checksum, verify
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


class Counting(SessionWrapper):
    """A session that knows the largest number of rows that it has returned at once."""

    def __init__(self, session: Session) -> None:
        self.session, self.most = session, 0

    def query(self, sql: str, *parameters: object) -> list[tuple[Any, ...]]:
        rows = super().query(sql, *parameters)
        self.most = max(self.most, len(rows))
        return rows


@pytest.mark.parametrize("session", ["sqlite"], indirect=True)
def test_a_checksum_holds_a_part_of_the_table_at_a_time(session: Session) -> None:
    """Each row is in it once, whatever its number and its place; a WHERE leaves rows out."""
    tables.make(session, "gorm", rows(2))
    session.execute("UPDATE videos SET rowid = -rowid WHERE user_id = 1")
    of_all = session.query("SELECT task_id, user_id FROM videos")
    for where, of_user in (("", {1, 2}), ("WHERE user_id = 1", {1})):
        counting = Counting(session)
        counted = [zlib.crc32(repr(row).encode()) for row in of_all if row[1] in of_user]
        expected = f"{len(counted)}:{sum(counted)}"
        assert checksum(counting, "videos", ["task_id", "user_id"], where) == expected
        assert counting.most <= 500


def test_a_checksum_sees_a_row_that_is_longer_than_a_packet(session: Session) -> None:
    """The server makes NULL of a text above its max_allowed_packet, whatever it was."""
    tables.make(session, "gorm", list(rows(1))[:1])
    session.execute(
        "UPDATE videos SET prompt = REPEAT('p', @@max_allowed_packet * 0.6), "
        "store_url = REPEAT('s', @@max_allowed_packet * 0.6)"
    )
    seen = set[str]()
    for change in (
        "prompt = prompt",
        "prompt = CONCAT('q', SUBSTR(prompt, 2))",
        "store_url = NULL",
    ):
        session.execute(f"UPDATE videos SET {change}")
        seen.add(checksum(session, "videos", ["prompt", "store_url", "task_id"], ""))
    assert len(seen) == 3

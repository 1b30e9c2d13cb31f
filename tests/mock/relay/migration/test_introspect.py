"""MySQL's description of a table, read the same way whether or not it spells things out."""

from __future__ import annotations

import re
from typing import cast

import attrs
import pytest

from kling_mock.relay.migration.check import check
from kling_mock.relay.migration.database.introspect import show_create
from kling_mock.relay.migration.database.session import Session, connect
from kling_mock.relay.migration.schema.known_schemas import target_schema
from kling_mock.relay.storage.schema import Dialect
from tests.clusters.cluster import ClusterDatabase
from tests.clusters.mysql9 import Mysql9
from tests.mock.relay.migration import legacy

GENERAL = ") ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci"
#: Where the collation is the default one of the character set, MySQL leaves it out.
LATIN1 = ") ENGINE=InnoDB DEFAULT CHARSET=latin1"


@attrs.frozen
class Said:
    """A session of MySQL that answers only SHOW CREATE TABLE."""

    text: str
    dialect: Dialect = Dialect.MYSQL

    def query(self, sql: str, *parameters: object) -> list[tuple[str, str]]:
        if "CHARACTER_SETS" in sql:
            assert parameters == (re.findall(r"CHARSET=(\w+)", self.text)[-1],)
            return [("latin1_swedish_ci", "")] if parameters == ("latin1",) else [("", "")]
        assert sql == "SHOW CREATE TABLE `videos`"
        return [("videos", self.text)]


@pytest.mark.parametrize(
    ("column", "options", "same_as"),
    [
        ("longtext CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci", GENERAL, "longtext"),
        ("longtext COLLATE utf8mb4_general_ci", GENERAL, "longtext"),
        ("varchar(9) COLLATE utf8mb4_general_ci NOT NULL", GENERAL, "varchar(9) NOT NULL"),
        ("enum('a)','it''s') COLLATE utf8mb4_general_ci", GENERAL, "enum('a)','it''s')"),
        ("text COLLATE utf8mb4_bin", GENERAL, None),
        ("text CHARACTER SET utf8mb4 COLLATE utf8mb4_bin", GENERAL, None),
        ("text CHARACTER SET latin1", GENERAL, None),
        ("text CHARACTER SET latin1", LATIN1, "text"),
        ("text CHARACTER SET latin1 COLLATE latin1_swedish_ci", LATIN1, "text"),
        ("text COLLATE latin1_swedish_ci", LATIN1, "text"),
        ("text CHARACTER SET latin1 COLLATE latin1_bin", LATIN1, None),
        ("text COMMENT ' COLLATE utf8mb4_general_ci'", GENERAL, None),
    ],
)
def test_what_a_column_has_from_its_table_is_left_out(
    column: str, options: str, same_as: str | None
) -> None:
    """The column's own character set or collation stays, and so does a comment."""
    session = Said(f"CREATE TABLE `videos` (\n  `prompt` {column}\n{options}")
    expected = f"CREATE TABLE `videos` (\n  `prompt` {same_as or column}\n{options}"
    assert show_create(cast("Session", session), "videos") == expected


def test_a_table_with_the_default_collation_of_its_character_set_has_no_blocker(
    mysql9: Mysql9,
) -> None:
    """This holds for any character set, and a partition is still a blocker."""
    (create_table, *_), _ = legacy.MARIADB["gorm"]
    with ClusterDatabase(mysql9) as database, connect(database.url) as session:
        for name in ("latin1", "utf8mb3", "gbk", "ascii", "utf16", "utf8mb4"):
            session.execute(
                f"{create_table.partition(' DEFAULT CHARSET')[0]} DEFAULT CHARSET={name}"
            )
            assert check(session, target_schema(session.dialect)).blockers == (), name
            session.execute("ALTER TABLE videos PARTITION BY HASH (user_id) PARTITIONS 2")
            assert check(session, target_schema(session.dialect)).blockers != (), name
            session.execute("DROP TABLE videos")

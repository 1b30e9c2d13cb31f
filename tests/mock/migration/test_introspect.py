"""What MySQL says of a table, read the same way whether or not it spells things out."""

from __future__ import annotations

from typing import cast

import attrs
import pytest

from kling_mock.migration.database.introspect import shown
from kling_mock.migration.database.session import Session
from kling_mock.storage.schema import Dialect

GENERAL = ") ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci"


@attrs.frozen
class Said:
    """As much of a session of MySQL as is asked for SHOW CREATE TABLE."""

    text: str
    dialect: Dialect = Dialect.MYSQL

    def query(self, sql: str) -> list[tuple[str, str]]:
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
        ("text CHARACTER SET latin1", ") ENGINE=InnoDB DEFAULT CHARSET=latin1", "text"),
        ("text COMMENT ' COLLATE utf8mb4_general_ci'", GENERAL, None),
    ],
)
def test_what_a_column_has_from_its_table_is_left_out(
    column: str, options: str, same_as: str | None
) -> None:
    """A character set or a collation of the column's own stays, and so does a comment."""
    session = Said(f"CREATE TABLE `videos` (\n  `prompt` {column}\n{options}")
    expected = f"CREATE TABLE `videos` (\n  `prompt` {same_as or column}\n{options}"
    assert shown(cast("Session", session), "videos") == expected

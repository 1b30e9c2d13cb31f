"""The relay's other tables: made where they are missing, never changed where they are not ours.

A one-api database has tables `users`, `tokens` and `channels` of its own, with other columns.
They are left alone, and then no version is written: the relay would not find its way in them.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import attrs

from kling_mock.migration.introspect import read_table
from kling_mock.migration.session import Session
from kling_mock.migration.target_schema import described, family
from kling_mock.storage.schema import TABLES, VERSION, Table, index_sql, table_sql
from kling_mock.storage.schema import Dialect as Family

__all__ = ["Companions", "companions", "found_rest", "leave"]

_OURS: Final = tuple(one for one in TABLES if one.name != "videos")


@attrs.frozen
class Companions:
    """The tables beside `videos`.

    Attributes:
        missing: Those that are not there.
        foreign: Names of those that have other columns than ours.
    """

    missing: tuple[Table, ...]
    foreign: tuple[str, ...]


def companions(session: Session) -> Companions:
    """Look at the tables beside `videos`."""
    found = {one.name: read_table(session, one.name) for one in _OURS}
    return Companions(
        tuple(one for one in _OURS if found[one.name] is None),
        tuple(
            one.name
            for one in _OURS
            if (there := found[one.name]) is not None
            and not there.has(*(c.name for c in described(one, session.dialect).columns))
        ),
    )


def found_rest(session: Session, missing: Iterable[Table]) -> None:
    """Make the tables that are *missing* beside `videos`, and write the version."""
    words = family(session.dialect)
    for table in missing:
        session.execute(table_sql(table, words))
        if words is not Family.MYSQL:
            for index in table.indexes:
                session.execute(index_sql(table, index, words))
    session.execute("DELETE FROM schema_version")
    session.execute("INSERT INTO schema_version (version) VALUES (?)", VERSION)


def leave(session: Session, made: list[str]) -> list[str]:
    """Drop the tables that an upgrade made, if the relay never wrote to them.

    Otherwise they stay, and version 0 keeps the relay from opening a table that is old again.

    Args:
        session: The connection.
        made: Names of the tables that `found_rest` made, or was about to make.

    Returns:
        The tables that stay because there is something in them.
    """
    there = [one for one in made if read_table(session, one) is not None]
    full = [
        one
        for one in there
        if one != "schema_version" and session.query(f"SELECT 1 FROM {one} LIMIT 1")
    ]
    if not full:
        for one in reversed(there):
            session.execute(f"DROP TABLE {one}")
    if read_table(session, "schema_version") is not None:
        session.execute("UPDATE schema_version SET version = 0")
    return full

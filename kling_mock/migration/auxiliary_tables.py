"""The relay's other tables: created where missing, never changed where they are not ours.

A one-api database has tables `users`, `tokens` and `channels` of its own, with other columns.
They are left alone, and then no version is written, so that the relay does not open them.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import attrs

from kling_mock.migration.database.introspect import read_table
from kling_mock.migration.database.session import Session
from kling_mock.storage.schema import TABLE_NAMES, VERSION, Table, table_named, table_statements

__all__ = ["AuxiliaryTables", "auxiliary_tables", "create_missing", "drop_unused"]

_OURS: Final = tuple(one for one in TABLE_NAMES if one != "videos")


@attrs.frozen
class AuxiliaryTables:
    """The tables beside `videos`.

    Attributes:
        missing: Those that are not there.
        foreign: Names of those that have other columns than ours.
    """

    missing: tuple[Table, ...]
    foreign: tuple[str, ...]


def auxiliary_tables(session: Session) -> AuxiliaryTables:
    """Read the tables beside `videos`."""
    missing: list[Table] = []
    foreign: list[str] = []
    for name in _OURS:
        ours, found = table_named(name, session.dialect), read_table(session, name)
        if found is None:
            missing.append(ours)
        elif not found.has(*(one.name for one in ours.columns)):
            foreign.append(name)
    return AuxiliaryTables(tuple(missing), tuple(foreign))


def create_missing(session: Session, missing: Iterable[Table]) -> None:
    """Create the tables that are *missing* beside `videos`, and write the version."""
    for table in missing:
        for statement in table_statements(table, session.dialect):
            session.execute(statement)
    session.execute("DELETE FROM schema_version")
    session.execute("INSERT INTO schema_version (version) VALUES (?)", VERSION)


def drop_unused(session: Session, made: list[str]) -> list[str]:
    """Drop the tables that an upgrade created, if the relay never wrote to them.

    Otherwise they stay, and version 0 keeps the relay from opening the old table.

    Args:
        session: The connection.
        made: Names of the tables that `create_missing` created, or was about to create.

    Returns:
        The tables that stay because they are not empty.
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

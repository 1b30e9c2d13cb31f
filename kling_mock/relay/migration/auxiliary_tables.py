"""The relay's other tables: created if they are missing, never changed if they are not ours.

A one-api database has its own tables `users`, `tokens` and `channels`, with different columns.
They are left alone. In that case no version is written either, so the relay does not open them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import attrs

from kling_mock.relay.migration.database.introspect import read_table
from kling_mock.relay.migration.database.session import Session
from kling_mock.relay.migration.state import MigrationState
from kling_mock.relay.migration.versions import ADDED
from kling_mock.relay.storage.schema import (
    TABLE_NAMES,
    VERSION,
    Table,
    table_named,
    table_statements,
)

#: Tables whose rows need not be kept.
_NO_RECORDS: Final = frozenset({"schema_version", "processes"})
_OURS: Final = tuple(name for name in TABLE_NAMES if name != "videos")
#: The columns that later versions than the first have.
_LATER: Final = frozenset(column for columns in ADDED.values() for column in columns)


@attrs.frozen
class AuxiliaryTables:
    """The relay's tables other than `videos`.

    Attributes:
        missing: Tables that do not exist.
        foreign: Names of tables that do not have the columns of our first version.
    """

    missing: tuple[Table, ...]
    foreign: tuple[str, ...]


def auxiliary_tables(session: Session) -> AuxiliaryTables:
    """Read the tables other than `videos`."""
    missing: list[Table] = []
    foreign: list[str] = []
    for name in _OURS:
        ours, table = table_named(name, session.dialect), read_table(session, name)
        if table is None:
            missing.append(ours)
        elif not table.has(*(c.name for c in ours.columns if (name, c.name) not in _LATER)):
            foreign.append(name)
    return AuxiliaryTables(tuple(missing), tuple(foreign))


def foreign_says(names: Sequence[str]) -> str:
    """Return the consequence of another program's tables, and what to do about it."""
    return (
        f"{', '.join(names)}: another program's tables, so no relay can open this database; "
        "kling-mock import one-api --from URL --to URL imports users, tokens, channels and videos "
        "into an empty database, and writes nothing to this one"
    )


def make_tables(session: Session, state: MigrationState, without: str = "") -> None:
    """Create the missing tables other than `videos`, except the one called *without*."""
    missing = [table for table in auxiliary_tables(session).missing if table.name != without]
    # Recorded before they are created, so that a downgrade always knows them.
    created: list[str] = state.get("made") or []
    state.set("made", [*dict.fromkeys([*created, *(table.name for table in missing)])])
    for table in missing:
        for statement in table_statements(table, session.dialect):
            session.execute(statement)


def write_version(session: Session) -> None:
    """Write the version of the tables, which tells a relay that they are complete."""
    session.execute("DELETE FROM schema_version")
    session.execute("INSERT INTO schema_version (version) VALUES (?)", VERSION)


def drop_unused(session: Session, created: list[str]) -> list[str]:
    """Drop the tables that an upgrade created, if the relay never wrote to them.

    Otherwise they stay, and version 0 keeps the relay from opening the old table.

    Args:
        created: Names of the tables that `make_tables` created, or was about to create.

    Returns:
        The tables that stay because they are not empty.
    """
    there = [name for name in created if read_table(session, name) is not None]
    full = [
        name
        for name in there
        if name not in _NO_RECORDS and session.query(f"SELECT 1 FROM {name} LIMIT 1")
    ]
    if not full:
        for name in reversed(there):
            session.execute(f"DROP TABLE {name}")
    if read_table(session, "schema_version") is not None:
        session.execute("UPDATE schema_version SET version = 0")
    return full

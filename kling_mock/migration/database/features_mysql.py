"""MariaDB and MySQL: SHOW CREATE TABLE of a table, and of one made from its description."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from typing import Final

import attrs

from kling_mock.migration.database.introspect import shown
from kling_mock.migration.database.session import DatabaseError, Session
from kling_mock.storage.schema import Table, create, create_indexes

__all__ = ["differences"]

_SCRATCH: Final = "kling_migration_compare"

#: Options that ALTER TABLE and CREATE TABLE ... LIKE keep, and that do not concern rows.
_KEPT: Final = re.compile(
    r" AUTO_INCREMENT=\d+| ROW_FORMAT=DYNAMIC| COMMENT='(?:[^'\\]|''|\\.)*'", re.IGNORECASE
)

#: The character set of a text in a CHECK. MySQL takes it from the column in CREATE TABLE, and
#: from the connection in ALTER TABLE; either compares the same.
_INTRODUCER: Final = re.compile(r"\b_(?:ascii|utf8mb4)(?=')")

#: What a line is about, by its beginning.
_OBJECTS: Final = (
    ("the column", re.compile(r"`((?:[^`]|``)*)`")),
    ("the index", re.compile(r"(?:[A-Z]+ )?KEY `((?:[^`]|``)*)`")),
    ("the constraint", re.compile(r"CONSTRAINT `((?:[^`]|``)*)`")),
    ("the primary key", re.compile(r"PRIMARY KEY()")),
    ("the table's options", re.compile(r"\)()")),
)


def differences(session: Session, described: Table) -> Iterator[str]:
    """Return what the description *described* lacks of the table, a phrase each."""
    actual = _lines(session, described.name)
    expected = _lines_of_description(session, described)
    for thing in dict.fromkeys((*actual, *expected)):
        one, other = actual.get(thing), expected.get(thing)
        if one is None:
            yield f"{thing}, which a table like this one would have"
        elif one != other or one.endswith(" USING HASH"):  # which no ALTER makes in place
            yield f"{thing}, defined as: {one}"


def _lines_of_description(session: Session, described: Table) -> dict[str, str]:
    collation = session.query(
        "SELECT TABLE_COLLATION FROM information_schema.TABLES "
        "WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = ?",
        described.name,
    )[0][0]
    scratch, dialect = attrs.evolve(described, name=_SCRATCH), session.dialect
    options = f"ENGINE=InnoDB COLLATE={collation}"
    text = create(scratch, dialect, temporary=True)
    session.execute(f"{text} {options}")
    try:
        for statement in create_indexes(scratch, dialect):
            with suppress(DatabaseError):  # an index that cannot be made again is a difference
                session.execute(statement)
        return _lines(session, _SCRATCH)
    finally:
        session.execute(f"DROP TEMPORARY TABLE {_SCRATCH}")


def _lines(session: Session, name: str) -> dict[str, str]:
    """Return the lines of SHOW CREATE TABLE, by what they are about."""
    _, *lines = shown(session, name).split("\n")
    found = dict[str, str]()
    for line in lines:
        entry = line.strip().removesuffix(",")
        if entry.startswith(")"):
            entry = _KEPT.sub("", entry)
        # BTREE is the only kind of index that InnoDB has, whether or not it is spelled out.
        entry = re.sub(r" USING BTREE$", "", entry)
        if entry.startswith("CONSTRAINT"):
            entry = _INTRODUCER.sub("", entry)
        found[_object(entry, len(found))] = entry
    return found


def _object(entry: str, number: int) -> str:
    for what, pattern in _OBJECTS:
        if match := pattern.match(entry):
            name = match.group(1).replace("``", "`")
            return f"{what} {name}" if name else what
    return f"what stands in line {number} of SHOW CREATE TABLE"

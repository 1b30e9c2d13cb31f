"""MariaDB and MySQL: compare SHOW CREATE TABLE of a table and of one made from its description."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from typing import Final

import attrs

from kling_mock.relay.migration.database.introspect import show_create
from kling_mock.relay.migration.database.session import DatabaseError, Session
from kling_mock.relay.storage.schema import Table, create, create_indexes

_SCRATCH: Final = "kling_migration_compare"

#: Options that ALTER TABLE and CREATE TABLE ... LIKE keep, and that do not concern rows.
_KEPT: Final = re.compile(
    r" AUTO_INCREMENT=\d+| ROW_FORMAT=DYNAMIC| COMMENT='(?:[^'\\]|''|\\.)*'", re.IGNORECASE
)

#: The character set of a text in a CHECK. MySQL takes it from the column in CREATE TABLE, and
#: from the connection in ALTER TABLE; the comparison is the same with either.
_INTRODUCER: Final = re.compile(r"\b_(?:ascii|utf8mb4)(?=')")

#: The object that a line describes, by the beginning of the line.
_OBJECTS: Final = (
    ("the column", re.compile(r"`((?:[^`]|``)*)`")),
    ("the index", re.compile(r"(?:[A-Z]+ )?KEY `((?:[^`]|``)*)`")),
    ("the constraint", re.compile(r"CONSTRAINT `((?:[^`]|``)*)`")),
    ("the primary key", re.compile(r"PRIMARY KEY()")),
    ("the table's options", re.compile(r"\)()")),
)


def differences(session: Session, described: Table) -> Iterator[str]:
    """Yield a phrase for each feature of the table that the description *described* lacks."""
    actual = _lines(session, described.name)
    expected = _lines_of_description(session, described)
    for thing in dict.fromkeys((*actual, *expected)):
        line, other = actual.get(thing), expected.get(thing)
        if line is None:
            yield f"{thing}, which a table like this one would have"
        elif line != other or line.endswith(" USING HASH"):  # no ALTER makes it in place
            yield f"{thing}, defined as: {line}"


def _lines_of_description(session: Session, described: Table) -> dict[str, str]:
    collation = session.query(
        "SELECT TABLE_COLLATION FROM information_schema.TABLES "
        "WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = ?",
        described.name,
    )[0][0]
    scratch, dialect = attrs.evolve(described, name=_SCRATCH), session.dialect
    # A numbered column must be in a key from the start; here that key is dropped again below.
    is_keyless = described.has("id") and not described.primary
    if is_keyless:
        scratch = attrs.evolve(scratch, primary=("id",))
    options = f"ENGINE=InnoDB COLLATE={collation}"
    text = create(scratch, dialect, temporary=True)
    session.execute(f"{text} {options}")
    try:
        for statement in create_indexes(scratch, dialect):
            with suppress(DatabaseError):  # an index that cannot be made again is a difference
                session.execute(statement)
        if is_keyless:
            session.execute(f"ALTER TABLE {_SCRATCH} DROP PRIMARY KEY")
        return _lines(session, _SCRATCH)
    finally:
        session.execute(f"DROP TEMPORARY TABLE {_SCRATCH}")


def _lines(session: Session, name: str) -> dict[str, str]:
    """Return the lines of SHOW CREATE TABLE, by the object that they describe."""
    _, *lines = show_create(session, name).split("\n")
    objects = dict[str, str]()
    for line in lines:
        entry = line.strip().removesuffix(",")
        if entry.startswith(")"):
            entry = _KEPT.sub("", entry)
        # BTREE is the only kind of index that InnoDB has, whether or not it is spelled out.
        entry = re.sub(r" USING BTREE$", "", entry)
        if entry.startswith("CONSTRAINT"):
            entry = _INTRODUCER.sub("", entry)
        objects[_object(entry, len(objects))] = entry
    return objects


def _object(entry: str, number: int) -> str:
    for what, pattern in _OBJECTS:
        if match := pattern.match(entry):
            name = match.group(1).replace("``", "`")
            return f"{what} {name}" if name else what
    return f"what stands in line {number} of SHOW CREATE TABLE"

"""Read a table's description from the database's own catalogue."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import groupby
from operator import itemgetter
from typing import Any, Final

from kling_mock.relay.migration.database.session import Session
from kling_mock.relay.storage.schema import Check, Column, Dialect, Index, Table, quoted


def read_table(session: Session, name: str) -> Table | None:
    """Return the description of the table *name*; None when there is no such table."""
    return _READERS[session.dialect](session, name)


def definition(session: Session, name: str) -> tuple[str, ...]:
    """Return the database's own statements for the table, without its counter.

    MariaDB and MySQL: `show_create`. SQLite: the statements it keeps. PostgreSQL does
    not keep statements, so columns, constraints and indexes are listed in their order.
    """
    if session.dialect.is_mysql:
        return (re.sub(r" AUTO_INCREMENT=\d+", "", show_create(session, name)),)
    if session.dialect is Dialect.SQLITE:
        rows = session.query(
            "SELECT sql FROM sqlite_master WHERE tbl_name = ? AND sql IS NOT NULL ORDER BY rowid",
            name,
        )
        return tuple(str(row[0]) for row in rows)
    return tuple(str(row[0]) for sql in _PG_DEFINITION for row in session.query(sql, name))


def show_create(session: Session, name: str) -> str:
    """Return the output of SHOW CREATE TABLE on MariaDB or MySQL.

    MySQL spells out the character set and the collation of a column that was declared with them,
    even if they are the table's. In that case they are left out here: the column is the same with
    or without them, and an upgrade or downgrade gives each column its own.
    """
    text = str(session.query(f"SHOW CREATE TABLE {quoted(name, session.dialect)}")[0][1])
    options = _TABLE_OPTIONS.search(text)
    if session.dialect is not Dialect.MYSQL or options is None:
        return text
    character_set, collation = options.groups()
    if collation is None:
        default = "SELECT DEFAULT_COLLATE_NAME FROM information_schema.CHARACTER_SETS "
        default += "WHERE CHARACTER_SET_NAME = ?"
        collation = session.query(default, character_set)[0][0]
    of_table, own = f" CHARACTER SET {character_set}", f" COLLATE {collation}"
    # If the table's collation is the default, MySQL may leave it out for the table or the column.
    alike = {(of_table, own), (None, own), *([] if options[2] else [(of_table, None)])}
    return _TEXT_COLUMN.sub(
        lambda match: match[1] if (match[2], match[3]) in alike else match[0], text
    )


#: Name and type, character set, and collation of a column.
_TEXT_COLUMN: Final = re.compile(
    r"^(  `(?:[^`]|``)*` \w+(?:\((?:[^()']|'(?:[^']|'')*')*\))?)"
    r"( CHARACTER SET \w+)?( COLLATE \w+)?",
    re.MULTILINE,
)
_TABLE_OPTIONS: Final = re.compile(r"^\) .*? CHARSET=(\w+)(?: COLLATE=(\w+))?", re.MULTILINE)


def next_number(session: Session, name: str) -> int:
    """Return the number that a table of MariaDB or MySQL gives to its next row."""
    text = str(session.query(f"SHOW CREATE TABLE `{name}`")[0][1])
    match = re.search(r"^\).* AUTO_INCREMENT=(\d+)", text, re.MULTILINE)
    return int(match.group(1)) if match else 1


# ---------------------------------------------------------------- MariaDB, MySQL

_MY_COLUMNS: Final = """
SELECT COLUMN_NAME, COLUMN_TYPE, IS_NULLABLE, COLUMN_DEFAULT, COLLATION_NAME, EXTRA, COLUMN_COMMENT
FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = ?
ORDER BY ORDINAL_POSITION"""
_MY_INDEXES: Final = """
SELECT INDEX_NAME, COLUMN_NAME, SUB_PART, NON_UNIQUE
FROM information_schema.STATISTICS WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = ?
ORDER BY INDEX_NAME, SEQ_IN_INDEX"""
_MY_CHECKS: Final = """
SELECT c.CONSTRAINT_NAME, c.CHECK_CLAUSE FROM information_schema.CHECK_CONSTRAINTS c
JOIN information_schema.TABLE_CONSTRAINTS t USING (CONSTRAINT_SCHEMA, CONSTRAINT_NAME)
WHERE t.TABLE_SCHEMA = DATABASE() AND t.TABLE_NAME = ? AND t.CONSTRAINT_TYPE = 'CHECK'"""


def _mysql(session: Session, name: str) -> Table | None:
    columns = session.query(_MY_COLUMNS, name)
    if not columns:
        return None
    keys = _indexes(
        (key, column, part, not int(other))
        for key, column, part, other in session.query(_MY_INDEXES, name)
    )
    order = re.findall(r"KEY `([^`]+)`", definition(session, name)[0])
    return Table(
        name=name,
        columns=tuple(_mysql_column(session.dialect, *row) for row in columns),
        primary=next((index.columns for index in keys if index.name == "PRIMARY"), ()),
        indexes=tuple(
            sorted(
                (index for index in keys if index.name != "PRIMARY"),
                key=lambda i: order.index(i.name),
            )
        ),
        checks=_checks(session, name),
    )


def _checks(session: Session, name: str) -> frozenset[Check]:
    if session.dialect is Dialect.MYSQL and not session.query(
        "SELECT 1 FROM information_schema.TABLES WHERE TABLE_SCHEMA = 'information_schema' "
        "AND TABLE_NAME = 'CHECK_CONSTRAINTS'"
    ):
        return frozenset()  # MySQL 5.7 reads CHECKs and forgets them
    return frozenset(Check(str(row[0]), str(row[1])) for row in session.query(_MY_CHECKS, name))


def _mysql_column(
    dialect: str,
    name: str,
    kind: str,
    null: str,
    default: str | None,
    collation: str | None,
    extra: str,
    comment: str,
) -> Column:
    kind = _without_width(kind.lower())
    if default is not None and dialect is Dialect.MYSQL:
        default = _mysql_default(default, extra)
    if default == "NULL":
        default = None
    auto = "auto_increment" in extra
    return Column(name, kind, null == "YES", default, collation or "", auto, comment)


def _mysql_default(text: str, extra: str) -> str:
    """Return a default as MySQL's CREATE TABLE takes it; the catalogue has it without quotes."""
    if "DEFAULT_GENERATED" in extra:
        return text if text.startswith("CURRENT_TIMESTAMP") else f"({text})"
    if re.fullmatch(r"-?\d+(\.\d+)?", text):
        return text
    escaped = text.replace("\\", "\\\\").replace("'", "''")
    return f"'{escaped}'"


#: Integer types with the display width that the database adds by default, and without it.
_WIDTHS: Final = {
    "tinyint(4)": "tinyint",
    "tinyint(3) unsigned": "tinyint unsigned",
    "smallint(6)": "smallint",
    "smallint(5) unsigned": "smallint unsigned",
    "mediumint(9)": "mediumint",
    "mediumint(8) unsigned": "mediumint unsigned",
    "int(11)": "int",
    "int(10) unsigned": "int unsigned",
    "bigint(20)": "bigint",
    "bigint(20) unsigned": "bigint unsigned",
}


def _without_width(kind: str) -> str:
    """Return *kind* without a default display width; other widths, such as BOOL's, stay."""
    return _WIDTHS.get(kind, kind)


# ---------------------------------------------------------------- SQLite


_SQLITE_CHECK: Final = r'CONSTRAINT\s+["`]?(\w+)["`]?\s+CHECK'


def _sqlite(session: Session, name: str) -> Table | None:
    text_name = name.replace('"', '""')
    rows = session.query(f'PRAGMA table_info("{text_name}")')
    if not rows:
        return None
    text = "\n".join(definition(session, name))
    key_columns = sorted((row[5], row[1]) for row in rows if row[5])
    primary = tuple(str(column) for _, column in key_columns)
    numbered = len(primary) == 1 and "AUTOINCREMENT" in text.upper()
    return Table(
        name=name,
        columns=tuple(
            _sqlite_column(row, text, auto=numbered and row[1] == primary[0]) for row in rows
        ),
        primary=primary,
        indexes=tuple(_sqlite_indexes(session, text_name)),
        checks=frozenset(Check(check_name) for check_name in re.findall(_SQLITE_CHECK, text)),
    )


def _sqlite_column(row: tuple[Any, ...], text: str, *, auto: bool) -> Column:
    _, name, kind, required, default, key = row
    named = re.search(rf'\b{name}\b["`]?[^,]*COLLATE\s+["`]?(\w+)', text, re.IGNORECASE)
    collation = named.group(1).lower() if named else "binary"
    return Column(
        name,
        str(kind).lower(),
        nullable=not required and not (key and auto),
        default=None if default in {None, "NULL"} else str(default),
        collation="" if collation == "binary" else collation,  # its default
        auto=auto,
    )


def _sqlite_indexes(session: Session, table: str) -> Iterable[Index]:
    # The list begins with the newest index; the result with the oldest.
    for _, name, unique, origin, _ in reversed(session.query(f'PRAGMA index_list("{table}")')):
        if origin == "pk":
            continue
        columns = tuple(str(row[2]) for row in session.query(f'PRAGMA index_info("{name}")'))
        yield Index(str(name), columns, bool(unique))


# ---------------------------------------------------------------- PostgreSQL

_PG_COLUMNS: Final = """
SELECT column_name, CASE WHEN character_maximum_length IS NULL THEN data_type
       ELSE 'varchar(' || character_maximum_length || ')' END,
       is_nullable, column_default, collation_name, is_identity
FROM information_schema.columns WHERE table_schema = current_schema() AND table_name = ?::text
ORDER BY ordinal_position"""
_PG_INDEXES: Final = """
SELECT i.relname, a.attname, NULL, x.indisunique, x.indisprimary
FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid
CROSS JOIN LATERAL unnest(x.indkey) WITH ORDINALITY AS k(attnum, position)
JOIN pg_attribute a ON a.attrelid = x.indrelid AND a.attnum = k.attnum
WHERE x.indrelid = to_regclass(quote_ident(?::text)) ORDER BY i.oid, k.position"""
_PG_CHECKS: Final = """
SELECT conname, pg_get_expr(conbin, conrelid) FROM pg_constraint
WHERE conrelid = to_regclass(quote_ident(?::text)) AND contype = 'c'"""
_PG_DEFINITION: Final = (
    """SELECT a.attname || ' ' || format_type(a.atttypid, a.atttypmod) ||
       CASE WHEN a.attnotnull THEN ' NOT NULL' ELSE '' END ||
       coalesce(' DEFAULT ' || pg_get_expr(d.adbin, d.adrelid), '')
    FROM pg_attribute a LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
    WHERE a.attrelid = to_regclass(quote_ident(?::text)) AND a.attnum > 0 AND NOT a.attisdropped
    ORDER BY a.attnum""",
    """SELECT conname || ' ' || pg_get_constraintdef(oid) FROM pg_constraint
    WHERE conrelid = to_regclass(quote_ident(?::text)) ORDER BY conname""",
    """SELECT pg_get_indexdef(indexrelid) FROM pg_index
    WHERE indrelid = to_regclass(quote_ident(?::text)) ORDER BY indexrelid""",
)
_PG_TYPES: Final = {"integer": "int", "character varying": "varchar"}


def _postgres(session: Session, name: str) -> Table | None:
    columns = session.query(_PG_COLUMNS, name)
    if not columns:
        return None
    rows = session.query(_PG_INDEXES, name)
    primary = {row[0] for row in rows if row[4]}
    keys = _indexes(row[:4] for row in rows)
    return Table(
        name=name,
        columns=tuple(_postgres_column(*row) for row in columns),
        primary=next((index.columns for index in keys if index.name in primary), ()),
        indexes=tuple(index for index in keys if index.name not in primary),
        checks=frozenset(
            Check(str(row[0]), str(row[1])) for row in session.query(_PG_CHECKS, name)
        ),
    )


def _postgres_column(
    name: str, kind: str, null: str, default: str | None, collation: str | None, identity: str
) -> Column:
    auto = identity == "YES" or (default or "").startswith("nextval(")
    literal = None if default is None else re.sub(r"::[\w ]+(\(\d+\))?$", "", default)
    return Column(
        name,
        _PG_TYPES.get(kind, kind),
        null == "YES",
        None if literal == "NULL" else literal,
        collation or "",
        auto,
    )


def _indexes(rows: Iterable[tuple[Any, ...]]) -> list[Index]:
    """Return the indexes from rows of (name, column, prefix, unique), which are grouped by name."""
    indexes: list[Index] = []
    for name, group in groupby(rows, key=itemgetter(0)):
        parts = list(group)
        indexes.append(
            Index(
                str(name),
                tuple(str(part[1]) for part in parts),
                bool(parts[0][3]),
                tuple(None if part[2] is None else int(part[2]) for part in parts),
            )
        )
    return indexes


_READERS: Final = {
    Dialect.MARIADB: _mysql,
    Dialect.MYSQL: _mysql,
    Dialect.POSTGRES: _postgres,
    Dialect.SQLITE: _sqlite,
}

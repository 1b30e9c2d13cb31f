"""The contents and the schema of a database, read with the tests' own statements."""

from __future__ import annotations

import re
import subprocess
from typing import Any, Final

from kling_mock.relay.migration.database.session import Session
from kling_mock.relay.storage.schema import Dialect
from tests.mock.relay.migration.legacy import family
from tests.mock.relay.storage.databases import POSTGRES


def everything(session: Session) -> dict[str, Any]:
    """Return the definition and the rows of all that is in the database."""
    return {"definitions": _DEFINITIONS[family(session.dialect)](session), "rows": _rows(session)}


def _rows(session: Session) -> dict[str, list[str]]:
    return {
        name: sorted(repr(row) for row in session.query(f"SELECT * FROM {_quoted(session, name)}"))
        for name in _tables(session)
    }


_TABLES: Final = {
    "mariadb": "SELECT TABLE_NAME FROM information_schema.TABLES "
    "WHERE TABLE_SCHEMA = DATABASE() AND TABLE_TYPE LIKE '%%TABLE' ORDER BY 1",
    "postgresql": "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace "
    "AND relkind IN ('r', 'p') ORDER BY 1",
    "sqlite": "SELECT name FROM sqlite_master WHERE type = 'table' "
    "AND name NOT LIKE 'sqlite%' ORDER BY 1",
}


def _tables(session: Session) -> list[str]:
    sql = _TABLES[family(session.dialect)].replace("%%", "%")
    return [str(row[0]) for row in session.query(sql)]


def _quoted(session: Session, name: str) -> str:
    return f"`{name}`" if session.dialect.is_mysql else f'"{name}"'


# ---------------------------------------------------------------- definitions


def _mariadb(session: Session) -> list[str]:
    definitions = []
    for (name,) in session.query("SHOW TABLES"):
        text = str(session.query(f"SHOW CREATE TABLE `{name}`")[0][1])
        if session.dialect is Dialect.MYSQL and (own := re.findall(r" COLLATE=(\w+)", text)):
            # What a column has in common with its table is the same, spelled out or not.
            text = re.sub(rf"( CHARACTER SET utf8mb4)? COLLATE {own[-1]}\b", "", text)
        # BTREE is the only kind of index of InnoDB, whether or not it is spelled out.
        definitions.append(re.sub(r" AUTO_INCREMENT=\d+| USING BTREE", "", text))
    for sql in (
        "SELECT * FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = DATABASE()",
        (
            "SELECT ROUTINE_NAME, ROUTINE_DEFINITION FROM information_schema.ROUTINES "
            "WHERE ROUTINE_SCHEMA = DATABASE()"
        ),
        (
            "SELECT EVENT_NAME, EVENT_DEFINITION, STATUS FROM information_schema.EVENTS "
            "WHERE EVENT_SCHEMA = DATABASE()"
        ),
    ):
        definitions += [repr(row) for row in session.query(sql)]
    return definitions


def _postgres(session: Session) -> list[str]:
    done = subprocess.run(
        [
            *("pg_dump", "--schema-only", "--no-password"),
            f"--dbname=postgresql://postgres@{POSTGRES[0]}:{POSTGRES[1]}/{session.database}",
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    lines = [line for line in done.stdout.splitlines() if not line.startswith(("--", "\\"))]
    gone = session.query(
        "SELECT relname, relreplident, reloptions::text FROM pg_class "
        "WHERE relnamespace = 'public'::regnamespace ORDER BY 1"
    )
    return [*(line for line in lines if line), *(repr(row) for row in gone)]


def _sqlite(session: Session) -> list[str]:
    rows = session.query(
        "SELECT type, name, tbl_name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite%' "
        "ORDER BY 1, 2"
    )
    return [repr(row) for row in rows]


_DEFINITIONS: Final = {"mariadb": _mariadb, "postgresql": _postgres, "sqlite": _sqlite}


# ---------------------------------------------------------------- what is neither old nor new


def extras(session: Session, columns: set[str], indexes: set[str]) -> list[str]:
    """Return the catalogue's words on everything but the known *columns* and *indexes*."""
    extra_rows: list[str] = []
    visible = "IS_VISIBLE, EXPRESSION" if session.dialect is Dialect.MYSQL else "IGNORED"
    for kind, text in _EXTRAS[family(session.dialect)]:
        sql = text.replace("{visible}", visible)
        known = {"column": columns, "index": indexes}.get(kind, set[str]())
        extra_rows += [repr((kind, *row)) for row in session.query(sql) if row[0] not in known]
    return sorted(extra_rows)


_MINE: Final = "('videos', 'mine', 'other')"
_EXTRAS: Final = {
    "mariadb": (
        (
            "column",
            (
                "SELECT COLUMN_NAME, COLUMN_TYPE, COLUMN_DEFAULT, IS_NULLABLE, CHARACTER_SET_NAME, "
                "COLLATION_NAME, EXTRA, COLUMN_COMMENT, GENERATION_EXPRESSION "
                "FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = DATABASE() "
                "AND TABLE_NAME = 'videos'"
            ),
        ),
        (
            "index",
            (
                "SELECT INDEX_NAME, SEQ_IN_INDEX, COLUMN_NAME, SUB_PART, NON_UNIQUE, INDEX_TYPE, "
                "COLLATION, {visible}, INDEX_COMMENT FROM information_schema.STATISTICS "
                "WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = 'videos'"
            ),
        ),
        (
            "table",
            (
                "SELECT TABLE_NAME, ENGINE, ROW_FORMAT, TABLE_COLLATION, CREATE_OPTIONS, "
                "TABLE_COMMENT FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() "
                f"AND TABLE_NAME IN {_MINE}"
            ),
        ),
        (
            "view",
            (
                "SELECT TABLE_NAME, VIEW_DEFINITION FROM information_schema.VIEWS "
                "WHERE TABLE_SCHEMA = DATABASE()"
            ),
        ),
        (
            "constraint",
            (
                "SELECT CONSTRAINT_NAME, CONSTRAINT_TYPE FROM information_schema.TABLE_CONSTRAINTS "
                "WHERE TABLE_SCHEMA = DATABASE() AND CONSTRAINT_TYPE = 'FOREIGN KEY'"
            ),
        ),
        (
            "routine",
            (
                "SELECT ROUTINE_NAME, ROUTINE_DEFINITION FROM information_schema.ROUTINES "
                "WHERE ROUTINE_SCHEMA = DATABASE()"
            ),
        ),
        (
            "event",
            (
                "SELECT EVENT_NAME, EVENT_DEFINITION, STATUS FROM information_schema.EVENTS "
                "WHERE EVENT_SCHEMA = DATABASE()"
            ),
        ),
        (
            "trigger",
            (
                "SELECT TRIGGER_NAME, ACTION_STATEMENT FROM information_schema.TRIGGERS "
                "WHERE TRIGGER_SCHEMA = DATABASE()"
            ),
        ),
    ),
    "postgresql": (
        (
            "column",
            (
                "SELECT a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, "
                "pg_get_expr(d.adbin, d.adrelid), a.attcollation, a.attidentity, a.attgenerated "
                "FROM pg_attribute a LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid "
                "AND d.adnum = a.attnum WHERE a.attrelid = 'videos'::regclass AND a.attnum > 0 "
                "AND NOT a.attisdropped"
            ),
        ),
        (
            "index",
            (
                "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public' "
                "AND tablename = 'videos'"
            ),
        ),
        ("view", "SELECT viewname, definition FROM pg_views WHERE schemaname = 'public'"),
        ("subscription", "SELECT srsubid FROM pg_subscription_rel"),
        (
            "rights",
            (
                "SELECT grantee, privilege_type FROM information_schema.role_table_grants "
                "WHERE table_name = 'videos'"
            ),
        ),
        (
            "owner",
            (
                "SELECT relname, relowner, relrowsecurity, reloptions::text, relpersistence "
                "FROM pg_class WHERE oid = 'videos'::regclass"
            ),
        ),
    ),
    "sqlite": (
        (
            "column",
            (
                "SELECT name, lower(type), \"notnull\", NULLIF(dflt_value, 'NULL'), hidden "
                "FROM pragma_table_xinfo('videos')"
            ),
        ),
        (
            "index",
            (
                'SELECT l.name, l."unique", l.partial, x.seqno, x.name, x.desc, x.coll, '
                "(SELECT m.sql LIKE '%lower(%' FROM sqlite_master m WHERE m.name = l.name) "
                "FROM pragma_index_list('videos') l, pragma_index_xinfo(l.name) x WHERE x.key"
            ),
        ),
        (
            "reference",
            """SELECT "from", "table", "to" FROM pragma_foreign_key_list('videos')""",
        ),
        (
            "words",
            (
                "SELECT name, sql LIKE '%> 0)%', sql LIKE '%> -5)%', sql LIKE '%CONFLICT%', "
                "sql LIKE '%STRICT' FROM sqlite_master WHERE name = 'videos'"
            ),
        ),
        (
            "other",
            "SELECT name, type, sql FROM sqlite_master WHERE type IN ('view', 'trigger')",
        ),
    ),
}

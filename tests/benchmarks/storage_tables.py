"""The guide's starting table and ours, filled with the same rows, on each database.

The old table is what gorm makes of the old relay's model (`tests.mock.relay.migration.legacy`): no
key, and `idx_tid` on the first 40 characters of `task_id` on MariaDB. SQLite and PostgreSQL have
no such prefix index that a lookup would use, so there `idx_tid` is over the whole `task_id`, as
gorm makes it. The new table is made by the committed script. Rows come first and indexes
after them, on both sides, so neither has an index that was torn by random inserts.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final, NamedTuple

from kling_mock.relay.migration.database.session import Session, transaction
from kling_mock.relay.storage.ensure_schema import script_statements
from kling_mock.relay.storage.schema import TABLE_NAMES, Dialect, table_named
from tests.mock.relay.migration import legacy

#: `created_at` of the row before the first; row i was created i seconds later.
START: Final = 1_700_000_000
#: Owns every third row.
HEAVY: Final = 1
#: One of the users who share the other rows.
MIDDLING: Final = 2
#: Owns one row.
SINGLE: Final = 999_999
#: A prime, so that a user's rows are spread evenly.
_OTHERS: Final = 541
#: A prime by which to go from row to row, so that no row is near the one before.
FAR: Final = 611_953
_CHUNK: Final = 100_000


class Size(NamedTuple):
    """The numbers of rows.

    Attributes:
        rows: In both tables.
        references: In the tables that are joined to them.
    """

    rows: int
    references: int

    @property
    def users(self) -> int:
        """Rows of `users` and of `tokens`, for the plans only."""
        return max(2_000, self.rows // 50)

    @property
    def others(self) -> int:
        """Rows of `ledger`, `outbox` and `reports`, for the plans only."""
        return max(2_000, self.rows // 5)

    @property
    def waiting(self) -> int:
        """How many of the newest tasks are still open."""
        return max(10, self.rows // 1_000)


def task_id(number: int) -> str:
    """Return the `task_id` of a row: 37 characters, not in order."""
    return "kling" + hashlib.md5(str(number).encode(), usedforsecurity=False).hexdigest()


# ---------------------------------------------------------------- what a row holds


def _old_values(size: Size) -> dict[str, str]:
    """Return the SQL of each old column for row `i`; about 1.1 KB together."""
    open_from = size.rows - size.waiting
    return {
        "prompt": "repeat(md5({i}), 19)",
        "created_at": f"{START} + i",
        "task_id": "'kling' || md5({i})",
        "type": "'text2video'",
        "provider": "'kling'",
        "mode": "'std'",
        "duration": "'5'",
        "resolution": "''",
        "username": f"'user' || (i % {_OTHERS})",
        "channel_id": "i % 5",
        "user_id": (
            f"CASE WHEN i = {size.rows // 2} THEN {SINGLE} WHEN i % 3 = 0 THEN {HEAVY} "
            f"ELSE {MIDDLING} + (i * 7919) % {_OTHERS} END"
        ),
        "model": "'kling-v1-5-std'",
        "status": (
            f"CASE WHEN i > {open_from} THEN 'processing' "
            "WHEN i % 20 = 0 THEN 'failed' ELSE 'succeed' END"
        ),
        "fail_reason": "''",
        "video_id": "'812345' || (100000000000 + i)",
        "store_url": "'https://cdn.example.com/' || repeat(md5({i}), 5)",
        "quota": "(i * 7919) % 1000003",
        "n": "1",
        "credentials": "''",
    }


#: The columns of the old table, in its order.
OLD_COLUMNS: Final = tuple(_old_values(Size(2, 2)))


def _new_values(size: Size) -> dict[str, str]:
    """Return the same and what the relay adds; ids are given, so that row i has id i."""
    old = _old_values(size)
    is_open = f"i > {size.rows - size.waiting}"
    return {
        "id": "i",
        **old,
        "updated_at": old["created_at"],
        "request_hash": "md5({i}) || md5({i})",
        "kling_task_id": "'831922' || (100000000000 + i)",
        "channel_key_id": "'a1b2c3d4e5f60718'",
        "held_quota": f"CASE WHEN {is_open} THEN {old['quota']} ELSE 0 END",
        "next_poll_at": f"CASE WHEN {is_open} THEN {START} + i ELSE NULL END",
        "legacy": "0",
    }


def _companions(size: Size) -> dict[str, tuple[int, dict[str, str]]]:
    """Return the other tables: so many rows that no planner reads them whole for being small."""
    user = f"1 + i % {size.users}"
    own = "'kling' || md5({i})"
    return {
        "users": (size.users, {"username": "'name' || i", "quota": "1000000"}),
        "tokens": (size.users, {"user_id": "i", "token_hash": "md5({i}) || md5({i})"}),
        "channels": (5, {"name": "'channel ' || i"}),
        "ledger": (
            size.others,
            {"kind": "'charge'", "reference": own, "user_id": user, "amount": "-1"},
        ),
        "outbox": (
            size.others,
            {
                "event_id": "'event' || md5({i})",
                "task_id": own,
                "user_id": user,
                "state": f"CASE WHEN i > {size.others - 20} THEN 'pending' ELSE 'done' END",
                "next_at": f"{START} + i",
            },
        ),
        "reports": (size.others, {"task_id": own, "status": "'succeed'", "user_id": user}),
    }


# ---------------------------------------------------------------- the words of each database


class _Words(NamedTuple):
    """The differences of one database's SQL."""

    #: `i` as text.
    text: str
    #: A source of rows with the numbers `i` from and until.
    numbers: str
    #: Sent to a session before it fills tables.
    filling: Sequence[str]
    old_shape: Sequence[str]
    analyse: str
    #: The column type of the string that refers to an old, and to a new row.
    old_key: str
    new_key: str


_ANSI: Final = "SET SESSION sql_mode = CONCAT(@@sql_mode, ',PIPES_AS_CONCAT')"
_MYSQL: Final = _Words(
    "i",
    "(SELECT seq AS i FROM seq_{}_to_{}) numbers",
    (_ANSI,),
    legacy.MARIADB["gorm"][0],
    "ANALYZE TABLE {}",
    "VARCHAR(200) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci",
    "VARCHAR(200) CHARACTER SET ascii COLLATE ascii_bin",
)
_WORDS: Final[Mapping[Dialect, _Words]] = {
    Dialect.MARIADB: _MYSQL,
    Dialect.MYSQL: _MYSQL,
    Dialect.POSTGRES: _Words(
        "i::text",
        "generate_series({}::bigint, {}) numbers(i)",
        ("SET maintenance_work_mem = '512MB'",),
        legacy.POSTGRESQL["gorm"][0],
        "VACUUM (ANALYZE) {}",
        "TEXT",
        'VARCHAR(200) COLLATE "C"',
    ),
    Dialect.SQLITE: _Words(
        "i",
        "(WITH RECURSIVE n(i) AS (SELECT {} UNION ALL SELECT i + 1 FROM n WHERE i < {}) "
        "SELECT i FROM n)",
        ("PRAGMA journal_mode = WAL", "PRAGMA synchronous = OFF"),
        legacy.SQLITE["gorm"][0],
        "ANALYZE {}",
        "TEXT",
        "VARCHAR(200)",
    ),
}


# ---------------------------------------------------------------- making them


def make(session: Session, size: Size) -> None:
    """Make and fill `videos_old`, `videos`, and the tables that are joined to them."""
    words = _WORDS[session.dialect]
    _functions(session)
    for sql in words.filling:
        session.execute(sql)
    table, *indexes = words.old_shape
    session.execute(table)
    _fill(session, "videos", size.rows, _old_values(size))
    for sql in indexes:
        session.execute(sql)
    session.execute("ALTER TABLE videos RENAME TO videos_old")
    _make_new(session, words, size)
    _make_references(session, words, size)
    if session.dialect == "sqlite":
        session.execute("PRAGMA synchronous = FULL")


def make_others(session: Session, size: Size) -> None:
    """Make and fill the relay's other tables, which the plans need."""
    others = _companions(size)
    for table in TABLE_NAMES:
        if table != "videos":
            for sql in _script(session.dialect, table):
                session.execute(sql)
    for name, (rows, values) in others.items():
        _fill(session, name, rows, values)
    analyse(session, *others)


def fill_relay(session: Session, size: Size) -> None:
    """Fill the tables of a relay that has not started yet, as if it had worked for long.

    Nothing in them is due, and they have no channel.
    """
    for sql in _WORDS[session.dialect].filling:
        session.execute(sql)
    _functions(session)
    tables = {name: rows for name, rows in _companions(size).items() if name != "channels"}
    tables["ledger"] = (size.rows, tables["ledger"][1])
    tables["videos"] = (size.rows, _new_values(size))
    tables["videos"][1]["next_poll_at"] = tables["videos"][1]["next_poll_at"].replace(
        f"{START} + i", "4000000000"
    )
    tables["outbox"][1]["state"] = "'done'"
    for name, (rows, values) in tables.items():
        with _without_indexes(session, name):
            _fill(session, name, rows, values)
    analyse(session, *tables)
    if session.dialect == "sqlite":
        session.execute("PRAGMA synchronous = FULL")


@contextmanager
def _without_indexes(session: Session, table: str) -> Iterator[None]:
    """Drop a table's indexes, and make them again: that is faster than filling them."""
    dialect = session.dialect
    indexes = table_named(table, dialect).indexes
    if not indexes:
        yield
    elif dialect.is_mysql:
        dropped = ", ".join(f"DROP INDEX {index.name}" for index in indexes)
        session.execute(f"ALTER TABLE {table} {dropped}")
        yield
        session.execute(f"ALTER TABLE {table} {', '.join(_added(dialect, table))}")
    else:
        for index in indexes:
            session.execute(f"DROP INDEX {index.name}")
        yield
        for sql in _script(dialect, table):
            session.execute(sql)  # the table is there already


def analyse(session: Session, *tables: str) -> None:
    """Have the planner's statistics taken, by default of what `make` has made."""
    for table in tables or ("videos_old", "videos", "refs_old", "refs_new", "refs_id"):
        session.query(_WORDS[session.dialect].analyse.format(table))


def _functions(session: Session) -> None:
    """Give SQLite the two functions that the servers have."""
    if session.dialect == "sqlite":
        raw: Any = session
        connection = raw._connection
        connection.create_function("repeat", 2, lambda text, times: text * times)
        connection.create_function(
            "md5", 1, lambda number: task_id(number)[len("kling") :], deterministic=True
        )


def _script(dialect: Dialect, table: str) -> list[str]:
    """Return the statements of the committed script that make a table and its indexes."""
    pattern = re.compile(rf"CREATE .*?(?:TABLE IF NOT EXISTS| ON) {table} \(")
    return [sql for sql in script_statements(dialect) if pattern.match(sql)]


def _make_new(session: Session, words: _Words, size: Size) -> None:
    table, *indexes = _script(session.dialect, "videos")
    session.execute(table)
    if session.dialect.is_mysql:
        # There the indexes are part of the table.
        names = [index.name for index in table_named("videos", session.dialect).indexes]
        session.execute("ALTER TABLE videos " + ", ".join(f"DROP INDEX {name}" for name in names))
        indexes = ["ALTER TABLE videos " + ", ".join(_added(session.dialect, "videos"))]
    _fill(session, "videos", size.rows, _new_values(size))
    for sql in indexes:
        session.execute(sql)
    if session.dialect is Dialect.POSTGRES:
        session.query(f"SELECT setval(pg_get_serial_sequence('videos', 'id'), {size.rows})")


def _added(dialect: Dialect, table: str) -> Iterator[str]:
    """Return our indexes as the parts of one ALTER."""
    for index in table_named(table, dialect).indexes:
        unique = "UNIQUE " if index.unique else ""
        yield f"ADD {unique}INDEX {index.name} ({', '.join(index.columns)})"


def _make_references(session: Session, words: _Words, size: Size) -> None:
    """Make tables that refer to rows far apart: by string to either table, and by integer."""
    far = f"(1 + (i * {FAR}) % {size.rows})"
    string = "'kling' || md5({i})".replace("{i}", words.text.replace("i", far, 1))
    for name, kind, value in (
        ("refs_old", words.old_key, string),
        ("refs_new", words.new_key, string),
        ("refs_id", "BIGINT", far),
    ):
        session.execute(f"CREATE TABLE {name} (n INTEGER NOT NULL PRIMARY KEY, ref {kind})")
        _fill(session, name, size.references, {"n": "i", "ref": value})


def _fill(session: Session, table: str, rows: int, values: Mapping[str, str]) -> None:
    words = _WORDS[session.dialect]
    columns, expressions = ", ".join(values), ", ".join(values.values())
    for first in range(1, rows + 1, _CHUNK):
        last = min(first + _CHUNK - 1, rows)
        with transaction(session):
            session.execute(
                f"INSERT INTO {table} ({columns}) SELECT {expressions} "
                f"FROM {words.numbers.format(first, last)}".replace("{i}", words.text)
            )

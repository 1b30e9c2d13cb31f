"""The costs of the scheme: bytes per row, and the time of an insert."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from kling_mock.relay.migration.database.session import Session
from kling_mock.relay.storage.schema import Dialect
from tests.benchmarks.measure import Cost, cost_of
from tests.benchmarks.storage_rounds import Effort, Found, Measured, pair_found, turns
from tests.benchmarks.storage_tables import OLD_COLUMNS, START, Size, analyse, task_id
from tests.mock.relay.migration import legacy

#: Rows of the copy that the guide's scheme is tried on.
SAMPLE: Final = 100_000
_INSERTS: Final = 20
#: What the table itself is called beside its indexes.
TABLE: Final = "table"


class Room(NamedTuple):
    """Bytes per row.

    Attributes:
        added: What each step of the guide's scheme, and ours, takes more than the old table
            and its index; the keys are read after "holds only".
        old: Bytes per row of the old table and its index.
        new: Bytes per row of our table and each of its indexes.
    """

    added: Mapping[str, float]
    old: Mapping[str, float]
    new: Mapping[str, float]


def room(session: Session, size: Size) -> Room:
    """Measure the tables, and the guide's scheme on a copy of the first rows of the old one."""
    old = _per_row(session, "videos_old", size.rows)
    new = _per_row(session, "videos", size.rows)
    added = _guide_steps(session, min(SAMPLE, size.rows))
    added["for our table, its added columns and all its indexes"] = sum(new.values()) - sum(
        old.values()
    )
    return Room(added, old, new)


def _per_row(session: Session, table: str, rows: int) -> dict[str, float]:
    pairs = session.query(_SIZES[session.dialect].format(table))
    sizes = {str(name): float(size) / rows for name, size in pairs}
    for name in (table, "PRIMARY", "GEN_CLUST_INDEX"):
        if name in sizes:
            sizes[TABLE] = sizes.pop(name)
    return sizes


# Pages in use: what InnoDB has reserved grows by megabytes at a time.
_INNODB: Final = (
    "SELECT index_name, stat_value * @@innodb_page_size FROM mysql.innodb_index_stats "
    "WHERE database_name = DATABASE() AND table_name = '{}' AND stat_name = 'n_leaf_pages'"
)
_SIZES: Final[Mapping[Dialect, str]] = {
    Dialect.MARIADB: _INNODB,
    Dialect.MYSQL: _INNODB,
    Dialect.POSTGRES: (
        "SELECT c.relname::text, pg_relation_size(c.oid) FROM pg_class c "
        "WHERE c.oid = '{0}'::regclass "
        "OR c.oid IN (SELECT indexrelid FROM pg_index WHERE indrelid = '{0}'::regclass)"
    ),
    Dialect.SQLITE: (
        "SELECT m.name, SUM(d.pgsize) FROM sqlite_master m JOIN dbstat d ON d.name = m.name "
        "WHERE m.tbl_name = '{}' GROUP BY m.name"
    ),
}


# ---------------------------------------------------------------- the guide's scheme


_KEY: Final = "for the integer key alone"
_UNIQUE: Final = "for key and unique index, as the guide counts"
_ALL: Final = "for the guide's key and all its indexes"

_SEVEN: Final = tuple(
    f"CREATE INDEX space_{columns.replace(', ', '_')} ON space ({columns})"
    for columns in (
        *("created_at", "user_id", "channel_id", "status", "video_id"),
        *("user_id, created_at", "channel_id, created_at"),
    )
)
_SPACE_UNIQUE: Final = (
    "DROP INDEX space_tid",
    "CREATE UNIQUE INDEX space_task_id ON space (task_id)",
)
_GUIDE: Final = tuple(statement.replace("`videos`", "`space`") for statement in legacy.GUIDE)
_MYSQL_STEPS: Final = {_KEY: _GUIDE[:1], _UNIQUE: _GUIDE[1:3], _ALL: _GUIDE[3:]}

#: The guide's own statements on MariaDB, and what says the same elsewhere.
_STEPS: Final[Mapping[Dialect, Mapping[str, Sequence[str]]]] = {
    Dialect.MARIADB: _MYSQL_STEPS,
    Dialect.MYSQL: _MYSQL_STEPS,
    Dialect.POSTGRES: {
        _KEY: ("ALTER TABLE space ADD COLUMN id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY",),
        _UNIQUE: _SPACE_UNIQUE,
        _ALL: _SEVEN,
    },
    Dialect.SQLITE: {
        # SQLite cannot add a key to a table.
        _KEY: (
            f"CREATE TABLE keyed (id INTEGER PRIMARY KEY, {', '.join(OLD_COLUMNS)})",
            f"INSERT INTO keyed ({', '.join(OLD_COLUMNS)}) SELECT * FROM space",
            "DROP TABLE space",
            "ALTER TABLE keyed RENAME TO space",
            "CREATE INDEX space_tid ON space (task_id)",
        ),
        _UNIQUE: _SPACE_UNIQUE,
        _ALL: _SEVEN,
    },
}


def _guide_steps(session: Session, rows: int) -> dict[str, float]:
    """Return how many bytes a row the table has gained after each step."""
    first = f"SELECT * FROM videos_old WHERE created_at <= {START + rows}"
    if session.dialect in {"mariadb", "mysql"}:
        session.execute("CREATE TABLE space LIKE videos_old")
        session.execute("ALTER TABLE space DROP INDEX idx_tid")
        session.execute(f"INSERT INTO space {first}")
        # The guide's statements write the table anew, which packs its pages differently.
        session.execute("ALTER TABLE space ADD INDEX idx_tid (task_id(40)), FORCE")
    else:
        session.execute(f"CREATE TABLE space AS {first}")
        session.execute("CREATE INDEX space_tid ON space (task_id)")
    before = _total(session, rows)
    added: dict[str, float] = {}
    for label, statements in _STEPS[session.dialect].items():
        for sql in statements:
            session.execute(sql)
        added[label] = _total(session, rows) - before
    session.execute("DROP TABLE space")
    return added


def _total(session: Session, rows: int) -> float:
    analyse(session, "space")
    return sum(_per_row(session, "space", rows).values())


# ---------------------------------------------------------------- inserts


def insert_time(session: Session, size: Size, effort: Effort) -> Measured:
    """Insert single rows into both tables in turn, each committed for itself."""
    numbers = itertools.count(size.rows + 1)
    rounds = turns(
        {
            "new": _inserting(session, "videos", numbers),
            "old": _inserting(session, "videos_old", numbers),
        },
        effort,
    )
    figure: Found = pair_found(rounds, "new", "old")
    return Measured("insert", "single rows, each committed, new table against old", figure)


def _inserting(session: Session, table: str, numbers: itertools.count[int]) -> Callable[[], Cost]:
    marks = ", ".join("?" * len(OLD_COLUMNS))
    sql = f"INSERT INTO {table} ({', '.join(OLD_COLUMNS)}) VALUES ({marks})"
    return lambda: cost_of(lambda: session.execute(sql, *_row(next(numbers))), _INSERTS)


def _row(number: int) -> list[Any]:
    text = task_id(number)
    by_column: dict[str, Any] = {
        "prompt": text[5:] * 19,
        "created_at": START + number,
        "task_id": text,
        "channel_id": number % 5,
        "user_id": number % 541,
        "status": "submitted",
        "store_url": text[5:] * 5,
        "video_id": str(812345100000000000 + number),
        "quota": 350_000,
        "n": 1,
    }
    return [by_column.get(column, "") for column in OLD_COLUMNS]

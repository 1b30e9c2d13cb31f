"""The state of a migration: two small tables in the database that it changes.

`migration_state` holds the origin of the table and the progress of an upgrade;
`migration_changes` holds every value that an upgrade had to change, so that a downgrade can
restore it. A migration keeps nothing else outside the table `videos`.
"""

from __future__ import annotations

import json
from enum import StrEnum
from typing import Any, Final, Literal

import attrs

from kling_mock.relay.migration.database.introspect import read_table
from kling_mock.relay.migration.database.session import Session
from kling_mock.relay.migration.findings import Finding
from kling_mock.relay.migration.schema.known_schemas import KnownSchema
from kling_mock.relay.storage.schema import Dialect, Table

STATE: Final = "migration_state"
CHANGES: Final = "migration_changes"

#: Replaces the column's name in `migration_changes`, for rows that the old program has deleted
#: after the swap.
DELETED: Final = "deleted:"

#: The name of the record of an import.
IMPORT: Final = "import"

#: The method of an upgrade: with the application stopped, or while it runs.
Method = Literal["direct", "online"]

#: Replaces the task_id in `migration_changes`: stands for every migrated row, if a column was NULL
#: in all of them.
EVERY: Final = "*"


#: Marks values in `migration_changes` that a downgrade has kept, before the column's name.
ASIDE: Final = "new:"
SET_ASIDE: Final = f"column_name LIKE '{ASIDE}%'"


class ImportStage(StrEnum):
    """The stage of an import of another program's database."""

    COPYING = "copying"
    UPGRADING = "upgrading"
    DONE = "done"


@attrs.frozen
class Origin:
    """The table as it was found.

    Attributes:
        shape: Its shape.
        table: Its description.
        definition: The database's own statements for it.
    """

    shape: KnownSchema
    table: Table
    definition: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Return JSON values; `from_json` reads them back."""
        return {
            "shape": self.shape.value,
            "table": self.table.to_json(),
            "definition": list(self.definition),
        }

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Origin:
        """Return the origin that `to_json` wrote."""
        table = Table.from_json(value["table"])
        return cls(KnownSchema(value["shape"]), table, tuple(value["definition"]))


def taken_names(session: Session) -> list[Finding]:
    """Return a blocker for each of the two tables that is another program's, by its shape."""
    return [
        name_taken("table", name)
        for name, (primary, columns) in _SHAPES.items()
        if (table := read_table(session, name)) is not None
        and (
            table.primary != primary
            or [(column.name, column.type.replace("longtext", "text")) for column in table.columns]
            != columns
        )
    ]


def name_taken(kind: str, name: str) -> Finding:
    """Return the blocker about an object of the operator's that has the name of one of ours."""
    says = f"there is a {kind} {name}, whose name a migration needs; rename that {kind}, or drop it"
    return Finding("left-over", "blocker", f"{says} if nobody needs it")


class MigrationState:
    """Named values in the table `migration_state`; a missing table counts as an empty one."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def exists(self) -> bool:
        """Return whether the two tables exist, or at least the first of them."""
        return _exists(self._session)

    def create(self) -> None:
        """Create the two tables if they are missing."""
        for statement in _TABLES:
            text = statement if self._session.dialect.is_mysql else _plain(statement)
            self._session.execute(text)

    def get(self, name: str) -> Any:
        """Return the JSON value called *name*, or None."""
        if not self.exists():
            return None
        rows = self._session.query(f"SELECT value FROM {STATE} WHERE name = ?", name)
        return json.loads(rows[0][0]) if rows else None

    def set(self, name: str, value: Any) -> None:
        """Store a JSON value under *name*."""
        text = json.dumps(value, ensure_ascii=False)
        if self._session.query(f"SELECT 1 FROM {STATE} WHERE name = ?", name):
            self._session.execute(f"UPDATE {STATE} SET value = ? WHERE name = ?", text, name)
        else:
            self._session.execute(f"INSERT INTO {STATE} (name, value) VALUES (?, ?)", name, text)

    def delete(self, *names: str) -> None:
        """Forget some values."""
        marks = ", ".join("?" for _ in names)
        self._session.execute(f"DELETE FROM {STATE} WHERE name IN ({marks})", *names)

    def forget_origin(self) -> None:
        """Forget the origin and each value that was to be changed, but none that was set aside."""
        self.delete("origin", "rows", "checksum")
        self._session.execute(f"DELETE FROM {CHANGES} WHERE NOT {SET_ASIDE}")

    @property
    def origin(self) -> Origin | None:
        """The origin of the table; None before an upgrade."""
        value = self.get("origin")
        return None if value is None else Origin.from_json(value)

    @property
    def import_stage(self) -> ImportStage | None:
        """The stage of an import into this database; None without an import."""
        record = self.get(IMPORT)
        return None if record is None else ImportStage(record["stage"])

    def drop(self) -> None:
        """Drop both tables: the migration is undone."""
        for table in (CHANGES, STATE):  # the state last: it was created first
            self._session.execute(f"DROP TABLE IF EXISTS {table}")

    def end(self) -> bool:
        """Forget a migration that is undone; return whether values that were set aside stay."""
        stay = bool(self._session.query(f"SELECT 1 FROM {CHANGES} WHERE {SET_ASIDE} LIMIT 1"))
        if stay:
            self._session.execute(f"DELETE FROM {CHANGES} WHERE NOT {SET_ASIDE}")
            self._session.execute(f"DELETE FROM {STATE}")
        else:
            self.drop()
        return stay

    @property
    def is_swapped(self) -> bool:
        """Whether an online upgrade waits for `db finish`."""
        return self.method == "online" and bool(self.get("swapped"))

    @property
    def method(self) -> Method | None:
        """The method of an unfinished upgrade; None if no upgrade is unfinished."""
        record = self.get("upgrading")
        return None if record is None else record["way"]


#: The key of each table, and its columns with their types.
_SHAPES: Final = {
    STATE: (("name",), [("name", "varchar(50)"), ("value", "text")]),
    CHANGES: (
        ("column_name", "task_id"),
        [
            *(("column_name", "varchar(64)"), ("task_id", "varchar(200)")),
            *(("old_value", "text"), ("new_value", "text")),
        ],
    ),
}
_TABLES: Final = (
    (
        f"CREATE TABLE IF NOT EXISTS {STATE} (name VARCHAR(50) NOT NULL PRIMARY KEY, "
        "value LONGTEXT NOT NULL) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4"
    ),
    (
        f"CREATE TABLE IF NOT EXISTS {CHANGES} (column_name VARCHAR(64) NOT NULL, "
        "task_id VARCHAR(200) CHARACTER SET ascii COLLATE ascii_bin NOT NULL, "
        "old_value LONGTEXT, new_value LONGTEXT, PRIMARY KEY (column_name, task_id)) "
        "ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin"
    ),
)


def _plain(statement: str) -> str:
    return (
        statement.replace("LONGTEXT", "TEXT")
        .replace(" CHARACTER SET ascii COLLATE ascii_bin", "")
        .partition(" ENGINE")[0]
    )


_CATALOGUE: Final = {
    Dialect.SQLITE: "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?",
    Dialect.POSTGRES: "SELECT 1 WHERE to_regclass(?::text) IS NOT NULL",
}


def _exists(session: Session) -> bool:
    sql = _CATALOGUE.get(
        session.dialect,
        "SELECT 1 FROM information_schema.TABLES "
        "WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = ?",
    )
    return bool(session.query(sql, STATE))

"""The state of a migration, in the database that it changes: two small tables.

`migration_state` holds where the table came from and how far an upgrade is;
`migration_changes` holds every value that an upgrade had to change, so that a downgrade can
restore it. A migration keeps nothing else outside the table `videos`.
"""

from __future__ import annotations

import json
from typing import Any, Final, Literal

import attrs

from kling_mock.migration.database.session import Session
from kling_mock.migration.schema.known_schemas import KnownSchema
from kling_mock.storage.schema import Dialect, Table

__all__ = ["CHANGES", "EVERY", "STATE", "Method", "MigrationState", "Origin"]

STATE: Final = "migration_state"
CHANGES: Final = "migration_changes"

#: How a table is upgraded: with the application stopped, or while it runs.
Method = Literal["direct", "online"]

#: Stands for every migrated row in `migration_changes`, where a column was NULL throughout.
EVERY: Final = "*"


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
        """Return what `to_json` wrote."""
        table = Table.from_json(value["table"])
        return cls(KnownSchema(value["shape"]), table, tuple(value["definition"]))


class MigrationState:
    """Named values in the table `migration_state`; a missing table counts as an empty one."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def create(self) -> None:
        """Create the two tables, where they are missing."""
        for statement in _TABLES:
            text = statement if self._session.dialect.is_mysql else _plain(statement)
            self._session.execute(text)

    def get(self, name: str) -> Any:
        """Return the JSON value of that name, or None."""
        if not _exists(self._session):
            return None
        rows = self._session.query(f"SELECT value FROM {STATE} WHERE name = ?", name)
        return json.loads(rows[0][0]) if rows else None

    def set(self, name: str, value: Any) -> None:
        """Keep a JSON value under that name."""
        text = json.dumps(value, ensure_ascii=False)
        if self._session.query(f"SELECT 1 FROM {STATE} WHERE name = ?", name):
            self._session.execute(f"UPDATE {STATE} SET value = ? WHERE name = ?", text, name)
        else:
            self._session.execute(f"INSERT INTO {STATE} (name, value) VALUES (?, ?)", name, text)

    def delete(self, *names: str) -> None:
        """Forget some values."""
        marks = ", ".join("?" for _ in names)
        self._session.execute(f"DELETE FROM {STATE} WHERE name IN ({marks})", *names)

    def clear(self) -> None:
        """Forget all values."""
        self._session.execute(f"DELETE FROM {STATE}")

    @property
    def origin(self) -> Origin | None:
        """Where the table came from; None before an upgrade."""
        value = self.get("origin")
        return None if value is None else Origin.from_json(value)

    def drop(self) -> None:
        """Drop both tables: the migration is undone."""
        for table in (CHANGES, STATE):  # the state last: it was created first
            self._session.execute(f"DROP TABLE {table}")

    @property
    def method(self) -> Method | None:
        """The method of an unfinished upgrade; None without one."""
        begun = self.get("upgrading")
        return None if begun is None else begun["way"]


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

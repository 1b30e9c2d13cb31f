"""A table as data, as the catalogue of a database describes it."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Any

import attrs


class Dialect(StrEnum):
    """The SQL dialect of a database."""

    #: 10.5 and later.
    MARIADB = "mariadb"
    #: 8.0.16 and later: older ones ignore CHECK.
    MYSQL = "mysql"
    #: 12 and later.
    POSTGRES = "postgresql"
    SQLITE = "sqlite"

    @property
    def is_mysql(self) -> bool:
        """Whether this is MySQL or MariaDB, which run the same statements with few exceptions."""
        return self in {Dialect.MARIADB, Dialect.MYSQL}


@attrs.frozen
class Column:
    """A column.

    Attributes:
        name: Its name.
        type: Its type in lower case, without a display width that is the default:
            `bigint unsigned`, `varchar(200)`, `longtext`.
        nullable: Whether it takes NULL.
        default: The default as an SQL literal (`'pending'`, `0`); None when there is none.
        collation: The collation of texts, where it is part of the schema or known from the
            database; "" where it does not matter.
        auto: Whether the database numbers it.
        comment: The database's comment on it; carried along, never compared.
    """

    name: str
    type: str
    nullable: bool = True
    default: str | None = None
    collation: str = ""
    auto: bool = False
    comment: str = attrs.field(default="", eq=False)

    @property
    def length(self) -> int | None:
        """The maximum number of characters; None if the type has no limit that matters."""
        kind, _, rest = self.type.partition("(")
        return int(rest.rstrip(")")) if kind in {"varchar", "char"} and rest else None

    @property
    def required(self) -> bool:
        """Whether an INSERT that does not know the column fails."""
        return not self.nullable and self.default is None and not self.auto


@attrs.frozen
class Index:
    """An index other than the primary key.

    Attributes:
        name: Its name.
        columns: The columns in order.
        unique: Whether it refuses duplicates.
        prefixes: For each column the number of characters indexed; None for all of it.
    """

    name: str
    columns: tuple[str, ...]
    unique: bool = False
    prefixes: tuple[int | None, ...] = ()

    def __attrs_post_init__(self) -> None:
        if not self.prefixes:
            object.__setattr__(self, "prefixes", (None,) * len(self.columns))

    def covers(self, other: Index) -> bool:
        """Return whether this index finds everything that *other* finds."""
        return self.columns[: len(other.columns)] == other.columns and not other.unique


@attrs.frozen
class Check:
    """A CHECK. Databases reword its text, so only the name is compared."""

    name: str
    text: str = attrs.field(default="", eq=False)


@attrs.frozen
class Table:
    """A table: columns in their order, primary key, indexes in their order, CHECKs."""

    name: str
    columns: tuple[Column, ...]
    primary: tuple[str, ...] = ()
    indexes: tuple[Index, ...] = ()
    checks: frozenset[Check] = frozenset()

    def column(self, name: str) -> Column | None:
        """Return the column of that *name*, if there is one."""
        return next((column for column in self.columns if column.name == name), None)

    def index(self, name: str) -> Index | None:
        """Return the index of that *name*, if there is one."""
        return next((index for index in self.indexes if index.name == name), None)

    def has(self, *names: str) -> bool:
        """Return whether all these columns exist."""
        return set(names) <= {column.name for column in self.columns}

    def to_json(self) -> dict[str, Any]:
        """Return the description as JSON values; `from_json` reads them back."""
        return {
            "name": self.name,
            "columns": [attrs.asdict(column) for column in self.columns],
            "primary": list(self.primary),
            "indexes": [attrs.asdict(index) for index in self.indexes],
            "checks": [attrs.asdict(check) for check in sorted(self.checks, key=_name)],
        }

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Table:
        """Return the description that `to_json` wrote."""
        return cls(
            name=value["name"],
            columns=tuple(Column(**column) for column in value["columns"]),
            primary=tuple(value["primary"]),
            indexes=tuple(_index(index) for index in value["indexes"]),
            checks=frozenset(Check(**check) for check in value["checks"]),
        )


def same_content(table: Table, other: Table) -> bool:
    """Return whether two tables are equal, apart from the order of columns and indexes."""
    return (
        _by_name(table.columns) == _by_name(other.columns)
        and table.primary == other.primary
        and _by_name(table.indexes) == _by_name(other.indexes)
        and table.checks == other.checks
    )


def _name(check: Check) -> str:
    return check.name


def _by_name(parts: Iterable[Column] | Iterable[Index]) -> dict[str, Column | Index]:
    return {part.name: part for part in parts}


def _index(value: dict[str, Any]) -> Index:
    return Index(value["name"], tuple(value["columns"]), value["unique"], tuple(value["prefixes"]))

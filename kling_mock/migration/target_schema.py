"""The wanted `videos` table in a database's words: the schema's data as a description."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from kling_mock.migration.session import Dialect
from kling_mock.migration.table import Check, Column, Index, Table
from kling_mock.storage.schema import Dialect as Family
from kling_mock.storage.schema import Kind, table_named
from kling_mock.storage.schema import model as data
from kling_mock.storage.schema.render import check_name, check_sql, index_columns, type_sql

__all__ = ["family", "wanted"]

_FAMILIES: Final[Mapping[Dialect, Family]] = {
    "mariadb": Family.MYSQL,
    "mysql": Family.MYSQL,
    "postgresql": Family.POSTGRES,
    "sqlite": Family.SQLITE,
}


def family(dialect: Dialect) -> Family:
    """Return the schema's name for the family of a database."""
    return _FAMILIES[dialect]


def wanted(dialect: Dialect) -> Table:
    """Return what `videos` shall be in a database of that dialect."""
    return described(table_named("videos"), dialect)


def described(table: data.Table, dialect: Dialect) -> Table:
    """Return a table of the schema as the catalogue of a database would describe it."""
    words = family(dialect)
    return Table(
        table.name,
        tuple(_column(one, words) for one in table.columns),
        (table.key,),
        tuple(
            Index(one.name, tuple(index_columns(one, words).split(", ")), one.unique)
            for one in table.indexes
        ),
        frozenset(Check(check_name(table, one), check_sql(one, words)) for one in table.checks),
    )


def _column(column: data.Column, words: Family) -> Column:
    # A catalogue says the same in lower case, and character set and collation apart.
    kind, _, collation = type_sql(column, words).partition(" COLLATE ")
    default = column.default
    literal = f"'{default}'" if isinstance(default, str) else default
    return Column(
        column.name,
        kind.partition(" CHARACTER SET ")[0].lower(),
        nullable=column.nullable,
        default=None if literal is None else str(literal),
        collation=collation.strip('"'),
        auto=column.kind is Kind.KEY,
    )

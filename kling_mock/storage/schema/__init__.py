"""The tables as data, and the script that makes them in each database."""

from kling_mock.storage.schema.model import Check, Column, Index, Kind, Table
from kling_mock.storage.schema.render import Dialect, column_sql, index_sql, script, table_sql
from kling_mock.storage.schema.tables import ADDED, TABLES, VERSION, table_named

__all__ = [
    "ADDED",
    "TABLES",
    "VERSION",
    "Check",
    "Column",
    "Dialect",
    "Index",
    "Kind",
    "Table",
    "column_sql",
    "index_sql",
    "script",
    "table_named",
    "table_sql",
]

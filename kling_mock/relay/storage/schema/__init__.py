"""Tables as data, and the DDL that creates them in each database."""

from kling_mock.relay.storage.schema.ddl import (
    SCRIPTS,
    check_sql,
    column_sql,
    create,
    create_indexes,
    index_columns,
    key_columns,
    quoted,
    script,
    table_statements,
)
from kling_mock.relay.storage.schema.model import Check, Column, Dialect, Index, Table, same_content
from kling_mock.relay.storage.schema.tables import (
    ADDED,
    TABLE_NAMES,
    TABLES,
    VERSION,
    WRITTEN_BY_OTHERS,
    table_named,
)

__all__ = [
    "ADDED",
    "SCRIPTS",
    "TABLES",
    "TABLE_NAMES",
    "VERSION",
    "WRITTEN_BY_OTHERS",
    "Check",
    "Column",
    "Dialect",
    "Index",
    "Table",
    "check_sql",
    "column_sql",
    "create",
    "create_indexes",
    "index_columns",
    "key_columns",
    "quoted",
    "same_content",
    "script",
    "table_named",
    "table_statements",
]

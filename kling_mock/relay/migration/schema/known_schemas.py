"""The known schemas of a `videos` table, and their recognition.

The schemas come from the public one-api sources and from the deployment guide, executed on MariaDB
11.8 (what gorm makes on MySQL itself is inferred).
"""

from __future__ import annotations

import enum

import attrs

from kling_mock.relay.storage.schema import (
    ADDED,
    Column,
    Dialect,
    Index,
    Table,
    same_content,
    table_named,
)


class KnownSchema(enum.Enum):
    """A known schema, by the name that commands print and record."""

    ABSENT = "absent"
    GORM = "gorm"
    TASK_ID_KEY = "task-id-key"
    GUIDE_STEP_1 = "guide-step-1"
    GUIDE_STEP_2 = "guide-step-2"
    GUIDE_STEP_3 = "guide-step-3"
    GUIDE = "guide"
    SCRIPT = "script"
    GO_SEED = "go-seed"
    GO_HEAD = "go-head"
    PARTLY_OURS = "partly-ours"
    OURS = "ours"
    UNKNOWN = "unknown"

    @property
    def means(self) -> str:
        """The meaning of the schema, in one sentence for the operator."""
        return _MEANINGS[self]

    @property
    def upgradable(self) -> bool:
        """Whether the schema can be upgraded to the target schema."""
        return self not in {KnownSchema.ABSENT, KnownSchema.UNKNOWN}


_MEANINGS = {
    KnownSchema.ABSENT: "there is no table `videos`; `kling-mock serve --db` creates it",
    KnownSchema.GORM: "the old relay's table: no key, at most the index idx_tid",
    KnownSchema.TASK_ID_KEY: "an older table whose primary key is task_id",
    KnownSchema.GUIDE_STEP_1: "half migrated: the guide's first statement ran (id added)",
    KnownSchema.GUIDE_STEP_2: "half migrated: the old index is gone, task_id has no index at all",
    KnownSchema.GUIDE_STEP_3: "half migrated: task_id is unique, the other indexes are missing",
    KnownSchema.GUIDE: "migrated by the guide's SQL",
    KnownSchema.SCRIPT: "migrated by the repository's script",
    KnownSchema.GO_SEED: "migrated by the Go program's own model of December 2025",
    KnownSchema.GO_HEAD: "migrated by the Go program's later model",
    KnownSchema.PARTLY_OURS: (
        "part of the target schema: of an older version of the relay, or an upgrade was interrupted"
    ),
    KnownSchema.OURS: "the target schema",
    KnownSchema.UNKNOWN: "an unknown videos table; it is not changed",
}

#: The columns of the old program's first model, which called the user `use_id` and had neither a
#: status nor a quota. A table of that name without these columns is something else.
_ESSENTIAL = ("task_id", "created_at", "provider", "username", "channel_id")

#: Columns that only this project makes; the Go program's later model also has the two that are
#: excluded here.
_OURS = set(ADDED) - {"token_id", "callback_url"}
#: The column among them that the first version of the relay did not make.
_LATER = {"service"}

#: The guide's composite indexes; its script and the Go models lack them.
_COMPOSITES = (("user_id", "created_at"), ("channel_id", "created_at"))


def recognise(table: Table | None, schema: Table) -> KnownSchema:
    """Return the known schema that *table* has.

    Args:
        table: The table that was found; None if there is no such table.
        schema: The target schema. A table that has all of it, and perhaps more, is `OURS`.
    """
    if table is None:
        return KnownSchema.ABSENT
    if not table.has(*_ESSENTIAL) or not (table.has("user_id") or table.has("use_id")):
        return KnownSchema.UNKNOWN
    if table.primary == ("id",):
        return _with_id(table, schema)
    if table.has("id"):
        return KnownSchema.UNKNOWN
    if table.primary == ("task_id",):
        return KnownSchema.TASK_ID_KEY
    return KnownSchema.UNKNOWN if table.primary else KnownSchema.GORM


def own_columns(table: Table) -> list[str]:
    """Return the operator's own columns of *table* that have the names of ours.

    The first version of the relay made all of its columns at once.
    """
    if table.has(*(_OURS - _LATER)):
        return []
    return [column.name for column in table.columns if column.name in _OURS]


def _with_id(table: Table, schema: Table) -> KnownSchema:
    if same_content(table, goal(table, schema)):
        return KnownSchema.OURS
    if any(table.has(column) for column in _OURS):
        return KnownSchema.PARTLY_OURS
    if table.has("result") and not table.has("json_data"):
        return KnownSchema.GO_HEAD
    if not any(index.unique and index.columns == ("task_id",) for index in table.indexes):
        return KnownSchema.GUIDE_STEP_1 if _on_task_id(table) else KnownSchema.GUIDE_STEP_2
    if table.has("updated_at", "json_data"):
        number = table.column("id")
        unsigned = number is not None and "unsigned" in number.type
        return KnownSchema.SCRIPT if unsigned else KnownSchema.GO_SEED
    present = {index.columns for index in table.indexes}
    return KnownSchema.GUIDE if present.issuperset(_COMPOSITES) else KnownSchema.GUIDE_STEP_3


def _on_task_id(table: Table) -> bool:
    return any(index.columns == ("task_id",) for index in table.indexes)


# ---------------------------------------------------------------- what a table becomes


def target_schema(dialect: Dialect) -> Table:
    """Return the target schema of `videos` in a database."""
    return table_named("videos", dialect)


def goal(table: Table, schema: Table) -> Table:
    """Return the result of an upgrade of *table*: the target schema, and what else the table has.

    A TEXT never becomes narrower. Columns that the target schema does not have stay. Other indexes
    stay too, unless an index of the target schema finds all that they find, or they are the old
    unique index over a part of task_id.
    """
    extra = tuple(column for column in table.columns if schema.column(column.name) is None)
    other_indexes = tuple(index for index in table.indexes if not _superseded(index, schema))
    return Table(
        name=table.name,
        columns=(*(_adapted(column, table) for column in schema.columns), *extra),
        primary=schema.primary,
        indexes=(*schema.indexes, *other_indexes),
        checks=schema.checks | table.checks,
    )


def _adapted(column: Column, table: Table) -> Column:
    """Return a target column with the old comment and, where possible, the old collation.

    A TEXT that was wider stays wider: MariaDB cuts a LONGTEXT that goes into a TEXT, and reports
    no error in a trigger or an INSERT ... SELECT, whatever the sql_mode.
    """
    old = table.column(column.name)
    if old is None:
        return column
    if column.type == "text" and old.type in {"mediumtext", "longtext"}:
        column = attrs.evolve(column, type=old.type)
    textual = "char" in column.type or "text" in column.type
    collation = old.collation if textual and not column.collation else column.collation
    return attrs.evolve(column, collation=collation, comment=old.comment)


def _superseded(index: Index, schema: Table) -> bool:
    return (
        schema.index(index.name) is not None
        or (index.unique and index.columns == ("task_id",))
        or any(new.covers(index) for new in schema.indexes)
    )

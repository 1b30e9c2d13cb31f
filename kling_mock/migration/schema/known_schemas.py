"""Which of the known schemas a `videos` table has.

They come from the public one-api sources and from the
deployment guide, executed on MariaDB 11.8 (what gorm makes on MySQL itself is inferred).
"""

from __future__ import annotations

import enum

import attrs

from kling_mock.storage.schema import (
    ADDED,
    Column,
    Dialect,
    Index,
    Table,
    same_content,
    table_named,
)

__all__ = ["KnownSchema", "goal", "recognise", "target_schema"]


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
        """One sentence for the operator."""
        return _MEANINGS[self]

    @property
    def upgradable(self) -> bool:
        """Whether it can be upgraded to the target schema."""
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

#: Without these a table of that name is something else.
_ESSENTIAL = ("task_id", "created_at", "user_id", "channel_id", "status", "quota")

#: Columns that only this project makes: the Go program's later model has the other two as well.
_OURS = set(ADDED) - {"token_id", "callback_url"}

#: The guide's composite indexes; its script and the Go models lack them.
_COMPOSITES = (("user_id", "created_at"), ("channel_id", "created_at"))


def recognise(table: Table | None, wanted: Table) -> KnownSchema:
    """Return which known schema *table* has.

    Args:
        table: What was found; None when there is no such table.
        wanted: The target schema. A table that has all of it, and perhaps more, is
            `OURS`.
    """
    if table is None:
        return KnownSchema.ABSENT
    if not table.has(*_ESSENTIAL):
        return KnownSchema.UNKNOWN
    if table.primary == ("id",):
        return _with_id(table, wanted)
    if table.has("id"):
        return KnownSchema.UNKNOWN
    if table.primary == ("task_id",):
        return KnownSchema.TASK_ID_KEY
    return KnownSchema.UNKNOWN if table.primary else KnownSchema.GORM


def _with_id(table: Table, wanted: Table) -> KnownSchema:
    if same_content(table, goal(table, wanted)):
        return KnownSchema.OURS
    if any(table.has(one) for one in _OURS):
        return KnownSchema.PARTLY_OURS
    if table.has("result") and not table.has("json_data"):
        return KnownSchema.GO_HEAD
    if not any(one.unique and one.columns == ("task_id",) for one in table.indexes):
        return KnownSchema.GUIDE_STEP_1 if _on_task_id(table) else KnownSchema.GUIDE_STEP_2
    if table.has("updated_at", "json_data"):
        number = table.column("id")
        unsigned = number is not None and "unsigned" in number.type
        return KnownSchema.SCRIPT if unsigned else KnownSchema.GO_SEED
    present = {one.columns for one in table.indexes}
    return KnownSchema.GUIDE if present.issuperset(_COMPOSITES) else KnownSchema.GUIDE_STEP_3


def _on_task_id(table: Table) -> bool:
    return any(one.columns == ("task_id",) for one in table.indexes)


# ---------------------------------------------------------------- what a table becomes


def target_schema(dialect: Dialect) -> Table:
    """Return the target schema of `videos` in a database."""
    return table_named("videos", dialect)


def goal(found: Table, wanted: Table) -> Table:
    """Return what an upgrade makes of *found*: the target schema, and what else it has.

    No TEXT becomes narrower. Columns that the target schema does not have stay. So do other
    indexes, unless a wanted index finds all that they find, or they are the old unique index
    over a part of task_id.
    """
    extra = tuple(one for one in found.columns if wanted.column(one.name) is None)
    kept = tuple(one for one in found.indexes if not _superseded(one, wanted))
    return Table(
        name=found.name,
        columns=(*(_adapted(one, found) for one in wanted.columns), *extra),
        primary=wanted.primary,
        indexes=(*wanted.indexes, *kept),
        checks=wanted.checks | found.checks,
    )


def _adapted(column: Column, found: Table) -> Column:
    """Return a wanted column with the old comment and, where it may, the old collation.

    A TEXT that was wider stays so: MariaDB cuts a LONGTEXT that goes into a TEXT, and reports
    no error in a trigger or an INSERT ... SELECT, whatever the sql_mode.
    """
    old = found.column(column.name)
    if old is None:
        return column
    if column.type == "text" and old.type in {"mediumtext", "longtext"}:
        column = attrs.evolve(column, type=old.type)
    textual = "char" in column.type or "text" in column.type
    collation = old.collation if textual and not column.collation else column.collation
    return attrs.evolve(column, collation=collation, comment=old.comment)


def _superseded(index: Index, wanted: Table) -> bool:
    return (
        wanted.index(index.name) is not None
        or (index.unique and index.columns == ("task_id",))
        or any(one.covers(index) for one in wanted.indexes)
    )

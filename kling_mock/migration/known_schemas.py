"""Which of the known shapes a `videos` table has.

The shapes and where they come from: a reading of the public one-api sources and of the
deployment guide, executed on MariaDB 11.8 (what gorm makes on MySQL itself is inferred).
"""

from __future__ import annotations

import enum

import attrs

from kling_mock.migration.table import Column, Index, Table, same_content
from kling_mock.storage.schema import ADDED

__all__ = ["Shape", "goal", "recognise"]


class Shape(enum.Enum):
    """A shape, by the name that commands print and record."""

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
        """Whether there is a way from here to the wanted schema."""
        return self not in {Shape.ABSENT, Shape.UNKNOWN}


_MEANINGS = {
    Shape.ABSENT: "there is no table `videos`; `kling-mock serve --db` creates it",
    Shape.GORM: "the old relay's table: no key, at most the index idx_tid",
    Shape.TASK_ID_KEY: "an older table whose primary key is task_id",
    Shape.GUIDE_STEP_1: "half migrated: the guide's first statement ran (id added)",
    Shape.GUIDE_STEP_2: "half migrated: the old index is gone, task_id has no index at all",
    Shape.GUIDE_STEP_3: "half migrated: task_id is unique, the other indexes are missing",
    Shape.GUIDE: "migrated by the guide's SQL",
    Shape.SCRIPT: "migrated by the repository's script",
    Shape.GO_SEED: "migrated by the Go program's own model of December 2025",
    Shape.GO_HEAD: "migrated by the Go program's later model",
    Shape.PARTLY_OURS: "on the way to the wanted schema: an upgrade was interrupted",
    Shape.OURS: "the wanted schema",
    Shape.UNKNOWN: "not a videos table that is known here; nothing is done to it",
}

#: Without these a table of that name is something else.
_ESSENTIAL = ("task_id", "created_at", "user_id", "channel_id", "status", "quota")

#: Columns that only this project makes: the Go program's later model has the other two as well.
_OURS = {one.name for one in ADDED} - {"token_id", "callback_url"}

#: The guide's composite indexes; its script and the Go models lack them.
_COMPOSITES = (("user_id", "created_at"), ("channel_id", "created_at"))


def recognise(table: Table | None, wanted: Table) -> Shape:
    """Return the shape of *table*.

    Args:
        table: What was found; None when there is no such table.
        wanted: The wanted schema. A table that has all of it, whatever it has besides, is
            `OURS`.
    """
    if table is None:
        return Shape.ABSENT
    if not table.has(*_ESSENTIAL):
        return Shape.UNKNOWN
    if table.primary == ("id",):
        return _with_id(table, wanted)
    if table.has("id"):
        return Shape.UNKNOWN
    if table.primary == ("task_id",):
        return Shape.TASK_ID_KEY
    return Shape.UNKNOWN if table.primary else Shape.GORM


def _with_id(table: Table, wanted: Table) -> Shape:
    if same_content(table, goal(table, wanted)):
        return Shape.OURS
    if any(table.has(one) for one in _OURS):
        return Shape.PARTLY_OURS
    if table.has("result") and not table.has("json_data"):
        return Shape.GO_HEAD
    if not any(one.unique and one.columns == ("task_id",) for one in table.indexes):
        return Shape.GUIDE_STEP_1 if _on_task_id(table) else Shape.GUIDE_STEP_2
    if table.has("updated_at", "json_data"):
        number = table.column("id")
        unsigned = number is not None and "unsigned" in number.type
        return Shape.SCRIPT if unsigned else Shape.GO_SEED
    present = {one.columns for one in table.indexes}
    return Shape.GUIDE if present.issuperset(_COMPOSITES) else Shape.GUIDE_STEP_3


def _on_task_id(table: Table) -> bool:
    return any(one.columns == ("task_id",) for one in table.indexes)


# ---------------------------------------------------------------- what a table shall become


def goal(found: Table, wanted: Table) -> Table:
    """Return what an upgrade makes of *found*: the wanted schema, and what else it holds.

    No TEXT becomes narrower. Columns that the wanted schema does not know stay. So do other
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

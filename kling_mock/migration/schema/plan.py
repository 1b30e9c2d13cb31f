"""The steps from a table that was found to a target, as data.

`plan` is a plain comparison of two descriptions, so it serves upgrade and downgrade alike,
and starts from wherever an interrupted run left the table.
"""

from __future__ import annotations

from functools import reduce
from itertools import takewhile

import attrs

from kling_mock.storage.schema import Check, Column, Index, Table

__all__ = [
    "AddCheck",
    "AddColumn",
    "AddIndex",
    "ChangeColumn",
    "ChangeKey",
    "DropCheck",
    "DropColumn",
    "DropIndex",
    "Step",
    "applied",
    "plan",
]


@attrs.frozen
class ChangeKey:
    """Another primary key, with the numbered column that it needs or no longer needs.

    One step, because a numbered column must be a key, and a table has one primary key.

    Attributes:
        drop: The columns of the old primary key; () when there is none.
        add: The columns of the new one; () when there shall be none.
        new: A numbered column that comes with the key, as the first of the table.
        gone: The name of a numbered column that is dropped with the old key; "" when none is.
    """

    drop: tuple[str, ...]
    add: tuple[str, ...]
    new: Column | None = None
    gone: str = ""

    def to(self, table: Table) -> Table:
        """Return *table* after this step."""
        columns = tuple(one for one in table.columns if one.name != self.gone)
        if self.new is not None:
            columns = (self.new, *columns)
        columns = tuple(
            attrs.evolve(one, nullable=False) if one.name in self.add else one for one in columns
        )
        return attrs.evolve(table, columns=columns, primary=self.add)


@attrs.frozen
class AddColumn:
    """A new column, after all others; old rows take its default or NULL."""

    column: Column

    def to(self, table: Table) -> Table:
        """Return *table* after this step."""
        return attrs.evolve(table, columns=(*table.columns, self.column))


@attrs.frozen
class ChangeColumn:
    """Another type, nullability, default or collation of the column *old*."""

    old: Column
    column: Column

    def to(self, table: Table) -> Table:
        """Return *table* after this step."""
        changed = tuple(
            self.column if one.name == self.column.name else one for one in table.columns
        )
        return attrs.evolve(table, columns=changed)


@attrs.frozen
class DropColumn:
    """A column is dropped, with its values."""

    name: str

    def to(self, table: Table) -> Table:
        """Return *table* after this step."""
        return attrs.evolve(
            table, columns=tuple(one for one in table.columns if one.name != self.name)
        )


@attrs.frozen
class DropIndex:
    """An index is dropped."""

    name: str

    def to(self, table: Table) -> Table:
        """Return *table* after this step."""
        return attrs.evolve(
            table, indexes=tuple(one for one in table.indexes if one.name != self.name)
        )


@attrs.frozen
class AddIndex:
    """A new index."""

    index: Index

    def to(self, table: Table) -> Table:
        """Return *table* after this step."""
        return attrs.evolve(table, indexes=(*table.indexes, self.index))


@attrs.frozen
class DropCheck:
    """A CHECK is dropped."""

    check: Check

    def to(self, table: Table) -> Table:
        """Return *table* after this step."""
        return attrs.evolve(table, checks=table.checks - {self.check})


@attrs.frozen
class AddCheck:
    """A new CHECK."""

    check: Check

    def to(self, table: Table) -> Table:
        """Return *table* after this step."""
        return attrs.evolve(table, checks=table.checks | {self.check})


Step = (
    ChangeKey | AddColumn | ChangeColumn | DropColumn | DropIndex | AddIndex | DropCheck | AddCheck
)


def applied(steps: tuple[Step, ...], table: Table) -> Table:
    """Return what *table* is after *steps*."""
    return reduce(lambda before, step: step.to(before), steps, table)


def plan(found: Table, wanted: Table, *, in_order: bool = False) -> tuple[Step, ...]:
    """Return the steps from *found* to *wanted*; () when there is nothing to do.

    An upgrade starts with the key and a downgrade ends with it, so that a partly changed
    table can be distinguished from an unchanged one. Indexes go before the columns under
    them, and come after.

    Args:
        found: The table as it is.
        wanted: The table as it shall be.
        in_order: Whether the indexes shall end in the order of *wanted* as well. Databases
            list them in the order of their creation, so some are created again.
    """
    key = _key(found, wanted)
    stay = _ordered(found, wanted) if in_order else _common(found, wanted)
    body = (*_drops(found, wanted, stay), *_columns(found, wanted, key))
    body = (*body, *_adds(found, wanted, stay))
    if key is None:
        return body
    return (key, *body) if key.new is not None else (*body, key)


def _key(found: Table, wanted: Table) -> ChangeKey | None:
    if found.primary == wanted.primary:
        return None
    new = next((one for one in wanted.columns if one.auto and not found.has(one.name)), None)
    gone = next((one for one in found.columns if one.auto and not wanted.has(one.name)), None)
    return ChangeKey(found.primary, wanted.primary, new, gone.name if gone else "")


def _common(found: Table, wanted: Table) -> frozenset[Index]:
    return frozenset(found.indexes) & frozenset(wanted.indexes)


def _ordered(found: Table, wanted: Table) -> frozenset[Index]:
    """Return the longest prefix of the wanted indexes that exists in this order."""
    rest = iter(found.indexes)
    return frozenset(takewhile(lambda one: one in rest, wanted.indexes))


def _drops(found: Table, wanted: Table, stay: frozenset[Index]) -> tuple[Step, ...]:
    return (
        *(DropCheck(one) for one in _sorted(found.checks - wanted.checks)),
        *(DropIndex(one.name) for one in found.indexes if one not in stay),
    )


def _adds(found: Table, wanted: Table, stay: frozenset[Index]) -> tuple[Step, ...]:
    return (
        *(AddIndex(one) for one in wanted.indexes if one not in stay),
        *(AddCheck(one) for one in _sorted(wanted.checks - found.checks)),
    )


def _sorted(checks: frozenset[Check]) -> list[Check]:
    return sorted(checks, key=lambda one: one.name)


def _columns(found: Table, wanted: Table, key: ChangeKey | None) -> tuple[Step, ...]:
    moved = {key.gone, key.new.name if key.new else ""} if key else set[str]()
    return (
        *(
            DropColumn(one.name)
            for one in found.columns
            if not wanted.has(one.name) and one.name not in moved
        ),
        *(
            ChangeColumn(old, one)
            for one in wanted.columns
            if (old := found.column(one.name)) is not None and old != one
        ),
        *(
            AddColumn(one)
            for one in wanted.columns
            if not found.has(one.name) and one.name not in moved
        ),
    )

"""The steps from an existing table to a target table, as data.

`plan` is a plain comparison of two descriptions, so it serves upgrade and downgrade alike,
and starts from wherever an interrupted run left the table.
"""

from __future__ import annotations

from functools import reduce
from itertools import takewhile

import attrs

from kling_mock.relay.storage.schema import Check, Column, Index, Table


@attrs.frozen
class ChangeKey:
    """A change of the primary key, with the numbered column that it needs or no longer needs.

    This is one step, because a numbered column must be a key, and a table has one primary key.

    Attributes:
        drop: The columns of the old primary key; () if the table does not have one.
        add: The columns of the new primary key; () if the table will not have one.
        new: A numbered column that comes with the key, as the first of the table.
        gone: The name of a numbered column that is dropped with the old key; "" if none is.
    """

    drop: tuple[str, ...]
    add: tuple[str, ...]
    new: Column | None = None
    gone: str = ""

    def to(self, table: Table) -> Table:
        """Return *table* after this step."""
        columns = tuple(column for column in table.columns if column.name != self.gone)
        if self.new is not None:
            columns = (self.new, *columns)
        columns = tuple(
            attrs.evolve(column, nullable=False) if column.name in self.add else column
            for column in columns
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
    """A change of type, nullability, default or collation of the column *old*."""

    old: Column
    column: Column

    def to(self, table: Table) -> Table:
        """Return *table* after this step."""
        changed = tuple(
            self.column if column.name == self.column.name else column for column in table.columns
        )
        return attrs.evolve(table, columns=changed)


@attrs.frozen
class DropColumn:
    """The removal of a column and its values."""

    name: str

    def to(self, table: Table) -> Table:
        """Return *table* after this step."""
        return attrs.evolve(
            table, columns=tuple(column for column in table.columns if column.name != self.name)
        )


@attrs.frozen
class DropIndex:
    """The removal of an index."""

    name: str

    def to(self, table: Table) -> Table:
        """Return *table* after this step."""
        return attrs.evolve(
            table, indexes=tuple(index for index in table.indexes if index.name != self.name)
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
    """The removal of a CHECK."""

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
    """Return *table* after *steps*."""
    return reduce(lambda before, step: step.to(before), steps, table)


def plan(source: Table, target: Table, *, in_order: bool = False) -> tuple[Step, ...]:
    """Return the steps from *source* to *target*; () when there is nothing to do.

    An upgrade starts with the key and a downgrade ends with it, so that a partly changed
    table can be distinguished from an unchanged one. Indexes are dropped before the
    columns under them, and added after them.

    Args:
        source: The table as it is.
        target: The table as it should be.
        in_order: Whether the indexes must also end up in the order of *target*. Databases
            list them in the order of their creation, so some are created again.
    """
    key = _key(source, target)
    stay = _ordered(source, target) if in_order else _common(source, target)
    body = (*_drops(source, target, stay), *_columns(source, target, key))
    body = (*body, *_adds(source, target, stay))
    if key is None:
        return body
    return (key, *body) if key.new is not None else (*body, key)


def _key(source: Table, target: Table) -> ChangeKey | None:
    if source.primary == target.primary:
        return None
    new = next(
        (column for column in target.columns if column.auto and not source.has(column.name)), None
    )
    gone = next(
        (column for column in source.columns if column.auto and not target.has(column.name)), None
    )
    return ChangeKey(source.primary, target.primary, new, gone.name if gone else "")


def _common(source: Table, target: Table) -> frozenset[Index]:
    return frozenset(source.indexes) & frozenset(target.indexes)


def _ordered(source: Table, target: Table) -> frozenset[Index]:
    """Return the longest prefix of the target's indexes that exists in this order."""
    rest = iter(source.indexes)
    return frozenset(takewhile(lambda index: index in rest, target.indexes))


def _drops(source: Table, target: Table, stay: frozenset[Index]) -> tuple[Step, ...]:
    return (
        *(DropCheck(check) for check in _sorted(source.checks - target.checks)),
        *(DropIndex(index.name) for index in source.indexes if index not in stay),
    )


def _adds(source: Table, target: Table, stay: frozenset[Index]) -> tuple[Step, ...]:
    return (
        *(AddIndex(index) for index in target.indexes if index not in stay),
        *(AddCheck(check) for check in _sorted(target.checks - source.checks)),
    )


def _sorted(checks: frozenset[Check]) -> list[Check]:
    return sorted(checks, key=lambda check: check.name)


def _columns(source: Table, target: Table, key: ChangeKey | None) -> tuple[Step, ...]:
    moved = {key.gone, key.new.name if key.new else ""} if key else set[str]()
    return (
        *(
            DropColumn(column.name)
            for column in source.columns
            if not target.has(column.name) and column.name not in moved
        ),
        *(
            ChangeColumn(old, column)
            for column in target.columns
            if (old := source.column(column.name)) is not None and old != column
        ),
        *(
            AddColumn(column)
            for column in target.columns
            if not source.has(column.name) and column.name not in moved
        ),
    )

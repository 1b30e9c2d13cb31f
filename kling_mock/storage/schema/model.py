"""What a table is made of, without any database's words."""

from __future__ import annotations

from enum import Enum

import attrs

__all__ = ["Check", "Column", "Index", "Kind", "Table"]


class Kind(Enum):
    """What a column holds."""

    #: The integer key; the database gives it out.
    KEY = "key"
    #: A small whole number or an id of a table that never gets large: the guide's INT.
    INT = "int"
    #: A whole number: time, quota, or a count.
    BIGINT = "bigint"
    #: Words for people; compared with nothing.
    TEXT = "text"
    #: Words of a bounded length.
    STRING = "string"
    #: Text of a bounded length, compared byte for byte.
    BINARY = "binary"
    #: ASCII of a bounded length, compared byte for byte.
    ASCII = "ascii"


@attrs.frozen
class Column:
    """A column.

    Attributes:
        name: Its name.
        kind: What it holds.
        length: Characters, of the kinds of a bounded length.
        default: What it holds if nothing is said; None is no default.
        nullable: Whether it may hold nothing.
    """

    name: str
    kind: Kind
    length: int = 0
    default: int | str | None = None
    nullable: bool = False


@attrs.frozen
class Index:
    """An index.

    Attributes:
        name: Its name.
        columns: What it is over, each as a whole.
        unique: Whether no two rows may agree in it; NULL agrees with nothing.
        paged: Whether pages go over it by the integer key, so that it has to end with that.
            MySQL and SQLite append the key by themselves.
    """

    name: str
    columns: tuple[str, ...]
    unique: bool = False
    paged: bool = False


class Check(Enum):
    """A condition that the database itself enforces."""

    #: `task_id` is printable ASCII without spaces and not empty.
    PRINTABLE_TASK_ID = "printable task_id"


@attrs.frozen
class Table:
    """A table.

    Attributes:
        name: Its name.
        columns: In their order.
        indexes: Without the primary key.
        key: The primary key: one column.
        checks: Conditions.
    """

    name: str
    columns: tuple[Column, ...]
    indexes: tuple[Index, ...] = ()
    key: str = "id"
    checks: tuple[Check, ...] = ()

    def column(self, name: str) -> Column:
        """Return a column.

        Raises:
            KeyError: There is none of that name.
        """
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(name)

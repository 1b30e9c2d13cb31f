"""The column types that a migration carries over, their capacities, and their comparison."""

from __future__ import annotations

import re
from typing import Final, Literal

from kling_mock.relay.storage.schema import Dialect, quoted

#: The kind of values that a type holds, as far as conversions are concerned.
Kind = Literal["integer", "text", "padded", "number", "time", "choice"]

_INTEGERS: Final = {
    "tinyint": 8,
    "smallint": 16,
    "mediumint": 24,
    "int": 32,
    "integer": 32,
    "bigint": 64,
}
_OCTETS: Final = {"tinytext": 8, "text": 16, "mediumtext": 24, "longtext": 32}

_MYSQL: Final[dict[str, Kind]] = {
    **dict.fromkeys(("tinyint", "smallint", "mediumint", "int", "bigint"), "integer"),
    **dict.fromkeys(("varchar", "tinytext", "text", "mediumtext", "longtext"), "text"),
    "char": "padded",
    **dict.fromkeys(("decimal", "float", "double"), "number"),
    **dict.fromkeys(("date", "time", "datetime", "timestamp", "year"), "time"),
    **dict.fromkeys(("enum", "set"), "choice"),
}
_POSTGRES: Final[dict[str, Kind]] = {
    **dict.fromkeys(("smallint", "int", "bigint"), "integer"),
    **dict.fromkeys(("varchar", "text"), "text"),
    **dict.fromkeys(("numeric", "real", "double precision"), "number"),
    **dict.fromkeys(
        (
            "date",
            "timestamp with time zone",
            "timestamp without time zone",
            "time without time zone",
        ),
        "time",
    ),
    **dict.fromkeys(("boolean", "uuid", "json", "jsonb"), "choice"),
}


def kind_of(declared: str, dialect: Dialect) -> Kind | None:
    """Return the kind of the type *declared*; None if a migration does not carry it over."""
    if dialect is Dialect.SQLITE:
        return _affinity(declared)
    base = re.sub(r" (unsigned|zerofill)", "", declared)
    known = _POSTGRES if dialect is Dialect.POSTGRES else _MYSQL
    return known.get(base.partition("(")[0])


def _affinity(declared: str) -> Kind:
    """Return the kind that values get in a column of that type, by SQLite's own rules."""
    if "int" in declared:
        return "integer"
    if any(part in declared for part in ("char", "clob", "text")):
        return "text"
    if not declared or "blob" in declared:
        return "choice"
    return "number"


def carried(declared: str, dialect: Dialect) -> bool:
    """Return whether values of that type can be copied, and compared afterwards."""
    return kind_of(declared, dialect) is not None


def converts(old: str, new: str, dialect: Dialect) -> bool:
    """Return whether every value of the type *old* that fits into *new* stays the same there."""
    kind = kind_of(old, dialect)
    return old == new or (kind == kind_of(new, dialect) and kind in {"integer", "text"})


def integers(declared: str) -> tuple[int, int] | None:
    """Return the lowest and the highest number of an integer type; None for other types.

    It does not apply to SQLite, where each integer column holds 64 bits.
    """
    bits = _INTEGERS.get(re.sub(r"\(\d+\)", "", declared).partition(" ")[0])
    if bits is None:
        return None
    if "unsigned" in declared:
        return 0, 2**bits - 1
    return -(2 ** (bits - 1)), 2 ** (bits - 1) - 1


def octets(declared: str) -> int | None:
    """Return the maximum bytes of a text type of MariaDB or MySQL; None for other types."""
    bits = _OCTETS.get(declared)
    return None if bits is None else 2**bits - 1


def binary(column: str, dialect: Dialect) -> str:
    """Return SQL for *column* that compares byte for byte, whatever its collation is."""
    name = quoted(column, dialect)
    if dialect.is_mysql:
        return f"CONVERT({name} USING utf8mb4) COLLATE utf8mb4_bin"
    return f"{name} COLLATE BINARY" if dialect is Dialect.SQLITE else f'{name} COLLATE "C"'

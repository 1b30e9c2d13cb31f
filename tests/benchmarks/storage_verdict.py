"""The verdict of a measured figure on a claimed range. Pure; verdicts are never written by hand."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, Literal, NamedTuple, TypeAlias

Place: TypeAlias = Literal["less", "within", "more"]

_ALL: Final[Mapping[Place, str]] = {
    "less": "less than claimed",
    "within": "holds",
    "more": "more than claimed",
}
_ONE: Final[Mapping[Place, str]] = {"less": "less", "within": "holds", "more": "more"}
NOT_CLAIMED: Final = "not claimed"


class Range(NamedTuple):
    """The range that is claimed, both ends included."""

    low: float
    high: float


def place(value: float, claimed: Range) -> Place:
    """Return where a figure lies."""
    if value < claimed.low:
        return "less"
    return "more" if value > claimed.high else "within"


def judge(claimed: Range | None, values: Mapping[str, float]) -> str:
    """Return the verdict over one row of figures, one per database."""
    if claimed is None:
        return NOT_CLAIMED
    places = {name: place(value, claimed) for name, value in values.items()}
    if len(set(places.values())) == 1:
        return _ALL[next(iter(places.values()))]
    return ", ".join(f"{name} {_ONE[where]}" for name, where in places.items())


def conclude(claimed: Range | None, rows: Mapping[str, Mapping[str, float]]) -> str:
    """Return the verdict over all rows of a claim.

    Args:
        claimed: The range, or None if nothing is claimed.
        rows: Figures by database, by what they were measured against; the keys are read after
            "holds only", as in "against only idx_user_id".
    """
    if claimed is None:
        return NOT_CLAIMED
    places = {
        label: {name: place(value, claimed) for name, value in values.items()}
        for label, values in rows.items()
    }
    elsewhere = _missed(where for by_database in places.values() for where in by_database.values())
    within = [
        _where(label, by_database)
        for label, by_database in places.items()
        if "within" in by_database.values()
    ]
    if not elsewhere:
        return _ALL["within"]
    if within:
        return f"holds only {'; '.join(within)}; elsewhere {elsewhere}"
    if elsewhere == "more":
        return _ALL["more"]
    return "not reproduced" + ("" if elsewhere == "less" else f": {elsewhere}, never within")


def _missed(places: Iterable[Place]) -> str:
    """Return on which sides the range was missed."""
    missed = set(places)
    return " or ".join(side for side in ("less", "more") if side in missed)


def _where(label: str, by_database: Mapping[str, Place]) -> str:
    """Return a row's label, and on which databases it holds if not on all."""
    within = [name for name, where in by_database.items() if where == "within"]
    return label if len(within) == len(by_database) else f"{label} ({', '.join(within)})"

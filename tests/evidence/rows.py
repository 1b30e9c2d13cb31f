"""The evidence: rows that name pages and replies of others, and where we differ from them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Final

DATA: Final = Path(__file__).parent / "data"
#: The files, and how many facts a row of each has.
KINDS: Final[Mapping[str, Callable[[Mapping[str, Any]], int]]] = {
    "models": lambda row: 1 + len(row.get("seconds", ())) + len(row["has"]) + len(_limits(row)),
    "fields": lambda row: len(_limits(row)) or 1,
    "prices": lambda row: len(row["units"]) if isinstance(row["units"], dict) else 1,
    "paths": lambda _row: 1,
    "pages": lambda row: len(_limits(row)),
    "pictures": lambda row: len(_limits(row)),
    "codes": lambda _row: 1,
    "names": lambda row: len(row["names"]) or 1,
    "replies": lambda _row: 1,
}
_ABOUT: Final = frozenset(
    {"path", "field", "model", "size", "seconds", "has", "with", "sources", "confidence"}
)


def _limits(row: Mapping[str, Any]) -> set[str]:
    return row.keys() - _ABOUT


def rows(kind: str) -> list[dict[str, Any]]:
    """Return the rows of a kind."""
    loaded: list[dict[str, Any]] = json.loads((DATA / f"{kind}.json").read_text("utf-8"))
    return loaded


def sources() -> dict[str, dict[str, str]]:
    """Return the pages and replies: where each is, when it was seen, what it is."""
    loaded: dict[str, dict[str, str]] = json.loads((DATA / "sources.json").read_text("utf-8"))
    return loaded


def digests() -> dict[str, str]:
    """Return a hash of each file of the evidence."""
    return {
        file.name: hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(DATA.glob("*.json"))
        if file.name != "differences.json"
    }


def count_facts(kind: str) -> int:
    """Return how many facts the rows of a kind have."""
    return sum(map(KINDS[kind], rows(kind)))


def name_of(row: Mapping[str, Any]) -> str:
    """Return what a row is about, as messages have it."""
    about = ("id", "method", "path", "model", "size", "use", "field", "code", "kind")
    return " ".join(str(row[part]) for part in about if row.get(part) not in (None, ""))


class Failures:
    """The disagreements of one side with the rows of a kind.

    Args:
        kind: The kind of the rows.
        side: `sdk` or `emulator`.
    """

    def __init__(self, kind: str, side: str) -> None:
        listed: Iterable[dict[str, Any]] = rows("differences")
        self._known = {
            what: row["reason"]
            for row in listed
            if (row["kind"], row["side"]) == (kind, side)
            for what in row["what"]
        }
        self._side = side
        self._differ: dict[str, str] = {}

    def add(self, what: str, problem: str) -> None:
        """Note that something differs from the evidence."""
        self._differ.setdefault(what, problem)

    def report(self, *, all_known: bool = True) -> None:
        """Fail with all rows that differ unexpectedly, or no longer differ.

        Args:
            all_known: Whether each known difference of the kind had to be seen.
        """
        lines = [*self._unexpected(), *(self._settled() if all_known else ())]
        assert not lines, f"{self._side}: {len(lines)} differ from the evidence\n" + "\n".join(
            lines
        )

    def _unexpected(self) -> Iterator[str]:
        for what, problem in self._differ.items():
            if not any(fnmatchcase(what, known) for known in self._known):
                yield f"  {what}: {problem}"

    def _settled(self) -> Iterator[str]:
        for known in self._known:
            if not any(fnmatchcase(what, known) for what in self._differ):
                yield f"  {known}: is listed as a known difference, and does not differ"

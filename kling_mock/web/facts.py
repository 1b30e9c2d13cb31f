"""The sources of facts about Kling, and how far to trust them.

Every row of the tables in this package carries a `Fact`.
"""

from __future__ import annotations

from typing import NamedTuple

from kling_sdk.facts.sources import SOURCES, Confidence, Fact, FactKind

__all__ = [
    "SOURCES",
    "Behaviour",
    "Confidence",
    "Fact",
    "FactKind",
    "assumed",
    "documented",
    "observed",
]


def documented(*sources: str, as_of: str, confidence: Confidence = "high", note: str = "") -> Fact:
    """Return a fact that the vendor's pages state."""
    return Fact("documented", sources, as_of, confidence, note)


def observed(*sources: str, as_of: str, confidence: Confidence = "low", note: str = "") -> Fact:
    """Return a fact that was seen on the wire."""
    return Fact("observed", sources, as_of, confidence, note)


def assumed(note: str, *sources: str, as_of: str = "2026-09-20") -> Fact:
    """Return a decision of this emulator; *note* says what is not known."""
    return Fact("assumed", sources or ("none",), as_of, "low", note)


class Behaviour(NamedTuple):
    """One behaviour of this server, and how far Kling is known to share it.

    Attributes:
        area: The heading under which it is listed.
        what: One sentence.
        fact: The source.
    """

    area: str
    what: str
    fact: Fact

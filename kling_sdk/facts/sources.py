"""The sources of facts, and how far to trust them.

There is no public specification to copy: the vendor's pages contradict each other in places, and
some behaviour was only seen.
"""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

FactKind = Literal["documented", "observed", "assumed"]
Confidence = Literal["high", "medium", "low"]

SOURCES: Final[dict[str, str]] = {
    "pages-2026-09": "kling.ai/document-api, the vendor's pages as of 2026-09-20",
    "comfy-2026-11": "docs.comfy.org, pages of a partner that passes requests on to Kling, 2026-11",
    "solutions-2026-09": "the vendor's Chinese pages of /solutions, one undated copy of each, of "
    "2026-09-15 or later",
    "reseller-2026-10": "the price list of a reseller, 2026-10-04",
    "pages-2026-06": "the vendor's Chinese omni-video page as of 2026-06-11",
    "pages-2026-05": "a reading of the vendor's pages on 2026-05-14",
    "pages-2026-04": "the vendor's English pages of the /v1 interface, about 2026-04",
    "digest-2026-01": "a condensed copy of the vendor's pages, about 2026-01, and its price list",
    "digest-2026-02": "a third-party compilation of the vendor's pages, 2026-02",
    "probe-2026-09": "one person's calls of the real service, 2026-09-20 to 22",
    "probe-2026-10": "another person's calls of the real service from one account, 2026-09-28 to "
    "10-07",
    "wire": "real request and reply bodies published by unrelated projects, 2025-12 to 2026-04",
    "clients": "what unrelated clients send in production, and the replies that they published, "
    "2025-06 to 2026-09",
    "none": "no source: this emulator had to decide",
}


class Fact(NamedTuple):
    """The origin of one row.

    Attributes:
        kind: `documented` (the vendor says so), `observed` (seen on the wire) or `assumed`.
        sources: Keys of `SOURCES`.
        as_of: ISO date of the newest source.
        confidence: `high` with two sources or more, else `medium` or `low`.
        note: What the sources leave open, or disagree about.
    """

    kind: FactKind
    sources: tuple[str, ...]
    as_of: str
    confidence: Confidence
    note: str = ""


class Retirement(NamedTuple):
    """A model, an endpoint or a scene that is no longer offered.

    Attributes:
        seen: The ISO date on which the real service was seen to refuse it first, or of the note
            that withdraws it.
        fact: Where that comes from.
    """

    seen: str
    fact: Fact


# Where most pages stand: the older ones, those that a second reading has too, and those of 2026-09.
PAGES: Final = Fact("documented", ("pages-2026-04", "digest-2026-01"), "2026-04-01", "high")
NEWER: Final = Fact(
    "documented", ("pages-2026-04", "pages-2026-09", "pages-2026-05"), "2026-09-20", "high"
)
OLD_AND_NEW: Final = Fact(
    "documented", ("pages-2026-04", "digest-2026-01", "pages-2026-09"), "2026-09-20", "high"
)
PICTURES: Final = Fact("documented", ("pages-2026-09", "digest-2026-01"), "2026-09-20", "high")
TWO_COPIES: Final = Fact("documented", ("pages-2026-09",), "2026-09-20", "high", "two copies agree")
ONE_COPY: Final = Fact("documented", ("pages-2026-09",), "2026-09-20", "medium")
#: A condensed copy of older pages, for what those of 2026-09 have dropped.
DIGEST: Final = Fact("documented", ("digest-2026-01",), "2026-01-01", "low")

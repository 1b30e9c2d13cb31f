"""What the records of several endpoints share about models."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from kling_mock.kling.endpoints.record import Capability, Retirement
from kling_mock.web.facts import Fact, documented, observed

__all__ = [
    "CLIPS",
    "FHD24",
    "FHD30",
    "HD24",
    "HD30",
    "OLD",
    "PAGES",
    "RETIRED",
    "SECONDS",
    "UHD24",
    "V3",
    "rows",
]

_GONE = observed(
    "probe-2026-10",
    as_of="2026-09-28",
    confidence="medium",
    note="one account; announced since 09-15",
)

# Video models that the real service was seen to refuse. This emulator serves them, with a note,
# unless a test decides otherwise: kling-v1 is what a request without model_name means, and was
# served in 2026-04.
RETIRED: Mapping[str, Retirement] = {
    "kling-v1": Retirement(
        "2026-09-20",
        observed(
            "probe-2026-09",
            "probe-2026-10",
            as_of="2026-09-28",
            confidence="medium",
            note="served on 2026-04-28",
        ),
    ),
    **dict.fromkeys(
        (
            "kling-v1-5",
            "kling-v1-6",
            "kling-v2-1",
            "kling-v2-master",
            "kling-v2-1-master",
        ),
        Retirement("2026-09-28", _GONE),
    ),
}

CLIPS = (5, 10)
SECONDS = tuple(range(3, 16))

OLD = documented("pages-2026-04", "digest-2026-01", as_of="2026-04-01")
PAGES = documented("pages-2026-04", "digest-2026-01", "pages-2026-09", as_of="2026-09-20")
V3 = documented("pages-2026-04", "pages-2026-09", "pages-2026-05", as_of="2026-09-20")

# Resolution and frames per second: 24 where no page gives a rate (all of kling-v3, omni and
# multi-image, v2-6 std).
HD24, HD30 = ("720p", 24), ("720p", 30)
FHD24, FHD30 = ("1080p", 24), ("1080p", 30)
UHD24 = ("4k", 24)

Row = tuple[str, str, str, tuple[str, int], Fact, tuple[int, ...], str]


def rows(table: Iterable[Row]) -> tuple[Capability, ...]:
    """Return the capabilities of a table.

    Args:
        table: Rows of model, mode, features, resolution and frame rate, fact, durations, and
            the features that only a clip of 5 seconds has.
    """
    made: list[Capability] = []
    for model, mode, features, size, fact, seconds, five in table:
        narrowed = dict.fromkeys(five.split(), (5,))
        every = frozenset(features.split()) | narrowed.keys()
        made.append(Capability(model, mode, seconds, every, *size, fact, narrowed))
    return tuple(made)

"""What the records of several endpoints share about models."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from kling_mock.kling.endpoints.record import Capability
from kling_mock.web.facts import Fact, documented, observed

__all__ = [
    "CLIPS",
    "DISCONTINUED",
    "FHD24",
    "FHD30",
    "HD24",
    "HD30",
    "OLD",
    "PAGES",
    "SECONDS",
    "UHD24",
    "V3",
    "rows",
]

# Models that the real service was seen to refuse. This emulator serves them unless a test
# decides otherwise: kling-v1 is what a request without model_name means, and was served in 2026-04.
DISCONTINUED: Mapping[str, Fact] = {
    "kling-v1": observed("probe-2026-09", as_of="2026-09-20", note="served on 2026-04-28"),
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

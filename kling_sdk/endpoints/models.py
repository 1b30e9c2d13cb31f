"""The limits of a model: which modes, seconds and features it has on an endpoint.

The rows stand beside each endpoint's request class. Source of every row: the vendor's
capability maps and endpoint pages as published between 2026-01 and 2026-09. Confidence is
"high" when two or more independent copies agree, "medium" for one official copy, "low" for one
unofficial source, one observed reply, or an inference. A low-confidence fact warns; it never
refuses.
"""

from __future__ import annotations

from typing import Final, Literal

import attrs

__all__ = [
    "ABSENT",
    "AVAILABILITY",
    "CLIPS",
    "V3_SECONDS",
    "Availability",
    "Confidence",
    "ModeLimits",
    "ModelLimits",
    "mode_limits",
]

Confidence = Literal["high", "medium", "low"]

ABSENT: Final = ""  # name of the only "mode" of a model that takes no `mode`
CLIPS: Final = (5, 10)  # seconds
V3_SECONDS: Final = tuple(range(3, 16))


@attrs.frozen(eq=False)
class ModeLimits:
    """What one mode of one model can do on one endpoint.

    Attributes:
        seconds: Accepted values of `duration`.
        features: What may be used, by the names that `EndpointRecord.features` gives.
        only_seconds: Features that work with some durations only.
        doubtful: Features that one unofficial source grants and the others do not.
        doubtful_seconds: Situations for which sources disagree on the duration.
        excludes: Pairs of features that cannot be used together.
        requires: Pairs of features of which the first needs the second.
    """

    seconds: tuple[int, ...]
    features: frozenset[str]
    only_seconds: dict[str, tuple[int, ...]] = attrs.field(factory=dict[str, tuple[int, ...]])
    doubtful: frozenset[str] = frozenset()
    doubtful_seconds: dict[str, tuple[int, ...]] = attrs.field(factory=dict[str, tuple[int, ...]])
    excludes: tuple[tuple[str, str], ...] = ()
    requires: tuple[tuple[str, str], ...] = ()


def mode_limits(
    seconds: tuple[int, ...],
    features: str,
    *,
    doubtful: str = "",
    doubtful_seconds: dict[str, tuple[int, ...]] | None = None,
    excludes: tuple[tuple[str, str], ...] = (),
    requires: tuple[tuple[str, str], ...] = (),
    **only_seconds: tuple[int, ...],
) -> ModeLimits:
    """Return the limits of a mode; features are given as words in one text."""
    return ModeLimits(
        seconds,
        frozenset(features.split()),
        only_seconds,
        frozenset(doubtful.split()),
        doubtful_seconds or {},
        excludes,
        requires,
    )


@attrs.frozen(eq=False)
class ModelLimits:
    """One model on one endpoint: its modes, by name."""

    name: str
    modes: dict[str, ModeLimits]
    confidence: Confidence = "high"


@attrs.frozen(eq=False)
class Availability:
    """Whether a model can still be used, where there is doubt."""

    state: str
    as_of: str
    confidence: Confidence


#: Models that may have gone. A live refusal of kling-v1 was seen once, on 2026-09-20; the
#: others are only missing from the newest maps, which says nothing about their state.
AVAILABILITY: Final = {
    "kling-v1": Availability("discontinued: the server was seen refusing it", "2026-09-20", "low"),
}

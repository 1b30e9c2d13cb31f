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
    "IMAGE_TIMEOUT",
    "LIBRARY_TIMEOUT",
    "LONG_PROMPT",
    "MAX_PROMPT",
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
#: Seconds that a wait for pictures may take where nothing else is known. The vendor's page for
#: agents has 20 to 60 s, and one task took 24 (medium confidence): it is far more, for queues.
IMAGE_TIMEOUT: Final = 1800.0
#: The same of voices and elements: the vendor's page for agents has 30 to 120 s for an element,
#: and one voice took 9 s, one element 5 s (medium confidence).
LIBRARY_TIMEOUT: Final = 1800.0
MAX_PROMPT: Final = 2500  # characters
LONG_PROMPT: Final = 3072  # of `kling-3.0` and its kin (one official copy)
V3_SECONDS: Final = tuple(range(3, 16))


@attrs.frozen(eq=False)
class ModeLimits:
    """What one mode of one model can do on one endpoint.

    Attributes:
        seconds: Accepted values of `duration`; empty for pictures.
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
    """One model on one endpoint.

    Attributes:
        name: The model.
        modes: What it does in each mode, by the mode's name. A `resolution` is a mode: 720p is
            `std`, 1080p `pro`; of pictures `1k`, `2k`, `4k`.
        confidence: How far to trust the row.
        sound: Whether a video has sound: as requested, `never` or `always`.
        multi_shot_setting: Whether it has `settings.multi_shot`, whose own default is true;
            models of the model path only.
        prompt_max: The longest prompt, in characters.
    """

    name: str
    modes: dict[str, ModeLimits]
    confidence: Confidence = "high"
    sound: Literal["requested", "never", "always"] = "requested"
    multi_shot_setting: bool = False
    prompt_max: int = MAX_PROMPT


@attrs.frozen(eq=False)
class Availability:
    """That a model or an endpoint may have gone.

    Attributes:
        state: What was seen.
        as_of: When.
    """

    state: str
    as_of: str


_REFUSED: Final = Availability("retired: the server was seen refusing it", "2026-09-28")

#: Video models, and endpoints, that may have gone. They warn and are never refused here: each
#: refusal was seen with one account (`kling-v1` with two), after the vendor's page had announced
#: retirements from 2026-09-15 (confidence medium).
AVAILABILITY: Final[dict[str, Availability]] = {
    "kling-v1": Availability("retired: the server was seen refusing it", "2026-09-20"),
    **dict.fromkeys(
        (
            "kling-v1-5",
            "kling-v1-6",
            "kling-v2-1",
            "kling-v2-master",
            "kling-v2-1-master",
            "multi-image2video",
        ),
        _REFUSED,
    ),
}

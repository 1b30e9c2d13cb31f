"""The limits of a model: which modes, seconds and features it has on an endpoint.

Confidence is "high" when two or more independent copies of the vendor's pages agree, "medium" for
one official copy, "low" for one unofficial source, one observed response, or an inference. A
low-confidence fact warns; it never refuses.
"""

from __future__ import annotations

from typing import Final, Literal

import attrs

from kling_sdk.facts.limits import MAX_PROMPT, ModelFacts
from kling_sdk.facts.models import RETIRED_ENDPOINTS, RETIRED_MODELS
from kling_sdk.facts.sources import Confidence

__all__ = [
    "ABSENT",
    "AVAILABILITY",
    "IMAGE_TIMEOUT",
    "LIBRARY_TIMEOUT",
    "Availability",
    "Confidence",
    "ModeLimits",
    "ModelLimits",
    "model_limits",
]

ABSENT: Final = ""  # name of the only "mode" of a model that takes no `mode`
#: Seconds that a wait for pictures may take where nothing else is known. The vendor's page for
#: agents has 20 to 60 s, and one task took 24 (medium confidence): it is far more, for queues.
IMAGE_TIMEOUT: Final = 1800.0
#: The same of voices and elements: the vendor's page for agents has 30 to 120 s for an element,
#: and one voice took 9 s, one element 5 s (medium confidence).
LIBRARY_TIMEOUT: Final = 1800.0


@attrs.frozen(eq=False)
class ModeLimits:
    """The capabilities of one mode of a model on one endpoint.

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


def model_limits(*rows: ModelFacts) -> tuple[ModelLimits, ...]:
    """Return the models of an endpoint, each once, made from all of its rows."""
    models: dict[str, ModelLimits] = {}
    for row in rows:
        limits = ModeLimits(
            row.seconds,
            frozenset(row.features),
            dict(row.only_seconds),
            frozenset(row.doubtful),
            dict(row.doubtful_seconds),
            row.excludes,
            row.requires,
        )
        others = models[row.model].modes if row.model in models else {}
        models[row.model] = ModelLimits(
            row.model,
            others | dict.fromkeys(row.modes, limits),
            row.fact.confidence,
            row.sound,
            row.multi_shot_setting,
            row.prompt_max,
        )
    return tuple(models.values())


@attrs.frozen(eq=False)
class Availability:
    """A sign that a model or an endpoint may have gone.

    Attributes:
        state: What was seen.
        as_of: When.
    """

    state: str
    as_of: str


#: Video models, and endpoints, that may have gone. They warn and are never refused here: each
#: refusal was seen with one account or two.
AVAILABILITY: Final[dict[str, Availability]] = {
    name: Availability("retired: the server was seen refusing it", retirement.seen)
    for name, retirement in (*RETIRED_MODELS.items(), *RETIRED_ENDPOINTS.items())
}

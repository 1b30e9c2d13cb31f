"""The capabilities of each picture model on each endpoint."""

from __future__ import annotations

from typing import Final

from kling_sdk.facts.limits import ModelFacts
from kling_sdk.facts.sources import ONE_COPY, Fact

#: A condensed copy of older pages, for what the page of 2026-09 has dropped.
_CONDENSED: Final = Fact("documented", ("digest-2026-01",), "2026-01-01", "low")
_STYLES: Final = Fact(
    "documented",
    ("digest-2026-01",),
    "2026-01-01",
    "low",
    "the vendor's log of 2025-08-15 has it for another style of a picture; whether it makes a "
    "picture of words alone is not known",
)
_TRY_ON: Final = Fact(
    "documented",
    ("pages-2026-09", "pages-2026-04"),
    "2026-09-20",
    "high",
    "a partner says that it ends on 2026-09-15; it still answered on 2026-09-28",
)

_1K: Final = ("1k",)
_TO_2K: Final = ("1k", "2k")
_FREE: Final = ("negative_prompt", "aspect_ratio", "image")
_FACES: Final = (*_FREE, "image_reference", "image_fidelity", "human_fidelity")
_EXCLUDES: Final = (("negative_prompt", "image"),)
_REQUIRES: Final = (
    ("image_reference", "image"),
    ("image_fidelity", "image"),
    ("human_fidelity", "subject_reference"),
)
_SUBJECTS: Final = ("aspect_ratio", "subject_image_list", "scene_image", "style_image")
_OMNI: Final = ("aspect_ratio", "image_list", "element_list")

#: By endpoint.
MODELS: Final[dict[str, tuple[ModelFacts, ...]]] = {
    "image-generation": (
        ModelFacts(
            "kling-v3",
            _TO_2K,
            (),
            (*_FREE, "element_list"),
            ONE_COPY,
            excludes=_EXCLUDES,
            requires=_REQUIRES,
        ),
        ModelFacts(
            "kling-v2-1", _TO_2K, (), _FACES, ONE_COPY, excludes=_EXCLUDES, requires=_REQUIRES
        ),
        ModelFacts(
            "kling-v2", _TO_2K, (), _FREE, _CONDENSED, excludes=_EXCLUDES, requires=_REQUIRES
        ),
        ModelFacts("kling-v2-new", _1K, (), _FREE, _STYLES, excludes=_EXCLUDES, requires=_REQUIRES),
        ModelFacts(
            "kling-v1-5", _1K, (), _FACES, _CONDENSED, excludes=_EXCLUDES, requires=_REQUIRES
        ),
        ModelFacts(
            "kling-v1",
            _1K,
            (),
            (*_FREE, "image_fidelity"),
            _CONDENSED,
            excludes=_EXCLUDES,
            requires=_REQUIRES,
        ),
    ),
    "omni-image": (
        ModelFacts("kling-v3-omni", ("1k", "2k", "4k"), (), (*_OMNI, "series"), ONE_COPY),
        ModelFacts("kling-image-o1", _TO_2K, (), _OMNI, ONE_COPY),
    ),
    "multi-image2image": (
        ModelFacts("kling-v2-1", ("",), (), _SUBJECTS, ONE_COPY),
        ModelFacts("kling-v2", ("",), (), _SUBJECTS, _CONDENSED),
    ),
    # They differ in what may be in a picture, which is not checked.
    "virtual-try-on": (
        ModelFacts("kolors-virtual-try-on-v1", ("",), (), (), _TRY_ON),
        ModelFacts("kolors-virtual-try-on-v1-5", ("",), (), (), _TRY_ON),
    ),
}

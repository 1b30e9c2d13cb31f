"""Facts of `image-generation`: pictures from words, or from a picture."""

from typing import Final

from kling_sdk.facts.fields import (
    COMMON,
    COUNT,
    ELEMENTS,
    MODEL_NAME,
    NEGATIVE,
    PICTURE_RATIO,
    FieldFacts,
    RequestFacts,
)
from kling_sdk.facts.limits import TO_2K, ModelFacts
from kling_sdk.facts.prices import CONDENSED, LISTED, PriceList, PriceTable, UseRule
from kling_sdk.facts.sources import DIGEST, ONE_COPY, PICTURES, Fact

REQUEST: Final = RequestFacts(
    "/v1/images/generations",
    PICTURES,
    (
        MODEL_NAME,
        FieldFacts("prompt", "string", required=True, high=2500, private=True),
        NEGATIVE,
        FieldFacts("image", "image"),
        FieldFacts("image_reference", "string", enum=("subject", "face")),
        FieldFacts("image_fidelity", "number", low=0, high=1),
        FieldFacts("human_fidelity", "number", low=0, high=1),
        ELEMENTS,
        FieldFacts("resolution", "string", enum=("1k", "2k")),
        COUNT,
        PICTURE_RATIO,
        *COMMON,
    ),
)

_FREE: Final = ("negative_prompt", "aspect_ratio", "image")
_EXCLUDES: Final = (("negative_prompt", "image"),)
_REQUIRES: Final = (
    ("image_reference", "image"),
    ("image_fidelity", "image"),
    ("human_fidelity", "subject_reference"),
)
_FACES: Final = (*_FREE, "image_reference", "image_fidelity", "human_fidelity")
_1K: Final = ("1k",)
_STYLES: Final = Fact(
    "documented",
    ("digest-2026-01",),
    "2026-01-01",
    "low",
    "the vendor's log of 2025-08-15 has it for another style of a picture; whether it makes a "
    "picture of words alone is not known",
)

MODELS: Final = (
    ModelFacts(
        "kling-v3",
        TO_2K,
        (),
        (*_FREE, "element_list"),
        ONE_COPY,
        excludes=_EXCLUDES,
        requires=_REQUIRES,
    ),
    ModelFacts("kling-v2-1", TO_2K, (), _FACES, ONE_COPY, excludes=_EXCLUDES, requires=_REQUIRES),
    ModelFacts("kling-v2", TO_2K, (), _FREE, DIGEST, excludes=_EXCLUDES, requires=_REQUIRES),
    ModelFacts("kling-v2-new", _1K, (), _FREE, _STYLES, excludes=_EXCLUDES, requires=_REQUIRES),
    ModelFacts("kling-v1-5", _1K, (), _FACES, DIGEST, excludes=_EXCLUDES, requires=_REQUIRES),
    ModelFacts(
        "kling-v1",
        _1K,
        (),
        (*_FREE, "image_fidelity"),
        DIGEST,
        excludes=_EXCLUDES,
        requires=_REQUIRES,
    ),
)

_AS_KLING_V2: Final = PriceList(
    "that of kling-v2, which is assumed",
    Fact("assumed", ("digest-2026-01",), "2026-01-01", "low", "the list lacks kling-v2-new"),
)

PRICES: Final = (
    PriceTable(
        ("image-generation",),
        "result",
        LISTED,
        {
            ("kling-v3", "1k"): {"silent": "8", "image": "8"},
            ("kling-v3", "2k"): {"silent": "8", "image": "8"},
            ("kling-v2-1", "1k"): {"silent": "4", "image": "8"},
            ("kling-v2-1", "2k"): {"silent": "4", "image": "8"},
        },
        pack="image",
    ),
    PriceTable(
        ("image-generation",),
        "result",
        CONDENSED,
        {
            ("kling-v2", "1k"): {"silent": "4", "image": "8"},
            ("kling-v2", "2k"): {"silent": "4", "image": "8"},
            ("kling-v1-5", "1k"): {"silent": "4", "image": "8"},
            ("kling-v1", "1k"): {"silent": "1", "image": "1"},
        },
        pack="image",
    ),
    PriceTable(
        ("image-generation",),
        "result",
        _AS_KLING_V2,
        {("kling-v2-new", "1k"): {"silent": "4", "image": "8"}},
        pack="image",
    ),
)

USES: Final = {"image-generation": (UseRule("image", "image"),)}

"""Facts of `image-generation`: pictures from words, or from a picture."""

from __future__ import annotations

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
from kling_sdk.facts.sources import PICTURES

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

"""Facts of `omni-image`: pictures from words and references."""

from typing import Final

from kling_sdk.facts.fields import COMMON, COUNT, ELEMENTS, MODEL_NAME, FieldFacts, RequestFacts
from kling_sdk.facts.limits import TO_2K, ModelFacts
from kling_sdk.facts.prices import LISTED, PriceTable
from kling_sdk.facts.sources import ONE_COPY, PICTURES, Fact

_SERIES: Final = Fact(
    "documented", ("pages-2026-09",), "2026-09-20", "medium", "a whole number from 2 to 9, or auto"
)

REQUEST: Final = RequestFacts(
    "/v1/images/omni-image",
    PICTURES,
    (
        MODEL_NAME,
        FieldFacts("prompt", "string", required=True, high=2500, private=True),
        FieldFacts(
            "image_list", "array", low=1, members=(FieldFacts("image", "image", required=True),)
        ),
        ELEMENTS,
        FieldFacts("resolution", "string", enum=("1k", "2k", "4k")),
        FieldFacts("result_type", "string", enum=("single", "series")),
        COUNT,
        FieldFacts("series_amount", "string", fact=_SERIES, is_numeric=True),
        FieldFacts(
            "aspect_ratio",
            "string",
            enum=("16:9", "9:16", "1:1", "4:3", "3:4", "3:2", "2:3", "21:9", "auto"),
        ),
        *COMMON,
    ),
)

_OMNI: Final = ("aspect_ratio", "image_list", "element_list")

MODELS: Final = (
    ModelFacts("kling-v3-omni", ("1k", "2k", "4k"), (), (*_OMNI, "series"), ONE_COPY),
    ModelFacts("kling-image-o1", TO_2K, (), _OMNI, ONE_COPY),
)

PRICES: Final = (
    PriceTable(
        ("omni-image",),
        "result",
        LISTED,
        {
            ("kling-v3-omni", "1k"): {"silent": "8"},
            ("kling-v3-omni", "2k"): {"silent": "8"},
            ("kling-v3-omni", "4k"): {"silent": "16"},
            ("kling-image-o1", "1k"): {"silent": "8"},
            ("kling-image-o1", "2k"): {"silent": "8"},
        },
        pack="image",
    ),
)

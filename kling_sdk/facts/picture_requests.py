"""Requests for pictures, and calls about pictures: paths and fields."""

from __future__ import annotations

from typing import Final

from kling_sdk.facts.fields import (
    CHECKED_URL,
    COMMON,
    ELEMENTS,
    MODEL_NAME,
    NEGATIVE,
    OLD_NAME,
    PROMPT,
    FieldFacts,
    RequestFacts,
)
from kling_sdk.facts.sources import NEWER, ONE_COPY, PAGES, TWO_COPIES, Fact

_PICTURES: Final = Fact("documented", ("pages-2026-09", "digest-2026-01"), "2026-09-20", "high")
_SERIES: Final = Fact(
    "documented", ("pages-2026-09",), "2026-09-20", "medium", "a whole number from 2 to 9, or auto"
)
_VIRTUAL_TRY_ON: Final = Fact(
    "documented",
    ("pages-2026-09", "pages-2026-04"),
    "2026-09-20",
    "high",
    "a partner says that it ends on 2026-09-15; it still answered on 2026-09-28",
)


_COUNT: Final = FieldFacts("n", "integer", low=1, high=9, fact=NEWER)
_RATIO: Final = FieldFacts(
    "aspect_ratio",
    "string",
    enum=("16:9", "9:16", "1:1", "4:3", "3:4", "3:2", "2:3", "21:9"),
    fact=NEWER,
)

#: By endpoint.
REQUESTS: Final[dict[str, RequestFacts]] = {
    "image-generation": RequestFacts(
        "/v1/images/generations",
        _PICTURES,
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
            _COUNT,
            _RATIO,
            *COMMON,
        ),
    ),
    "omni-image": RequestFacts(
        "/v1/images/omni-image",
        _PICTURES,
        (
            MODEL_NAME,
            FieldFacts("prompt", "string", required=True, high=2500, private=True),
            FieldFacts(
                "image_list", "array", low=1, members=(FieldFacts("image", "image", required=True),)
            ),
            ELEMENTS,
            FieldFacts("resolution", "string", enum=("1k", "2k", "4k")),
            FieldFacts("result_type", "string", enum=("single", "series")),
            _COUNT,
            FieldFacts("series_amount", "string", fact=_SERIES, is_numeric=True),
            FieldFacts(
                "aspect_ratio",
                "string",
                enum=("16:9", "9:16", "1:1", "4:3", "3:4", "3:2", "2:3", "21:9", "auto"),
            ),
            *COMMON,
        ),
    ),
    "multi-image2image": RequestFacts(
        "/v1/images/multi-image2image",
        ONE_COPY,
        (
            MODEL_NAME,
            PROMPT,
            FieldFacts(
                "subject_image_list",
                "array",
                required=True,
                low=1,
                high=4,
                members=(FieldFacts("subject_image", "image", required=True),),
            ),
            FieldFacts("scene_image", "image"),
            FieldFacts("style_image", "image"),
            _COUNT,
            _RATIO,
            *COMMON,
        ),
    ),
    "image-expand": RequestFacts(
        "/v1/images/editing/expand",
        ONE_COPY,
        (
            FieldFacts("image", "image", required=True),
            FieldFacts("up_expansion_ratio", "number", required=True, low=0, high=2),
            FieldFacts("down_expansion_ratio", "number", required=True, low=0, high=2),
            FieldFacts("left_expansion_ratio", "number", required=True, low=0, high=2),
            FieldFacts("right_expansion_ratio", "number", required=True, low=0, high=2),
            PROMPT,
            _COUNT,
            *COMMON,
        ),
    ),
    "virtual-try-on": RequestFacts(
        "/v1/images/kolors-virtual-try-on",
        _VIRTUAL_TRY_ON,
        (
            MODEL_NAME,
            FieldFacts("human_image", "image", required=True),
            FieldFacts("cloth_image", "image", required=True),
            FieldFacts("callback_url", "url", fact=CHECKED_URL),
            FieldFacts("external_task_id", "string", fact=PAGES),
            FieldFacts("model", "string", ignored=True, fact=OLD_NAME),
        ),
    ),
    "ai-multi-shot": RequestFacts(
        "/v1/general/ai-multi-shot",
        ONE_COPY,
        (
            FieldFacts("element_frontal_image", "image", required=True),
            FieldFacts("callback_url", "url", fact=CHECKED_URL),
            FieldFacts("external_task_id", "string", fact=PAGES),
            FieldFacts("model", "string", ignored=True, fact=OLD_NAME),
        ),
    ),
    "recognize-image": RequestFacts(
        "/v1/videos/image-recognize", TWO_COPIES, (FieldFacts("image", "image", required=True),)
    ),
}

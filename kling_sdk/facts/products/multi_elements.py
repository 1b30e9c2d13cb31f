"""Facts of `multi-elements`: something added to a video, exchanged in it, or removed."""

from typing import Final

from kling_sdk.facts.fields import COMMON, NEGATIVE, NUMERIC_TEXT, FieldFacts, RequestFacts
from kling_sdk.facts.limits import CLIPS
from kling_sdk.facts.prices import CONDENSED, PriceTable
from kling_sdk.facts.sources import TWO_COPIES

REQUEST: Final = RequestFacts(
    "/v1/videos/multi-elements",
    TWO_COPIES,
    (
        FieldFacts("session_id", "string", required=True),
        FieldFacts("edit_mode", "string", required=True, enum=("addition", "swap", "removal")),
        FieldFacts(
            "image_list", "array", high=2, members=(FieldFacts("image", "image", required=True),)
        ),
        FieldFacts("prompt", "string", required=True, high=2500, private=True),
        NEGATIVE,
        FieldFacts("mode", "string", enum=("std", "pro")),
        FieldFacts("duration", "string", enum=("5", "10"), fact=NUMERIC_TEXT),
        *COMMON,
    ),
)

_POINTS_OF_A_FRAME: Final = (
    FieldFacts("session_id", "string", required=True),
    FieldFacts("frame_index", "integer", required=True, low=0),
    FieldFacts(
        "points",
        "array",
        required=True,
        low=1,
        high=10,
        members=(
            FieldFacts("x", "number", required=True, low=0, high=1),
            FieldFacts("y", "number", required=True, low=0, high=1),
        ),
    ),
)

#: The calls that select it, by endpoint.
SELECTION: Final[dict[str, RequestFacts]] = {
    "init-selection": RequestFacts(
        "/v1/videos/multi-elements/init-selection",
        TWO_COPIES,
        (FieldFacts("video_id", "string"), FieldFacts("video_url", "url")),
    ),
    "add-selection": RequestFacts(
        "/v1/videos/multi-elements/add-selection", TWO_COPIES, _POINTS_OF_A_FRAME
    ),
    "delete-selection": RequestFacts(
        "/v1/videos/multi-elements/delete-selection", TWO_COPIES, _POINTS_OF_A_FRAME
    ),
    "clear-selection": RequestFacts(
        "/v1/videos/multi-elements/clear-selection",
        TWO_COPIES,
        (FieldFacts("session_id", "string", required=True),),
    ),
    "preview-selection": RequestFacts(
        "/v1/videos/multi-elements/preview-selection",
        TWO_COPIES,
        (FieldFacts("session_id", "string", required=True),),
    ),
}

#: Pictures that each way of editing takes, at least and at most.
PICTURES_OF_EDITING: Final[dict[str, tuple[int, int]]] = {
    "addition": (1, 2),
    "swap": (1, 1),
    "removal": (0, 0),
}

PRICES: Final = (
    PriceTable(
        ("multi-elements",),
        "second",
        CONDENSED,
        {("", "std"): {"silent": "0.6"}, ("", "pro"): {"silent": "1"}},
        CLIPS,
    ),
)

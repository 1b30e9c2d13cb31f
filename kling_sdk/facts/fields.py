"""The parts of a request, and the fields that several endpoints have."""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

from kling_sdk.facts.limits import MAX_PROMPT
from kling_sdk.facts.sources import NEWER, PAGES, Fact

FieldType = Literal[
    "string",
    "boolean",
    "number",
    "integer",
    "object",
    "array",
    "image",
    "sound",
    "images",
    "url",
    "texts",
]

NUMERIC_TEXT: Final = Fact(
    "documented",
    ("pages-2026-04", "digest-2026-01"),
    "2026-04-01",
    "high",
    "documented as a string; a JSON number is taken as well",
)
CHECKED_URL: Final = Fact(
    "assumed",
    ("none",),
    "2026-09-20",
    "low",
    "that a callback_url is refused if it is not http or https, or has no host or port",
)
OLD_NAME: Final = Fact(
    "documented",
    ("pages-2026-04",),
    "2026-04-01",
    "medium",
    "the old name of model_name: tolerated, and has no effect",
)


class FieldFacts(NamedTuple):
    """One field of a request, of an object in it, or of an item of a list in it.

    Attributes:
        name: The key.
        type: `image` and `sound` are a URL or raw base64 without a `data:` prefix, `images` is a
            list of such; `url` is http or https; `texts` is a list of strings.
        required: Whether every request must have it. `null` and "" count as absent, except
            in a list (assumed: the vendor's own samples send empty strings).
        enum: The possible strings; empty is any.
        numbers: The possible numbers; empty is any.
        low, high: Range of a number, or of the length of a string (characters) or list (items).
        members: What an object holds, or each item of an array.
        ignored: Accepted, and not checked.
        fact: Where the row comes from; `None` is where its request comes from.
        default: What a request without it means, where the value itself says so.
        is_numeric: Whether a string may as well be a number; elsewhere that is noted.
        private: Whether it holds the user's own words, which no log, error, repr or recorded
            session may have.
    """

    name: str
    type: FieldType
    required: bool = False
    enum: tuple[str, ...] = ()
    numbers: tuple[float, ...] = ()
    low: float | None = None
    high: float | None = None
    members: tuple[FieldFacts, ...] = ()
    ignored: bool = False
    fact: Fact | None = None
    default: str | float | bool | None = None
    is_numeric: bool = False
    private: bool = False


class RequestFacts(NamedTuple):
    """One call of the vendor's.

    Attributes:
        path: Under the base URL; a part in braces is a parameter.
        fact: Where the call comes from, and each field that says nothing else.
        fields: Those of its body, in the order of the vendor's page.
    """

    path: str
    fact: Fact
    fields: tuple[FieldFacts, ...] = ()


MODEL_NAME: Final = FieldFacts("model_name", "string", fact=PAGES)
PROMPT: Final = FieldFacts("prompt", "string", high=MAX_PROMPT, fact=PAGES, private=True)
NEGATIVE: Final = FieldFacts("negative_prompt", "string", high=MAX_PROMPT, fact=PAGES, private=True)
ASPECT_RATIO: Final = FieldFacts("aspect_ratio", "string", enum=("16:9", "9:16", "1:1"), fact=PAGES)
DURATION: Final = FieldFacts(
    "duration",
    "string",
    enum=("3", "4", "5", "6", "7", "8", "9", "10", "11", "12", "13", "14", "15"),
    fact=NUMERIC_TEXT,
)
CFG_SCALE: Final = FieldFacts("cfg_scale", "number", low=0, high=1, fact=PAGES)
SOUND: Final = FieldFacts("sound", "string", enum=("on", "off"), fact=NEWER)
MODE: Final = FieldFacts("mode", "string", enum=("std", "pro", "4k"), fact=NEWER)
CAMERA: Final = FieldFacts(
    "camera_control",
    "object",
    members=(
        FieldFacts(
            "type",
            "string",
            required=True,
            enum=("simple", "down_back", "forward_up", "right_turn_forward", "left_turn_forward"),
            fact=PAGES,
        ),
        FieldFacts(
            "config",
            "object",
            members=(
                FieldFacts("horizontal", "number", low=-10, high=10, fact=PAGES),
                FieldFacts("vertical", "number", low=-10, high=10, fact=PAGES),
                FieldFacts("pan", "number", low=-10, high=10, fact=PAGES),
                FieldFacts("tilt", "number", low=-10, high=10, fact=PAGES),
                FieldFacts("roll", "number", low=-10, high=10, fact=PAGES),
                FieldFacts("zoom", "number", low=-10, high=10, fact=PAGES),
            ),
            fact=PAGES,
        ),
    ),
    fact=PAGES,
)
SHOT_TYPES: Final = ("customize", "intelligence")
SHOTS: Final = (
    FieldFacts("multi_shot", "boolean", fact=NEWER),
    FieldFacts("shot_type", "string", enum=SHOT_TYPES, fact=NEWER),
    FieldFacts(
        "multi_prompt",
        "array",
        low=1,
        high=6,
        members=(
            FieldFacts("index", "integer", required=True, low=1, fact=PAGES),
            FieldFacts("prompt", "string", required=True, high=512, fact=PAGES, private=True),
            FieldFacts("duration", "string", required=True, fact=NUMERIC_TEXT),
        ),
        fact=NEWER,
    ),
)
ELEMENTS: Final = FieldFacts(
    "element_list",
    "array",
    low=1,
    members=(FieldFacts("element_id", "integer", required=True, fact=PAGES),),
    fact=NEWER,
)
COUNT: Final = FieldFacts("n", "integer", low=1, high=9, fact=NEWER)  # of pictures
PICTURE_RATIO: Final = FieldFacts(
    "aspect_ratio",
    "string",
    enum=("16:9", "9:16", "1:1", "4:3", "3:4", "3:2", "2:3", "21:9"),
    fact=NEWER,
)
COMMON: Final = (
    FieldFacts(
        "watermark_info",
        "object",
        members=(FieldFacts("enabled", "boolean", fact=PAGES),),
        fact=PAGES,
    ),
    FieldFacts("callback_url", "url", fact=CHECKED_URL),
    FieldFacts("external_task_id", "string", fact=PAGES),
    FieldFacts("model", "string", ignored=True, fact=OLD_NAME),
)

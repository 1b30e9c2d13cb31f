"""The fields of the four create requests: types, limits and accepted values, as data.

The rules between fields are in `rules`; which model may use which field is in `capabilities`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from kling_mock.kling.endpoints.capabilities import ENDPOINTS
from kling_mock.web.facts import Fact, assumed, documented

__all__ = ["FIELDS", "MASK_POINTS", "SHOT_TYPES", "Field", "Shape", "Type"]

Type = Literal["string", "boolean", "number", "integer", "object", "array", "image", "url"]

_PAGES = documented("pages-2026-04", "digest-2026-01", as_of="2026-04-01")
_ONE_PAGE = documented("pages-2026-04", as_of="2026-04-01", confidence="medium")
_NUMERIC_TEXT = documented(
    "pages-2026-04",
    "digest-2026-01",
    as_of="2026-04-01",
    note="documented as a string; that a JSON number is refused is assumed",
)
_NEWER = documented("pages-2026-04", "pages-2026-09", "pages-2026-05", as_of="2026-09-20")
_URL = assumed("that a callback_url other than http or https is refused")
_IGNORED = documented(
    "pages-2026-04",
    as_of="2026-04-01",
    confidence="medium",
    note="the old name of model_name: tolerated, and has no effect",
)


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a request, of an object in it, or of an item of a list in it.

    Attributes:
        name: The key.
        type: `image` is a URL or raw base64 without a `data:` prefix; `url` is http or https.
        required: Whether every request must have it. `null` and "" count as absent, except
            in a list (assumed: the vendor's own samples send empty strings).
        enum: The accepted strings; empty is any.
        low, high: Accepted range of a number, or of the length of a string (characters) or
            list (items).
        members: What an object holds, or each item of an array.
        ignored: Accepted and not looked at.
        fact: Where the row comes from.
    """

    name: str
    type: Type
    required: bool = False
    enum: tuple[str, ...] = ()
    low: float | None = None
    high: float | None = None
    members: Shape | None = None
    ignored: bool = False
    fact: Fact = _PAGES


@dataclass(frozen=True, slots=True)
class Shape:
    """The keys that an object may have.

    Attributes:
        fields: By name, in the order of the vendor's page.
        required: Those that must be there.
        names: What a message lists as accepted.
    """

    fields: Mapping[str, Field]
    required: tuple[Field, ...]
    names: str


def _shape(*fields: Field) -> Shape:
    return Shape(
        fields={field.name: field for field in fields},
        required=tuple(field for field in fields if field.required),
        names=", ".join(field.name for field in fields if not field.ignored),
    )


SHOT_TYPES = ("customize", "intelligence")
MASK_POINTS = (2, 77)  # points of a trajectory in a clip of 5 seconds

_ON_OFF = ("on", "off")
_YES_NO = ("yes", "no")
_ASPECT_RATIOS = ("16:9", "9:16", "1:1")
_SECONDS = tuple(str(n) for n in range(3, 16))
_CAMERA_MOVES = (
    "simple",
    "down_back",
    "forward_up",
    "right_turn_forward",
    "left_turn_forward",
)
_CAMERA_AXES = ("horizontal", "vertical", "pan", "tilt", "roll", "zoom")

_PROMPT = Field("prompt", "string", high=2500)
_NEGATIVE = Field("negative_prompt", "string", high=2500)
_ASPECT_RATIO = Field("aspect_ratio", "string", enum=_ASPECT_RATIOS)
_DURATION = Field("duration", "string", enum=_SECONDS, fact=_NUMERIC_TEXT)
_CFG_SCALE = Field("cfg_scale", "number", low=0, high=1)
_SOUND = Field("sound", "string", enum=_ON_OFF, fact=_NEWER)
_MODE = Field("mode", "string", enum=("std", "pro", "4k"), fact=_NEWER)
_CAMERA = Field(
    "camera_control",
    "object",
    members=_shape(
        Field("type", "string", required=True, enum=_CAMERA_MOVES),
        Field(
            "config",
            "object",
            members=_shape(*(Field(axis, "number", low=-10, high=10) for axis in _CAMERA_AXES)),
        ),
    ),
)
_SHOTS = (
    Field("multi_shot", "boolean", fact=_NEWER),
    Field("shot_type", "string", enum=SHOT_TYPES, fact=_NEWER),
    Field(
        "multi_prompt",
        "array",
        low=1,
        high=6,
        fact=_NEWER,
        members=_shape(
            Field("index", "integer", required=True, low=1),
            Field("prompt", "string", required=True, high=512),
            Field("duration", "string", required=True, fact=_NUMERIC_TEXT),
        ),
    ),
)
_ELEMENTS = Field(
    "element_list",
    "array",
    low=1,
    members=_shape(Field("element_id", "integer", required=True)),
    fact=_NEWER,
)
_COMMON = (
    Field("watermark_info", "object", members=_shape(Field("enabled", "boolean"))),
    Field("callback_url", "url", fact=_URL),
    Field("external_task_id", "string"),
    Field("model", "string", ignored=True, fact=_IGNORED),
)

_TEXT2VIDEO = (
    Field("model_name", "string"),
    _PROMPT,
    _NEGATIVE,
    *_SHOTS,
    _SOUND,
    _CFG_SCALE,
    _MODE,
    _CAMERA,
    _ASPECT_RATIO,
    _DURATION,
    *_COMMON,
)
_IMAGE2VIDEO = (
    Field("model_name", "string"),
    Field("image", "image"),
    Field("image_tail", "image"),
    _PROMPT,
    _NEGATIVE,
    *_SHOTS,
    _ELEMENTS,
    Field(
        "voice_list",
        "array",
        low=1,
        high=2,
        members=_shape(Field("voice_id", "string", required=True)),
    ),
    _SOUND,
    _CFG_SCALE,
    _MODE,
    Field("static_mask", "image"),
    Field(
        "dynamic_masks",
        "array",
        low=1,
        high=6,
        members=_shape(
            Field("mask", "image", required=True),
            Field(
                "trajectories",
                "array",
                required=True,
                low=MASK_POINTS[0],
                high=MASK_POINTS[1],
                members=_shape(
                    Field("x", "integer", required=True),
                    Field("y", "integer", required=True),
                ),
            ),
        ),
    ),
    _CAMERA,
    _DURATION,
    *_COMMON,
)
_OMNI_VIDEO = (
    Field("model_name", "string"),
    _PROMPT,
    *_SHOTS,
    Field(
        "image_list",
        "array",
        low=1,
        members=_shape(
            Field("image_url", "image", required=True),
            Field("type", "string", enum=("first_frame", "end_frame")),
        ),
    ),
    _ELEMENTS,
    Field(
        "video_list",
        "array",
        low=1,
        high=1,
        members=_shape(
            Field("video_url", "url", required=True),
            Field("refer_type", "string", enum=("feature", "base")),
            Field("keep_original_sound", "string", enum=_YES_NO),
        ),
    ),
    _SOUND,
    _MODE,
    _ASPECT_RATIO,
    _DURATION,
    *_COMMON,
)
_MULTI_IMAGE = (
    Field("model_name", "string"),
    Field(
        "image_list",
        "array",
        required=True,
        low=1,
        high=4,
        members=_shape(Field("image", "image", required=True)),
    ),
    Field("prompt", "string", required=True, high=2500),
    _NEGATIVE,
    Field("mode", "string", enum=("std", "pro")),
    Field("duration", "string", enum=("5", "10"), fact=_NUMERIC_TEXT),
    _ASPECT_RATIO,
    *_COMMON,
)

FIELDS: Mapping[str, Shape] = {
    endpoint: _shape(*fields)
    for endpoint, fields in zip(
        ENDPOINTS, (_TEXT2VIDEO, _IMAGE2VIDEO, _OMNI_VIDEO, _MULTI_IMAGE), strict=True
    )
}

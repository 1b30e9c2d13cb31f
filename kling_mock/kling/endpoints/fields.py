"""Fields of requests as data: what a field is, and those that several endpoints have.

The fields of an endpoint, and the rules between them, are in its record.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal, NamedTuple

from kling_mock.web.facts import Fact, assumed, documented

__all__ = [
    "ASPECT_RATIO",
    "CAMERA",
    "CFG_SCALE",
    "COMMON",
    "DURATION",
    "ELEMENTS",
    "MODE",
    "MODEL_NAME",
    "NEGATIVE",
    "NEWER",
    "NO_FIELDS",
    "NUMERIC_TEXT",
    "PROMPT",
    "SHOTS",
    "SHOT_TYPES",
    "SOUND",
    "Field",
    "FieldShape",
    "FieldType",
    "field_shape",
]

FieldType = Literal[
    "string", "boolean", "number", "integer", "object", "array", "image", "sound", "url", "texts"
]

_PAGES = documented("pages-2026-04", "digest-2026-01", as_of="2026-04-01")
_URL = assumed("that a callback_url is refused if it is not http or https, or has no host or port")
_IGNORED = documented(
    "pages-2026-04",
    as_of="2026-04-01",
    confidence="medium",
    note="the old name of model_name: tolerated, and has no effect",
)
NUMERIC_TEXT = documented(
    "pages-2026-04",
    "digest-2026-01",
    as_of="2026-04-01",
    note="documented as a string; a JSON number is taken as well",
)
NEWER = documented("pages-2026-04", "pages-2026-09", "pages-2026-05", as_of="2026-09-20")


class Field(NamedTuple):
    """One field of a request, of an object in it, or of an item of a list in it.

    Attributes:
        name: The key.
        type: `image` and `sound` are a URL or raw base64 without a `data:` prefix; `url` is http
            or https; `texts` is a list of strings.
        required: Whether every request must have it. `null` and "" count as absent, except
            in a list (assumed: the vendor's own samples send empty strings).
        enum: The possible strings; empty is any.
        low, high: Range of a number, or of the length of a string (characters) or list (items).
        members: What an object holds, or each item of an array.
        ignored: Taken, and not looked at.
        fact: Where the row comes from.
        default: What a request without it means, where the value itself says so.
        is_numeric: Whether a string may as well be a number; elsewhere that is noted.
        wrong_value: The key of `MESSAGES` with the text for a string that is not of *enum*.
        wrong_type: The same for a value that cannot be read as *type*.
        validated: Whether a number out of range is refused in the words of the service's
            framework, which names the field as its program does.
    """

    name: str
    type: FieldType
    required: bool = False
    enum: tuple[str, ...] = ()
    low: float | None = None
    high: float | None = None
    members: FieldShape | None = None
    ignored: bool = False
    fact: Fact = _PAGES
    default: str | int | bool | None = None
    is_numeric: bool = False
    wrong_value: str = "value"
    wrong_type: str = "unreadable"
    validated: bool = False


class FieldShape(NamedTuple):
    """The keys that an object may have.

    Attributes:
        fields: By name, in the order of the vendor's page.
        required: Those that must be there.
        names: Those that a message lists.
    """

    fields: Mapping[str, Field]
    required: tuple[Field, ...]
    names: str

    def all_names(self) -> Iterator[str]:
        """Yield the names of the fields, those of objects in them included."""
        for field in self.fields.values():
            yield field.name
            if field.members is not None:
                yield from field.members.all_names()


def field_shape(*fields: Field) -> FieldShape:
    """Return the shape of an object with these fields."""
    return FieldShape(
        fields={field.name: field for field in fields},
        required=tuple(field for field in fields if field.required),
        names=", ".join(field.name for field in fields if not field.ignored),
    )


NO_FIELDS = field_shape()

SHOT_TYPES = ("customize", "intelligence")
_CAMERA_MOVES = (
    "simple",
    "down_back",
    "forward_up",
    "right_turn_forward",
    "left_turn_forward",
)
_CAMERA_AXES = ("horizontal", "vertical", "pan", "tilt", "roll", "zoom")

MODEL_NAME = Field("model_name", "string")
PROMPT = Field("prompt", "string", high=2500)
NEGATIVE = Field("negative_prompt", "string", high=2500)
ASPECT_RATIO = Field("aspect_ratio", "string", enum=("16:9", "9:16", "1:1"))
DURATION = Field("duration", "string", enum=tuple(str(n) for n in range(3, 16)), fact=NUMERIC_TEXT)
CFG_SCALE = Field("cfg_scale", "number", low=0, high=1)
SOUND = Field("sound", "string", enum=("on", "off"), fact=NEWER)
MODE = Field("mode", "string", enum=("std", "pro", "4k"), fact=NEWER)
CAMERA = Field(
    "camera_control",
    "object",
    members=field_shape(
        Field("type", "string", required=True, enum=_CAMERA_MOVES),
        Field(
            "config",
            "object",
            members=field_shape(
                *(Field(axis, "number", low=-10, high=10) for axis in _CAMERA_AXES)
            ),
        ),
    ),
)
SHOTS = (
    Field("multi_shot", "boolean", fact=NEWER),
    Field("shot_type", "string", enum=SHOT_TYPES, fact=NEWER),
    Field(
        "multi_prompt",
        "array",
        low=1,
        high=6,
        fact=NEWER,
        members=field_shape(
            Field("index", "integer", required=True, low=1),
            Field("prompt", "string", required=True, high=512),
            Field("duration", "string", required=True, fact=NUMERIC_TEXT),
        ),
    ),
)
ELEMENTS = Field(
    "element_list",
    "array",
    low=1,
    members=field_shape(Field("element_id", "integer", required=True)),
    fact=NEWER,
)
COMMON = (
    Field("watermark_info", "object", members=field_shape(Field("enabled", "boolean"))),
    Field("callback_url", "url", fact=_URL),
    Field("external_task_id", "string"),
    Field("model", "string", ignored=True, fact=_IGNORED),
)

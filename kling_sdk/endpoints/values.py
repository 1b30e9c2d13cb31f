"""The objects inside a request, and the converters that accept their looser spellings.

A list field takes our objects or mappings spelled as in the vendor's documentation, so a
body copied from there works. Unknown keys in such a mapping are refused by name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, Literal, TypeVar, cast, get_args

import attrs

from kling_sdk.endpoints import checks
from kling_sdk.errors import RequestValidationError
from kling_sdk.facts.limits import MAX_PROMPT
from kling_sdk.files import ImageSource, to_image
from kling_sdk.results.task import shown_url
from kling_sdk.text.hidden import hide, private, public
from kling_sdk.text.spelling import nearest

__all__ = [
    "MAX_PROMPT",
    "AspectRatio",
    "CameraConfig",
    "CameraControl",
    "DynamicMask",
    "ElementReference",
    "ImageAspectRatio",
    "ImageReference",
    "ImageResolution",
    "OmniAspectRatio",
    "OmniImage",
    "OmniVideoReference",
    "PictureOfSubject",
    "Point",
    "QualityMode",
    "ReferenceImage",
    "ResultType",
    "Shot",
    "ShotType",
    "SubjectImage",
    "VoiceReference",
]

T = TypeVar("T")

AspectRatio = Literal["16:9", "9:16", "1:1"]
ImageAspectRatio = Literal["16:9", "9:16", "1:1", "4:3", "3:4", "3:2", "2:3", "21:9"]
OmniAspectRatio = Literal["16:9", "9:16", "1:1", "4:3", "3:4", "3:2", "2:3", "21:9", "auto"]
ImageResolution = Literal["1k", "2k", "4k"]
ImageReference = Literal["subject", "face"]
ResultType = Literal["single", "series"]
QualityMode = Literal["std", "pro", "4k"]
ShotType = Literal["customize", "intelligence"]
CameraType = Literal["simple", "down_back", "forward_up", "right_turn_forward", "left_turn_forward"]
FrameType = Literal["first_frame", "end_frame"]
ReferType = Literal["base", "feature"]
KeepSound = Literal["yes", "no"]


def hidden(value: object) -> str:
    """Return the repr of text that must not be shown: its length only.

    This repr is what marks a field as private.
    """
    if isinstance(value, str):
        return f"<{len(value)} characters>"
    return "None" if value is None else f"<{type(value).__name__}>"


def hidden_list(values: object) -> str:
    """Return the repr of texts that must not be shown."""
    return _each(hidden, values)


def media(value: object) -> str:
    """Return the repr of a URL without its signature, or the length of base64."""
    if isinstance(value, str) and value.startswith(("http://", "https://")):
        return repr(shown_url(value))
    return hidden(value)


def media_list(values: object) -> str:
    """Return the repr of URLs without their signatures, and of the lengths of base64."""
    return _each(media, values)


def _each(show: Callable[[object], str], values: object) -> str:
    """Return the repr of a list; an unchecked request may have any value in its place."""
    if not isinstance(values, list | tuple):
        return show(values)
    return f"({', '.join(map(show, cast('Iterable[object]', values)))})"


def hider_of(field: Any) -> Callable[[Any], Any]:
    """Return what hides the values of a parameter, as its repr says; None for an unknown one."""
    if field is None or field.repr not in _SHOWING:
        return private
    return hide if field.repr in _MEDIA else _hide_objects


def _hide_objects(value: Any) -> Any:
    """Return a value with its objects private: their own fields say what is shown."""
    if isinstance(value, list | tuple) and any(isinstance(part, Mapping) for part in value):
        return [private(part) if isinstance(part, Mapping) else part for part in value]
    return private(value) if isinstance(value, Mapping) else value


_MEDIA: Final = (media, media_list)
_SHOWING: Final = (True, False, *_MEDIA)


def private_text(value: str) -> str:
    """Return a text as `Private`; a value that is not text is left to the validator."""
    return private(value)


def optional_private_text(value: str | None) -> str | None:
    """Return a text as `Private`, or None; see `private_text`."""
    return private(value)


def build(cls: type[T], field: str, value: object) -> T:
    """Return *value* as an instance of *cls*: it is one already, or a mapping of its fields.

    Raises:
        RequestValidationError: another type, an unknown key, or a missing key.
    """
    if isinstance(value, cls):
        return value
    fields = attrs.fields_dict(cast("type[attrs.AttrsInstance]", cls))
    names = ", ".join(fields)
    if not isinstance(value, Mapping):
        raise RequestValidationError(
            field, f"holds a {type(value).__name__}", f"{cls.__name__} or a mapping of {names}"
        )
    for name in value:
        if name not in fields:
            suggestion = nearest(str(name), fields)
            hint = f"did you mean {suggestion!r}?" if suggestion else f"{field} takes {names}"
            raise RequestValidationError(
                f"{field}.{name}",
                "is unknown",
                names,
                f"unknown key {name!r:.60} in {field}; {hint}",
            )
    for name, attribute in fields.items():
        if attribute.default is attrs.NOTHING and name not in value:
            raise RequestValidationError(f"{field}.{name}", "is missing", names)
    return cls(**{name: hider_of(fields[name])(public(part)) for name, part in value.items()})


def sequence(field: str, values: object) -> tuple[Any, ...]:
    """Return the items of a list, tuple or other iterable that is neither text nor a mapping."""
    if isinstance(values, str | bytes | Mapping) or not isinstance(values, Iterable):
        raise RequestValidationError(field, f"is a {type(values).__name__}", "a list")
    return tuple(values)


def objects(
    cls: type[T],
    field: str,
    values: object,
    make: Callable[[Any], T] | None = None,
    *,
    of: type | tuple[type, ...] = object,
) -> tuple[T, ...]:
    """Return the objects of a list: as they are, of mappings, or what *make* makes of an *of*."""
    return tuple(
        make(part)
        if make and isinstance(part, of) and not isinstance(part, cls | Mapping)
        else build(cls, field, part)
        for part in sequence(field, values)
    )


def whole(value: int | str, field: str = "duration") -> int:
    """Return a whole number given as int or as decimal digits.

    Raises:
        RequestValidationError: it is neither.
    """
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 9:
        return int(value)
    text = repr(value) if isinstance(value, float) else f"a {type(value).__name__}"
    raise RequestValidationError(field, f"is {text}", "whole seconds, such as 5 or '5'")


def typed(kind: type | tuple[type, ...], field: str, expected: str) -> checks.Validator:
    """Return a validator of the type of an attribute; None passes, and a bool is not a number.

    Args:
        kind: What it must be.
        field: Name of the parameter that holds the object.
        expected: The same for the error's text.
    """

    def problem(_instance: Any, value: object) -> checks.Problem | None:
        is_right = isinstance(value, kind) and not isinstance(value, bool)
        return None if is_right else (checks.is_a(value), expected)

    return checks.validator(problem, f"{field}.")


def needed(kind: type, field: str, expected: str) -> checks.Validator:
    """Return a validator as `typed` does, which also refuses None."""
    return checks.needed(typed(kind, field, expected), expected, f"{field}.")


def _shot_seconds(value: int | str) -> int:
    return whole(value, "multi_prompt.duration")


@attrs.frozen
class Shot:
    """One shot of a video with several.

    Attributes:
        prompt: What happens, at most 512 characters.
        duration: Its length in whole seconds, at least 1; the shots add up to the video's.
        index: Its position, counted from 1; None takes its position in the list.
    """

    prompt: str = attrs.field(
        repr=hidden, converter=private_text, validator=needed(str, "multi_prompt", "text")
    )
    duration: int = attrs.field(converter=_shot_seconds)
    index: int | None = attrs.field(
        default=None, validator=typed(int, "multi_prompt", "a whole number")
    )


_AXIS: Final = typed((int, float), "camera_control.config", "a number from -10 to 10")


@attrs.frozen
class CameraConfig:
    """The movement of the camera, from -10 to 10 each; exactly one may differ from 0.

    The vendor's copies disagree on which axis `pan` and `tilt` turn about (confidence low).
    """

    horizontal: float | None = attrs.field(default=None, validator=_AXIS)
    vertical: float | None = attrs.field(default=None, validator=_AXIS)
    pan: float | None = attrs.field(default=None, validator=_AXIS)
    tilt: float | None = attrs.field(default=None, validator=_AXIS)
    roll: float | None = attrs.field(default=None, validator=_AXIS)
    zoom: float | None = attrs.field(default=None, validator=_AXIS)


def to_camera_config(value: CameraConfig | Mapping[str, float] | None) -> CameraConfig | None:
    """Return a camera configuration given as object or mapping."""
    return None if value is None else build(CameraConfig, "camera_control.config", value)


@attrs.frozen
class CameraControl:
    """A camera movement.

    Attributes:
        type: `simple` with a `config`, or one of the named movements without.
        config: The movement of `simple`.
    """

    type: CameraType | str = attrs.field(
        validator=needed(str, "camera_control", ", ".join(get_args(CameraType)))
    )
    config: CameraConfig | None = attrs.field(default=None, converter=to_camera_config)


_PIXEL: Final = needed(int, "dynamic_masks.trajectories", "a whole number of pixels")


@attrs.frozen
class Point:
    """A point of a trajectory, in pixels from the picture's bottom left corner."""

    x: int = attrs.field(validator=_PIXEL)
    y: int = attrs.field(validator=_PIXEL)


def _to_mask(value: ImageSource) -> str:
    return to_image(value, field="dynamic_masks.mask")


def _to_points(value: Iterable[Point | Mapping[str, int]]) -> tuple[Point, ...]:
    return objects(Point, "dynamic_masks.trajectories", value)


@attrs.frozen
class DynamicMask:
    """An area of the picture and the way it moves.

    Attributes:
        mask: A picture of the same ratio as the image, marking the area.
        trajectories: 2 to 77 points for a video of 5 s.
    """

    mask: str = attrs.field(converter=_to_mask, repr=media)
    trajectories: tuple[Point, ...] = attrs.field(converter=_to_points)


@attrs.frozen
class VoiceReference:
    """A reference to a voice in a request, spoken as `<<<voice_1>>>` in the prompt."""

    voice_id: str = attrs.field(validator=needed(str, "voice_list", "text"))


def _to_element_id(value: int | str) -> int:
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 20:
        return int(value)
    return cast("int", value)  # the validator names a non-number


@attrs.frozen
class ElementReference:
    """A reference to an element in a request, `<<<element_1>>>` in the prompt.

    Attributes:
        element_id: Its id, a whole number; digits as text are taken too.
    """

    element_id: int = attrs.field(
        converter=_to_element_id, validator=needed(int, "element_list", "a whole number")
    )


def _to_subject(value: ImageSource) -> str:
    return to_image(value, field="image_list.image")


@attrs.frozen
class SubjectImage:
    """A picture of one subject, cropped to it."""

    image: str = attrs.field(converter=_to_subject, repr=media)


def _to_omni_reference(value: ImageSource) -> str:
    return to_image(value, field="image_list.image")


@attrs.frozen
class ReferenceImage:
    """A picture for omni-image, `<<<image_1>>>` in the prompt."""

    image: str = attrs.field(converter=_to_omni_reference, repr=media)


def _to_subject_image(value: ImageSource) -> str:
    return to_image(value, field="subject_image_list.subject_image")


@attrs.frozen
class PictureOfSubject:
    """A picture of one subject for multi-image2image."""

    subject_image: str = attrs.field(converter=_to_subject_image, repr=media)


def _to_reference(value: ImageSource) -> str:
    return to_image(value, field="image_list.image_url")


@attrs.frozen
class OmniImage:
    """A picture for omni-video, `<<<image_1>>>` in the prompt.

    Attributes:
        image_url: The picture.
        type: `first_frame`, `end_frame` (needs a first frame), or None for a reference.
    """

    image_url: str = attrs.field(converter=_to_reference, repr=media)
    type: FrameType | str | None = attrs.field(
        default=None, validator=typed(str, "image_list", "first_frame, end_frame or None")
    )


@attrs.frozen
class OmniVideoReference:
    """A video for omni-video, `<<<video_1>>>` in the prompt.

    Attributes:
        video_url: Public URL of an mp4 or mov, at most 200 MB, 24-60 frames per second.
        refer_type: `base` (edit it; the vendor's default) or `feature` (take it as reference).
        keep_original_sound: `yes` or `no`; the vendor states no default.
    """

    video_url: str = attrs.field(repr=media, validator=needed(str, "video_list", "an http(s) URL"))
    refer_type: ReferType | str | None = attrs.field(
        default=None, validator=typed(str, "video_list", "base or feature")
    )
    keep_original_sound: KeepSound | str | None = attrs.field(
        default=None, validator=typed(str, "video_list", "yes or no")
    )

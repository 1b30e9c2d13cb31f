"""Converters of request fields: named and annotated, so type checkers see what is accepted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal, cast

import attrs

from kling_sdk.endpoints.checks import require_json
from kling_sdk.endpoints.values import (
    CameraControl,
    DynamicMask,
    ElementReference,
    OmniImage,
    OmniVideoReference,
    PictureOfSubject,
    ReferenceImage,
    Shot,
    SubjectImage,
    VoiceReference,
    build,
    objects,
    whole,
)
from kling_sdk.errors import RequestValidationError
from kling_sdk.files import ImageSource, SoundSource, to_image, to_sound
from kling_sdk.results.library_items import Element, Voice

AnyMapping = Mapping[str, Any]
Switch = Literal["on", "off"]
KeepSound = Literal["yes", "no"]


def optional_image(value: ImageSource | None) -> str | None:
    """Return a picture as URL or base64; `from_facts` gives errors the name of the parameter."""
    return None if value is None else to_image(value)


def needed_image(value: ImageSource) -> str:
    """Return a picture as URL or base64."""
    return to_image(value)


def optional_sound(value: SoundSource | None) -> str | None:
    """Return a sound as URL or base64."""
    return None if value is None else to_sound(value)


def to_count_or_word(value: int | str | None) -> int | str | None:
    """Return a number given as int or as digits; another text stays as it is."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 9:
        return int(value)
    return value


def to_count(value: int | str | None) -> int | None:
    """Return a number given as int or as digits."""
    return cast("int | None", to_count_or_word(value))  # the validator names a non-number


def to_seconds(value: int | str | None) -> int | None:
    """Return whole seconds given as int or as digits."""
    return None if value is None else whole(value)


def to_switch(value: bool | Switch | str | None) -> str | None:  # noqa: FBT001 - a field's value; literals are for editors
    """Return `on` or `off`; True and False are taken for them."""
    if isinstance(value, bool):
        return "on" if value else "off"
    return value


def to_keep(value: bool | KeepSound | str | None) -> str | None:  # noqa: FBT001 - a field's value; literals are for editors
    """Return `yes` or `no`; True and False are taken for them."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return value


def to_watermark(value: bool | Mapping[str, bool] | None) -> bool | None:  # noqa: FBT001 - a field's value
    """Return whether a copy with a watermark is wanted; the vendor's object is taken too."""
    if isinstance(value, Mapping):
        if set(value) != {"enabled"}:
            raise RequestValidationError("watermark_info", "has other keys", "{'enabled': bool}")
        return value["enabled"]
    return value


def to_extra_body(value: AnyMapping | None) -> dict[str, Any] | None:
    """Return further fields of the body, in a dict of their own.

    Raises:
        RequestValidationError: they are not a mapping, JSON cannot carry them, or they hold the
            external id, by which a lost create is found again.
    """
    if not value:
        return None
    fields: object = value  # a caller may not run a type checker
    if not isinstance(fields, Mapping):
        raise RequestValidationError(
            "extra_body", f"is a {type(value).__name__}", "a mapping of fields"
        )
    extra = dict(value)
    require_json("extra_body", extra)
    options = extra.get("options")
    if "external_task_id" in extra or (
        isinstance(options, Mapping) and "external_task_id" in options
    ):
        raise RequestValidationError(
            "extra_body", "contains external_task_id", "the parameter external_task_id"
        )
    return extra


def to_camera(value: CameraControl | AnyMapping | None) -> CameraControl | None:
    """Return a camera movement given as object or mapping."""
    return None if value is None else build(CameraControl, "camera_control", value)


def to_shots(value: Iterable[Shot | AnyMapping] | None) -> tuple[Shot, ...] | None:
    """Return shots given as objects or mappings."""
    if value is None:
        return None
    return tuple(
        attrs.evolve(shot, index=place) if shot.index is None else shot
        for place, shot in enumerate(objects(Shot, "multi_prompt", value), start=1)
    )


def to_masks(value: Iterable[DynamicMask | AnyMapping] | None) -> tuple[DynamicMask, ...] | None:
    """Return masks given as objects or mappings."""
    return None if value is None else objects(DynamicMask, "dynamic_masks", value)


def to_voices(
    value: Iterable[Voice | AnyMapping | int | str] | None,
) -> tuple[VoiceReference, ...] | None:
    """Return voices given as objects, mappings or ids."""
    return None if value is None else objects(VoiceReference, "voice_list", value, _voice)


def _voice(voice: Any) -> VoiceReference:
    return VoiceReference(cast("str", to_voice_id(voice)))


def to_voice_id(value: Voice | int | str | None) -> str | None:
    """Return the id of a voice given as object or as id."""
    if isinstance(value, Voice):
        return value.voice_id
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return cast("str | None", value)  # the validator names a value that is not text


def to_elements(
    value: Iterable[Element | AnyMapping | int | str] | None,
) -> tuple[ElementReference, ...] | None:
    """Return elements given as objects, mappings or ids."""
    if value is None:
        return None
    return objects(ElementReference, "element_list", value, _element, of=(Element, int, str))


def _element(element: Element | int | str) -> ElementReference:
    return ElementReference(element.element_id if isinstance(element, Element) else element)


def to_subjects(
    value: Iterable[SubjectImage | AnyMapping | ImageSource],
) -> tuple[SubjectImage, ...]:
    """Return subject pictures given as objects, mappings or pictures."""
    return objects(SubjectImage, "image_list", value, SubjectImage)


def to_reference_images(
    value: Iterable[ReferenceImage | AnyMapping | ImageSource] | None,
) -> tuple[ReferenceImage, ...] | None:
    """Return pictures of omni-image given as objects, mappings or pictures."""
    return None if value is None else objects(ReferenceImage, "image_list", value, ReferenceImage)


def to_pictures_of_subjects(
    value: Iterable[PictureOfSubject | AnyMapping | ImageSource],
) -> tuple[PictureOfSubject, ...]:
    """Return pictures of multi-image2image given as objects, mappings or pictures."""
    return objects(PictureOfSubject, "subject_image_list", value, PictureOfSubject)


def to_omni_images(
    value: Iterable[OmniImage | AnyMapping | ImageSource] | None,
) -> tuple[OmniImage, ...] | None:
    """Return omni pictures given as objects, mappings or pictures."""
    return None if value is None else objects(OmniImage, "image_list", value, OmniImage)


def to_omni_videos(
    value: Iterable[OmniVideoReference | AnyMapping | str] | None,
) -> tuple[OmniVideoReference, ...] | None:
    """Return omni videos given as objects, mappings or URLs."""
    make = OmniVideoReference
    return None if value is None else objects(make, "video_list", value, make, of=str)

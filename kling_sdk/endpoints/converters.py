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
    sequence,
    whole,
)
from kling_sdk.errors import RequestValidationError
from kling_sdk.files import ImageSource, SoundSource, to_image, to_sound
from kling_sdk.library_items import Element, Voice

AnyMapping = Mapping[str, Any]
Switch = Literal["on", "off"]
KeepSound = Literal["yes", "no"]


def optional_image(value: ImageSource | None) -> str | None:
    """Return a picture as URL or base64."""
    return None if value is None else to_image(value)


def needed_image(value: ImageSource) -> str:
    """Return a picture as URL or base64."""
    return to_image(value)


def to_picture_url(value: ImageSource) -> str:
    """Return the picture of motion control as URL or base64."""
    return to_image(value, field="image_url")


def optional_sound(value: SoundSource | None) -> str | None:
    """Return a sound as URL or base64."""
    return None if value is None else to_sound(value)


def optional_tail(value: ImageSource | None) -> str | None:
    """Return the last frame as URL or base64."""
    return None if value is None else to_image(value, field="image_tail")


def optional_mask(value: ImageSource | None) -> str | None:
    """Return a mask as URL or base64."""
    return None if value is None else to_image(value, field="static_mask")


def scene_image(value: ImageSource | None) -> str | None:
    """Return the picture of a place as URL or base64."""
    return None if value is None else to_image(value, field="scene_image")


def style_image(value: ImageSource | None) -> str | None:
    """Return the picture of a style as URL or base64."""
    return None if value is None else to_image(value, field="style_image")


def human_image(value: ImageSource) -> str:
    """Return the picture of a person as URL or base64."""
    return to_image(value, field="human_image")


def cloth_image(value: ImageSource) -> str:
    """Return the picture of a garment as URL or base64."""
    return to_image(value, field="cloth_image")


def element_frontal_image(value: ImageSource) -> str:
    """Return the picture of an element as URL or base64."""
    return to_image(value, field="element_frontal_image")


def to_count_or_word(value: int | str | None) -> int | str | None:
    """Return a number given as int or as digits; another text stays as it is."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 9:
        return int(value)
    return value


def to_count(value: int | str | None) -> int | None:
    """Return a number given as int or as digits."""
    return cast("int | None", to_count_or_word(value))  # the validator names what is no number


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
        RequestValidationError: they are no mapping, JSON cannot carry them, or they hold the
            external id, by which a lost create is found again.
    """
    if not value:
        return None
    given: object = value  # a caller may not run a type checker
    if not isinstance(given, Mapping):
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
            "extra_body", "holds external_task_id", "the parameter external_task_id"
        )
    return extra


def to_camera(value: CameraControl | AnyMapping | None) -> CameraControl | None:
    """Return a camera movement given as object or mapping."""
    return None if value is None else build(CameraControl, "camera_control", value)


def to_shots(value: Iterable[Shot | AnyMapping] | None) -> tuple[Shot, ...] | None:
    """Return shots given as objects or mappings."""
    if value is None:
        return None
    shots = [build(Shot, "multi_prompt", item) for item in sequence("multi_prompt", value)]
    return tuple(
        attrs.evolve(shot, index=place) if shot.index is None else shot
        for place, shot in enumerate(shots, start=1)
    )


def to_masks(value: Iterable[DynamicMask | AnyMapping] | None) -> tuple[DynamicMask, ...] | None:
    """Return masks given as objects or mappings."""
    if value is None:
        return None
    items = sequence("dynamic_masks", value)
    return tuple(build(DynamicMask, "dynamic_masks", item) for item in items)


def to_voices(
    value: Iterable[Voice | AnyMapping | int | str] | None,
) -> tuple[VoiceReference, ...] | None:
    """Return voices given as objects, mappings or ids."""
    if value is None:
        return None
    return tuple(
        build(VoiceReference, "voice_list", item)
        if isinstance(item, VoiceReference | Mapping)
        else VoiceReference(cast("str", to_voice_id(item)))
        for item in sequence("voice_list", value)
    )


def to_voice_id(value: Voice | int | str | None) -> str | None:
    """Return the id of a voice given as object or as id."""
    if isinstance(value, Voice):
        return value.voice_id
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return cast("str | None", value)  # the validator names what is no text


def to_elements(
    value: Iterable[Element | AnyMapping | int | str] | None,
) -> tuple[ElementReference, ...] | None:
    """Return elements given as objects, mappings or ids."""
    if value is None:
        return None
    return tuple(_element(item) for item in sequence("element_list", value))


def _element(item: Any) -> ElementReference:
    if isinstance(item, Element):
        return ElementReference(item.element_id)
    if isinstance(item, int | str):
        return ElementReference(item)
    return build(ElementReference, "element_list", item)


def to_subjects(
    value: Iterable[SubjectImage | AnyMapping | ImageSource],
) -> tuple[SubjectImage, ...]:
    """Return subject pictures given as objects, mappings or pictures."""
    return tuple(
        build(SubjectImage, "image_list", item)
        if isinstance(item, SubjectImage | Mapping)
        else SubjectImage(item)
        for item in sequence("image_list", value)
    )


def to_reference_images(
    value: Iterable[ReferenceImage | AnyMapping | ImageSource] | None,
) -> tuple[ReferenceImage, ...] | None:
    """Return pictures of omni-image given as objects, mappings or pictures."""
    if value is None:
        return None
    return tuple(
        build(ReferenceImage, "image_list", item)
        if isinstance(item, ReferenceImage | Mapping)
        else ReferenceImage(item)
        for item in sequence("image_list", value)
    )


def to_pictures_of_subjects(
    value: Iterable[PictureOfSubject | AnyMapping | ImageSource],
) -> tuple[PictureOfSubject, ...]:
    """Return pictures of multi-image2image given as objects, mappings or pictures."""
    return tuple(
        build(PictureOfSubject, "subject_image_list", item)
        if isinstance(item, PictureOfSubject | Mapping)
        else PictureOfSubject(item)
        for item in sequence("subject_image_list", value)
    )


def to_omni_images(
    value: Iterable[OmniImage | AnyMapping | ImageSource] | None,
) -> tuple[OmniImage, ...] | None:
    """Return omni pictures given as objects, mappings or pictures."""
    if value is None:
        return None
    return tuple(
        build(OmniImage, "image_list", item)
        if isinstance(item, OmniImage | Mapping)
        else OmniImage(item)
        for item in sequence("image_list", value)
    )


def to_omni_videos(
    value: Iterable[OmniVideoReference | AnyMapping | str] | None,
) -> tuple[OmniVideoReference, ...] | None:
    """Return omni videos given as objects, mappings or URLs."""
    if value is None:
        return None
    return tuple(
        OmniVideoReference(item)
        if isinstance(item, str)
        else build(OmniVideoReference, "video_list", item)
        for item in sequence("video_list", value)
    )

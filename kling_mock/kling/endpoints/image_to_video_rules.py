"""The rules of image2video: images, end frame, masks, camera, elements and voices."""

from __future__ import annotations

from typing import Any

from kling_mock.kling.endpoints.common_rules import Ask, require
from kling_mock.kling.endpoints.field_checks import refuse
from kling_mock.kling.endpoints.images import Size, inspect
from kling_mock.kling.endpoints.plan import nearest_aspect_ratio

__all__ = ["aspect_ratio_of", "check_image2video"]

_MAX_ELEMENTS = 3  # of kling-v3


def check_image2video(ask: Ask) -> None:
    """Check what only image2video has.

    Raises:
        Refusal: 400/1201, naming the field.
    """
    said = ask.said
    if "image" not in said and "image_tail" not in said:
        raise refuse("image", "required unless there is an image_tail")
    _check_exclusive(said)
    if "image_tail" in said:
        _check_tail(ask)
    if "static_mask" in said or "dynamic_masks" in said:
        _check_masks(ask)
    _check_elements(ask)
    _check_voices(ask)


def aspect_ratio_of(ask: Ask) -> str:
    """Return the shape of the result, that of the image; a URL counts as 16:9 (assumed).

    Raises:
        Refusal: 400/1201, the image is not one that Kling takes.
    """
    sizes = [
        size
        for field in ("image", "image_tail")
        if field in ask.said and (size := inspect(ask.said[field], field)) is not None
    ]
    return nearest_aspect_ratio(sizes[0].width, sizes[0].height) if sizes else "16:9"


def _check_exclusive(said: Any) -> None:
    controls = [
        name
        for name, present in (
            ("image_tail", "image_tail" in said),
            ("static_mask/dynamic_masks", "static_mask" in said or "dynamic_masks" in said),
            ("camera_control", "camera_control" in said),
        )
        if present
    ]
    if len(controls) > 1:
        raise refuse(" and ".join(controls), "only one of them is accepted in a request")


def _check_tail(ask: Ask) -> None:
    require(ask, "image_tail", "image_tail", "image_tail")
    if "image" not in ask.said:
        require(ask, "last_frame_only", "image_tail without image", "image_tail")
    if ask.capability.model == "kling-v2-6" and ask.said.get("sound") == "on":
        raise refuse("sound", "kling-v2-6 accepts image_tail only with sound off", "on")


def _check_masks(ask: Ask) -> None:
    require(ask, "motion_brush", "static_mask and dynamic_masks", "motion_brush")
    if "image" not in ask.said:
        raise refuse("image", "required with static_mask and dynamic_masks")
    masks: list[tuple[str, str]] = []
    if "static_mask" in ask.said:
        masks.append(("static_mask", ask.said["static_mask"]))
    for number, row in enumerate(ask.said.get("dynamic_masks", ())):
        masks.append((f"dynamic_masks[{number}].mask", row["mask"]))
    _check_mask_sizes(inspect(ask.said["image"], "image"), masks)


def _check_mask_sizes(image: Size | None, masks: list[tuple[str, str]]) -> None:
    """All masks have one resolution and the image's ratio; URLs are taken on trust."""
    first: Size | None = None
    for path, value in masks:
        size = inspect(value, path)
        if size is None:
            continue
        first = first or size
        if size != first:
            raise refuse(path, f"all masks must have one size, here {first.width}x{first.height}")
        if image is not None and size.width * image.height != size.height * image.width:
            raise refuse(path, f"must have the ratio of image, {image.width}:{image.height}")


def _check_elements(ask: Ask) -> None:
    elements = ask.said.get("element_list")
    if elements is None:
        return
    if "voice_list" in ask.said:
        raise refuse("element_list and voice_list", "only one of them is accepted in a request")
    require(ask, "element_list", "element_list")
    if len(elements) > _MAX_ELEMENTS:
        raise refuse("element_list", f"at most {_MAX_ELEMENTS} are accepted", len(elements))


def _check_voices(ask: Ask) -> None:
    if "voice_list" in ask.said:
        require(ask, "voice_list", "voice_list")
        if ask.said.get("sound") != "on":
            raise refuse("sound", "must be on with voice_list", ask.said.get("sound", "off"))

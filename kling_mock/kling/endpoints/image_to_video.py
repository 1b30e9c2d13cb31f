"""`image2video`: a video from an image, an end frame, or both."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kling_mock.kling.endpoints.common_rules import (
    check_camera,
    check_cfg_scale,
    check_shots,
    check_sound,
    require,
)
from kling_mock.kling.endpoints.example_parts import (
    ELEMENT_IDS,
    IMAGE,
    MASK,
    VOICE_IDS,
    shots,
    trajectory,
    zoom,
)
from kling_mock.kling.endpoints.fields import FieldTexts, fields_of
from kling_mock.kling.endpoints.images import ImageSize, inspect
from kling_mock.kling.endpoints.models import of_videos
from kling_mock.kling.endpoints.noticing import Noticed
from kling_mock.kling.endpoints.prices import listed_prices
from kling_mock.kling.endpoints.record import CreateRequest, EmulatedEndpoint
from kling_mock.kling.model.plan import nearest_aspect_ratio
from kling_mock.kling.service_codes import invalid, refusal
from kling_mock.kling.wire.v1 import V1
from kling_mock.web.facts import documented
from kling_sdk.facts.products.image_to_video import MODELS, REQUEST

_MAX_ELEMENTS = 3  # of kling-v3
_TAIL, _CAMERA, _BRUSH = "Image tail", "Camera control", "Motion brush"
#: Fields that a model accepts and does not use.
_WITHOUT_EFFECT = {"kling-v2-1-master": ("sound", "multi_shot", "element_list", "voice_list")}


# Whether kling-v3 takes cfg_scale is stated nowhere (kling-v2.x: it does not); here it does.

_CAPABILITIES = of_videos(MODELS, {"first_last_frame": "image_tail"}, {"kling-v3": "cfg_scale"})

_EXAMPLES: Mapping[str, Any] = {
    "plain": {
        "model_name": "kling-v2-6",
        "mode": "pro",
        "duration": "5",
        "image": IMAGE,
        "prompt": "The cat says: hello.",
        "negative_prompt": "",
        "sound": "on",
        "callback_url": "",
        "external_task_id": "",
    },
    "masks": {
        "model_name": "kling-v1",
        "mode": "pro",
        "duration": "5",
        "image": IMAGE,
        "prompt": "The astronaut stands up.",
        "cfg_scale": 0.5,
        "static_mask": MASK,
        "dynamic_masks": [
            {"mask": MASK, "trajectories": trajectory((279, 219), (417, 65))},
            {"mask": MASK, "trajectories": trajectory((10, 10), (20, 30), (40, 50))},
        ],
    },
    "end-frame": {
        "model_name": "kling-v1-6",
        "mode": "pro",
        "duration": "10",
        "image": IMAGE,
        "image_tail": IMAGE,
        "prompt": "It turns around.",
        "cfg_scale": 0.5,
    },
    "end-frame-alone": {"model_name": "kling-v1-5", "mode": "pro", "image_tail": IMAGE},
    "camera": {
        "model_name": "kling-v1-5",
        "mode": "pro",
        "duration": "5",
        "image": IMAGE,
        "camera_control": zoom(-3.5),
    },
    "voices": {
        "model_name": "kling-v2-6",
        "mode": "pro",
        "duration": "5",
        "image": IMAGE,
        "prompt": "<<<voice_1>>> says: hello. <<<voice_2>>> says: good morning.",
        "voice_list": [{"voice_id": voice_id} for voice_id in VOICE_IDS],
        "sound": "on",
    },
    "own-shots-with-elements": {
        "model_name": "kling-v3",
        **shots(("<<<element_1>>> enters.", "4"), ("She sits down.", "6")),
        "image": IMAGE,
        "element_list": [{"element_id": ELEMENT_IDS[0]}],
        "duration": "10",
        "mode": "std",
        "sound": "on",
        "watermark_info": {"enabled": False},
    },
}


def _check_inputs(request: CreateRequest) -> None:
    """Check the images and what goes with them."""
    fields = request.fields
    if "image" not in fields and "image_tail" not in fields:
        raise refusal("no_image", field="image", note="required unless there is an image_tail")
    _check_exclusive(fields)
    if "image_tail" in fields:
        _check_tail(request)
    if "static_mask" in fields or "dynamic_masks" in fields:
        _check_masks(request)
    _check_elements(request)
    _check_voices(request)


def _aspect_ratio(request: CreateRequest) -> str:
    """Return the shape of the result, that of the image; a URL counts as 16:9 (assumed).

    Raises:
        Refusal: 400/1201, the image is not one that Kling takes.
    """
    fields, noticed = request.fields, request.context.reader.noticed
    image_sizes = [
        inspect(fields[field], field, noticed)
        for field in ("image", "image_tail")
        if field in fields
    ]
    sizes = [size for size in image_sizes if size is not None]
    return nearest_aspect_ratio(sizes[0].width, sizes[0].height) if sizes else "16:9"


def _check_exclusive(fields: Mapping[str, Any]) -> None:
    controls = [
        name
        for name, present in (
            ("image_tail", "image_tail" in fields),
            ("static_mask/dynamic_masks", "static_mask" in fields or "dynamic_masks" in fields),
            ("camera_control", "camera_control" in fields),
        )
        if present
    ]
    if len(controls) > 1:
        raise invalid(" and ".join(controls), "only one of them is possible in a request")


def _check_tail(request: CreateRequest) -> None:
    if "image" not in request.fields:
        only = "image_tail without image"
        require(request, "last_frame_only", only, "only_image_tail", _TAIL)
    require(request, "image_tail", "image_tail", "image_tail", _TAIL)
    if request.capability.model == "kling-v2-6" and request.fields.get("sound") == "on":
        raise invalid("sound", "must be off with image_tail on kling-v2-6", "on")


def _check_masks(request: CreateRequest) -> None:
    require(request, "motion_brush", "static_mask and dynamic_masks", "motion_brush", _BRUSH)
    if "image" not in request.fields:
        raise invalid("image", "required with static_mask and dynamic_masks")
    masks: list[tuple[str, str]] = []
    if "static_mask" in request.fields:
        masks.append(("static_mask", request.fields["static_mask"]))
    for number, row in enumerate(request.fields.get("dynamic_masks", ())):
        masks.append((f"dynamic_masks[{number}].mask", row["mask"]))
    noticed = request.context.reader.noticed
    _check_mask_sizes(inspect(request.fields["image"], "image", noticed), masks, noticed)


def _check_mask_sizes(
    image: ImageSize | None, masks: list[tuple[str, str]], noticed: Noticed
) -> None:
    """All masks have one resolution and the image's ratio; URLs are taken on trust."""
    first: ImageSize | None = None
    for path, value in masks:
        size = inspect(value, path, noticed)
        if size is None:
            continue
        first = first or size
        if size != first:
            raise invalid(path, f"all masks must have one size, here {first.width}x{first.height}")
        if image is not None and size.width * image.height != size.height * image.width:
            raise invalid(path, f"must have the ratio of image, {image.width}:{image.height}")


def _check_elements(request: CreateRequest) -> None:
    elements = request.fields.get("element_list")
    if elements is None:
        return
    if "voice_list" in request.fields:
        raise invalid("element_list and voice_list", "only one of them is possible in a request")
    require(request, "element_list", "element_list")
    if len(elements) > _MAX_ELEMENTS:
        raise invalid("element_list", f"must be at most {_MAX_ELEMENTS}", len(elements))


def _check_voices(request: CreateRequest) -> None:
    if "voice_list" in request.fields:
        require(request, "voice_list", "voice_list")
        if request.fields.get("sound") != "on":
            raise invalid("sound", "must be on with voice_list", request.fields.get("sound", "off"))


def _check_camera(request: CreateRequest) -> None:
    camera = request.fields.get("camera_control")
    if camera is not None and camera["type"] != "simple":
        require(request, "camera_control", "camera_control", label=_CAMERA)
        model = request.capability.model
        raise invalid("camera_control.type", f"must be simple with {model}", camera["type"])
    check_camera(request, label=_CAMERA)


RECORD = EmulatedEndpoint(
    name="image2video",
    interface=V1,
    path=REQUEST.path,
    fact=REQUEST.fact,
    fields=fields_of(REQUEST, {"cfg_scale": FieldTexts(validated=True)}),
    examples=_EXAMPLES,
    # The older page makes the prompt optional, the newer one requires it: both clients exist.
    rules=(check_sound, check_cfg_scale, check_shots, _check_inputs, _check_camera),
    without_effect=_WITHOUT_EFFECT,
    capabilities=_CAPABILITIES,
    default_model="kling-v1",
    default_mode="std",
    aspect_ratio=_aspect_ratio,
    prices=listed_prices("image2video", _CAPABILITIES),
    behaviours=(
        (
            "A prompt is optional on image2video.",
            documented(
                "digest-2026-01",
                as_of="2026-01-01",
                confidence="medium",
                note="the page of 2026-04 requires it unless shots are given",
            ),
        ),
        (
            "A request to image2video has at most one of end frame, masks and camera control.",
            REQUEST.fact,
        ),
        ("All masks have one size and the ratio of the image.", REQUEST.fact),
        ("`element_list` and `voice_list` exclude each other.", REQUEST.fact),
        ("`voice_list` needs sound; kling-v2-6 takes an end frame only silent.", REQUEST.fact),
    ),
)

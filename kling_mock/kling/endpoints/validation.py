"""From the bytes of a request to what it asks for, or to a refusal. Pure.

Decided here, because the vendor's pages leave it open: an unknown key is refused (except
`model`, the old name of `model_name`, which is tolerated and has no effect); a number where a
string is documented is refused, `duration` included; of a key that is given twice the last one
counts; the `Content-Type` header is not looked at.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import Any, Literal, NoReturn, cast

from kling_mock.kling.endpoints.common_rules import (
    Ask,
    check_camera,
    check_shots,
    check_sound,
    require,
    resolve,
)
from kling_mock.kling.endpoints.field_checks import check_fields
from kling_mock.kling.endpoints.fields import FIELDS
from kling_mock.kling.endpoints.image_to_video_rules import aspect_ratio_of as shape_of_image
from kling_mock.kling.endpoints.image_to_video_rules import check_image2video
from kling_mock.kling.endpoints.images import inspect
from kling_mock.kling.endpoints.omni_video_rules import aspect_ratio_of as shape_of_omni
from kling_mock.kling.endpoints.omni_video_rules import check_omni
from kling_mock.kling.endpoints.plan import Plan
from kling_mock.kling.endpoints.prices import units
from kling_mock.kling.service_codes import Refusal

__all__ = ["plan", "read_object"]


def read_object(body: bytes) -> dict[str, object]:
    """Return the JSON object in *body*.

    Raises:
        Refusal: 400/1200 if the bytes are not UTF-8, not JSON, too deep, or not an object.
    """
    try:
        found: object = _decode(body.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise Refusal(1200, f"The body is not UTF-8: see byte {error.start}.") from None
    except RecursionError:
        raise Refusal(1200, "The body is nested too deeply.") from None
    except ValueError as error:  # also of a number with more than 4,300 digits
        reason = str(error).partition("; use sys.")[0]
        raise Refusal(1200, f"The body is not JSON: {reason}.") from None
    if not isinstance(found, dict):
        raise Refusal(1200, "The body must be a JSON object.")
    return cast("dict[str, object]", found)


def plan(
    endpoint: str,
    body: Mapping[str, object],
    *,
    discontinued: Collection[str] = (),
    characters: Collection[int] = (),
) -> Plan:
    """Check a create request against the tables and rules.

    Args:
        endpoint: One of `capabilities.ENDPOINTS`.
        body: The request's JSON object.
        discontinued: Models to refuse as the real service does.
        characters: Ids of the account's elements that are video characters.

    Raises:
        Refusal: 400/1201 naming the field and what is accepted; 404/1203 for an unknown model.
    """
    said = check_fields(FIELDS[endpoint], body)
    ask = resolve(endpoint, said, discontinued)
    check_sound(ask)
    if "cfg_scale" in said:
        require(ask, "cfg_scale", "cfg_scale")
    aspect_ratio = _CHECKS[endpoint](ask, characters)
    row = ask.capability
    return Plan(
        endpoint=endpoint,
        model=row.model,
        mode=row.mode,
        seconds=ask.seconds,
        resolution=row.resolution,
        aspect_ratio=aspect_ratio,
        fps=row.fps,
        sound=said.get("sound") == "on",
        units=units(endpoint, row.model, row.mode, _use(said), ask.seconds),
        prompt=_prompt(said),
        external_task_id=said.get("external_task_id", ""),
        callback_url=said.get("callback_url", ""),
        watermark=said.get("watermark_info", {}).get("enabled") is True,
    )


def _text2video(ask: Ask, _characters: Collection[int]) -> str:
    check_shots(ask)
    check_camera(ask)
    return str(ask.said.get("aspect_ratio", "16:9"))


def _image2video(ask: Ask, _characters: Collection[int]) -> str:
    # The older page makes the prompt optional, the newer one requires it: both clients exist.
    check_shots(ask, prompt_required=False)
    check_image2video(ask)
    check_camera(ask)
    return shape_of_image(ask)


def _omni_video(ask: Ask, characters: Collection[int]) -> str:
    check_shots(ask)
    check_omni(ask, characters)
    return shape_of_omni(ask)


def _multi_image2video(ask: Ask, _characters: Collection[int]) -> str:
    for number, row in enumerate(ask.said["image_list"]):
        inspect(row["image"], f"image_list[{number}].image")
    return str(ask.said.get("aspect_ratio", "16:9"))


_CHECKS = {
    "text2video": _text2video,
    "image2video": _image2video,
    "omni-video": _omni_video,
    "multi-image2video": _multi_image2video,
}


def _use(said: Mapping[str, Any]) -> Literal["silent", "sound", "voice", "video"]:
    """Return what the price depends on besides model, mode and seconds."""
    if "video_list" in said:
        return "video"
    if "voice_list" in said:
        return "voice"
    return "sound" if said.get("sound") == "on" else "silent"


def _prompt(said: Mapping[str, Any]) -> str:
    """Return the text that content rules look at."""
    if said.get("multi_shot") is True and said.get("shot_type") == "customize":
        return "\n".join(shot["prompt"] for shot in said["multi_prompt"])
    return str(said.get("prompt", ""))


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON value")


_decode = json.JSONDecoder(parse_constant=_no_constant).decode

"""Rules for more than one endpoint: sound, shots, camera."""

from __future__ import annotations

from typing import Any

from kling_mock.kling.endpoints.record import CreateRequest
from kling_mock.kling.service_codes import invalid, refusal
from kling_sdk.facts.fields import SHOT_TYPES


def require(
    request: CreateRequest,
    feature: str,
    fields: str,
    situation: str = "unsupported",
    label: str = "",
) -> None:
    """Check that the row of *request* has *feature* at its duration.

    Args:
        feature: A feature of `Capability`.
        fields: The fields that use it, for the message.
        situation: The key of `MESSAGES` with Kling's text.
        label: Kling's words for the feature, in the text for a model since kling-v2 that does not
            have it in any mode; without them that is the same text.

    Raises:
        Refusal: The row does not have the feature.
    """
    row, seconds = request.capability, request.seconds
    if feature in row.features and seconds in row.narrowed.get(feature, (seconds,)):
        return
    field = fields.split(maxsplit=1)[0]
    note = f"{fields} can be used with {_served(request, feature)}"
    if label and not row.model.startswith("kling-v1") and not _has(request, feature):
        raise refusal("not_of_model", label, field=field, note=note)
    # A template uses as many of the names as it needs.
    raise refusal(situation, *request.names, fields, field=field, note=note)


def _has(request: CreateRequest, feature: str) -> bool:
    """Return whether the model of *request* has *feature* in any mode."""
    rows = request.record.rows.values()
    return any(feature in row.features for row in rows if row.model == request.capability.model)


def check_sound(request: CreateRequest) -> None:
    """Refuse sound where the model or mode cannot make it."""
    if request.fields.get("sound") == "on":
        require(request, "sound", "sound", "sound")


def ignore_without_effect(request: CreateRequest, name: str) -> None:
    """Note a field that the model of *request* accepts but does not use.

    The pages say that kling-v2.x does not support cfg_scale; three clients always send it, and
    are served.

    Raises:
        Refusal: Such fields are refused.
    """
    if name in request.fields and name not in request.capability.features:
        text = f"{request.capability.model} does not use it; {_served(request, name)} do"
        request.context.reader.noticed.inapplicable(name, text)


def check_cfg_scale(request: CreateRequest) -> None:
    """Note `cfg_scale` where the model does not use it."""
    ignore_without_effect(request, "cfg_scale")


def check_prompt_or_shots(request: CreateRequest) -> None:
    """Check the shots; a request without them needs a prompt."""
    fields = request.fields
    if fields.get("multi_shot") is True:
        check_shots(request)
    elif "prompt" not in fields:
        raise invalid("prompt", "required, must be a string of at most 2500 characters")


def check_shots(request: CreateRequest) -> None:
    """Check `multi_shot`, `shot_type` and `multi_prompt`.

    Without multi_shot, shot_type and multi_prompt are ignored, as documented.
    """
    fields = request.fields
    if fields.get("multi_shot") is not True:
        return
    require(request, "multi_shot", "multi_shot")
    shot_type = fields.get("shot_type")
    if shot_type is None:
        possible = ", ".join(SHOT_TYPES)
        raise invalid("shot_type", f"required when multi_shot is true, one of {possible}")
    if shot_type == "intelligence":
        if "prompt" not in fields:
            raise invalid("prompt", "required when shot_type is intelligence")
        return
    if "multi_prompt" not in fields:
        raise invalid("multi_prompt", "required when shot_type is customize")
    _check_shot_list(fields["multi_prompt"], request.seconds)


def check_camera(request: CreateRequest, situation: str = "unsupported", label: str = "") -> None:
    """Check `camera_control`: whether the model supports it, and whether it needs a config.

    Args:
        situation: The key of `MESSAGES` with Kling's text for a model that does not support it.
        label: As of `require`.

    Raises:
        Refusal: It is not possible here.
    """
    camera = request.fields.get("camera_control")
    if camera is None:
        return
    require(request, "camera_control", "camera_control", situation, label)
    move, config = camera["type"], camera.get("config")
    if move != "simple":
        if config is not None:
            raise invalid("camera_control.config", "only possible when type is simple")
        return
    if config is None:
        raise invalid("camera_control.config", "required when type is simple")
    moving = sorted(axis for axis, value in config.items() if value)
    if len(moving) != 1:
        axes = ", ".join(moving) or "none"
        raise invalid("camera_control.config", f"exactly one value must be non-zero, got {axes}")


def _check_shot_list(shots: list[dict[str, Any]], seconds: int) -> None:
    total = 0
    for number, shot in enumerate(shots):
        length = shot["duration"]
        # int() takes signs, spaces and digits of other scripts, too.
        if not (length.isascii() and length.isdigit() and int(length[:4]) >= 1):
            path = f"multi_prompt[{number}].duration"
            raise invalid(path, 'must be a string with whole seconds, "1" or more', length)
        total += int(length[:4])
    if total != seconds:
        raise invalid("multi_prompt", f"the durations must add up to duration {seconds}", total)
    numbers = [shot["index"] for shot in shots]
    if len(set(numbers)) != len(numbers):
        raise invalid("multi_prompt", "each index must be given once")


def _served(request: CreateRequest, feature: str) -> str:
    """Name the models, modes and durations of the endpoint that have *feature*."""
    modes_by_model: dict[str, list[str]] = {}
    for (model, mode), row in request.record.rows.items():
        if feature in row.features:
            only = row.narrowed.get(feature)
            length = f" {'/'.join(map(str, only))} s" if only else ""
            modes_by_model.setdefault(model, []).append(f"{mode}{length}".removeprefix("none"))
    listed = (f"{model} {'/'.join(modes)}".rstrip() for model, modes in modes_by_model.items())
    return ", ".join(listed) or "no model of this endpoint"

"""The rules that hold on more than one endpoint: model, mode, duration, sound, shots."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

from kling_mock.kling.endpoints.capabilities import (
    CAPABILITIES,
    DEFAULT_MODELS,
    DEFAULT_MODES,
    MODELS,
    Capability,
    modes_of,
)
from kling_mock.kling.endpoints.field_checks import refuse
from kling_mock.kling.endpoints.fields import SHOT_TYPES
from kling_mock.kling.service_codes import Refusal, refusal

__all__ = ["Ask", "check_camera", "check_shots", "check_sound", "require", "resolve", "video_use"]

_DEFAULT_DURATION = "5"
_SECONDS_OF_A_VIDEO = 5  # assumed of every input video: none is ever fetched


class Ask(NamedTuple):
    """A request whose fields are well shaped, with its row of the table.

    Attributes:
        endpoint: One of `capabilities.ENDPOINTS`.
        said: The fields of the request, without those that count as absent.
        capability: What the model can do on this endpoint in this mode.
        seconds: The length asked for.
    """

    endpoint: str
    said: Mapping[str, Any]
    capability: Capability
    seconds: int

    @property
    def words(self) -> tuple[str, str, int]:
        """Model, mode and duration, as Kling's messages have them."""
        mode = str(self.said.get("mode", DEFAULT_MODES[self.endpoint]))
        return self.capability.model, mode, self.seconds


def resolve(endpoint: str, said: Mapping[str, Any], discontinued: Collection[str] = ()) -> Ask:
    """Find the row for what was *said*.

    Args:
        endpoint: One of `capabilities.ENDPOINTS`.
        said: Well-shaped fields.
        discontinued: Models to refuse as the real service does, see `DISCONTINUED`.

    Raises:
        Refusal: The endpoint does not serve this model, mode or duration.
    """
    model = str(said.get("model_name", DEFAULT_MODELS[endpoint]))
    modes = modes_of(endpoint, model)
    if not modes:
        raise _unknown_model(endpoint, model)
    if model in discontinued:
        raise refusal("discontinued", model)
    mode = str(said.get("mode", DEFAULT_MODES[endpoint]))
    duration = str(said.get("duration", _DEFAULT_DURATION))
    words = (model, mode, duration)
    # "mode is not applicable" to the masters: std and pro are taken for the only mode (assumed).
    found = "none" if modes == ("none",) and mode != "4k" else mode
    row = CAPABILITIES.get((endpoint, model, found))
    if row is None:
        accepted = ", ".join(name for name in modes if name != "none") or "std, pro"
        raise refusal("combination", *words, more=f"mode: accepted are {accepted}")
    if video_use(said) == "base":  # duration is ignored: the result is as long as the video
        return Ask(endpoint, said, row, _SECONDS_OF_A_VIDEO)
    if int(duration) not in row.durations:
        accepted = ", ".join(str(seconds) for seconds in row.durations)
        more = f"duration: accepted are {accepted}"
        raise refusal("combination", *words, more=more)
    return Ask(endpoint, said, row, int(duration))


def video_use(said: Mapping[str, Any]) -> str:
    """Return what the input video is for: `base` (to be edited), `feature`, or "" without one."""
    videos = said.get("video_list")
    return (videos[0].get("refer_type") or "base") if videos else ""


def require(ask: Ask, feature: str, fields: str, situation: str = "unsupported") -> None:
    """Check that the row of *ask* has *feature* at its duration.

    Args:
        ask: The request.
        feature: A feature of `Capability`.
        fields: The fields that ask for it, for the message.
        situation: The key of `errors.MESSAGES` with Kling's words.

    Raises:
        Refusal: It has not.
    """
    row = ask.capability
    if feature in row.features and ask.seconds in row.narrowed.get(feature, row.durations):
        return
    # A template takes as many words as it has use for.
    raise refusal(
        situation, *ask.words, fields, more=f"{fields}: accepted with {_served(ask, feature)}"
    )


def check_sound(ask: Ask) -> None:
    """Refuse sound where the model or mode has none."""
    if ask.said.get("sound") == "on":
        require(ask, "sound", "sound", "sound")


def check_shots(ask: Ask, *, prompt_required: bool = True) -> None:
    """Check `multi_shot`, `shot_type`, `multi_prompt` and whether there has to be a prompt.

    Without multi_shot, shot_type and multi_prompt are ignored, as documented.

    Args:
        ask: The request.
        prompt_required: Whether a request with neither shots nor a prompt is refused.
    """
    said = ask.said
    if said.get("multi_shot") is not True:
        if prompt_required and "prompt" not in said:
            raise refuse("prompt", "required, must be a string of at most 2500 characters")
        return
    require(ask, "multi_shot", "multi_shot")
    shot_type = said.get("shot_type")
    if shot_type is None:
        accepted = ", ".join(SHOT_TYPES)
        raise refuse("shot_type", f"required when multi_shot is true, one of {accepted}")
    if shot_type == "intelligence":
        if "prompt" not in said:
            raise refuse("prompt", "required when shot_type is intelligence")
        return
    if "multi_prompt" not in said:
        raise refuse("multi_prompt", "required when shot_type is customize")
    _check_shot_list(said["multi_prompt"], ask.seconds)


def check_camera(ask: Ask) -> None:
    """Check `camera_control`: who has it, and when it needs a config."""
    camera = ask.said.get("camera_control")
    if camera is None:
        return
    require(ask, "camera_control", "camera_control")
    move, config = camera["type"], camera.get("config")
    if ask.endpoint == "image2video" and move != "simple":
        raise refuse("camera_control.type", f"{ask.capability.model} accepts simple only", move)
    if move != "simple":
        if config is not None:
            raise refuse("camera_control.config", "accepted only when type is simple")
        return
    if config is None:
        raise refuse("camera_control.config", "required when type is simple")
    moving = sorted(axis for axis, value in config.items() if value)
    if len(moving) != 1:
        found = ", ".join(moving) or "none"
        raise refuse(
            "camera_control.config", f"exactly one non-zero value is accepted, got {found}"
        )


def _check_shot_list(shots: list[dict[str, Any]], seconds: int) -> None:
    total = 0
    for number, shot in enumerate(shots):
        length = shot["duration"]
        # int() takes signs, spaces and digits of other scripts, too.
        if not (length.isascii() and length.isdigit() and int(length[:4]) >= 1):
            path = f"multi_prompt[{number}].duration"
            raise refuse(path, 'must be a string with whole seconds, "1" or more', length)
        total += int(length[:4])
    if total != seconds:
        raise refuse("multi_prompt", f"the durations must add up to duration {seconds}", total)
    numbers = [shot["index"] for shot in shots]
    if len(set(numbers)) != len(numbers):
        raise refuse("multi_prompt", "each index must be given once")


def _unknown_model(endpoint: str, model: str) -> Refusal:
    accepted = ", ".join(MODELS[endpoint])
    if any(model in models for models in MODELS.values()):
        return refuse("model_name", f"not served by /v1/videos/{endpoint}; accepted: {accepted}")
    # Assumed: the code table names the model as its example of a resource that does not exist,
    # but no such refusal was ever recorded.
    return Refusal(
        1203, f"model_name: the model {model[:40]!r} does not exist; accepted: {accepted}"
    )


def _served(ask: Ask, feature: str) -> str:
    """Name the models, modes and durations of the endpoint that have *feature*."""
    found: dict[str, list[str]] = {}
    for (endpoint, model, mode), row in CAPABILITIES.items():
        if endpoint == ask.endpoint and feature in row.features:
            only = row.narrowed.get(feature)
            length = f" {'/'.join(map(str, only))} s" if only else ""
            found.setdefault(model, []).append(f"{mode}{length}".removeprefix("none"))
    listed = (f"{model} {'/'.join(modes)}".rstrip() for model, modes in found.items())
    return ", ".join(listed) or "no model of this endpoint"

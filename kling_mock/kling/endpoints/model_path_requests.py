"""Translation of model-path bodies into the vocabulary in which every record is checked.

Errors that the real service finds only later fail the task: it accepts any duration, and any URL.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from kling_mock.kling.endpoints.record import CallContext, Capability, CreateRequest
from kling_mock.kling.service_codes import invalid, refusal, shortened
from kling_sdk.facts.limits import ModelFacts

_DEFAULT_SECONDS: Final = 5
VIDEO_SECONDS: Final = 5  # assumed for every input video, since none is ever fetched

Prepare = Callable[[Mapping[str, Any], CallContext], Mapping[str, Any]]


def flattened(
    capabilities: Iterable[Capability], aliases: Mapping[str, str], audio: str = "off"
) -> Prepare:
    """Return a function that rewrites the bodies of a product.

    Args:
        capabilities: The models and resolutions of the product.
        aliases: Names that mean one of the models.
        audio: What a request without `audio` means.
    """
    rows = {(row.model, row.mode): row for row in capabilities}

    def flatten(fields: Mapping[str, Any], context: CallContext) -> Mapping[str, Any]:
        settings: Mapping[str, Any] = fields.get("settings", {})
        model = aliases.get(context.name, context.name)
        resolution = settings.get("resolution", "720p")
        row = rows.get((model, resolution))
        if row is None:
            possible = ", ".join(mode for known, mode in rows if known == model)
            path, note = "settings.resolution", f"must be one of {possible}"
            raise refusal("resolution", resolution, field=path, note=note)
        sounds = "always_sound" in row.features or settings.get("audio", audio) != "off"
        return {
            "prompt": _prompt(fields),
            **settings,
            **fields.get("options", {}),
            "model_name": model,
            "mode": resolution,
            "sound": "on" if sounds else "off",
            "contents": fields.get("contents", ()),
            "seconds": _seconds(settings, row, context),
        }

    return flatten


def _prompt(fields: Mapping[str, Any]) -> str:
    """Return the prompt, wherever it is; "" if there is none."""
    texts = (item.get("text", "") for item in fields.get("contents", ()) if _is_prompt(item))
    return str(fields.get("prompt", "")) or next(texts, "")


def _is_prompt(item: Mapping[str, Any]) -> bool:
    """Return whether an item of `contents` is the prompt."""
    return bool(item["type"] == "prompt")


def _seconds(settings: Mapping[str, Any], row: Capability, context: CallContext) -> int:
    """Return the length of the result; one that the model cannot make fails the task later."""
    seconds = int(settings.get("duration", _DEFAULT_SECONDS))
    if not row.durations:
        return VIDEO_SECONDS
    if seconds in row.durations:
        return seconds
    context.reader.noticed.fails_later(
        "value", path="settings.duration", value=shortened(str(seconds))
    )
    return min(row.durations, key=lambda possible: abs(possible - seconds))


def seconds_of(fields: Mapping[str, Any], _context: CallContext) -> int:
    """Return the length of the result, which `flattened` has worked out."""
    return int(fields["seconds"])


# ---------------------------------------------------------------- settings


def check_prompt(models: Iterable[ModelFacts]) -> Callable[[CreateRequest], None]:
    """Return the rule that a prompt, if there is one, is not too long.

    Args:
        models: The facts of the models.
    """
    limits = {row.model: row.prompt_max for row in models}

    def check(request: CreateRequest) -> None:
        fields = request.fields
        if "prompt" in request.record.fields.fields and not fields["prompt"].strip():
            raise refusal("empty", path="prompt", field="prompt")
        max_length, length = limits[request.capability.model], len(fields["prompt"])
        if length > max_length:
            path = "prompt" if "prompt" in request.record.fields.fields else "contents"
            raise invalid(path, f"must be a prompt of at most {max_length} characters", str(length))

    return check


def check_audio(request: CreateRequest) -> None:
    """Refuse an audio mode that the model does not have at this resolution."""
    audio, row = request.fields.get("audio"), request.capability
    if audio is None:
        return
    if "always_sound" in row.features:
        text = f"{row.model} always has sound, and no such setting"
        request.context.reader.noticed.inapplicable("settings.audio", text)
    elif audio != "off" and f"audio_{audio}" not in row.features:
        note = f"{audio} can be used with {served(request, f'audio_{audio}')}"
        raise refusal("audio", audio, field="settings.audio", note=note)


def check_multi_shot(request: CreateRequest) -> None:
    """Note `multi_shot` where the model does not have such a setting."""
    row = request.capability
    if "multi_shot" in request.fields and "multi_shot" not in row.features:
        text = f"{row.model} does not use it; {served(request, 'multi_shot')} do"
        request.context.reader.noticed.inapplicable("settings.multi_shot", text)


def served(request: CreateRequest, feature: str) -> str:
    """Name the models and resolutions of the endpoint that have *feature*."""
    modes_by_model: dict[str, list[str]] = {}
    for row in request.record.capabilities:
        if feature in row.features:
            modes_by_model.setdefault(row.model, []).append(row.mode)
    listed = (f"{model} {'/'.join(modes)}" for model, modes in modes_by_model.items())
    return ", ".join(listed) or "no model of this endpoint"

"""What a request asks of a model, checked against the table before it costs a call.

The check helps; it does not judge. A model the table does not know always passes, a
fact of low confidence only warns, and a client made with `check=False` asks nothing.
The input is the request as a plain mapping of its given fields, so this room knows no
request class.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import Any

import attrs

from kling_sdk.endpoints.capabilities.table import ABSENT, AVAILABILITY, ROWS, Mode, Row
from kling_sdk.errors import RequestValidationError

__all__ = [
    "CapabilityWarning",
    "Problem",
    "check",
    "default_mode",
    "is_known",
    "models_of",
    "require",
]


class CapabilityWarning(UserWarning):
    """A model may not do what is asked; an unofficial source says so."""


@attrs.frozen
class Problem:
    """One thing a model does not do.

    Attributes:
        field: The parameter concerned.
        limit: What is wrong, in words.
        accepted: What would be accepted instead, in words.
        certain: False when only a low-confidence source says so.
    """

    field: str
    limit: str
    accepted: str
    certain: bool = True


_TABLE: dict[tuple[str, str], Row] = {(row.endpoint, row.model): row for row in ROWS}
_KNOWN = frozenset(row.model for row in ROWS)

# The field to name when a feature is refused, where it is not the feature's own name.
_FIELD_OF = {
    "camera_move": "camera_control",
    "own_shots": "shot_type",
    "first_last_frame": "image_tail",
    "last_frame_only": "image_tail",
    "motion_brush": "dynamic_masks",
    "first_frame": "image_list",
    "first_frame_only": "duration",
    "text_only": "duration",
    "video_feature": "video_list",
    "video_base": "video_list",
    "more_than_two_images": "image_list",
    "keep_original_sound": "video_list",
}
_FIELD_ON_OMNI = {"first_last_frame": "image_list"}
_DEFAULT_MODE = {"omni-video": "pro"}

# What would be accepted instead of a feature, where another model is no answer.
_INSTEAD = {"camera_move": ("camera_control", "type simple with a config")}


def is_known(model: str) -> bool:
    """Return True when the table has a row for *model* on any endpoint."""
    return model in _KNOWN


@cache
def models_of(endpoint: str) -> tuple[str, ...]:
    """Return the known models of *endpoint*."""
    return tuple(row.model for row in ROWS if row.endpoint == endpoint)


def default_mode(endpoint: str) -> str:
    """Return the mode the vendor uses when none is sent: `std`, on omni-video `pro`."""
    return _DEFAULT_MODE.get(endpoint, "std")


def features_of(endpoint: str, given: Mapping[str, Any]) -> frozenset[str]:
    """Return what a request asks for, in the table's words."""
    return frozenset(_features(endpoint, given))


def _features(endpoint: str, given: Mapping[str, Any]) -> Iterator[str]:
    for name in ("negative_prompt", "aspect_ratio", "camera_control", "element_list", "voice_list"):
        if given.get(name):
            yield name
    if given.get("cfg_scale") is not None:
        yield "cfg_scale"
    if given.get("sound") == "on":
        yield "sound"
    if given.get("static_mask") or given.get("dynamic_masks"):
        yield "motion_brush"
    if given.get("image_tail"):
        yield "first_last_frame" if given.get("image") else "last_frame_only"
    yield from _staging_features(given)
    if endpoint == "omni-video":
        yield from _omni_features(given)


def _staging_features(given: Mapping[str, Any]) -> Iterator[str]:
    camera = given.get("camera_control")
    if camera and camera.type != "simple":
        yield "camera_move"
    if given.get("multi_shot"):
        yield "multi_shot"
        if given.get("shot_type") != "intelligence":
            yield "own_shots"


def _omni_features(given: Mapping[str, Any]) -> Iterator[str]:
    images = given.get("image_list") or ()
    kinds = {getattr(image, "type", None) for image in images}
    videos = given.get("video_list") or ()
    if images:
        yield "image_list"
    if len(images) > 2:
        yield "more_than_two_images"
    if "first_frame" in kinds:
        yield "first_last_frame" if "end_frame" in kinds else "first_frame"
        if len(images) == 1 and not videos and not given.get("element_list"):
            yield "first_frame_only"
    if not (images or videos or given.get("element_list")):
        yield "text_only"
    for video in videos:
        yield f"video_{getattr(video, 'refer_type', None) or 'base'}"


# Only situations, not features: rows refer to them, and they are never refused themselves.
_SITUATIONS = frozenset({"first_frame_only", "text_only", "more_than_two_images", "own_shots"})


def check(endpoint: str, given: Mapping[str, Any]) -> tuple[Problem, ...]:
    """Return what the model of a request is known not to do.

    Args:
        endpoint: `text2video`, `image2video`, `omni-video` or `multi-image2video`.
        given: The request's fields that are not None.

    Returns:
        The problems, certain ones first; empty for a model the table does not know.
    """
    model = str(given.get("model_name"))
    if model not in _KNOWN:
        return ()
    row = _TABLE.get((endpoint, model))
    if row is None:
        return (Problem("model_name", f"{model} has no {endpoint}", _words(models_of(endpoint))),)
    problems = [*_availability(model), *_row_problems(row, given)]
    return tuple(sorted(problems, key=lambda problem: not problem.certain))


def require(endpoint: str, given: Mapping[str, Any]) -> None:
    """Refuse what the model is known not to do; warn of what it may not do.

    Raises:
        RequestValidationError: naming the field, the limit and what is accepted.

    Warns:
        CapabilityWarning: only a low-confidence source says so.
    """
    for problem in check(endpoint, given):
        if problem.certain:
            raise RequestValidationError(problem.field, problem.limit, problem.accepted)
        warnings.warn(
            f"{problem.field}: {problem.limit}; accepted: {problem.accepted} (confidence low)",
            CapabilityWarning,
            stacklevel=2,
        )


def _availability(model: str) -> Iterator[Problem]:
    if found := AVAILABILITY.get(model):
        yield Problem(
            "model_name",
            f"{model} is {found.state} (as of {found.as_of})",
            "a current model",
            certain=found.confidence != "low",
        )


def _row_problems(row: Row, given: Mapping[str, Any]) -> Iterator[Problem]:
    name = given.get("mode")
    if ABSENT in row.modes:
        mode = row.modes[ABSENT]
        if name is not None:
            yield Problem("mode", f"{row.model} has no modes", "no `mode`", certain=False)
    else:
        name = name or default_mode(row.endpoint)
        if name not in row.modes:
            yield Problem("mode", f"{row.model} has no mode {name}", _words(row.modes))
            return
        mode = row.modes[name]
    asked = features_of(row.endpoint, given)
    yield from _feature_problems(row, mode, name, asked)
    yield from _duration_problems(row, mode, asked, given)


def _feature_problems(
    row: Row, mode: Mode, name: str | None, asked: frozenset[str]
) -> Iterator[Problem]:
    for feature in sorted(asked - mode.features - _SITUATIONS):
        yield Problem(
            _field_of(row, feature),
            f"{row.model}{f' in mode {name}' if name else ''} has no {feature} on {row.endpoint}",
            _instead(mode, feature) or _who_has(row, feature),
            certain=feature not in mode.doubtful,
        )
    for feature, other in mode.excludes:
        if feature in asked and other in asked:
            field = _field_of(row, feature)
            yield Problem(field, f"{row.model} excludes {other} here", f"{feature} or {other}")
    for feature, other in mode.requires:
        if feature in asked and other not in asked:
            yield Problem(feature, f"{row.model} needs {other} here", f"{feature} with {other}")


def _field_of(row: Row, feature: str) -> str:
    if row.endpoint == "omni-video" and feature in _FIELD_ON_OMNI:
        return _FIELD_ON_OMNI[feature]
    return _FIELD_OF.get(feature, feature)


def _instead(mode: Mode, feature: str) -> str | None:
    needed, words = _INSTEAD.get(feature, ("", None))
    return words if needed in mode.features | mode.doubtful else None


def _who_has(row: Row, feature: str) -> str:
    modes = [mode for mode, spec in row.modes.items() if feature in spec.features]
    if modes:
        return f"mode {_words(modes)}"
    models = [
        other.model
        for other in ROWS
        if other.endpoint == row.endpoint
        and any(feature in spec.features for spec in other.modes.values())
    ]
    return f"models {_words(models)}" if models else f"no {feature} on this endpoint"


def _duration_problems(
    row: Row, mode: Mode, asked: frozenset[str], given: Mapping[str, Any]
) -> Iterator[Problem]:
    duration = given.get("duration")
    if duration is None or "video_base" in asked:  # billed on the input's length, not on this
        return
    if duration not in mode.seconds:
        yield Problem(
            "duration", f"{row.model} makes no {duration} s video", f"{_words(mode.seconds)} s"
        )
        return
    for table, certain in ((mode.only_seconds, True), (mode.doubtful_seconds, False)):
        for feature in sorted(asked & table.keys()):
            if duration not in table[feature]:
                yield Problem(
                    "duration",
                    f"{row.model} makes no {duration} s video with {feature}",
                    f"{_words(table[feature])} s",
                    certain=certain,
                )


def _words(values: Iterable[object]) -> str:
    return ", ".join(str(value) for value in values)

"""Checks of a request against the limits of its model, before it costs a call.

The check helps; it does not judge. A model that no endpoint knows always passes, a fact of low
confidence only warns, and a client made with `check=False` checks nothing. The input is the
request as a plain mapping of its given fields.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

import attrs

from kling_sdk.endpoints.interfaces import RESOLUTIONS, one_vocabulary
from kling_sdk.endpoints.models import ABSENT, AVAILABILITY, ModeLimits, ModelLimits
from kling_sdk.endpoints.record import EndpointRecord
from kling_sdk.errors import RequestValidationError
from kling_sdk.text.spelling import nearest

__all__ = ["CapabilityWarning", "Problem", "check", "parameter_of", "require"]


class CapabilityWarning(UserWarning):
    """A model may have gone, or may not do what is requested: an unofficial source says so."""


@attrs.frozen
class Problem:
    """One thing a model does not do.

    Attributes:
        field: The parameter concerned.
        limit: What is wrong.
        expected: What it must be instead.
        certain: False when only a low-confidence source says so.
    """

    field: str
    limit: str
    expected: str
    certain: bool = True


# The parameter to name when a feature is refused, where it is not the feature's own name.
_FIELD_OF: Final = {
    "camera_move": "camera_control",
    "own_shots": "shot_type",
    "keep_original_sound": "audio",
}

# What to use instead of a feature, where another model does not help.
_INSTEAD: Final = {"camera_move": ("camera_control", "type simple with a config")}

# Features in the words of their parameters.
_SHOWN: Final = {
    "keep_original_sound": "audio original",
    "own_shots": "shot_type customize",
    "video_base": "a base video",
    "subject_reference": "image_reference subject",
}

# Only situations, not features: limits refer to them, and they are never refused themselves.
_SITUATIONS: Final = frozenset({"own_shots"})


def check(record: EndpointRecord, parameters: Mapping[str, Any]) -> tuple[Problem, ...]:
    """Return what is known to be wrong with a request, or may be.

    Args:
        parameters: The request's fields that are not None.

    Returns:
        The problems, certain ones first; empty for a model that no endpoint knows.
    """
    problems = (*_model_problems(record, parameters), *record.problems(parameters))
    return tuple(sorted(problems, key=lambda problem: not problem.certain))


def _model_problems(record: EndpointRecord, parameters: Mapping[str, Any]) -> Iterable[Problem]:
    from kling_sdk.endpoints import is_known

    name = str(parameters.get("model_name"))
    limits = record.limits_of(name)
    if limits is None:
        if not is_known(name):
            return ()
        return (Problem("model_name", f"{name} has no {record.name}", _other(record, name)),)
    return _problems(record, limits, one_vocabulary(parameters))


def require(
    record: EndpointRecord, parameters: Mapping[str, Any], warned: set[str] | None = None
) -> None:
    """Refuse what the model is known not to support; warn of what it may not support.

    Args:
        parameters: The request's fields that are not None.
        warned: The models and endpoints that had a warning already: one is enough. Those that get
            one now are added.

    Raises:
        RequestValidationError: naming the parameter, the limit and what it must be.

    Warns:
        CapabilityWarning: only a low-confidence source says so, or the model or the endpoint was
            seen retired.
    """
    for problem in check(record, parameters):
        field, limit, expected = problem.field, problem.limit, problem.expected
        if problem.certain:
            text = f"{field}: {limit}; expected {expected}"
            raise RequestValidationError(field, limit, expected, text)
        warnings.warn(
            f"{field}: {limit}; it must be {expected} (confidence low)",
            CapabilityWarning,
            stacklevel=_level_outside(),
        )
    warned = set() if warned is None else warned
    model = str(parameters.get("model_name"))
    for name, availability in (
        (model, record.availability_of(model)),
        (record.name, AVAILABILITY.get(record.name)),
    ):
        if (
            availability is not None
            and AVAILABILITY.get(name) is availability
            and name not in warned
        ):
            warned.add(name)
            warnings.warn(
                f"{name} is {availability.state} on {availability.as_of}; "
                "the request is sent anyway",
                CapabilityWarning,
                stacklevel=_level_outside(),
            )


def _level_outside() -> int:
    """Return the `stacklevel` of a warning that points at the line which called this package."""
    frame, level = sys._getframe(1), 1  # noqa: SLF001 - `skip_file_prefixes` needs Python 3.12
    while frame.f_back and frame.f_globals.get("__name__", "").partition(".")[0] in _BETWEEN:
        frame, level = frame.f_back, level + 1
    return level


#: The packages whose frames may stand between the check of a request and the program: a batch has
#: threads and tasks.
_BETWEEN: Final = frozenset({"kling_sdk", "asyncio", "threading"})


def _other(record: EndpointRecord, name: str) -> str:
    """Return the models of an endpoint, and where a model of other endpoints belongs."""
    from kling_sdk.endpoints import ENDPOINTS

    models = ", ".join(record.model_names)
    near = nearest(name, record.model_names)
    every = [other for other in ENDPOINTS.values() if name in other.model_names]
    alike = [other for other in every if other.result == record.result] or every
    homes = [f"kling.{other.attribute}" for other in alike]
    hint = f" (nearest: {near})" if near else ""
    return f"{models}{hint}; {name} goes with {' or '.join(homes)}"


def _problems(
    record: EndpointRecord, model: ModelLimits, parameters: Mapping[str, Any]
) -> Iterator[Problem]:
    name = parameters.get("mode")
    if ABSENT in model.modes:
        mode = model.modes[ABSENT]
        if name is not None:
            field = "resolution" if parameters.get("resolution") else "mode"
            # It makes videos of one size, which these two names may be taken for.
            is_certain = name not in {"std", "pro"}
            yield Problem(
                field, f"{model.name} has no {field}s", f"no `{field}`", certain=is_certain
            )
    else:
        name = name or record.default_mode
        if name not in model.modes:
            yield _no_mode(model, name, parameters)
            return
        mode = model.modes[name]
    if model.sound == "always" and parameters.get("sound") == "off":
        field = "audio" if parameters.get("audio") else "sound"
        yield Problem(field, f"every video of {model.name} has sound", f"no `{field}`")
    features = frozenset(record.features(parameters))
    yield from _feature_problems(record, model, mode, name, features)
    yield from _duration_problems(model, mode, features, parameters)


def _no_mode(model: ModelLimits, name: object, parameters: Mapping[str, Any]) -> Problem:
    if (resolution := parameters.get("resolution")) is None:
        return Problem("mode", f"{model.name} has no mode {name}", _list(model.modes))
    known = _list(RESOLUTIONS.get(mode, mode) for mode in model.modes)
    return Problem("resolution", f"{model.name} has no resolution {resolution}", known)


def _feature_problems(
    record: EndpointRecord,
    model: ModelLimits,
    mode: ModeLimits,
    name: str | None,
    features: frozenset[str],
) -> Iterator[Problem]:
    for feature in sorted(features - mode.features - _SITUATIONS - record.situations):
        where = f"{model.name}{f' in {record.size_field} {name}' if name else ''}"
        yield Problem(
            _field_of(record, feature),
            f"{where} does not support {feature} on {record.name}",
            _instead(mode, feature) or _who_has(record, model, feature),
            certain=feature not in mode.doubtful,
        )
    for feature, other in mode.excludes:
        if feature in features and other in features:
            field = _field_of(record, feature)
            yield Problem(
                field,
                f"{model.name} does not take it together with {other}",
                f"{feature} or {other}",
            )
    for feature, other in mode.requires:
        if feature in features and other not in features:
            label, needed = _SHOWN.get(feature, feature), _SHOWN.get(other, other)
            yield Problem(
                _field_of(record, feature),
                f"{model.name} needs {needed} for it",
                f"{label} with {needed}",
            )


def _field_of(record: EndpointRecord, feature: str) -> str:
    return record.feature_fields.get(feature) or _FIELD_OF.get(feature, feature)


def parameter_of(record: EndpointRecord, feature: str) -> str | None:
    """Return the parameter by which *feature* is requested; None for a situation."""
    return None if feature in _SITUATIONS | record.situations else _field_of(record, feature)


def _instead(mode: ModeLimits, feature: str) -> str | None:
    needed, instead = _INSTEAD.get(feature, ("", None))
    return instead if needed in mode.features | mode.doubtful else None


def _who_has(record: EndpointRecord, model: ModelLimits, feature: str) -> str:
    modes = [mode for mode, limits in model.modes.items() if feature in limits.features]
    if modes:
        return f"{record.size_field} {_list(modes)}"
    models = [
        other.name
        for other in record.models
        if any(feature in limits.features for limits in other.modes.values())
    ]
    return f"models {_list(models)}" if models else f"no {feature} on this endpoint"


def _duration_problems(
    model: ModelLimits, mode: ModeLimits, features: frozenset[str], parameters: Mapping[str, Any]
) -> Iterator[Problem]:
    duration = parameters.get("duration")
    # With a base video, the input's length counts, not this.
    if duration is None or "video_base" in features:
        return
    if duration not in mode.seconds:
        yield Problem(
            "duration",
            f"{model.name} does not make {duration} s videos",
            f"{_list(mode.seconds)} s",
        )
        return
    for table, certain in ((mode.only_seconds, True), (mode.doubtful_seconds, False)):
        for feature in sorted(features & table.keys()):
            if duration not in table[feature]:
                yield Problem(
                    "duration",
                    f"{model.name} does not make {duration} s videos with {feature}",
                    f"{_list(table[feature])} s",
                    certain=certain,
                )


def _list(values: Iterable[object]) -> str:
    return ", ".join(str(value) for value in values)

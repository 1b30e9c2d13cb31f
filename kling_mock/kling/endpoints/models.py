"""Facts about models that the records of several endpoints share."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType

from kling_mock.kling.endpoints.record import Capability
from kling_mock.web.facts import Fact
from kling_sdk.facts.limits import ModelFacts

# Resolution and frames per second: 24 where no page gives a rate.
HD24, HD30 = ("720p", 24), ("720p", 30)
FHD24, FHD30 = ("1080p", 24), ("1080p", 30)

_NOTHING: Mapping[str, str] = MappingProxyType({})

Row = tuple[str, str, str, tuple[str, int], Fact, tuple[int, ...], str]


def rows(table: Iterable[Row]) -> tuple[Capability, ...]:
    """Return the capabilities of a table.

    Args:
        table: Rows of model, mode, features, resolution and frame rate, fact, durations, and
            the features that only a clip of 5 seconds has.
    """
    capabilities: list[Capability] = []
    for model, mode, features, size, fact, seconds, five in table:
        narrowed = dict.fromkeys(five.split(), (5,))
        every = frozenset(features.split()) | narrowed.keys()
        capabilities.append(Capability(model, mode, seconds, every, *size, fact, narrowed))
    return tuple(capabilities)


def of_videos(
    models: Iterable[ModelFacts],
    names: Mapping[str, str] = _NOTHING,
    also: Mapping[str, str] = _NOTHING,
) -> tuple[Capability, ...]:
    """Return the capabilities of the models of a /v1 endpoint.

    Args:
        models: Their facts.
        names: Features that are named after a field here.
        also: An additional feature that the emulator grants, by model.
    """
    return tuple(
        _capability(row, mode or "none", size, names, (also.get(row.model, ""),))
        for row in models
        for mode, size in zip(row.modes, row.sizes, strict=False)
    )


def of_path(
    models: Sequence[ModelFacts],
    names: Mapping[str, str],
    *always: str,
    also: Mapping[str, str] = _NOTHING,
) -> tuple[Capability, ...]:
    """Return the capabilities with the model in the path, newest first; a mode is a resolution.

    Args:
        models: Their facts.
        names: Features that are named after an item or a setting here; "" for none.
        always: Features that all models have.
        also: An additional feature that the emulator grants, by model.
    """
    return tuple(
        _capability(row, size[0], size, names, (*always, also.get(row.model, ""), *_settings(row)))
        for model in dict.fromkeys(row.model for row in reversed(models))
        for row in models
        if row.model == model
        for size in row.sizes[: len(row.modes)]
    )


def of_pictures(models: Iterable[ModelFacts]) -> tuple[Capability, ...]:
    """Return the capabilities of the models of an image endpoint."""
    return tuple(
        _capability(row, mode or "none", (mode or "none", 0))
        for row in models
        for mode in row.modes
    )


def _settings(row: ModelFacts) -> tuple[str, str]:
    return (
        "always_sound" if row.sound == "always" else "",
        "multi_shot" if row.multi_shot_setting else "",
    )


def _capability(
    row: ModelFacts,
    mode: str,
    size: tuple[str, int],
    names: Mapping[str, str] = _NOTHING,
    also: Iterable[str] = (),
) -> Capability:
    """Return a row as capability: which movements a camera has is a rule here, not a feature."""
    features = {names.get(name, name) for name in row.features} | {*also}
    narrowed = {
        names.get(name, name): seconds for name, seconds in row.only_seconds if name in row.features
    }
    served = frozenset(features - {"camera_move", ""})
    return Capability(row.model, mode, row.seconds, served, *size, row.fact, narrowed)

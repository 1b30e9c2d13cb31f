"""The table of models in docs/client.md: what each one does on each endpoint."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from kling_sdk.endpoints.capabilities import parameter_of
from kling_sdk.endpoints.models import ABSENT, ModeLimits, ModelLimits
from kling_sdk.endpoints.record import EndpointRecord

__all__ = ["model_table"]

_HEAD: Final = (
    "| model | resource | modes or resolutions | seconds | takes, beside the prompt or picture |",
    "|---|---|---|---|---|",
)


def model_table(records: Iterable[EndpointRecord]) -> str:
    """Return the table, one row per model and endpoint, in the order of their names."""
    rows = [
        (model.name, record.attribute, _row(record, model))
        for record in records
        for model in record.models
    ]
    return "\n".join([*_HEAD, *(row for _, _, row in sorted(rows))])


def _row(record: EndpointRecord, model: ModelLimits) -> str:
    name = f"`{model.name}`"
    if found := record.availability_of(model.name):
        name += f" ({found.state}, {found.as_of})"
    if model.name == record.default_model:
        name += " (default)"
    modes = ", ".join(f"`{mode}`" for mode in model.modes if mode != ABSENT) or "none"
    lengths = {mode.seconds: None for mode in model.modes.values()}
    seconds = " or ".join(map(_seconds, lengths))
    if record.input_length is not None:
        seconds = f"as its {record.input_length.what}"
    takes = ", ".join(_takes(record, model.modes)) or "nothing"
    return f"| {name} | `kling.{record.attribute}` | {modes} | {seconds} | {takes} |"


def _seconds(values: tuple[int, ...]) -> str:
    if not values:
        return "a picture"
    if len(values) > 2 and values == tuple(range(values[0], values[-1] + 1)):
        return f"{values[0]} to {values[-1]}"
    return ", ".join(map(str, values))


def _takes(record: EndpointRecord, modes: Mapping[str, ModeLimits]) -> Iterator[str]:
    """Yield each parameter with the modes and lengths that it is limited to."""
    features = {one for mode in modes.values() for one in mode.features | mode.doubtful}
    by_parameter: dict[str, list[str]] = {}
    for feature in features:
        if parameter := parameter_of(record, feature):
            by_parameter.setdefault(parameter, []).append(feature)
    for parameter, its_features in sorted(by_parameter.items()):
        sure = [name for name, mode in modes.items() if mode.features.intersection(its_features)]
        limits = [] if len(sure) in {0, len(modes)} else sure
        lengths = {
            mode.only_seconds[feature]
            for mode in modes.values()
            for feature in its_features
            if feature in mode.only_seconds
        }
        limits += [f"{_seconds(one)} s" for one in sorted(lengths)]
        shown = f" ({', '.join(limits)})" if limits else ""
        yield f"`{parameter}`{'' if sure else '?'}{shown}"

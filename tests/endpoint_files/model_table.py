"""The table of models in docs/client.md: what each one does on each endpoint."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from kling_sdk.endpoints.capabilities import parameter_of
from kling_sdk.endpoints.models import ABSENT, ModeLimits, ModelLimits
from kling_sdk.endpoints.record import EndpointRecord
from tests.endpoint_files.table_words import Words, table


def model_table(records: Iterable[EndpointRecord], words: Words) -> str:
    """Return the table, one row per model and endpoint, in the order of their names.

    Args:
        records: The endpoints.
        words: Those of the page's language.
    """
    rows = [
        (model.name, record.attribute, _row(record, model, words))
        for record in records
        for model in record.models
    ]
    rows.sort(key=lambda row: row[:2])
    return table(words.model_columns, (cells for _, _, cells in rows))


def _row(record: EndpointRecord, model: ModelLimits, words: Words) -> tuple[str, ...]:
    name = f"`{model.name}`"
    if availability := record.availability_of(model.name):
        name += words.in_brackets(words.states[availability.state].format(availability.as_of))
    if model.name == record.default_model:
        name += words.in_brackets(words.default)
    modes = words.listed(f"`{mode}`" for mode in model.modes if mode != ABSENT) or words.no_modes
    lengths = {mode.seconds: None for mode in model.modes.values()}
    seconds = words.alternative.join(_seconds(length, words) for length in lengths)
    if record.input_length is not None:
        seconds = words.as_long_as[record.input_length.what]
    takes = words.listed(_takes(record, model.modes, words)) or words.nothing
    return (name, f"`kling.{record.attribute}`", modes, seconds, takes)


def _seconds(values: tuple[int, ...], words: Words) -> str:
    if not values:
        return words.picture
    if len(values) > 2 and values == tuple(range(values[0], values[-1] + 1)):
        return words.span.format(values[0], values[-1])
    return words.listed(map(str, values))


def _takes(record: EndpointRecord, modes: Mapping[str, ModeLimits], words: Words) -> Iterator[str]:
    """Yield each parameter with the modes and lengths that it is limited to."""
    features = {feature for mode in modes.values() for feature in mode.features | mode.doubtful}
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
        limits += [f"{_seconds(length, words)} s" for length in sorted(lengths)]
        limits_text = f" ({', '.join(limits)})" if limits else ""
        yield f"`{parameter}`{'' if sure else '?'}{limits_text}"

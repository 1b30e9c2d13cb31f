"""The capabilities of each model as rows: the facts are those of the endpoints' records."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import attrs

from kling_sdk.endpoints import ENDPOINTS
from kling_sdk.endpoints.interfaces import RESOLUTIONS
from kling_sdk.endpoints.models import ABSENT
from kling_sdk.endpoints.record import EndpointRecord


@attrs.frozen
class ModelRow:
    """One mode of one model on one endpoint.

    Attributes:
        endpoint: The endpoint, as `kling create` takes it.
        model: The model; None for an endpoint that takes none.
        default: Whether it is the endpoint's default.
        mode: The mode; None for a model without modes.
        resolution: The size of the video or picture, or None when it is not known.
        durations: The lengths it makes, in seconds.
        audio: Whether it makes a sound track.
        features: Other supported features, by the names of the parameters or of their use.
        note: A restriction on use, or None.
    """

    endpoint: str
    model: str | None
    default: bool
    mode: str | None
    resolution: str | None
    durations: tuple[int, ...]
    audio: bool
    features: tuple[str, ...]
    note: str | None


def model_rows(endpoints: Iterable[str]) -> Iterator[ModelRow]:
    """Yield a row for each mode of each known model of some endpoints."""
    for name in endpoints:
        yield from _rows(ENDPOINTS[name])


def _rows(record: EndpointRecord) -> Iterator[ModelRow]:
    if not record.models:
        yield ModelRow(record.name, None, False, None, None, (), False, (), None)  # noqa: FBT003 - a row
    for model in record.models:
        doubt = record.availability_of(model.name)
        for mode, limits in model.modes.items():
            yield ModelRow(
                endpoint=record.name,
                model=model.name,
                default=model.name == record.default_model,
                mode=mode if mode != ABSENT and record.size_field == "mode" else None,
                # A model without modes has a size of its own.
                resolution=RESOLUTIONS.get(mode) if record.size_field == "mode" else mode or None,
                durations=limits.seconds,
                audio="sound" in limits.features or model.sound == "always",
                features=tuple(sorted(limits.features - {"sound"})),
                note=None if doubt is None else f"{doubt.state} (as of {doubt.as_of})",
            )


def seconds_text(seconds: tuple[int, ...]) -> str:
    """Return lengths in few characters: `5, 10 s`, or `3-15 s` for all between."""
    if not seconds:
        return ""
    first, last = seconds[0], seconds[-1]
    if len(seconds) > 2 and seconds == tuple(range(first, last + 1)):
        return f"{first}-{last} s"
    return f"{', '.join(map(str, seconds))} s"

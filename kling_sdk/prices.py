"""The vendor's price list, and estimates of what a request will cost by it.

A task is charged when it succeeds, by what the vendor then deducts (`Task.units`): an estimate
is computed from a list that may have changed since its date.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

import attrs

from kling_sdk.endpoints.interfaces import model_path_name_of, one_vocabulary
from kling_sdk.endpoints.raw import RawRequest
from kling_sdk.errors import RequestValidationError
from kling_sdk.facts import tables
from kling_sdk.facts.prices import LISTED, Pack, Per, PriceTable, Use

if TYPE_CHECKING:
    from kling_sdk.endpoints.base import Request
    from kling_sdk.endpoints.record import EndpointRecord
    from kling_sdk.facts.sources import Confidence


@attrs.frozen
class Price:
    """One row of the price list.

    Attributes:
        endpoints: Names of the endpoints that it is for.
        model: Value of `model_name`; for a video that is extended, the model that made it; "" for
            an endpoint without models.
        mode: `std`, `pro` or `4k`, for pictures `1k`, `2k` or `4k`; "" for a model without modes.
        use: The use that is priced: an input video (`video`, also for motion control), a voice
            (`voice`), sound (`sound`), for pictures an input picture (`image`), for a speaking
            person the goods (`goods`), or none of these (`silent`).
        units: Units for each second of the result, for every started 5 s, for each picture, or for
            a call.
        per: `second`, `5 seconds`, `result` (a picture) or `call`.
        clips: The lengths in seconds that are sold; empty for any whole number of seconds.
        source: The source of the row.
        confidence: `high` when two or more copies of the list agree, `medium` for one copy of
            the official list, `low` for one unofficial copy.
        priced_on: The date of the list.
        pack: The kind of resource pack that pays: a unit of another kind has another price.
    """

    endpoints: tuple[str, ...]
    model: str
    mode: str
    use: Use
    units: Decimal
    per: Per
    clips: tuple[int, ...]
    source: str
    confidence: Confidence
    priced_on: date
    pack: Pack = "video"


@attrs.frozen
class Estimate:
    """The cost of a request, as far as the price list says.

    Attributes:
        units: Units that the vendor deducts when the task succeeds; None when they cannot be
            computed.
        priced_on: The date of the price list.
        source: The source of the price; "" without one.
        confidence: How far to trust it, as in `Price`; None without one.
        reason: Why there are no units; "" when there are.
        pack: The kind of resource pack that pays: a unit of another kind has another price.
    """

    units: Decimal | None
    priced_on: date
    source: str = ""
    confidence: Confidence | None = None
    reason: str = ""
    pack: Pack = "video"


_AS_OF: Final = date.fromisoformat(LISTED.fact.as_of)


def _names_of(model: str, table: PriceTable) -> tuple[str, ...]:
    """Return every name of a model: a video costs the same on both interfaces."""
    new = model_path_name_of(model) if table.pack == "video" else model
    return tuple(dict.fromkeys((model, new)))


#: The price list of the endpoints that this package has.
PRICES: Final[tuple[Price, ...]] = tuple(
    Price(
        table.endpoints,
        name,
        mode,
        use,
        Decimal(units),
        table.per,
        table.clips,
        table.price_list.name,
        table.price_list.fact.confidence,
        date.fromisoformat(table.price_list.fact.as_of),
        table.pack,
    )
    for table in tables.PRICES
    for (model, mode), uses in table.units.items()
    for name in _names_of(model, table)
    for use, units in uses.items()
)

_WITH: Final[Mapping[Use, str]] = {
    "silent": "without sound",
    "sound": "with sound",
    "voice": "with a voice",
    "video": "with an input video",
    "image": "with an input picture",
    "goods": "with goods",
}
_SERIES: Final = 4  # pictures of a series when the request does not say (vendor's page)


def estimate(request: Request | RawRequest) -> Estimate:
    """Return what a request will cost; nothing is sent.

    Args:
        request: Any request; the price of a raw body is not known.

    Returns:
        The units; or None for anything that is not on the list, such as an unknown model, and where
        the price depends on something that the request does not say.
    """
    if isinstance(request, RawRequest):
        return _unknown("it is a body as it goes over the wire, which may have any fields")
    parameters, model = one_vocabulary(request.parameters()), request.model
    rows = [row for row in PRICES if request.endpoint in row.endpoints]
    if "extra_body" in parameters:
        return _unknown("the fields of extra_body may change the price")
    if not request.record.models and any(row.model for row in rows):
        low, high = min(row.units for row in rows), max(row.units for row in rows)
        return _unknown(f"{low} to {high} units, by the model and mode of the source video")
    mode = parameters.get("mode") or request.record.default_mode
    use = request.record.use_of(parameters)
    if use is None:
        return _unknown("a parameter that decides the price has a value that is not known")
    fits = (row for row in rows if (row.model, row.use) == (model, use) and row.mode in ("", mode))
    price = next(fits, None)
    if price is None:
        return _unknown(f"the price list has {_missing(request, str(mode), use, rows)}")
    return _by_row(price, request.record, parameters)


def _missing(request: Request, mode: str, use: Use, rows: Sequence[Price]) -> str:
    """Describe a request that no row fits."""
    if not request.record.models:
        is_of_other_use = rows and all(row.use != use for row in rows)
        only = f"{request.endpoint} only {_WITH[rows[0].use]}" if is_of_other_use else ""
        return only or f"no {request.endpoint}"
    is_picture = any(row.per == "result" for row in rows)
    sound = "" if is_picture and use == "silent" else _WITH[use]
    return ", ".join(filter(None, (f"no {request.endpoint} by {request.model}", mode, sound)))


def _by_row(row: Price, record: EndpointRecord, parameters: Mapping[str, Any]) -> Estimate:
    """Return the cost of a request by its row."""
    if row.per == "call":
        return _of(row, row.units)
    if row.per == "result":
        return _of_pictures(row, parameters)
    unit = f"{row.units} units per {row.per}"
    if record.input_length is not None:
        return _unknown(f"{unit} of the {record.input_length.what}, whose length is not known")
    if record.edits_a_video(parameters):
        return _unknown(f"{unit} of the base video, whose length is not known")
    return _of_length(row, record.default_seconds, parameters)


def _of(row: Price, units: Decimal) -> Estimate:
    """Return *units* by a row."""
    return Estimate(units, row.priced_on, row.source, row.confidence, pack=row.pack)


def _of_length(row: Price, default: int, parameters: Mapping[str, Any]) -> Estimate:
    """Return the cost of a request that states the length of its result, or has the default."""
    seconds = parameters.get("duration", default)
    shots = parameters.get("multi_prompt") or ()
    if "duration" not in parameters and shots and sum(s.duration for s in shots) != default:
        return _unknown(f"its shots do not add up to {default} s, and it has no duration")
    if type(seconds) is not int or seconds < 1 or (row.clips and seconds not in row.clips):
        lengths = f"videos of {' or '.join(map(str, row.clips))}" if row.clips else "whole"
        return _unknown(f"the price list has {lengths} s for {row.model}")
    return _of(row, row.units * seconds)


def _of_pictures(row: Price, parameters: Mapping[str, Any]) -> Estimate:
    """Return the price of as many pictures as a request asks for."""
    is_series = parameters.get("result_type") == "series"
    count = parameters.get("series_amount", _SERIES) if is_series else parameters.get("n", 1)
    if type(count) is not int or count < 1:
        return _unknown(f"{row.units} units per picture, and how many there will be is not known")
    return _of(row, row.units * count)


def cost_of(request: Request) -> Decimal:
    """Return the units of a request, for a strict ceiling.

    Raises:
        RequestValidationError: the list does not determine them.
    """
    cost = estimate(request)
    if cost.units is None:
        raise RequestValidationError(
            "max_units",
            "is given, but the price of this request is not known",
            "a request with a price, or no ceiling",
            f"max_units: the price of this request is not known: {cost.reason}; "
            "nothing was sent. To send it, leave out the ceiling",
        )
    return cost.units


def _unknown(reason: str) -> Estimate:
    return Estimate(None, _AS_OF, reason=reason)

"""Prices and money: the price of a task when it is created, and what Kling deducted in the end.

Money is an integer in quota, as one-api counts it: 500 000 quota are one US dollar (one-api,
config.go; confidence high). One unit of Kling costs 0.14 USD in a video pack and 0.0035 USD in an
image pack (the vendor's price list; confidence high), so it is 70 000 or 1 750 quota; in a try-on
pack 0.07 USD (one copy of the list; confidence medium), 35 000 quota. Fractions are computed as
`Decimal` and rounded half up, once, at the end.

Two price lists can be chosen: Kling's own units, which are those of `kling_sdk.PRICES`, and the
formula of the relay that the deployment guide was written for.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from decimal import ROUND_CEILING, ROUND_DOWN, ROUND_HALF_UP, Decimal
from types import MappingProxyType
from typing import Final, Literal, NamedTuple, Protocol

import kling_sdk

QUOTA_PER_USD: Final = 500_000
QUOTA_PER_UNIT: Final = 70_000
#: Quota per unit, by the kind of pack that pays.
_QUOTA_PER_UNIT: Final[Mapping[str, int]] = {
    "video": QUOTA_PER_UNIT,
    "image": 1_750,
    "try_on": 35_000,
}
#: The pack by endpoint, where it is not the video pack.
_PACKS: Final[Mapping[str, str]] = {
    endpoint: row.pack for row in kling_sdk.PRICES for endpoint in row.endpoints
}

# More units than this (140 million dollars) in one task is nonsense, and would not fit a BIGINT
# once it is added up.
_MAX_UNITS: Final = Decimal(1_000_000_000)


def quota_of(units: Decimal, endpoint: str = "") -> int:
    """Return *units* of Kling in quota, rounded half up.

    Args:
        units: Units of the pack that pays for *endpoint*.
        endpoint: Such as `image-generation`; an unknown endpoint is paid by a video pack.
    """
    return int((units * _per_unit(endpoint)).to_integral_value(ROUND_HALF_UP))


def _per_unit(endpoint: str) -> int:
    return _QUOTA_PER_UNIT[_PACKS.get(endpoint, "video")]


def final_quota(units: Decimal | None, endpoint: str = "") -> int | None:
    """Return the deduction that the upstream states, in quota; `None` if it states none.

    Args:
        endpoint: The endpoint of the task, as for `quota_of`.
        units: Kling's `final_unit_deduction` as read, or `None`. 0 is valid and charges 0. A
            negative or absurd number counts as missing.
    """
    if units is None or not units.is_finite() or not 0 <= units <= _MAX_UNITS:
        return None
    return quota_of(units, endpoint)


# ---------------------------------------------------------------- the price list


Use = Literal["silent", "sound", "voice", "video", "image", "goods"]


def _own_prices() -> dict[str, tuple[kling_sdk.Price, ...]]:
    prices: dict[str, tuple[kling_sdk.Price, ...]] = {}
    for row in kling_sdk.PRICES:
        for endpoint in row.endpoints:
            is_brought = kling_sdk.ENDPOINTS[endpoint].input_length is not None
            if is_brought or row.per != "second" or not row.model:
                prices[endpoint] = (*prices.get(endpoint, ()), row)
    return prices


#: The rows of endpoints that have prices of their own, whatever the model costs elsewhere: prices
#: per image, per call or without a model, and of results as long as something in the request.
OWN_PRICES: Final[Mapping[str, tuple[kling_sdk.Price, ...]]] = _own_prices()


def _by_model() -> dict[str, tuple[kling_sdk.Price, ...]]:
    prices: dict[str, tuple[kling_sdk.Price, ...]] = {}
    for row in kling_sdk.PRICES:
        if row.per == "second" and OWN_PRICES.keys().isdisjoint(row.endpoints):
            prices[row.model] = (*prices.get(row.model, ()), row)
    return prices


#: The rows of all other endpoints, by model: they have units for each second of the result.
PER_SECOND: Final[Mapping[str, tuple[kling_sdk.Price, ...]]] = _by_model()

DEAREST: Final = max(row.units for rows in PER_SECOND.values() for row in rows)


# ---------------------------------------------------------------- the price of a request


class BillableRequest(NamedTuple):
    """The properties of a request on which its price depends.

    Attributes:
        endpoint: The endpoint's name, such as `text2video`.
        requested_model: The model that the user named, such as `kling-v1-5-std`.
        model: The model that is sent to Kling.
        mode: `std`, `pro`, `4k`, for images `1k`, `2k`, `4k`; "" if the request does not name one.
        seconds: Length of the result in seconds.
        use: A video input, a voice, sound, an image that others are made from, or nothing; `None`
            if the request has a value that the price list does not know.
        aspect_ratio: As in `16:9`; "" if the request does not name one.
        results: Number of images.
    """

    endpoint: str
    requested_model: str
    model: str
    mode: str
    seconds: Decimal
    use: Use | None = "silent"
    aspect_ratio: str = ""
    results: int = 1


class Quote(NamedTuple):
    """A price and its calculation.

    Attributes:
        quota: The price: 0 if the list says that it is free, else at least 1.
        reason: The calculation in ASCII, as the ledger keeps it beside the hold. The names of the
            model and the mode are the only texts of the request in it.
    """

    quota: int
    reason: str


#: Part of the reason if the price is not from a row of the list.
UNLISTED: Final = "not in the price list"


class Pricing(Protocol):
    """A price list."""

    def quote(self, request: BillableRequest) -> Quote:
        """Return the price, and how it arose."""
        ...


def _held(price: Decimal, quota: int) -> int:
    """Return the quota to hold: a task that is not free costs at least 1, however small its price.

    With a hold of 0 a user without any balance could create it, and could not be charged for it.

    Args:
        price: The price before rounding; 0 only if the price list says so.
        quota: The price in quota.
    """
    return max(1, quota) if price > 0 else quota


class UnitPricing:
    """Kling's own list: units per model, mode, second and sound, or per image or call.

    A missing line is replaced by a more expensive one, since a charge can never exceed the hold. A
    missing mode is replaced by the model's most expensive mode, and a missing use by its most
    expensive use. A model that the endpoint does not list is priced as on other endpoints, and a
    model that is not listed at all costs *unknown*. The final cost of a task is what Kling says it
    deducted.

    Args:
        unknown: Units per second of a model that is not listed.
    """

    def __init__(self, unknown: Decimal = DEAREST) -> None:
        self._unknown = unknown

    def quote(self, request: BillableRequest) -> Quote:
        """Return the price, and how it arose."""
        if request.endpoint in OWN_PRICES:
            line = _own_line(request)
        else:
            units, is_listed = self.per_second(request)
            line = _Line(units, "second", request.seconds, is_listed)
        price = line.units * line.parts
        quota = _held(price, quota_of(price, request.endpoint))
        use = "" if request.use == "silent" else request.use or "an unknown use"
        what = " ".join(filter(None, (request.model or request.endpoint, request.mode, use)))
        parts = f"{line.units:f} units per {line.per}"
        if line.per != "call":
            parts = f"{parts} x {line.parts:f}"
        note = "" if line.is_listed else f" ({UNLISTED}: the dearest that may apply)"
        return Quote(quota, f"{what}: {parts} x {_per_unit(request.endpoint)} = {quota}{note}")

    def per_second(self, request: BillableRequest) -> tuple[Decimal, bool]:
        """Return the units for each second of the result, and whether the list has them."""
        of_model = PER_SECOND.get(request.model, ())
        same_mode = [row for row in of_model if row.mode in {_mode_of(request), ""}]
        same_use = [row for row in same_mode if row.use == request.use]
        listed = [row for row in same_use if request.endpoint in row.endpoints]
        fitting = listed or same_use or same_mode or of_model
        return max((row.units for row in fitting), default=self._unknown), bool(listed)


class _Line(NamedTuple):
    """The parts of a price: units, per what, how many of that, and whether it is listed."""

    units: Decimal
    per: str
    parts: Decimal
    is_listed: bool


def _own_line(request: BillableRequest) -> _Line:
    """Return the row of the endpoint, or a more expensive one if that row is missing."""
    rows = OWN_PRICES[request.endpoint]
    of_model = [row for row in rows if row.model in {"", request.model}]
    same_use = [row for row in of_model or rows if row.use == request.use]
    # A request without a model continues a video, whose mode is unknown too.
    modes = {"", _mode_of(request)} if of_model or request.model else {row.mode for row in rows}
    same_mode = [row for row in same_use or of_model or rows if row.mode in modes]
    dearest = max(same_mode or same_use or of_model or rows, key=lambda row: row.units)
    is_listed = bool(of_model and same_use and same_mode)
    return _Line(dearest.units, dearest.per, _parts(dearest, request), is_listed)


def _mode_of(request: BillableRequest) -> str:
    return request.mode or kling_sdk.ENDPOINTS[request.endpoint].default_mode


def _parts(row: kling_sdk.Price, request: BillableRequest) -> Decimal:
    """Return the number of times that the units of a row are charged."""
    if row.per == "call":
        return Decimal(1)
    if row.per == "result":
        return Decimal(request.results)
    if row.per == "5 seconds":
        return (request.seconds / _FIVE_SECONDS).to_integral_value(ROUND_CEILING)
    return request.seconds


# The formula of ye4293/one-api at the time of the guide, relay/channel/kling/billing.go (read in
# the source; confidence high). Names and numbers are its own.
_FIVE_SECONDS: Final = Decimal(5)
_ASPECTS: Final = {
    "16:9": Decimal("1.2"),
    "9:16": Decimal("1.2"),
    "1:1": Decimal(1),
    "21:9": Decimal("1.3"),
    "9:21": Decimal("1.3"),
}
_TYPES: Final = {
    "text2video": Decimal(1),
    "image2video": Decimal("1.1"),
    "omni-video": Decimal("1.2"),
    "multi-image2video": Decimal("1.3"),
}
_DEFAULT_BASE: Final = Decimal(50)  # dollars: the original's placeholder for every model
_NO_BASES: Final[Mapping[str, Decimal]] = MappingProxyType({})


class GuidePricing:
    """The formula of the guide's relay.

    Dollars = base x max(1, seconds / 5) x aspect ratio x endpoint, cut off to whole quota. One
    thing is not copied: the original prices a duration that is sent as text as 5 seconds.

    Args:
        bases: Dollars for 5 seconds, by the model as the user names it; 0 makes it free. The
            original has no entry that takes effect, so each model costs 50 there.
        default: Dollars for a model without an entry.
    """

    def __init__(
        self, bases: Mapping[str, Decimal] = _NO_BASES, default: Decimal = _DEFAULT_BASE
    ) -> None:
        self._bases = bases
        self._default = default

    def quote(self, request: BillableRequest) -> Quote:
        """Return the price, and how it arose."""
        base = self._bases.get(request.requested_model)
        factors = {
            "base": self._default if base is None else base,
            "duration": max(Decimal(1), request.seconds / _FIVE_SECONDS),
            "aspect": _ASPECTS.get(request.aspect_ratio or "16:9", Decimal(1)),
            "endpoint": _TYPES.get(request.endpoint, Decimal(1)),
            "results": Decimal(request.results),
        }
        dollars = math.prod(factors.values(), start=Decimal(1))
        quota = _held(dollars, int((dollars * QUOTA_PER_USD).to_integral_value(ROUND_DOWN)))
        parts = " x ".join(f"{name} {value:f}" for name, value in factors.items())
        note = "" if base is not None else f" ({UNLISTED}: the default base)"
        return Quote(quota, f"{request.requested_model}: {parts} x {QUOTA_PER_USD} = {quota}{note}")


def price_list(name: Literal["units", "guide"]) -> Pricing:
    """Return the price list of this name."""
    return UnitPricing() if name == "units" else GuidePricing()

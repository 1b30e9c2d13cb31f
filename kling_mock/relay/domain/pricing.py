"""What a task will cost, decided when it is created. Pure.

Two price lists can be chosen: Kling's own units, and the formula of the relay that the
deployment guide was written for.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import ROUND_DOWN, Decimal
from types import MappingProxyType
from typing import Final, NamedTuple, Protocol

from kling_mock.relay.domain.money import QUOTA_PER_USD, quota_of
from kling_mock.relay.domain.prices import DEAREST, PRICES, Use

__all__ = ["Asked", "GuidePricing", "Pricing", "UnitPricing"]


class Asked(NamedTuple):
    """What the price of a task depends on.

    Attributes:
        endpoint: The last part of the path, such as `text2video`.
        asked_model: The model as the user named it, such as `kling-v1-5-std`.
        model: The model that Kling is asked for.
        mode: `std`, `pro`, `4k`; "" if the request names none.
        seconds: Length of the result in seconds.
        use: A video input, a voice, sound, or nothing.
        aspect_ratio: As in `16:9`; "" if the request names none.
    """

    endpoint: str
    asked_model: str
    model: str
    mode: str
    seconds: Decimal
    use: Use = "silent"
    aspect_ratio: str = ""


class Pricing(Protocol):
    """A price list."""

    def quota(self, asked: Asked) -> int:
        """Return the price in quota: 0 if the list says that it is free, else at least 1."""
        ...


def _held(price: Decimal, quota: int) -> int:
    """Return what is held: what is not free costs at least 1, however small it is.

    With a hold of 0 a user without any balance could send it, and could not be charged for it.

    Args:
        price: Before it was rounded; 0 only if the price list says so.
        quota: The price in quota.
    """
    return max(1, quota) if price > 0 else quota


class UnitPricing:
    """Kling's own list: units per model, mode, second and sound.

    A line that is missing is replaced by a dearer one, since more than what is held can never
    be charged: without a mode by the model's dearest mode, without the use by the model's
    dearest use, and for a model that is not listed by *unknown*. What a task costs in the end
    is what Kling says it deducted.

    Args:
        unknown: Units per second of a model that is not listed.
    """

    def __init__(self, unknown: Decimal = DEAREST) -> None:
        self._unknown = unknown

    def quota(self, asked: Asked) -> int:
        """Return the price in quota."""
        units = self.per_second(asked) * asked.seconds
        return _held(units, quota_of(units))

    def per_second(self, asked: Asked) -> Decimal:
        """Return the units for each second of the result."""
        mode = asked.mode or _DEFAULT_MODES.get(asked.endpoint, "std")
        for row in (mode, "any"):
            line = PRICES.get((asked.model, row, asked.use))
            if line is not None:
                return line.per_second
        lines = [line for line in PRICES.values() if line.model == asked.model]
        same_mode = [line for line in lines if line.mode in {mode, "any"}]
        return max((line.per_second for line in same_mode or lines), default=self._unknown)


# What a request without `mode` means (vendor's pages; confidence high).
_DEFAULT_MODES: Final = {"omni-video": "pro"}

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

    def quota(self, asked: Asked) -> int:
        """Return the price in quota."""
        dollars = (
            self._bases.get(asked.asked_model, self._default)
            * max(Decimal(1), asked.seconds / _FIVE_SECONDS)
            * _ASPECTS.get(asked.aspect_ratio or "16:9", Decimal(1))
            * _TYPES.get(asked.endpoint, Decimal(1))
        )
        return _held(dollars, int((dollars * QUOTA_PER_USD).to_integral_value(ROUND_DOWN)))

"""The prices of an endpoint in Kling's price list."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal

from kling_mock.kling.endpoints.record import Capability, UnitPrice
from kling_sdk.facts.models import V1_NAMES
from kling_sdk.facts.tables import PRICES

_MODES: Mapping[str, str] = {"none": "", "720p": "std", "1080p": "pro"}


def listed_prices(
    endpoint: str, capabilities: Iterable[Capability] = ()
) -> dict[tuple[str, str, str], UnitPrice]:
    """Return the rows of the price list for what an endpoint serves.

    Args:
        endpoint: Its name in the list: a product of the model-path interface costs what it costs
            on /v1.
        capabilities: Its models and modes; none for an endpoint without either.
    """
    tables = [table for table in PRICES if endpoint in table.endpoints]
    served = [(row.model, row.mode, row.features) for row in capabilities]
    prices: dict[tuple[str, str, str], UnitPrice] = {}
    for model, mode, features in served or [("", "none", frozenset[str]())]:
        listed = V1_NAMES.get(model, model), _MODES.get(mode, mode)
        for table in tables:
            for use, units in table.units.get(listed, {}).items():
                # If every video has sound, the list does not mention it.
                heard = "sound" if "always_sound" in features else use
                price = UnitPrice(Decimal(units), table.price_list.fact, table.per)
                prices[model, mode, heard] = price
    return prices

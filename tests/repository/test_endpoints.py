"""An endpoint is complete: what CONTRIBUTING's recipe lists is there, or its place is named."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from operator import attrgetter

import kling_mock.kling.endpoints.registry as emulator
import kling_sdk
from kling_mock.relay.domain import wire as relay
from tests.endpoints import BODIES, CALLS

#: Calls of the emulator that are methods of the client, not endpoints with a request class.
OF_THE_CLIENT = {
    "costs",
    "balance",
    "packages",
    "search-solutions",
    "legacy-elements-list",
    "legacy-elements-presets",
}


def missing() -> Iterator[str]:
    """Yield what an endpoint lacks that another part of the project has, and where to add it."""
    # An endpoint of the model-path interface is part of the request class of its /v1 endpoint.
    served = {
        name
        for name, record in emulator.ENDPOINTS.items()
        if record.interface.name != "model-path" and name not in OF_THE_CLIENT
    }
    for name in sorted(kling_sdk.ENDPOINTS.keys() | served | BODIES.keys() | CALLS.keys()):
        if name not in kling_sdk.ENDPOINTS:
            yield f"{name}: no request class in kling_sdk/endpoints/"
            continue
        yield from missing_in_client(name)
        if name not in served:
            yield f"{name}: no record in kling_mock/kling/endpoints/"
        is_listed = any(name in row.endpoints for row in kling_sdk.PRICES)
        if not is_listed and not is_price_unknown(name):
            yield f"{name}: no price in its module of kling_sdk/facts/products/"
        record = kling_sdk.ENDPOINTS[name]
        makes_task = record.returns is None
        is_for_relays = makes_task and record.result == "videos" and record.solution is None
        if is_for_relays and name not in relay.ENDPOINTS:
            yield f"{name}: no route of the relay"
        if name not in (BODIES if makes_task else CALLS):
            yield f"{name}: no plain example in the emulator's record"


def is_price_unknown(name: str) -> bool:
    """Whether no list has a price: the emulator had to assume one."""
    record = emulator.ENDPOINTS.get(name)
    prices = () if record is None else record.prices.values()
    return bool(prices) and all(price.fact.kind == "assumed" for price in prices)


def missing_in_client(name: str) -> Iterator[str]:
    """Yield what the client lacks of an endpoint that has a request class."""
    record, cls = kling_sdk.ENDPOINTS[name], kling_sdk.endpoints.request_class(name).__name__
    if record.method_of:  # its request class is not public: the method takes its parameters
        with kling_sdk.Kling("a|b") as kling:
            if not callable(attrgetter(record.attribute)(kling)):
                yield f"{name}: no method {record.attribute}"
        return
    holder = kling_sdk.Kling if record.solution is None else kling_sdk.Solutions
    attribute = record.attribute.rpartition(".")[2]
    if f"\n    {attribute}: " not in (inspect.getdoc(holder) or ""):
        module = holder.__module__.rpartition(".")[2]
        yield f"{name}: no line on {attribute} in the docstring of {holder.__name__} in {module}.py"
    if cls not in kling_sdk.__all__:
        yield f"{name}: {cls} is not exported by kling_sdk/__init__.py"


def test_nothing_is_missing_of_any_endpoint() -> None:
    """Each endpoint has its places in the SDK, the emulator, the relay and the tests."""
    assert list(missing()) == []

"""The computed facts of each path: the client's names, the emulator's routes, the tests."""

from __future__ import annotations

import inspect
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from importlib import import_module
from typing import Any, Final, Literal, NamedTuple, get_args

import attrs

import kling_sdk
from kling_mock.kling.endpoints.record import EmulatedEndpoint
from kling_mock.kling.endpoints.registry import ENDPOINTS
from kling_mock.kling.service_codes import Refusal
from kling_mock.web.facts import Fact
from kling_sdk.facts.models import RETIRED_ENDPOINTS
from kling_sdk.wire.model_path import MODEL_PATH
from kling_sdk.wire.solutions import SOLUTIONS_WIRE
from kling_sdk.wire.v1 import V1Wire
from tests.vendor_coverage.paths import REMARKS, Group, VendorPath

Emulated = Literal["yes", "partly", "no"]

#: Modules with tests that run once for each endpoint, or for each of its examples.
_PER_ENDPOINT: Final = (
    "tests.e2e.test_every_endpoint",
    "tests.e2e.test_client_and_server",
    "tests.mock.kling.test_direct_calls",
    "tests.mock.kling.endpoints.test_examples",
)


class Row(NamedTuple):
    """One path with all that is known of it.

    Attributes:
        path: The path.
        sdk: What the client calls it, such as `kling.text2video`; "" if it has no name.
        emulator: Whether the emulator serves its calls.
        refused_by: The name by which `mock.retired` refuses it; "" if it cannot.
        kind: How its existence is known.
        as_of: ISO date of that; "" without one.
        tests: How many tests of every endpoint it has.
    """

    path: VendorPath
    sdk: str
    emulator: Emulated
    refused_by: str
    kind: str
    as_of: str
    tests: int


class Check(NamedTuple):
    """One test that runs for many endpoints.

    Attributes:
        name: The function.
        endpoints: For how many endpoints it runs.
        runs: How often it runs.
    """

    name: str
    endpoints: int
    runs: int


# ---------------------------------------------------------------- the client


def sdk_paths() -> dict[str, str]:
    """Return what the client calls each path, from its records and the calls that it makes."""
    wire = V1Wire()
    names = {
        wire.account_costs(0, 0, None).path: "account.costs",
        wire.billing("balance", {}).path: "account.balance",
        wire.billing("package", {}).path: "account.packages",
        MODEL_PATH.search({}, 1).path: "tasks",
        SOLUTIONS_WIRE.search({}, 1).path: "solutions",
    }
    for record in kling_sdk.ENDPOINTS.values():
        for path in _texts(attrs.asdict(record, recurse=False)):
            if path.startswith("/"):
                names[path] = record.attribute
        if record.library is not None:
            names[record.library.presets] = f"{record.attribute}.presets"
            names[record.library.delete] = f"{record.attribute}.delete"
        if record.product:
            for model in record.model_names:
                if kling_sdk.interface_of(model) == "model-path":
                    names[f"/{record.product}/{model}"] = record.attribute
    return names


def _texts(value: Any) -> Iterator[str]:
    """Yield the texts in a record: its path, and those of further calls."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, tuple):
        for item in value:
            yield from _texts(item)


# ---------------------------------------------------------------- the emulator


def _record_of(method: str, path: str) -> EmulatedEndpoint | None:
    """Return the record that serves a call; `None` if none does."""
    try:
        call = ENDPOINTS.route(method, path)
    except Refusal:  # no such path or method
        return None
    record = call.record
    if "{model}" in record.path and record.path.rpartition("/")[0] == path.rpartition("/")[0]:
        known = record.aliases.get(call.name, call.name)
        return record if known in record.modes else None
    return record


def _served(path: VendorPath) -> list[EmulatedEndpoint | None]:
    return [_record_of(method, path.path + more) for method, more in path.calls]


#: The group of a path, by how it begins; the first that fits.
_GROUPS: Final[Mapping[str, Group]] = {
    "/v1/videos/": "videos",
    "/v1/images/": "images",
    "/v1/general/ai-": "images",
    "/v1/audio/": "audio",
    "/v1/general/": "library",
    "/account/": "account",
    "/solutions": "solutions",
    "/": "model-path",
}


def _paths(names: Mapping[str, str]) -> list[VendorPath]:
    """Return each path once: group by group, in the client's order.

    Args:
        names: What the client calls each path.
    """
    calls: dict[str, dict[tuple[str, str], None]] = {}
    for record in ENDPOINTS.values():
        for route in record.routes:
            path, more = (route.path, "") if "{id}" not in route.path else _divided(route.path)
            for model in record.models if "{model}" in path else ("",):
                named = path.replace("{model}", model)
                calls.setdefault(named, {})[route.method, more] = None
    remarks = {remark.path: remark for remark in REMARKS}
    served = [
        remarks.pop(path, VendorPath(path, _in_order(calls[path]), _group(path))) for path in calls
    ]
    order, groups = {path: place for place, path in enumerate(names)}, get_args(Group)

    def place(vendor_path: VendorPath) -> tuple[int, int]:
        return groups.index(vendor_path.group), order.get(vendor_path.path, len(order))

    return sorted((*served, *remarks.values()), key=place)


def _in_order(calls: Iterable[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(calls, key=lambda call: (call[1], call[0] != "POST")))


def _divided(path: str) -> tuple[str, str]:
    head, _, _ = path.partition("/{id}")
    return head, path.removeprefix(head)


def _group(path: str) -> Group:
    return next(group for start, group in _GROUPS.items() if path.startswith(start))


# ---------------------------------------------------------------- the tests


def _runs(name: str) -> Iterator[tuple[str, str]]:
    """Yield test and endpoint for each run of a test of a module that is of an endpoint."""
    module = import_module(name)
    shared = _endpoints(getattr(module, "pytestmark", ()))
    for test, function in inspect.getmembers(module, inspect.isfunction):
        if test.startswith("test_") and function.__module__ == name:
            for endpoint in (*_endpoints(getattr(function, "pytestmark", ())), *shared):
                yield test, endpoint


def _endpoints(marks: Any) -> Iterable[str]:
    """Return the endpoints that a test is parametrised by, as often as it runs for each."""
    endpoints: list[str] = []
    for mark in marks if isinstance(marks, list | tuple) else (marks,):
        if mark.name == "parametrize":
            values = [getattr(value, "values", (value,))[0] for value in mark.args[1]]
            if all(isinstance(value, str) and value in ENDPOINTS for value in values):
                endpoints += values
    return endpoints


def _all_runs() -> list[tuple[str, str]]:
    return [run for name in _PER_ENDPOINT for run in _runs(name)]


def checks() -> list[Check]:
    """Return the tests that run for many endpoints."""
    runs: dict[str, list[str]] = {}
    for test, endpoint in _all_runs():
        runs.setdefault(test, []).append(endpoint)
    return [Check(test, len(set(names)), len(names)) for test, names in runs.items()]


def endpoints_tested() -> int:
    """Return how many endpoints these tests run for in all."""
    return len({endpoint for _, endpoint in _all_runs()})


# ---------------------------------------------------------------- all of it


def rows() -> list[Row]:
    """Return a row for each path."""
    names, runs = sdk_paths(), Counter(endpoint for _, endpoint in _all_runs())
    return [_row(path, names, runs) for path in _paths(names)]


def _row(path: VendorPath, names: Mapping[str, str], runs: Mapping[str, int]) -> Row:
    served = _served(path)
    records = [record for record in served if record is not None]
    emulator: Emulated = "no" if not records else "partly" if None in served else "yes"
    own = records[0] if records else None
    # A model may be named in the path by another of its names.
    alias = "" if own is None else own.aliases.get(path.path.rpartition("/")[2], "")
    called = own.path.replace("{model}", alias) if own is not None and alias else path.path
    name = names.get(called, "")
    fact: Fact | None = None if own is None or alias or path.state != "served" else own.fact
    return Row(
        path,
        f"kling.{name}" if name else "",
        emulator,
        own.name if own is not None and own.name in RETIRED_ENDPOINTS else "",
        path.evidence if fact is None else fact.kind,
        path.as_of if fact is None else fact.as_of,
        0 if own is None else runs.get(own.name, 0),
    )

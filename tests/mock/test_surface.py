"""The exports of `kling_mock`: everything that its public calls take or return."""

from __future__ import annotations

import inspect
import subprocess
import sys
import typing
from collections.abc import Iterator
from functools import cached_property
from importlib.metadata import version
from typing import Any

import pytest

import kling_mock

NAMESPACE = {name: getattr(kling_mock, name) for name in kling_mock.__all__}
#: Names that annotations import only while types are checked.
SDK_NAMES = dict.fromkeys(("Kling", "AsyncKling", "Storage", "AdminApi"), object)


def classes_in(annotation: Any) -> Iterator[type]:
    """Yield the classes of this package in an annotation, also inside generic ones."""
    for inner in typing.get_args(annotation):
        yield from classes_in(inner)
    if inspect.isclass(annotation) and annotation.__module__.startswith("kling_mock."):
        yield annotation


def public_members(kind: type) -> Iterator[tuple[str, Any]]:
    """Yield the public methods and properties of a class; of `KlingMock` the constructor, too.

    The other classes are made by a server, not by its user.
    """
    for name, member in inspect.getmembers_static(kind):
        if not name.startswith("_") or (name, kind) == ("__init__", kling_mock.KlingMock):
            if isinstance(member, property):
                yield name, member.fget
            elif isinstance(member, cached_property):
                yield name, member.func
            elif inspect.isfunction(member):
                yield name, member


def unexported(kind: type) -> Iterator[str]:
    """Yield what a public class takes or returns and cannot be imported from `kling_mock`."""
    for name, function in public_members(kind):
        names = vars(sys.modules[function.__module__]) | NAMESPACE | SDK_NAMES
        for annotation in typing.get_type_hints(function, names | {"TYPE_CHECKING": True}).values():
            for cls in classes_in(annotation):
                if cls not in NAMESPACE.values() and not getattr(cls, "_is_protocol", False):
                    yield f"{kind.__name__}.{name}: {cls.__module__}.{cls.__name__}"


def test_names_are_sorted_and_load() -> None:
    """Every name in `__all__` loads, and `dir` shows it without loading anything."""
    assert sorted(kling_mock.__all__) == kling_mock.__all__
    assert set(kling_mock.__all__) <= set(dir(kling_mock))


def test_what_public_calls_take_and_return_is_exported() -> None:
    """A fixture or a helper can be annotated without a private module."""
    used = [
        kling_mock.KlingMock,
        kling_mock.AccountHandle,
        kling_mock.AccountsHandle,
        kling_mock.CallbacksHandle,
        kling_mock.ContentHandle,
        kling_mock.DeliveriesHandle,
        kling_mock.FaultsHandle,
        kling_mock.Journal,
        kling_mock.LedgerHandle,
        kling_mock.ProgressHandle,
    ]
    missing = "\n".join(sorted({text for kind in used for text in unexported(kind)}))
    assert missing == ""


@pytest.mark.parametrize(
    "kind",
    [
        kling_mock.Delivery,
        kling_mock.Entry,
        kling_mock.Fault,
        kling_mock.FaultSpec,
        kling_mock.LedgerEntry,
        kling_mock.Pack,
        kling_mock.Reconciliation,
    ],
)
def test_the_parts_of_what_they_return_are_exported(kind: type) -> None:
    """What a test reads of an entry, a fault or a delivery has a public type as well."""
    names = vars(sys.modules[kind.__module__]) | NAMESPACE | {"TYPE_CHECKING": True}
    hints = typing.get_type_hints(kind, names)
    classes = {cls for annotation in hints.values() for cls in classes_in(annotation)}
    assert classes - set(NAMESPACE.values()) == set()


def test_the_version_is_that_of_the_distribution() -> None:
    """It is read from the package's metadata, so it is stated once."""
    assert kling_mock.__version__ == version("kling-sdk")


def test_importing_the_package_loads_nothing() -> None:
    """An app that only names it in a type annotation pays for one module."""
    code = (
        "import sys, kling_mock\n"
        "loaded = [name for name in sys.modules if name.startswith('kling_mock.')]\n"
        "assert not loaded, loaded\n"
        "assert 'aiohttp' not in sys.modules and 'importlib.metadata' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)

"""Every public name has a docstring: the reference on the site is made only of these."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Iterator
from typing import Any

import pytest

from tests.public_surface import PACKAGES


def undocumented(package: str, names: dict[str, Any]) -> Iterator[str]:
    """Yield the classes and functions, and their methods and properties, without a docstring."""
    for name, value in names.items():
        if isinstance(value, type):
            # `Exception` and `attrs` have a docstring that a class without its own would show.
            if not vars(value).get("__doc__"):
                yield name
            for base in value.__mro__:
                if base.__module__.partition(".")[0] == package:
                    yield from (f"{name}.{member}" for member in _without(base))
        elif inspect.isfunction(value) and not value.__doc__:
            yield name


def _without(cls: type) -> Iterator[str]:
    for name, value in vars(cls).items():
        function = value.fget if isinstance(value, property) else getattr(value, "__func__", value)
        if not name.startswith("_") and inspect.isfunction(function) and not inspect.getdoc(value):
            yield name


@pytest.mark.parametrize("package", PACKAGES)
def test_every_public_name_has_a_docstring(package: str) -> None:
    """All of them, with their methods and properties."""
    module = importlib.import_module(package)
    names = {name: getattr(module, name) for name in module.__all__}

    assert sorted(set(undocumented(package, names))) == []
    assert len(names) > 40


def test_a_missing_docstring_is_found() -> None:
    """Control: it may be that of a class, a method, a property or a function."""

    class Bare(Exception):  # noqa: N818 - an exception has a docstring to inherit
        def method(self) -> None: ...

        @property
        def member(self) -> int:
            return 1

    def function() -> None: ...

    Bare.__module__ = "package"
    names = {"Bare": Bare, "function": function}

    assert list(undocumented("package", names)) == [
        "Bare",
        "Bare.method",
        "Bare.member",
        "function",
    ]

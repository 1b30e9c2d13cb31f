"""The pages on the public names of both packages: directives that mkdocstrings fills in.

Each public name has one place, on the page of what it belongs to. The docstrings are read from the
code without importing it; which members a class inherits from classes that are not public, and
which therefore have no other place, is found out here.
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Iterator
from typing import Any, Final

PACKAGES: Final = ("kling_sdk", "kling_mock")

#: Pages by package: the file's ending, the title, and the modules whose names it has. A name of
#: no module that is listed is on the last page.
_GROUPS: Final = {
    "kling_sdk": (
        ("1-clients", "Clients", ("client", "tasks", "resources", "options", "transports")),
        ("2-results", "Results", ("results", "answers")),
        ("3-errors", "Errors", ("errors",)),
        ("4-requests", "Requests", ("endpoints",)),
        ("5-more", "Callbacks, prices, ids", ()),
    ),
    "kling_mock": (
        (
            "1-server",
            "Server and clock",
            ("server", "clock", "web", "kling.snapshots", "relay.settings"),
        ),
        ("2-journal", "Journal", ("kling.journal",)),
        ("3-controls", "Controls", ()),
    ),
}


def public_names(package: str) -> list[str]:
    """Return the public names of a package."""
    return sorted(importlib.import_module(package).__all__)


def pages() -> Iterator[tuple[str, str]]:
    """Yield the path and the text of each page."""
    for package, groups in _GROUPS.items():
        names = public_names(package)
        for index, (ending, title, modules) in enumerate(groups):
            is_last = index == len(groups) - 1
            places = {name: _place(package, name, modules) for name in names}
            here = [name for name in names if is_last or places[name] < len(modules)]
            here.sort(key=lambda name: (places[name], name.removeprefix("Async"), name))
            names = [name for name in names if name not in here]
            entries = "\n".join(_directive(package, name) for name in here)
            yield f"reference/{package}-{ending}.md", f"# `{package}`: {title}\n\n{entries}"


def anchors_of(package: str, name: str) -> Iterator[set[str]]:
    """Yield for a name and each of its methods and properties where its entry may be."""
    yield {f"{package}.{name}"}
    value = getattr(importlib.import_module(package), name)
    if isinstance(value, type):
        for member, owner in _members(package, value):
            yield {f"{package}.{class_name}.{member}" for class_name in {name, owner} - {""}}


def _directive(package: str, name: str) -> str:
    value = getattr(importlib.import_module(package), name)
    lines = [f"::: {package}.{name}"]
    if isinstance(value, type):
        inherited = [
            member
            for member, owner in _members(package, value)
            if not owner and member not in vars(value)
        ]
        if inherited:
            lines += ["    options:", f"      inherited_members: [{', '.join(inherited)}]"]
    return "\n".join(lines) + "\n"


def _members(package: str, cls: type) -> Iterator[tuple[str, str]]:
    """Yield each method and property, and the public class that it is documented at, or ""."""
    public = {
        value: name
        for name in public_names(package)
        if isinstance(value := getattr(importlib.import_module(package), name), type)
    }
    seen: set[str] = set()
    for base in cls.__mro__:
        if base.__module__.partition(".")[0] != package:
            continue
        for member, value in vars(base).items():
            if member.startswith("_") or member in seen:
                continue
            seen.add(member)
            if _is_documented(value):
                yield member, public.get(base, "")


def _is_documented(value: Any) -> bool:
    function = getattr(value, "__func__", value)
    return isinstance(value, property) or inspect.isfunction(function)


def _place(package: str, name: str, modules: tuple[str, ...]) -> int:
    """Return which of the modules a name is of, or their number if it is of none of them."""
    value = getattr(importlib.import_module(package), name)
    home = getattr(value, "__module__", "").removeprefix(f"{package}.") + "."
    places = (at for at, module in enumerate(modules) if home.startswith(f"{module}."))
    return next(places, len(modules))

"""The public names of both packages with their signatures, one line each.

`python -m tests.public_surface` writes docs/public-surface.txt, which a test compares with the
code: so a change of the surface is seen in a review. `docs/public-surface-released.txt` is that of
the last release: what differs from it must be named in the changelog. `--release` copies one to
the other.
"""

from __future__ import annotations

import enum
import importlib
import inspect
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ForwardRef

ROOT = Path(__file__).parents[1]
CURRENT = ROOT / "docs" / "public-surface.txt"
RELEASED = ROOT / "docs" / "public-surface-released.txt"
PACKAGES = ("kling_sdk", "kling_mock")


def lines() -> Iterator[str]:
    """Yield `package.Name.member: what it is` for each public name and member."""
    for package in PACKAGES:
        module = importlib.import_module(package)
        # A star import must not read the metadata of the distribution.
        for name in sorted({*module.__all__, "__version__"}):
            yield from _entries(f"{package}.{name}", getattr(module, name))


def text() -> str:
    """Return the whole surface."""
    return "".join(f"{line}\n" for line in lines())


def changed_names(before: str, after: str) -> set[str]:
    """Return the public names with an addition, a change or a removal."""
    differing = set(before.splitlines()) ^ set(after.splitlines())
    return {line.partition(":")[0].split(".")[1] for line in differing}


def not_in_changelog(names: set[str], changelog: str) -> set[str]:
    """Return which of *names* the changelog's first section does not mention as code."""
    section = changelog.partition("\n## [Unreleased]")[2].partition("\n## [")[0]
    mentioned = set(re.findall(r"\w+", " ".join(re.findall(r"`([^`]+)`", section))))
    return names - mentioned


def _entries(name: str, value: Any) -> Iterator[str]:
    if isinstance(value, type):
        bases = ", ".join(base.__name__ for base in value.__bases__ if base is not object)
        # How an enumeration is called is Python's own, and differs by its version.
        called = "" if issubclass(value, enum.Enum) else _signature(value)
        yield f"{name}: class({bases}){called}"
        for member in sorted(_members(value)):
            yield f"{name}.{member}: {_kind(inspect.getattr_static(value, member, None))}"
        for attribute, annotation in sorted(_annotations(value).items()):
            yield f"{name}.{attribute}: {annotation}"
    elif callable(value):
        yield f"{name}: def{_signature(value)}"
    else:
        yield f"{name}: {type(value).__name__}"


def _members(cls: type) -> set[str]:
    own = {
        name
        for base in cls.__mro__
        if base.__module__.partition(".")[0] in PACKAGES
        for name in vars(base)
        if not name.startswith("_")
    }
    return own - set(_annotations(cls))


def _annotations(cls: type) -> dict[str, str]:
    annotations_by_name: dict[str, str] = {}
    for base in reversed(cls.__mro__):
        if base.__module__.partition(".")[0] in PACKAGES and not issubclass(base, enum.Enum):
            for name, annotation in inspect.get_annotations(base).items():
                if not name.startswith("_"):
                    annotations_by_name[name] = _as_written(annotation)
    return annotations_by_name


def _kind(member: Any) -> str:
    if isinstance(member, property):
        returned = inspect.get_annotations(member.fget).get("return", "Any") if member.fget else ""
        return f"property -> {returned}"
    if isinstance(member, classmethod | staticmethod):
        return f"{type(member).__name__}{_signature(member.__func__)}"
    if inspect.isfunction(member):
        is_async = inspect.iscoroutinefunction(inspect.unwrap(member))
        return f"{'async ' if is_async else ''}def{_signature(member)}"
    return type(member).__name__


def _signature(function: Any) -> str:
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        return "(...)"
    # Addresses of objects and quotes of annotations are not part of it, and older Pythons keep some
    # annotations as references.
    unquoted = re.sub(r" at 0x[0-9a-f]+", "", str(signature)).replace("'", "")
    return re.sub(r"ForwardRef\(([^()]*)\)", r"\1", unquoted)


def _as_written(annotation: Any) -> str:
    if isinstance(annotation, ForwardRef):
        return annotation.__forward_arg__
    return annotation if isinstance(annotation, str) else repr(annotation)


def main() -> None:
    """Write the files."""
    CURRENT.write_text(text(), "utf-8")
    if "--release" in sys.argv:
        RELEASED.write_text(text(), "utf-8")


if __name__ == "__main__":
    main()

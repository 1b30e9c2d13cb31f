"""Objects that refuse to set unknown attributes."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING


class KnownAttributes:
    """Base class that refuses to set unknown attributes: a misspelt setting would do nothing.

    Properties with a setter can be set; attributes that the class declares can be set once.
    """

    if not TYPE_CHECKING:  # or a type checker would accept any attribute

        def __setattr__(self, name: str, value: object) -> None:
            cls = type(self)
            if (
                name.startswith("_")
                or (name in _declared(cls) and name not in self.__dict__)
                or name in _settings(cls)
            ):
                super().__setattr__(name, value)
                return
            if hasattr(cls, name) or name in self.__dict__:
                raise AttributeError(f"{cls.__name__}.{name} cannot be set.")
            raise AttributeError(_unknown(cls, name))


def _declared(cls: type) -> set[str]:
    return {name for base in cls.__mro__ for name in vars(base).get("__annotations__", ())}


def _settings(cls: type) -> list[str]:
    members = inspect.getmembers_static(cls)
    return [name for name, member in members if not name.startswith("_") and _has_setter(member)]


def _has_setter(member: object) -> bool:
    return member.fset is not None if isinstance(member, property) else hasattr(member, "__set__")


def _unknown(cls: type, name: str) -> str:
    from difflib import get_close_matches  # only needed for the error of a mistaken test

    names = _settings(cls)
    near = get_close_matches(name, names, n=1)
    nearest = f" Did you mean {near[0]!r}?" if near else ""
    known = f"what can be set is {', '.join(names)}" if names else "it has no settings"
    return f"{cls.__name__} has no attribute {name!r}.{nearest} ({known})"

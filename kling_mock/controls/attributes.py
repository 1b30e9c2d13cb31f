"""Attributes that can be set, and no others."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING

__all__ = ["KnownAttributes"]


class KnownAttributes:
    """Refuses to set what a class does not have: a misspelt setting would do nothing.

    Properties with a setter can be set; attributes that the class declares, once.
    """

    if not TYPE_CHECKING:  # a type checker would take it for a class with any attribute

        def __setattr__(self, name: str, value: object) -> None:
            cls = type(self)
            first = name in _declared(cls) and name not in self.__dict__
            if name.startswith("_") or first or name in _settings(cls):
                super().__setattr__(name, value)
                return
            if hasattr(cls, name) or name in self.__dict__:
                raise AttributeError(f"{cls.__name__}.{name} cannot be set.")
            raise AttributeError(_unknown(cls, name))


def _declared(cls: type) -> set[str]:
    return {name for base in cls.__mro__ for name in vars(base).get("__annotations__", ())}


def _settings(cls: type) -> list[str]:
    members = inspect.getmembers_static(cls)
    return [name for name, one in members if not name.startswith("_") and _has_setter(one)]


def _has_setter(member: object) -> bool:
    return member.fset is not None if isinstance(member, property) else hasattr(member, "__set__")


def _unknown(cls: type, name: str) -> str:
    from difflib import get_close_matches  # only a mistaken test needs it

    names = _settings(cls)
    near = get_close_matches(name, names, n=1)
    nearest = f" Did you mean {near[0]!r}?" if near else ""
    known = f"what can be set is {', '.join(names)}" if names else "nothing of it can be set"
    return f"{cls.__name__} has no attribute {name!r}.{nearest} ({known})"

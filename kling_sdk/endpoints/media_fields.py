"""The parameters of a request that hold files: with them a body may be large."""

from __future__ import annotations

import math
from typing import Any, get_args, get_type_hints

import attrs

from kling_sdk.endpoints.values import media, media_list

__all__ = ["max_files"]


def max_files(cls: type) -> float:
    """Return how many files an object may hold as base64; infinite where it has lists of them.

    A file's parameter is shown without its content and converted from a path or bytes; one that
    takes URLs only has no converter.
    """
    hints = get_type_hints(cls)
    return sum(_files(field, hints[field.name]) for field in attrs.fields(cls))


def _files(field: Any, hint: Any) -> float:
    if field.converter is not None and field.repr in (media, media_list):
        return math.inf if field.repr is media_list else 1
    return _files_of(hint)


def _files_of(hint: Any) -> float:
    """Return how many files a value of a type may hold."""
    if attrs.has(hint):
        return max_files(hint)
    held = max(map(_files_of, get_args(hint)), default=0)
    is_list = getattr(hint, "__origin__", None) is tuple
    return math.inf if is_list and held else held

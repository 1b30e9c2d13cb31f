"""Texts that are not shown: keys, tokens, prompts, signed URLs.

An error collector may keep the local variables of each frame, as `repr` shows them. So the text
hides itself, wherever it is held. In every other way it works like any other text.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, Self, SupportsIndex, TypeVar, cast

import attrs

T = TypeVar("T")
#: Longer texts are files, not prompts; searching a server's message for one would take long.
_MAX: Final = 20_000
_DEEPEST: Final = 100  # levels; a deeper value is refused as a body


class Hidden(str):
    """A text whose repr does not show it, nor that of a part of it."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"<{len(self)} characters>"

    def __getitem__(self, at: SupportsIndex | slice) -> Self:
        return type(self)(super().__getitem__(at))


class Private(Hidden):
    """A hidden text of the user's, which is also cut out of a server's message that quotes it."""

    __slots__ = ()


class HiddenBytes(bytes):
    """Bytes from a server, which may quote a prompt or contain a signed URL."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"<{len(self)} bytes>"

    def __getitem__(self, at: Any) -> Any:
        part = super().__getitem__(at)
        return part if isinstance(part, int) else HiddenBytes(part)


def hide(value: T) -> T:
    """Return a value of JSON with its texts hidden; files are left as they are."""
    return cast("T", _with_texts(value, Hidden))


def private(value: T) -> T:
    """Return a value of JSON with its texts private; files are left as they are."""
    return cast("T", _with_texts(value, Private))


def public(value: T) -> T:
    """Return a value of JSON with its texts shown."""
    return cast("T", _with_texts(value, str))


def _with_texts(value: Any, make: Callable[[str], str], depth: int = 0) -> Any:
    if isinstance(value, str):
        # A text without a letter, such as a number or a ratio, reveals nothing.
        return make(value) if len(value) <= _MAX and any(map(str.isalpha, value)) else value
    if depth > _DEEPEST:
        return value
    if isinstance(value, Mapping):
        return {key: _with_texts(part, make, depth + 1) for key, part in value.items()}
    if isinstance(value, list | tuple):
        changed = [_with_texts(part, make, depth + 1) for part in value]
        return changed if isinstance(value, list) else tuple(changed)
    return value


def private_texts(value: Any) -> Iterator[str]:
    """Yield the private texts in a value of JSON, or in a request."""
    if isinstance(value, Private):
        if value:
            yield value
    elif isinstance(value, Mapping):
        for part in value.values():
            yield from private_texts(part)
    elif isinstance(value, list | tuple):
        for part in value:
            yield from private_texts(part)
    elif attrs.has(type(value)):
        for field in attrs.fields(type(value)):
            yield from private_texts(getattr(value, field.name))

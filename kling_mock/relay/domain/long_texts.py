"""The hash of a request with pictures in it, in steps: a text of 80 MB is not written out again.

A plain text is its own JSON, so only what stands around long ones is encoded.
"""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any, Final

__all__ = ["LONG", "hash_in_steps"]

#: Characters from which a text is long, and bytes from which a body may have one.
LONG: Final = 64 * 1024
_STEP: Final = 256 * 1024  # characters: after each, other threads get a turn
# Half of a surrogate pair stands in no request that can be hashed.
_MARK: Final = re.compile('"\ud800([0-9]+)\ud800"')


def hash_in_steps(value: Any, encoder: json.JSONEncoder) -> str:
    """Return the SHA-256 of *value* as *encoder* writes it, in hexadecimal.

    Args:
        value: What JSON can hold.
        encoder: One that leaves printable ASCII as it is, but for quotes and backslashes.

    Raises:
        UnicodeEncodeError: It has half of a surrogate pair.
    """
    long: list[str] = []
    text = encoder.encode(_marked(value, long))
    hashed = hashlib.sha256()
    end = 0
    marks = [*_MARK.finditer(text)]
    if len(marks) != len(long):
        text.encode()  # the request has half of a surrogate pair of its own: this raises
    for mark in marks:
        hashed.update(text[end : mark.start() + 1].encode())
        whole = long[int(mark[1])]
        for at in range(0, len(whole), _STEP):
            hashed.update(whole[at : at + _STEP].encode())
        end = mark.end() - 1
    hashed.update(text[end:].encode())
    return hashed.hexdigest()


def _marked(value: Any, long: list[str]) -> Any:
    """Return a copy of *value* with marks in place of its long plain texts, which go to *long*."""
    if isinstance(value, dict):
        return {name: _marked(one, long) for name, one in value.items()}
    if isinstance(value, list):
        return [_marked(one, long) for one in value]
    if isinstance(value, str) and len(value) > LONG and _is_plain(value):
        long.append(value)
        return f"\ud800{len(long) - 1}\ud800"
    return value


def _is_plain(text: str) -> bool:
    """Return whether *text* in JSON is the same text between quotes."""
    return text.isascii() and all(
        _is_plain_step(text[at : at + _STEP]) for at in range(0, len(text), _STEP)
    )


def _is_plain_step(text: str) -> bool:
    return text.isprintable() and '"' not in text and "\\" not in text

"""The hash of a request with pictures in it, in steps: a text of 80 MB is not written out again.

An encoder writes each character by itself, so a text may be encoded in pieces; only what stands
around long ones is encoded as a whole.
"""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any, Final

__all__ = ["LONG", "hash_in_steps"]

#: Characters from which a text is long, and bytes from which a body may have one.
LONG: Final = 4 * 1024
_STEP: Final = 64 * 1024  # characters: after each, other threads get a turn
# Half of a surrogate pair stands in no request that can be hashed.
_MARK: Final = re.compile('"\ud800([0-9]+)\ud800"')


def hash_in_steps(value: Any, encoder: json.JSONEncoder) -> str:
    """Return the SHA-256 of *value* as *encoder* writes it, in hexadecimal.

    Args:
        value: What JSON can hold.
        encoder: One that does not escape what is not ASCII.

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
            hashed.update(encoder.encode(whole[at : at + _STEP])[1:-1].encode())
        end = mark.end() - 1
    hashed.update(text[end:].encode())
    return hashed.hexdigest()


def _marked(value: Any, long: list[str]) -> Any:
    """Return a copy of *value* with marks in place of its long texts, which go to *long*."""
    if isinstance(value, dict):
        return {name: _marked(one, long) for name, one in value.items()}
    if isinstance(value, list):
        return [_marked(one, long) for one in value]
    if isinstance(value, str) and len(value) > LONG:
        long.append(value)
        return f"\ud800{len(long) - 1}\ud800"
    return value

"""Hashing a request with images in steps, so that a text of 80 MB is not written out again.

An encoder writes each character by itself, so a text may be encoded in pieces. Only the JSON around
the long texts is encoded as a whole.
"""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any, Final

#: Characters from which a text is long, and bytes from which a body may have a long text.
LONG: Final = 4 * 1024
_STEP: Final = 64 * 1024  # characters: after each, other threads get a turn
# A request that can be hashed does not contain half of a surrogate pair.
_MARK: Final = re.compile('"\ud800([0-9]+)\ud800"')


def hash_in_steps(value: Any, encoder: json.JSONEncoder) -> str:
    """Return the SHA-256 of *value* as *encoder* writes it, in hexadecimal.

    Args:
        value: A value that JSON can hold.
        encoder: An encoder that does not escape characters outside ASCII.

    Raises:
        UnicodeEncodeError: *value* has half of a surrogate pair.
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
        return {name: _marked(member, long) for name, member in value.items()}
    if isinstance(value, list):
        return [_marked(element, long) for element in value]
    if isinstance(value, str) and len(value) > LONG:
        long.append(value)
        return f"\ud800{len(long) - 1}\ud800"
    return value

"""How much of a body the journal keeps. Pure."""

from __future__ import annotations

import hashlib
import json
from typing import Any

__all__ = ["BODY_KEPT", "keep", "shorten"]

BODY_KEPT = 4_096  # bytes of each body: an inline image would fill the memory
_TEXT_KEPT = 256  # characters of each text in a body that is too long
_TEXT_SHOWN = 64  # characters of a text that is shortened


def keep(body: bytes) -> bytes:
    """Return what is kept of *body*: all of it, if it is small.

    Of a larger one the long texts are shortened, so that what is kept is still JSON and can be
    searched; what is too large even then, or is no JSON, is cut.
    """
    if len(body) <= BODY_KEPT:
        return body
    try:
        kept = json.dumps(shorten(json.loads(body)), ensure_ascii=False).encode()
    except (ValueError, RecursionError):  # no JSON; or nested as no honest body is
        return body[:BODY_KEPT]
    return kept if len(kept) <= BODY_KEPT else body[:BODY_KEPT]


def shorten(value: Any) -> Any:
    """Return a JSON value with its long texts shortened: equal texts stay equal."""
    match value:
        case str() if len(value) > _TEXT_KEPT:
            digest = hashlib.sha256(value.encode("utf-8", "surrogatepass")).hexdigest()[:16]
            return f"{value[:_TEXT_SHOWN]}...[{len(value)} characters, sha256 {digest}]"
        case dict():
            return {name: shorten(one) for name, one in value.items()}
        case list() | tuple():
            return [shorten(one) for one in value]
        case _:
            return value

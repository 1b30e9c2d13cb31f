"""Texts of Kling as they are stored, so that every database takes them unchanged.

A text that is cut is marked as cut, and keeps its format: JSON stays JSON. A text that would be
useless when cut, such as a URL, is left out; the stored report has it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from kling_mock.storage.text import MAX_ID, TEXT_BYTES

__all__ = ["MAX_HINT", "stored_id", "stored_json", "stored_reason", "stored_url"]

#: Bytes that are stored of an unsigned callback.
MAX_HINT: Final = 4_096
_MAX_URL: Final = 8_192  # characters
_MAX_REASON: Final = 1_000  # characters
_AROUND: Final = 200  # bytes around the text of a report that is cut; more than there are

_ENCODER: Final = json.JSONEncoder(ensure_ascii=False)
_STRICT: Final = json.JSONEncoder(ensure_ascii=False, allow_nan=False)


def stored_json(report: Mapping[str, Any], most: int = TEXT_BYTES) -> str:
    """Return a report as JSON of at most *most* bytes of UTF-8.

    One that is larger, nested too deeply, or has a number that is no JSON (`1e999`) becomes
    `{"incomplete": why, "bytes": of the whole or null, "text": its beginning}`.
    """
    try:
        text = _STRICT.encode(dict(report))
    except RecursionError:
        return _ENCODER.encode({"incomplete": "nested too deeply", "bytes": None, "text": ""})
    except ValueError:
        text, why = _ENCODER.encode(dict(report)), "not JSON"
    else:
        why = "too large"
        if _size(text) <= most:
            return text
    # A character takes up to four bytes, and a quote or backslash takes two here.
    beginning = text[: (most - _AROUND) // 4]
    return _ENCODER.encode({"incomplete": why, "bytes": _size(text), "text": beginning})


def stored_url(url: str) -> str:
    """Return a URL; "" for one of more than 8,192 characters, which would be wrong when cut."""
    return url if len(url) <= _MAX_URL else ""


def stored_id(name: str) -> str:
    """Return the id of a result; "" for one that its column would cut."""
    return name if len(name) <= MAX_ID else ""


def stored_reason(reason: str) -> str:
    """Return why a task failed, with at most 1,000 characters; one that is cut ends with `...`."""
    return reason if len(reason) <= _MAX_REASON else f"{reason[: _MAX_REASON - 3]}..."


def _size(text: str) -> int:
    # Half a surrogate pair is stored as a replacement character, which has three bytes as well.
    return len(text.encode("utf-8", "surrogatepass"))

"""Texts of Kling in the form in which every database stores them unchanged.

A text that is cut is marked as cut, and keeps its format: JSON stays JSON. A text that would be
useless when cut, such as a URL, is left out; the stored report has it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from kling_mock.relay.domain.pricing import final_quota
from kling_mock.relay.storage.text import MAX_DURATION, MAX_ID, TEXT_BYTES
from kling_sdk import CallbackVerificationError, parse_callback

#: Maximum number of bytes of an unsigned callback that are stored.
MAX_HINT: Final = 4_096
_MAX_URL: Final = 8_192  # characters
_MAX_REASON: Final = 1_000  # characters
_AROUND: Final = 200  # bytes around the text of a report that is cut; an upper limit

_ENCODER: Final = json.JSONEncoder(ensure_ascii=False)
_STRICT: Final = json.JSONEncoder(ensure_ascii=False, allow_nan=False)


def stored_json(report: Mapping[str, Any], max_bytes: int = TEXT_BYTES) -> str:
    """Return a report as JSON of at most *max_bytes* bytes of UTF-8.

    A report that is larger, nested too deeply, or has a number that is not JSON (`1e999`) becomes
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
        if _size(text) <= max_bytes:
            return text
    # A character takes up to four bytes, and a quote or backslash takes two here.
    beginning = text[: (max_bytes - _AROUND) // 4]
    return _ENCODER.encode({"incomplete": why, "bytes": _size(text), "text": beginning})


def stated_quota(report: str, endpoint: str) -> int | None:
    """Return the deduction in a stored report of a task, in quota; None if it does not state it.

    Args:
        report: What `stored_json` returned.
        endpoint: The endpoint of the task.
    """
    try:
        task = parse_callback(report.encode(), verify=False).task
    except CallbackVerificationError:  # it is incomplete, or was written by another program
        return None
    return final_quota(task.units, endpoint)


def stored_url(url: str) -> str:
    """Return a URL; "" if it has more than 8,192 characters, since a cut URL would be wrong."""
    return url if len(url) <= _MAX_URL else ""


def stored_id(name: str) -> str:
    """Return the id of a result; "" if it is too long for its column."""
    return name if len(name) <= MAX_ID else ""


def stored_duration(seconds: Decimal | None) -> str:
    """Return the length of a result; "" if Kling does not state one that fits its column."""
    text = "" if seconds is None else f"{seconds:f}"
    return text if len(text) <= MAX_DURATION else ""


def stored_reason(reason: str) -> str:
    """Return why a task failed, in at most 1,000 characters; a text that is cut ends with `...`."""
    return reason if len(reason) <= _MAX_REASON else f"{reason[: _MAX_REASON - 3]}..."


def _size(text: str) -> int:
    # Half a surrogate pair is stored as a replacement character, which also has three bytes.
    return len(text.encode("utf-8", "surrogatepass"))

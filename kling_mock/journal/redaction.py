"""What is left out of the requests that the journal keeps: user info, passwords and tokens.

They stand in URLs (`https://user:password@host/?token=...`) and in the values of a query. Both
sides of a comparison are redacted alike, so what is left can still be searched.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from typing import Any, Final
from urllib.parse import unquote_plus

from kling_mock.web.addresses import shown_url

__all__ = ["redact_body", "redact_query", "redact_value"]

_HIDDEN: Final = "<hidden>"
_URL: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^\s\"']+")
# The same in text that is no JSON, where a slash may be escaped as JSON allows.
_RAW_URL: Final = re.compile(rb"([A-Za-z][A-Za-z0-9+.-]*:)((?:\\?/){2})([^\s\"']+)")
_MARK: Final = re.compile(rb"://|:\\/|\\u00|_url")  # without one, a body has no URL


def redact_query(query: str, known: Collection[str]) -> str:
    """Return *query* with the values of its unknown parameters hidden.

    Args:
        query: As it was sent.
        known: The parameters that are read, and whose values are no secrets.
    """
    return "&".join(_redact_pair(pair, known) for pair in query.split("&"))


def _redact_pair(pair: str, known: Collection[str]) -> str:
    name, equals, value = pair.partition("=")
    if unquote_plus(name) in known or not pair:
        return pair
    if not equals:
        return _HIDDEN  # a token alone
    return f"{name}={_HIDDEN}" if value else pair


def redact_body(body: bytes) -> bytes:
    """Return a request's body with its URLs redacted; unchanged if there is nothing to redact."""
    if _MARK.search(body) is None:
        return body
    try:
        sent = json.loads(body)
        kept = redact_value(sent)
        return body if kept == sent else _written(kept)
    except (ValueError, RecursionError):  # no JSON, or nested too deeply
        return _RAW_URL.sub(_redact_raw, body)


def redact_value(value: Any, name: str = "") -> Any:
    """Return a JSON value with its URLs redacted.

    Args:
        value: The value.
        name: The member whose value it is; what ends in `_url` is one whatever it looks like.
    """
    match value:
        case str() if name.endswith("_url"):
            return shown_url(value)
        case str() if "://" in value:
            return _URL.sub(lambda found: shown_url(found[0]), value)
        case dict():
            return {key: redact_value(one, key) for key, one in value.items()}
        case list() | tuple():
            return [redact_value(one) for one in value]
        case _:
            return value


def _written(value: Any) -> bytes:
    try:
        return json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:  # half a surrogate pair
        return json.dumps(value).encode()


def _redact_raw(found: re.Match[bytes]) -> bytes:
    rest = found[3].decode("latin-1").replace("\\/", "/")
    shown = shown_url(f"{found[1].decode('latin-1')}//{rest}")
    return shown.encode("latin-1", "replace")

"""Redaction of the requests that the journal keeps: user info, passwords and tokens.

These occur in URLs (`https://user:password@host/?token=...`) and in the values of a query. Both
sides of a comparison are redacted in the same way, so the rest can still be searched. A digest,
with a key of this process, replaces the removed part of a URL and distinguishes it from others.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Collection
from secrets import token_bytes
from typing import Any, Final
from urllib.parse import unquote_plus

from kling_mock.web.addresses import HIDDEN as HIDDEN_QUERY
from kling_mock.web.addresses import shown_url

HIDDEN: Final = "<hidden>"
_KEY: Final = token_bytes(16)  # passwords cannot be guessed from a saved journal
_KEPT: Final = re.compile(r"\?<hidden:[0-9a-f]{8}>$")
_URL: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^\s\"']+")
# A URL in text that is not JSON, where a slash may be escaped as JSON allows.
_RAW_URL: Final = re.compile(rb"([A-Za-z][A-Za-z0-9+.-]*:)((?:\\?/){2})([^\s\"']+)")


def redact_query(query: str, known: Collection[str]) -> str:
    """Return *query* with the values of its unknown parameters hidden.

    Args:
        query: As it was sent.
        known: The parameters that are read; their values are not secret.
    """
    return "&".join(_redact_pair(pair, known) for pair in query.split("&"))


def _redact_pair(pair: str, known: Collection[str]) -> str:
    name, equals, value = pair.partition("=")
    if unquote_plus(name) in known or not pair:
        return pair
    if not equals:
        return HIDDEN  # a bare token
    return f"{name}={HIDDEN}" if value else pair


def redact_body(body: bytes) -> bytes:
    """Return a request's body with its URLs redacted; unchanged if there is nothing to redact."""
    # A body without any of these has no URL; a regular expression takes five times as long.
    if not (b"://" in body or rb":\/" in body or rb"\u00" in body or b"_url" in body):
        return body
    try:
        sent = json.loads(body)
        redacted = redact_value(sent, show=kept_url)
        return body if redacted == sent else _written(redacted)
    except (ValueError, RecursionError):  # not JSON, or nested too deeply
        return _RAW_URL.sub(_redact_raw, body)


def kept_url(url: str) -> str:
    """Return *url* as `shown_url` does, with a digest of the removed part unless it has one."""
    if _KEPT.search(url):
        return url
    redacted = shown_url(url)
    if not redacted.endswith(HIDDEN_QUERY):
        return redacted
    digest = hashlib.blake2b(url.encode("utf-8", "surrogatepass"), digest_size=4, key=_KEY)
    return f"{redacted[:-1]}:{digest.hexdigest()}>"


def redact_value(value: Any, name: str = "", show: Callable[[str], str] = shown_url) -> Any:
    """Return a JSON value with its URLs redacted.

    Args:
        name: The member that has the value; one that ends in `_url` is always treated as a URL.
        show: Returns the redacted form of a URL.
    """
    match value:
        case str() if name.endswith("_url"):
            return show(value)
        case str() if "://" in value:
            return _URL.sub(lambda match: show(match[0]), value)
        case dict():
            return {key: redact_value(child, key, show) for key, child in value.items()}
        case list() | tuple():
            return [redact_value(child, show=show) for child in value]
        case _:
            return value


def _written(value: Any) -> bytes:
    try:
        return json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:  # half a surrogate pair
        return json.dumps(value).encode()


def _redact_raw(match: re.Match[bytes]) -> bytes:
    rest = match[3].decode("latin-1").replace("\\/", "/")
    redacted = shown_url(f"{match[1].decode('latin-1')}//{rest}")
    return redacted.encode("latin-1", "replace")

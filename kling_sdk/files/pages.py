"""Telling a page from a file: an expired link or a captive portal may answer 200 with a page.

Only what is certainly no film is recognised: text in HTML, XML or JSON. Bytes of an unknown
kind pass, whatever content type the host gives them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

__all__ = ["HEAD", "page_kind"]

#: How many bytes of a file are looked at.
HEAD: Final = 512

_DECLARED: Final[Mapping[str, str]] = {
    "text/html": "HTML",
    "application/xhtml+xml": "HTML",
    "text/xml": "XML",
    "application/xml": "XML",
    "application/json": "JSON",
    "application/problem+json": "JSON",
}
_BOM: Final = b"\xef\xbb\xbf"
_CONTROL: Final = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")  # in no text of the web
_STARTS: Final = (
    ("XML", re.compile(rb"<\?xml", re.IGNORECASE)),
    ("HTML", re.compile(rb"<[!a-z]", re.IGNORECASE)),
    ("JSON", re.compile(rb'\{\s*(?:["}]|$)|\[\s*(?:[\[{"\]]|$)')),
)


def page_kind(head: bytes, content_type: str) -> str | None:
    """Return `HTML`, `XML` or `JSON` when a reply is a page, or None when it may be a file.

    Args:
        head: The first `HEAD` bytes of the body, or all of a shorter one.
        content_type: The reply's header, "" for none.
    """
    if _CONTROL.search(head) or not _is_utf8(head):
        return None
    start = head.removeprefix(_BOM).lstrip()
    found = next((kind for kind, pattern in _STARTS if pattern.match(start)), None)
    return found or _DECLARED.get(content_type.partition(";")[0].strip().lower())


def _is_utf8(head: bytes) -> bool:
    try:
        head.decode()
    except UnicodeDecodeError as error:
        return error.start > len(head) - 4 and len(head) >= HEAD  # a character that is cut
    return True

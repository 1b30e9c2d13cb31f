"""Telling a page from a file: an expired link or a captive portal may answer 200 with a page.

Only bodies that certainly are not media are recognised: text in HTML, XML or JSON, in any encoding
of the web. Bytes of an unknown kind pass, whatever content type the host gives them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

#: Bytes of a file that are inspected.
HEAD: Final = 512

_DECLARED: Final[Mapping[str, str]] = {
    "text/html": "HTML",
    "application/xhtml+xml": "HTML",
    "text/xml": "XML",
    "application/xml": "XML",
    "application/json": "JSON",
    "application/problem+json": "JSON",
}
#: Not in text of the web; ESC, SO and SI are: ISO-2022 changes its characters with them.
_CONTROL: Final = re.compile(rb"[\x00-\x08\x0b\x0c\x10-\x1a\x1c-\x1f\x7f]")
_BOM: Final = b"\xef\xbb\xbf"
#: The other encodings of the web write ASCII as it is.
_UTF_16: Final = {b"\xff\xfe": "utf-16-le", b"\xfe\xff": "utf-16-be"}
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
    encoding = _UTF_16.get(head[:2])
    if encoding is None and "utf-16" in content_type.lower():
        encoding = "utf-16-be" if head[:1] == b"\0" else "utf-16-le"
    if encoding is not None:
        head = head.decode(encoding, "ignore").removeprefix("\ufeff").encode()
    if _CONTROL.search(head):
        return None
    start = head.removeprefix(_BOM).lstrip()
    kind = next((kind for kind, pattern in _STARTS if pattern.match(start)), None)
    return kind or _DECLARED.get(content_type.partition(";")[0].strip().lower())

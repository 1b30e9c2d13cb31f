"""Cursors: where the next page of a list begins, as text that a client sends back."""

from __future__ import annotations

import base64
import binascii
import re
from typing import Final, NamedTuple

from kling_mock.kling.service_codes import refusal, shortened

__all__ = ["PagePosition", "decode", "encode"]

_CURSOR: Final = re.compile(r"([0-9]{1,16})-([0-9]{1,16})-([0-9]{18})")


class PagePosition(NamedTuple):
    """Where a page begins.

    Attributes:
        start: Unix milliseconds of the earliest item.
        end: The same of the latest one.
        before: Only items with smaller ids of 18 digits; "" is any.
    """

    start: int
    end: int
    before: str = ""


def encode(place: PagePosition) -> str:
    """Return the cursor of a position, which has a `before`."""
    text = f"{max(place.start, 0)}-{place.end}-{place.before}"
    return base64.urlsafe_b64encode(text.encode()).decode()


def decode(cursor: str) -> PagePosition:
    """Return the position that a cursor stands for.

    Raises:
        Refusal: 400/1201, it is none.
    """
    try:
        text = base64.urlsafe_b64decode(cursor.encode()).decode("ascii")
    except (binascii.Error, ValueError):
        text = ""
    found = _CURSOR.fullmatch(text)
    if found is None:
        note = "must be the next_cursor of an earlier reply"
        values = {"path": "cursor", "value": shortened(cursor)}
        raise refusal("value", field="cursor", note=note, **values)
    return PagePosition(int(found[1]), int(found[2]), found[3])

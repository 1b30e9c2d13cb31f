"""Cursors: the position of the next page of a list, as text that a client sends back."""

from __future__ import annotations

import base64
import binascii
import re
from typing import Final, NamedTuple

from kling_mock.kling.service_codes import refusal, shortened

_CURSOR: Final = re.compile(r"([0-9]{1,16})-([0-9]{1,16})-([0-9]{18})")


class PagePosition(NamedTuple):
    """The position at which a page begins.

    Attributes:
        start: Unix milliseconds of the earliest item.
        end: Unix milliseconds of the latest item.
        before: Only items with smaller ids of 18 digits; "" for any.
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
        Refusal: 400/1201, it is not a valid cursor.
    """
    try:
        text = base64.urlsafe_b64decode(cursor.encode()).decode("ascii")
    except (binascii.Error, ValueError):
        text = ""
    match = _CURSOR.fullmatch(text)
    if match is None:
        note = "must be the next_cursor of an earlier reply"
        values = {"path": "cursor", "value": shortened(cursor)}
        raise refusal("value", field="cursor", note=note, **values)
    return PagePosition(int(match[1]), int(match[2]), match[3])

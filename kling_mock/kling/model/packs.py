"""Resource packs: units that were bought in advance, and that can run out."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal, NamedTuple

from kling_mock.kling.model.plan import PackType
from kling_mock.web.facts import assumed, documented, observed

PackStatus = Literal["toBeOnline", "online", "expired", "runOut"]

STATUSES = documented("pages-2026-09", "pages-2026-04", as_of="2026-09-20")
DEDUCTION = observed(
    "probe-2026-09",
    as_of="2026-09-22",
    note="units are taken when a task ends well; that a failed one is free is documented",
)
TYPES = observed(
    "probe-2026-10",
    as_of="2026-10-07",
    note="one account without an image pack got 1102 for a picture; that slots are held per type "
    "is documented",
)
BALANCE = assumed(
    "a create call is refused when the units left, less those of open tasks, do not suffice; "
    "of several packs the one that ends first is used up first"
)

NONE = Decimal(0)


@dataclass(slots=True, eq=False)
class Pack:
    """One resource pack.

    Attributes:
        pack_id: Its id.
        type: What it pays for.
        name: Its name. The vendor's own names contain the slots: "... 5Con".
        total: Units in it at first.
        remaining: Units left.
        slots: Slots that it allows: a video takes one, and so does each image of a task; `None`
            means no limit.
        bought: Unix seconds of its purchase.
        begins: Unix seconds from which it counts.
        ends: Unix seconds until which it counts.
    """

    pack_id: str
    name: str
    total: Decimal
    remaining: Decimal
    slots: int | None
    bought: float
    begins: float
    ends: float = math.inf
    type: PackType = "video"

    def status(self, now: float) -> PackStatus:
        """Return the pack's status, as the vendor calls it."""
        if now < self.begins:
            return "toBeOnline"
        if now >= self.ends:
            return "expired"
        return "online" if self.remaining > NONE else "runOut"


def left(packs: Iterable[Pack], now: float, pack_type: PackType = "video") -> Decimal:
    """Return the units in all packs of a type that count."""
    online = (pack for pack in packs if pack.type == pack_type and pack.status(now) == "online")
    return sum((pack.remaining for pack in online), NONE)


class TakenPart(NamedTuple):
    """The part of a charge that one pack pays.

    Attributes:
        pack: The pack.
        before: Units in it before.
        units: Units that were taken.
    """

    pack: Pack
    before: Decimal
    units: Decimal


def take(
    packs: Iterable[Pack], units: Decimal, now: float, pack_type: PackType = "video"
) -> list[TakenPart]:
    """Take up to *units* out of the packs of a type that count."""
    parts: list[TakenPart] = []
    for pack in sorted(packs, key=lambda pack: pack.ends):
        if pack.type == pack_type and pack.status(now) == "online":
            part = TakenPart(pack, pack.remaining, min(pack.remaining, units))
            pack.remaining -= part.units
            units -= part.units
            if part.units:
                parts.append(part)
    return parts


def slots(packs: Iterable[Pack], now: float, pack_type: PackType = "video") -> int | None:
    """Return the slots that the packs of a type allow: the largest number counts, as documented.

    Returns:
        `None` if a pack that counts is unlimited, or if no pack counts.
    """
    own = (pack for pack in packs if pack.type == pack_type)
    allowed = [pack.slots for pack in own if pack.begins <= now < pack.ends]
    known = [number for number in allowed if number is not None]
    return max(known) if known and len(known) == len(allowed) else None

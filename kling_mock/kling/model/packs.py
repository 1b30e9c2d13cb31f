"""Resource packs: units that were bought beforehand, and that run out."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from kling_mock.web.facts import assumed, documented, observed

__all__ = ["BALANCE", "DEDUCTION", "STATUSES", "Pack", "PackStatus", "left", "slots", "take"]

PackStatus = Literal["toBeOnline", "online", "expired", "runOut"]

STATUSES = documented("pages-2026-09", "pages-2026-04", as_of="2026-09-20")
DEDUCTION = observed(
    "probe-2026-09",
    as_of="2026-09-22",
    note="units are taken when a task ends well; that a failed one is free is documented",
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
        name: Its name. The vendor's own names contain the slots: "... 5Con".
        total: Units in it at first.
        remaining: Units left.
        slots: Tasks at a time that it allows; `None` is no limit.
        bought: Unix seconds.
        begins: Unix seconds from which on it counts.
        ends: Unix seconds up to which it counts.
    """

    pack_id: str
    name: str
    total: Decimal
    remaining: Decimal
    slots: int | None
    bought: float
    begins: float
    ends: float = math.inf

    def status(self, now: float) -> PackStatus:
        """Return its status, as the vendor calls it."""
        if now < self.begins:
            return "toBeOnline"
        if now >= self.ends:
            return "expired"
        return "online" if self.remaining > NONE else "runOut"


def left(packs: Iterable[Pack], now: float) -> Decimal:
    """Return the units in all packs that count."""
    return sum((pack.remaining for pack in packs if pack.status(now) == "online"), NONE)


def take(packs: Iterable[Pack], units: Decimal, now: float) -> None:
    """Take *units* out of the packs that count; what they do not have is not taken."""
    for pack in sorted(packs, key=lambda pack: pack.ends):
        if pack.status(now) == "online":
            part = min(pack.remaining, units)
            pack.remaining -= part
            units -= part


def slots(packs: Iterable[Pack], now: float) -> int | None:
    """Return the tasks at a time that the packs allow: the largest number counts, as documented.

    Returns:
        `None` if a pack that counts has no limit, or none counts.
    """
    allowed = [pack.slots for pack in packs if pack.begins <= now < pack.ends]
    known = [number for number in allowed if number is not None]
    return max(known) if known and len(known) == len(allowed) else None

"""Charges to an account: from its resource packs, or from its balance if it does not have any."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import NamedTuple, Protocol

from kling_mock.kling.model.packs import Pack, take
from kling_mock.kling.model.plan import PackType
from kling_mock.web.facts import assumed, documented

#: The maximum number of charges that an account remembers; the oldest are dropped first.
KEPT = 10_000
PRICE_OF_A_UNIT = documented("pages-2026-09", "digest-2026-01", as_of="2026-09-20")
MONEY = assumed("in which currency a balance is, and what a unit of an audio pack costs")

# US dollars per unit, by the type of its pack.
_USD: Mapping[PackType, Decimal] = {
    "video": Decimal("0.14"),
    "image": Decimal("0.0035"),
    "try_on": Decimal("0.07"),
    "audio": Decimal("0.14"),
}


class Charged(Protocol):
    """Something that costs units: a plan, or the purchase of a call without a task."""

    @property
    def endpoint(self) -> str:
        """The endpoint's name."""
        ...

    @property
    def model(self) -> str:
        """The model; "" if there is none."""
        ...

    @property
    def units(self) -> Decimal:
        """The price in units."""
        ...

    @property
    def pack(self) -> PackType:
        """The kind of resource pack that pays."""
        ...


class Deduction(NamedTuple):
    """One deduction.

    Attributes:
        at: Unix milliseconds.
        task_id: The task; "" for a call without one.
        what: What was bought.
        money: US dollars taken from the balance; `None` if a pack paid.
        pack_id: The pack that paid; "" if the balance paid.
        pack_name: Its name.
        before: Units in it before.
        units: Units that were taken from it.
        number: The number of the deduction in the account, from 1.
    """

    at: int
    task_id: str
    what: Charged
    money: Decimal | None = None
    pack_id: str = ""
    pack_name: str = ""
    before: Decimal = Decimal(0)
    units: Decimal = Decimal(0)
    number: int = 0


def charges_of(
    packs: list[Pack], what: Charged, now: float, task_id: str = "", number: int = 1
) -> list[Deduction]:
    """Take the price of something; return one deduction for each pack that paid a part of it.

    Args:
        packs: The account's packs. Without any, its balance pays.
        what: What was bought; nothing is deducted for what is free.
        now: Unix seconds.
        task_id: The task, if it is one.
        number: The number of the first deduction.
    """
    if not what.units:
        return []
    at = int(now * 1000)
    if not packs:
        money = what.units * _USD[what.pack]
        return [Deduction(at, task_id, what, money, number=number)]
    return [
        Deduction(
            at,
            task_id,
            what,
            None,
            part.pack.pack_id,
            part.pack.name,
            part.before,
            part.units,
            number + place,
        )
        for place, part in enumerate(take(packs, what.units, now, what.pack))
    ]

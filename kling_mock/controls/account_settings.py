"""The settings of an account: what they must be, and how they are read and set."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Any, Generic, Protocol, TypeVar, get_args

from kling_mock.kling.endpoints.registry import ENDPOINTS
from kling_mock.kling.model.accounts import Account, RateLimit
from kling_mock.kling.model.packs import Pack
from kling_mock.kling.model.plan import PackType
from kling_mock.kling.world import World
from kling_mock.web.decimals import BOUND, bounded_decimal
from kling_mock.web.values import as_flag, as_items, as_number, as_text, as_whole, is_one_of

__all__ = [
    "AccountSetting",
    "Network",
    "OnAccount",
    "make_pack",
    "read_characters",
    "read_denied",
    "read_flag",
    "read_networks",
    "read_rate",
    "read_slots",
    "read_units",
]

T = TypeVar("T")
Given_contra = TypeVar("Given_contra", contravariant=True)
Held_co = TypeVar("Held_co", covariant=True)

Network = IPv4Network | IPv6Network


class OnAccount(Protocol):
    """What has such settings."""

    def on(self, function: Callable[[Account, World], T]) -> T:
        """Run *function* on the server's thread, with the account; return its result."""
        ...


class AccountSetting(Generic[Given_contra, Held_co]):
    """An attribute of an account, read and set on the server's thread."""

    def __init__(self, read: Callable[[Any], Held_co]) -> None:
        self._read = read
        self._name = ""

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, handle: OnAccount, owner: type) -> Held_co:
        return handle.on(lambda account, _: self._read(getattr(account, self._name)))

    def __set__(self, handle: OnAccount, given: Given_contra) -> None:
        value = self._read(given)

        def change(account: Account, _: World) -> None:
            setattr(account, self._name, value)
            account.review()

        handle.on(change)


def read_flag(given: object) -> bool:
    """Return *given*, which must be True or False."""
    if not isinstance(given, bool):
        raise ValueError(f"must be True or False, got {given!r}")  # noqa: TRY004 - one kind
    return given


def read_slots(given: int | None) -> int | None:
    """Return *given*, which must be a number of tasks, or None for no limit."""
    return None if given is None else as_whole("slots", given, 0)


def read_denied(given: Iterable[str]) -> frozenset[str]:
    """Return the models and endpoints in *given*."""
    names = frozenset(as_items("denied", given, str, "names of models and endpoints"))
    sold = {name for name, record in ENDPOINTS.items() if record.prices}
    known = sold | ENDPOINTS.models
    unknown = sorted(names - known)
    if unknown:
        raise ValueError(f"denied: must be of {', '.join(sorted(known))}; got {unknown[0]!r}")
    return names


def read_characters(given: Iterable[int]) -> frozenset[int]:
    """Return the element ids in *given*."""
    return frozenset(as_items("characters", given, int, "element ids, whole numbers"))


def read_networks(given: Iterable[str | Network] | None) -> tuple[Network, ...] | None:
    """Return the networks in *given*; None is any."""
    if given is None:
        return None
    kinds = "addresses and networks such as '10.0.0.0/8', or None for any"
    items = as_items("allowed_ips", given, (str, IPv4Network, IPv6Network), kinds)
    try:
        return tuple(ip_network(one) for one in items)
    except ValueError as error:  # it says what is wrong with which one
        raise ValueError(f"allowed_ips: must be {kinds}; {error}") from None


def read_rate(given: object) -> RateLimit | None:
    """Return *given*, which must be a limit of 1 call or more in more than 0 seconds, or None."""
    if given is None:
        return None
    if not isinstance(given, RateLimit):
        text = f"rate_limit: must be RateLimit(5, seconds=1) or None, got {given!r}"
        raise ValueError(text)  # noqa: TRY004 - one kind for all settings
    as_whole("requests", given.requests, 1)
    as_number("seconds", given.seconds, above=True)
    as_flag("retry_after", given.retry_after)
    as_flag("creates_only", given.creates_only)
    return given


def read_units(given: Decimal | float | str) -> Decimal:
    """Return *given* as a number of units."""
    amount = bounded_decimal(given)
    if amount is None or amount < 0:
        raise ValueError(f"units: must be 0 or more, {BOUND}; got {str(given)[:40]!r}")
    return amount


_PACK_NAMES: Mapping[PackType, str] = {
    "video": "Video",
    "image": "Image",
    "audio": "Audio",
    "try_on": "Virtual Try-On",
}


def make_pack(
    world: World,
    units: Decimal,
    name: str | None,
    slots: int | None,
    begins_in: float,
    lasts: float | None,
    pack_type: PackType,
) -> Pack:
    """Return a new resource pack; its parameters are those of `AccountHandle.add_pack`.

    Raises:
        ValueError: One is out of range.
    """
    as_number("begins_in", begins_in, unit="seconds")
    if lasts is not None:
        as_number("lasts", lasts, above=True, unit="seconds")
    if name is not None:
        as_text("name", name)
    if not is_one_of(pack_type, get_args(PackType)):
        choices = ", ".join(get_args(PackType))
        raise ValueError(f"type: must be one of {choices}; got {pack_type!r}")
    now = world.clock.now()
    begins = now + begins_in
    ends = math.inf if lasts is None else begins + lasts
    limit = "" if slots is None else f" {slots}Con"
    shown = f"{_PACK_NAMES[pack_type]} API Resource Pack{limit}" if name is None else name
    return Pack(world.new_key(), shown, units, units, slots, now, begins, ends, pack_type)

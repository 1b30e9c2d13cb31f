"""The settings of an account, and the retired models and endpoints: validation and access."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from datetime import date
from decimal import Decimal
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Any, Generic, Protocol, TypeVar, get_args

from kling_mock.kling.endpoints.registry import ENDPOINTS
from kling_mock.kling.model.accounts import Account, RateLimit
from kling_mock.kling.model.packs import Pack
from kling_mock.kling.model.plan import PackType
from kling_mock.kling.world import World
from kling_mock.web.values import (
    BOUND,
    as_flag,
    as_items,
    as_number,
    as_text,
    as_whole,
    bounded_decimal,
    is_one_of,
)
from kling_sdk.facts.models import RETIRED_ENDPOINTS, RETIRED_MODELS

T = TypeVar("T")
Given_contra = TypeVar("Given_contra", contravariant=True)
Held_co = TypeVar("Held_co", covariant=True)

Network = IPv4Network | IPv6Network


class OnAccount(Protocol):
    """An object with such settings."""

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

    def __set__(self, handle: OnAccount, assigned: Given_contra) -> None:
        value = self._read(assigned)

        def change(account: Account, _: World) -> None:
            setattr(account, self._name, value)
            account.review()

        handle.on(change)


def read_flag(flag: object) -> bool:
    """Return *flag*, which must be True or False."""
    if not isinstance(flag, bool):
        raise ValueError(f"must be True or False, got {flag!r}")  # noqa: TRY004 - one kind
    return flag


def read_slots(slots: int | None) -> int | None:
    """Return *slots*, which must be a number of tasks, or None for no limit."""
    return None if slots is None else as_whole("slots", slots, 0)


def read_denied(denied: Iterable[str]) -> frozenset[str]:
    """Return the models and endpoints in *denied*."""
    names = frozenset(as_items("denied", denied, str, "names of models and endpoints"))
    sold = {name for name, record in ENDPOINTS.items() if record.prices}
    known = sold | ENDPOINTS.models
    unknown = sorted(names - known)
    if unknown:
        raise ValueError(
            f"denied: each must be one of {', '.join(sorted(known))}; got {unknown[0]!r}"
        )
    return names


def read_characters(characters: Iterable[int]) -> frozenset[int]:
    """Return the element ids in *characters*."""
    return frozenset(as_items("characters", characters, int, "element ids, whole numbers"))


def read_networks(allowed_ips: Iterable[str | Network] | None) -> tuple[Network, ...] | None:
    """Return the networks in *allowed_ips*; None allows any."""
    if allowed_ips is None:
        return None
    kinds = "addresses and networks such as '10.0.0.0/8', or None for any"
    items = as_items("allowed_ips", allowed_ips, (str, IPv4Network, IPv6Network), kinds)
    try:
        return tuple(ip_network(network) for network in items)
    except ValueError as error:  # its text names the network and the problem
        raise ValueError(f"allowed_ips: must be {kinds}; {error}") from None


def read_rate(limit: object) -> RateLimit | None:
    """Return *limit*, which must be None or allow at least 1 call in more than 0 seconds."""
    if limit is None:
        return None
    if not isinstance(limit, RateLimit):
        text = f"rate_limit: must be RateLimit(5, seconds=1) or None, got {limit!r}"
        raise ValueError(text)  # noqa: TRY004 - one kind for all settings
    as_whole("requests", limit.requests, 1)
    as_number("seconds", limit.seconds, above=True)
    as_flag("retry_after", limit.retry_after)
    as_flag("creates_only", limit.creates_only)
    return limit


def read_units(units: Decimal | float | str) -> Decimal:
    """Return *units* as a number of units."""
    amount = bounded_decimal(units)
    if amount is None or amount < 0:
        raise ValueError(f"units: must be 0 or more, {BOUND}; got {str(units)[:40]!r}")
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
        ValueError: A parameter is out of range.
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
    pack_name = f"{_PACK_NAMES[pack_type]} API Resource Pack{limit}" if name is None else name
    return Pack(world.new_key(), pack_name, units, units, slots, now, begins, ends, pack_type)


# ---------------------------------------------------------------- retired


def retired_by(day: date) -> frozenset[str]:
    """Return the models and endpoints that the real service was seen to refuse until *day*."""
    return frozenset(
        name
        for name, retirement in (RETIRED_MODELS | RETIRED_ENDPOINTS).items()
        if date.fromisoformat(retirement.seen) <= day
    )


def read_retired(retired: str | date | Iterable[str] | None) -> frozenset[str]:
    """Return the models and endpoints that *retired* stands for.

    Args:
        retired: A day, or its ISO form; names of models and endpoints; or `None` for nothing.

    Raises:
        ValueError: *retired* is something else.
    """
    if retired is None:
        return frozenset()
    if isinstance(retired, str):
        try:
            return retired_by(date.fromisoformat(retired))
        except ValueError:
            text = "a date such as '2026-09-28', or a list of models and endpoints"
            raise ValueError(f"retired: must be {text}; got {retired[:40]!r}") from None
    if isinstance(retired, date):
        return retired_by(  # a datetime is a date, too
            date(retired.year, retired.month, retired.day)
        )
    names = frozenset(as_items("retired", retired, str, "names of models and endpoints"))
    known = {*ENDPOINTS.models, *ENDPOINTS.with_tasks}
    unknown = sorted(names - known)
    if unknown:
        listed = ", ".join(sorted(known))
        raise ValueError(f"retired: each must be one of {listed}; got {unknown[0]!r}")
    return names

"""Admission of calls and of new tasks.

The checks and their order are tables; the first one that refuses decides. The vendor documents
the codes but not the order, which is assumed from one observation: bodies were judged before the
balance. So that a create call may be repeated safely, an external id that is already in use is
refused before anything that waiting or paying could change.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from decimal import Decimal
from ipaddress import ip_address
from typing import NamedTuple

from kling_mock.kling.model.accounts import Account
from kling_mock.kling.model.packs import NONE, left, slots
from kling_mock.kling.model.plan import PackType, Plan
from kling_mock.kling.service_codes import Refusal
from kling_mock.web.facts import Fact, assumed, documented, observed

_PAGES = documented("pages-2026-09", "pages-2026-04", as_of="2026-09-20")
ORDER = assumed("the order of the checks is not documented")
COSTS_RATE = documented(
    "pages-2026-09",
    "pages-2026-04",
    as_of="2026-09-20",
    note="one call a second is documented; that more get 1302 and not 1303 is assumed",
)

_COSTS_SECONDS = 1.0  # between two calls of /account/costs


class AdmissionRule(NamedTuple):
    """One check.

    Attributes:
        code: The service code of its refusal.
        run: Raises that refusal.
        fact: Where the code and its meaning come from.
    """

    code: int
    run: Callable[..., None]
    fact: Fact


# ------------------------------------------------------------ every call


def _address(account: Account, _now: float, remote: str, _creates: bool) -> None:  # noqa: FBT001 - the checks of one table share a signature
    if account.allowed_ips is None:
        return
    try:
        address = ip_address(remote.partition("%")[0])
    except ValueError:
        raise Refusal(1304) from None
    if not any(address in network for network in account.allowed_ips):
        raise Refusal(1304)


def _state(account: Account, _now: float, _remote: str, _creates: bool) -> None:  # noqa: FBT001 - the checks of one table share a signature
    if account.disabled:
        raise Refusal(1100)


def _rate(account: Account, now: float, _remote: str, creates: bool) -> None:  # noqa: FBT001 - the checks of one table share a signature
    limit = account.rate_limit
    if limit is None or (limit.creates_only and not creates):
        return
    recent = account.recent
    while recent and now - recent[0] >= limit.seconds:
        recent.popleft()
    if len(recent) >= limit.requests:
        wait = max(1, math.ceil(recent[0] + limit.seconds - now))
        raise Refusal(1302, retry_after=wait if limit.retry_after else None)
    recent.append(now)


CALL_CHECKS = (
    AdmissionRule(1304, _address, _PAGES),
    AdmissionRule(1100, _state, _PAGES),
    AdmissionRule(
        1302, _rate, assumed("the code is documented; its numbers are not", "pages-2026-09")
    ),
)


def admit_call(account: Account, now: float, remote: str, *, creates: bool) -> None:
    """Check one authenticated call.

    Args:
        account: The caller.
        now: Unix seconds.
        remote: The address that it comes from.
        creates: Whether it is a create call.

    Raises:
        Refusal: 429 with 1304, 1100 or 1302.
    """
    for check in CALL_CHECKS:
        check.run(account, now, remote, creates)


def check_costs_rate(account: Account, now: float) -> None:
    """Check that `/account/costs` is called at most once a second.

    Raises:
        Refusal: 429/1302.
    """
    if 0 <= now - account.costs_called < _COSTS_SECONDS:
        raise Refusal(1302)
    account.costs_called = now


# ------------------------------------------------------------ one more task


class Purchase(NamedTuple):
    """The purchase of a call without a task; a `Plan` has the same five attributes.

    Attributes:
        endpoint: The endpoint's name.
        model: The model; "" if it has none.
        units: What it costs.
        pack: The kind of resource pack that pays for it.
        slots: The number of slots of that kind that it holds.
    """

    endpoint: str
    model: str
    units: Decimal
    pack: PackType = "video"
    slots: int = 0


def _arrears(account: Account, _plan: Plan | Purchase, _now: float) -> None:
    if account.in_arrears:
        raise Refusal(1101)


def _permission(account: Account, plan: Plan | Purchase, _now: float) -> None:
    if plan.model in account.denied or plan.endpoint in account.denied:
        raise Refusal(1103)


def _balance(account: Account, plan: Plan | Purchase, now: float) -> None:
    if not account.packs:
        return
    reserved = account.reserved.get(plan.pack, NONE)
    if left(account.packs, now, plan.pack) - reserved < plan.units:
        raise Refusal(1102)


def _slot(account: Account, plan: Plan | Purchase, now: float) -> None:
    limit = account.slots if account.slots is not None else slots(account.packs, now, plan.pack)
    if limit is not None and account.busy.get(plan.pack, 0) + plan.slots > limit:
        raise Refusal(1303)


TASK_CHECKS = (
    AdmissionRule(1103, _permission, _PAGES),
    AdmissionRule(1101, _arrears, _PAGES),
    AdmissionRule(
        1102,
        _balance,
        observed("probe-2026-09", "wire", as_of="2026-09-22", confidence="high"),
    ),
    AdmissionRule(1303, _slot, _PAGES),
)
# A call without a task does not take a slot.
_PURCHASE_CHECKS = tuple(rule for rule in TASK_CHECKS if rule.run is not _slot)


def admit_task(account: Account, plan: Plan, now: float) -> None:
    """Check whether *account* may have one more task.

    Args:
        account: The owner of the task.
        plan: The request of the task.
        now: Unix seconds.

    Raises:
        Refusal: 403/1103, or 429 with 1101, 1102 or 1303.
    """
    for check in TASK_CHECKS:
        check.run(account, plan, now)


def admit_purchase(account: Account, purchase: Purchase, now: float) -> None:
    """Check whether *account* may have the result of a call without a task.

    Args:
        account: The caller.
        purchase: What the call buys.
        now: Unix seconds.

    Raises:
        Refusal: 403/1103, or 429 with 1101 or 1102.
    """
    for check in _PURCHASE_CHECKS:
        check.run(account, purchase, now)

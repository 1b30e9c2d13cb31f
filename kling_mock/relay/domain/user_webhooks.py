"""Webhooks to the relay's users: bodies, retries, and the addresses they may go to.

The body is Kling's own, with the relay's ids, so a program that reads Kling's callbacks can read
these (so does `kling_sdk.parse_callback`). They are signed according to Standard Webhooks.
"""

from __future__ import annotations

import json
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Any, Final, NamedTuple

from kling_mock.relay.domain.other_results import task_result
from kling_mock.relay.storage.values import NewNotice, Notice, NoticeState, TaskResult, VideoRow
from kling_mock.web.values import bounded_decimal

#: Seconds from one attempt to the next: eight attempts over 28 hours (Svix's schedule).
DELAYS: Final = (5, 300, 1800, 7200, 18_000, 36_000, 36_000)
_JITTER: Final = 0.1
_MAX_WAIT: Final = 24 * 3600  # seconds: a longer Retry-After is ignored


def webhook_of(row: VideoRow, result: TaskResult, now: int) -> NewNotice | None:
    """Return the webhook for the end of *row* by *result*; `None` without a `callback_url`."""
    if row.callback_url is None:
        return None
    results = task_result(
        row.type, result.json_data, result.video_id, result.store_url, result.duration
    )
    body: dict[str, Any] = {
        "task_id": row.task_id,
        "kling_task_id": row.kling_task_id or result.kling_task_id or "",
        "task_status": result.status,
        "task_status_msg": result.fail_reason,
        "task_info": {"external_task_id": row.external_task_id or ""},
        "task_result": results if result.status == "succeed" else {},
        "created_at": row.created_at * 1000,
        "updated_at": now * 1000,
    }
    text = json.dumps(body, ensure_ascii=False)
    return NewNotice(event_id=f"msg_{row.task_id}", url=row.callback_url, body=text)


class DeliveryDecision(NamedTuple):
    """The decision after an attempt to deliver a webhook.

    Attributes:
        state: The new state of the webhook.
        wait: Seconds to the next attempt, for `PENDING`.
    """

    state: NoticeState
    wait: int = 0


def delivery_decision(
    notice: Notice, status: int, retry_after: str, chance: float
) -> DeliveryDecision:
    """Return the decision after an attempt to deliver *notice*.

    Only 2xx is a success. 410 ends the delivery. Everything else is retried, also 3xx: redirects
    are not followed, since they could lead into a private network.

    Args:
        notice: The notice as it was claimed.
        status: The HTTP status; 0 without a reply.
        retry_after: The `Retry-After` header; "" if there is none. Dates are ignored.
        chance: A number from 0 up to 1.
    """
    if 200 <= status < 300:
        return DeliveryDecision(NoticeState.DELIVERED)
    if status == 410:
        return DeliveryDecision(NoticeState.GONE)
    if notice.attempts >= len(DELAYS):
        return DeliveryDecision(NoticeState.DEAD)
    wait = DELAYS[notice.attempts] * (1 + _JITTER * chance)
    return DeliveryDecision(NoticeState.PENDING, round(max(wait, _seconds(retry_after))))


def _seconds(retry_after: str) -> float:
    seconds = bounded_decimal(retry_after)
    return float(seconds) if seconds is not None and 0 < seconds <= _MAX_WAIT else 0.0


# ---------------------------------------------------------------- addresses

# Addresses that Python 3.11's `is_global` wrongly takes for public: an IPv4 address inside an IPv6
# address, addresses for protocols and documentation, site-local addresses, and the address of
# Azure's services inside a network.
_INWARD: Final[tuple[IPv4Network | IPv6Network, ...]] = (
    IPv4Network("168.63.129.16/32"),
    IPv4Network("192.0.0.0/24"),
    IPv4Network("192.88.99.0/24"),
    IPv6Network("64:ff9b::/96"),
    IPv6Network("64:ff9b:1::/48"),
    IPv6Network("2002::/16"),
    IPv6Network("3fff::/20"),
    IPv6Network("fec0::/10"),
)


def is_public(address: str) -> bool:
    """Return whether *address*, in a socket's notation, belongs to the public internet."""
    try:
        ip = ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(ip, IPv6Address) and ip.ipv4_mapped is not None:
        ip = ip.ipv4_mapped
    if not ip.is_global or ip.is_multicast or ip.is_reserved:
        return False
    return not any(ip.version == net.version and ip in net for net in _INWARD)

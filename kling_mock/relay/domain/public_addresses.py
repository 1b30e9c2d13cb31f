"""Which addresses the relay's own callbacks may go to. Pure.

A `callback_url` comes from a user. What counts is the address that is connected to, whichever
way it is written and whatever a name led to a moment before.
"""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Final

__all__ = ["is_public"]

# What Python 3.11's `is_global` takes for public: an IPv4 address inside of an IPv6 one, and
# addresses for protocols.
_INWARD: Final[tuple[IPv4Network | IPv6Network, ...]] = (
    IPv4Network("192.0.0.0/24"),
    IPv6Network("64:ff9b::/96"),
    IPv6Network("64:ff9b:1::/48"),
    IPv6Network("2002::/16"),
)


def is_public(address: str) -> bool:
    """Return whether *address*, as a socket has it, belongs to the public internet."""
    try:
        found = ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(found, IPv6Address) and found.ipv4_mapped is not None:
        found = found.ipv4_mapped
    if not found.is_global or found.is_multicast or found.is_reserved:
        return False
    return not any(found.version == net.version and found in net for net in _INWARD)

"""Which addresses lead to this computer only. Pure."""

from __future__ import annotations

from collections.abc import Container
from ipaddress import IPv6Address, ip_address

__all__ = ["comes_from_here", "is_local", "is_loopback"]

_PROXIED = ("Forwarded", "X-Forwarded-For", "X-Real-IP", "Via")  # headers that proxies add


def is_loopback(host: str) -> bool:
    """Return whether a server that listens on *host* is reached from this computer only."""
    return host == "localhost" or is_local(host)


def is_local(address: str | None) -> bool:
    """Return whether the peer with this address is on this computer."""
    try:
        peer = ip_address((address or "").partition("%")[0])
    except ValueError:
        return False
    mapped = peer.ipv4_mapped if isinstance(peer, IPv6Address) else None
    return (mapped or peer).is_loopback


def comes_from_here(peer: str | None, headers: Container[str]) -> bool:
    """Return whether a request comes from this computer, and not through a proxy.

    Args:
        peer: The address that it came from.
        headers: Its headers, whose names are compared without case.
    """
    return is_local(peer) and not any(name in headers for name in _PROXIED)

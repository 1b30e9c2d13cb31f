"""Growing pauses for an address that keeps sending wrong tokens.

During a pause none of its tokens is looked at, so guessing is slow; other addresses notice nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from ipaddress import IPv6Address, ip_address
from typing import Final, NamedTuple

__all__ = ["FREE", "LONGEST_PAUSE", "Damper"]

#: Wrong tokens of an address that cost it nothing: somebody has pasted the wrong one.
FREE: Final = 5
#: Seconds of the longest pause.
LONGEST_PAUSE: Final = 60.0
_FIRST_PAUSE: Final = 1.0
_FORGIVEN: Final = 600.0  # seconds after the last wrong token until the address is forgiven
_REMEMBERED: Final = 10_000  # addresses


class _Wrong(NamedTuple):
    times: int
    last: float
    until: float


class Damper:
    """Counts the wrong tokens of each address. An IPv6 network of 64 bits counts as one.

    Args:
        timer: Returns seconds of real time, from any instant on.
    """

    def __init__(self, timer: Callable[[], float] = time.monotonic) -> None:
        self._timer = timer
        self._wrong: dict[str, _Wrong] = {}

    def wait(self, peer: str | None) -> float:
        """Return for how many seconds nothing of *peer* is looked at; 0 is not at all."""
        if not self._wrong:
            return 0.0
        found = self._wrong.get(_network(peer))
        return 0.0 if found is None else max(0.0, found.until - self._timer())

    def wrong(self, peer: str | None) -> None:
        """Count a wrong token."""
        now = self._timer()
        network = _network(peer)
        before = self._wrong.pop(network, None)
        times = 1 if before is None or now - before.last > _FORGIVEN else before.times + 1
        beyond = times - FREE
        pause = min(_FIRST_PAUSE * 2.0 ** min(beyond - 1, 30), LONGEST_PAUSE) if beyond > 0 else 0.0
        if len(self._wrong) >= _REMEMBERED:
            del self._wrong[next(iter(self._wrong))]  # whose last one is the longest ago
        self._wrong[network] = _Wrong(times, now, now + pause)

    def right(self, peer: str | None) -> None:
        """Forget the wrong tokens of *peer*."""
        if self._wrong:
            self._wrong.pop(_network(peer), None)


def _network(peer: str | None) -> str:
    try:
        address = ip_address((peer or "").partition("%")[0])
    except ValueError:
        return peer or ""
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    if isinstance(address, IPv6Address):
        return str(IPv6Address(int(address) >> 64 << 64))
    return str(address)

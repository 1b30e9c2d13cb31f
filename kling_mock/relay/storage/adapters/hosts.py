"""The order in which the servers of one database are tried."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

#: Seconds for which a server that could not be used is tried after all others.
PUT_OFF: Final = 10.0


class HostOrder:
    """The order of the URL, so that all processes use the same server as long as it is available.

    A server that could not be used is tried last for a while: a computer that is switched off does
    not even refuse connections, so each new connection would wait for it.

    Args:
        count: Number of servers.
    """

    def __init__(self, count: int) -> None:
        self._put_off_until = [float("-inf")] * count

    def at(self, now: float) -> Sequence[int]:
        """Return the positions of the servers, in the order in which to try them.

        Args:
            now: Seconds of a monotonic clock.
        """
        until = self._put_off_until
        return sorted(range(len(until)), key=lambda position: (now < until[position], position))

    def put_off(self, position: int, now: float) -> None:
        """Put a server last in the order, for `PUT_OFF` seconds from *now*."""
        self._put_off_until[position] = now + PUT_OFF

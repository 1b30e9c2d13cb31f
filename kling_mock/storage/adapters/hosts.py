"""In which order the servers of one database are tried."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

__all__ = ["PUT_OFF", "HostOrder"]

#: Seconds for which a server that could not be used is tried after all others.
PUT_OFF: Final = 10.0


class HostOrder:
    """The order of the URL, so that all processes use the same server as long as it is there.

    One that could not be used is tried last for a while: a computer that is switched off refuses
    nothing, and each new connection would wait for it.

    Args:
        count: How many servers there are.
    """

    def __init__(self, count: int) -> None:
        self._put_off_until = [float("-inf")] * count

    def at(self, now: float) -> Sequence[int]:
        """Return the positions of the servers, the one to try first at first.

        Args:
            now: Seconds of a monotonic clock.
        """
        until = self._put_off_until
        return sorted(range(len(until)), key=lambda one: (now < until[one], one))

    def put_off(self, position: int, now: float) -> None:
        """Try a server last, for `PUT_OFF` seconds from *now*."""
        self._put_off_until[position] = now + PUT_OFF

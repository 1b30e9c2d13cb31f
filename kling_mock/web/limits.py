"""The limits of one listening address: their defaults, and the connections that exceed them."""

from __future__ import annotations

from enum import Enum, auto
from typing import Final, NamedTuple

import attrs

from kling_mock.web.values import as_number, as_whole

#: Files and sockets of a process that are not connections to this address: the database, the
#: upstream, log files.
_RESERVE: Final = 384
_MIN: Final = 64
_MAX: Final = 10_000
_FALLBACK: Final = 512  # where the system has no limit to read
_FRESH: Final = 1.0  # seconds in which a new connection does not count as silent
_ACCEPTED: Final = 0.25  # seconds in which it may not have had time to send on a busy computer


def default_connections() -> int:
    """Return the number of connections that an address accepts, below the limit of open files."""
    try:
        import resource  # not available on every system
    except ImportError:
        return _FALLBACK
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if files == resource.RLIM_INFINITY:
        return _MAX
    return min(max(files - _RESERVE, files // 2, _MIN), _MAX)


def _positive(_instance: object, field: attrs.Attribute[float], value: float) -> None:
    as_number(field.name, value, above=True)


def _at_least_one(_instance: object, field: attrs.Attribute[int], value: int) -> None:
    as_whole(field.name, value, 1)


@attrs.frozen
class Limits:
    """The limits of the connections to one listening address. Seconds are real time.

    Attributes:
        connections: Open connections, including those in their TLS handshake. At the limit, those
            that wait for a request or for the rest of a body make room, silent ones first and
            then the longest waiting; if all are being answered, a new one is closed at once.
        header_seconds: The time from the connection to the end of its first request's header, and
            the time of the TLS handshake.
        idle_seconds: The time from a response to the end of the next request's header.
        body_seconds: The time for a body, plus one second per `body_rate` bytes that have arrived.
        body_rate: Bytes per second.
        send_seconds: The time for which a client may take no byte of a response.

    Raises:
        ValueError: A limit is not a positive number.
    """

    connections: int = attrs.field(factory=default_connections, validator=_at_least_one)
    header_seconds: float = attrs.field(default=20.0, validator=_positive)
    idle_seconds: float = attrs.field(default=75.0, validator=_positive)
    body_seconds: float = attrs.field(default=30.0, validator=_positive)
    body_rate: float = attrs.field(default=8192.0, validator=_positive)
    send_seconds: float = attrs.field(default=60.0, validator=_positive)

    @property
    def sweep_seconds(self) -> float:
        """The seconds between two checks of the connections: a limit is enforced this much late."""
        return min(1.0, min(self.header_seconds, self.idle_seconds, self.body_seconds) / 4)


class Phase(Enum):
    """The phases of a connection."""

    #: The client has not sent a whole header yet.
    NEW = auto()
    #: The server waits for the next request.
    IDLE = auto()
    #: A body is on its way.
    BODY = auto()
    #: The client does not read the response as fast as it comes.
    SENDING = auto()
    #: The request is being answered.
    ANSWERING = auto()


class Seen(NamedTuple):
    """The state of a connection, as last seen.

    Attributes:
        phase: The connection's phase.
        request: The number of its request, counted from 1.
        since: When the phase began, or when the client last took a byte while `SENDING`.
        bytes: Bytes of a body that have arrived, or of a response that are not sent yet.
    """

    phase: Phase
    request: int
    since: float
    bytes: int = 0

    def next(self, phase: Phase, request: int, size: int, now: float) -> Seen:
        """Return the state after a check at *now*."""
        same = (phase, request) == (self.phase, self.request)
        if same and not (phase is Phase.SENDING and size != self.bytes):
            return self._replace(bytes=size)
        return Seen(phase, request, now, size)


def overdue(seen: Seen, now: float, limits: Limits) -> float:
    """Return the seconds by which a connection is over its limit; 0 or less if it is not."""
    elapsed = now - seen.since
    match seen.phase:
        case Phase.NEW:
            return elapsed - limits.header_seconds
        case Phase.IDLE:
            return elapsed - limits.idle_seconds
        case Phase.BODY:
            return elapsed - limits.body_seconds - seen.bytes / limits.body_rate
        case Phase.SENDING:
            return elapsed - limits.send_seconds
        case Phase.ANSWERING:
            return float("-inf")


def room_rank(seen: Seen, now: float, limits: Limits) -> tuple[int, float] | None:
    """Return the rank of a connection to be closed for room, lowest first; None if never.

    A connection that was accepted at this very moment ranks late: otherwise a flood of connections
    would close genuine ones among them before they are read. Only one that is sending a response
    ranks later. A connection that was accepted a moment ago stays longer than an idle one: its
    request is on its way, and a client of an idle connection expects that it may be closed. Within
    a phase the connection that is furthest over its limit is closed first, so that a body that
    drips is closed before a large one that began earlier and keeps coming.
    """
    time_left = -overdue(seen, now, limits)
    match seen.phase:
        case Phase.NEW:
            age = now - seen.since
            return (0 if age >= _FRESH else 2 if age >= _ACCEPTED else 4), time_left
        case Phase.IDLE:
            return 1, time_left
        case Phase.BODY:
            return 3, time_left
        case Phase.SENDING:
            return 5, time_left
        case Phase.ANSWERING:
            return None

"""The limits of one listening address: their defaults, and which connections exceed them."""

from __future__ import annotations

from enum import Enum, auto
from typing import Final, NamedTuple

import attrs

from kling_mock.web.values import as_number, as_whole

__all__ = ["Limits", "Phase", "Seen", "default_connections", "overdue", "room_rank"]

#: Files and sockets of a process that are not connections to this address: the database, the
#: upstream, log files.
_RESERVE: Final = 384
_LEAST: Final = 64
_MOST: Final = 10_000
_FALLBACK: Final = 512  # where the system has no limit to read
_FRESH: Final = 1.0  # seconds in which a new connection is not called silent
_ACCEPTED: Final = 0.25  # seconds in which it could not have sent anything on a busy computer


def default_connections() -> int:
    """Return how many connections an address takes, below the limit of open files."""
    try:
        import resource  # not everywhere
    except ImportError:
        return _FALLBACK
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if files == resource.RLIM_INFINITY:
        return _MOST
    return min(max(files - _RESERVE, files // 2, _LEAST), _MOST)


def _positive(_instance: object, field: attrs.Attribute[float], value: float) -> None:
    as_number(field.name, value, above=True)


def _at_least_one(_instance: object, field: attrs.Attribute[int], value: int) -> None:
    as_whole(field.name, value, 1)


@attrs.frozen
class Limits:
    """What the connections of one listening address may take. Seconds are real time.

    Attributes:
        connections: Open connections, those in their TLS handshake included. At the limit, those
            that wait for a request or for the rest of a body make room, silent ones first and
            then the longest waiting; if all are being answered, a new one is closed at once.
        header_seconds: From the connection to the end of its first request's header, and for
            the TLS handshake.
        idle_seconds: From an answer to the end of the next request's header.
        body_seconds: For a body, and one second more per `body_rate` bytes that have come.
        body_rate: Bytes per second.
        send_seconds: Without the client taking any byte of an answer.

    Raises:
        ValueError: One is no positive number.
    """

    connections: int = attrs.field(factory=default_connections, validator=_at_least_one)
    header_seconds: float = attrs.field(default=20.0, validator=_positive)
    idle_seconds: float = attrs.field(default=75.0, validator=_positive)
    body_seconds: float = attrs.field(default=30.0, validator=_positive)
    body_rate: float = attrs.field(default=8192.0, validator=_positive)
    send_seconds: float = attrs.field(default=60.0, validator=_positive)

    @property
    def sweep_seconds(self) -> float:
        """How often connections are looked at: a limit is kept this much late."""
        return min(1.0, min(self.header_seconds, self.idle_seconds, self.body_seconds) / 4)


class Phase(Enum):
    """What a connection is doing."""

    #: It has not sent a whole header yet.
    NEW = auto()
    #: It waits for its next request.
    IDLE = auto()
    #: A body is on its way.
    BODY = auto()
    #: The client does not read the answer as fast as it comes.
    SENDING = auto()
    #: It is being answered.
    ANSWERING = auto()


class Seen(NamedTuple):
    """What is known of a connection.

    Attributes:
        phase: What it is doing.
        request: Which of its requests, counted from 1.
        since: When that began, or when it last took a byte while `SENDING`.
        bytes: Of a body that have come; of an answer that are not sent yet.
    """

    phase: Phase
    request: int
    since: float
    bytes: int = 0

    def next(self, phase: Phase, request: int, size: int, now: float) -> Seen:
        """Return what is known after a look at *now*."""
        same = (phase, request) == (self.phase, self.request)
        if same and not (phase is Phase.SENDING and size != self.bytes):
            return self._replace(bytes=size)
        return Seen(phase, request, now, size)


def overdue(seen: Seen, now: float, limits: Limits) -> float:
    """Return by how many seconds a connection is over its limit; 0 and below is not over."""
    taken = now - seen.since
    match seen.phase:
        case Phase.NEW:
            return taken - limits.header_seconds
        case Phase.IDLE:
            return taken - limits.idle_seconds
        case Phase.BODY:
            return taken - limits.body_seconds - seen.bytes / limits.body_rate
        case Phase.SENDING:
            return taken - limits.send_seconds
        case Phase.ANSWERING:
            return float("-inf")


def room_rank(seen: Seen, now: float, limits: Limits) -> tuple[int, float] | None:
    """Return in which order a connection is closed to make room, the least first; None is never.

    One that was accepted this very moment comes late, or a flood of connections would close
    whatever comes between them before it is read; only an answer that is being sent is later. One
    that was accepted a moment ago stays longer than an idle one: its request is on its way, and a
    client of an idle connection expects that it may be closed. Within a phase the one that is the
    most over its limit is closed first, so that a body that drips is closed before a large one
    that began earlier and keeps coming.
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

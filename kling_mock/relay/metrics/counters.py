"""The counters of one relay process, which `/metrics` shows.

Every label is in a table here, so no path, task, user or text of an upstream can add a series.
Counting is an addition to a dictionary; `prometheus` renders the counters for a scrape. The
instruments of `prometheus_client` are not used, for two reasons. They hold locks, but a relay in
memory is pickled for a snapshot, counters included. And each adds a `_created` series that can be
switched off only for the whole process, which belongs to the user.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable
from contextlib import AbstractContextManager
from itertools import product
from types import TracebackType
from typing import Final, Literal, TypeAlias, get_args

from kling_mock.relay.domain.breaker import BreakerState
from kling_mock.relay.storage.values import NoticeState
from kling_sdk import KlingAPIError, KlingError, NotFoundError, TransportError

#: Upper bounds of the histograms, in seconds.
BOUNDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)

CreateOutcome: TypeAlias = Literal[
    "accepted", "refused", "unknown", "insufficient_quota", "repeated", "in_progress"
]
CallbackOutcome: TypeAlias = Literal[
    "applied",
    "hint",
    "unverified",
    "already_processed",
    "contradicting",
    "unknown_task",
    "invalid",
]
Limit: TypeAlias = Literal[
    "token_rate", "open_tasks", "large_bodies", "channels_paused", "wrong_admin_tokens"
]
Call: TypeAlias = Literal["create", "read"]
CallOutcome: TypeAlias = Literal["ok", "refused", "not_found", "error", "no_answer", "unreachable"]

CREATES: Final[tuple[str, ...]] = get_args(CreateOutcome)
CALLBACKS: Final[tuple[str, ...]] = get_args(CallbackOutcome)
CALLS: Final[tuple[str, ...]] = get_args(Call)
CALL_OUTCOMES: Final[tuple[str, ...]] = get_args(CallOutcome)
ENDS: Final[tuple[str, ...]] = ("succeed", "failed")
SOURCES: Final[tuple[str, ...]] = ("create", "query", "callback", "sweeper")
LIMITS: Final[tuple[str, ...]] = get_args(Limit)
DELIVERIES: Final[tuple[str, ...]] = tuple(NoticeState)
BREAKER_CHANGES: Final[tuple[str, ...]] = (BreakerState.OPEN, BreakerState.CLOSED)

_FIRST_SERVER_ERROR: Final = 500  # HTTP


class Durations:
    """A histogram of durations, with their sum in seconds."""

    def __init__(self) -> None:
        self.counts = [0] * (len(BOUNDS) + 1)
        self.sum = 0.0

    def observe(self, seconds: float) -> None:
        """Add one duration."""
        self.counts[bisect_left(BOUNDS, seconds)] += 1
        self.sum += seconds

    def add(self, other: Durations) -> None:
        """Add all of another histogram."""
        self.counts = [mine + its for mine, its in zip(self.counts, other.counts, strict=True)]
        self.sum += other.sum


class Metrics:
    """Counts since the process was started. Only its loop's thread may use it.

    Args:
        timer: Returns seconds of real time since an arbitrary instant.

    Attributes:
        requests: By method, route and HTTP status.
        creates: By outcome.
        settlements: By the row's terminal status and the source of the result.
        contradicted: Reports that contradict a row's end.
        unmetered: Successes whose hold was charged, because their units are unknown.
        charged: Quota charged.
        uncollected: Quota not charged, because it was more than was held.
        callbacks: From Kling, by outcome.
        upstream: Calls to Kling, by call and outcome.
        upstream_seconds: By call.
        deliveries: Attempts to deliver a webhook, by its state after them.
        limited: Refused requests, by the limit that they exceeded.
        breakers: Changes of the circuit breakers of channels, by their new state.
    """

    def __init__(self, timer: Callable[[], float]) -> None:
        self._timer = timer
        self.requests: dict[tuple[str, str, int], Durations] = {}
        self.creates = dict.fromkeys(CREATES, 0)
        self.settlements: dict[tuple[str, str], int] = dict.fromkeys(product(ENDS, SOURCES), 0)
        self.contradicted = 0
        self.unmetered = 0
        self.charged = 0
        self.uncollected = 0
        self.callbacks = dict.fromkeys(CALLBACKS, 0)
        self.upstream = dict.fromkeys(product(CALLS, CALL_OUTCOMES), 0)
        self.upstream_seconds = {call: Durations() for call in CALLS}
        self.deliveries: dict[str, int] = dict.fromkeys(DELIVERIES, 0)
        self.limited: dict[str, int] = dict.fromkeys(LIMITS, 0)
        self.breakers: dict[str, int] = dict.fromkeys(BREAKER_CHANGES, 0)

    def begin(self) -> float:
        """Return the instant at which a request begins, for `request`."""
        return self._timer()

    def request(self, method: str, route: str, status: int, started_at: float) -> None:
        """Count a request that got a reply.

        Args:
            method: One of a fixed set.
            route: Its template, one of a fixed set; see `routes`.
            status: The HTTP status.
            started_at: What `begin` returned.
        """
        key = (method, route, status)
        durations = self.requests.get(key)
        if durations is None:
            durations = self.requests[key] = Durations()
        durations.observe(self._timer() - started_at)

    def create(self, outcome: CreateOutcome) -> None:
        """Count a create that passed validation."""
        self.creates[outcome] += 1

    def settled(self, status: str, source: str, charged: int = 0, uncollected: int = 0) -> None:
        """Count a task that has ended, and its charge."""
        self.settlements[status, source] += 1
        self.charged += charged
        self.uncollected += uncollected

    def contradiction(self) -> None:
        """Count a report that contradicts the end of its task."""
        self.contradicted += 1

    def unmetered_success(self) -> None:
        """Count a success whose hold was charged because its units are unknown."""
        self.unmetered += 1

    def callback(self, outcome: CallbackOutcome) -> None:
        """Count a callback of Kling."""
        self.callbacks[outcome] += 1

    def delivery(self, state: str) -> None:
        """Count an attempt to deliver a webhook."""
        self.deliveries[state] += 1

    def limit(self, limit: Limit) -> None:
        """Count a request that exceeds a limit."""
        self.limited[limit] += 1

    def breaker(self, state: str) -> None:
        """Count a channel's breaker that has opened or closed."""
        self.breakers[state] += 1

    def calling(self, call: Call) -> AbstractContextManager[None]:
        """Return a context manager that counts the call to Kling made in it."""
        return _Calling(self, call, self._timer)


class _Calling(AbstractContextManager[None]):
    """Counts a call to Kling at its end. A class: a generator would cost twice as much."""

    __slots__ = ("_call", "_metrics", "_started_at", "_timer")

    def __init__(self, metrics: Metrics, call: Call, timer: Callable[[], float]) -> None:
        self._metrics = metrics
        self._call = call
        self._timer = timer
        self._started_at = timer()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is not None and not isinstance(error, KlingError):
            return  # cancelled
        outcome: CallOutcome = "ok" if error is None else upstream_outcome(error)
        self._metrics.upstream[self._call, outcome] += 1
        self._metrics.upstream_seconds[self._call].observe(self._timer() - self._started_at)


def upstream_outcome(error: KlingError) -> CallOutcome:
    """Return how a call to Kling that raised *error* is counted.

    `unreachable`: it was not sent. `no_answer`: it may have been. `not_found` and `refused`:
    replies of Kling. `error`: a 5xx, or a reply that is not Kling's.
    """
    if isinstance(error, TransportError):
        return "no_answer" if error.maybe_sent else "unreachable"
    if not isinstance(error, KlingAPIError) or not error.code:
        return "error"
    if isinstance(error, NotFoundError):
        return "not_found"
    return "error" if error.http_status >= _FIRST_SERVER_ERROR else "refused"

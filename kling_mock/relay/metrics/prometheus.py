"""The counters of a relay in the Prometheus format. Imports `prometheus_client`, an extra."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from itertools import accumulate
from typing import Any, Final

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import Metric

from kling_mock.relay.domain.breaker import BreakerState
from kling_mock.relay.domain.channels import DEGRADED
from kling_mock.relay.domain.shared_time import ClockFault, ClockStatus
from kling_mock.relay.metrics.counters import BOUNDS, Durations, Metrics
from kling_mock.relay.storage.values import Backlog, ReceiverCounts, StoreStatistics, StoreSummary

_PREFIX: Final = "kling_relay_"

#: Counts in the store; `None` if it is unavailable.
StoreCounts = tuple[Backlog, StoreSummary, ReceiverCounts] | None


def exposition(
    metrics: Metrics,
    breakers: Mapping[BreakerState, int],
    health: tuple[bool, Mapping[str, Any]],
    clocks: ClockStatus,
    statistics: StoreStatistics,
    store_counts: StoreCounts,
    accept: str,
) -> tuple[bytes, str]:
    """Return the metrics, and their content type.

    Args:
        metrics: The counters of this process.
        breakers: The number of channels with a circuit breaker in each state.
        health: The state that `/health` shows.
        clocks: The state of the clocks.
        statistics: Statistics of its use of the store.
        store_counts: Counts in the store.
        accept: The `Accept` header, which may name OpenMetrics.
    """
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Collector(metrics, breakers, health, clocks, statistics, store_counts))
    encode, media_type = choose_encoder(accept)
    return encode(registry), media_type


class _Collector:
    """The collector that `prometheus_client` reads the families from."""

    def __init__(
        self,
        metrics: Metrics,
        breakers: Mapping[BreakerState, int],
        health: tuple[bool, Mapping[str, Any]],
        clocks: ClockStatus,
        statistics: StoreStatistics,
        store_counts: StoreCounts,
    ) -> None:
        self._metrics = metrics
        self._breakers = breakers
        self._health = health
        self._clocks = clocks
        self._statistics = statistics
        self._store_counts = store_counts

    def collect(self) -> Iterable[Metric]:
        """Return the families."""
        yield from _requests(self._metrics)
        yield from _tasks(self._metrics)
        yield from _upstream(self._metrics, self._breakers)
        yield from _reported(self._health)
        yield from _time(self._clocks)
        yield from _storage(self._statistics, self._store_counts)


def _requests(metrics: Metrics) -> Iterator[Metric]:
    yield _counter(
        "requests",
        "Requests by method, route and HTTP status of the response.",
        ("method", "route", "status"),
        {
            (method, route, str(status)): sum(durations.counts)
            for (method, route, status), durations in metrics.requests.items()
        },
    )
    by_route: defaultdict[str, Durations] = defaultdict(Durations)
    for (_, route, _), durations in metrics.requests.items():
        by_route[route].add(durations)
    yield _histogram("request_seconds", "Seconds to the response, by route.", "route", by_route)


def _tasks(metrics: Metrics) -> Iterator[Metric]:
    yield _counter("creates", "Creates by outcome.", ("outcome",), _single(metrics.creates))
    yield _counter(
        "settlements",
        "Tasks that have ended, by status and source of the result.",
        ("status", "source"),
        metrics.settlements,
    )
    yield _plain(
        "contradicted_reports",
        "Reported results that contradict the end of their task.",
        metrics.contradicted,
    )
    yield _plain(
        "unmetered_tasks",
        "Successes charged their hold: their units are unknown.",
        metrics.unmetered,
    )
    yield _plain("charged_quota", "Quota charged; 500 000 are one US dollar.", metrics.charged)
    yield _plain(
        "uncollected_quota", "Quota above what was held, not charged.", metrics.uncollected
    )
    yield _counter(
        "callbacks", "Callbacks from Kling, by outcome.", ("outcome",), _single(metrics.callbacks)
    )
    yield _counter(
        "deliveries",
        "Attempts to deliver a webhook, by its state after them.",
        ("state",),
        _single(metrics.deliveries),
    )
    yield _counter(
        "limited_requests",
        "Requests that were refused, by the limit that they exceeded.",
        ("limit",),
        _single(metrics.limited),
    )


def _upstream(metrics: Metrics, breakers: Mapping[BreakerState, int]) -> Iterator[Metric]:
    yield _counter(
        "upstream_calls", "Calls to Kling, by outcome.", ("call", "outcome"), metrics.upstream
    )
    yield _histogram(
        "upstream_seconds", "Seconds that calls to Kling took.", "call", metrics.upstream_seconds
    )
    yield _counter(
        "channel_breaker_changes",
        "Circuit breakers of channels that have opened or closed, by their new state.",
        ("state",),
        _single(metrics.breakers),
    )
    yield _gauges(
        "paused_channels",
        "Channels that do not respond: not called for a while, or being probed.",
        "state",
        {
            str(state): breakers.get(state, 0)
            for state in (BreakerState.OPEN, BreakerState.HALF_OPEN)
        },
    )


def _reported(health: tuple[bool, Mapping[str, Any]]) -> Iterator[Metric]:
    can_write, body = health
    yield _gauge(
        "database_writable", "Whether changes reach the database, as /health says.", can_write
    )
    reasons = Counter(channel["reason"] for channel in body.get("degraded", ()))
    yield _gauges(
        "degraded_channels",
        "Channels that take no tasks, do not answer, or whose key is refused, by reason.",
        "reason",
        {reason: reasons[reason] for reason in DEGRADED},
    )


def _time(clocks: ClockStatus) -> Iterator[Metric]:
    yield _gauge(
        "clock_ahead_seconds",
        "Seconds that this computer's clock is ahead of the time that the processes share.",
        clocks.ahead,
    )
    yield _gauges(
        "clock_fault",
        "Whether the clocks cannot be trusted, so that no task fails for its age, by reason.",
        "fault",
        {fault.value: int(fault is clocks.fault) for fault in ClockFault},
    )


def _storage(statistics: StoreStatistics, store_counts: StoreCounts) -> Iterator[Metric]:
    yield _counter(
        "storage_retries",
        "Transactions that were rolled back and run again, or given up (busy), by reason.",
        ("reason",),
        _single(statistics.repeats),
    )
    yield _counter(
        "storage_slow",
        f"Transactions that took {statistics.slow_after:g} s or more, by kind.",
        ("unit",),
        {(transaction.name,): transaction.times for transaction in statistics.slow},
    )
    yield _gauge(
        "database_up", "Whether the database responded to this scrape.", store_counts is not None
    )
    if store_counts is None:
        return
    backlog, overview, receivers = store_counts
    yield _gauges(
        "open_tasks",
        "Open tasks by state.",
        "state",
        {
            "unknown": backlog.unknown,
            "submitted": backlog.submitted,
            "processing": backlog.processing,
        },
    )
    yield _gauge("stuck_tasks", "Tasks that have been open for more than an hour.", backlog.stuck)
    yield _gauge("overdue_tasks", "Tasks whose poll is overdue.", backlog.overdue)
    yield _gauge("sweeper_lag_seconds", "Delay of the most overdue poll.", backlog.lag)
    yield _gauges(
        "outbox_notices",
        "Webhooks to users: waiting for delivery, and given up.",
        "state",
        {"pending": overview.pending_notices, "dead": overview.dead_notices},
    )
    yield _gauges(
        "failing_receivers",
        "Receivers of webhooks that fail: still tried, and switched off.",
        "state",
        {"failing": receivers.failing, "off": receivers.off},
    )
    yield _gauge("reports", "Reported results that were not applied, in all.", overview.reports)


def _single(counts: Mapping[Any, int]) -> Mapping[tuple[str, ...], int]:
    return {(label,): count for label, count in counts.items()}


def _counter(name: str, text: str, labels: tuple[str, ...], counts: Mapping[Any, int]) -> Metric:
    family = CounterMetricFamily(_PREFIX + name, text, labels=labels)
    for values, count in counts.items():
        family.add_metric(values, count)
    return family


def _plain(name: str, text: str, count: int) -> Metric:
    return CounterMetricFamily(_PREFIX + name, text, value=count)


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(_PREFIX + name, text, value=value)


def _gauges(name: str, text: str, label: str, values: Mapping[str, int]) -> Metric:
    family = GaugeMetricFamily(_PREFIX + name, text, labels=(label,))
    for label_value, value in values.items():
        family.add_metric((label_value,), value)
    return family


def _histogram(name: str, text: str, label: str, durations: Mapping[str, Durations]) -> Metric:
    family = HistogramMetricFamily(_PREFIX + name, text, labels=(label,))
    bounds = [*(f"{bound:g}" for bound in BOUNDS), "+Inf"]
    for label_value, measured in durations.items():
        buckets = list(zip(bounds, accumulate(measured.counts), strict=True))
        family.add_metric((label_value,), buckets, measured.sum)
    return family

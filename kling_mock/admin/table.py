"""Every call of the admin API: the one place where the rows of all subjects come together."""

from __future__ import annotations

from kling_mock.admin.calls import accounts, clock, rules, snapshots, tasks, traffic

__all__ = ["ROUTES"]

ROUTES = (
    *clock.ROUTES,
    *snapshots.ROUTES,
    *tasks.ROUTES,
    *rules.ROUTES,
    *accounts.ROUTES,
    *traffic.ROUTES,
)

"""All calls of the admin API, by subject: thin functions over the controls, and their rows."""

from __future__ import annotations

from typing import Final

from kling_mock.admin.calls import accounts, clock, rules, snapshots, tasks, traffic, verify
from kling_mock.admin.context import AdminContext
from kling_mock.web.operations import ApiTable

__all__ = ["CALLS"]

CALLS: Final[ApiTable[AdminContext]] = ApiTable(
    (
        *clock.CALLS,
        *snapshots.CALLS,
        *tasks.CALLS,
        *rules.CALLS,
        *accounts.CALLS,
        *traffic.CALLS,
        *verify.CALLS,
    )
)

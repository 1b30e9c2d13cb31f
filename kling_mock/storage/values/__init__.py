"""The values that go into a store and come out of it: frozen, and the same for all stores.

All times are whole Unix seconds, all money is whole quota (500,000 are 1 USD).
"""

from kling_mock.storage.values.accounts import (
    DISABLED,
    ENABLED,
    KELING,
    Caller,
    Channel,
    NewChannel,
    NewToken,
    NewUser,
    Token,
    User,
)
from kling_mock.storage.values.money import MAX_AMOUNT, MAX_BALANCE
from kling_mock.storage.values.records import (
    DailyTotals,
    Delivery,
    LedgerEntry,
    LedgerKind,
    Notice,
    NoticeState,
    Overview,
    Reconciliation,
    Report,
    Unexplained,
)
from kling_mock.storage.values.tasks import (
    TERMINAL,
    Absence,
    Acceptance,
    Attempt,
    Created,
    NewNotice,
    NewTask,
    Outcome,
    Settlement,
    TaskResult,
    VideoRow,
)
from kling_mock.storage.values.watching import REPEATS, Backlog, SlowUnit, Strain

__all__ = [
    "DISABLED",
    "ENABLED",
    "KELING",
    "MAX_AMOUNT",
    "MAX_BALANCE",
    "REPEATS",
    "TERMINAL",
    "Absence",
    "Acceptance",
    "Attempt",
    "Backlog",
    "Caller",
    "Channel",
    "Created",
    "DailyTotals",
    "Delivery",
    "LedgerEntry",
    "LedgerKind",
    "NewChannel",
    "NewNotice",
    "NewTask",
    "NewToken",
    "NewUser",
    "Notice",
    "NoticeState",
    "Outcome",
    "Overview",
    "Reconciliation",
    "Report",
    "Settlement",
    "SlowUnit",
    "Strain",
    "TaskResult",
    "Token",
    "Unexplained",
    "User",
    "VideoRow",
]

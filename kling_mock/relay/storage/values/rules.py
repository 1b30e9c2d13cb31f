"""The rules that `reconcile` checks: what must be so, in words. Each storage checks them itself."""

from __future__ import annotations

from typing import Final, NamedTuple


class Rule(NamedTuple):
    """A rule.

    Attributes:
        name: For reports and `--repair`.
        table: The table whose rows break it.
        says: What must be so, one sentence.
    """

    name: str
    table: str
    says: str


#: By name, in the order in which they are checked.
RULES: Final = {
    rule.name: rule
    for rule in (
        Rule(
            "user-balance", "users", "quota is the sum of the user's openings, credits and charges"
        ),
        Rule("user-credited", "users", "credited_quota is the sum of the user's credits"),
        Rule("user-held", "users", "held_quota is the sum of the user's holds and releases"),
        Rule("user-used", "users", "used_quota is what the user was charged"),
        Rule("user-requests", "users", "request_count is the number of the user's charges"),
        Rule(
            "user-available",
            "users",
            "held_quota is at most quota, unless a charge had no hold or one-api left a debt",
        ),
        Rule(
            "user-opening",
            "users",
            "the user has an opening entry, whose reference is the user's number",
        ),
        Rule(
            "user-number",
            "users",
            "no legacy row names the user's number, unless that is bound to a user, or nobody's",
        ),
        Rule("token-held", "tokens", "held_quota is the sum of the token's holds and releases"),
        Rule("token-used", "tokens", "used_quota is what was charged through the token"),
        Rule(
            "token-available",
            "tokens",
            "held_quota is at most remain_quota, of a token with a limit",
        ),
        Rule("token-user", "tokens", "the token belongs to a user"),
        Rule("task-user", "videos", "the task belongs to a user, whose name it has"),
        Rule("task-token", "videos", "the task's token is a token of its user"),
        Rule("task-channel", "videos", "the task's channel is known; deleted channels are known"),
        Rule("notice-user", "outbox", "the notice belongs to the user of its task"),
        Rule("report-user", "reports", "the report belongs to the user of its task"),
        Rule("entry-user", "ledger", "the entry belongs to a user"),
        Rule(
            "entry-kind",
            "ledger",
            (
                "the entry is an opening, credit, hold, release or charge, and its amount has the"
                " sign of its kind"
            ),
        ),
        Rule(
            "entry-uncollected",
            "ledger",
            (
                "uncollected is 0 except in a charge of the whole hold and in its release, where "
                "both have the same amount"
            ),
        ),
        Rule("entry-own", "ledger", "an opening or credit has no token and no channel"),
        Rule(
            "entry-task",
            "ledger",
            (
                "a hold, release or charge is of a task of the same user and token; a hold has no"
                " channel, the others have the task's; or the task was deleted, and the release of"
                " its hold says so"
            ),
        ),
        Rule(
            "open-hold",
            "videos",
            (
                "an open task holds its price, which is its hold entry, and is neither released"
                " nor charged; a task under the plain check holds nothing and has no hold entry"
            ),
        ),
        Rule(
            "open-poll",
            "videos",
            (
                "an open task has a status and a next poll; one that has ended or is legacy has"
                " no poll"
            ),
        ),
        Rule(
            "open-times",
            "videos",
            (
                "an open task is read again within minutes: its lease and its next poll are at most"
                " 3 and 13 minutes away, and its attempt is over within a day (checked where the"
                " time is known)"
            ),
        ),
        Rule(
            "notice-times",
            "outbox",
            (
                "a pending notice is sent within a day: its lease and its next attempt are at most"
                " 3 minutes and 24 hours away (checked where the time is known)"
            ),
        ),
        Rule(
            "ended-hold",
            "videos",
            "a task that has ended holds nothing, and has a release of its hold if it has a hold",
        ),
        Rule(
            "success-charged",
            "videos",
            "a task that succeeded was charged what its row says, and no more than was held",
        ),
        Rule(
            "upstream-once",
            "videos",
            (
                "no two tasks that were charged have one upstream id of one service; a task"
                " whose service is not recorded may be of any"
            ),
        ),
        Rule("charge-earned", "ledger", "a charge is of a task that succeeded"),
        Rule("failure-free", "videos", "a task that failed costs nothing"),
        Rule(
            "legacy-free",
            "videos",
            "a legacy task holds nothing and has no entries; whether a task is legacy is 0, 1 or 2",
        ),
        Rule(
            "charge-stated",
            "videos",
            (
                "a charge, with what was not collected, is what Kling has deducted by the report"
                " that is stored with the task (checked where the report can be read and has units)"
            ),
        ),
    )
}

"""Records beside the tasks: ledger, outgoing callbacks, late reports, totals."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

import attrs

from kling_mock.relay.storage.text import text255

_NO_ANSWER: Final = 0

#: Seconds. A notice that is due later than so far from now is sent now: pauses between its
#: attempts last up to 11 hours, and a receiver may ask for a day.
MAX_WAIT: Final = 87_000
#: Status of a report: the task was charged its hold, because no report stated its cost.
UNMETERED: Final = "unmetered"
#: Status of a report: a signed success without units, of a task that was still open when it was
#: read because of it. If no poll ends the task, this report does.
UNCONFIRMED: Final = "unconfirmed"
#: The status of a report that names another external id than its task was sent with.
MISNAMED: Final = "misnamed"
#: Prefix of the reference of the credit for a user who came from one-api with a debt.
DEBT: Final = "one-api-debt-"
#: The note of a release by which an operator gave back the hold of a deleted task.
RELEASED_DELETED: Final = "reconcile: the task was deleted"


class LedgerKind(StrEnum):
    """The reason why quota moved, or was held."""

    OPENING = "opening"
    CREDIT = "credit"
    #: A task was created: its price is held.
    HOLD = "hold"
    #: The task has ended: nothing is held for it any more.
    RELEASE = "release"
    CHARGE = "charge"

    @property
    def moves_balance(self) -> bool:
        """Whether an entry's amount is added to the balance; holds and releases only reserve it."""
        return self in {LedgerKind.OPENING, LedgerKind.CREDIT, LedgerKind.CHARGE}


@attrs.frozen
class LedgerEntry:
    """A movement of quota, or a hold. Entries are never changed.

    The amounts of a user's openings, credits and charges add up to its balance, those of its
    holds and releases to what is held; the latter are also those of a token.

    Attributes:
        id: Its number.
        kind: Why quota moved or was held.
        reference: Unique within its kind: the `task_id` of a hold, release or charge, the
            caller's own reference of a credit, the user's number of an opening.
        user_id: Whose quota.
        token_id: The token of the task, or 0.
        channel_id: The channel that the task had when it ended; 0 for none, and for a hold, which
            covers every channel that may get the task.
        amount: At least 0 for an opening or hold; at most 0 for a release or charge; either for
            a credit. What is free has entries of 0.
        uncollected: What the final amount was above the hold: of a charge, and repeated on the
            release of its hold.
        note: For people.
        created_at: Unix seconds.
    """

    id: int
    kind: LedgerKind = attrs.field(converter=LedgerKind)
    reference: str
    user_id: int
    token_id: int
    channel_id: int
    amount: int
    uncollected: int
    note: str
    created_at: int


class NoticeState(StrEnum):
    """The state of an outgoing callback."""

    PENDING = "pending"
    DELIVERED = "delivered"
    #: Every attempt has failed; it can be replayed.
    DEAD = "dead"
    #: The receiver answered 410; it can be replayed.
    GONE = "gone"
    #: The receiver is switched off; the callback is sent when the operator switches it on again.
    STOPPED = "stopped"


@attrs.frozen
class Notice:
    """An outgoing callback.

    Attributes:
        id: Its number.
        event_id: Its `webhook-id`, the same over all retries.
        task_id: The task that it is about.
        user_id: The user who receives it.
        url: Where to.
        body: What is sent.
        state: Its state.
        attempts: Attempts whose end was recorded, since it was made or replayed.
        next_at: Unix seconds before which it is not sent.
        lease_until: Unix seconds until which it is reserved for one sender.
        http_status: The last response's status; 0 if there is none.
        error: Why the last attempt failed, or "".
        created_at: Unix seconds.
        updated_at: Unix seconds of the last recorded attempt.
    """

    id: int
    event_id: str
    task_id: str
    user_id: int
    url: str = attrs.field(repr=False)
    body: str = attrs.field(repr=False)
    state: NoticeState = attrs.field(converter=NoticeState)
    attempts: int
    next_at: int
    lease_until: int
    http_status: int
    error: str
    created_at: int
    updated_at: int


@attrs.frozen
class DueNotice:
    """A due notice, with the fields by which a sender chooses.

    Attributes:
        id: Its number.
        event_id: Its `webhook-id`.
        user_id: The user who receives it.
        url: Where to.
        next_at: Since when it is due, Unix seconds.
    """

    id: int
    event_id: str
    user_id: int
    url: str = attrs.field(repr=False)
    next_at: int


@attrs.frozen
class Receiver:
    """A receiver of webhooks that fails. One that works has no row.

    Attributes:
        id: Its number.
        user_id: The user whose webhooks it gets.
        host: The host of their URLs.
        failures: Attempts in a row that have failed.
        failing_since: Unix seconds of the first of them.
        last_at: Unix seconds of the last of them.
        off_at: Unix seconds at which it was switched off; 0 if it is on.
    """

    id: int
    user_id: int
    host: str
    failures: int
    failing_since: int
    last_at: int
    off_at: int

    @property
    def is_off(self) -> bool:
        """Whether the receiver is switched off."""
        return self.off_at > 0


@attrs.frozen
class ReceiverCounts:
    """The numbers of failing receivers.

    Attributes:
        failing: The number of failing receivers that are still tried.
        off: The number of receivers that are switched off.
    """

    failing: int
    off: int


@attrs.frozen
class SecretRotation:
    """The state of a user's webhook secret. One that was never rotated has no row.

    Attributes:
        user_id: The user.
        generation: How often it was rotated.
        overlap_until: Unix seconds before which the one before it signs as well.
    """

    user_id: int
    generation: int
    overlap_until: int


@attrs.frozen
class WebhookDelivery:
    """The outcome of one attempt to deliver a notice.

    Attributes:
        event_id: The notice's `webhook-id`.
        attempts: What the notice's *attempts* was when it was claimed; a record that comes
            after another one is ignored.
        state: The notice's new state; `PENDING` is tried again at *next_at*.
        next_at: Unix seconds; means something for `PENDING` only.
        http_status: The response's status; 0 if there is none.
        error: Why it failed; "" if it did not. No URL, no secret.
    """

    event_id: str
    attempts: int
    state: NoticeState
    next_at: int = 0
    http_status: int = _NO_ANSWER
    error: str = attrs.field(default="", converter=text255)


@attrs.frozen
class LateReport:
    """A result that was not applied, or not as it came; one per task and status.

    Attributes:
        id: Its number.
        task_id: Which task.
        status: The reported status: `succeed`, `failed`, or `accepted` for an acceptance
            that came after the row had failed; `UNMETERED`, `UNCONFIRMED`,
            `MISNAMED`; `unverified_` and a status for a callback without a valid signature.
        user_id: Who would have paid.
        channel_id: Through whom the task went.
        kling_task_id: Kling's id, or None.
        source: Who reported it first.
        quota: What it would have charged.
        json_data: The report as first received.
        seen: How often it came.
        first_at: Unix seconds.
        last_at: Unix seconds.
    """

    id: int
    task_id: str
    status: str
    user_id: int
    channel_id: int
    kling_task_id: str | None
    source: str
    quota: int
    json_data: str = attrs.field(repr=False)
    seen: int
    first_at: int
    last_at: int


@attrs.frozen
class Unexplained:
    """A row that breaks a rule.

    Attributes:
        rule: Name of the rule, as in docs/storage.md.
        row: The table and the row's key: its `task_id`, of `outbox` its `event_id`, else its
            number.
        user_id: Whose.
        why: What must be so, one sentence.
        quota: The amount in question.
    """

    rule: str
    row: str
    user_id: int
    why: str
    quota: int


@attrs.frozen
class Reconciliation:
    """A comparison of a user's balance with the ledger.

    Attributes:
        user_id: The user; also a number that rows name without such a user; 0 has the channels.
        username: Its name; "" if there is no such user.
        opening: Sum of the opening entries.
        credits: Sum of the credits.
        charged: Sum of the charges, as a positive number.
        quota: The balance on the user's row.
        held: What the user's row says is held.
        open_holds: Sum of the holds of its open tasks.
        used: `used_quota` on the user's row.
        uncollected: Sum over the charges; not a difference.
        late: Successes that were reported too late to be charged; not a difference.
        unexplained: Rows that break a rule.
    """

    user_id: int
    username: str
    opening: int
    credits: int
    charged: int
    quota: int
    held: int
    open_holds: int
    used: int
    uncollected: int = 0
    late: int = 0
    unexplained: tuple[Unexplained, ...] = ()

    @property
    def difference(self) -> int:
        """The part of the balance that the ledger does not explain; 0 is right."""
        return self.quota - (self.opening + self.credits - self.charged)

    @property
    def held_difference(self) -> int:
        """The part of the holds that open tasks do not explain; 0 is right."""
        return self.held - self.open_holds

    @property
    def is_explained(self) -> bool:
        """Whether there is no difference."""
        return not (self.difference or self.held_difference or self.unexplained)


@attrs.frozen
class Repair:
    """A change that makes the tables keep a rule again.

    Attributes:
        rule: The rule.
        row: The table, and the row's key where it is one row.
        entry: The ledger entry that is added; its number is 0.
        column: Else the column that is changed.
        amount: What is added to it; of `entry-task`, how many entries get the token and channel
            of their task.
    """

    rule: str
    row: str
    entry: LedgerEntry | None = None
    column: str = ""
    amount: int = 0


@attrs.frozen
class DailyTotals:
    """The tasks created in one day (UTC).

    Attributes:
        day: Unix seconds of its beginning.
        total: Tasks.
        succeeded: How many of them succeeded.
        failed: How many of them failed.
        charged: Sum of what the succeeded ones were charged.
    """

    day: int
    total: int
    succeeded: int
    failed: int
    charged: int


@attrs.frozen
class StoreSummary:
    """Counts for a health page and for metrics.

    Attributes:
        open_tasks: Open tasks, without legacy ones.
        overdue_tasks: Open tasks that the sweeper should have read by now.
        pending_notices: Outgoing callbacks still to be delivered.
        dead_notices: The ones given up, answered with 410 or not.
        reports: Results that were not applied.
    """

    open_tasks: int
    overdue_tasks: int
    pending_notices: int
    dead_notices: int
    reports: int

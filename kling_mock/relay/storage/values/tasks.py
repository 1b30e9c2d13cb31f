"""Tasks: the request, the row of `videos`, the result."""

from __future__ import annotations

import re
from enum import Enum
from typing import Any, Final, Literal

import attrs

from kling_mock.relay.storage.text import (
    fit,
    optional_id,
    task_id,
    text,
    text20,
    text50,
    text64,
    text100,
    text200,
    text255,
)
from kling_mock.relay.storage.values.accounts import MAX_AMOUNT, amount

#: The statuses after which a row never changes; every other one, known or not, is open.
TERMINAL: Final = frozenset({"succeed", "failed"})
#: Seconds: a relay whose clock is right does not write a lease or a next poll that is further away,
#: so such a time is ignored. Leases last up to 120 s, pauses up to 720 s, and clocks that are up to
#: 60 s apart agree.
MAX_LEASE: Final = 180
MAX_PAUSE: Final = 780
#: The same for the end of an attempt, where the speed of the clock is not known: an attempt takes
#: 45 s, multiplied by the speed of a fast clock.
MAX_ATTEMPT: Final = 86_400
#: The `id` of a row that has not been read from the database.
UNNUMBERED: Final = 0

_HASH: Final = re.compile(r"[0-9a-f]{64}")


def _own_id(_instance: object, _field: attrs.Attribute[Any], value: str) -> None:
    task_id(value)


def _request_hash(_instance: object, field: attrs.Attribute[Any], value: str) -> None:
    if _HASH.fullmatch(value) is None:
        raise ValueError(f"{field.name} is 64 lower-case hexadecimal digits")


def _callback_url(value: str | None) -> str | None:
    return fit(value) if value else None


def _not_null(value: str | None) -> str:
    # TEXT columns may be NULL in rows that a migration brought in.
    return value or ""


def _capped(value: int | None) -> int | None:
    return None if value is None else min(value, MAX_AMOUNT)


@attrs.frozen
class Attempt:
    """The channel and key of an attempt to create a task upstream, and its end.

    Attributes:
        channel_id: The channel.
        channel_key_id: Fingerprint of the key, at most 64 characters; not its position.
        until: Unix seconds; no create of this attempt can reach Kling after it.
        service: Label of the service that the channel leads to; None leaves it to the storage,
            which then records the channel's label together with Kling's id.
    """

    channel_id: int
    channel_key_id: str = attrs.field(converter=text64)
    until: int
    service: str | None = None


@attrs.frozen(slots=False)  # as `VideoRow`
class NewTask:
    """A task to be held and inserted, before anything is sent upstream.

    Attributes:
        task_id: Our own id, also the `external_task_id` upstream.
        user_id: Who pays.
        request_hash: SHA-256 of the request in hexadecimal, by which a repeat is recognised.
        price: What it costs if it succeeds, in quota; held from now on.
        type: The endpoint, such as `text2video`.
        model: The model's name in the user's request.
        token_id: The token that pays too, or None.
        username: A copy for the guide's queries.
        external_task_id: The user's own id, unique per user; None or "" if there is none.
        prompt: Text of the request.
        mode: `std`, `pro`, ... or "".
        duration: Seconds as text, or "".
        resolution: Such as `1080p`, or "".
        n: How many videos.
        callback_url: Where the user gets a callback; None or "" is nowhere.
        attempt: The channel it is going to be sent through; None if that is not known yet.
        overdraft: The guide's plain check: the balance has to reach the price, nothing is
            held, and a charge may bring the balance below zero. P4 does not cover such tasks.
        provider: Always `kling`.
        price_reason: How the price arose, for the note of the hold's entry; cut off at 255
            characters.
    """

    task_id: str = attrs.field(validator=_own_id)
    user_id: int
    request_hash: str = attrs.field(validator=_request_hash)
    price: int = attrs.field(validator=amount)
    type: str = attrs.field(converter=text50)
    model: str = attrs.field(converter=text100)
    token_id: int | None = None
    username: str = attrs.field(default="", converter=text100)
    external_task_id: str | None = attrs.field(default=None, converter=optional_id)
    prompt: str = attrs.field(default="", converter=text, repr=False)
    mode: str = attrs.field(default="", converter=text50)
    duration: str = attrs.field(default="", converter=text20)
    resolution: str = attrs.field(default="", converter=text20)
    n: int = 1
    callback_url: str | None = attrs.field(default=None, converter=_callback_url, repr=False)
    attempt: Attempt | None = None
    overdraft: bool = False
    provider: str = "kling"
    price_reason: str = attrs.field(default="", converter=text255)


@attrs.frozen(slots=False)  # half the cost to create, and four are created for each task
class VideoRow:
    """A row of `videos`: the guide's columns in its order, then the added ones.

    Attributes:
        id: The integer key; newer rows have higher ones, not necessarily without gaps.
        task_id: Our own id, unique.
        prompt: Text of the request; "" if there was none.
        created_at: Unix seconds.
        updated_at: Unix seconds of the last change of status.
        type: The endpoint.
        provider: `kling`, or another one for rows that a migration brought in.
        mode: `std`, `pro`, ... or "".
        duration: Seconds as text; what Kling reported once it has succeeded.
        resolution: Or "".
        username: Copy of the user's name.
        channel_id: The channel of the last attempt; 0 before the first.
        user_id: Who pays.
        model: As in the user's request.
        status: `submitted`, `processing`, `succeed`, `failed`, or any other open one.
        fail_reason: Why it failed, or "".
        video_id: Kling's id of the first video, or "".
        store_url: Its URL, or "".
        quota: The price while open, what was charged once `succeed`, 0 once `failed`.
        n: How many videos.
        credentials: Always "" (a column of the guide).
        json_data: Kling's report that ended it, the refusal of its create, or "".
        external_task_id: The user's own id, or None.
        request_hash: SHA-256 of the request; "" for rows that a migration brought in.
        kling_task_id: Kling's id; None until Kling has accepted it.
        channel_key_id: Fingerprint of the key that it was sent with, or "".
        token_id: The token that pays too, or 0.
        held_quota: What is held for it; 0 once it has ended.
        next_poll_at: Unix seconds at which the sweeper reads it next; None exactly when it
            has ended or is *legacy*.
        lease_until: Unix seconds until which one reader upstream has it reserved.
        callback_url: Where the user gets a callback, or None.
        legacy: Whether another program wrote it: no money moves for it.
        attempt_until: Unix seconds at which its last attempt is surely over; 0 before the first.
        not_found_at: Unix seconds of the first answer "not found" that counts, or None.
        service: Label of the service that it was sent to. No two rows have one id of Kling's and
            one service. None before the first attempt; also of a row that an older relay has
            written, or whose id an upgrade has found at another row: neither is ever charged
            without getting the label first.
    """

    id: int
    task_id: str
    prompt: str = attrs.field(repr=False, converter=_not_null)
    created_at: int
    updated_at: int
    type: str
    provider: str
    mode: str
    duration: str
    resolution: str
    username: str
    channel_id: int
    user_id: int
    model: str
    status: str
    fail_reason: str = attrs.field(converter=_not_null)
    video_id: str
    store_url: str = attrs.field(repr=False, converter=_not_null)
    quota: int
    n: int
    credentials: str = attrs.field(repr=False, converter=_not_null)
    json_data: str = attrs.field(repr=False, converter=_not_null)
    external_task_id: str | None
    request_hash: str
    kling_task_id: str | None
    channel_key_id: str
    token_id: int
    held_quota: int
    next_poll_at: int | None
    lease_until: int
    callback_url: str | None = attrs.field(repr=False)
    legacy: bool = attrs.field(converter=bool)
    attempt_until: int
    not_found_at: int | None
    service: str | None

    @property
    def is_open(self) -> bool:
        """Whether the task's status may still change."""
        return self.status not in TERMINAL


@attrs.frozen
class Created:
    """The row of a create call.

    Attributes:
        row: The row. The `id` of a new one is `UNNUMBERED`: only the database knows it, and
            reading it would cost as much as a hold.
        is_new: False if the same user had sent the same request under the same
            `external_task_id` before: then nothing was held, and nothing must be sent.
    """

    row: VideoRow
    is_new: bool


class Acceptance(Enum):
    """The effect of a report that Kling has accepted a task."""

    #: The row has Kling's id now.
    RECORDED = "recorded"
    #: The row had the same id already.
    ALREADY = "already"
    #: The row had failed meanwhile; it has the id now, and a report is kept.
    LATE = "late"


class Absence(Enum):
    """The effect of Kling's reply that it does not know a task."""

    #: The row has Kling's id or has ended: the reply means nothing.
    IRRELEVANT = "irrelevant"
    #: Too soon after the attempt, or after the first such reply.
    TOO_EARLY = "too early"
    #: The first reply that counts.
    NOTED = "noted"
    #: The second such reply: the row is `failed` and its hold is released.
    FAILED = "failed"


@attrs.frozen
class DueTask:
    """An open row that is due to be polled, with the fields by which a sweeper chooses.

    Attributes:
        id: Its number.
        task_id: Its id.
        channel_id: The channel that it is read through.
        created_at: Unix seconds.
        next_poll_at: Since when it is due, Unix seconds.
    """

    id: int
    task_id: str
    channel_id: int
    created_at: int
    next_poll_at: int


@attrs.frozen
class NewNotice:
    """A callback to the user, to be sent after the transaction that it is part of.

    Attributes:
        event_id: Its `webhook-id`, the same over all retries; unique.
        url: Where to.
        body: What is sent, byte for byte as UTF-8.
    """

    event_id: str = attrs.field(validator=_own_id)
    url: str = attrs.field(converter=text, repr=False)
    body: str = attrs.field(converter=text, repr=False)


@attrs.frozen(slots=False)  # as `VideoRow`
class TaskResult:
    """The end of a task, from any source.

    Attributes:
        task_id: Our own id.
        status: `succeed` or `failed`.
        source: Where it comes from, for reports: `callback`, `query`, `sweeper`, `create`, ...
        quota: The final amount in quota, 0 and more; None charges the price. Amounts
            above 10**15 count as that.
        kling_task_id: Kling's id, if the report names it.
        video_id: Kling's id of the first video.
        store_url: Its URL.
        duration: Seconds as text; "" keeps the requested ones.
        fail_reason: Why it failed.
        json_data: The report as received, or the refusal of the create as the relay stores it.
        free_external_id: If Kling refused the create, the row gives up its `external_task_id`,
            so that the user can repeat the request under it. It changes nothing once the row
            has Kling's id.
        unmetered: Whether it is a success without a stated final amount: if it is charged, a
            report is kept as `UNMETERED`.
    """

    task_id: str
    status: Literal["succeed", "failed"] = attrs.field(validator=attrs.validators.in_(TERMINAL))
    source: str = attrs.field(converter=text50)
    quota: int | None = attrs.field(
        default=None,
        converter=_capped,
        validator=attrs.validators.optional(amount),
    )
    kling_task_id: str | None = attrs.field(default=None, converter=optional_id)
    video_id: str = attrs.field(default="", converter=text200)
    store_url: str = attrs.field(default="", converter=text, repr=False)
    duration: str = attrs.field(default="", converter=text20)
    fail_reason: str = attrs.field(default="", converter=text)
    json_data: str = attrs.field(default="", converter=text, repr=False)
    free_external_id: bool = False
    unmetered: bool = False


class TaskOutcome(Enum):
    """The effect of a report that a task has ended."""

    #: This report ended the task; money has moved as the report says.
    SETTLED = "settled"
    #: The task had ended with the same status before; nothing changed.
    ALREADY = "already"
    #: The task had ended with the other status before; only a report was kept.
    CONTRADICTED = "contradicted"
    #: The report is the refusal of a create whose task Kling has shown since; nothing changed.
    OVERRULED = "overruled"


@attrs.frozen
class Settlement:
    """The result of settling a report that a task has ended.

    Attributes:
        outcome: Whether this report ended it.
        row: The row as it is now.
        charged: Quota that this report took from the user; 0 unless it settled a success.
        uncollected: The part of the final amount that exceeded the hold and was not taken.
    """

    outcome: TaskOutcome
    row: VideoRow
    charged: int = 0
    uncollected: int = 0

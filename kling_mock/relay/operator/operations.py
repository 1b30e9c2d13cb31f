"""What the operator can ask for, as a table: by HTTP and from a shell. Pure.

Each row is checked, done and documented from here: its fields are those of the body that is
accepted, of the OpenAPI document, and of the commands.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal, NamedTuple

from kling_mock.relay.operator import views
from kling_mock.storage.text import TEXT_BYTES
from kling_mock.storage.values import (
    MAX_AMOUNT,
    DailyTotals,
    LedgerEntry,
    Notice,
    NoticeState,
    Overview,
    Report,
    SlowRecord,
    Strain,
    VideoRow,
)
from kling_mock.web.json_schema import EVERY, Schema, array, closed, integer, text
from kling_mock.web.json_schema import optional as nullable

__all__ = ["BY_NAME", "CALLS", "Call", "split"]

_MOST: Final = 2**53 - 1  # what every JSON parser keeps exactly


class Call(NamedTuple):
    """One call of the operator's.

    Attributes:
        method: The HTTP method.
        path: What follows `/__kling/relay/`, with `{id}` for what is named.
        name: Of the method of `Desk` that does it.
        summary: One line.
        answer: The schema of the answer.
        body: The schema of the body; `None` takes none.
        query: The schemas of the query's parameters.
        refusals: HTTP statuses with which it can be refused, besides those that all have.
    """

    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
    path: str
    name: str
    summary: str
    answer: Schema
    body: Schema | None = None
    query: Mapping[str, Schema] = {}
    refusals: tuple[int, ...] = ()

    @property
    def has_key(self) -> bool:
        """Whether something is named in the path."""
        return "{id}" in self.path


def _page(items: Schema, **more: Schema) -> Schema:
    return closed(data=array(items), **more)


_STATUS: Final = closed(status=text(enum=[*views.STATUS]))
_QUOTA: Final = integer(0, MAX_AMOUNT, "Whole quota; 500 000 are one US dollar.")
_CHANNEL: Final[Mapping[str, Schema]] = {
    "name": text("Unique.", least=1, most=100),
    "base_url": text("Where the Kling API is.", most=255, pattern="^https?://[^ ]+$"),
    "key": text("`AK|SK` or an API key, one per line.", least=1, most=TEXT_BYTES),
    "model_mapping": {
        "type": ["string", "object"],
        "description": "From the name asked for to the model sent; as JSON, or as its text.",
    },
    "models": text("Names that it serves, with commas between; empty is any.", most=TEXT_BYTES),
    "webhook_secrets": text("`whsec_...`, one per line.", most=TEXT_BYTES),
    "priority": integer(-(2**31), 2**31 - 1, "Higher ones are tried first."),
    "weight": integer(0, 2**31 - 1, "Share among channels of one priority."),
    "status": text(enum=[*views.STATUS]),
    "type": integer(0, 2**31 - 1, "one-api's number of the provider; 41 is Kling."),
}
_BELOW: Final = {"before": integer(0, _MOST, "Only entries with a smaller number.")}
_DELETED: Final = {"deleted": text("Whether deleted ones are shown.", enum=["true", "false"])}

CALLS: Final = (
    Call(
        "GET",
        "users",
        "users",
        "List users, a hundred at a time",
        _page(views.USER, next_after=nullable(integer())),
        query={"after": integer(0, _MOST, "Only users with a larger number.")} | _DELETED,
    ),
    Call(
        "POST",
        "users",
        "add_user",
        "Add a user",
        views.USER,
        body=closed(("quota",), username=text(least=1, most=100), quota=_QUOTA),
        refusals=(409,),
    ),
    Call("GET", "users/{id}", "user", "Get a user by number or name", views.USER),
    Call(
        "DELETE",
        "users/{id}",
        "delete_user",
        "Delete a user for good; what it was charged stays in the books",
        views.USER,
    ),
    Call(
        "POST",
        "users/{id}/status",
        "set_user_status",
        "Switch a user on or off",
        views.USER,
        body=_STATUS,
    ),
    Call(
        "POST",
        "users/{id}/credit",
        "credit",
        "Top up a user, once per reference",
        views.schema_of(LedgerEntry),
        body=closed(
            ("note",),
            amount=integer(-MAX_AMOUNT, MAX_AMOUNT, "Quota; below 0 takes it away."),
            reference=text("Unique.", most=200, pattern="^[!-~]+$"),
            note=text(most=255),
        ),
        refusals=(402, 409),
    ),
    Call(
        "GET",
        "users/{id}/ledger",
        "ledger",
        "What moved the balance, newest first",
        _page(views.schema_of(LedgerEntry)),
        query=_BELOW,
    ),
    Call(
        "GET",
        "users/{id}/tokens",
        "tokens",
        "List a user's tokens",
        _page(views.TOKEN),
        query=_DELETED,
    ),
    Call(
        "POST",
        "users/{id}/tokens",
        "add_token",
        "Add a token: it is shown this once",
        views.NEW_TOKEN,
        body=closed(
            EVERY,
            name=text(most=100),
            remain_quota=nullable(_QUOTA),
            expires_at=nullable(integer(0, _MOST, "Unix seconds.")),
        ),
    ),
    Call(
        "POST",
        "tokens/{id}/status",
        "set_token_status",
        "Switch a token on or off",
        views.TOKEN,
        body=_STATUS,
    ),
    Call(
        "POST",
        "tokens/{id}/quota",
        "set_token_quota",
        "Limit what a token may spend; null is as much as its user",
        views.TOKEN,
        body=closed(remain_quota=nullable(_QUOTA)),
        refusals=(402,),
    ),
    Call("DELETE", "tokens/{id}", "delete_token", "Delete a token for good", views.TOKEN),
    Call(
        "GET",
        "channels",
        "channels",
        "List channels",
        _page(views.CHANNEL),
        query=_DELETED,
    ),
    Call(
        "POST",
        "channels",
        "add_channel",
        "Add a channel",
        views.CHANNEL,
        body=closed([*_CHANNEL][3:], **_CHANNEL),
        refusals=(409,),
    ),
    Call(
        "PUT",
        "channels/{id}",
        "replace_channel",
        "Declare a channel anew",
        views.CHANNEL,
        body=closed([*_CHANNEL][3:], **_CHANNEL),
        refusals=(409,),
    ),
    Call(
        "PATCH",
        "channels/{id}",
        "change_channel",
        "Change some of what a channel is",
        views.CHANNEL,
        body=closed(EVERY, **_CHANNEL),
        refusals=(409,),
    ),
    Call(
        "DELETE",
        "channels/{id}",
        "delete_channel",
        "Delete a channel; its open tasks are still read through it",
        views.CHANNEL,
    ),
    Call("GET", "tasks/{id}", "task", "Get a task's row", views.schema_of(VideoRow)),
    Call(
        "GET",
        "reports",
        "reports",
        "Results that were not applied, newest first",
        _page(views.schema_of(Report)),
        query=_BELOW,
    ),
    Call(
        "GET",
        "notices",
        "notices",
        "Callbacks to users, newest first",
        _page(views.schema_of(Notice)),
        query={"state": text(enum=[*NoticeState])},
    ),
    Call(
        "POST",
        "notices/{id}/replay",
        "replay",
        "Send a callback to a user again",
        views.schema_of(Notice),
    ),
    Call(
        "GET",
        "reconcile",
        "reconcile",
        "Whether the ledger explains every balance",
        _page(views.RECONCILIATION),
        query={"user_id": integer(0, _MOST)},
    ),
    Call(
        "GET",
        "stats",
        "stats",
        "Totals per day, stuck tasks, slow statements",
        _page(
            views.schema_of(DailyTotals),
            stuck=array(views.STUCK),
            slow=views.schema_of(SlowRecord),
            process=views.schema_of(Strain),
        ),
        query={
            "days": integer(0, 36_500, "Days to look back; 7 if it is not given."),
            "stuck_after": integer(0, _MOST, "Seconds; 3600 if it is not given."),
        },
    ),
    Call("GET", "overview", "overview", "Counts", views.schema_of(Overview)),
)
BY_NAME: Final[Mapping[str, Call]] = {call.name: call for call in CALLS}


def split(path: str) -> tuple[str, str]:
    """Return a path with `{id}` for what is named in it, and that; "" if nothing is."""
    parts = path.strip("/").split("/")
    key = parts[1] if len(parts) > 1 else ""
    if key:
        parts[1] = "{id}"
    return "/".join(parts), key

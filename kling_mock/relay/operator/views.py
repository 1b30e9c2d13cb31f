"""The operator's objects as JSON, and their schemas; without keys and secrets."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import NoneType, UnionType
from typing import Any, Final, get_args, get_origin, get_type_hints

import attrs

from kling_mock.relay.domain.credentials import parse_keys
from kling_mock.relay.domain.errors import RelayError
from kling_mock.relay.storage.values import (
    DELETED,
    DISABLED,
    ENABLED,
    Channel,
    LedgerEntry,
    Receiver,
    Reconciliation,
    Repair,
    Token,
    User,
    VideoRow,
)
from kling_mock.web.json_schema import Schema, array, closed, encode, flag, integer, number, text
from kling_mock.web.json_schema import optional as nullable

Body = dict[str, Any]

#: The statuses that the operator may set.
STATUS: Final = {"enabled": ENABLED, "disabled": DISABLED}
_NAMES: Final = {ENABLED: "enabled", DISABLED: "disabled", DELETED: "deleted"}


def schema_of(value: type[attrs.AttrsInstance], **instead: Schema | None) -> Schema:
    """Return the schema of a value as `attrs.asdict` converts it.

    Args:
        value: The class.
        instead: Schemas of members that differ or are added; `None` leaves one out.
    """
    hints = get_type_hints(value)
    members = {field.name: _schema(hints[field.name]) for field in attrs.fields(value)} | instead
    return closed(**{name: schema for name, schema in members.items() if schema is not None})


def _schema(hint: Any) -> Schema:
    if isinstance(hint, UnionType):
        (member,) = (part for part in get_args(hint) if part is not NoneType)
        return nullable(_schema(member))
    if get_origin(hint) is tuple:
        return array(_schema(get_args(hint)[0]))
    if get_origin(hint) is not None:
        return {"type": "object"}
    if attrs.has(hint):
        return schema_of(hint)
    if issubclass(hint, StrEnum):
        return text(enum=[*hint])
    return _PLAIN[hint]


_PLAIN: Final[Mapping[type, Schema]] = {
    bool: flag(),
    int: integer(),
    float: number(),
    str: text(),
}

_STATUS: Final = text(enum=[*_NAMES.values()])
USER: Final = schema_of(
    User,
    status=_STATUS,
    old_numbers=array(integer(), about="The numbers of the user in an old program's rows."),
    webhook_secret=text("Its webhooks are signed with it."),
)
LISTED_USER: Final = schema_of(User, status=_STATUS)
TOKEN: Final = schema_of(Token, status=_STATUS, token_hash=None)
NEW_TOKEN: Final = schema_of(
    Token, status=_STATUS, token_hash=None, token=text("The token; no later call shows it.")
)
_CHANNEL: Final[Mapping[str, Schema | None]] = {
    "status": _STATUS,
    "api_keys": None,
    "keys": array(text(), about="Fingerprints of its keys."),
    "webhook_secrets": integer(about="The number of its webhook secrets."),
    "service": text("Its service: the operator's label, else the host of its base URL."),
}
CHANNEL: Final = schema_of(Channel, **_CHANNEL)
LISTED_CHANNEL: Final = schema_of(
    Channel, **_CHANNEL, used_quota=integer(about="What was charged for its tasks.")
)
RECEIVER: Final = schema_of(Receiver, status=text(enum=["enabled", "disabled"]))
SECRET: Final = closed(
    ("webhook_secret",),
    user_id=integer(),
    generation=integer(about="How often it was rotated."),
    overlap_until=integer(about="Unix seconds until which the previous one signs too."),
    webhook_secret=text("The new secret."),
)
RECONCILIATION: Final = schema_of(
    Reconciliation,
    difference=integer(),
    held_difference=integer(),
    is_explained=flag(),
)
_NEW_ENTRY: Final = schema_of(LedgerEntry, id=None)  # the store will number it
REPAIR: Final = closed(
    ("insert", "column", "add"),
    repair=text("The rule that it makes the tables keep again."),
    row=text(),
    done=flag(),
    insert=_NEW_ENTRY,
    column=text(),
    add=integer(),
)
STUCK: Final = closed(stuck=text(), status=text(), created_at=integer())


def show_user(user: User) -> Body:
    """Return a user as JSON."""
    return encode(LISTED_USER, user, status=_NAMES[user.status])


def show_token(token: Token) -> Body:
    """Return a token as JSON, without its hash."""
    return encode(TOKEN, token, status=_NAMES[token.status])


def show_channel(channel: Channel) -> Body:
    """Return a channel as JSON: fingerprints instead of keys, a count instead of secrets."""
    status = DELETED if channel.is_deleted else channel.status
    return encode(
        CHANNEL,
        channel,
        status=_NAMES.get(status, "disabled"),
        keys=_fingerprints(channel),
        webhook_secrets=len(channel.webhook_secrets.split()),
        service=channel.service_label,
    )


def _fingerprints(channel: Channel) -> list[str]:
    try:
        return [key.fingerprint for key in parse_keys(channel.api_keys)]
    except RelayError:
        return []  # keys that cannot be read can still be replaced


def show_receiver(receiver: Receiver) -> Body:
    """Return a receiver as JSON."""
    return encode(RECEIVER, receiver, status="disabled" if receiver.is_off else "enabled")


def show_reconciliation(row: Reconciliation) -> Body:
    """Return a `Reconciliation` as JSON, with its differences."""
    return encode(RECONCILIATION, row)


def show_repair(repair: Repair, *, done: bool) -> Body:
    """Return a `Repair`, made or only planned, as JSON."""
    body: Body = {"repair": repair.rule, "row": repair.row, "done": done}
    if repair.entry is not None:
        return body | {"insert": encode(_NEW_ENTRY, repair.entry)}
    return body | {"column": repair.column, "add": repair.amount}


def show_stuck(row: VideoRow) -> Body:
    """Return a task that has been open for too long."""
    return encode(STUCK, row, stuck=row.task_id)

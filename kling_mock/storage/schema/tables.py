"""The eight tables. No foreign keys: they would lock rows in an order of their own."""

from __future__ import annotations

from typing import Final

from kling_mock.storage.schema.model import Check, Column, Index, Kind, Table

__all__ = ["ADDED", "TABLES", "VERSION", "table_named"]

#: Raised by one with every change of a table; `schema_version` holds it.
VERSION: Final = 1

_KEY: Final = Column("id", Kind.KEY)


def _int(name: str, default: int = 0) -> Column:
    return Column(name, Kind.INT, default=default)


def _big(name: str) -> Column:
    return Column(name, Kind.BIGINT, default=0)


def _text(name: str) -> Column:
    # Nullable and without a default, as in the guide: MySQL's TEXT can have none before 8.0.13.
    return Column(name, Kind.TEXT, nullable=True)


def _string(name: str, length: int) -> Column:
    return Column(name, Kind.STRING, length, "")


def _binary(name: str, length: int, default: str = "") -> Column:
    return Column(name, Kind.BINARY, length, default)


def _ascii(name: str, length: int) -> Column:
    return Column(name, Kind.ASCII, length, "")


_USERS: Final = Table(
    "users",
    (
        _KEY,
        Column("username", Kind.BINARY, 100),
        _int("status", 1),
        _big("quota"),
        _big("held_quota"),
        _big("used_quota"),
        _big("request_count"),
        _big("created_at"),
    ),
    (Index("idx_users_username", ("username",), unique=True),),
)

_TOKENS: Final = Table(
    "tokens",
    (
        _KEY,
        Column("user_id", Kind.INT),
        Column("token_hash", Kind.ASCII, 64),
        _string("name", 100),
        _int("status", 1),
        Column("expires_at", Kind.BIGINT, nullable=True),
        _int("unlimited"),
        _big("remain_quota"),
        _big("held_quota"),
        _big("used_quota"),
        _big("created_at"),
    ),
    (
        Index("idx_tokens_hash", ("token_hash",), unique=True),
        Index("idx_tokens_user", ("user_id",)),
    ),
)

_CHANNELS: Final = Table(
    "channels",
    (
        _KEY,
        Column("name", Kind.BINARY, 100),
        _string("base_url", 255),
        _text("api_keys"),
        _text("model_mapping"),
        _text("models"),
        _text("webhook_secrets"),
        _int("priority"),
        _int("weight", 1),
        _int("status", 1),
        _int("type", 41),
        _big("used_quota"),
        _big("created_at"),
        _big("deleted_id"),
    ),
    # Living channels have deleted_id 0, deleted ones their own id: only living names collide.
    (Index("idx_channels_name", ("name", "deleted_id"), unique=True),),
)

#: The guide's columns of `videos`, in its order.
_GUIDE: Final = (
    _KEY,
    Column("task_id", Kind.ASCII, 200),
    _text("prompt"),
    _big("created_at"),
    _big("updated_at"),
    _string("type", 50),
    _string("provider", 50),
    _string("mode", 50),
    _string("duration", 20),
    _string("resolution", 20),
    _string("username", 100),
    _int("channel_id"),
    _int("user_id"),
    _string("model", 100),
    _binary("status", 50, "pending"),
    _text("fail_reason"),
    _string("video_id", 200),
    _text("store_url"),
    _big("quota"),
    _int("n", 1),
    _text("credentials"),
    _text("json_data"),
)

#: What this project added.
ADDED: Final = (
    Column("external_task_id", Kind.BINARY, 200, nullable=True),
    _ascii("request_hash", 64),
    Column("kling_task_id", Kind.BINARY, 200, nullable=True),
    _binary("channel_key_id", 64),
    _int("token_id"),
    _big("held_quota"),
    Column("next_poll_at", Kind.BIGINT, nullable=True),
    _big("lease_until"),
    _text("callback_url"),
    _int("legacy"),
    _big("attempt_until"),
    Column("not_found_at", Kind.BIGINT, nullable=True),
)

_VIDEOS: Final = Table(
    "videos",
    (*_GUIDE, *ADDED),
    (
        Index("idx_task_id", ("task_id",), unique=True),
        Index("idx_created_at", ("created_at",)),
        Index("idx_user_id", ("user_id",), paged=True),
        Index("idx_channel_id", ("channel_id",)),
        Index("idx_status", ("status",)),
        Index("idx_video_id", ("video_id",)),
        Index("idx_user_created", ("user_id", "created_at")),
        Index("idx_channel_created", ("channel_id", "created_at")),
        Index("idx_user_external", ("user_id", "external_task_id"), unique=True),
        # Kling's id first: a callback without our own id is looked up by it alone.
        Index("idx_kling_task", ("kling_task_id", "channel_id"), unique=True),
        # NULL once a row has ended, so the sweeper's index is as small as the open tasks are few.
        Index("idx_next_poll", ("next_poll_at",)),
    ),
    checks=(Check.PRINTABLE_TASK_ID,),
)

_LEDGER: Final = Table(
    "ledger",
    (
        _KEY,
        Column("kind", Kind.ASCII, 20),
        Column("reference", Kind.ASCII, 200),
        Column("user_id", Kind.INT),
        Column("amount", Kind.BIGINT),
        _big("uncollected"),
        _string("note", 255),
        _big("created_at"),
    ),
    (
        Index("idx_ledger_reference", ("reference", "kind"), unique=True),
        Index("idx_ledger_user", ("user_id",), paged=True),
    ),
)

_OUTBOX: Final = Table(
    "outbox",
    (
        _KEY,
        Column("event_id", Kind.ASCII, 200),
        Column("task_id", Kind.ASCII, 200),
        Column("user_id", Kind.INT),
        _text("url"),
        _text("body"),
        Column("state", Kind.ASCII, 20, "pending"),
        _int("attempts"),
        _big("next_at"),
        _big("lease_until"),
        _int("http_status"),
        _string("error", 255),
        _big("created_at"),
        _big("updated_at"),
    ),
    (
        Index("idx_outbox_event", ("event_id",), unique=True),
        Index("idx_outbox_due", ("state", "next_at")),
    ),
)

_REPORTS: Final = Table(
    "reports",
    (
        _KEY,
        Column("task_id", Kind.ASCII, 200),
        Column("status", Kind.BINARY, 50),
        Column("user_id", Kind.INT),
        _int("channel_id"),
        Column("kling_task_id", Kind.BINARY, 200, nullable=True),
        _string("source", 50),
        _big("quota"),
        _text("json_data"),
        _int("seen", 1),
        _big("first_at"),
        _big("last_at"),
    ),
    (Index("idx_reports_task", ("task_id", "status"), unique=True),),
)

_SCHEMA_VERSION: Final = Table(
    "schema_version",
    (Column("version", Kind.INT),),
    key="version",
)

#: In the order in which a script makes them: the version last, so that it means "complete".
TABLES: Final = (
    _USERS,
    _TOKENS,
    _CHANNELS,
    _VIDEOS,
    _LEDGER,
    _OUTBOX,
    _REPORTS,
    _SCHEMA_VERSION,
)


def table_named(name: str) -> Table:
    """Return a table.

    Raises:
        KeyError: There is none of that name.
    """
    for table in TABLES:
        if table.name == name:
            return table
    raise KeyError(name)

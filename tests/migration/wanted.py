"""A wanted `videos` table for each database."""

from __future__ import annotations

from kling_mock.storage.migration.session import Dialect
from kling_mock.storage.migration.table import Check, Column, Index, Table

_TEXTS = {"prompt": "text", "fail_reason": "text", "store_url": "text", "credentials": "text"}
_WORDS = {"type": 50, "provider": 50, "mode": 50, "duration": 20, "resolution": 20}
_INDEXES = (
    ("idx_created_at", ("created_at",)),
    ("idx_user_id", ("user_id",)),
    ("idx_channel_id", ("channel_id",)),
    ("idx_status", ("status",)),
    ("idx_video_id", ("video_id",)),
    ("idx_user_created", ("user_id", "created_at")),
    ("idx_channel_created", ("channel_id", "created_at")),
)


def wanted(dialect: Dialect) -> Table:
    """Return a schema like the relay's in the types of *dialect*."""
    big = "integer" if dialect == "sqlite" else "bigint"
    number = "integer" if dialect == "sqlite" else "int"
    binary = {"postgresql": "C", "sqlite": "binary"}.get(dialect, "ascii_bin")
    words = {**_WORDS, "username": 100, "model": 100, "video_id": 200}
    identity = {"sqlite": "integer", "postgresql": "bigint"}.get(dialect, "bigint unsigned")
    printable = {
        "sqlite": "task_id <> '' AND task_id NOT GLOB '*[^!-~]*'",
        "postgresql": "task_id ~ '^[!-~]+$'",
    }.get(dialect, "task_id REGEXP '^[!-~]+$'")
    return Table(
        "videos",
        (
            Column("id", identity, nullable=False, auto=True),
            Column("task_id", "varchar(200)", nullable=False, collation=binary),
            *(Column(one, kind) for one, kind in _TEXTS.items()),
            *(
                Column(one, f"varchar({size})", nullable=False, default="''")
                for one, size in words.items()
            ),
            Column("status", "varchar(50)", nullable=False, default="'pending'"),
            *(
                Column(one, big, nullable=False, default="0")
                for one in ("created_at", "updated_at", "quota", "held_quota", "lease_until")
            ),
            *(
                Column(one, number, nullable=False, default="0")
                for one in ("channel_id", "user_id", "token_id", "legacy")
            ),
            Column("n", number, nullable=False, default="1"),
            Column("json_data", "text"),
            Column("external_task_id", "varchar(200)", collation=binary),
            Column("request_hash", "varchar(64)", nullable=False, default="''"),
            Column("kling_task_id", "varchar(200)", collation=binary),
            Column("callback_url", "text"),
        ),
        ("id",),
        (
            Index("idx_task_id", ("task_id",), unique=True),
            Index("idx_user_external", ("user_id", "external_task_id"), unique=True),
            *(Index(name, columns) for name, columns in _INDEXES),
        ),
        frozenset({Check("task_id_printable", printable)}),
    )

"""A database of one-api, as its own program makes it on MariaDB, MySQL and SQLite.

Written from a reading of the public sources of the fork that the deployment guide is about:
gorm makes `bigint` of Go's int, `longtext` of a string, and `varchar(191)` of one with an index.
"""

from __future__ import annotations

import hashlib
from typing import Any, Final

from kling_mock.relay.migration.database.session import Session, insert
from tests.mock.relay.migration import legacy, tables

#: Its name in `videos`, balance, status; 7 has spent more than it had, 9 is disabled.
USERS: Final = (
    (1, "root", 500_000_000_123, 1),
    (2, "çé", 0, 1),
    (7, "bo", -12, 1),
    (9, "disabled", 35, 2),
    (40, "anna", 2_147_483_647, 1),
)

_USERS: Final = """CREATE TABLE users (id {key}, username {name} UNIQUE, password {text} NOT NULL,
  display_name {name}, role int DEFAULT 1, status int DEFAULT 1, email {name}, github_id {name},
  wechat_id {name}, access_token char(32), quota bigint DEFAULT 0, used_quota bigint DEFAULT 0,
  request_count int DEFAULT 0, `group` varchar(32) DEFAULT 'Lv1', aff_code varchar(32),
  inviter_id int)"""
_TOKENS: Final = """CREATE TABLE tokens (id {key}, user_id bigint, `key` char(48) UNIQUE,
  status bigint DEFAULT 1, name {name}, created_time bigint, accessed_time bigint,
  expired_time bigint DEFAULT -1, remain_quota bigint DEFAULT 0,
  unlimited_quota tinyint(1) DEFAULT 0, used_quota bigint DEFAULT 0)"""
_CHANNELS: Final = """CREATE TABLE channels (id {key}, type bigint DEFAULT 0, `key` {text},
  status bigint DEFAULT 1, name {name}, weight bigint unsigned DEFAULT 0, created_time bigint,
  test_time bigint, response_time bigint, base_url varchar(191) DEFAULT '', other {text},
  balance double, balance_updated_time bigint, models {text},
  `group` varchar(32) DEFAULT 'default', used_quota bigint DEFAULT 0,
  model_mapping varchar(1024) DEFAULT '', priority bigint DEFAULT 0, config {text},
  channel_ratio double DEFAULT 1)"""
_OTHERS: Final = (
    "CREATE TABLE logs (id {key}, user_id bigint, created_at bigint, type bigint, content {text})",
    "CREATE TABLE options (`key` varchar(191) PRIMARY KEY, value {text})",
    """CREATE TABLE abilities (`group` varchar(32), model varchar(191), channel_id bigint,
  enabled tinyint(1), priority bigint, PRIMARY KEY (`group`, model, channel_id))""",
)

#: The fork's `videos` before the shapes of `legacy`: its first model, which called the user
#: `use_id`, and the one of January 2025, without a quota.
EARLY: Final = {
    "first-model": (
        *("prompt", "created_at", "task_id", "type", "provider", "mode", "duration", "username"),
        *("channel_id", "use_id"),
    ),
    "january-2025": (
        *("prompt", "created_at", "task_id", "type", "provider", "mode", "duration", "username"),
        *("channel_id", "user_id", "model", "status", "fail_reason", "video_id"),
    ),
}
_NUMBERS: Final = frozenset({"created_at", "channel_id", "use_id", "user_id"})


def key_of(token: int) -> str:
    """Return the key of a token, without `sk-`."""
    return hashlib.sha256(str(token).encode()).hexdigest()[:48]


def make(session: Session, shape: str = "gorm", count: int = 0) -> None:
    """Make the tables, with *count* more rows of `videos` than the clean ones."""
    is_mysql = session.dialect.is_mysql
    words = {
        "key": "bigint AUTO_INCREMENT PRIMARY KEY"
        if is_mysql
        else "integer PRIMARY KEY AUTOINCREMENT",
        "name": "varchar(191)",
        "text": "longtext" if is_mysql else "text",
    }
    for statement in (_USERS, _TOKENS, _CHANNELS, *_OTHERS):
        session.execute(statement.format(**words))
    insert(
        session,
        "users",
        ("id", "username", "quota", "status", "password", "used_quota", "request_count"),
        [(*user, "$2a$10$hash", 77, 3) for user in USERS],
    )
    insert(
        session,
        "tokens",
        (
            *("id", "user_id", "key", "status", "name", "created_time", "expired_time"),
            *("remain_quota", "unlimited_quota", "used_quota"),
        ),
        [
            (3, 1, key_of(3), 1, "mine", 1_700_000_000, -1, 0, 1, 5),
            (4, 7, key_of(4), 1, "limited", 1_700_000_001, 1_900_000_000, 12_345, 0, 0),
            (5, 40, key_of(5), 4, "exhausted", 1_700_000_002, -1, -3, 0, 0),
            (6, 39, key_of(6), 1, "of a user that is gone", 1_700_000_003, -1, 1, 1, 0),
        ],
    )
    channel = ("id", "type", "key", "name", "base_url", "models", "priority", "created_time")
    insert(
        session,
        "channels",
        channel,
        [
            (
                1,
                41,
                "ak|sk-secret",
                "Kling",
                "https://api.example.com",
                "kling-v1",
                5,
                1_700_000_000,
            ),
            (2, 41, "ak2|sk-secret", "Kling", "", "", 0, 1_700_000_000),
            (3, 1, "sk-openai", "OpenAI", "", "gpt-4o", 0, 1_700_000_000),
        ],
    )
    if shape in EARLY:
        _make_early(session, EARLY[shape], words["text"])
    else:
        tables.make(session, shape, [*legacy.CLEAN, *more(count)])


def _make_early(session: Session, columns: tuple[str, ...], text: str) -> None:
    types = (f"{column} {'bigint' if column in _NUMBERS else text}" for column in columns)
    session.execute(f"CREATE TABLE videos ({', '.join(types)})")
    read = ["user_id" if column == "use_id" else column for column in columns]
    clean = [dict(zip(legacy.COLUMNS, row, strict=True)) for row in legacy.CLEAN]
    insert(session, "videos", columns, [tuple(row.get(column) for column in read) for row in clean])


def more(count: int) -> list[tuple[Any, ...]]:
    """Return *count* rows of the users, every 300th of which has not ended."""
    rows = []
    for number in range(count):
        row = dict(zip(legacy.COLUMNS, legacy.CLEAN[0], strict=True))
        row |= {
            "task_id": f"old-{number:07}",
            "created_at": 1_600_000_000 + number % 9_973,
            "user_id": USERS[number % len(USERS)][0],
            "status": "submitted" if number % 300 == 0 else "succeed",
            "prompt": "鱼" * (number % 200),
        }
        rows.append(tuple(row[name] for name in legacy.COLUMNS))
    return rows

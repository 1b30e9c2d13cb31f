"""The shapes in which old `videos` tables are found, as statements and rows.

What gorm makes of the Go models, what the guide's SQL and the repository's script make of it,
and every half-way state in between. Written from a reading of the public sources.
"""

from __future__ import annotations

import re
from typing import Any, Final

_GORM_MYSQL: Final = """
  `prompt` longtext, `created_at` bigint DEFAULT NULL, `task_id` {task_id},
  `type` longtext, `provider` longtext, `mode` longtext, `duration` longtext,
  `resolution` longtext, `username` longtext, `channel_id` bigint DEFAULT NULL,
  `user_id` bigint DEFAULT NULL, `model` longtext, `status` longtext, `fail_reason` longtext,
  `video_id` longtext, `store_url` longtext, `quota` bigint DEFAULT NULL,
  `n` bigint DEFAULT NULL, `credentials` longtext"""

#: The deployment guide's statements in section 2.3, as written there.
GUIDE: Final = (
    (
        "ALTER TABLE `videos` \n"
        "ADD COLUMN `id` BIGINT UNSIGNED NOT NULL AUTO_INCREMENT FIRST,\n"
        "ADD PRIMARY KEY (`id`)"
    ),
    "ALTER TABLE `videos` DROP INDEX IF EXISTS `idx_tid`",
    (
        "ALTER TABLE `videos` \n"
        "MODIFY COLUMN `task_id` VARCHAR(200) NOT NULL COMMENT '业务任务ID',\n"
        "ADD UNIQUE INDEX `idx_task_id` (`task_id`(40))"
    ),
    (
        "ALTER TABLE `videos` \n"
        "ADD INDEX IF NOT EXISTS `idx_created_at` (`created_at`),\n"
        "ADD INDEX IF NOT EXISTS `idx_user_id` (`user_id`),\n"
        "ADD INDEX IF NOT EXISTS `idx_channel_id` (`channel_id`),\n"
        "ADD INDEX IF NOT EXISTS `idx_status` (`status`),\n"
        "ADD INDEX IF NOT EXISTS `idx_video_id` (`video_id`(40)),\n"
        "ADD INDEX IF NOT EXISTS `idx_user_created` (`user_id`, `created_at`),\n"
        "ADD INDEX IF NOT EXISTS `idx_channel_created` (`channel_id`, `created_at`)"
    ),
)

#: The guide's rollback, as written there.
GUIDE_ROLLBACK: Final = (
    "ALTER TABLE `videos` DROP PRIMARY KEY",
    "ALTER TABLE `videos` DROP COLUMN `id`",
    "ALTER TABLE `videos` DROP INDEX `idx_task_id`",
    "ALTER TABLE `videos` ADD INDEX `idx_tid` (`task_id`(40))",
)

#: What the repository's script does after the guide's first two statements.
_SCRIPT_REST: Final = (
    GUIDE[2],
    (
        "ALTER TABLE `videos` ADD INDEX `idx_user_id` (`user_id`), "
        "ADD INDEX `idx_channel_id` (`channel_id`), ADD INDEX `idx_status` (`status`), "
        "ADD INDEX `idx_video_id` (`video_id`(40))"
    ),
    (
        "ALTER TABLE `videos` ADD COLUMN IF NOT EXISTS `updated_at` BIGINT NOT NULL DEFAULT 0 "
        "AFTER `created_at`, ADD COLUMN IF NOT EXISTS `json_data` TEXT"
    ),
)

_GORM: Final = (
    (
        f"CREATE TABLE `videos` ({_GORM_MYSQL.format(task_id='longtext')}) "
        "ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci"
    ),
    "CREATE INDEX `idx_tid` ON `videos` (`task_id`(40))",
)
_TASK_ID_KEY: Final = (
    (
        f"CREATE TABLE `videos` ({_GORM_MYSQL.format(task_id='varchar(200) NOT NULL')}, "
        "PRIMARY KEY (`task_id`)) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci"
    ),
)
_GO_SEED: Final = (
    (
        "CREATE TABLE `videos` (`id` bigint NOT NULL AUTO_INCREMENT, "
        f"{_GORM_MYSQL.format(task_id='varchar(200) NOT NULL')}, `updated_at` bigint DEFAULT NULL, "
        "`json_data` longtext, PRIMARY KEY (`id`), UNIQUE KEY `idx_task_id` (`task_id`(40)), "
        "KEY `idx_user_id` (`user_id`), KEY `idx_channel_id` (`channel_id`), "
        "KEY `idx_status` (`status`(191)), KEY `idx_video_id` (`video_id`(191))) "
        "ENGINE=InnoDB DEFAULT CHARSET=utf8mb4"
    ),
)
_GO_HEAD: Final = (
    (
        "CREATE TABLE `videos` (`id` bigint NOT NULL AUTO_INCREMENT, "
        f"{_GORM_MYSQL.format(task_id='varchar(200) DEFAULT NULL')}, "
        "`updated_at` bigint DEFAULT NULL, `result` longtext, "
        "`total_duration` bigint DEFAULT NULL, `token_id` bigint DEFAULT NULL, "
        "`callback_url` longtext, `callback_status` varchar(20), "
        "`callback_time` bigint DEFAULT NULL, `callback_error` longtext, `sound` varchar(20), "
        "`voice_list` longtext, `video_duration` longtext, PRIMARY KEY (`id`), "
        "KEY `idx_videos_task_id` (`task_id`(40)), KEY `idx_videos_provider` (`provider`(50)), "
        "KEY `idx_videos_user_id` (`user_id`), KEY `idx_videos_channel_id` (`channel_id`), "
        "KEY `idx_videos_token_id` (`token_id`), KEY `idx_videos_status` (`status`(50)), "
        "KEY `idx_videos_video_id` (`video_id`(40))) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4"
    ),
)

#: The statements that make each shape on MariaDB or MySQL; rows go in after the first that
#: is no longer a CREATE, as they did in reality.
MARIADB: Final[dict[str, tuple[tuple[str, ...], tuple[str, ...]]]] = {
    "gorm": (_GORM, ()),
    "gorm-without-index": (_GORM[:1], ()),
    "task-id-key": (_TASK_ID_KEY, ()),
    "guide-step-1": (_GORM, GUIDE[:1]),
    "guide-step-2": (_GORM, GUIDE[:2]),
    "guide-step-3": (_GORM, GUIDE[:3]),
    "guide": (_GORM, GUIDE),
    "script-step-4": (_GORM, (*GUIDE[:2], *_SCRIPT_REST[:2])),
    "script": (_GORM, (*GUIDE[:2], *_SCRIPT_REST)),
    "go-seed": (_GO_SEED, ()),
    "go-head": (_GO_HEAD, ()),
}

_GORM_SQL: Final = (
    "{id}prompt text, created_at {int}, task_id text{task_id}, type text, provider text, "
    "mode text, duration text, resolution text, username text, channel_id {int}, "
    "user_id {int}, model text, status text, fail_reason text, video_id text, "
    "store_url text, quota {int}, n {int}, credentials text{more}"
)


def _elsewhere(number: str, key: str) -> dict[str, tuple[tuple[str, ...], tuple[str, ...]]]:
    """Return the shapes that one-api makes on SQLite and PostgreSQL, where no guide ran."""

    def table(**parts: str) -> str:
        fields = {"id": "", "task_id": "", "more": "", "int": number, **parts}
        return f"CREATE TABLE videos ({_GORM_SQL.format(**fields)})"

    index = "CREATE INDEX idx_tid ON videos (task_id)"
    seed = f", updated_at {number}, json_data text"
    head = f"{seed.partition(', json')[0]}, result text, total_duration {number}, token_id {number}"
    return {
        "gorm": ((table(), index), ()),
        "gorm-without-index": ((table(),), ()),
        "task-id-key": ((table(more=", PRIMARY KEY (task_id)", task_id=" NOT NULL"),), ()),
        "go-seed": (
            (
                table(id=key, more=seed, task_id=" NOT NULL"),
                "CREATE UNIQUE INDEX idx_task_id ON videos (task_id)",
                "CREATE INDEX idx_user_id ON videos (user_id)",
            ),
            (),
        ),
        "go-head": (
            (
                table(id=key, more=f"{head}, callback_url text"),
                "CREATE INDEX idx_videos_task_id ON videos (task_id)",
                "CREATE INDEX idx_videos_provider ON videos (provider)",
            ),
            (),
        ),
    }


SQLITE: Final = _elsewhere("integer", "id integer PRIMARY KEY AUTOINCREMENT, ")
POSTGRESQL: Final = _elsewhere("bigint", "id bigserial PRIMARY KEY, ")

#: Columns of a row below; the others stay NULL, as gorm leaves columns that it added later.
COLUMNS: Final = (
    *("prompt", "created_at", "task_id", "type", "provider", "duration", "username"),
    *("channel_id", "user_id", "model", "status", "fail_reason", "video_id", "quota", "n"),
)

#: Honest rows: texts beyond ASCII, ids alike at their start, a Kling id, all ends.
CLEAN: Final[tuple[tuple[Any, ...], ...]] = (
    ("一只可爱的小猫 🐈", 1_700_000_300, "kling_" + "a" * 32, "text2video", "kling", "5", "anna",
     1, 1, "kling-v1-5-std", "succeed", "", "812345678901234567", 350_000, 1),
    ("", 1_700_000_100, "812345678901234568", "image2video", "kling", "10", "bo",
     2, 7, "kling-v1-6-pro", "failed", "risk control", "", 0, 0),
    ("sea", 1_700_000_200, "kling_" + "b" * 32, "omni-video", "kling", "5", "anna",
     1, 1, "kling-video-o1", "processing", None, None, 560_000, 1),
    ("'; DROP TABLE videos; -- %s ?", 1_700_000_200, "luma-0001", "", "luma", "", "çé",
     3, 2, "luma", "pending", "", "", 12, 0),
)  # fmt: skip

#: A row that stops an upgrade, by the finding that names it.
BLOCKERS: Final[dict[str, tuple[tuple[str, Any], ...]]] = {
    "null-task-id": (("task_id", None),),
    "empty-task-id": (("task_id", ""),),
    "duplicate-task-id": (("task_id", "luma-0001"),),
    "long-task-id": (("task_id", "x" * 201),),
    "odd-task-id": (("task_id", "kl é"),),
    "negative-quota": (("quota", -350_000),),
    "milliseconds-created-at": (("created_at", 1_766_707_200_123),),
    "range-channel-id": (("channel_id", 2**31),),
    "long-model": (("model", "m" * 101),),
}


#: The word that resolves each; `range-…` is for the operator to decide by hand.
RESOLUTIONS: Final = {
    "null-task-id": "generate",
    "empty-task-id": "generate",
    "duplicate-task-id": "rename",
    "long-task-id": "generate",
    "odd-task-id": "generate",
    "negative-quota": "absolute",
    "milliseconds-created-at": "to-seconds",
    "long-model": "cut",
}


def blocking_row(name: str) -> tuple[Any, ...]:
    """Return a row like the second clean one, with what the finding *name* is about."""
    row = dict(zip(COLUMNS, CLEAN[1], strict=True))
    row |= {"task_id": "blocking-1", "prompt": "blocking"}
    row.update(BLOCKERS[name])
    return tuple(row[column] for column in COLUMNS)


#: Shapes whose `task_id` takes NULL and anything twice: no key and no unique index.
_FREE: Final = frozenset({"gorm", "gorm-without-index", "guide-step-1", "guide-step-2", "go-head"})
#: Shapes on MariaDB whose `task_id` is not yet VARCHAR(200).
_LONG: Final = _FREE - {"go-head"}


def family(dialect: str) -> str:
    """Return `mariadb` for MySQL too: the tables and the ways of an upgrade are the same."""
    return "mariadb" if dialect == "mysql" else dialect


def worded(statement: str, dialect: str) -> str:
    """Return a statement of the guide as the server takes it.

    The guide's `DROP INDEX IF EXISTS` and `ADD INDEX IF NOT EXISTS` are MariaDB's own, and MariaDB
    shortens an index over a text by itself. MySQL refuses both, so that an operator there has
    left the words out and given a length.
    """
    if dialect != "mysql":
        return statement
    statement = re.sub(r"IF (NOT )?EXISTS ", "", statement)
    return statement.replace("(`status`)", "(`status`(191))")


def impossible(shape: str, dialect: str) -> dict[str, str]:
    """Return the blockers that a table of this shape cannot hold, each with the reason."""
    reasons: dict[str, str] = {}
    dialect = family(dialect)
    if shape not in _FREE:
        reasons["null-task-id"] = "task_id is NOT NULL"
        reasons["duplicate-task-id"] = "task_id is a key, or has a unique index"
    if dialect == "mariadb" and shape not in _LONG:
        reasons["long-task-id"] = "task_id is VARCHAR(200)"
    if shape == "ours":
        reasons["empty-task-id"] = reasons["odd-task-id"] = "a CHECK on task_id"
        if dialect == "mariadb":
            reasons["range-channel-id"] = "channel_id is INT"
        if dialect != "sqlite":
            reasons["long-task-id"] = "task_id is VARCHAR(200)"
            reasons["long-model"] = "model is VARCHAR(100)"
    return reasons


def harmless(shape: str, dialect: str) -> dict[str, str]:
    """Return the blockers that are none for this shape, each with the reason."""
    reasons: dict[str, str] = {}
    dialect = family(dialect)
    if dialect != "mariadb":
        reasons["range-channel-id"] = "channel_id keeps its 64 bits"
    if dialect == "sqlite" and shape == "ours":
        reasons["long-task-id"] = reasons["long-model"] = "SQLite does not look at VARCHAR's length"
    if shape == "ours":
        reasons["negative-quota"] = "nothing is upgraded, so nothing is in the way"
        reasons["milliseconds-created-at"] = reasons["negative-quota"]
    return reasons


def blockers(shape: str, dialect: str) -> list[str]:
    """Return the blockers whose row a table of this shape can hold at all."""
    without = {*impossible(shape, dialect), *harmless(shape, dialect)}
    return [blocker for blocker in BLOCKERS if blocker not in without]

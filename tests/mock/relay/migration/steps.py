"""The named steps of an upgrade: each statement that changes something has a name here."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

#: Statements that leave nothing behind.
_NOTHING: Final = (
    *("SET ", "BEGIN", "LOCK TABLE", "SAVEPOINT", "ROLLBACK"),
    *("CREATE TEMPORARY TABLE", "DROP TEMPORARY TABLE", "LOCK TABLES", "UNLOCK TABLES"),
)

#: Statements about the temporary tables with which a check compares and tries.
_COMPARED: Final = ("kling_migration_compare", "kling_migration_trial")

_NAMES: Final = (
    ("state table", r"CREATE TABLE IF NOT EXISTS migration_state"),
    ("changes table", r"CREATE TABLE IF NOT EXISTS migration_changes"),
    ("origin", r"INSERT INTO migration_state .*:origin$"),
    ("upgrading", r"(INSERT INTO|UPDATE) migration_state .*:upgrading$"),
    ("rows counted", r"(INSERT INTO|UPDATE) migration_state .*:rows$"),
    ("rows summed", r"(INSERT INTO|UPDATE) migration_state .*:checksum$"),
    ("copy begun", r"INSERT INTO migration_state .*:online$"),
    ("place noted", r"UPDATE migration_state .*:online$"),
    ("tables to make", r"(INSERT INTO|UPDATE) migration_state .*:made$"),
    ("origin forgotten", r"DELETE FROM migration_state .*:origin:rows:checksum"),
    ("changes forgotten", r"DELETE FROM migration_changes WHERE NOT"),
    ("marks forgotten", r"DELETE FROM migration_state .*:online:"),
    ("upgraded", r"DELETE FROM migration_state .*:upgrading:swapped"),
    ("state emptied", r"DELETE FROM migration_state:$"),
    ("id changed", r"UPDATE .(videos|kling_migration_old). SET task_id = (CONCAT|')"),
    ("id remembered", r"INSERT INTO migration_changes .*SELECT 'task_id'"),
    ("value remembered", r"INSERT (IGNORE )?INTO migration_changes .*SELECT"),
    ("quota changed", r"UPDATE .(videos|kling_migration_old). SET .quota. = ABS"),
    ("stage made", r"CREATE TABLE kling_migration_old LIKE `videos`"),
    ("stage filled", r"INSERT INTO kling_migration_old SELECT"),
    ("stage gone", r"DROP TABLE kling_migration_old"),
    ("copy made", r"CREATE TABLE kling_migration_new LIKE"),
    ("copy altered", r"ALTER TABLE `kling_migration_new` ADD COLUMN"),
    ("indexes gone", r"ALTER TABLE `kling_migration_new` DROP INDEX"),
    ("copy filled", r"INSERT INTO `kling_migration_new`"),
    ("indexes made", r"ALTER TABLE `kling_migration_new` ADD UNIQUE INDEX"),
    ("renamed", r"RENAME TABLE videos TO kling_migration_old"),
    ("copies gone", r"DROP TABLE IF EXISTS kling_migration_new, kling_migration_old"),
    ("old gone", r"DROP TABLE IF EXISTS kling_migration_old"),
    ("times filled", r"UPDATE .videos. SET updated_at = created_at"),
    ("renamed", r'ALTER TABLE "videos" RENAME TO "videos_before_migration"'),
    ("old index gone", r'DROP INDEX "idx_tid"'),
    ("made", r'CREATE TABLE "videos"'),
    ("filled", r'INSERT INTO "videos"'),
    ("old gone", r'DROP TABLE "videos_before_migration"'),
    ("key made", r'ALTER TABLE "videos" ADD PRIMARY KEY'),
    ("index made", r'CREATE (UNIQUE )?INDEX "\w+" ON "videos"'),
    ("counter set", r"SELECT set(val|_config)|(DELETE FROM|INSERT INTO) sqlite_sequence"),
    ("insert trigger gone", r"DROP TRIGGER IF EXISTS kling_migration_insert"),
    ("update trigger gone", r"DROP TRIGGER IF EXISTS kling_migration_update"),
    ("delete trigger gone", r"DROP TRIGGER IF EXISTS kling_migration_delete"),
    ("insert watcher gone", r"DROP TRIGGER IF EXISTS kling_migration_watch_insert"),
    ("update watcher gone", r"DROP TRIGGER IF EXISTS kling_migration_watch_update"),
    ("delete watcher gone", r"DROP TRIGGER IF EXISTS kling_migration_watch_delete"),
    ("insert watcher", r"CREATE TRIGGER kling_migration_watch_insert"),
    ("update watcher", r"CREATE TRIGGER kling_migration_watch_update"),
    ("delete watcher", r"CREATE TRIGGER kling_migration_watch_delete"),
    ("swap noted", r"(INSERT INTO|UPDATE) migration_state .*:(true:)?swapped(:true)?$"),
    ("resolutions noted", r"(INSERT INTO|UPDATE) migration_state .*:resolutions$"),
    ("deleted rows forgotten", r"DELETE FROM migration_changes WHERE column_name = \?"),
    ("rows marked", r"UPDATE videos SET legacy = 1"),
    ("shadow gone", r"DROP TABLE IF EXISTS videos_migrating"),
    ("index for the copy", r"ALTER TABLE videos ADD INDEX kling_migration_created"),
    ("index for the copy gone", r"ALTER TABLE videos(_before_migration)? DROP INDEX"),
    ("shadow made", r"CREATE TABLE videos_migrating LIKE videos"),
    ("shadow numbered", r"ALTER TABLE videos_migrating AUTO_INCREMENT"),
    ("shadow altered", r"ALTER TABLE `videos_migrating`"),
    ("insert trigger", r"CREATE TRIGGER kling_migration_insert"),
    ("update trigger", r"CREATE TRIGGER kling_migration_update"),
    ("delete trigger", r"CREATE TRIGGER kling_migration_delete"),
    ("triggers tried", r"(INSERT INTO|UPDATE|DELETE FROM) videos .*kling_migration_try"),
    ("table recorded", r"(INSERT INTO|UPDATE) migration_state .*:recorded$"),
    ("rows copied", r"INSERT INTO videos_migrating"),
    ("swapped", r"RENAME TABLE videos TO videos_before_migration, videos_migrating TO videos"),
    ("a table beside", r"CREATE TABLE IF NOT EXISTS (?!migration_)\w+ \("),
    ("an index beside", r"CREATE (UNIQUE )?INDEX IF NOT EXISTS"),
    ("value put back", r"UPDATE .videos. SET .\w+. = \(SELECT old_value"),
    ("state dropped", r"DROP TABLE IF EXISTS migration_(state|changes)"),
    ("version emptied", r"DELETE FROM schema_version"),
    ("version written", r"INSERT INTO schema_version"),
)

_BEGIN: Final = ("state table", "changes table", "origin", "upgrading")
_FIT: Final = ("id remembered", "id changed", "value remembered", "quota changed")
_END: Final = (
    *("tables to make", "a table beside", "version emptied", "version written", "upgraded"),
)
_TRIGGERS: Final = ("delete trigger", "update trigger", "insert trigger")
_WATCHED: Final = tuple(
    step
    for event in ("delete", "update", "insert")
    for step in (f"{event} watcher gone", f"{event} watcher")
)
_GONE: Final = tuple(f"{trigger} gone" for trigger in reversed(_TRIGGERS))
_REBUILT: Final = ("renamed", "old index gone", "made", "filled", "old gone")
_BESIDE: Final = (
    "tables to make",
    "a table beside",
    "an index beside",
    *_END[2:],
    "committed: upgraded",
)

#: The steps of each way, in the order in which each is met first.
STEPS: Final[dict[tuple[str, str], tuple[str, ...]]] = {
    ("mariadb", "direct"): (
        *(*_BEGIN, "stage made", "stage filled", *_FIT, "rows counted", "rows summed"),
        *("copy made", "copy altered", "indexes gone", "copy filled", "indexes made"),
        *("stage gone", "renamed", "old gone", *_END),
    ),
    ("mariadb", "online"): (
        *(*_BEGIN, *_GONE, "shadow gone", "marks forgotten"),
        *("index for the copy", "shadow made", "shadow altered", "shadow numbered"),
        *(
            *_TRIGGERS,
            "table recorded",
            "resolutions noted",
            "triggers tried",
            "copy begun",
            "rows copied",
            "place noted",
            "committed: place noted",
        ),
        *_WATCHED,
        *("swapped", "index for the copy gone", "swap noted"),
        *("value remembered", "id remembered", "deleted rows forgotten", "rows marked"),
        "quota changed",
        *("times filled", "rows counted", "rows summed", "committed: rows summed"),
        *_END,
    ),
    ("sqlite", "direct"): (
        *(*_BEGIN, *_FIT, "rows counted", "rows summed", *_REBUILT, "index made"),
        *_BESIDE,
    ),
    ("postgresql", "direct"): (
        *(*_BEGIN, *_FIT, "rows counted", "rows summed", *_REBUILT, "key made", "index made"),
        *("counter set", *_BESIDE),
    ),
}


class Steps:
    """Turns statements into names; give it to `Watched`."""

    def __init__(self, report: Callable[[str], None]) -> None:
        self._report = report
        self._last = "nothing"
        self._compares = False

    def __call__(self, sql: str, parameters: tuple[object, ...]) -> None:
        text = " ".join(sql.split())
        if text.startswith(("SAVEPOINT", "ROLLBACK TO")):
            self._compares = text.startswith("SAVEPOINT")
        if (
            self._compares
            or text.startswith(_NOTHING)
            or any(phrase in text for phrase in _COMPARED)
        ):
            self._last = "nothing"
            return
        name = f"committed: {self._last}" if text == "COMMIT" else named(text, parameters)
        self._last = name
        self._report(name)


def named(text: str, parameters: tuple[object, ...]) -> str:
    """Return the name of the step that is this statement."""
    if "migration_state" in text:  # which value it is stands in a parameter
        words = [str(parameter) for parameter in parameters]
        text += ":" + ":".join(word for word in words if word.isidentifier())
    for name, pattern in _NAMES:
        if re.match(pattern, text):
            return name
    raise AssertionError(f"a step without a name: {text}")

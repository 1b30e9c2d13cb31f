"""The thirteen tables. No foreign keys: they would lock rows in an order of their own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal, NamedTuple

from kling_mock.relay.storage.schema.model import Check, Column, Dialect, Index, Table

#: The schema version, increased by one with every change of a table; `schema_version` stores it.
VERSION: Final = 10

#: `videos.legacy` of a row that another program has written after the upgrade.
WRITTEN_BY_OTHERS: Final = 2


class _Row(NamedTuple):
    """A column of every database.

    Attributes:
        name: Its name.
        kind: `key` (a number that the database generates), `whole` (a small number, or an id of a
            small table: the guide's INT), `big` (a time, an amount of quota, or a count), `text`
            (without a limit), or a text of at most *length* characters: `string` (for people,
            compared with the database's default collation), `exact` (compared byte for byte) or
            `ascii` (the same for ASCII).
        length: Maximum length in characters; 0 for numbers and `text`.
        default: The default; `None` if there is none.
        nullable: Whether it takes NULL.
    """

    name: str
    kind: Literal["key", "whole", "big", "text", "string", "exact", "ascii"]
    length: int = 0
    default: int | str | None = None
    nullable: bool = False


_KEY: Final = _Row("id", "key")
_ID: Final = ("id",)


def _whole(name: str, default: int | None = 0) -> _Row:
    return _Row(name, "whole", default=default)


def _big(name: str, default: int | None = 0) -> _Row:
    return _Row(name, "big", default=default)


def _text(name: str) -> _Row:
    # Nullable and without a default, as in the guide: MySQL's TEXT can have none before 8.0.13.
    return _Row(name, "text", nullable=True)


def _string(name: str, length: int) -> _Row:
    return _Row(name, "string", length, "")


def _exact(name: str, length: int, default: str | None = "") -> _Row:
    return _Row(name, "exact", length, default)


def _ascii(name: str, length: int, default: str | None = None) -> _Row:
    return _Row(name, "ascii", length, default)


def _null(row: _Row) -> _Row:
    """Return a column that is NULL by default."""
    return row._replace(default=None, nullable=True)


class _Rows(NamedTuple):
    """A table of every database.

    Attributes:
        name: Its name.
        columns: Its columns.
        primary: The columns of its key.
        indexes: Its indexes. One for pages ends with the number; it is left out where every index
            ends with it by itself.
    """

    name: str
    columns: tuple[_Row, ...]
    primary: tuple[str, ...]
    indexes: tuple[Index, ...] = ()


#: The guide's columns of `videos`, in its order.
_GUIDE: Final = (
    _KEY,
    _ascii("task_id", 200),
    _text("prompt"),
    _big("created_at"),
    _big("updated_at"),
    _string("type", 50),
    _string("provider", 50),
    _string("mode", 50),
    _string("duration", 20),
    _string("resolution", 20),
    _string("username", 100),
    _whole("channel_id"),
    _whole("user_id"),
    _string("model", 100),
    _exact("status", 50, "pending"),
    _text("fail_reason"),
    _string("video_id", 200),
    _text("store_url"),
    _big("quota"),
    _whole("n", 1),
    _text("credentials"),
    _text("json_data"),
)
#: The columns of `videos` that this project added.
_ADDED: Final = (
    _null(_exact("external_task_id", 200)),
    _ascii("request_hash", 64, ""),
    _null(_exact("kling_task_id", 200)),
    _exact("channel_key_id", 64),
    _whole("token_id"),
    _big("held_quota"),
    _null(_big("next_poll_at")),
    _big("lease_until"),
    _text("callback_url"),
    # The relay itself writes 0 or 1. The default marks rows of programs that do not know it.
    _whole("legacy", WRITTEN_BY_OTHERS),
    _big("attempt_until"),
    _null(_big("not_found_at")),
    _null(_exact("service", 255)),
)

#: In the order in which a script creates them: the version last, so that it means "complete".
_ROWS: Final = (
    _Rows(
        "users",
        (
            _KEY,
            _exact("username", 100, None),
            _whole("status", 1),
            _big("quota"),
            _big("held_quota"),
            _big("used_quota"),
            _big("request_count"),
            _big("created_at"),
            _null(_big("legacy_id")),
            _big("credited_quota"),
        ),
        _ID,
        (Index("idx_users_username", ("username",), unique=True),),
    ),
    _Rows(
        "old_users",
        (
            # The number by which rows of an old program call a user: several may be one user's.
            _big("number", None),
            # 0: the operator has declared that the number is nobody's.
            _whole("user_id", None),
        ),
        ("number",),
        (Index("idx_old_users_user", ("user_id",)),),
    ),
    _Rows(
        "tokens",
        (
            _KEY,
            _whole("user_id", None),
            _ascii("token_hash", 64),
            _string("name", 100),
            _whole("status", 1),
            _null(_big("expires_at")),
            _whole("unlimited"),
            _big("remain_quota"),
            _big("held_quota"),
            _big("used_quota"),
            _big("created_at"),
        ),
        _ID,
        (
            Index("idx_tokens_hash", ("token_hash",), unique=True),
            Index("idx_tokens_user", ("user_id",)),
        ),
    ),
    _Rows(
        "channels",
        (
            _KEY,
            _exact("name", 100, None),
            _string("base_url", 255),
            _text("api_keys"),
            _text("model_mapping"),
            _text("models"),
            _text("webhook_secrets"),
            _whole("priority"),
            _whole("weight", 1),
            _whole("status", 1),
            _whole("type", 41),
            _big("used_quota"),
            _big("created_at"),
            _big("deleted_id"),
            _exact("service", 255),
        ),
        _ID,
        # deleted_id is 0, or the channel's own id once it is deleted: only names in use collide.
        (Index("idx_channels_name", ("name", "deleted_id"), unique=True),),
    ),
    _Rows(
        "videos",
        (*_GUIDE, *_ADDED),
        _ID,
        (
            Index("idx_task_id", ("task_id",), unique=True),
            Index("idx_created_at", ("created_at",)),
            Index("idx_user_id", ("user_id", "id")),
            Index("idx_user_type", ("user_id", "type", "legacy", "id")),
            Index("idx_channel_id", ("channel_id",)),
            Index("idx_status", ("status",)),
            Index("idx_video_id", ("video_id",)),
            Index("idx_user_created", ("user_id", "created_at")),
            Index("idx_channel_created", ("channel_id", "created_at")),
            Index("idx_user_external", ("user_id", "external_task_id"), unique=True),
            # Kling's id comes first: a callback without our own id is looked up by it alone.
            Index("idx_kling_task", ("kling_task_id", "channel_id"), unique=True),
            # A row without a service is ignored: an older relay wrote it, or its id was taken.
            Index("idx_kling_service", ("kling_task_id", "service"), unique=True),
            # NULL once a row has ended, so the sweeper's index holds open tasks only.
            Index("idx_next_poll", ("next_poll_at",)),
        ),
    ),
    _Rows(
        "ledger",
        (
            _KEY,
            _ascii("kind", 20),
            _ascii("reference", 200),
            _whole("user_id", None),
            _whole("token_id"),
            _whole("channel_id"),
            _big("amount", None),
            _big("uncollected"),
            _string("note", 255),
            _big("created_at"),
        ),
        _ID,
        (
            Index("idx_ledger_reference", ("reference", "kind"), unique=True),
            Index("idx_ledger_user", ("user_id", "id")),
            # The charges of each channel are added up from the index alone.
            Index("idx_ledger_channel", ("kind", "channel_id", "amount")),
        ),
    ),
    _Rows(
        "outbox",
        (
            _KEY,
            _ascii("event_id", 200),
            _ascii("task_id", 200),
            _whole("user_id", None),
            _text("url"),
            _text("body"),
            _ascii("state", 20, "pending"),
            _whole("attempts"),
            _big("next_at"),
            _big("lease_until"),
            _whole("http_status"),
            _string("error", 255),
            _big("created_at"),
            _big("updated_at"),
        ),
        _ID,
        (
            Index("idx_outbox_event", ("event_id",), unique=True),
            Index("idx_outbox_due", ("state", "next_at")),
        ),
    ),
    _Rows(
        "reports",
        (
            _KEY,
            _ascii("task_id", 200),
            _exact("status", 50, None),
            _whole("user_id", None),
            _whole("channel_id"),
            _null(_exact("kling_task_id", 200)),
            _string("source", 50),
            _big("quota"),
            _text("json_data"),
            _whole("seen", 1),
            _big("first_at"),
            _big("last_at"),
        ),
        _ID,
        (Index("idx_reports_task", ("task_id", "status"), unique=True),),
    ),
    _Rows(
        "receivers",
        (
            _KEY,
            _whole("user_id", None),
            _ascii("host", 255),
            _whole("failures"),
            _big("failing_since"),
            _big("last_at"),
            _big("off_at"),
        ),
        _ID,
        (Index("idx_receivers_host", ("user_id", "host"), unique=True),),
    ),
    _Rows(
        "webhook_secrets",
        (
            _whole("user_id", None),
            _whole("generation"),
            _big("overlap_until"),
        ),
        ("user_id",),
    ),
    _Rows(
        "secrets",
        (
            _ascii("name", 64),
            _text("value"),
        ),
        ("name",),
    ),
    _Rows(
        "processes",
        (
            _ascii("name", 64),
            _big("beats"),
            _big("beat_at"),
            _text("padding"),
        ),
        ("name",),
    ),
    _Rows(
        "schema_version",
        (_whole("version", None),),
        ("version",),
    ),
)


class _Types(NamedTuple):
    """The types of a database.

    Attributes:
        types: By kind of a column, its type; every other kind is a `varchar`.
        collations: By kind of a column, its collation, where it is not the database's default.
        printable: The condition that `task_id` is printable ASCII without spaces and not empty.
            Written with "no other character" because `$` also matches before a last line feed.
        appends_key: Whether every index ends with the integer key by itself.
    """

    types: Mapping[str, str]
    collations: Mapping[str, str]
    printable: str
    appends_key: bool = True


_MYSQL: Final = _Types(
    {"key": "bigint unsigned", "whole": "int", "big": "bigint", "text": "text"},
    {"exact": "utf8mb4_bin", "ascii": "ascii_bin"},
    "task_id <> '' AND task_id NOT REGEXP '[^!-~]'",
)
_TYPES: Final[Mapping[Dialect, _Types]] = {
    Dialect.MARIADB: _MYSQL,
    Dialect.MYSQL: _MYSQL,
    Dialect.POSTGRES: _Types(
        # asyncpg refuses a number that an INTEGER parameter could not hold, before any lookup.
        {"key": "bigint", "whole": "bigint", "big": "bigint", "text": "text"},
        {"exact": "C", "ascii": "C"},
        "task_id <> '' AND task_id !~ '[^!-~]'",
        appends_key=False,
    ),
    Dialect.SQLITE: _Types(
        {"key": "integer", "whole": "integer", "big": "integer", "text": "text"},
        {},  # it compares every text byte for byte unless a collation is named
        "task_id <> '' AND task_id NOT GLOB '*[^!-~]*'",
    ),
}


def _column(row: _Row, types: _Types) -> Column:
    default: Any = row.default
    return Column(
        row.name,
        types.types.get(row.kind) or f"varchar({row.length})",
        nullable=row.nullable,
        default=None if default is None else f"'{default}'" if row.length else str(default),
        collation=types.collations.get(row.kind, ""),
        auto=row.kind == "key",
    )


def _index(index: Index, types: _Types) -> Index:
    is_paged = index.columns[-1] == "id" and types.appends_key
    return Index(index.name, index.columns[:-1], index.unique) if is_paged else index


def _table(rows: _Rows, types: _Types) -> Table:
    check = Check("chk_videos_printable_task_id", types.printable)
    return Table(
        rows.name,
        tuple(_column(row, types) for row in rows.columns),
        rows.primary,
        tuple(_index(index, types) for index in rows.indexes),
        frozenset({check}) if rows.name == "videos" else frozenset(),
    )


#: The tables of each database.
TABLES: Final[Mapping[Dialect, tuple[Table, ...]]] = {
    dialect: tuple(_table(rows, types) for rows in _ROWS) for dialect, types in _TYPES.items()
}
#: Their names, in the order in which a script creates them.
TABLE_NAMES: Final = tuple(rows.name for rows in _ROWS)
#: The names of the columns that this project added to the guide's `videos`.
ADDED: Final = tuple(row.name for row in _ADDED)


def table_named(name: str, dialect: Dialect) -> Table:
    """Return a table.

    Raises:
        KeyError: There is no table of that name.
    """
    for table in TABLES[dialect]:
        if table.name == name:
            return table
    raise KeyError(name)

"""The thirteen tables. No foreign keys: they would lock rows in an order of their own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import attrs

from kling_mock.relay.storage.schema.model import Check, Column, Dialect, Index, Table

#: The schema version, increased by one with every change of a table; `schema_version` stores it.
VERSION: Final = 10

#: `videos.legacy` of a row that another program has written after the upgrade.
WRITTEN_BY_OTHERS: Final = 2


@attrs.frozen
class _Columns:
    """The columns of a database, by their content.

    Attributes:
        key_type: Type of the integer key, which the database generates.
        int_type: Type of a small whole number or an id of a small table: the guide's INT.
        big_type: Type of a time, an amount of quota, or a count.
        exact: Collation of texts that are compared byte for byte.
        ascii_exact: The same for ASCII.
        printable: Condition that `task_id` is printable ASCII without spaces and not empty.
            Written with "no other character" because `$` also matches before a last line feed.
        appends_key: Whether every index ends with the integer key by itself.
    """

    key_type: str
    int_type: str
    big_type: str
    exact: str
    ascii_exact: str
    printable: str
    appends_key: bool = True

    def key(self) -> Column:
        return Column("id", self.key_type, nullable=False, auto=True)

    def integer(self, name: str, default: int | None = 0) -> Column:
        return self._required(name, self.int_type, default)

    def big(self, name: str, default: int | None = 0) -> Column:
        return self._required(name, self.big_type, default)

    def big_or_null(self, name: str) -> Column:
        return Column(name, self.big_type)

    def text(self, name: str) -> Column:
        # Nullable and without a default, as in the guide: MySQL's TEXT can have none before 8.0.13.
        return Column(name, "text")

    def string(self, name: str, length: int) -> Column:
        """Return a column of text for people, compared with the database's default collation."""
        return self._required(name, f"varchar({length})", "")

    def binary(self, name: str, length: int, default: str | None = "") -> Column:
        return self._required(name, f"varchar({length})", default, self.exact)

    def binary_or_null(self, name: str, length: int) -> Column:
        return Column(name, f"varchar({length})", collation=self.exact)

    def ascii(self, name: str, length: int, default: str | None = None) -> Column:
        return self._required(name, f"varchar({length})", default, self.ascii_exact)

    def paged(self, name: str, *columns: str) -> Index:
        """Return an index for pages by the integer key, which has to end with that key."""
        return Index(name, columns if self.appends_key else (*columns, "id"))

    def _required(
        self, name: str, kind: str, default: int | str | None, collation: str = ""
    ) -> Column:
        literal = f"'{default}'" if isinstance(default, str) else default
        return Column(
            name,
            kind,
            nullable=False,
            default=None if literal is None else str(literal),
            collation=collation,
        )


_MYSQL: Final = _Columns(
    key_type="bigint unsigned",
    int_type="int",
    big_type="bigint",
    exact="utf8mb4_bin",
    ascii_exact="ascii_bin",
    printable="task_id <> '' AND task_id NOT REGEXP '[^!-~]'",
)
_COLUMNS: Final[Mapping[Dialect, _Columns]] = {
    Dialect.MARIADB: _MYSQL,
    Dialect.MYSQL: _MYSQL,
    Dialect.POSTGRES: _Columns(
        key_type="bigint",
        # asyncpg refuses a number that an INTEGER parameter could not hold, before any lookup.
        int_type="bigint",
        big_type="bigint",
        exact="C",
        ascii_exact="C",
        printable="task_id <> '' AND task_id !~ '[^!-~]'",
        appends_key=False,
    ),
    Dialect.SQLITE: _Columns(
        key_type="integer",
        int_type="integer",
        big_type="integer",
        # SQLite compares every text byte for byte unless a collation is named.
        exact="",
        ascii_exact="",
        printable="task_id <> '' AND task_id NOT GLOB '*[^!-~]*'",
    ),
}

_ID: Final = ("id",)


def _users(c: _Columns) -> Table:
    return Table(
        "users",
        (
            c.key(),
            c.binary("username", 100, None),
            c.integer("status", 1),
            c.big("quota"),
            c.big("held_quota"),
            c.big("used_quota"),
            c.big("request_count"),
            c.big("created_at"),
            c.big_or_null("legacy_id"),
            c.big("credited_quota"),
        ),
        _ID,
        (Index("idx_users_username", ("username",), unique=True),),
    )


def _old_users(c: _Columns) -> Table:
    return Table(
        "old_users",
        (
            # The number by which rows of an old program call a user: several may be one user's.
            c.big("number", None),
            # 0: the operator has declared that the number is nobody's.
            c.integer("user_id", None),
        ),
        ("number",),
        (Index("idx_old_users_user", ("user_id",)),),
    )


def _tokens(c: _Columns) -> Table:
    return Table(
        "tokens",
        (
            c.key(),
            c.integer("user_id", None),
            c.ascii("token_hash", 64),
            c.string("name", 100),
            c.integer("status", 1),
            c.big_or_null("expires_at"),
            c.integer("unlimited"),
            c.big("remain_quota"),
            c.big("held_quota"),
            c.big("used_quota"),
            c.big("created_at"),
        ),
        _ID,
        (
            Index("idx_tokens_hash", ("token_hash",), unique=True),
            Index("idx_tokens_user", ("user_id",)),
        ),
    )


def _channels(c: _Columns) -> Table:
    return Table(
        "channels",
        (
            c.key(),
            c.binary("name", 100, None),
            c.string("base_url", 255),
            c.text("api_keys"),
            c.text("model_mapping"),
            c.text("models"),
            c.text("webhook_secrets"),
            c.integer("priority"),
            c.integer("weight", 1),
            c.integer("status", 1),
            c.integer("type", 41),
            c.big("used_quota"),
            c.big("created_at"),
            c.big("deleted_id"),
            c.binary("service", 255),
        ),
        _ID,
        # deleted_id is 0, or the channel's own id once it is deleted: only names in use collide.
        (Index("idx_channels_name", ("name", "deleted_id"), unique=True),),
    )


def _guide(c: _Columns) -> tuple[Column, ...]:
    """Return the guide's columns of `videos`, in its order."""
    return (
        c.key(),
        c.ascii("task_id", 200),
        c.text("prompt"),
        c.big("created_at"),
        c.big("updated_at"),
        c.string("type", 50),
        c.string("provider", 50),
        c.string("mode", 50),
        c.string("duration", 20),
        c.string("resolution", 20),
        c.string("username", 100),
        c.integer("channel_id"),
        c.integer("user_id"),
        c.string("model", 100),
        c.binary("status", 50, "pending"),
        c.text("fail_reason"),
        c.string("video_id", 200),
        c.text("store_url"),
        c.big("quota"),
        c.integer("n", 1),
        c.text("credentials"),
        c.text("json_data"),
    )


def _added(c: _Columns) -> tuple[Column, ...]:
    """Return the columns that this project added."""
    return (
        c.binary_or_null("external_task_id", 200),
        c.ascii("request_hash", 64, ""),
        c.binary_or_null("kling_task_id", 200),
        c.binary("channel_key_id", 64),
        c.integer("token_id"),
        c.big("held_quota"),
        c.big_or_null("next_poll_at"),
        c.big("lease_until"),
        c.text("callback_url"),
        # The relay itself writes 0 or 1. The default marks rows of programs that do not know it.
        c.integer("legacy", WRITTEN_BY_OTHERS),
        c.big("attempt_until"),
        c.big_or_null("not_found_at"),
        c.binary_or_null("service", 255),
    )


def _videos(c: _Columns) -> Table:
    return Table(
        "videos",
        (*_guide(c), *_added(c)),
        _ID,
        (
            Index("idx_task_id", ("task_id",), unique=True),
            Index("idx_created_at", ("created_at",)),
            c.paged("idx_user_id", "user_id"),
            c.paged("idx_user_type", "user_id", "type", "legacy"),
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
        checks=frozenset({Check("chk_videos_printable_task_id", c.printable)}),
    )


def _ledger(c: _Columns) -> Table:
    return Table(
        "ledger",
        (
            c.key(),
            c.ascii("kind", 20),
            c.ascii("reference", 200),
            c.integer("user_id", None),
            c.integer("token_id"),
            c.integer("channel_id"),
            c.big("amount", None),
            c.big("uncollected"),
            c.string("note", 255),
            c.big("created_at"),
        ),
        _ID,
        (
            Index("idx_ledger_reference", ("reference", "kind"), unique=True),
            c.paged("idx_ledger_user", "user_id"),
            # The charges of each channel are added up from the index alone.
            Index("idx_ledger_channel", ("kind", "channel_id", "amount")),
        ),
    )


def _outbox(c: _Columns) -> Table:
    return Table(
        "outbox",
        (
            c.key(),
            c.ascii("event_id", 200),
            c.ascii("task_id", 200),
            c.integer("user_id", None),
            c.text("url"),
            c.text("body"),
            c.ascii("state", 20, "pending"),
            c.integer("attempts"),
            c.big("next_at"),
            c.big("lease_until"),
            c.integer("http_status"),
            c.string("error", 255),
            c.big("created_at"),
            c.big("updated_at"),
        ),
        _ID,
        (
            Index("idx_outbox_event", ("event_id",), unique=True),
            Index("idx_outbox_due", ("state", "next_at")),
        ),
    )


def _reports(c: _Columns) -> Table:
    return Table(
        "reports",
        (
            c.key(),
            c.ascii("task_id", 200),
            c.binary("status", 50, None),
            c.integer("user_id", None),
            c.integer("channel_id"),
            c.binary_or_null("kling_task_id", 200),
            c.string("source", 50),
            c.big("quota"),
            c.text("json_data"),
            c.integer("seen", 1),
            c.big("first_at"),
            c.big("last_at"),
        ),
        _ID,
        (Index("idx_reports_task", ("task_id", "status"), unique=True),),
    )


def _receivers(c: _Columns) -> Table:
    return Table(
        "receivers",
        (
            c.key(),
            c.integer("user_id", None),
            c.ascii("host", 255),
            c.integer("failures"),
            c.big("failing_since"),
            c.big("last_at"),
            c.big("off_at"),
        ),
        _ID,
        (Index("idx_receivers_host", ("user_id", "host"), unique=True),),
    )


def _webhook_secrets(c: _Columns) -> Table:
    return Table(
        "webhook_secrets",
        (
            c.integer("user_id", None),
            c.integer("generation"),
            c.big("overlap_until"),
        ),
        ("user_id",),
    )


def _secrets(c: _Columns) -> Table:
    return Table(
        "secrets",
        (
            c.ascii("name", 64),
            c.text("value"),
        ),
        ("name",),
    )


def _processes(c: _Columns) -> Table:
    return Table(
        "processes",
        (
            c.ascii("name", 64),
            c.big("beats"),
            c.big("beat_at"),
            c.text("padding"),
        ),
        ("name",),
    )


def _schema_version(c: _Columns) -> Table:
    return Table(
        "schema_version",
        (c.integer("version", None),),
        ("version",),
    )


def _tables(columns: _Columns) -> tuple[Table, ...]:
    # In the order in which a script creates them: the version last, so that it means "complete".
    return (
        _users(columns),
        _old_users(columns),
        _tokens(columns),
        _channels(columns),
        _videos(columns),
        _ledger(columns),
        _outbox(columns),
        _reports(columns),
        _receivers(columns),
        _webhook_secrets(columns),
        _secrets(columns),
        _processes(columns),
        _schema_version(columns),
    )


#: The tables of each database.
TABLES: Final[Mapping[Dialect, tuple[Table, ...]]] = {
    dialect: _tables(columns) for dialect, columns in _COLUMNS.items()
}
#: Their names, in the order in which a script creates them.
TABLE_NAMES: Final = tuple(table.name for table in TABLES[Dialect.SQLITE])
#: The names of the columns that this project added to the guide's `videos`.
ADDED: Final = tuple(column.name for column in _added(_MYSQL))


def table_named(name: str, dialect: Dialect) -> Table:
    """Return a table.

    Raises:
        KeyError: There is no table of that name.
    """
    for table in TABLES[dialect]:
        if table.name == name:
            return table
    raise KeyError(name)

"""The relay's own tables as older versions of the program left them."""

from __future__ import annotations

import attrs

from kling_mock.relay.migration.database.introspect import read_table
from kling_mock.relay.migration.database.session import Session, transaction
from kling_mock.relay.migration.schema.known_schemas import goal
from kling_mock.relay.migration.schema.rebuild import rebuild
from kling_mock.relay.storage.schema import Dialect, quoted, table_named


def take_back(session: Session, version: int) -> None:
    """Drop what later versions than *version* have added."""
    if version < 10:
        session.execute("DROP TABLE secrets")
    if version < 9:
        _drop_index(session, "videos", "idx_user_type")
    if version < 8:
        _without_old_users(session, version)
    if version < 6:
        session.execute("ALTER TABLE users DROP COLUMN credited_quota")
    if version < 5:
        session.execute("DROP TABLE processes")
        _drop_index(session, "ledger", "idx_ledger_channel")
    if version < 4:
        session.execute("ALTER TABLE users DROP COLUMN legacy_id")
    if version < 3:
        _drop_index(session, "videos", "idx_kling_service")
        session.execute("ALTER TABLE videos DROP COLUMN service")
        session.execute("ALTER TABLE channels DROP COLUMN service")
    if version < 2:
        for column in ("token_id", "channel_id"):
            session.execute(f"ALTER TABLE ledger DROP COLUMN {column}")
        session.execute("DROP TABLE receivers")
        session.execute("DROP TABLE webhook_secrets")
    session.execute("UPDATE schema_version SET version = ?", version)


def _drop_index(session: Session, table: str, name: str) -> None:
    where = f" ON {table}" if session.dialect.is_mysql else ""
    session.execute(f"DROP INDEX {name}{where}")


def _without_old_users(session: Session, version: int) -> None:
    session.execute("DROP TABLE old_users")
    if version < 7:
        _own_by_default(session)


def _own_by_default(session: Session) -> None:
    """Count what other programs write among the relay's own rows, as up to version 6."""
    if session.dialect is not Dialect.SQLITE:
        session.execute("ALTER TABLE videos ALTER COLUMN legacy SET DEFAULT 0")
        return
    table = read_table(session, "videos")
    assert table is not None
    current = goal(table, table_named("videos", session.dialect))
    columns = (
        attrs.evolve(column, default="0") if column.name == "legacy" else column
        for column in current.columns
    )
    older = attrs.evolve(current, columns=tuple(columns))
    with transaction(session):
        for statement in rebuild(
            table, older, session.dialect, lambda column: quoted(column.name, Dialect.SQLITE)
        ):
            session.execute(statement)

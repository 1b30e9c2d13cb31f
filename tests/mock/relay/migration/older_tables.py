"""The relay's own tables as older versions of the program left them."""

from __future__ import annotations

from kling_mock.relay.migration.database.session import Session


def take_back(session: Session, version: int) -> None:
    """Drop what later versions than *version* have added."""
    if version < 6:
        session.execute("ALTER TABLE users DROP COLUMN credited_quota")
    if version < 5:
        session.execute("DROP TABLE processes")
        table = " ON ledger" if session.dialect.is_mysql else ""
        session.execute(f"DROP INDEX idx_ledger_channel{table}")
    if version < 4:
        session.execute("ALTER TABLE users DROP COLUMN legacy_id")
    if version < 3:
        table = " ON videos" if session.dialect.is_mysql else ""
        session.execute(f"DROP INDEX idx_kling_service{table}")
        for name in ("videos", "channels"):
            session.execute(f"ALTER TABLE {name} DROP COLUMN service")
    if version < 2:
        for column in ("token_id", "channel_id"):
            session.execute(f"ALTER TABLE ledger DROP COLUMN {column}")
        for name in ("receivers", "webhook_secrets"):
            session.execute(f"DROP TABLE {name}")
    session.execute("UPDATE schema_version SET version = ?", version)

"""Numbers of new tokens: above those that an old program's rows refer to."""

from __future__ import annotations

from typing import Final

from kling_mock.relay.migration.database.introspect import read_table
from kling_mock.relay.migration.database.session import Session
from kling_mock.relay.storage.rule_queries import RULE_QUERIES
from kling_mock.relay.storage.schema import Dialect
from kling_mock.relay.storage.values import MAX_BALANCE

#: Numbers from here on are ignored: they do not come from a program, because the columns would soon
#: be full.
_HIGHEST: Final = 2_000_000_000


def reserve_numbers(session: Session) -> None:
    """Make `tokens` continue above the numbers that legacy rows refer to, if it does not yet.

    Users and channels are numbered at their creation: `videos` has no index that finds the highest
    token.

    Raises:
        DatabaseError: The database refused a statement.
    """
    videos = read_table(session, "videos")
    if videos is None or not videos.has("legacy", "token_id"):
        return
    ((number,),) = session.query(
        f"SELECT MAX(token_id) FROM videos WHERE legacy <> 0 AND token_id < {_HIGHEST}"
    )
    if number and read_table(session, "tokens") is not None:
        _go_on_above(session, "tokens", int(number))


def unresolved_numbers(session: Session) -> list[str]:
    """Return a line about each user whose number old rows name, if it is unknown whose it was."""
    tables = (read_table(session, name) for name in ("videos", "users", "old_users"))
    if not all(
        table is not None and table.has(column)
        for table, column in zip(tables, ("legacy", "username", "number"), strict=True)
    ):
        return []
    (rule,) = (query for query in RULE_QUERIES if query.rule.name == "user-number")
    return [
        f"user {number}: rows of the old program name this number, and nobody sees them; kling-mock"
        f" user bind NAME --old-user {number}, or kling-mock user disown --old-user {number}"
        for number, _key, _amount in session.query(rule.query.sql, 0, MAX_BALANCE)
    ]


def _go_on_above(session: Session, table: str, number: int) -> None:
    if session.dialect.is_mysql:
        session.execute(f"ALTER TABLE {table} AUTO_INCREMENT = {number + 1}")
    elif session.dialect is Dialect.POSTGRES:
        name = session.query(f"SELECT pg_get_serial_sequence('{table}', 'id')")[0][0]
        session.execute(
            f"SELECT setval('{name}', GREATEST({number}, (SELECT last_value FROM {name})))"
        )
    else:
        session.execute(
            "INSERT INTO sqlite_sequence (name, seq) SELECT ?, 0"
            " WHERE NOT EXISTS (SELECT 1 FROM sqlite_sequence WHERE name = ?)",
            *(table, table),
        )
        session.execute(
            "UPDATE sqlite_sequence SET seq = ? WHERE name = ? AND seq < ?", number, table, number
        )

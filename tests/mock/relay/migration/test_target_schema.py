"""The wanted table is described once: what the schema's own script makes is recognised."""

from __future__ import annotations

import pytest

from kling_mock.relay.migration.database.introspect import read_table
from kling_mock.relay.migration.database.session import Session
from kling_mock.relay.migration.schema.known_schemas import (
    KnownSchema,
    goal,
    recognise,
    target_schema,
)
from kling_mock.relay.storage.ensure_schema import script_statements
from kling_mock.relay.storage.schema import TABLES, same_content


@pytest.mark.parametrize("session", ["mariadb", "sqlite", "postgresql"], indirect=True)
def test_a_fresh_database_is_ours(session: Session) -> None:
    """Every table that the committed script makes is what its description says."""
    for statement in script_statements(session.dialect):
        session.execute(statement)
    for table in TABLES[session.dialect]:
        actual = read_table(session, table.name)
        assert actual is not None
        assert same_content(actual, goal(actual, table))
    assert (
        recognise(read_table(session, "videos"), target_schema(session.dialect)) is KnownSchema.OURS
    )

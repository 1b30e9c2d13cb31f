"""The wanted table is described once: what the schema's own script makes is recognised."""

from __future__ import annotations

import pytest

from kling_mock.migration.introspect import read_table
from kling_mock.migration.known_schemas import Shape, goal, recognise
from kling_mock.migration.session import Session
from kling_mock.migration.table import same_content
from kling_mock.migration.target_schema import described, family, wanted
from kling_mock.storage.ensure_schema import script_statements
from kling_mock.storage.schema import TABLES


@pytest.mark.parametrize("session", ["mariadb", "sqlite", "postgresql"], indirect=True)
def test_a_fresh_database_is_ours(session: Session) -> None:
    """Every table that the committed script makes is what its description says."""
    for statement in script_statements(family(session.dialect)):
        session.execute(statement)
    for table in TABLES:
        found = read_table(session, table.name)
        assert found is not None
        assert same_content(found, goal(found, described(table, session.dialect)))
    assert recognise(read_table(session, "videos"), wanted(session.dialect)) is Shape.OURS

"""The planner: from any table to any other, and from wherever an interruption left it."""

from __future__ import annotations

from typing import Any

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kling_mock.relay.migration.schema.alter import alter
from kling_mock.relay.migration.schema.known_schemas import (
    KnownSchema,
    goal,
    recognise,
    target_schema,
)
from kling_mock.relay.migration.schema.plan import applied, plan
from kling_mock.relay.storage.schema import Check, Column, Dialect, Index, Table, same_content

WANTED = target_schema(Dialect.MARIADB)
_OLD = tuple(
    Column(column.name, "longtext" if "char" in column.type or column.type == "text" else "bigint")
    for column in WANTED.columns
    if column.name not in {"id", "legacy", "request_hash", "held_quota", "lease_until"}
)
_EXTRA = (Column("result", "longtext"), Column("sound", "varchar(20)", default="''"))
_NUMBER = Column("id", "bigint", nullable=False, auto=True)
_INDEXES = (
    *WANTED.indexes,
    Index("idx_tid", ("task_id",), prefixes=(40,)),
    Index("idx_task_id", ("task_id",), unique=True, prefixes=(40,)),
    Index("idx_videos_status", ("status",)),
    Index("idx_videos_provider", ("provider",)),
)


@st.composite
def old_tables(draw: Any) -> Table:
    """Return a table as one of the known programs, or a part of a script, may leave it."""
    essential = {"task_id", "created_at", "provider", "username", "user_id", "channel_id"}
    columns = [column for column in _OLD if column.name in essential or draw(st.booleans())]
    columns += draw(st.lists(st.sampled_from(_EXTRA), unique=True))
    primary = draw(st.sampled_from([(), ("task_id",), ("id",)]))
    if primary == ("task_id",):
        columns = [attrs.evolve(column, nullable=column.name != "task_id") for column in columns]
    if primary == ("id",):
        columns.insert(0, _NUMBER)
    names = {column.name for column in columns}
    usable = [index for index in _INDEXES if names >= set(index.columns)]
    indexes = draw(st.lists(st.sampled_from(usable), unique_by=lambda index: index.name))
    positive = [Check("positive", "quota >= 0")] if "quota" in names else []
    checks = frozenset(check for check in positive if draw(st.booleans()))
    return Table("videos", tuple(columns), primary, tuple(indexes), checks)


@given(old_tables())
@pytest.mark.slow
def test_a_plan_leads_to_its_goal(table: Table) -> None:
    """The steps, applied to what was found, give the wanted table; then there are none left."""
    target = goal(table, WANTED)
    after = applied(plan(table, target), table)
    assert same_content(after, target)
    assert recognise(after, WANTED) is KnownSchema.OURS
    assert plan(after, goal(after, WANTED)) == ()
    assert same_content(goal(after, WANTED), after)


@settings(max_examples=40)
@given(old_tables())
@pytest.mark.slow
def test_every_beginning_of_a_plan_can_be_continued(table: Table) -> None:
    """After any number of steps the table is known, and a new plan leads to the same end."""
    steps = plan(table, goal(table, WANTED))
    end = applied(steps, table)
    for done in range(len(steps) + 1):
        between = applied(steps[:done], table)
        assert recognise(between, WANTED).upgradable
        rest = plan(between, goal(between, WANTED))
        assert same_content(applied(rest, between), end)


@given(old_tables())
@pytest.mark.slow
def test_the_way_back_ends_in_the_very_same_table(table: Table) -> None:
    """A plan back restores every column, key and index, and the order of the indexes."""
    ours = applied(plan(table, goal(table, WANTED)), table)
    back = applied(plan(ours, table, in_order=True), ours)
    assert same_content(back, table)
    assert back.indexes == table.indexes
    assert [column.name for column in back.columns] == [column.name for column in table.columns]


@given(old_tables())
def test_nothing_of_the_operators_is_lost(table: Table) -> None:
    """Columns that the relay does not know stay as they are, and so do indexes over them."""
    target = goal(table, WANTED)
    for column in table.columns:
        target_column = target.column(column.name)
        assert target_column is not None
        assert WANTED.has(column.name) or target_column == column
    for index in table.indexes:
        assert any(
            target_index == index or target_index.covers(index) or index.unique
            for target_index in target.indexes
        )
    assert table.checks <= target.checks


@given(old_tables())
@pytest.mark.slow
def test_mysql_gets_no_syntax_that_it_lacks(table: Table) -> None:
    """The statement for MySQL is the one ALTER without IF EXISTS, which only MariaDB reads."""
    steps = plan(table, goal(table, WANTED))
    text = alter("videos", steps, Dialect.MYSQL)
    assert "IF EXISTS" not in text
    assert "IF NOT EXISTS" not in text
    assert text.count(";") == 0

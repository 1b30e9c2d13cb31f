"""The recorded requests: the same in every run, so that a difference is a change of the code."""

from __future__ import annotations

import json

import pytest

from tests.golden.__main__ import recorded


@pytest.mark.slow
def test_the_same_requests_are_answered_alike_in_every_run() -> None:
    """This holds for right requests and for wrong ones, including those that the client refuses."""
    first = list(recorded(120))
    assert first == list(recorded(120))
    rows = [json.loads(row) for row in first]
    assert {row["endpoint"] for row in rows if row["exchanges"]}
    assert {"error" in row["client"] for row in rows} == {True, False}
    assert all(row["exchanges"] or "error" in row["client"] for row in rows)

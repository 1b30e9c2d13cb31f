"""The table of outages: how it is counted, and that the page has a row for each proof."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from tests.proof.checker import Verdict
from tests.proof.outage_table import PAGES, row_of, with_row
from tests.proof.outages import Found, Outage, Reply
from tests.proof.test_p5_database_servers_killed import ACCIDENTS, CLUSTERS

RIGHT = Found(9, failed=1, lost=0, doubled=0, rows=0, unexplained=0, verdict=Verdict(8, 0, 0, 0))


def test_an_outage_is_the_longest_time_in_which_nobody_was_served() -> None:
    """Refusals do not count as service, and what is outside of the time does not count."""
    replies = [
        Reply(9.0, "", 0.1),
        Reply(10.5, "", 0.1),
        Reply(12.0, "503 unavailable", 1.5),
        Reply(14.5, "", 4.0),
        Reply(15.0, "", 0.2),
        Reply(30.0, "500 internal_error", 9.0),
    ]
    assert Outage.of(replies, 10.0, 16.0) == Outage(4.0, 4.0, Counter({"503 unavailable": 1}))


def test_an_outage_that_does_not_end_lasts_to_the_end_of_the_time() -> None:
    """It is not taken for a short one."""
    assert Outage.of([Reply(10.5, "", 0.1)], 10.0, 60.0).seconds == 49.5


def test_a_row_shows_the_median_and_the_worst_of_several() -> None:
    """It also has what callers were told, all together."""
    outages = [Outage(seconds, 3.0, Counter({"503 unavailable": 2})) for seconds in (1.0, 2.0, 6.0)]
    assert row_of("galera-one-node", "killed", outages, RIGHT) == (
        "| galera-one-node | killed | 2.0 (median of 3), 6.0 (worst) | 3.0 "
        "| 6 x `503 unavailable` | 9 | 1 | 0 | 0 |"
    )


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
@pytest.mark.parametrize("accident", ACCIDENTS)
@pytest.mark.parametrize("store", CLUSTERS)
def test_the_pages_have_a_row_for_each(page: Path, store: str, accident: str) -> None:
    """A row is replaced, and nothing else."""
    text = page.read_text("utf-8")
    row = row_of(store, accident, [Outage(1.0, 1.0, Counter())], RIGHT)
    changed = with_row(text, row)
    assert row in changed
    assert len(changed.splitlines()) == len(text.splitlines())


def test_a_page_without_the_row_is_refused() -> None:
    """Otherwise a figure would be lost silently."""
    row = row_of("no-cluster", "killed", [Outage(1.0, 1.0, Counter())], RIGHT)
    with pytest.raises(ValueError, match="no-cluster"):
        with_row("| galera | killed | 1 |", row)

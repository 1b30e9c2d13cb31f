"""The evidence itself: each row has its source, and is not changed by accident."""

from __future__ import annotations

import re
from datetime import date
from typing import Final

import pytest

from tests.evidence.rows import KINDS, Failures, digests, name_of, rows, sources

#: An update of the pages changes a data file and its hash, not the code.
HASHES: Final = {
    "codes.json": "9b7498118163c219c2dcfcb2190ba9446e5d4d04e2d2df03d50f31b0a4d3c451",
    "fields.json": "01ede45c2628c09a3c668e14c94be606db55717b3cc6f7b6a686f46d0762b628",
    "models.json": "3fd9f4ce4a0140d9ead029e39711473f5444b3207a8ed7f2ecceac985f103c7f",
    "names.json": "1d6d30092fbd53f43f758092dbff7f340d5a289bdb989bf687cb0907c92b9943",
    "pages.json": "3e8be9eb769c9386838c076d7be8e1d6d276eae063c0c0aa6d139ea99aa795a7",
    "paths.json": "b80a0226fc337acff0aa22c1130d6d9b78a9bc1c9efd8ec20d124ee7806e779c",
    "pictures.json": "1ea01fa287fe1ada1c026f7aee2c4942db052c8978475bbdeefdb891a178dc1f",
    "prices.json": "0e8ec476ab4fd54b6ee0d17751a7029249a3a96484b85e398cbdfac835e2ccc2",
    "replies.json": "cb8638f5c804caa4b207fcc5cb5a4c0f6e8f3c0027871667e460cef2f322dcbc",
    "sources.json": "5abdb6eab5a840a681a817942c8867218da9f4712602c7c7182737c6ba5c4d49",
}
#: Our own addresses, which do not count as evidence.
OURS: Final = re.compile(r"kling[-_]sdk|kling[-_]mock|localhost|127\.0\.0\.1", re.IGNORECASE)


def test_the_evidence_is_what_was_read() -> None:
    """A row that is bent until the code passes would show here."""
    assert digests() == HASHES


@pytest.mark.parametrize("kind", KINDS)
def test_each_row_names_pages_or_replies_of_others(kind: str) -> None:
    """Each source is an address that is not ours, with the day on which it was seen."""
    known = sources()
    for row in rows(kind):
        assert row["sources"], name_of(row)
        assert row["confidence"] in {"high", "medium", "low"}, name_of(row)
        for source in row["sources"]:
            assert known[source]["url"].startswith("https://"), source
            assert not OURS.search(known[source]["url"]), source
            assert date.fromisoformat(known[source]["seen"]) <= date(2026, 12, 2), source


def test_no_source_is_kept_that_no_row_names() -> None:
    """Each row stands there only once."""
    used = {source for kind in KINDS for row in rows(kind) for source in row["sources"]}
    assert used == sources().keys()
    for kind in KINDS:
        texts = [repr(row) for row in rows(kind)]
        assert len(set(texts)) == len(texts), kind


def test_a_known_difference_has_a_reason_and_ends_with_it() -> None:
    """What is listed and agrees fails as what differs and is not listed does."""
    for row in rows("differences"):
        assert row["kind"] in KINDS
        assert row["side"] in {"sdk", "emulator"}
        assert len(row["reason"]) > 5
    with pytest.raises(AssertionError, match="is listed as a known difference"):
        Failures("names", "sdk").report()
    unknown = Failures("prices", "sdk")
    unknown.add("/v1/videos/text2video kling-v3", "9 units, not 3")
    with pytest.raises(AssertionError, match="9 units, not 3"):
        unknown.report()

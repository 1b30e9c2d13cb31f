"""The known name that a misspelt one was meant to be."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kling_sdk.text.spelling import nearest

NAMES = ("prompt", "model_name", "mode", "aspect_ratio", "duration", "image", "image_tail")


@pytest.mark.parametrize(
    ("name", "suggestion"),
    [
        ("model", "model_name"),  # not mode
        ("ratio", "aspect_ratio"),  # not duration, which has the same letters in it
        ("image_url", "image"),  # not image_tail, which is as near
        ("image", "image"),
        ("promt", "prompt"),
        ("MODE", "mode"),
        ("webhook", None),
        ("", None),
    ],
)
def test_a_part_counts_before_a_likeness(name: str, suggestion: str | None) -> None:
    """Whole words first, then letters."""
    assert nearest(name, NAMES) == suggestion


@given(st.text(max_size=20))
def test_no_name_is_made_up(name: str) -> None:
    """The suggestion is one of the known names, or empty."""
    assert nearest(name, NAMES) in {*NAMES, None}
    assert nearest(name, ()) is None

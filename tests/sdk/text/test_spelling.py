"""The known name that a misspelt one was meant to be."""

from __future__ import annotations

from inspect import signature

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kling_sdk.endpoints import CLASSES, request_class
from kling_sdk.text.spelling import _OTHER_NAMES, nearest

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
        ("webhook", None),  # no name here for it
        ("", None),
        ("seconds", "duration"),
        ("size", "aspect_ratio"),  # resolution is not known here
        ("prompt_image", "image"),  # not prompt
        ("start_image", "image"),
        ("tail_image_url", "image_tail"),  # not image
    ],
)
def test_a_part_counts_before_a_likeness(name: str, suggestion: str | None) -> None:
    """Whole words first, then letters."""
    assert nearest(name, NAMES) == suggestion


def test_a_name_of_another_service_is_never_one_of_ours() -> None:
    """Else it would be taken, and never looked up; and each leads to a parameter that exists."""
    ours = {name for cls in map(request_class, CLASSES) for name in signature(cls).parameters}
    others = frozenset[str]().union(*_OTHER_NAMES.values())
    assert _OTHER_NAMES.keys() <= ours
    assert others & ours == {"text"}  # of text-to-speech, which has no prompt


@given(st.text(max_size=20))
def test_no_name_is_made_up(name: str) -> None:
    """The suggestion is one of the known names, or empty."""
    assert nearest(name, NAMES) in {*NAMES, None}
    assert nearest(name, ()) is None

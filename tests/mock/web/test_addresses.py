"""Addresses that a caller gives, as they may be shown."""

from __future__ import annotations

import pytest

from kling_mock.web.addresses import shown_url


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("http://a.example/hook", "http://a.example/hook"),
        ("http://a.example:80/@me", "http://a.example:80/@me"),
        ("http://[::1]:80/x", "http://[::1]:80/x"),
        ("http://u:p@a.example/x", "http://a.example/x?<hidden>"),
        ("http://u:p@x@a.example", "http://a.example?<hidden>"),
        ("http://a.example/x?", "http://a.example/x?<hidden>"),
        ("http://a.example#f", "http://a.example?<hidden>"),
        ("http://u:p/w@a.example/x", "http://?<hidden>"),
        ("http://u:p?w@a.example/x", "http://?<hidden>"),
        ("u:p@a.example/x?y", "a.example/x?<hidden>"),
        ("a.example/x?y=http://b", "a.example/x?<hidden>"),
        ("", ""),
    ],
)
def test_how_a_url_is_shown(url: str, text: str) -> None:
    """It has no user info, query and fragment; showing it again changes nothing."""
    assert shown_url(url) == text
    assert shown_url(text) == text

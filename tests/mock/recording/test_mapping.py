"""Placeholders for URLs, ids and times."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kling_mock.recording.mapping import Pseudonyms

NAMES = Pseudonyms(bytes(range(16)))


@pytest.mark.parametrize(
    ("url", "start", "end"),
    [
        ("https://cdn.example.com/a/b.mp4?sig=1", "https://media.test/", ".mp4"),
        ("http://user:password@x.example:81/B.PNG#top", "http://media.test/", ".png"),
        ("https://x.example/a.exe", "https://media.test/", ""),
    ],
)
def test_a_url_keeps_its_scheme_and_the_kind_of_its_file(url: str, start: str, end: str) -> None:
    """Host, path, query and user info are gone; the same URL is always the same."""
    pseudonym = NAMES.url(url)
    assert pseudonym.startswith(start)
    assert pseudonym.endswith(end)
    assert len(pseudonym) == len(start) + 16 + len(end)
    assert pseudonym == NAMES.url(url) != NAMES.url(f"{url}x")


def test_a_callback_goes_elsewhere() -> None:
    """A reader sees what is what."""
    assert NAMES.url("https://a.example/hook", callback=True).startswith("https://callback.test/")


@pytest.mark.parametrize("url", ["http://", "https://x.example:99999/a", "ftp://x.example/a"])
def test_a_url_that_cannot_be_called_stays_one(url: str) -> None:
    """The service refuses it, and has to be asked with one that it refuses."""
    pseudonym = NAMES.url(url)
    assert pseudonym.split(":")[0] == url.split(":", maxsplit=1)[0]
    assert "x.example" not in pseudonym


@given(st.integers(1_500_000_000_000, 2_000_000_000_000), st.integers(0, 10_000_000))
def test_times_are_shifted_and_what_lies_between_stays(first: int, more: int) -> None:
    """All times move by the same number of seconds, in seconds and in milliseconds."""
    assert NAMES.time(first + more) - NAMES.time(first) == more
    assert NAMES.time(first) == first - 1000 * NAMES.shift
    assert NAMES.time(first // 1000) == first // 1000 - NAMES.shift
    assert NAMES.shift >= 24 * 3600


@pytest.mark.parametrize("number", [0, 1500, 253_402_300_799_000, -1, 10**18])
def test_what_can_be_no_time_stays(number: int) -> None:
    """A position in a video, "never"."""
    assert NAMES.time(number) == number


def test_a_number_and_a_text_with_its_digits_are_one_id() -> None:
    """An element id is a number in one place and a text in another."""
    assert NAMES.whole(829836802793406551) == int(NAMES.text("829836802793406551"))
    assert NAMES.whole(-12345678901) == -NAMES.whole(12345678901)


def test_what_is_a_pseudonym_already_stays() -> None:
    """A client of a server that plays back sends what it was answered."""
    pseudonym = NAMES.text("order-17")
    again = Pseudonyms(bytes(range(16)), {pseudonym})
    assert again.text(pseudonym) == pseudonym
    assert again.text("order-17") == pseudonym

"""File names: what fits into a directory entry, and what Windows takes for a device."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kling_sdk.files.names import is_device_name, part_name, safe_name

TOKEN = "0123456789abcdef"


@given(st.binary(min_size=1, max_size=255))
def test_the_name_of_an_unfinished_copy_always_fits(raw: bytes) -> None:
    """Whatever the file is called, its unfinished copy's name has at most 255 bytes.

    A name is any bytes but a slash and NUL, in the text that the file system makes of them.
    """
    name = raw.translate(None, b"/\0").decode("utf-8", "surrogateescape")
    part = part_name(name, TOKEN)

    assert len(part.encode("utf-8", "surrogateescape")) <= 255
    assert part.startswith(".")
    assert part.endswith(f".{TOKEN}.part")


def test_a_name_is_cut_between_characters() -> None:
    """A Chinese character is three bytes and stays whole."""
    part = part_name("小" * 81, TOKEN)

    assert part == f".{'小' * 33}.{TOKEN}.part"


@pytest.mark.parametrize(
    "name", ["con.mp4", "CON", "nul", "aux.tar.gz", "com1.mp4", "LPT9", "con "]
)
def test_names_of_devices_are_known(name: str) -> None:
    """On Windows these write to a console or a port, or vanish, whatever the extension."""
    assert is_device_name(name)
    assert not is_device_name(safe_name(name, "video.mp4"))


@pytest.mark.parametrize("name", ["concert.mp4", "com10.mp4", "a.con", "command", "", "nul_.mp4"])
def test_names_that_only_look_like_it_are_none(name: str) -> None:
    """Nothing else is refused."""
    assert not is_device_name(name)


@given(st.text())
def test_a_suggested_name_is_a_plain_name(text: str) -> None:
    """Nothing that a server sends leaves the folder, hides a file or is too long."""
    name = safe_name(text, "video.mp4")

    assert 0 < len(name) <= 200
    assert name.isascii()
    assert not set(name) & set('/\\:\0"<>|?* ')
    assert not name.startswith(".")
    assert not is_device_name(name)


def test_a_long_name_keeps_its_ending() -> None:
    """The system tells the kind of a file by it."""
    assert safe_name("a" * 300 + ".mp4", "video.mp4") == "a" * 196 + ".mp4"
    assert safe_name("..", "video.mp4") == "video.mp4"

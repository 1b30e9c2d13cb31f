"""Pictures as text: encoded in steps, checked without decoding them whole."""

from __future__ import annotations

import base64
import io
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kling_sdk import RequestValidationError
from kling_sdk.files import encoding, image_problem, takes_long, to_image

STEP = 3 * 64 * 1024


def png(size: int, pixels: int = 400) -> bytes:
    head = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + pixels.to_bytes(4, "big") * 2
    return head + bytes(size - len(head))


def jpeg(before: int) -> bytes:
    """Return a JPEG of 400 x 300 px with *before* segments of metadata, 64 kB each."""
    metadata = b"\xff\xe1\xff\xff" + bytes(0xFFFF - 2)
    frame = b"\xff\xc0\x00\x11\x08" + (300).to_bytes(2, "big") + (400).to_bytes(2, "big")
    return b"\xff\xd8" + metadata * before + frame + bytes(100)


@pytest.mark.parametrize("size", [0, 1, 2, 3, STEP - 1, STEP, STEP + 1, 3 * STEP + 2])
def test_steps_make_the_same_text(size: int, tmp_path: Path) -> None:
    """A picture that is encoded piece by piece is the base64 of the whole."""
    content = bytes(range(256)) * (size // 256 + 1)
    content = content[:size]
    encoded = base64.b64encode(content).decode()
    path = tmp_path / "a.bin"
    path.write_bytes(content)
    for source in (content, bytearray(content), memoryview(content), path, io.BytesIO(content)):
        assert to_image(source) == encoded  # type: ignore[arg-type]


@given(st.text("AZaz09+/= \n-", max_size=30))
def test_text_is_judged_as_one(text: str) -> None:
    """What is base64 in one piece is taken, and nothing else."""
    compact = "".join(text.split())
    try:
        base64.b64decode(compact, validate=True)
        valid = bool(compact)
    except ValueError:
        valid = False
    try:
        assert to_image(text) == compact
        is_accepted = True
    except RequestValidationError:
        is_accepted = False
    assert is_accepted is valid


def test_padding_in_the_middle_of_a_long_text_is_refused() -> None:
    """This includes padding where two steps meet."""
    text = "A" * (4 * 64 * 1024 - 2) + "==" + "AAAA"
    with pytest.raises(RequestValidationError, match="unknown kind"):
        to_image(text)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (png(1_000_000), None),
        (png(10 * 1024 * 1024), None),
        (png(10 * 1024 * 1024 + 1), "is 10,485,761 bytes"),
        (png(10 * 1024 * 1024 + 2), "is 10,485,762 bytes"),
        (png(1_000_000, 299), "is 299 x 299 px"),
        (jpeg(0), None),
        (jpeg(4), None),
        (jpeg(20), None),
        (bytes(1_000_000), "is neither a JPEG nor a PNG"),
    ],
    ids=range(9),
)
def test_the_limits_are_read_from_the_head(content: bytes, problem: str | None) -> None:
    """The size in pixels is found also behind a megabyte of metadata."""
    finding = image_problem(to_image(content))
    assert (finding and finding[0]) == problem


@pytest.mark.parametrize(
    ("value", "long"),
    [
        ("a prompt", False),
        (5, False),
        (None, False),
        (["https://example.com/a.png"], False),
        (b"x" * 1000, False),
        (b"x" * 1_000_000, True),
        ("A" * 1_000_000, True),
        (Path("a.png"), True),
        (io.BytesIO(), True),
        ([{"image_url": Path("a.png")}], True),
    ],
)
def test_what_takes_long_is_known_beforehand(value: Any, *, long: bool) -> None:
    """Reading a file and encoding a picture; a prompt, a URL and a small picture do not."""
    assert takes_long(value) is long


@pytest.mark.skipif(os.name == "nt", reason="pipes and devices that are files are POSIX's")
@pytest.mark.parametrize("kind", ["pipe", "device", "link to a device", "folder"])
def test_what_is_no_file_is_refused_before_it_is_read(tmp_path: Path, kind: str) -> None:
    """A path from a user must not stop a worker: a pipe waits forever, a device never ends."""
    place = tmp_path / "cat.png"
    if kind == "pipe":
        os.mkfifo(place)
    elif kind == "device":
        place = Path("/dev/zero")
    elif kind == "folder":
        place.mkdir()
    else:
        place.symlink_to("/dev/zero")
    with pytest.raises(RequestValidationError, match="names a file that cannot be read"):
        to_image(place)


def test_a_file_is_read_up_to_a_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """This holds for the limit of each endpoint, and for a stream that never ends."""
    monkeypatch.setattr(encoding, "MAX_FILE", 1000)
    place = tmp_path / "cat.png"
    place.write_bytes(bytes(1000))
    assert len(to_image(place)) == 1336
    place.write_bytes(bytes(1001))
    endless = Endless()
    sources: list[Any] = [place, io.BytesIO(bytes(1001)), endless]
    for source in sources:
        with pytest.raises(RequestValidationError, match="is larger than 1,000 bytes"):
            to_image(source)
    assert endless.position == 1001


class Endless(io.RawIOBase):
    """A raw file that gives a hundred bytes at a time."""

    def __init__(self) -> None:
        self.position = 0

    def read(self, size: int = -1) -> bytes:
        step = min(size, 100)
        self.position += step
        return bytes(step)


def test_a_closed_file_and_a_text_file_are_refused_by_name(tmp_path: Path) -> None:
    """The error is that of any other picture that cannot be used."""
    closed = io.BytesIO(b"a")
    closed.close()
    for source, words in ((closed, "I/O operation on closed"), (io.StringIO("a"), "is a StringIO")):
        with pytest.raises(RequestValidationError, match=words):
            to_image(source)  # type: ignore[arg-type] # the mistake
    with pytest.raises(RequestValidationError, match="embedded null byte"):
        to_image(Path("a\0b"))

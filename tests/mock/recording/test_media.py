"""Files in base64: what a session says of them, and what is sent in their place."""

from __future__ import annotations

import base64
import io

import imagesize  # type: ignore[import-untyped]  # ships no types
import pytest

from kling_mock.recording.mapping import Pseudonyms
from kling_mock.recording.media import describe, expand, placeholder
from tests.ffmpeg import decode, probe

NAMES = Pseudonyms(bytes(range(16)))


def described(text: str) -> str:
    description = describe(text, NAMES.digest)
    assert description is not None
    return description


@pytest.mark.parametrize("kind", ["image/png", "image/jpeg"])
@pytest.mark.parametrize("pixels", [(300, 300), (1280, 720), (333, 1001)])
def test_a_picture_keeps_type_size_and_pixels(kind: str, pixels: tuple[int, int]) -> None:
    """The emulator refuses what is too small, too large or too narrow; it gets one like it."""
    content = placeholder(kind, 50_000, pixels)
    text = described(base64.b64encode(content).decode())
    assert f"{kind} {pixels[0]}x{pixels[1]} 50000 bytes" in text
    expanded = base64.b64decode(str(expand(text)))
    assert len(expanded) == 50_000
    assert imagesize.get(io.BytesIO(expanded)) == pixels


@pytest.mark.parametrize("kind", ["image/gif", "audio/wav", "audio/mpeg", "video/mp4"])
def test_other_files_keep_type_and_size(kind: str) -> None:
    """They begin as such a file does."""
    text = described(base64.b64encode(placeholder(kind, 3000)).decode())
    assert text.startswith(f"<base64 {kind} ")
    assert base64.b64decode(str(expand(text))) == placeholder(kind, 3000)


def test_a_data_uri_stays_one() -> None:
    """The service refuses it where it accepts only base64."""
    uri = (
        "data:image/png;base64," + base64.b64encode(placeholder("image/png", 900, (9, 9))).decode()
    )
    text = described(uri)
    assert text.startswith("<data image/png 9x9 900 bytes #")
    assert str(expand(text)).startswith("data:image/png;base64,iVBORw0KGgo")


def test_distinct_files_are_told_apart_and_equal_ones_are_not() -> None:
    """Two pictures of the same size are two pictures."""
    first, other = (placeholder("image/png", 900, (9, 9)) + end for end in (b"abc", b"abd"))
    texts = [described(base64.b64encode(content).decode()) for content in (first, other, first)]
    assert texts[0] == texts[2] != texts[1]


@pytest.mark.parametrize(
    "text", ["", "aaaa", "a kitten on the grass", "QUJD" * 10, "not base64!" * 30, "abc" * 11]
)
def test_what_is_no_file(text: str) -> None:
    """Short base64 of an unknown type may be any text."""
    assert describe(text, NAMES.digest) is None


def test_a_long_text_is_described_by_its_length() -> None:
    """So no line of a session gets as long as a picture."""
    text = described("schlecht kodiert, " * 1000)
    assert text.startswith("<text 18000 characters #")
    assert len(str(expand(text))) == 18_000


def test_a_damaged_picture_has_no_pixels() -> None:
    """It is sent as one that is damaged, too."""
    text = described(base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(100)).decode())
    assert text.startswith("<base64 image/png 108 bytes #")


@pytest.mark.parametrize("text", ["<base64 image/png>", "kitten", "<text x characters #0>"])
def test_what_describes_nothing(text: str) -> None:
    """Any other text is sent as it is."""
    assert expand(text) is None


@pytest.mark.slow
@pytest.mark.programs("ffmpeg", "ffprobe")
@pytest.mark.parametrize(("kind", "codec"), [("image/png", "png"), ("image/jpeg", "mjpeg")])
def test_the_pictures_can_be_shown(kind: str, codec: str) -> None:
    """A decoder that is not ours takes them, at the size that they promise."""
    picture = placeholder(kind, 9000, (311, 207))

    (stream,) = probe(picture)["streams"]

    assert (stream["codec_name"], stream["width"], stream["height"]) == (codec, 311, 207)
    # Grey or black: one byte for each pixel of the first plane.
    assert len(decode(picture, "-f", "rawvideo", "-pix_fmt", "gray")) == 311 * 207

"""ffmpeg, a decoder that is not ours, accepts the video files and shows what they promise."""

from __future__ import annotations

import itertools
import subprocess
from pathlib import Path
from struct import unpack_from
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kling_mock.kling.media.card import Card, Drawing
from kling_mock.kling.media.clip import render
from kling_mock.kling.media.h264 import BLOCK, FrameShape
from kling_mock.kling.media.sizes import frame_size
from tests.ffmpeg import decode, probe, run
from tests.mock.kling.media.frames import BOLD, decoded

pytestmark = [pytest.mark.slow, pytest.mark.programs("ffmpeg", "ffprobe")]
SIZES = [
    frame_size(*wish) for wish in itertools.product(("std", "pro", "4k"), ("16:9", "9:16", "1:1"))
]
CARD = Card("text2video", "kling-v2-6", "829836802793406551")


def check_probe(size: tuple[int, int], **wish: Any) -> None:
    media = probe(render(*size, card=CARD, **wish).read())
    video, *rest = media["streams"]
    assert (video["codec_name"], video["profile"], video["pix_fmt"]) == ("h264", "High", "yuv420p")
    assert (video["width"], video["height"]) == size
    assert video["avg_frame_rate"] == video["r_frame_rate"] == f"{wish['fps']}/1"
    assert video["has_b_frames"] == 0
    assert (video["color_range"], video["color_space"]) == ("tv", "bt709")
    assert [(a["codec_name"], a["profile"]) for a in rest] == [("aac", "LC")] * wish["sound"]
    for lasting in (media["format"], *media["streams"]):
        assert float(lasting["duration"]) == pytest.approx(wish["seconds"], abs=0.05)
    assert media["format"]["tags"]["comment"] == wish["tag"]


def pictures(data: bytes) -> list[str]:
    """Decode all pictures and return the hash of each."""
    arguments = ["-map", "0:v", "-f", "framehash", "-hash", "CRC32"]
    lines = decode(data, *arguments, level="warning").decode().splitlines()
    return [line.split(",")[-1].strip() for line in lines if not line.startswith("#")]


def drawn(
    shape: FrameShape, card: Card, fps: int, seconds: int, *, sound: bool
) -> dict[int, bytes]:
    """Return the samples of some pictures, by their number, as they were drawn, never coded."""
    drawing = Drawing(shape, card, fps=fps, seconds=seconds, sound=sound)
    pictures_by_number: dict[int, bytes] = {}
    for number in range(fps * seconds):
        for _ in drawing.show(number):
            pass
        if number % 11 and number % fps and number != fps * seconds - 1:
            continue
        rows: tuple[list[bytes], ...] = ([], [], [])
        for row in range(shape.down):
            line = [
                drawing.canvas.block(row * shape.across + column) for column in range(shape.across)
            ]
            for plane, (start, stop, width) in zip(
                rows, ((0, 256, 16), (256, 320, 8), (320, 384, 8)), strict=True
            ):
                for at in range(start, stop, width):
                    plane.append(b"".join(block[at : at + width] for block in line))
        samples = [
            b"".join(row[: shape.width // part] for row in plane[: shape.height // part])
            for plane, part in zip(rows, (1, 2, 2), strict=True)
        ]
        pictures_by_number[number] = b"".join(samples)
    return pictures_by_number


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_every_size_decodes_without_a_warning_and_moves(size: tuple[int, int]) -> None:
    """ffmpeg at its strictest decodes all pictures, and no two of them are the same."""
    check_probe(size, fps=30, seconds=3, sound=True, tag="video")
    hashes = pictures(render(*size, fps=30, seconds=3, sound=True, tag="video", card=CARD).read())
    assert len(set(hashes)) == len(hashes) == 90


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_a_size_fits_its_level(size: tuple[int, int]) -> None:
    """The file declares a level whose limits (H.264 table A-1) it keeps."""
    limits = {31: (3_600, 108_000), 32: (5_120, 216_000), 40: (8_192, 245_760)}
    limits |= {42: (8_704, 522_240), 50: (22_080, 589_824), 51: (36_864, 983_040)}
    video = probe(render(*size, fps=30, seconds=3, card=CARD).read())["streams"][0]
    blocks = -(-size[0] // BLOCK) * -(-size[1] // BLOCK)
    most_blocks, most_per_second = limits[video["level"]]
    assert blocks <= most_blocks
    assert blocks * 30 <= most_per_second


@pytest.mark.parametrize("seconds", range(3, 16))
def test_every_length_at_both_rates(seconds: int) -> None:
    """3 to 15 seconds, at 24 and at 30 frames per second, with and without sound."""
    for fps in (24, 30):
        sound = (seconds + fps // 6) % 2 == 0
        wish: dict[str, Any] = {"fps": fps, "seconds": seconds, "sound": sound, "tag": "video"}
        check_probe((720, 720), **wish)
        hashes = pictures(render(720, 720, card=CARD, **wish).read())
        assert len(set(hashes)) == len(hashes) == seconds * fps


@given(
    st.integers(180, 300),
    st.integers(180, 300),
    st.sampled_from([24, 30]),
    st.integers(1, 7),
    st.sampled_from([1, 2]),
    st.text("abz09-.", max_size=30),
)
@settings(max_examples=8, deadline=None)
def test_a_decoder_shows_each_sample_as_it_was_drawn(
    half_width: int, half_height: int, fps: int, seconds: int, tracks: int, name: str
) -> None:
    """At any even size and length: nothing is lost, moved or cropped wrongly."""
    sound = tracks == 2
    shape, card = FrameShape(2 * half_width, 2 * half_height), Card(name, name, "8" * 18)
    content = render(*shape, fps=fps, seconds=seconds, sound=sound, card=card).read()
    frames = decoded(content, *shape)
    assert len(frames) == fps * seconds
    expected = drawn(shape, card, fps, seconds, sound=sound)
    assert [
        number for number, samples in expected.items() if frames[number].samples != samples
    ] == []


@pytest.mark.parametrize("size", [(1280, 720), (720, 1280), (1080, 1080)], ids=str)
def test_the_picture_says_what_it_is(size: tuple[int, int]) -> None:
    """Endpoint, model, size, seconds and task, from the first picture on."""
    content = render(*size, fps=24, seconds=5, card=CARD).read()
    (first,) = decoded(content, *size, "-frames:v", "1")
    facts = f"{size[0]}\N{MULTIPLICATION SIGN}{size[1]} \N{MIDDLE DOT} 5 s \N{MIDDLE DOT} 24 fps"
    assert first.shows("text2video", 96, pen=BOLD)
    assert first.shows("kling-v2-6", 58)
    assert first.shows(f"{facts} \N{MIDDLE DOT} silent", 44, luma=170)
    assert first.shows("task 829836802793406551", 44, luma=170)
    assert first.shows("0:00", 112, pen=BOLD)
    assert not first.shows("image2video", 96, pen=BOLD)
    assert not first.shows("task 829836802793406552", 44, luma=170)


@pytest.mark.parametrize("fps", [24, 30])
def test_the_picture_shows_which_second_it_is(fps: int) -> None:
    """In each second the counter has its number, and the bar has grown from picture to picture."""
    frames = decoded(render(720, 720, fps=fps, seconds=12, card=CARD).read(), 720, 720)
    for second in range(12):
        for number in (second * fps, (second + 1) * fps - 1):
            assert frames[number].shows(f"0:{second:02}", 112, pen=BOLD)
            assert not frames[number].shows(f"0:{second + 1:02}", 112, pen=BOLD)
    middle = [frame.samples[636 * 720 : 637 * 720] for frame in frames]
    lengths = [row.count(172) for row in middle]
    assert lengths == sorted(set(lengths))
    assert lengths[-1] > 500


def test_a_watermark_is_seen() -> None:
    """Only the file that has one shows it."""
    for marked in (False, True):
        card = CARD._replace(is_marked=marked)
        frames = decoded(render(1280, 720, seconds=1, card=card).read(), 1280, 720)
        on_badge = [frame.rows[60].count(172) > 40 for frame in frames]
        assert set(on_badge) == {marked}


@pytest.mark.parametrize("fps", [24, 30])
def test_seeking_shows_the_picture_that_playing_shows(fps: int, tmp_path: Path) -> None:
    """A jump into the middle of a second lands on the same picture as playing up to it."""
    data = render(720, 1280, fps=fps, seconds=12, sound=True, card=CARD).read()
    path = tmp_path / "clip.mp4"
    path.write_bytes(data)
    hashed = ["-map", "0:v", "-frames:v", "1", "-f", "framehash", "-hash", "CRC32", "-"]
    playing = pictures(data)
    for second in (4, 8):
        jump = run("ffmpeg", "-ss", f"{second}.5", "-i", str(path), *hashed, feed=b"").decode()
        assert jump.split(",")[-1].strip() == playing[second * fps + fps // 2]


def test_sound_can_be_heard_in_every_second() -> None:
    """The audio is not silence: each second has its own note, and the last one is complete."""
    data = render(1280, 720, seconds=15, sound=True, card=CARD).read()
    raw = decode(data, "-map", "0:a", "-f", "s16le")
    wave = unpack_from(f"<{len(raw) // 2}h", raw)
    assert len(wave) / 48_000 == pytest.approx(15, abs=0.05)
    rising: list[int] = []
    for second in range(15):
        note = wave[second * 48_000 + 12_000 : second * 48_000 + 36_000]
        assert max(note) > 3_000
        rising.append(sum(a < 0 <= b for a, b in itertools.pairwise(note)) * 2)
    assert rising == pytest.approx([262, 294, 330, 392, 440] * 3, abs=4)


def test_control_a_damaged_file_is_noticed() -> None:
    """One wrong byte fails the strict decoding if it is code, the comparison if it is pixels."""
    clip = render(720, 720, seconds=3, card=CARD)
    content, first = clip.read(), clip._starts[1]
    predicted = content.index(b"\x6b" * 30, first)  # macroblocks that go on as those beside them
    data = bytearray(content)
    data[predicted + 10] ^= 0xFF
    with pytest.raises((subprocess.CalledProcessError, AssertionError)):
        decode(bytes(data), "-f", "null", level="warning")
    data = bytearray(content)
    data[first + 100] ^= 0x0F  # the first macroblock, whose samples are in the file unencoded
    whole, damaged = (
        decoded(bytes(file), 720, 720, "-frames:v", "1")[0].samples for file in (content, data)
    )
    assert sum(a != b for a, b in zip(whole, damaged, strict=True)) > 0

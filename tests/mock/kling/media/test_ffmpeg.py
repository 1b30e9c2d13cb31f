"""ffmpeg, a decoder that is not ours, accepts the video files and shows what they promise."""

import itertools
import subprocess
from pathlib import Path
from struct import unpack_from
from typing import Any

import pytest

from kling_mock.kling.media.clip import frame_size, render
from tests.ffmpeg import NEEDS_FFMPEG, decode, probe, run

pytestmark = [pytest.mark.slow, NEEDS_FFMPEG]
SIZES = [
    frame_size(*wish) for wish in itertools.product(("std", "pro", "4k"), ("16:9", "9:16", "1:1"))
]


def check_probe(size: tuple[int, int], **wish: Any) -> None:
    found = probe(render(*size, **wish).read())
    video, *rest = found["streams"]
    assert (video["codec_name"], video["profile"], video["pix_fmt"]) == ("h264", "High", "yuv420p")
    assert (video["width"], video["height"]) == size
    assert video["avg_frame_rate"] == video["r_frame_rate"] == f"{wish['fps']}/1"
    assert video["has_b_frames"] == 0
    assert [(a["codec_name"], a["profile"]) for a in rest] == [("aac", "LC")] * wish["sound"]
    for lasting in (found["format"], *found["streams"]):
        assert float(lasting["duration"]) == pytest.approx(wish["seconds"], abs=0.05)
    assert found["format"]["tags"]["comment"] == wish["tag"]


def pictures(data: bytes) -> list[str]:
    """Decode all pictures and return the hash of each."""
    lines = decode(data, "-map", "0:v", "-f", "framehash", "-hash", "CRC32").decode().splitlines()
    return [line.split(",")[-1].strip() for line in lines if not line.startswith("#")]


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_every_size_decodes_without_an_error_and_moves(size: tuple[int, int]) -> None:
    """ffmpeg at its strictest decodes all pictures, and no two of them are the same."""
    check_probe(size, fps=30, seconds=3, sound=True, tag="video")
    shown = pictures(render(*size, fps=30, seconds=3, sound=True, tag="video").read())
    assert len(set(shown)) == len(shown) == 90


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_a_size_fits_its_level(size: tuple[int, int]) -> None:
    """The file declares a level whose limits (H.264 table A-1) it keeps."""
    limits = {31: (3_600, 108_000), 32: (5_120, 216_000), 40: (8_192, 245_760)}
    limits |= {42: (8_704, 522_240), 50: (22_080, 589_824), 51: (36_864, 983_040)}
    video = probe(render(*size, fps=30, seconds=3).read())["streams"][0]
    blocks = -(-size[0] // 16) * -(-size[1] // 16)
    most_blocks, most_per_second = limits[video["level"]]
    assert blocks <= most_blocks
    assert blocks * 30 <= most_per_second


@pytest.mark.parametrize("seconds", range(3, 16))
def test_every_length_at_both_rates(seconds: int) -> None:
    """3 to 15 seconds, at 24 and at 30 frames per second, with and without sound."""
    for fps in (24, 30):
        sound = (seconds + fps // 6) % 2 == 0
        check_probe((720, 720), fps=fps, seconds=seconds, sound=sound, tag="video")
        shown = pictures(render(720, 720, fps=fps, seconds=seconds, sound=sound).read())
        assert len(set(shown)) == len(shown) == seconds * fps


@pytest.mark.parametrize("fps", [24, 30])
def test_the_picture_shows_which_second_it_is(fps: int) -> None:
    """The strip at the bottom is three units longer in each second, at either rate."""
    data = render(1280, 720, fps=fps, seconds=15).read()
    small = decode(data, "-vf", "scale=80:45:flags=area,format=gray", "-f", "rawvideo")
    rows = [small[at + 42 * 80 : at + 43 * 80] for at in range(0, len(small), 80 * 45)]
    lengths = [sum(value > 180 for value in row) for row in rows]
    assert lengths == [3 * (number // fps + 1) for number in range(15 * fps)]


@pytest.mark.parametrize("fps", [24, 30])
def test_seeking_shows_the_picture_that_playing_shows(fps: int, tmp_path: Path) -> None:
    """A jump into the middle of a second lands on the same picture as playing up to it."""
    data = render(720, 1280, fps=fps, seconds=6, sound=True).read()
    path = tmp_path / "clip.mp4"
    path.write_bytes(data)
    hashed = ["-map", "0:v", "-frames:v", "1", "-f", "framehash", "-hash", "CRC32", "-"]
    jump = run("ffmpeg", "-ss", "4.5", "-i", str(path), *hashed, feed=b"").decode()
    assert jump.split(",")[-1].strip() == pictures(data)[4 * fps + fps // 2]


def test_sound_can_be_heard_in_every_second() -> None:
    """The audio is not silence: each second has its own note, and the last one is complete."""
    data = render(1280, 720, seconds=15, sound=True).read()
    raw = decode(data, "-map", "0:a", "-f", "s16le")
    wave = unpack_from(f"<{len(raw) // 2}h", raw)
    assert len(wave) / 48_000 == pytest.approx(15, abs=0.05)
    rising: list[int] = []
    for second in range(15):
        note = wave[second * 48_000 + 12_000 : second * 48_000 + 36_000]
        assert max(note) > 3_000
        rising.append(sum(a < 0 <= b for a, b in itertools.pairwise(note)) * 2)
    assert rising == pytest.approx([262, 294, 330, 392, 440] * 3, abs=4)


def test_a_damaged_file_would_be_noticed() -> None:
    """The strict decoding that these tests rely on fails for one wrong byte in a picture."""
    clip = render(720, 720, seconds=3)
    data = bytearray(clip.read())
    data[clip._starts[1] + 150] ^= 0xFF  # in the middle of the first picture
    with pytest.raises((subprocess.CalledProcessError, AssertionError)):
        decode(bytes(data), "-f", "null")

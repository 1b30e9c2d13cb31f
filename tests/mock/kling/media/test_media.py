"""The video files of finished tasks are real, exact, and cheap to serve in ranges."""

import hashlib
import itertools
import subprocess
import tracemalloc
from collections.abc import Iterator
from dataclasses import dataclass
from struct import unpack_from
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kling_mock.kling.media import clip as clips
from kling_mock.kling.media.card import Card
from kling_mock.kling.media.clip import render
from kling_mock.kling.media.file import MediaFile
from kling_mock.kling.media.h264 import FrameShape
from kling_mock.kling.media.sizes import frame_size

SIZES = {
    ("std", "16:9"): (1280, 720),
    ("std", "9:16"): (720, 1280),
    ("std", "1:1"): (720, 720),
    ("pro", "16:9"): (1920, 1080),
    ("pro", "9:16"): (1080, 1920),
    ("pro", "1:1"): (1080, 1080),
    ("4k", "16:9"): (3840, 2160),
    ("4k", "9:16"): (2160, 3840),
    ("4k", "1:1"): (2160, 2160),
}
CLIPS: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {
        "size": st.sampled_from([(360, 360), (402, 360)]),
        "fps": st.sampled_from([24, 30]),
        "seconds": st.integers(1, 17),
        "sound": st.booleans(),
        "tag": st.text(max_size=60),
        "card": st.builds(Card, st.sampled_from(["text2video", "avatar"]), st.just("kling-v3")),
    }
)
CARD = Card("text2video", "kling-v2-6", "829836802793406551")


def clip_of(wish: dict[str, Any]) -> MediaFile:
    rest = {name: value for name, value in wish.items() if name != "size"}
    return render(*wish["size"], **rest)


# ------------------------------------------------ a second reading of the MP4 format


def boxes(data: bytes) -> Iterator[tuple[bytes, int, bytes]]:
    """Yield kind, offset of the content and content of each box; they must fill `data`."""
    at = 0
    while at < len(data):
        length, kind = unpack_from(">I4s", data, at)
        assert 8 <= length <= len(data) - at, (kind, length)
        yield kind, at + 8, data[at + 8 : at + length]
        at += length
    assert at == len(data)


def inside(data: bytes, *path: bytes) -> bytes:
    """Return the content of the one box at a path."""
    for kind in path:
        (data,) = (content for box_type, _, content in boxes(data) if box_type == kind)
    return data


def table(content: bytes, columns: int) -> list[tuple[int, ...]]:
    (count,) = unpack_from(">I", content, 4)
    assert len(content) == 8 + 4 * columns * count
    return [unpack_from(f">{columns}I", content, 8 + 4 * columns * row) for row in range(count)]


@dataclass
class ReadTrack:
    kind: bytes
    duration: float  # seconds, in the track's own time scale
    header_duration: float  # seconds, as the file says
    shape: tuple[float, float]
    deltas: list[float]  # seconds
    samples: list[tuple[int, int]]  # offset and size in the file
    keyframes: list[int] | None
    entry: bytes


def read_track(trak: bytes) -> ReadTrack:
    tkhd, mdia = inside(trak, b"tkhd"), inside(trak, b"mdia")
    mdhd, hdlr = inside(mdia, b"mdhd"), inside(mdia, b"hdlr")
    parts = {kind: content for kind, _, content in boxes(inside(mdia, b"minf", b"stbl"))}
    scale, duration = unpack_from(">II", mdhd, 12)
    deltas = [d / scale for n, d in table(parts[b"stts"], 2) for _ in range(n)]
    fixed, count = unpack_from(">II", parts[b"stsz"], 4)
    sizes = unpack_from(f">{count}I", parts[b"stsz"], 12)
    offsets = [row[0] for row in table(parts[b"stco"], 1)]
    runs = table(parts[b"stsc"], 3)
    assert fixed == 0
    assert len(runs) == len(offsets)
    samples: list[tuple[int, int]] = []
    for (chunk, per_chunk, _), (number, at) in zip(runs, enumerate(offsets, 1), strict=True):
        assert chunk == number
        own = sizes[len(samples) : len(samples) + per_chunk]
        starts = itertools.accumulate(own[:-1], initial=at)
        samples += zip(starts, own, strict=True)
    assert len(samples) == count == len(deltas)
    width, height = unpack_from(">II", tkhd, 76)
    stss = parts.get(b"stss")
    return ReadTrack(
        kind=hdlr[8:12],
        duration=duration / scale,
        header_duration=unpack_from(">I", tkhd, 20)[0] / 1000,
        shape=(width / 65536, height / 65536),
        deltas=deltas,
        samples=samples,
        keyframes=None if stss is None else [row[0] for row in table(stss, 1)],
        entry=parts[b"stsd"][8:],
    )


def read_file(data: bytes) -> list[ReadTrack]:
    """Read a file whose index must come before its samples."""
    assert [kind for kind, _, _ in boxes(data)] == [b"ftyp", b"moov", b"mdat"]
    moov = inside(data, b"moov")
    return [read_track(content) for kind, _, content in boxes(moov) if kind == b"trak"]


# ------------------------------------------------ what holds for every file


@given(CLIPS)
@settings(max_examples=30, deadline=None)
@pytest.mark.slow
def test_every_file_lasts_exactly_as_long_as_asked(wish: dict[str, Any]) -> None:
    """File, tracks and the sum of all samples agree on the length, at exactly 24 or 30 fps."""
    data = clip_of(wish).read()
    mvhd = inside(data, b"moov", b"mvhd")
    scale, duration = unpack_from(">II", mvhd, 12)
    assert duration / scale == wish["seconds"]
    tracks = read_file(data)
    assert [t.kind for t in tracks] == [b"vide", b"soun"][: 1 + wish["sound"]]
    for track in tracks:
        assert track.duration == track.header_duration == wish["seconds"]
        assert sum(track.deltas) == pytest.approx(wish["seconds"], abs=1e-9)
    assert set(tracks[0].deltas) == {1 / wish["fps"]}
    assert len(tracks[0].deltas) == wish["seconds"] * wish["fps"]


@given(CLIPS)
@settings(max_examples=30, deadline=None)
@pytest.mark.slow
def test_the_index_describes_every_byte_of_the_samples(wish: dict[str, Any]) -> None:
    """Each sample lies where the index says, none overlap, and nothing is left over."""
    data = clip_of(wish).read()
    samples = sorted(sample for track in read_file(data) for sample in track.samples)
    ((start, content),) = ((at, c) for kind, at, c in boxes(data) if kind == b"mdat")
    for (at, size), (following, _) in itertools.pairwise([*samples, (len(data), 0)]):
        assert at + size == following
    assert samples[0][0] == start
    assert start + len(content) == len(data)


@pytest.mark.slow
def test_a_player_can_seek() -> None:
    """Every fifth second begins with a listed keyframe, and the samples are what the list says."""
    for fps, seconds in ((24, 3), (30, 12)):
        data = render(720, 720, fps=fps, seconds=seconds, sound=True, card=CARD).read()
        video = read_file(data)[0]
        assert video.keyframes == list(range(1, seconds * fps + 1, 5 * fps))
        for number, (start, size) in enumerate(video.samples, 1):
            at, kinds = start, list[int]()
            while at < start + size:
                (length,) = unpack_from(">I", data, at)
                kinds.append(data[at + 4] & 31)
                at += 4 + length
            assert at == start + size
            # A keyframe has two slices of type 5, another picture has one of type 1.
            assert kinds == ([5, 5] if number in video.keyframes else [1])


@given(CLIPS)
@settings(max_examples=10, deadline=None)
@pytest.mark.slow
def test_the_frame_has_the_size_asked_for(wish: dict[str, Any]) -> None:
    """Track header and H.264 description both have the requested width and height."""
    video = read_file(clip_of(wish).read())[0]
    assert video.shape == wish["size"]
    assert video.entry[4:8] == b"avc1"
    assert unpack_from(">HH", video.entry, 32) == wish["size"]


@given(CLIPS, st.integers(0, 300_000), st.integers(0, 300_000), st.integers(1, 100_000))
@settings(max_examples=50, deadline=None)
@pytest.mark.slow
def test_any_range_equals_that_slice_of_the_file(
    wish: dict[str, Any], first: int, other: int, chunk_size: int
) -> None:
    """A download resumed at any byte, in pieces of any size, gives the file that one read gives."""
    clip = clip_of(wish)
    whole = clip.read()
    start, stop = sorted((first, other))
    assert len(whole) == clip.size
    assert clip.read(start, stop) == whole[start:stop]
    assert clip.read(start) == whole[start:]
    pieces = list(clip.chunks(start, stop, chunk_size=chunk_size))
    assert b"".join(pieces) == whole[start:stop]
    assert all(len(piece) == chunk_size for piece in pieces[:-1])


def test_ranges_are_right_at_every_seam() -> None:
    """One byte either side of each boundary between header, picture and sound is in its place."""
    clip = render(1280, 720, seconds=7, sound=True, tag="seams", card=CARD)
    whole = clip.read()
    for seam in [*clip._starts, clip.size]:
        for start, stop in itertools.combinations(range(max(seam - 2, 0), seam + 3), 2):
            assert clip.read(start, stop) == whole[start:stop]


@given(CLIPS)
@settings(max_examples=10, deadline=None)
@pytest.mark.slow
def test_the_same_task_has_the_same_file_in_every_process(wish: dict[str, Any]) -> None:
    """Bytes and ETag depend on the arguments alone, not on what was opened before."""
    before = clip_of(wish)
    clips._cache.clear()
    after = clip_of(wish)
    assert after is not before
    assert (after.etag, after.read()) == (before.etag, before.read())


@pytest.mark.slow
def test_no_two_tasks_share_a_file_or_an_etag() -> None:
    """A change of any argument changes the SHA-256 of the file and its strong ETag."""
    clips = [
        render(*size, fps=fps, seconds=seconds, sound=sound, tag=tag, card=card)
        for size in ((360, 360), (480, 360))
        for fps, seconds, sound, tag, card in itertools.product(
            (24, 30),
            (1, 2),
            (False, True),
            ("video-1", "video-2"),
            (CARD, CARD._replace(model="kling-v3"), CARD._replace(is_marked=True)),
        )
    ]
    assert len({hashlib.sha256(clip.read()).digest() for clip in clips}) == len(clips)
    assert len({clip.etag for clip in clips}) == len(clips)
    assert all(clip.etag.startswith('"') and clip.etag.endswith('"') for clip in clips)


def test_the_file_names_its_video() -> None:
    """The tag is in the file as its comment, in UTF-8, so a stray file can be traced."""
    data = render(720, 720, seconds=3, tag="video-é", card=CARD).read()
    meta = inside(data, b"moov", b"udta", b"meta")
    comment = inside(meta[4:], b"ilst", b"\xa9cmt", b"data")
    assert comment[8:].decode() == "video-é"


# ------------------------------------------------ cost


def test_a_range_costs_the_range_and_not_the_file() -> None:
    """Serving 1,000 bytes of a file allocates a few kilobytes, wherever they lie."""
    clip = render(1280, 720, seconds=15, sound=True, tag="range", card=CARD)
    tracemalloc.start()
    try:
        for start in range(0, clip.size, 5_000):
            clip.read(start, start + 1_000)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert clip.size > 200_000
    assert peak < 8_000


def test_opening_a_clip_again_builds_nothing() -> None:
    """The second request for a file finds the clip that the first one made."""
    wish: dict[str, Any] = {"seconds": 5, "sound": True, "tag": "again", "card": CARD}
    assert render(1280, 720, **wish) is render(1280, 720, **wish)


@pytest.mark.slow
def test_memory_is_bounded() -> None:
    """The files requested last are kept in memory, up to a total size."""
    files = clips._Files(500_000)
    clip = clips._Clip(FrameShape(360, 360), 24, 2, sound=False, tag="", card=CARD)
    variants = [clip._replace(tag=str(number)) for number in range(20)]
    rendered = [files.get(variant) for variant in variants]
    assert sum(file.size for file in rendered) > 500_000 > files._size > 400_000
    assert files.get(variants[-1]) is rendered[-1]
    assert files.get(variants[0]) is not rendered[0]
    assert files.get(variants[0]).etag == rendered[0].etag
    assert files._size <= 500_000


def test_a_long_file_takes_little_memory() -> None:
    """What all keyframes have in common is in memory once, and a file is kept whatever its size."""
    files = clips._Files(1)
    clip = clips._Clip(FrameShape(720, 720), 24, 25, sound=False, tag="", card=CARD)
    file = files.get(clip)
    assert files._size < file.size * 2 / 3
    assert files.get(clip) is file


def test_no_program_is_needed_to_make_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without ffmpeg makes every file."""
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(subprocess, "Popen", None)
    clips._cache.clear()
    assert render(1280, 720, seconds=3, sound=True, tag="alone", card=CARD).size > 10_000


# ------------------------------------------------ arguments


@pytest.mark.parametrize(("wish", "size"), SIZES.items(), ids=str)
def test_modes_are_resolutions(wish: tuple[str, str], size: tuple[int, int]) -> None:
    """std is 720p, pro 1080p and 4k 2160p, in each of the three aspect ratios."""
    assert frame_size(*wish) == size


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"width": 1281}, "width: must be an even number from 360 to 4096, got 1281"),
        ({"height": 4098}, "height: must be an even number from 360 to 4096, got 4098"),
        ({"width": 358}, "width: must be an even number from 360 to 4096, got 358"),
        ({"fps": 25}, "must be 24 or 30 frames per second, got 25"),
        ({"seconds": 0}, "must be a whole number from 1 to 300, got 0"),
        ({"seconds": 301}, "must be a whole number from 1 to 300, got 301"),
        ({"seconds": 4.5}, "must be a whole number from 1 to 300, got 4.5"),
        ({"tag": "é" * 128}, "must be at most 255 bytes, got 256"),
    ],
)
def test_a_wrong_argument_is_answered_with_those_accepted(
    change: dict[str, Any], text: str
) -> None:
    """An impossible size, rate or length is refused by name, never rounded."""
    wish: dict[str, Any] = {"width": 1280, "height": 720, "seconds": 5, "card": CARD, **change}
    with pytest.raises(ValueError, match=text):
        render(**wish)


@pytest.mark.parametrize(("mode", "ratio"), [("8k", "16:9"), ("pro", "4:3")])
def test_an_unknown_mode_or_ratio_is_answered_with_those_accepted(mode: str, ratio: str) -> None:
    """The error of a wrong mode or aspect ratio lists the right ones."""
    with pytest.raises(ValueError, match=r"must be one of (std, pro, 4k|16:9, 9:16, 1:1); got"):
        frame_size(mode, ratio)


def test_a_wrong_range_is_refused_before_the_first_byte() -> None:
    """A server learns that a range is wrong while it can still answer with an error."""
    clip = render(720, 720, seconds=3, card=CARD)
    with pytest.raises(ValueError, match="start: must be 0 or more bytes, got -1"):
        clip.read(-1)
    with pytest.raises(ValueError, match=r"stop: must be start \(5\) or more bytes, got 4"):
        clip.chunks(5, 4)
    with pytest.raises(ValueError, match="chunk_size: must be 1 or more bytes, got 0"):
        clip.chunks(chunk_size=0)

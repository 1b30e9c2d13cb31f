"""A finished task's video file."""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import Final, NamedTuple

from kling_mock.kling.media.card import Card, Drawing
from kling_mock.kling.media.file import MediaFile
from kling_mock.kling.media.h264 import FrameShape, avcc, inter_slice, intra_slice
from kling_mock.kling.media.mp4_header import Track, file_header, picture_entry, sound_entry
from kling_mock.kling.media.tone_samples import AAC_FRAME, AUDIO_RATE, sound_second

#: Maximum total size of files kept after they were made; the newest one is kept whatever its size.
KEPT_BYTES: Final = 8 * 1024 * 1024

_SIDES = range(360, 4097)  # pixels
_FRAME_RATES = (24, 30)
_SECONDS = range(1, 301)
_MAX_TAG = 255  # bytes
_TICKS = 512  # per frame, so the time scale is as fine as usual muxers make it
_KEYFRAME_SECONDS = 5  # from one keyframe to the next


class _Clip(NamedTuple):
    """The description of a file; equal values give equal bytes."""

    shape: FrameShape
    fps: int
    seconds: int
    sound: bool
    tag: str
    card: Card


class _Second(NamedTuple):
    """The samples of one second of a track.

    Attributes:
        parts: The bytes of its samples, one after the other.
        sizes: Bytes of each sample.
    """

    parts: Sequence[bytes | memoryview]
    sizes: Sequence[int]


def render(
    width: int,
    height: int,
    *,
    fps: int = 30,
    seconds: int,
    sound: bool = False,
    tag: str = "",
    card: Card,
) -> MediaFile:
    """Make a video file; the same arguments give the same bytes.

    It takes about a tenth of a second, unless it was made a short time ago. May be called from
    several threads.

    Args:
        width: Pixels, 360 to 4096, even.
        height: Pixels, 360 to 4096, even.
        fps: Frames per second: 24 or 30.
        seconds: Length in seconds, a whole number from 1 to 300. After 15 seconds the sound
            repeats.
        sound: Whether the file has an audio track.
        tag: Text of at most 255 bytes in UTF-8, kept as the file's comment. Give each task
            its own (such as the video's id), and no two tasks have the same file or ETag.
        card: The contents of the picture.

    Raises:
        ValueError: An argument is out of range; the text says what it must be.
    """
    for name, size in (("width", width), ("height", height)):
        if size not in _SIDES or size % 2:
            raise ValueError(f"{name}: must be an even number from 360 to 4096, got {size}")
    if fps not in _FRAME_RATES:
        raise ValueError(f"fps: must be 24 or 30 frames per second, got {fps}")
    if seconds not in _SECONDS:
        raise ValueError(f"seconds: must be a whole number from 1 to 300, got {seconds}")
    if len(tag.encode()) > _MAX_TAG:
        raise ValueError(f"tag: must be at most {_MAX_TAG} bytes, got {len(tag.encode())}")
    # int(): 5.0 passes the checks above as 5, and must then be the same clip as 5.
    shape = FrameShape(int(width), int(height))
    return _cache.get(_Clip(shape, int(fps), int(seconds), bool(sound), tag, card))


class _Files:
    """The files that were requested last, each made once."""

    def __init__(self, max_clips: int) -> None:
        self._max_clips = max_clips
        self._lock = threading.Lock()  # one at a time: making takes all of a processor anyway
        self._size = 0
        self._files: OrderedDict[_Clip, tuple[MediaFile, int]] = OrderedDict()

    def get(self, clip: _Clip) -> MediaFile:
        with self._lock:
            cached = self._files.pop(clip, None)
            if cached is None:
                file, size = _make(clip)
                cached = file, size + len(clip.card.picture)
                self._size += cached[1]
            self._files[clip] = cached
            while self._size > self._max_clips and len(self._files) > 1:
                _, (_, size) = self._files.popitem(last=False)
                self._size -= size
            return cached[0]

    def clear(self) -> None:
        with self._lock:
            self._files.clear()
            self._size = 0


_cache = _Files(KEPT_BYTES)


def _make(clip: _Clip) -> tuple[MediaFile, int]:
    """Return the file, and the bytes of memory that it takes."""
    tracks = [list(_pictures(clip))]
    if clip.sound:
        tracks.append([_sound(second) for second in range(clip.seconds)])
    header = file_header(list(_tracks(clip, tracks)), clip.seconds, clip.tag)
    # Second by second, so that playing needs one region of the file at a time.
    parts = [memoryview(header)]
    for together in zip(*tracks, strict=True):
        parts += (memoryview(part) for second in together for part in second.parts)
    *starts, end = accumulate((len(part) for part in parts), initial=0)
    content = hashlib.sha256()
    for part in parts:
        content.update(part)
    etag = f'"{content.hexdigest()[:32]}"'
    own = {
        id(part.obj): memoryview(part.obj).nbytes for part in parts
    }  # some are in the file several times
    return MediaFile(end, etag, "video/mp4", parts, starts), sum(own.values())


def _tracks(clip: _Clip, tracks: Sequence[Sequence[_Second]]) -> Iterator[Track]:
    """Yield the description of each track for the header."""
    fps, count = clip.fps, clip.seconds * clip.fps
    entry = picture_entry(*clip.shape, avcc(clip.shape, fps))
    keyframes = range(1, count + 1, fps * _KEYFRAME_SECONDS)
    chunks = [second.sizes for second in tracks[0]]
    yield Track(b"vide", clip.shape, entry, fps * _TICKS, _TICKS, chunks, keyframes)
    for track in tracks[1:]:
        chunks = [second.sizes for second in track]
        yield Track(b"soun", (0, 0), sound_entry(AUDIO_RATE), AUDIO_RATE, AAC_FRAME, chunks, None)


def _pictures(clip: _Clip) -> Iterator[_Second]:
    """Yield the seconds of the picture.

    A keyframe has two slices. The upper one never changes, so it is coded and kept once.
    """
    shape, fps = clip.shape, clip.fps
    total, frames = shape.across * shape.down, fps * _KEYFRAME_SECONDS
    drawing = Drawing(shape, clip.card, fps=fps, seconds=clip.seconds, sound=clip.sound)
    canvas, split = drawing.canvas, drawing.first_moving_row
    above, below = range(split), range(split, shape.down)
    upper = intra_slice(shape, above, canvas.blocks(above))
    coded: dict[int, bytes] = {}  # the macroblocks that have changed, as they were coded last
    for second in range(clip.seconds):
        upper_parts, parts, sizes = list[bytes](), list[bytes](), list[int]()
        for number in range(second * fps, (second + 1) * fps):
            touched = {place for region in drawing.show(number) for place in canvas.numbers(region)}
            if number % frames == 0:
                lower = intra_slice(shape, below, canvas.blocks(below))
                coded |= {place: canvas.block(place) for place in touched}
                upper_parts.append(upper)
                parts.append(lower)
                sizes.append(len(upper) + len(lower))
                continue
            changed = [
                (place, block)
                for place in sorted(touched)
                if coded.get(place) != (block := canvas.block(place))
            ]
            coded |= changed
            parts.append(inter_slice(number % frames, total, changed))
            sizes.append(len(parts[-1]))
        yield _Second([*upper_parts, b"".join(parts)], sizes)


def _sound(second: int) -> _Second:
    cut = sound_second(second)
    return _Second([cut.data], cut.sizes)

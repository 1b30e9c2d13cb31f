"""A finished task's video file."""

import hashlib
from collections.abc import Sequence
from functools import lru_cache
from itertools import accumulate

from kling_mock.kling.media import _templates
from kling_mock.kling.media._header import Track, file_header, picture_entry, sound_entry
from kling_mock.kling.media._templates import Cut, Template, template
from kling_mock.kling.media.file import MediaFile

__all__ = ["frame_size", "render"]

_SHORT_SIDES = {"std": 720, "pro": 1080, "4k": 2160}  # pixels
_RATIOS = {"16:9": (16, 9), "9:16": (9, 16), "1:1": (1, 1)}
_FRAME_RATES = (24, 30)
_SECONDS = range(1, 301)
_MAX_TAG = 255  # bytes
_TICKS = 512  # per frame, so the time scale is as fine as usual muxers make it


def frame_size(mode: str, aspect_ratio: str) -> tuple[int, int]:
    """Return the width and height in pixels of a mode and an aspect ratio.

    Args:
        mode: `std` (720p), `pro` (1080p) or `4k` (2160p).
        aspect_ratio: `16:9`, `9:16` or `1:1`. The size of 1:1 is assumed, see the package.

    Raises:
        ValueError: Another mode or aspect ratio; the text names those there are.
    """
    if mode not in _SHORT_SIDES:
        raise ValueError(f"mode: must be one of {', '.join(_SHORT_SIDES)}; got {mode!r}")
    if aspect_ratio not in _RATIOS:
        raise ValueError(f"aspect_ratio: must be one of {', '.join(_RATIOS)}; got {aspect_ratio!r}")
    across, down = _RATIOS[aspect_ratio]
    unit = _SHORT_SIDES[mode] // min(across, down)
    return across * unit, down * unit


def render(
    width: int, height: int, *, fps: int = 30, seconds: int, sound: bool = False, tag: str = ""
) -> MediaFile:
    """Make a video file; the same arguments give the same bytes.

    Args:
        width: Pixels; with `height` one of the nine sizes that `frame_size` returns.
        height: Pixels.
        fps: Frames per second: 24 or 30.
        seconds: Length in seconds, a whole number from 1 to 300. What is shown and heard after
            15 seconds is what was before.
        sound: Whether the file has an audio track.
        tag: Text of at most 255 bytes in UTF-8, kept as the file's comment. Give each task
            its own (such as the video's id), and no two tasks have the same file or ETag.

    Raises:
        ValueError: An argument outside of these; the text names what it must be.
    """
    sizes = [frame_size(mode, ratio) for mode in _SHORT_SIDES for ratio in _RATIOS]
    if (width, height) not in sizes:
        possible = ", ".join(f"{w}x{h}" for w, h in sizes)
        raise ValueError(f"width and height: must be one of {possible}; got {width}x{height}")
    if fps not in _FRAME_RATES:
        raise ValueError(f"fps: must be 24 or 30 frames per second, got {fps}")
    if seconds not in _SECONDS:
        raise ValueError(f"seconds: must be a whole number from 1 to 300, got {seconds}")
    if len(tag.encode()) > _MAX_TAG:
        raise ValueError(f"tag: must be at most {_MAX_TAG} bytes, got {len(tag.encode())}")
    # int(): 5.0 passes the checks above as 5, and must then be the same clip as 5.
    return _open(int(width), int(height), int(fps), int(seconds), bool(sound), tag)


@lru_cache(maxsize=64)  # about 10 kB each: a download in many ranges opens its clip once
def _open(width: int, height: int, fps: int, seconds: int, sound: bool, tag: str) -> MediaFile:  # noqa: FBT001 - a cache key
    pictures = template(f"{width}x{height}")
    sources: list[Template] = [pictures]
    cuts: list[list[Cut]] = [[pictures.picture_second(s, fps) for s in range(seconds)]]
    entry = picture_entry(width, height, pictures.avcc[fps])
    size = (width, height)
    chunks = [cut.sizes for cut in cuts[0]]
    tracks = [Track(b"vide", size, entry, fps * _TICKS, _TICKS, chunks, keyframes=True)]
    if sound:
        tone = template("tone")
        sources.append(tone)
        cuts.append([tone.sound_second(s) for s in range(seconds)])
        tracks.append(_sound_track(cuts[1]))
    header = file_header(tracks, seconds, tag)
    # Second by second, so that playing needs one region of the file at a time.
    parts = [
        memoryview(header),
        *(cut.data for second in zip(*cuts, strict=True) for cut in second),
    ]
    *starts, end = accumulate((len(part) for part in parts), initial=0)
    # The header and the templates decide every byte, and are quicker to hash than the file.
    content = hashlib.sha256(header + b"".join(source.digest for source in sources))
    return MediaFile(end, f'"{content.hexdigest()[:32]}"', "video/mp4", parts, starts)


def _sound_track(cuts: Sequence[Cut]) -> Track:
    rate = _templates.AUDIO_RATE
    chunks = [cut.sizes for cut in cuts]
    entry = sound_entry(rate)
    return Track(b"soun", (0, 0), entry, rate, _templates.AAC_FRAME, chunks, keyframes=False)

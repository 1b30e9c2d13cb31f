"""Write the header of an MP4 file (ISO 14496-12) for samples whose sizes are known.

Only what two plain tracks need: no edit lists, fragments or composition times. The index
(`moov`) comes before the samples, so that a browser can start before the file is complete.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from struct import pack

_MOVIE_TIMESCALE = 1000  # ticks per second of the fields that describe the whole file
_MATRIX = pack(">9I", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)  # no rotation or scaling
_UNDETERMINED = 0x55C4  # the language code "und"


@dataclass(frozen=True, slots=True)
class Track:
    """One track as the header describes it.

    Attributes:
        kind: `vide` or `soun`.
        size: Width and height in pixels; `(0, 0)` for sound.
        entry: The sample description box (`avc1` or `mp4a`).
        timescale: Ticks per second.
        delta: Ticks that each sample lasts; the last one is shortened to end with the clip.
        chunks: Sizes in bytes of the samples of each chunk; a chunk is one second.
        keyframes: The samples, from 1, that can be decoded alone; `None` is all.
    """

    kind: bytes
    size: tuple[int, int]
    entry: bytes
    timescale: int
    delta: int
    chunks: Sequence[Sequence[int]]
    keyframes: Sequence[int] | None


def file_header(tracks: Sequence[Track], seconds: int, comment: str) -> bytes:
    """Write everything up to the first sample; chunks follow, second by second, in track order.

    Args:
        tracks: Video first.
        seconds: Length of every track, in seconds.
        comment: Free text; players and `ffprobe` show it as the file's comment.
    """
    kinds = box(b"ftyp", b"isom", pack(">I", 512), b"isomiso2avc1mp41")
    samples = sum(sum(chunk) for track in tracks for chunk in track.chunks)
    # The offsets in `moov` count from the start of the file, but their values do not change
    # the length of `moov`: write it once to learn the length, and once more to keep.
    start = len(kinds) + len(_moov(tracks, seconds, comment, 0)) + 8
    return kinds + _moov(tracks, seconds, comment, start) + pack(">I4s", samples + 8, b"mdat")


def picture_entry(width: int, height: int, avcc: bytes) -> bytes:
    """Describe H.264 pictures of `width` x `height` pixels in BT.709 colors."""
    shape = pack(">HHIIIH", width, height, 72 << 16, 72 << 16, 0, 1)  # 72 dpi, 1 frame a sample
    colors = box(b"colr", b"nclx", pack(">HHHB", 1, 1, 1, 0))
    head = pack(">6xH16x", 1) + shape + pack(">32xHh", 24, -1)  # no encoder name, 24 bits deep
    return box(b"avc1", head, box(b"avcC", avcc), colors)


def sound_entry(rate: int) -> bytes:
    """Describe mono AAC-LC with `rate` samples per second: 48000 is the only one possible.

    Raises:
        ValueError: Another rate, for which the two bytes of configuration would be wrong.
    """
    if rate != 48_000:
        raise ValueError(f"rate: must be 48000, got {rate}")
    # AudioSpecificConfig: object type 2 (LC), rate index 3 (48 kHz), one channel.
    setup = _descriptor(5, pack(">H", 2 << 11 | 3 << 7 | 1 << 3))
    # 0x40: MPEG-4 audio; 0x15: an audio stream. Buffer and bit rates: not stated.
    decoder = _descriptor(4, pack(">BBxHII", 0x40, 0x15, 0, 0, 0), setup)
    stream = _descriptor(3, pack(">HB", 0, 0), decoder, _descriptor(6, b"\x02"))
    head = pack(">6xH8xHH4xI", 1, 1, 16, rate << 16)
    return box(b"mp4a", head, box(b"esds", pack(">I", 0), stream))


def box(kind: bytes, *parts: bytes) -> bytes:
    """Write one box: its length in bytes, its kind, its content."""
    content = b"".join(parts)
    return pack(">I4s", len(content) + 8, kind) + content


def _full(kind: bytes, flags: int, *parts: bytes) -> bytes:
    """Write a box that has a version (always 0) and flags."""
    return box(kind, pack(">I", flags), *parts)


def _table(kind: bytes, rows: Sequence[Sequence[int]]) -> bytes:
    """Write a box that is a count and rows of 32-bit numbers."""
    numbers = [number for row in rows for number in row]
    return _full(kind, 0, pack(f">I{len(numbers)}I", len(rows), *numbers))


def _descriptor(tag: int, *parts: bytes) -> bytes:
    """Write an MPEG-4 descriptor (ISO 14496-1) of up to 127 bytes."""
    content = b"".join(parts)
    return bytes([tag, len(content)]) + content


def _moov(tracks: Sequence[Track], seconds: int, comment: str, start: int) -> bytes:
    length = seconds * _MOVIE_TIMESCALE
    head = pack(">4I", 0, 0, _MOVIE_TIMESCALE, length)  # creation times: none, to be repeatable
    rest = pack(">IH10x", 0x10000, 0x100) + _MATRIX + pack(">24xI", len(tracks) + 1)
    offsets = _offsets(tracks, seconds, start)
    traks = [
        _trak(number, track, seconds, where)
        for number, (track, where) in enumerate(zip(tracks, offsets, strict=True), 1)
    ]
    return box(b"moov", _full(b"mvhd", 0, head, rest), *traks, _comment(comment))


def _offsets(tracks: Sequence[Track], seconds: int, start: int) -> list[list[int]]:
    """Return where each track's chunks begin, in bytes from the start of the file."""
    offsets: list[list[int]] = [[] for _ in tracks]
    for second in range(seconds):
        for track, where in zip(tracks, offsets, strict=True):
            where.append(start)
            start += sum(track.chunks[second])
    return offsets


def _trak(number: int, track: Track, seconds: int, offsets: Sequence[int]) -> bytes:
    sound = track.kind == b"soun"
    width, height = track.size
    head = pack(">5I8x", 0, 0, number, 0, seconds * _MOVIE_TIMESCALE)
    place = pack(">HHHH", 0, 0, 0x100 if sound else 0, 0)  # layer, group, volume
    shape = pack(">II", width << 16, height << 16)
    tkhd = _full(b"tkhd", 3, head, place, _MATRIX, shape)  # flags: enabled, in the movie
    times = pack(">4IHH", 0, 0, track.timescale, seconds * track.timescale, _UNDETERMINED, 0)
    hdlr = _full(b"hdlr", 0, pack(">I4s12x", 0, track.kind), b"kling-mock\x00")
    media = _full(b"smhd", 0, bytes(4)) if sound else _full(b"vmhd", 1, bytes(8))
    here = _full(b"dref", 0, pack(">I", 1), _full(b"url ", 1))  # the samples are in this file
    minf = box(b"minf", media, box(b"dinf", here), _stbl(track, seconds, offsets))
    return box(b"trak", tkhd, box(b"mdia", _full(b"mdhd", 0, times), hdlr, minf))


def _stbl(track: Track, seconds: int, offsets: Sequence[int]) -> bytes:
    sizes = [size for chunk in track.chunks for size in chunk]
    last = seconds * track.timescale - (len(sizes) - 1) * track.delta
    counts = [len(chunk) for chunk in track.chunks]
    return box(
        b"stbl",
        _full(b"stsd", 0, pack(">I", 1), track.entry),
        _table(b"stts", [(len(sizes) - 1, track.delta), (1, last)]),
        b""
        if track.keyframes is None
        else _table(b"stss", [(keyframe,) for keyframe in track.keyframes]),
        _table(b"stsc", [(chunk, count, 1) for chunk, count in enumerate(counts, 1)]),
        _full(b"stsz", 0, pack(f">II{len(sizes)}I", 0, len(sizes), *sizes)),
        _table(b"stco", [(offset,) for offset in offsets]),
    )


def _comment(text: str) -> bytes:
    """Write the comment where iTunes keeps it, which is where players look."""
    hdlr = _full(b"hdlr", 0, pack(">I4s4s9x", 0, b"mdir", b"appl"))
    data = box(b"data", pack(">II", 1, 0), text.encode())  # type 1: UTF-8
    return box(b"udta", _full(b"meta", 0, hdlr, box(b"ilst", box(b"\xa9cmt", data))))

"""The end of a file by its own structure, for bytes in any pieces."""

from __future__ import annotations

from typing import Final

import pytest

from kling_sdk.files.endings import FileEnd


def box(kind: bytes, body: bytes = b"", size: int | None = None) -> bytes:
    return (8 + len(body) if size is None else size).to_bytes(4, "big") + kind + body


def chunk(kind: bytes, body: bytes = b"") -> bytes:
    return len(body).to_bytes(4, "big") + kind + body + b"sum!"


def riff(body: bytes, size: int | None = None) -> bytes:
    return b"RIFF" + (len(body) if size is None else size).to_bytes(4, "little") + body


FTYP: Final = box(b"ftyp", b"isom\0\0\2\0isom")
MOOV: Final = box(b"moov", b"tracks")
MDAT: Final = box(b"mdat", b"pictures")
LARGE: Final = box(b"mdat", (16 + 8).to_bytes(8, "big") + b"pictures", size=1)
PNG: Final = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", b"size") + chunk(b"IDAT", b"rows")
WITH_AN_END: Final = {
    "MP4": FTYP + MOOV + MDAT,
    "MP4, its index last": FTYP + MDAT + MOOV,
    "MP4, a size of 64 bits": FTYP + MOOV + LARGE,
    "AVIF": FTYP + box(b"meta", b"items") + MDAT,
    "PNG": PNG + chunk(b"IEND"),
    "WAV": riff(b"WAVEfmt somethingdata"),
    "WebP": riff(b"WEBPVP8 picture"),
}
WITHOUT_ONE: Final = {
    "nothing": b"",
    "MP3": b"ID3\3\0\0\0\0\0\0" + bytes(40),
    "MP4 in fragments": FTYP + MOOV + box(b"moof", b"part") + MDAT,
    "MP4, a box up to the end": FTYP + MOOV + box(b"mdat", b"pictures", size=0),
    "WAV, written as a stream": riff(b"WAVEfmt somethingdata", size=0xFFFFFFFF),
}


def whole(data: bytes, piece: int) -> bool | None:
    end = FileEnd()
    for at in range(0, len(data), piece):
        end.feed(data[at : at + piece])
    return end.is_whole


@pytest.mark.parametrize("piece", [1, 7, 1000])
def test_a_file_is_whole_with_its_last_byte(piece: int) -> None:
    """Without it, or any byte before, it is not."""
    for name, data in WITH_AN_END.items():
        assert whole(data, piece) is True, name
        early = [length for length in range(len(data)) if whole(data[:length], piece)]
        assert not early, (name, early)


@pytest.mark.parametrize("piece", [1, 7, 1000])
def test_a_format_without_an_end_is_never_called_whole_or_cut(piece: int) -> None:
    """Only a length, or the connection, can say so."""
    assert {name: whole(data, piece) for name, data in WITHOUT_ONE.items()} == dict.fromkeys(
        WITHOUT_ONE
    )

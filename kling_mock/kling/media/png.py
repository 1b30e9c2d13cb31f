"""A PNG file of its parts."""

import hashlib
import struct
import zlib
from collections.abc import Iterable

from kling_mock.kling.media.file import MediaFile


def chunk(name: bytes, data: bytes) -> bytes:
    """Return one chunk of the file."""
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def head(width: int, height: int, colour: int) -> bytes:
    """Return the header: 8 bits a pixel, no interlacing.

    Args:
        width: Pixels.
        height: Pixels.
        colour: 0 for grey, 3 for a palette.
    """
    return chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, colour, 0, 0, 0))


def packed(rows: Iterable[bytes]) -> bytes:
    """Return the pixels: rows, each behind the byte that says how it is coded."""
    packing = zlib.compressobj(1)  # nearly all of it is zeros
    return chunk(b"IDAT", b"".join((*map(packing.compress, rows), packing.flush())))


def png_file(*chunks: bytes) -> MediaFile:
    """Return the file of these chunks."""
    content = b"".join((b"\x89PNG\r\n\x1a\n", *chunks, chunk(b"IEND", b"")))
    etag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
    return MediaFile(len(content), etag, "image/png", (memoryview(content),), (0,))

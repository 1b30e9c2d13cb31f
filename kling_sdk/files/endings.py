"""The end of a file by its own structure: MP4 (boxes), PNG (chunks), WAV and WebP (RIFF).

A reply may come without a length, and a connection that breaks then looks like the end of the
file. Only the frame is read: no picture and no sound is decoded.
"""

from __future__ import annotations

from typing import Final

_PNG: Final = b"\x89PNG\r\n\x1a\n"
_START: Final = 16  # bytes that tell the formats apart, with the head of the first part
_HEAD: Final = 8  # bytes of the head of a part: its size and its type
_NO_SIZES: Final = frozenset({0, 0xFFFFFFFF})  # of a WAV that was written as a stream


class FileEnd:
    """Follows the parts of a file as its bytes come."""

    def __init__(self) -> None:
        self._head = bytearray()  # of the part that begins
        self._head_size = _START
        self._left = 0  # bytes of a part that have not come
        self._boxes: set[bytes] = set()  # of an MP4
        self._is_known = False
        self._is_open = False  # the format does not say where it ends
        self._is_last = False  # no part follows

    def feed(self, data: bytes) -> None:
        """Take the next bytes."""
        at = 0
        while at < len(data) and not self._is_open:
            step = min(self._left, len(data) - at)
            self._left -= step
            at += step
            if self._left or self._is_last:
                return
            piece = data[at : at + self._head_size - len(self._head)]
            self._head += piece
            at += len(piece)
            if len(self._head) == self._head_size:
                self._begin(bytes(self._head))

    @property
    def is_whole(self) -> bool | None:
        """Whether all parts have come; None for a format that does not say where it ends."""
        if self._is_open or not self._is_known:
            return None
        if not self._boxes:
            return self._is_last and not self._left
        if self._left or self._head:
            return False
        if b"moof" in self._boxes:  # any number of fragments may follow
            return None
        return b"mdat" in self._boxes and not self._boxes.isdisjoint({b"moov", b"meta"})

    @property
    def is_endless(self) -> bool:
        """Whether the format is known not to say where it ends."""
        return self._is_known and self.is_whole is None

    def _begin(self, head: bytes) -> None:
        """Take the head of a part, and note how much of it is missing."""
        is_first, self._is_known = not self._is_known, True
        size, kind = int.from_bytes(head[:4], "big"), head[4:8]
        if is_first and head.startswith(b"RIFF"):
            size = int.from_bytes(head[4:8], "little")
            self._left, self._is_last = size + _HEAD - _START, True
            self._is_open = size in _NO_SIZES or self._left < 0
        elif is_first and head.startswith(_PNG):
            self._chunk(head[8:])
        elif self._boxes or (is_first and kind == b"ftyp"):
            if size == 1 and len(head) == _HEAD:
                self._head_size = 2 * _HEAD  # the size itself follows, in 64 bits
                return
            self._boxes.add(kind)
            size = int.from_bytes(head[8:16], "big") if size == 1 else size
            self._left = size - len(head)
            self._is_open = self._left < 0  # 0 says "up to the end of the file"
        elif is_first:
            self._is_open = True
        else:
            self._chunk(head)
        self._head.clear()
        self._head_size = _HEAD

    def _chunk(self, head: bytes) -> None:
        self._left = int.from_bytes(head[:4], "big") + 4  # with its checksum
        self._is_last = head[4:8] == b"IEND"

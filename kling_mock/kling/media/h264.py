"""Code still and nearly still pictures as H.264 (ITU-T H.264), without loss and without a library.

A macroblock is 16 by 16 pixels. One that goes on as the pixels beside or above it do is predicted
from them and takes about a byte; any other is `I_PCM`, its 384 bytes as they are; and one that is
as it was in the picture before is skipped. Nothing is transformed or quantized and the deblocking
filter is off, so a decoder shows exactly the pixels that were given. The entropy coding is CAVLC.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from struct import pack
from typing import NamedTuple

BLOCK = 16
"""Width and height of a macroblock in pixels."""

_LUMA, _PIXELS = 256, 320  # where the samples of a macroblock end: luma, Cb, and then Cr

_NAL_KEY, _NAL_OTHER, _NAL_SPS, _NAL_PPS = 0x65, 0x41, 0x67, 0x68  # with the highest importance
_I_SLICES, _P_SLICES = 7, 5  # `slice_type`: so are all slices of the picture
_PCM_IN_I, _PCM_IN_P = 25, 30  # `mb_type` of I_PCM

# A predicted macroblock (Intra16x16 without coefficients): `mb_type`, `intra_chroma_pred_mode`,
# `mb_qp_delta` 0, and a `coeff_token` of no coefficients, whose code depends on the neighbours.
_HORIZONTAL, _VERTICAL = "0110101", "0100111"
_NO_COEFFICIENTS = {False: "1", True: "000011"}  # whether a neighbour is I_PCM

# Level, macroblocks of a picture, macroblocks per second (table A-1).
_LEVELS = (
    (10, 99, 1_485),
    (20, 396, 11_880),
    (30, 1_620, 40_500),
    (31, 3_600, 108_000),
    (32, 5_120, 216_000),
    (40, 8_192, 245_760),
    (42, 8_704, 522_240),
    (50, 22_080, 589_824),
    (51, 36_864, 983_040),
)


class FrameShape(NamedTuple):
    """The size of the pictures.

    Attributes:
        width: Pixels, even.
        height: Pixels, even.
    """

    width: int
    height: int

    @property
    def across(self) -> int:
        """Macroblocks in a row; the last one may be cropped."""
        return -(-self.width // BLOCK)

    @property
    def down(self) -> int:
        """Rows of macroblocks; the last one may be cropped."""
        return -(-self.height // BLOCK)


class Blocks(NamedTuple):
    """Macroblocks, by their number in the picture: from left to right, then down.

    Attributes:
        common: What all have that are not named: 256 bytes of luma, 64 of Cb and 64 of Cr.
        others: The rest.
    """

    common: bytes
    others: Mapping[int, bytes]


def avcc(shape: FrameShape, fps: int) -> bytes:
    """Return the decoder's configuration, the content of the box `avcC`.

    Args:
        shape: The size of the pictures.
        fps: Pictures per second.
    """
    sps, pps = _sps(shape, fps), _pps()
    head = b"\x01" + sps[1:4] + b"\xff\xe1" + pack(">H", len(sps))
    # The additions of High: 4:2:0, and 8 bits of luma and of chroma.
    return head + sps + b"\x01" + pack(">H", len(pps)) + pps + b"\xfd\xf8\xf8\x00"


def intra_slice(shape: FrameShape, rows: range, blocks: Blocks) -> bytes:
    """Return a part of a keyframe, behind its length in four bytes.

    Args:
        shape: The size of the picture.
        rows: Which rows of macroblocks; the parts of a picture follow each other.
        blocks: The macroblocks of these rows.
    """
    across = shape.across
    # The parameter set's id, `frame_num`, `idr_pic_id`, two flags of references, `slice_qp_delta`,
    # and no deblocking.
    head = _ue(rows.start * across) + _ue(_I_SLICES) + "1" + "00000000" + "1" + "00" + "1" + "010"
    slice_ = _Slice(head, _PCM_IN_I)
    above: list[bytes] = []
    pcm_above = [False] * across
    for row in rows:
        line: list[bytes] = []
        pcm: list[bool] = []
        left, pcm_left = b"", False
        for column, number in enumerate(range(row * across, (row + 1) * across)):
            block = blocks.others.get(number, blocks.common)
            beside_pcm = pcm_left or pcm_above[column]
            pcm_left = False
            if left and _goes_on_right(left, block, blocks.common):
                slice_.bits(_HORIZONTAL + _NO_COEFFICIENTS[beside_pcm])
            elif above and _goes_on_down(above[column], block, blocks.common):
                slice_.bits(_VERTICAL + _NO_COEFFICIENTS[beside_pcm])
            else:
                slice_.pcm(block)
                pcm_left = True
            line.append(block)
            pcm.append(pcm_left)
            left = block
        above, pcm_above = line, pcm
    return _unit(_NAL_KEY, slice_.end())


def inter_slice(number: int, total: int, changed: Iterable[tuple[int, bytes]]) -> bytes:
    """Return a picture that differs in some macroblocks from the one before, with its length.

    Args:
        number: Which picture since the keyframe, 1 to 255.
        total: Macroblocks of the picture.
        changed: The macroblocks that differ, in order, each with its number.
    """
    # Two flags of the list of references, one of the references that are kept.
    head = _ue(0) + _ue(_P_SLICES) + "1" + f"{number:08b}" + "00" + "0" + "1" + "010"
    slice_ = _Slice(head, _PCM_IN_P)
    following = 0
    for place, block in changed:
        slice_.bits(_ue(place - following))  # as many are skipped
        slice_.pcm(block)
        following = place + 1
    if following < total:
        slice_.bits(_ue(total - following))
    return _unit(_NAL_OTHER, slice_.end())


class _Slice:
    """The bits of a slice.

    Args:
        head: Its header.
        pcm: `mb_type` of I_PCM.
    """

    def __init__(self, head: str, pcm: int) -> None:
        self._bits = [head]  # since the last whole byte, "0" and "1"
        self._bytes: list[bytes] = []
        self._pcm = _ue(pcm)

    def bits(self, bits: str) -> None:
        self._bits.append(bits)

    def pcm(self, block: bytes) -> None:
        self._bits.append(self._pcm)
        self._bytes += (_packed("".join(self._bits)), block)
        self._bits.clear()

    def end(self) -> bytes:
        self._bits.append("1")  # `rbsp_trailing_bits`
        return b"".join((*self._bytes, _packed("".join(self._bits))))


def _goes_on_right(left: bytes, block: bytes, flat: bytes) -> bool:
    """Return whether each row has the colours that the row to its left ends with.

    Args:
        left: The macroblock to the left.
        block: The macroblock.
        flat: One of a single colour, which most are.
    """
    if block is flat and left is flat:
        return True
    edge = left[15:_LUMA:16]
    if block[0:_LUMA:16] != edge or block[15:_LUMA:16] != edge:
        return False
    edges = left[_LUMA + 7 :: 8]
    return all(block[at:_LUMA:16] == edge for at in range(1, 15)) and all(
        block[_LUMA + at :: 8] == edges for at in range(8)
    )


def _goes_on_down(above: bytes, block: bytes, flat: bytes) -> bool:
    """Return whether each column has the colours that the column above it ends with."""
    if block is flat and above is flat:
        return True
    return (
        block[:_LUMA] == above[_LUMA - 16 : _LUMA] * 16
        and block[_LUMA:_PIXELS] == above[_PIXELS - 8 : _PIXELS] * 8
        and block[_PIXELS:] == above[-8:] * 8
    )


def _sps(shape: FrameShape, fps: int) -> bytes:
    size = shape.across * shape.down
    level = next(
        (name for name, max_blocks, rate in _LEVELS if size <= max_blocks and size * fps <= rate),
        _LEVELS[-1][0],
    )
    # Id 0, 4:2:0, 8 bits, 8 bits; no bypass, no scaling lists; 8 bits of `frame_num`; pictures
    # are shown in the order in which they come; one reference, no gaps.
    bits = _ue(0) + _ue(1) + _ue(0) + _ue(0) + "00" + _ue(4) + _ue(2) + _ue(1) + "0"
    # The size; frames only, and whole ones for direct prediction, which is not used.
    bits += _ue(shape.across - 1) + _ue(shape.down - 1) + "11"
    right, bottom = (
        (blocks * BLOCK - pixels) // 2
        for blocks, pixels in ((shape.across, shape.width), (shape.down, shape.height))
    )
    bits += "1" + _ue(0) + _ue(right) + _ue(0) + _ue(bottom) if right or bottom else "0"
    # Square pixels; limited range in BT.709 colours; two ticks are a picture, always.
    bits += "1" + "1" + f"{1:08b}" + "0" + "1" + "101" + "0" + "1" + f"{1:08b}" * 3 + "0"
    bits += "1" + f"{1:032b}" + f"{2 * fps:032b}" + "1"
    # No buffering or fields; nothing is reordered, and one picture is kept.
    bits += "000" + "1" + "1" + _ue(0) + _ue(0) + _ue(0) + _ue(0) + _ue(0) + _ue(1)
    return _escaped(bytes((_NAL_SPS, 100, 0, level)) + _packed(bits + "1"))


def _pps() -> bytes:
    # Ids 0; CAVLC; one slice group; one reference; no weights; usual quantizers; the deblocking
    # filter is controlled by each slice.
    bits = _ue(0) + _ue(0) + "00" + _ue(0) + _ue(0) + _ue(0) + "000" + _ue(0) * 3 + "100"
    return _escaped(bytes((_NAL_PPS,)) + _packed(bits + "1"))


def _unit(kind: int, content: bytes) -> bytes:
    unit = _escaped(bytes((kind,)) + content)
    return pack(">I", len(unit)) + unit


def _ue(value: int) -> str:
    """Return a number in Exp-Golomb code."""
    bits = f"{value + 1:b}"
    return "0" * (len(bits) - 1) + bits


def _packed(bits: str) -> bytes:
    """Return bits as bytes, filled up with zeros."""
    size = -(-len(bits) // 8)
    return int(bits.ljust(size * 8, "0"), 2).to_bytes(size)


def _escaped(content: bytes) -> bytes:
    """Return *content*, escaped so that no part looks like the beginning of a unit (7.4.1)."""
    return re.sub(rb"\x00\x00(?=[\x00-\x03])", b"\x00\x00\x03", content)

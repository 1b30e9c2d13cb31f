"""The sound of videos: samples from a committed file, read when a video first needs them.

`tests/mock/kling/media/make_tone.py` wrote them and describes their contents.
"""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import accumulate, pairwise
from pathlib import Path

AUDIO_RATE = 48_000
"""Audio samples per second."""

AAC_FRAME = 1024
"""Audio samples in one AAC frame."""

_SECONDS = 15  # length of the committed sound
# Not importlib.resources: it costs several milliseconds more.
_FOLDER = Path(__file__).with_name("tone")


@dataclass(frozen=True, slots=True)
class Cut:
    """The part of the sound that one second of a video takes.

    Attributes:
        data: The bytes of the samples, one after the other; a view, not a copy.
        sizes: Bytes of each sample.
    """

    data: memoryview
    sizes: Sequence[int]


def sound_second(second: int) -> Cut:
    """Cut the AAC frames that begin in second `second` (from 0): 46 or 47 of them.

    After the last second the sound begins again. How many frames begin in a second depends on the
    second itself, or a long sound would get ahead of its picture.
    """
    data, bounds = _samples()
    first, last, start = (
        math.ceil(s * AUDIO_RATE / AAC_FRAME) for s in (second, second + 1, second % _SECONDS)
    )
    part = bounds[start : start + last - first + 1]
    return Cut(memoryview(data)[part[0] : part[-1]], [end - at for at, end in pairwise(part)])


@cache
def _samples() -> tuple[bytes, Sequence[int]]:
    """Return the samples, and the offsets at which they begin, with the end of the last."""
    sizes: list[int] = json.loads((_FOLDER / "sizes.json").read_text(encoding="utf-8"))
    return (_FOLDER / "samples.bin").read_bytes(), tuple(accumulate(sizes, initial=0))

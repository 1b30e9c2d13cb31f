"""The committed samples: read once, when a clip first needs them.

`tests/mock/kling/media/make_templates.py` wrote them and describes their contents.
"""

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import accumulate, pairwise
from pathlib import Path
from typing import TypedDict, cast

AUDIO_RATE = 48_000
"""Audio samples per second."""

AAC_FRAME = 1024
"""Audio samples in one AAC frame."""

# Not importlib.resources: it costs the start of a server several milliseconds more.
_FOLDER = Path(__file__).with_name("templates")
SECONDS = 15  # of each template
_GROUP = 30  # pictures in each second of a template


class _Entry(TypedDict):
    sizes: list[int]  # bytes of each sample, in file order
    avcc: dict[str, str]  # hex decoder configuration by frames per second; video only


@dataclass(frozen=True, slots=True)
class Cut:
    """The part of a template that one second of a clip takes.

    Attributes:
        data: The bytes of the samples, one after the other; a view, not a copy.
        sizes: Bytes of each sample.
    """

    data: memoryview
    sizes: Sequence[int]


@dataclass(frozen=True, slots=True)
class Template:
    """All samples of one frame size, or of the sound.

    Attributes:
        digest: SHA-256 of the samples: a clip's ETag must change when its template does.
        avcc: H.264 decoder configuration by frames per second; empty for the sound.
    """

    digest: bytes
    avcc: Mapping[int, bytes]
    _data: bytes
    _bounds: Sequence[int]

    def picture_second(self, second: int, fps: int) -> Cut:
        """Cut the first `fps` pictures (24 or 30) of second `second`, from 0.

        After the last second the template begins again.

        A second is a closed group of 30 pictures, each of which needs earlier ones only, so
        its first 24 decode alone and the next second starts with a keyframe at either rate.
        """
        start = second % SECONDS * _GROUP
        return self._cut(start, start + fps)

    def sound_second(self, second: int) -> Cut:
        """Cut the AAC frames that begin in second `second` (from 0): 46 or 47 of them.

        After the last second the template begins again. How many frames begin in a second
        depends on the second itself, or a long sound would get ahead of its picture.
        """
        first, last, start = (
            math.ceil(s * AUDIO_RATE / AAC_FRAME) for s in (second, second + 1, second % SECONDS)
        )
        return self._cut(start, start + last - first)

    def _cut(self, first: int, last: int) -> Cut:
        bounds = self._bounds[first : last + 1]
        data = memoryview(self._data)[bounds[0] : bounds[-1]]
        return Cut(data, [end - start for start, end in pairwise(bounds)])


@cache
def template(name: str) -> Template:
    """Load the template `name`: a frame size such as `1280x720`, or `tone`.

    Raises:
        KeyError: There is no such template.
    """
    entry = _index()[name]
    data = (_FOLDER / f"{name}.bin").read_bytes()
    avcc = {int(fps): bytes.fromhex(text) for fps, text in entry.get("avcc", {}).items()}
    bounds = tuple(accumulate(entry["sizes"], initial=0))
    return Template(hashlib.sha256(data).digest(), avcc, data, bounds)


@cache
def _index() -> Mapping[str, _Entry]:
    text = (_FOLDER / "index.json").read_text(encoding="utf-8")
    return cast("Mapping[str, _Entry]", json.loads(text))

"""The image of a request, shown in the video that is made from it.

Pillow (the extra `media`) decodes it. Without Pillow, or if it cannot be decoded, its size and
format are known from its first bytes.
"""

from __future__ import annotations

import base64
import io
from typing import TYPE_CHECKING, NamedTuple

from kling_mock.kling.media.canvas import Planes
from kling_mock.kling.media.picture_size import stated_size

if TYPE_CHECKING:
    from PIL.Image import Image

_FORMATS = {b"\x89PNG": "PNG", b"\xff\xd8\xff": "JPEG", b"RIFF": "WEBP"}
_MAX_PIXELS = 25_000_000  # of an image to decode: about 100 MB for a moment

# From RGB to YCbCr of BT.709 in limited range, a row for each, with what is added.
# fmt: off
_TO_YCBCR = (
    0.18259, 0.61423, 0.06201, 16.0,
    -0.10064, -0.33857, 0.43922, 128.0,
    0.43922, -0.39894, -0.04027, 128.0,
)
# fmt: on


class InputView(NamedTuple):
    """An image of a request.

    Attributes:
        width: Pixels.
        height: Pixels.
        format: Such as `PNG`.
        image: The image as Pillow opened it; `None` if its pixels are not available.
    """

    width: int
    height: int
    format: str
    image: Image | None

    @property
    def size_text(self) -> str:
        """The image's size, as text for people."""
        return f"{self.width}\N{MULTIPLICATION SIGN}{self.height}"

    def scaled(self, width: int, height: int) -> Planes | None:
        """Return the image's samples at another, even size; `None` if they are not available."""
        if self.image is None:
            return None
        from PIL import Image

        try:
            self.image.draft("RGB", (width, height))  # a JPEG is decoded at about this size
            image = self.image.convert("RGB").resize((width, height), Image.Resampling.BICUBIC)
        except (OSError, ValueError, SyntaxError):  # Pillow's errors for a file that is damaged
            return None
        luma, cb, cr = image.convert("RGB", _TO_YCBCR).split()
        half = (width // 2, height // 2)
        chroma = [plane.resize(half, Image.Resampling.BOX).tobytes() for plane in (cb, cr)]
        return Planes(luma.tobytes(), *chroma)


def see(text: str) -> InputView | None:
    """Return the view of an image; `None` if there is no image, or the file is not one.

    Args:
        text: The file in base64.
    """
    try:
        content = base64.b64decode(text)
    except ValueError:  # it is not base64
        return None
    name = next((name for head, name in _FORMATS.items() if content.startswith(head)), "")
    if not name:
        return None
    image = _opened(content)
    if image is not None:
        return InputView(*image.size, name, image)
    size = stated_size(content)
    return None if size is None or 0 in size else InputView(*size, name, None)


def _opened(content: bytes) -> Image | None:
    try:
        from PIL import Image
    except ImportError:
        return None
    try:
        image = Image.open(io.BytesIO(content), formats=("PNG", "JPEG", "WEBP"))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None
    width, height = image.size
    return image if 0 < width * height <= _MAX_PIXELS else None

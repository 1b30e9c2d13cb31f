"""The size of a video in pixels."""

_SHORT_SIDES = {"std": 720, "pro": 1080, "4k": 2160}  # pixels
_RATIOS = {"16:9": (16, 9), "9:16": (9, 16), "1:1": (1, 1)}


def frame_size(mode: str, aspect_ratio: str) -> tuple[int, int]:
    """Return the width and height in pixels of a mode and an aspect ratio.

    Args:
        mode: `std` (720p), `pro` (1080p) or `4k` (2160p).
        aspect_ratio: `16:9`, `9:16` or `1:1`. The size of 1:1 is assumed, see the package.

    Raises:
        ValueError: The mode or aspect ratio is unknown; the text lists the known ones.
    """
    if mode not in _SHORT_SIDES:
        raise ValueError(f"mode: must be one of {', '.join(_SHORT_SIDES)}; got {mode!r}")
    if aspect_ratio not in _RATIOS:
        raise ValueError(f"aspect_ratio: must be one of {', '.join(_RATIOS)}; got {aspect_ratio!r}")
    across, down = _RATIOS[aspect_ratio]
    unit = _SHORT_SIDES[mode] // min(across, down)
    return across * unit, down * unit

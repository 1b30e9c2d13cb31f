"""The maximum size and number of files in requests."""

from __future__ import annotations

from typing import Final

# Several copies of the vendor's pages agree on what follows.
IMAGE_MB: Final = 10  # binary megabytes, on /v1
IMAGE_SIDE: Final = 300  # pixels, the shorter one at least
IMAGE_RATIO: Final = 2.5  # of the longer side to the shorter one, at most
SOUND_MB: Final = 5

#: For a picture with the model in the path, and under `/solutions` (one official copy of each).
LARGE_IMAGE_MB: Final = 50

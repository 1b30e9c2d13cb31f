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

# For omni-video, on both interfaces (the page of 2026-06-11, and that of the newer interface).
OMNI_REFERENCES: Final = 7  # images and elements of pictures
OMNI_REFERENCES_WITH_VIDEO: Final = 4  # the same, beside a video or an element that is a character
OMNI_CHARACTERS: Final = 3  # elements that are characters of videos
OMNI_ELEMENTS_WITH_FRAMES: Final = 3

#: Pictures that each way of editing takes, at least and at most; of multi-elements.
PICTURES_OF_EDITING: Final[dict[str, tuple[int, int]]] = {
    "addition": (1, 2),
    "swap": (1, 1),
    "removal": (0, 0),
}

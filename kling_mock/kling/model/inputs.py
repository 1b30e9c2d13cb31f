"""The images that were sent inline with create calls, kept for users to view.

Nothing that the emulator decides depends on them. Images that a request names by a URL are not
fetched.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

KEPT_CHARACTERS = 16 * 1024 * 1024  # of base64, of all images together
_MAX_IMAGE = 4 * 1024 * 1024  # characters of one image
_MIN_LENGTH = 64  # characters
_DEEPEST = 4  # levels of nested lists and objects

# The first characters of a file in base64.
_BEGINNINGS: Mapping[str, str] = {
    "iVBORw0KGgo": "image/png",
    "/9j/": "image/jpeg",
    "UklGR": "image/webp",
}


class InputPicture(NamedTuple):
    """One image of a request.

    Attributes:
        field: The path of its field: `image`, or `image_list.0.image`.
        content_type: `image/png`, `image/jpeg` or `image/webp`, as its first bytes say.
        text: The file in base64.
    """

    field: str
    content_type: str
    text: str

    def read(self) -> bytes:
        """Return the file; empty if the text turns out not to be base64."""
        try:
            return base64.b64decode(self.text)
        except binascii.Error:
            return b""


class InputPictures:
    """The inline images of the newest requests, by task.

    Args:
        max_characters: The maximum total of base64 characters kept; the oldest tasks make room.
    """

    def __init__(self, max_characters: int = KEPT_CHARACTERS) -> None:
        self._max_characters = max_characters
        self._size = 0
        self._by_task: dict[str, tuple[InputPicture, ...]] = {}

    def keep(self, task_id: str, body: Mapping[str, Any]) -> None:
        """Keep the images of a request, if it has any.

        Args:
            task_id: The task that it made.
            body: The request's body.
        """
        pictures = tuple(_pictures(body, "", _DEEPEST))
        if not pictures:
            return
        self._by_task[task_id] = pictures
        self._size += _size(pictures)
        while self._size > self._max_characters:
            self._size -= _size(self._by_task.pop(next(iter(self._by_task))))

    def of(self, task_id: str) -> Sequence[InputPicture]:
        """Return the images of a task's request that are still kept."""
        return self._by_task.get(task_id, ())


def _size(pictures: Sequence[InputPicture]) -> int:
    return sum(len(picture.text) for picture in pictures)


def _pictures(value: Any, name: str, depth: int) -> Iterator[InputPicture]:
    if isinstance(value, str):
        text = value.partition(",")[2] if value.startswith("data:") else value
        if not _MIN_LENGTH <= len(text) <= _MAX_IMAGE:
            return
        for beginning, content_type in _BEGINNINGS.items():
            if text.startswith(beginning):
                yield InputPicture(name, content_type, text)
    elif depth and isinstance(value, dict | list):
        members = value.items() if isinstance(value, dict) else enumerate(value)
        for key, member in members:
            yield from _pictures(member, f"{name}.{key}" if name else str(key), depth - 1)

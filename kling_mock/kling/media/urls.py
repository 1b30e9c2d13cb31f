"""Result URLs, and the `Range` of a result that a client requests."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal, NamedTuple

from kling_mock.web.facts import assumed, documented

#: The types of the items of results.
OutputType = Literal["video", "image", "audio", "voice", "element", "subtitles"]

MEDIA = "/media/"


class FileForm(NamedTuple):
    """The form of the names of one type of result files.

    Attributes:
        folder: Their folder under `MEDIA`.
        media_types: Media types by suffix; an item has as many files as there are suffixes.
        is_numbered: Whether a name contains the index of the item in its list.
    """

    folder: str
    media_types: Mapping[str, str]
    is_numbered: bool = True


FILES: Mapping[OutputType, FileForm] = {
    "video": FileForm("videos", {"mp4": "video/mp4"}, is_numbered=False),
    "image": FileForm("images", {"png": "image/png"}),
    "audio": FileForm("audios", {"mp3": "audio/mpeg", "wav": "audio/wav"}),
    "voice": FileForm("voices", {"wav": "audio/wav"}, is_numbered=False),
    "subtitles": FileForm(
        "subtitles", {"srt": "application/x-subrip", "ass": "text/x-ssa"}, is_numbered=False
    ),
}
_SUFFIXES: Mapping[OutputType, str] = {
    type_: next(iter(form.media_types)) for type_, form in FILES.items()
}
_TYPES: Mapping[str, OutputType] = {form.folder: type_ for type_, form in FILES.items()}
PATHS = assumed("the vendor serves results from hosts and paths of its own")
RETENTION = documented("pages-2026-09", "pages-2026-04", as_of="2026-09-20")
RETENTION_SECONDS = 30 * 24 * 3600  # after the task has ended

_PATH = re.compile(
    rf"{MEDIA}([a-z]+)/([0-9]{{18}})(?:-([0-9]|[1-9][0-9]))?(-watermark)?\.([a-z0-9]+)"
)
_RANGE = re.compile(r"(?i:bytes)=(?:([0-9]{1,18})-([0-9]{0,18})|-([0-9]{1,18}))")


class UnsatisfiableError(ValueError):
    """A range that begins after the end of the file: HTTP 416."""


class NamedFile(NamedTuple):
    """A file of a result, as its path names it.

    Attributes:
        type: The type of the item.
        result_id: 18 digits.
        number: The index of the item in its list, from 0.
        is_marked: Whether it is the file with a watermark.
        suffix: Without the dot.
    """

    type: OutputType
    result_id: str
    number: int = 0
    is_marked: bool = False
    suffix: str = ""

    @property
    def tag(self) -> str:
        """The text that distinguishes the file's content from that of all other files."""
        number = f"-{self.number}" if self.number else ""
        return f"{self.result_id}{number}{'-watermark' if self.is_marked else ''}"


def file_url(origin: str, file: NamedFile) -> str:
    """Return the URL of a result file; without a suffix, the URL of the item's first file.

    Args:
        origin: Scheme, host and port, such as `http://127.0.0.1:3001`.
        file: The file.
    """
    form = FILES[file.type]
    number = f"-{file.number}" if form.is_numbered else ""
    marked = "-watermark" if file.is_marked else ""
    suffix = file.suffix or _SUFFIXES[file.type]
    return f"{origin}{MEDIA}{form.folder}/{file.result_id}{number}{marked}.{suffix}"


def video_url(origin: str, video_id: str, *, watermark: bool = False) -> str:
    """Return the URL of a video, by its id."""
    return file_url(origin, NamedFile("video", video_id, is_marked=watermark))


def file_named_by(path: str) -> NamedFile | None:
    """Return the file of a result that *path* names, or `None`."""
    match = _PATH.fullmatch(path)
    if match is None or match[1] not in _TYPES:
        return None
    type_ = _TYPES[match[1]]
    form = FILES[type_]
    if match[5] not in form.media_types or (match[3] is not None) != form.is_numbered:
        return None
    return NamedFile(type_, match[2], int(match[3] or 0), match[4] is not None, match[5])


def byte_range(header: str | None, size: int) -> tuple[int, int] | None:
    """Return the first byte and the byte after the last one, or `None` for the whole file.

    A header that cannot be read, or that has several ranges, means the whole file, as
    RFC 9110 (14.2) allows. The name of the unit may be in any case (14.1).

    Args:
        header: The `Range` header, if any.
        size: Length of the file in bytes.

    Raises:
        UnsatisfiableError: The range lies after the end.
    """
    match = None if header is None else _RANGE.fullmatch(header.strip())
    if match is None:
        return None
    first, last, tail = match.groups()
    if tail is not None:
        if int(tail) == 0:
            raise UnsatisfiableError
        return max(size - int(tail), 0), size
    start = int(first)
    if last and int(last) < start:
        return None  # not a range at all
    if start >= size:
        raise UnsatisfiableError
    return start, min(int(last) + 1, size) if last else size

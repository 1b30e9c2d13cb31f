"""A video is written to a hidden file beside its target, and renamed atomically when complete.

Nobody ever sees half a video under the final name, and nothing is written outside the
folder of the path that was given.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import secrets
from collections.abc import Generator, Mapping
from pathlib import Path
from urllib.parse import unquote, urlsplit

from kling_sdk.errors import DownloadError
from kling_sdk.results import Download, Video

__all__ = ["FileTarget", "place_for"]

_CONTENT_RANGE = re.compile(r"bytes ([0-9]{1,18})-([0-9]{1,18})/([0-9]{1,18}|\*)")
_LENGTH = re.compile(r"[0-9]{1,18}")
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")


def place_for(source: Video | str, path: str | os.PathLike[str]) -> Path:
    """Return the file that *source* is to become.

    A *path* that is a folder gets a name inside it: the video's id, or the last part of
    the URL's path, with everything but letters, digits and `._-` replaced.
    """
    place = Path(path)
    if not place.is_dir():
        return place
    url = source if isinstance(source, str) else source.url
    last = unquote(urlsplit(url).path).rpartition("/")[2]
    name = f"{source.id}.mp4" if isinstance(source, Video) and source.id else last
    return place / (_UNSAFE.sub("_", name).strip(".")[:200] or "video.mp4")


class FileTarget:
    """A file in the making; see `kling_sdk.flows.download.Target`."""

    def __init__(self, place: Path, max_bytes: int) -> None:
        self.place = place
        self.max_bytes = max_bytes
        self.received = 0
        self.total: int | None = None
        self.validator: str | None = None
        self._hash = hashlib.sha256()
        self._taking = False
        part = place.with_name(f".{place.name[:100]}.{secrets.token_hex(8)}.part")
        try:
            handle = os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666)
        except OSError as error:
            raise DownloadError(f"cannot write to {place.parent}: {error.strerror}") from error
        self._part = part
        self._file = os.fdopen(handle, "wb")

    def start(self, status: int, headers: dict[str, str]) -> None:
        """Append the rest of the same file, begin again, or ignore an error's body."""
        self._taking = status in {200, 206}
        if not self._taking:
            return
        if headers.get("content-encoding", "identity") != "identity":
            raise DownloadError("the server compressed the file, which was not requested")
        length = headers.get("content-length")
        total = int(length) if length and _LENGTH.fullmatch(length) else None
        if status == 206:
            total = self._resume(headers)
        else:
            self._begin()
        self.total = total
        self.validator = strong_validator(headers)
        self._check_cap(total or 0)

    def _begin(self) -> None:
        self._file.seek(0)
        self._file.truncate()
        self._hash = hashlib.sha256()
        self.received = 0

    def _resume(self, headers: dict[str, str]) -> int | None:
        match = _CONTENT_RANGE.fullmatch(headers.get("content-range", ""))
        if match is None or int(match[1]) != self.received:
            raise DownloadError("the server answered with another range than requested")
        if strong_validator(headers) != self.validator:
            raise DownloadError("the server answered with a range of another file")
        return None if match[3] == "*" else int(match[3])

    def write(self, chunk: bytes) -> None:
        """Append *chunk*."""
        if self._taking:
            self.received += len(chunk)
            self._check_cap(self.received)
            self._hash.update(chunk)
            with self._writing():
                self._file.write(chunk)

    def _check_cap(self, size: int) -> None:
        if size > self.max_bytes:
            raise DownloadError(
                f"the file is larger than {self.max_bytes:,} bytes; "
                "with_options(max_download=...) accepts more"
            )

    def finish(self) -> Download:
        """Flush to disk and move the file to its place, over an older one."""
        with self._writing():
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
            self._part.replace(self.place)
        return Download(self.place, self.received, self._hash.hexdigest())

    def discard(self) -> None:
        """Remove the unfinished file; after `finish`, do nothing."""
        with contextlib.suppress(OSError):  # of bytes that are thrown away
            self._file.close()
        self._part.unlink(missing_ok=True)

    @contextlib.contextmanager
    def _writing(self) -> Generator[None]:
        try:
            yield
        except OSError as error:
            raise DownloadError(f"cannot write {self.place.name}: {error.strerror}") from error


def strong_validator(headers: Mapping[str, str]) -> str | None:
    """Return what `If-Range` may carry: a strong ETag, or None (RFC 9110, 13.1.5)."""
    etag = headers.get("etag", "")
    return etag if etag.startswith('"') else None

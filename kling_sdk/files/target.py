"""A file is written to a hidden file beside its target, and renamed atomically when complete.

Nobody ever sees half a file under the final name, and nothing is written outside the
folder of the path that was given.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import stat
from collections.abc import Generator
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from kling_sdk.errors import DownloadError
from kling_sdk.files.names import is_device_name, part_name, safe_name
from kling_sdk.files.receiving import OnProgress, Receiving
from kling_sdk.results import Download, Image, Video

__all__ = ["MAX_FILE", "FileTarget", "place_for"]

# On Windows a descriptor is opened for text, and changes line ends, unless it is opened as binary.
_NEW_FILE: Final = os.O_CREAT | os.O_EXCL | os.O_WRONLY | getattr(os, "O_BINARY", 0)
MAX_FILE: Final = 4 * 1024**3  # bytes, where no limit is set


def place_for(source: Video | Image | str, path: str | os.PathLike[str]) -> Path:
    """Return the file that *source* is to become.

    A *path* that is a folder gets a name inside it: a video's id, else the last
    part of the URL's path, with everything but letters, digits and `._-` replaced.

    Raises:
        DownloadError: *path* ends with a slash, and there is no such folder.
    """
    place = Path(path)
    if not place.is_dir():
        if os.fspath(path).endswith(("/", os.sep)):
            raise DownloadError(f"there is no folder {place}; make it first")
        return place
    url = source if isinstance(source, str) else source.url
    last = unquote(urlsplit(url).path).rpartition("/")[2]
    name = f"{source.id}.mp4" if isinstance(source, Video) and source.id else last
    return place / safe_name(name, "image.png" if isinstance(source, Image) else "video.mp4")


class FileTarget(Receiving[Download]):
    """A file in the making.

    Args:
        place: Where it will be. A file that is there stays until this one is complete.
        max_bytes: Most bytes it may have.
        on_progress: See `OnProgress`.
        windows: Whether names of devices are refused.

    Raises:
        DownloadError: no file can be written there.
    """

    def __init__(
        self,
        place: Path,
        max_bytes: int,
        on_progress: OnProgress | None = None,
        *,
        windows: bool = os.name == "nt",
    ) -> None:
        super().__init__(max_bytes, on_progress)
        self.place = place
        self._hash = hashlib.sha256()
        if windows and is_device_name(place.name):
            raise DownloadError(f"cannot write {place.name}: Windows takes it for a device")
        try:
            part = place.with_name(part_name(place.name, secrets.token_hex(8)))
            if _is_special(place):  # renaming would replace `/dev/null` itself
                raise DownloadError(f"cannot write {place}: it is neither a file nor a folder")
            handle = os.open(part, _NEW_FILE, 0o666)
        except OSError as error:
            raise DownloadError(f"cannot write to {place.parent}: {error.strerror}") from error
        except ValueError as error:  # a NUL, or half of a surrogate pair
            raise DownloadError(f"cannot write {str(place)!r}: it is no path") from error
        self._part = part
        self._file = os.fdopen(handle, "wb")

    def begin_again(self) -> None:
        """Empty the file."""
        with self._writing():
            self._file.seek(0)
            self._file.truncate()
        self._hash = hashlib.sha256()

    def append(self, data: bytes) -> None:
        """Write *data* to the file."""
        self._hash.update(data)
        with self._writing():
            self._file.write(data)

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


def _is_special(place: Path) -> bool:
    """Return whether something is there that is neither a file nor a folder."""
    try:
        mode = place.stat().st_mode
    except OSError:
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))

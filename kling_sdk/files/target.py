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
from kling_sdk.results import Audio, Download, Image, ResultFile, Subtitles, Video

__all__ = ["MAX_FILE", "FileTarget", "place_for", "url_for"]

# On Windows a descriptor is opened for text, and changes line ends, unless it is opened as binary.
_NEW_FILE: Final = os.O_CREAT | os.O_EXCL | os.O_WRONLY | getattr(os, "O_BINARY", 0)
#: The name of a file of which nothing is known but what it is.
_NAMES: Final[dict[type, str]] = {
    Video: "video.mp4",
    Image: "image.png",
    Audio: "audio.mp3",
    Subtitles: "subtitles.srt",
}
MAX_FILE: Final = 4 * 1024**3  # bytes, where no limit is set


def url_for(source: ResultFile | str, to: object) -> str:
    """Return the URL of what is fetched: of a sound the MP3, or the WAV for a path with `.wav`.

    Args:
        source: What is fetched, or its URL.
        to: Where it goes.

    Raises:
        DownloadError: a sound that is known to have an MP3 only is to become a WAV.
    """
    if not isinstance(source, Audio):
        return source if isinstance(source, str) else source.url
    if not (isinstance(to, str | os.PathLike) and Path(to).suffix.lower() == ".wav"):
        return source.url
    if source.wav_url is None and urlsplit(source.url).path.lower().endswith(".mp3"):
        raise DownloadError(f"cannot write {Path(to).name}: this sound is an MP3 and has no WAV")
    return source.wav_url or source.url


def place_for(source: ResultFile | str, path: str | os.PathLike[str]) -> Path:
    """Return the file that *source* is to become.

    A *path* that is a folder gets a name inside it: the id of a video or sound, else the last
    part of the URL's path, with everything but letters, digits and `._-` replaced.

    Raises:
        DownloadError: *path* ends with a slash, and there is no such folder.
    """
    place = Path(path)
    if not place.is_dir():
        if os.fspath(path).endswith(("/", os.sep)):
            raise DownloadError(f"there is no folder {place}; make it first")
        return place
    name = unquote(urlsplit(url_for(source, None)).path).rpartition("/")[2]
    kind = next((kind for kind in _NAMES if isinstance(source, kind)), Video)
    if isinstance(source, Video | Audio) and source.id:
        name = f"{source.id}{Path(_NAMES[kind]).suffix}"
    return place / safe_name(name, _NAMES[kind])


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

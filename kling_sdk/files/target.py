"""A file is written to a hidden file beside its target, and renamed atomically when complete.

No process ever sees half a file under the final name, and nothing is written outside the folder of
the path that was given: a symbolic link there is replaced, and its target stays. A file that is
replaced leaves its permissions to the new one.

While it is written, the hidden file is locked. One without a lock was left behind by a process that
was killed, and the next download into the folder removes it.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import stat
import sys
from collections.abc import Generator
from functools import cache
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from kling_sdk.errors import DownloadError
from kling_sdk.files.names import PARTS, is_device_name, part_name, safe_name
from kling_sdk.files.receiving import OnProgress, Receiving
from kling_sdk.results.task import Audio, Download, Image, ResultFile, Subtitles, Video, redact_url
from kling_sdk.text.hidden import hide

if sys.platform != "win32":  # where a file that is open can be neither removed nor renamed
    import fcntl

# On Windows a descriptor is opened for text, and changes line ends, unless it is opened as binary.
_NEW_FILE: Final = os.O_CREAT | os.O_EXCL | os.O_WRONLY | getattr(os, "O_BINARY", 0)
#: The name of a file of which only the kind is known.
_NAMES: Final[dict[type, str]] = {
    Video: "video.mp4",
    Image: "image.png",
    Audio: "audio.mp3",
    Subtitles: "subtitles.srt",
}
MAX_FILE: Final = 4 * 1024**3  # bytes, where no limit is set


def url_for(source: ResultFile | str, to: object) -> str:
    """Return the URL to fetch: for a sound the MP3, or the WAV if the path ends in `.wav`.

    Args:
        source: The result to fetch, or its URL.
        to: The destination.

    Raises:
        DownloadError: a WAV is requested of a sound that is known to have only an MP3.
    """
    if not isinstance(source, Audio):
        return hide(source if isinstance(source, str) else source.url)
    if not (isinstance(to, str | os.PathLike) and Path(to).suffix.lower() == ".wav"):
        return hide(source.url)
    if source.wav_url is None and urlsplit(source.url).path.lower().endswith(".mp3"):
        raise DownloadError(f"cannot write {Path(to).name}: this sound is an MP3 and has no WAV")
    return hide(source.wav_url or source.url)


def place_for(source: ResultFile | str, path: str | os.PathLike[str]) -> Path:
    """Return the path of the file for *source*.

    A *path* that is a folder gets a name inside it: the id of a video or sound, else the last
    part of the URL's path, with everything but letters, digits and `._-` replaced, and a digest of
    host and path, so that two results whose URLs end alike are two files.

    Raises:
        DownloadError: *path* ends with a slash, and there is no such folder.
    """
    place = Path(path)
    try:
        is_folder = place.is_dir()
    except OSError as error:  # a folder that may not be entered, a name that is too long
        raise DownloadError(f"cannot write {str(path)!r:.300}: {error.strerror}") from error
    if not is_folder:
        if os.fspath(path).endswith(("/", os.sep)):
            raise DownloadError(f"the folder {place} does not exist; create it first")
        return place
    kind = next((kind for kind in _NAMES if isinstance(source, kind)), Video)
    if isinstance(source, Video | Audio) and source.id:
        return place / safe_name(f"{source.id}{Path(_NAMES[kind]).suffix}", _NAMES[kind])
    url = redact_url(url_for(source, None))
    name = Path(safe_name(unquote(urlsplit(url).path).rpartition("/")[2], _NAMES[kind]))
    # Without the query: its signature is another one each time that the task is fetched.
    digest = hashlib.sha256(url.encode(errors="replace")).hexdigest()[:8]
    return place / f"{name.stem}-{digest}{name.suffix}"


class FileTarget(Receiving[Download]):
    """A file in the making.

    Args:
        place: The path of the complete file. An older file there stays until then.
        max_bytes: Maximum size in bytes.
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
            mode = _mode_of(place)
            if mode is not None and not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
                # Renaming would replace `/dev/null` itself.
                raise DownloadError(f"cannot write {place}: it is neither a file nor a folder")
            _clear(place.parent)
            part, handle = _locked_part(place)
            if mode is not None and stat.S_ISREG(mode) and hasattr(os, "fchmod"):
                with contextlib.suppress(OSError):  # a file system without permissions
                    os.fchmod(handle, stat.S_IMODE(mode))
        except OSError as error:
            raise DownloadError(f"cannot write to {place.parent}: {error.strerror}") from error
        except ValueError as error:  # a NUL, or half of a surrogate pair
            raise DownloadError(f"cannot write {str(place)!r}: it is not a valid path") from error
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
            if sys.platform == "win32":
                self._file.close()
            self._part.replace(self.place)
            self._file.close()
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


def _mode_of(place: Path) -> int | None:
    """Return kind and permissions of what is there, or None; a link to a file counts as none."""
    try:
        mode = place.stat().st_mode
        is_link = stat.S_ISLNK(place.lstat().st_mode)
    except FileNotFoundError:
        return None
    return None if is_link and stat.S_ISREG(mode) else mode


def _locked_part(place: Path) -> tuple[Path, int]:
    """Return a new hidden file beside *place*, and its descriptor, which holds its lock."""
    while True:
        part = place.with_name(part_name(place.name, secrets.token_hex(8)))
        handle = os.open(part, _NEW_FILE, 0o666)
        if _lock(handle) is not False and part.exists():
            return part, handle
        os.close(handle)  # another process has taken it for one that was left behind


@cache
def _clear(folder: Path) -> None:
    """Remove the hidden files in a folder that no process writes any more; once per process."""
    for part in folder.glob(PARTS):
        with contextlib.suppress(OSError):  # on Windows: another process writes it
            handle = os.open(part, os.O_WRONLY)
            try:
                is_free = _lock(handle)
            finally:
                os.close(handle)
            if is_free:
                part.unlink()


def _lock(handle: int) -> bool | None:
    """Return whether the file is ours now; None where files cannot be locked."""
    if sys.platform == "win32":
        return True
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return None
    return True

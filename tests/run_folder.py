"""The folders of a run of the tests: one on disk and one in memory, both removed at its end.

All temporary files of the run, of its workers and of the programs that they start are in the two,
with the data of the MariaDB that it starts. A lock says that the run is still there; what a run
that was killed has left ends with the beginning of the next one.
"""

from __future__ import annotations

import atexit
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Final

if sys.platform != "win32":
    import fcntl

#: What a server that belongs to the run writes its process id to, in a folder of the run's.
SERVER_PID: Final = "server.pid"
_RUN: Final = "KLING_TEST_RUN"  # the folder in memory of the run that this process belongs to
_PREFIX: Final = "kling-tests-"
_MEMORY: Final = Path("/dev/shm")  # noqa: S108 - a folder of its own in it
_ROOT: Final = _MEMORY if _MEMORY.is_dir() else Path(tempfile.gettempdir())


def begin() -> None:
    """Make the folders of a run, unless this process is a part of one, and remove those left."""
    if sys.platform == "win32" or _RUN in os.environ:
        return
    for old in _ROOT.glob(f"{_PREFIX}*"):
        _end_if_left(old)
    usual = tempfile.gettempdir()
    disk = Path(tempfile.mkdtemp(prefix="kling-disk-"))  # not what the next run looks for
    new = Path(tempfile.mkdtemp(prefix="kling-new-", dir=_ROOT))
    lock = (new / "lock").open("w")  # it is locked as long as this process lives
    fcntl.flock(lock, fcntl.LOCK_EX)
    (new / "disk").write_text(str(disk), "utf-8")
    folder = new.rename(_ROOT / new.name.replace("kling-new-", _PREFIX))  # now others see it
    for path in (disk, folder):
        path.chmod(0o711)  # servers run as users of their own
    # What pytest keeps of tests that fail stays where it always is.
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", usual)
    os.environ["TMPDIR"] = tempfile.tempdir = str(disk)
    os.environ[_RUN] = str(folder)
    atexit.register(_finish, folder, os.getpid(), lock)


def run_folder() -> Path | None:
    """Return the folder of the run, in memory where there is one; `None` outside of a run."""
    return Path(os.environ[_RUN]) if _RUN in os.environ else None


def run_id() -> str:
    """Return the end of the folder's name, or an empty text outside of a run."""
    return os.environ.get(_RUN, "").rpartition(_PREFIX)[2]


def is_there(run: str) -> bool:
    """Return whether a run, by its `run_id`, has not ended or was not removed."""
    return (_ROOT / f"{_PREFIX}{run}").exists()


@contextmanager
def locked(file: Path) -> Iterator[None]:
    """Let one process at a time pass."""
    with file.open("a") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield


def _finish(folder: Path, owner: int, lock: IO[str]) -> None:
    if os.getpid() == owner:  # not a fork of it
        _remove(folder)
        lock.close()


def _end_if_left(folder: Path) -> None:
    """Remove the folders of a run that has ended without a word."""
    with suppress(OSError), (folder / "lock").open("a") as lock:  # it is held, or another user's
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        _remove(folder)


def _remove(folder: Path) -> None:
    """Kill the run's servers and remove its folders."""
    for file in folder.glob(f"*/{SERVER_PID}"):
        with suppress(OSError, ValueError):
            pid = int(file.read_text("utf-8"))
            words = Path(f"/proc/{pid}/cmdline")
            while str(folder) in words.read_text("utf-8", "replace"):  # empty when it has ended
                os.kill(pid, signal.SIGKILL)
                time.sleep(0.01)
    with suppress(OSError):
        shutil.rmtree((folder / "disk").read_text("utf-8"), ignore_errors=True)
    shutil.rmtree(folder, ignore_errors=True)

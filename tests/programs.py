"""Programs that some tests run."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from typing import Final

import pytest

#: The Debian package of each program.
PACKAGES: Final[Mapping[str, str]] = {
    "bash": "bash",
    "curl": "curl",
    "ffmpeg": "ffmpeg",
    "ffprobe": "ffmpeg",
    "fish": "fish",
    "git": "git",
    "go": "golang-go",
    "grep": "grep",
    "mysql": "mariadb-client",
    "mysqldump": "mariadb-client",
    "nginx": "nginx-light",
    "node": "nodejs",
    "ps": "procps",
    "sqlite3": "sqlite3",
    "systemd-analyze": "systemd",
    "zsh": "zsh",
}


def require(*programs: str) -> None:
    """Skip the test if one of the *programs* is not installed; with CI=true, fail it."""
    packages = {PACKAGES[name]: None for name in programs if shutil.which(name) is None}
    if packages:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(
            f"runs programs that are not installed: apt-get install {' '.join(packages)}"
        )

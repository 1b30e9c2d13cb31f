"""ffmpeg, a decoder that is not ours."""

from __future__ import annotations

import json
import shutil
import subprocess
from typing import Any, Final

import pytest

__all__ = ["NEEDS_FFMPEG", "decode", "probe", "run"]

NEEDS_FFMPEG: Final = pytest.mark.skipif(
    not (shutil.which("ffmpeg") and shutil.which("ffprobe")),
    reason="ffmpeg and ffprobe are not on PATH",
)


def run(program: str, *arguments: str, feed: bytes) -> bytes:
    """Run a program on a file in a pipe: it cannot seek, so the index must come first."""
    command = [program, "-v", "error", *arguments]
    done = subprocess.run(command, input=feed, capture_output=True, check=True)
    assert done.stderr == b""
    return done.stdout


def decode(data: bytes, *arguments: str) -> bytes:
    strict = ["-xerror", "-err_detect", "explode", "-threads", "2"]
    return run("ffmpeg", *strict, "-i", "-", *arguments, "-", feed=data)


def probe(data: bytes) -> dict[str, Any]:
    answer = run("ffprobe", "-show_streams", "-show_format", "-of", "json", "-", feed=data)
    found: dict[str, Any] = json.loads(answer)
    return found

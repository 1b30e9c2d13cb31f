"""ffmpeg, a decoder that is not ours."""

from __future__ import annotations

import json
import subprocess
from typing import Any


def run(program: str, *arguments: str, feed: bytes, level: str = "error") -> bytes:
    """Run a program on a file in a pipe: it cannot seek, so the index must come first.

    Args:
        program: `ffmpeg` or `ffprobe`.
        arguments: Its arguments.
        feed: The file.
        level: What it may not say a word of: `error`, or `warning` for both.
    """
    command = [program, "-v", level, *arguments]
    done = subprocess.run(command, input=feed, capture_output=True, check=True)
    assert done.stderr == b""
    return done.stdout


def decode(data: bytes, *arguments: str, level: str = "error") -> bytes:
    strict = ["-xerror", "-err_detect", "explode", "-threads", "2"]
    return run("ffmpeg", *strict, "-i", "-", *arguments, "-", feed=data, level=level)


def probe(data: bytes) -> dict[str, Any]:
    answer = run("ffprobe", "-show_streams", "-show_format", "-of", "json", "-", feed=data)
    media: dict[str, Any] = json.loads(answer)
    return media

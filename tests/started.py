"""The command `kling-mock` in a process of its own, for as long as a test needs it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Final

ROOT: Final = Path(__file__).parents[1]
#: `kling-mock serve` on free ports.
SERVE: Final = ("serve", "--port", "0", "--kling-port", "0")


@contextmanager
def started(
    *words: str, variables: Mapping[str, str] | None = None, errors: IO[str] | int = subprocess.PIPE
) -> Iterator[tuple[Any, dict[str, str]]]:
    """Run `kling-mock WORDS`; yield the process and its ready line. It is killed in the end.

    The developer's own `KLING_` variables do not reach it.

    Args:
        words: What stands behind the command's name.
        variables: Variables of its environment.
        errors: Where stderr goes. A process that logs much needs a file: an unread
            pipe becomes full.
    """
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("KLING_")}
    with subprocess.Popen(
        [sys.executable, "-m", "kling_mock", *words],
        stdout=subprocess.PIPE,
        stderr=errors,
        text=True,
        env={**inherited, "PYTHONPATH": str(ROOT), **(variables or {})},
    ) as process:
        try:
            assert process.stdout is not None
            yield process, json.loads(process.stdout.readline())
        finally:
            process.kill()
            process.communicate()

"""Files that are committed and made from the code: a difference is shown as a few lines."""

from __future__ import annotations

import difflib
from itertools import islice
from pathlib import Path
from typing import Final

import pytest

_SHOWN: Final = 20
_COMPARED: Final = 200


def check_copy(file: Path, text: str, command: str) -> None:
    """Fail if a file is not *text*, with the first lines that differ and the command to run.

    pytest's own comparison of two texts of a megabyte takes 15 s, and shows them whole.
    """
    old, new = file.read_text("utf-8"), text
    if old == new:
        return
    lines, others = old.splitlines(), new.splitlines()
    pairs = enumerate(zip(lines, others, strict=False))
    first = next((at for at, (line, other) in pairs if line != other), min(len(lines), len(others)))
    near = slice(max(0, first - 2), first + _COMPARED)
    difference = difflib.unified_diff(
        lines[near], others[near], "committed", "made from the code", lineterm="", n=2
    )
    excerpt = "\n".join(line[:200] for line in islice(difference, _SHOWN))
    pytest.fail(
        f"{file.name} differs from line {first + 1} on; run {command}:\n{excerpt}", pytrace=False
    )

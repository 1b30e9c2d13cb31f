"""The files that are written by a command are what the command writes today."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("module", "folder", "names"),
    [
        ("kling_mock.reference", "docs", ["fidelity.md", "openapi.json", "relay-openapi.json"]),
        (
            "kling_mock.storage",
            "kling_mock/storage/ddl",
            ["mysql.sql", "postgres.sql", "sqlite.sql"],
        ),
    ],
)
@pytest.mark.slow
def test_the_command_writes_what_is_committed(
    module: str, folder: str, names: list[str], tmp_path: Path
) -> None:
    """Whoever changes a table and runs the command changes these files, and no other."""
    subprocess.run([sys.executable, "-m", module, str(tmp_path)], check=True, cwd=ROOT)
    assert sorted(file.name for file in tmp_path.iterdir()) == names
    for name in names:
        assert (tmp_path / name).read_bytes() == (ROOT / folder / name).read_bytes(), name

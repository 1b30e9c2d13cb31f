"""The files that are written by a command are what the command writes today."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.committed import check_copy

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("modules", "folder", "names"),
    [
        (
            ["tests.reference", "tests.evidence"],
            "docs",
            ["fidelity.md", "openapi.json", "relay-openapi.json"],
        ),
        (
            ["kling_mock.relay.storage"],
            "kling_mock/relay/storage/ddl",
            ["mysql.sql", "postgres.sql", "sqlite.sql"],
        ),
    ],
)
@pytest.mark.slow
@pytest.mark.committed_copy
def test_the_command_writes_what_is_committed(
    modules: list[str], folder: str, names: list[str], tmp_path: Path
) -> None:
    """Running the command after a change to a table changes these files, and no others."""
    for module in modules:
        subprocess.run([sys.executable, "-m", module, str(tmp_path)], check=True, cwd=ROOT)
    assert sorted(file.name for file in tmp_path.iterdir()) == names
    for name in names:
        check_copy(ROOT / folder / name, (tmp_path / name).read_text("utf-8"), "nox -s generate")

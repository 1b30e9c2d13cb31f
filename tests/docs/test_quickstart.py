"""The quickstart makes four videos that are what was asked for."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if "KLING" not in name}
    return subprocess.run(
        [sys.executable, str(ROOT / "examples" / "quickstart.py"), *arguments],
        capture_output=True,
        text=True,
        env=environment,
        check=False,
    )


@pytest.mark.slow
def test_it_leaves_four_files_and_says_where(tmp_path: Path) -> None:
    """A newcomer's first command ends with four videos."""
    answer = run("--out", str(tmp_path))

    assert (answer.returncode, answer.stderr) == (0, "")  # nor a warning
    files = sorted(tmp_path.iterdir())
    assert [file.stem for file in files] == [
        "image2video",
        "omni-video-pictures",
        "omni-video",
        "text2video",
    ]
    for file in files:
        assert str(file) in answer.stdout
        assert file.read_bytes()[4:8] == b"ftyp"


@pytest.mark.slow
def test_the_real_service_is_asked_for_a_key_first(tmp_path: Path) -> None:
    """Without a key, `--real` says which variables to set, and calls nothing."""
    answer = run("--real", "--out", str(tmp_path))

    assert answer.returncode == 1
    assert "KLING_ACCESS_KEY" in answer.stderr
    assert "Traceback" not in answer.stderr

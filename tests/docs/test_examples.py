"""The programs in `examples` do what they say; the quickstart is a newcomer's first command."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def run(*arguments: str, example: str = "quickstart.py") -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if "KLING" not in name}
    return subprocess.run(
        [sys.executable, str(ROOT / "examples" / example), *arguments],
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


@pytest.mark.slow
@pytest.mark.parametrize(
    ("models", "interfaces"),
    [
        ([], {"kling-v3": "v1", "kling-3.0": "model-path"}),
        (["kling-2.6", "kling-v2-6"], {"kling-2.6": "model-path", "kling-v2-6": "v1"}),
    ],
)
def test_one_program_runs_on_both_interfaces(
    tmp_path: Path, models: list[str], interfaces: dict[str, str]
) -> None:
    """Unchanged but for the model's name, which the command line may give."""
    answer = run(*models, "--out", str(tmp_path), example="both_interfaces.py")

    assert (answer.returncode, answer.stderr) == (0, "")
    shown = re.findall(r"^(\S+): (\S+), task (\d+), succeed", answer.stdout, re.MULTILINE)
    assert {model: interface for model, interface, _ in shown} == interfaces
    again = re.findall(r"repeated: task (\d+), reused True", answer.stdout)
    assert again == [task for *_, task in shown]
    for model in interfaces:
        assert (tmp_path / f"{model}.mp4").read_bytes()[4:8] == b"ftyp"


@pytest.mark.slow
def test_an_unknown_model_is_named(tmp_path: Path) -> None:
    """As Kling says it."""
    answer = run("kling-v9", "--out", str(tmp_path), example="both_interfaces.py")

    assert answer.returncode == 1
    assert "model_name value 'kling-v9' is invalid" in answer.stderr
    assert "Traceback" not in answer.stderr

"""Completion scripts, run by the shells that are installed."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from kling_sdk.cli import main
from kling_sdk.cli.completion import SHELLS
from tests.endpoints import CALLS, MAKERS

CASES = [
    (
        "kling ",
        {"create", "call", "get", "wait", "download", "list", "costs", "models"},
    ),
    ("kling --vers", {"--version"}),
    ("kling mo", {"models"}),
    ("kling create ", set(MAKERS)),
    ("kling -v create text2", {"text2video"}),
    ("kling create text2video --mod", {"--mode", "--model-name"}),
    ("kling create text2video --mode ", {"std", "pro", "4k"}),
    ("kling create omni-video --model-name kling-v3", {"kling-v3-omni"}),
    ("kling create text2video --prompt x --sound ", {"on", "off"}),
    ("kling create text2video --duration 1", {"10", "11", "12", "13", "14", "15"}),
    ("kling create text2video --prompt ", set[str]()),
    ("kling create image2video --image ki", {"kitten.png"}),
    ("kling create text2video --download ki", {"kitten.png"}),
    ("kling download text2video 1 ki", {"kitten.png"}),
    ("kling wait ", set(MAKERS)),
    ("kling call ", set(CALLS)),
    ("kling call identify-face --video-i", {"--video-id"}),
    ("kling create motion-control --character-orientation ", {"image", "video"}),
    ("kling create avatar --mode ", {"std", "pro"}),
    ("kling create avatar --sound-file ki", {"kitten.png"}),
    ("kling completion ", {"bash", "zsh", "fish"}),
]


def script(shell: str, capsys: pytest.CaptureFixture[str]) -> str:
    assert main(["completion", shell], open_client=lambda: pytest.fail("a client")) == 0
    return capsys.readouterr().out


def in_bash(text: str, line: str, folder: Path) -> set[str]:
    words = line.split(" ")
    quoted = " ".join(f"'{word}'" for word in words)
    code = (
        f"{text}\nCOMP_WORDS=({quoted}); COMP_CWORD={len(words) - 1}; _kling; "
        'printf "%s\\n" "${COMPREPLY[@]}"'
    )
    done = subprocess.run(
        ["bash", "-u", "-c", code], cwd=folder, capture_output=True, text=True, check=True
    )
    assert done.stderr == ""
    return set(done.stdout.split())


def in_fish(text: str, line: str, folder: Path) -> set[str]:
    (folder / "kling.fish").write_text(text, "utf-8")  # larger than an argument may be
    done = subprocess.run(
        ["fish", "-c", f"source kling.fish\ncomplete -C '{line}'"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
    )
    return {found.partition("\t")[0] for found in done.stdout.splitlines()}


@pytest.mark.parametrize(("line", "wanted"), CASES, ids=[line for line, _ in CASES])
@pytest.mark.slow
def test_bash_completes(
    line: str, wanted: set[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Commands, options, their values and files, wherever the cursor is."""
    (tmp_path / "kitten.png").touch()
    found = in_bash(script("bash", capsys), line, tmp_path)
    assert wanted <= found
    if line[-1] != " ":
        assert found == wanted


@pytest.mark.skipif(not shutil.which("fish"), reason="needs fish")
@pytest.mark.parametrize(("line", "wanted"), CASES, ids=[line for line, _ in CASES])
@pytest.mark.slow
def test_fish_completes(
    line: str, wanted: set[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The same in fish, which shows options only behind a dash."""
    (tmp_path / "kitten.png").touch()
    found = in_fish(script("fish", capsys), line, tmp_path)
    last = line.rpartition(" ")[2]
    assert {word for word in wanted if word[0] != "-" or last.startswith("-")} <= found


@pytest.mark.skipif(not shutil.which("zsh"), reason="needs zsh")
@pytest.mark.slow
def test_zsh_takes_the_script(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It has no error, and completes the command."""
    code = (
        "compdef() { registered=$2 }\n"
        f"{script('zsh', capsys)}\n"
        "compadd() { [ $1 = -- ] && shift; print -l -- $@ }\n"
        "_describe() { print -l -- ${(P)2} }\n"
        "words=(kling create text2video --mode ''); CURRENT=5; _kling; print -- ---\n"
        "words=(kling ''); CURRENT=2; _kling; print registered=$registered\n"
    )
    done = subprocess.run(
        ["zsh", "-f", "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    values, _, commands = done.stdout.partition("---")
    assert done.stderr == ""
    assert values.split() == ["std", "pro", "4k"]
    assert "create:create a task" in commands
    assert "registered=kling" in commands


@pytest.mark.parametrize("shell", SHELLS)
def test_a_script_knows_every_option(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    """It is made from the parser, so a parameter that is added is completed."""
    text = script(shell, capsys)
    for word in ("--negative-prompt", "--aspect-ratio", "9:16", "kling-v2-5-turbo", "--page-size"):
        assert word.removeprefix("--") in text

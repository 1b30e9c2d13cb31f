"""Completion scripts, run by the shells that are installed."""

from __future__ import annotations

import os
import pty
import select
import signal
import subprocess
from pathlib import Path

import pytest

from kling_sdk.cli import main
from kling_sdk.cli.completion import SHELLS, completion_script
from kling_sdk.cli.parser import make_parser
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
        f"{text}\nCOMP_WORDS=({quoted}); COMP_CWORD={len(words) - 1}; _shtab_kling; "
        'printf "%s\\n" "${COMPREPLY[@]}"'
    )
    done = subprocess.run(
        ["bash", "-c", code], cwd=folder, capture_output=True, text=True, check=True
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
    return {completion.partition("\t")[0] for completion in done.stdout.splitlines()}


@pytest.mark.parametrize(("line", "words"), CASES, ids=[line for line, _ in CASES])
@pytest.mark.slow
def test_bash_completes(
    line: str, words: set[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Commands, options, their values and files, wherever the cursor is."""
    (tmp_path / "kitten.png").touch()
    completions = in_bash(script("bash", capsys), line, tmp_path)
    assert words <= completions
    if line[-1] != " ":
        assert completions == words


@pytest.mark.programs("fish")
@pytest.mark.parametrize(("line", "words"), CASES, ids=[line for line, _ in CASES])
@pytest.mark.slow
def test_fish_completes(
    line: str, words: set[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The same in fish, which shows options only behind a dash."""
    (tmp_path / "kitten.png").touch()
    completions = in_fish(script("fish", capsys), line, tmp_path)
    last = line.rpartition(" ")[2]
    assert {word for word in words if word[0] != "-" or last.startswith("-")} <= completions


@pytest.mark.programs("zsh")
@pytest.mark.parametrize(
    ("line", "words"),
    [("kling create text2video --mode ", {"std", "pro", "4k"}), ("kling costs --d", {"--days"})],
)
@pytest.mark.slow
def test_zsh_completes(
    line: str, words: set[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It completes on a terminal, where a person presses Tab."""
    (tmp_path / "kling.zsh").write_text(script("zsh", capsys), "utf-8")
    begin = "PS1=; autoload -Uz compinit; compinit -u -D; eval \"$(<kling.zsh)\"; echo read''y\n"
    process, terminal = pty.fork()
    if process == 0:
        os.chdir(tmp_path)
        os.execvp("zsh", ["zsh", "-f", "-i"])  # noqa: S606 - it is the shell itself
    try:
        os.write(terminal, begin.encode())
        read_until(terminal, {"ready"})
        os.write(terminal, f"{line}\t".encode())
        read_until(terminal, words)
    finally:
        os.kill(process, signal.SIGKILL)
        os.waitpid(process, 0)
        os.close(terminal)


def read_until(terminal: int, words: set[str]) -> None:
    """Read what a terminal shows until it has all words."""
    text = ""
    while not all(word in text for word in words):
        ready, _, _ = select.select([terminal], [], [], 20)
        assert ready, f"{words} are not in {text!r}"
        text += os.read(terminal, 4096).decode(errors="replace")


def test_a_parser_still_takes_other_values_afterwards() -> None:
    """What is completed is what is known, and not all that is accepted."""
    parser = make_parser()
    completion_script("bash", parser, ("image",), lambda _path, name: (name,))
    words = ["create", "text2video", "--model-name", "kling-v9", "--prompt", "a kitten"]
    assert parser.parse_args(words).model_name == "kling-v9"


@pytest.mark.parametrize("shell", SHELLS)
def test_a_script_knows_every_option(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    """It is made from the parser, so a parameter that is added is completed."""
    text = script(shell, capsys)
    for word in ("--negative-prompt", "--aspect-ratio", "9:16", "kling-v2-5-turbo", "--page-size"):
        assert word.removeprefix("--") in text

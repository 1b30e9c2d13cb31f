"""The steps of a newcomer, and their results."""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, NamedTuple

from tests.first_minutes.terminal import plain, running, screen_lines

RECORD: Final = Path(__file__).with_name("record.json")
_PATIENCE: Final = 240.0  # seconds for any step, on a computer that is busy or far from PyPI


class Step(NamedTuple):
    """A step of a newcomer.

    Attributes:
        name: What the page calls it by.
        command: What is typed.
        file: The name of a file that is written before, if there is one.
        text: Its text.
    """

    name: str
    command: str
    file: str = ""
    text: str = ""


INSTALL: Final = Step(
    "install",
    """\
python3 -m venv .venv
. .venv/bin/activate
pip install -q './kling-sdk[mock,cli]' pytest""",
)
_SERVE: Final = Step("serve", "kling-mock serve --speed 60")
#: What follows in a second terminal, with the two lines that the first one shows.
_FOLLOWING: Final = (
    Step("version", "kling --version"),
    Step(
        "video",
        'kling create text2video --prompt "a kitten on the grass" --download kitten.mp4',
    ),
    Step(
        "test",
        "pytest -q test_kitten.py",
        "test_kitten.py",
        """\
def test_a_kitten_takes_no_time_of_mine(kling, kling_mock, tmp_path):
    task = kling.text2video.run(prompt="a kitten on the grass", duration=5)
    assert task.videos[0].duration == 5
    assert kling.download(task.videos[0], tmp_path).size > 1000
    kling_mock.journal.assert_called("POST /v1/videos/text2video", times=1)
""",
    ),
    Step("option", 'kling create text2video --promt "a kitten on the grass"'),
    Step("value", 'kling create text2video --prompt "a kitten on the grass" --duration 7'),
    Step(
        "parameter",
        "python mistake.py 2>&1 | tail -n 1",
        "mistake.py",
        """\
from kling_sdk import Kling

Kling().text2video.create(promt="a kitten on the grass")
""",
    ),
    Step("key", 'KLING_API_KEY=wrong kling create text2video --prompt "a kitten on the grass"'),
    Step(
        "failing",
        "pytest -q test_seconds.py",
        "test_seconds.py",
        """\
def test_a_kitten_of_ten_seconds(kling, kling_mock):
    kling.text2video.create(prompt="a kitten on the grass", duration=5)
    kling_mock.journal.assert_called("POST /v1/videos/text2video", body={"duration": "10"})
""",
    ),
)


class Done(NamedTuple):
    """A step that was done.

    Attributes:
        step: Which.
        lines: What the terminal shows in the end, with colours; keys and digests are shortened.
        seconds: How long it took.
    """

    step: Step
    lines: list[str]
    seconds: float

    @property
    def text(self) -> str:
        """What the terminal shows, without colours."""
        return "\n".join(map(plain, self.lines))


class Record(NamedTuple):
    """All steps.

    Attributes:
        done: The steps, in their order.
        exports: The lines that are copied from the first terminal into the second.
        facts: Date, machine and versions.
    """

    done: dict[str, Done]
    exports: list[str]
    facts: dict[str, str]

    def save(self) -> None:
        """Write the record."""
        whole = {
            "facts": self.facts,
            "exports": self.exports,
            "done": [done._asdict() | {"step": done.step._asdict()} for done in self.done.values()],
        }
        RECORD.write_text(json.dumps(whole, indent=1) + "\n", "utf-8")

    @classmethod
    def load(cls) -> Record:
        """Read the record."""
        whole = json.loads(RECORD.read_text("utf-8"))
        rows = [Done(**{**row, "step": Step(**row["step"])}) for row in whole["done"]]
        return cls({row.step.name: row for row in rows}, whole["exports"], whole["facts"])


def environment(programs: Path, **more: str) -> dict[str, str]:
    """Return the variables of a newcomer's shell.

    Args:
        programs: The folder of `python`, `kling` and the others.
        more: Further variables.
    """
    ours = re.compile(r"KLING|PYTEST|COV|PYTHON|NO_COLOR|FORCE_COLOR|PY_COLORS|VIRTUAL_ENV")
    theirs = {"CI", "COLUMNS", "LINES", "XDG_RUNTIME_DIR", "XDG_CACHE_HOME"}
    inherited = {
        name: value
        for name, value in os.environ.items()
        if name not in theirs and not ours.match(name)
    }
    path = f"{programs}{os.pathsep}{inherited.get('PATH', '')}"
    return {
        **inherited,
        "PATH": path,
        "TERM": "xterm-256color",
        "LANG": "C.UTF-8",
        "no_proxy": "*",
    } | more


def install(folder: Path, variables: Mapping[str, str]) -> Done:
    """Make the environment of a newcomer; the folder has a clone of this repository.

    Raises:
        RuntimeError: It could not be made; the text is what was printed.
    """
    done = _do(INSTALL, folder, variables)
    if not (folder / ".venv" / "bin" / "kling").is_file():
        raise RuntimeError(done.text)
    return done


def follow(
    folder: Path,
    variables: Mapping[str, str],
    look: Callable[[str], float] = lambda _: 0.0,
) -> Record:
    """Do all steps but the first.

    Args:
        folder: An empty folder.
        variables: The variables of both terminals.
        look: Looks at the dashboard, whose address it is given, once there is a video; returns
            how many seconds it took.
    """
    done: dict[str, Done] = {}
    began = time.perf_counter()
    with running(_SERVE.command, folder, variables) as server:
        written = server.read(r"KLING_RELAY_TOKEN=\S+\r\n", patience=_PATIENCE)
        seconds = time.perf_counter() - began
        done["serve"] = Done(_SERVE, _shortened(written), seconds)
        exports = re.findall(r"export (KLING_(?:BASE_URL|API_KEY)=\S+)", written)
        second = {**variables, **dict(export.split("=", 1) for export in exports)}
        for step in _FOLLOWING:
            if step.file:
                (folder / step.file).write_text(step.text, "utf-8")
            done[step.name] = _do(step, folder, second)
            if step.name == "video":
                (url,) = re.findall(r"http\S+#token=\S+", written)
                done["dashboard"] = Done(Step("dashboard", ""), [], look(url))
        server.end()
    lines = [_short(f"export {export}") for export in exports]
    return Record(done, lines, {})


def comparable(text: str) -> str:
    """Return what a terminal shows without what differs from one run to the next."""
    for pattern, same in (
        (r"\d{15,}", "ID"),
        (r"[0-9a-f]{6}\N{HORIZONTAL ELLIPSIS}", "HEX"),
        (r"(127\.0\.0\.1|localhost):\d+", r"\1:PORT"),
        (r"\b\d+\.\d+s\b", "0s"),
        (r"\b\d+ bytes", "0 bytes"),
        (r"kling [\d.]+ \(python/[\w.+]+\)", "kling VERSION"),
        (r"[=_-]{5,}", "-----"),
        (r" +", " "),
    ):
        text = re.sub(pattern, same, text)
    return text


def _do(step: Step, folder: Path, variables: Mapping[str, str]) -> Done:
    began = time.perf_counter()
    with running(step.command, folder, variables) as command:
        written = command.read(patience=_PATIENCE)
        command.end()
    return Done(step, _shortened(written), time.perf_counter() - began)


def _shortened(written: str) -> list[str]:
    return [_short(line) for line in screen_lines(written)]


def _short(text: str) -> str:
    """Return a line without keys: of each there are six characters."""
    return re.sub(r"([0-9a-f]{6})[0-9a-f]{20,}", "\\1\N{HORIZONTAL ELLIPSIS}", text)

"""The progress on a terminal while a command waits or fetches, and a full output."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import attrs
import pytest

from kling_sdk.cli.show import Screen
from kling_sdk.cli.standard_output import OutputError, PipeClosedError
from kling_sdk.results.task import Task

TASK = Task(endpoint="text2video", task_id="831922345719271433", status="submitted")


class Terminal(io.StringIO):
    """A stream that says of itself that it is a terminal."""

    def isatty(self) -> bool:
        return True


def as_terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """Let standard error be a terminal, which pytest would replace after a fixture."""
    stream = Terminal()
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")
    return stream


def test_a_terminal_shows_each_status_with_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """The line is written over, and gone at the end."""
    terminal = as_terminal(monkeypatch)
    with Screen(as_json=False).waiting(TASK) as note:
        note(attrs.evolve(TASK, status="processing"))

    text = terminal.getvalue()
    assert f"{TASK.task_id} submitted" in text
    assert f"{TASK.task_id} processing" in text
    assert "0:00:00" in text
    assert text.endswith("\x1b[2K")  # erased


def test_a_server_cannot_steer_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither control characters nor the markup of the library that draws the line have effect."""
    terminal = as_terminal(monkeypatch)
    with Screen(as_json=False).waiting(TASK) as note:
        note(attrs.evolve(TASK, status="\x1b[31m[bold]"))

    assert "\x1b[31m" not in terminal.getvalue()
    assert "[31m[bold]" in terminal.getvalue()


def test_a_terminal_shows_how_much_of_a_file_has_come(monkeypatch: pytest.MonkeyPatch) -> None:
    """The units fit the size of the whole."""
    terminal = as_terminal(monkeypatch)
    with Screen(as_json=False).fetching("kitten.mp4") as note:
        assert note is not None
        note(500_000, 2_000_000)

    assert "kitten.mp4" in terminal.getvalue()
    assert "0.5/2.0 MB" in terminal.getvalue()


def test_without_a_terminal_each_status_is_a_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A log file gets no line that is written over, and no progress of a file."""
    with (tmp_path / "log").open("w+") as log:
        monkeypatch.setattr(sys, "stderr", log)
        screen = Screen(as_json=False)
        with screen.waiting(TASK) as note:
            note(attrs.evolve(TASK, status="succeed"))
        with screen.fetching("kitten.mp4") as on_progress:
            assert on_progress is None
        log.seek(0)
        assert log.read() == f"{TASK.task_id} succeed\n"


@pytest.mark.parametrize(
    ("failure", "error"),
    [
        (BrokenPipeError(32, "Broken pipe"), PipeClosedError),
        (OSError(28, "No space left on device"), OutputError),
    ],
)
def test_an_output_that_takes_nothing_is_told_once(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, failure: OSError, error: type[Exception]
) -> None:
    """What is left in the buffer goes nowhere, or Python would try to write it at its end."""
    with (tmp_path / "out").open("w+b") as file:

        class Full(io.StringIO):
            def flush(self) -> None:
                raise failure

            def fileno(self) -> int:
                return file.fileno()

        with monkeypatch.context() as patched:
            patched.setattr(sys, "stdout", Full())
            with pytest.raises(error):
                Screen(as_json=False).task(TASK)
        file.write(b"goes nowhere")
        file.flush()
    assert (tmp_path / "out").read_bytes() == b""

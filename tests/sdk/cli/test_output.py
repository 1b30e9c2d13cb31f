"""The two streams of the command: readers that go away, full disks, terminals, logs."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

import kling_sdk
from kling_mock import KlingMock
from kling_sdk.cli import main
from kling_sdk.cli.show import Screen
from kling_sdk.cli.standard_output import OutputError
from kling_sdk.client.logs import _HANDLER
from kling_sdk.results.task import Audio, Image, Task, Video
from kling_sdk.text.printable import log
from tests.sdk.cli.test_commands import command, environment

CREATE = ("create", "text2video", "--prompt", "a kitten")

Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def mock() -> Iterator[KlingMock]:
    with KlingMock(clock="real") as server:
        yield server


@pytest.fixture
def start(mock: KlingMock) -> Iterator[Start]:
    """Start the command; one that a test leaves running, since it failed, is killed."""
    started: list[subprocess.Popen[str]] = []

    def start(*arguments: str, **streams: Any) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            command(*arguments),
            env=environment(mock.kling_url, KLING_API_KEY=mock.api_key),
            text=True,
            **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **streams},
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


@pytest.mark.parametrize(
    "arguments", [("models",), ("--help",), ("--version",), CREATE, ("list", "omni-video")]
)
@pytest.mark.slow
def test_a_reader_that_goes_away_is_no_error(start: Start, arguments: tuple[str, ...]) -> None:
    """As with `| head`, it prints no traceback, and exits with the status that shells use."""
    read, write = os.pipe()
    os.close(read)
    process = start(*arguments, stdout=write)
    os.close(write)
    _, err = process.communicate(timeout=60)

    assert process.returncode == 141
    assert "Traceback" not in err
    assert "Exception ignored" not in err
    assert ("kling: " in err) is False


@pytest.mark.parametrize(
    "arguments", [("models",), ("--help",), ("--version",), CREATE, ("create", "omni-video", "-h")]
)
@pytest.mark.slow
def test_a_full_disk_is_said_once(start: Start, arguments: tuple[str, ...]) -> None:
    """What was bought is named on standard error, with the command that shows it."""
    with open("/dev/full", "w", encoding="utf-8") as full:  # noqa: PTH123 - a device
        process = start(*arguments, stdout=full)
        _, err = process.communicate(timeout=60)

    assert process.returncode == 12
    assert "kling: cannot print the result: No space left on device" in err
    assert "Traceback" not in err
    assert "Exception ignored" not in err
    assert ("show it with: kling get text2video 8" in err) is (arguments == CREATE)


@pytest.mark.slow
def test_a_standard_error_that_is_full_costs_nothing(start: Start) -> None:
    """Progress is for people; the result is still printed."""
    with open("/dev/full", "w", encoding="utf-8") as full:  # noqa: PTH123 - a device
        process = start(*CREATE, "--json", stderr=full)
        out, _ = process.communicate(timeout=60)

    assert process.returncode == 0
    assert json.loads(out)["status"] == "submitted"


def test_a_stream_that_is_closed_is_an_error_of_the_output(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process may be started without one."""
    monkeypatch.setattr(sys, "stdout", None)
    monkeypatch.setattr(sys, "stderr", None)
    screen = Screen(as_json=False)
    screen.say("nobody reads this")
    with pytest.raises(OutputError, match="closed"):
        screen.text("x")


@pytest.mark.slow
def test_a_terminal_shows_id_status_and_time(start: Start) -> None:
    """While it waits; the line is gone at the end, and standard output has the result alone."""
    ours, theirs = pty.openpty()
    process = start(*CREATE, "--wait", stderr=theirs)
    os.close(theirs)
    seen = b""
    until = time.monotonic() + 60
    while not re.search(rb"\d{15,} (submitted|processing).{0,40}0:0\d:\d*[1-9]", seen):
        assert time.monotonic() < until, seen
        seen += os.read(ours, 4096)
    process.send_signal(signal.SIGINT)
    with contextlib.suppress(OSError):  # the other end is closed at the end
        while piece := os.read(ours, 4096):
            seen += piece
    out, _ = process.communicate(timeout=60)
    os.close(ours)

    assert process.returncode == 130
    assert b"resume with: kling wait text2video" in seen
    assert b"Traceback" not in seen
    assert out == ""


@pytest.mark.slow
def test_a_terminal_shows_the_progress_of_a_download(
    mock: KlingMock, start: Start, tmp_path: Path
) -> None:
    """It is on standard error; the result is on standard output as without a terminal."""
    with mock.client() as kling:
        task = kling.text2video.create(prompt="a kitten")
    mock.complete(task)
    ours, theirs = pty.openpty()
    folder = tmp_path / ("deep" * 40)  # longer than a line of the terminal
    folder.mkdir()
    file = folder / "a.mp4"
    process = start("download", "text2video", task.task_id, str(file), "--json", stderr=theirs)
    os.close(theirs)
    seen = b""
    with contextlib.suppress(OSError):  # the other end is closed at the end
        while piece := os.read(ours, 4096):
            seen += piece
    out, _ = process.communicate(timeout=60)
    os.close(ours)

    assert process.returncode == 0, seen
    assert json.loads(out)["size"] == file.stat().st_size
    assert b"a.mp4" in seen


@pytest.mark.parametrize(
    ("option", "lines"), [((), 0), (("-v",), 0), (("-vv",), 1), (("--verbose", "--verbose"), 1)]
)
def test_verbose_logs_to_standard_error(
    option: tuple[str, ...], lines: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """Before or behind the command; requests are in the second level."""
    try:
        with KlingMock(seed=1) as mock:
            for arguments in ((*option, "list", "text2video"), ("list", "text2video", *option)):
                assert main(arguments, open_client=mock.client) == 0
                err = capsys.readouterr().err
                assert err.count("GET /v1/videos/text2video: HTTP 200") == lines
    finally:
        log.removeHandler(_HANDLER)
        log.setLevel(0)


def test_the_version_is_that_of_the_package(capsys: pytest.CaptureFixture[str]) -> None:
    """The Python version is beside it, for a report of a defect."""
    with pytest.raises(SystemExit) as end:
        main(["--version"])
    assert end.value.code == 0
    python = ".".join(map(str, sys.version_info[:3]))
    assert capsys.readouterr().out == f"kling {kling_sdk.__version__} (python/{python})\n"


TASK = Task(
    "1",
    "succeed",
    videos=(Video("v", "https://cdn.example/v.mp4?signature=s3cret", Decimal("5.10")),),
    images=(Image("https://cdn.example/i.png", 0),),
    audios=(
        Audio(
            *("a", "https://cdn.example/a.mp3?signature=s3cret", Decimal("3.5")),
            *("https://cdn.example/a.wav", Decimal("3.504")),
        ),
    ),
    units=Decimal("1.50"),
    raw={"task_id": "1"},
)
KEYS = (
    "task_id external_task_id kling_task_id endpoint status status_msg created_at updated_at "
    "units reused videos images series_images audios subtitles voices elements"
)


def test_json_has_plain_values_and_always_the_same_keys(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Units and seconds are text, so that no reader rounds them; unknown is null."""
    Screen(as_json=True).task(TASK)
    task = json.loads(capsys.readouterr().out)

    assert list(task) == KEYS.split()
    assert task["units"] == "1.50"
    assert task["created_at"] is None
    assert task["videos"] == [
        {
            "id": "v",
            "url": "https://cdn.example/v.mp4?signature=s3cret",
            "duration": "5.10",
            "watermark_url": None,
        }
    ]
    assert task["audios"] == [
        {
            "id": "a",
            "url": "https://cdn.example/a.mp3?signature=s3cret",
            "duration": "3.5",
            "wav_url": "https://cdn.example/a.wav",
            "wav_duration": "3.504",
        }
    ]
    Screen(as_json=True).task(Task("2", "submitted"))
    assert list(json.loads(capsys.readouterr().out)) == KEYS.split()


def test_what_people_read_has_no_python_in_it(capsys: pytest.CaptureFixture[str]) -> None:
    """URLs have a mark in place of their signature."""
    Screen(as_json=False).task(TASK)
    out = capsys.readouterr().out

    assert "Decimal" not in out
    assert "Video(" not in out
    assert "v  5.10 s  https://cdn.example/v.mp4?..." in out
    assert "https://cdn.example/i.png\n" in out
    assert "a  3.5 s  https://cdn.example/a.mp3?..." in out
    assert "s3cret" not in out


@pytest.mark.slow
def test_an_output_that_takes_no_chinese_gets_escapes(mock: KlingMock, start: Start) -> None:
    """This happens in a shell without Unicode: JSON stays JSON, and nothing breaks."""
    creator = start(*CREATE, "--external-task-id", "订单-1")
    creator.communicate(timeout=60)
    for option in ("--json", "-v"):
        process = subprocess.run(
            command("get", "text2video", "订单-1", option),
            env={
                **environment(mock.kling_url, KLING_API_KEY=mock.api_key),
                "PYTHONIOENCODING": "ascii",
                "PYTHONUTF8": "0",
            },
            capture_output=True,
            check=False,
        )
        assert process.returncode == 0, process.stderr
        assert b"\\u8ba2\\u5355-1" in process.stdout

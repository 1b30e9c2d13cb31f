"""The operator's view of a running online upgrade, and the operator's controls."""

from __future__ import annotations

import io
import subprocess
import sys
from collections.abc import Callable

import pytest

from kling_mock.cli.main import main
from kling_mock.relay.migration.database.session import connect
from kling_mock.relay.migration.online.progress import (
    Progress,
    ProgressStyle,
    Throttle,
    display,
    parts,
)
from kling_mock.relay.migration.state import MigrationState
from tests.mock.relay.migration import tables
from tests.mock.relay.migration.application import many

SEEN = (
    Progress(0, 1000, 0.0),
    Progress(250, 1000, 50.0),
    Progress(1200, 1000, 60.0),  # rows came meanwhile
    Progress(1300, 1000, 60.0, ended=True),
)


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def output(kind: ProgressStyle, stream: io.StringIO) -> str:
    tell = display(kind, stream)
    for now in SEEN:
        tell(now)
    return stream.getvalue()


def test_a_bar_shows_part_rate_and_time_to_go() -> None:
    """On a terminal one line is redrawn; it is full, and ends, at the end only."""
    text = output("auto", Terminal())
    assert text == output("bar", io.StringIO())
    lines = text.split("\r")[1:]
    assert [line[1:31].count("#") for line in lines] == [0, 7, 29, 30]
    assert lines[0].rstrip().endswith("0% 0 rows, 0 rows/s")
    assert lines[1].rstrip().endswith(" 25% 250 rows, 50 rows/s, 15 s to go")
    assert text.count("\n") == 1
    assert text.endswith("\n")


def test_elsewhere_there_is_a_line_for_each_tenth() -> None:
    """A log file gets lines, no carriage returns; `none` writes nothing."""
    text = output("auto", io.StringIO())
    assert text == output("lines", Terminal())
    assert [line.split("%")[0].strip() for line in text.splitlines()] == ["0", "25", "99", "100"]
    assert "\r" not in text
    assert output("none", Terminal()) == ""


def test_time_to_go_is_what_is_left_at_this_rate() -> None:
    """Nothing is promised before the first row, and nothing is left at the end."""
    assert [progress.remaining for progress in SEEN] == [None, 15.0, 0.0, 0.0]
    assert Progress(0, 0, 0.0).part == 0.0


def test_the_next_chunk_follows_what_the_last_one_took() -> None:
    """A slow chunk is followed by a smaller one, a quick one by one a third larger, in bounds."""
    throttle = Throttle(chunk_seconds=0.1, share=0.5, first_chunk=500)
    assert throttle.next_size(2000, 0.2) == 1000
    assert throttle.next_size(2000, 0.01) == 2600
    assert throttle.next_size(500, 10.0) == 500
    assert throttle.next_size(20_000, 0.0) == 20_000
    assert throttle.rest(0.25) == 0.25
    with pytest.raises(ValueError, match="share"):
        Throttle(share=0)


@pytest.mark.slow
def test_another_terminal_pauses_and_resumes_a_run(
    databases: Callable[[str], str], capsys: pytest.CaptureFixture[str]
) -> None:
    """`--pause` stops the copy of a process that runs, `--resume` lets it finish."""
    url = databases("mariadb")
    with connect(url) as session:
        tables.make(session, "gorm", many(40))
    words = ["upgrade", "--db", url, "--online", "--max-running=0", "--progress=lines"]
    dead = [sys.executable, "-m", "tests.mock.relay.migration.killed_at_step", "copy begun", *words]
    subprocess.run(dead, check=False, capture_output=True)
    assert main(["db", "upgrade", "--db", url, "--pause"]) == 0
    process = subprocess.Popen(
        [sys.executable, "-m", "kling_mock", "db", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("paused; kling-mock db upgrade --resume")
        with connect(url) as session:
            assert MigrationState(session).get("online")["copied"] == 0
        assert main(["db", "upgrade", "--db", url, "--resume"]) == 0
        out, err = process.communicate(timeout=30)
    finally:
        process.kill()
        process.communicate()
    assert out.splitlines()[0] == "continuing"
    assert err.splitlines()[-1].startswith("100% 40 rows, ")
    assert process.returncode == 0
    assert "it continues" in capsys.readouterr().out


def test_a_condition_for_many_rows_is_split_into_parts_of_a_chunk() -> None:
    """Rows beyond a chunk are taken in parts that together are all, and never twice."""
    assert parts("id > 7", rows=100, size=100) == ["id > 7"]
    assert parts("id > 7", rows=201, size=100) == [
        f"id > 7 AND CRC32(task_id) % 3 = {part}" for part in range(3)
    ]

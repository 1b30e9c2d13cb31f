"""A run of the tests leaves nothing behind, however it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.mock.relay.storage import databases
from tests.mock.relay.storage.databases import Postgres, was_left

ROOT = Path(__file__).parents[2]
#: Says where the folders are, with a file in each and a server, and waits.
PROGRAM = """
import subprocess, sys, tempfile
from pathlib import Path
from tests import run_folder as module
from tests.run_folder import SERVER_PID, begin, run_folder

if {on_disk}:
    module._ROOT = Path(tempfile.gettempdir())
begin()
run = run_folder()
file = Path(tempfile.mkdtemp(), "file")
file.touch()
(run / "server").mkdir()
server = subprocess.Popen([sys.executable, "-c", "input()", str(run)], stdin=subprocess.PIPE)
(run / "server" / SERVER_PID).write_text(str(server.pid))
print(run, file, server.pid, flush=True)
input()
"""

pytestmark = pytest.mark.slow


def started(
    folder: Path, *, on_disk: bool = False
) -> tuple[subprocess.Popen[str], Path, Path, int]:
    """Start a run; return its process, its folder, a temporary file and a server of it."""
    environment = {name: value for name, value in os.environ.items() if name != "KLING_TEST_RUN"}
    run = subprocess.Popen(
        [sys.executable, "-c", PROGRAM.replace("{on_disk}", str(on_disk))],
        cwd=ROOT,
        env=environment | {"TMPDIR": str(folder), "PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert run.stdout is not None
    home, file, server = run.stdout.readline().split()
    assert Path(file).is_relative_to(folder)
    return run, Path(home), Path(file), int(server)


def is_running(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text("ascii").rpartition(") ")[2][0]
    except OSError:
        return False
    return state != "Z"


def test_a_run_that_ends_takes_everything_with_it(tmp_path: Path) -> None:
    """Its temporary files, its folder in memory and its server."""
    run, home, file, server = started(tmp_path)
    assert home.exists()
    assert file.exists()
    assert is_running(server)
    run.communicate("\n", timeout=30)
    assert [home.exists(), file.exists(), is_running(server)] == [False] * 3
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("run", ["_a_bcdef", "abcdefg_", "abcdefgh"])
def test_a_database_belongs_to_its_run(monkeypatch: pytest.MonkeyPatch, run: str) -> None:
    """The database of a running test run is never dropped, nor are other databases."""
    for name in ("kling_test_0123456789ab", "kling", "postgres", "kling_test"):
        assert not was_left(name)
    monkeypatch.setattr(databases, "is_there", {run}.__contains__)
    monkeypatch.setattr(databases, "run_id", lambda: run)
    mine = Postgres().name
    assert not was_left(mine)
    monkeypatch.setattr(databases, "is_there", set[str]().__contains__)
    assert was_left(mine)


@pytest.mark.parametrize("on_disk", [False, True])
def test_what_a_killed_run_leaves_ends_with_the_next_start(
    tmp_path: Path, *, on_disk: bool
) -> None:
    """What belongs to a run that is still going is left alone, also without /dev/shm."""
    killed, home, file, server = started(tmp_path, on_disk=on_disk)
    other, its_home, its_file, its_server = started(tmp_path, on_disk=on_disk)
    assert home.exists()
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    assert file.exists()
    third, *_ = started(tmp_path, on_disk=on_disk)
    assert [home.exists(), file.exists(), is_running(server)] == [False] * 3
    assert [its_home.exists(), its_file.exists(), is_running(its_server)] == [True] * 3
    for run in (other, third):
        run.communicate("\n", timeout=30)
    assert list(tmp_path.iterdir()) == []

"""Client and emulator without what only POSIX systems have; see `windows.py`."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.windows import PARTS

ROOT = Path(__file__).parents[2]
CONTROL = """
import os, signal, socket, sys, threading, time
from tests.e2e.windows import become_windows
become_windows()

def is_refused(call, error):
    try:
        call()
    except error:
        return True
    return False

def wait_for_ctrl_c():
    ended = threading.Event()
    signal.signal(signal.SIGINT, lambda *_: ended.set())
    threading.Timer(0.1, signal.raise_signal, [signal.SIGINT]).start()
    threading.Timer(0.5, os._exit, [7]).start()
    ended.wait()

with socket.socket() as connection, open(sys.argv[1], "w") as file:
    assert is_refused(lambda: __import__("fcntl"), ImportError)
    assert is_refused(lambda: os.fork(), AttributeError)
    assert is_refused(lambda: os.dup(connection.fileno()), OSError)
    assert is_refused(lambda: os.remove(sys.argv[1]), PermissionError)
os.remove(sys.argv[1])
wait_for_ctrl_c()
"""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(300),  # a dozen servers, 6 s on a machine that is not busy
    pytest.mark.skipif(sys.platform != "linux", reason="it is Linux that is changed"),
]


def run(tmp_path: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    variables = {name: text for name, text in os.environ.items() if not name.startswith("KLING")}
    console = {"PYTHONIOENCODING": "cp1252", "XDG_RUNTIME_DIR": str(tmp_path), "no_proxy": "*"}
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env=variables | console,
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )


def test_client_and_emulator_run_as_on_windows(tmp_path: Path) -> None:
    """Every module loads; videos, relay, recording and commands work, and Ctrl-C ends a server."""
    done = run(tmp_path, "-m", "tests.e2e.windows")
    assert done.returncode == 0, done.stdout + done.stderr
    parts = ["import_everything", *(part.__name__ for part in PARTS)]
    assert [line for line in done.stdout.splitlines() if line in parts] == parts


def test_what_is_taken_away_is_missed(tmp_path: Path) -> None:
    """Control: a module, a call, a file in use, a socket as a file, a wait that no Ctrl-C ends."""
    done = run(tmp_path, "-c", CONTROL, str(tmp_path / "file"))
    assert (done.returncode, done.stderr) == (7, "")

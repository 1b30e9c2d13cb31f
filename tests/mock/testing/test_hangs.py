"""A test that hangs because the app's own client waits for a clock that stands still."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from kling_mock import KlingMock
from kling_mock.web.polling import BusyPolling
from kling_sdk import InvalidRequestError, Kling

TEST = """
from kling_sdk import Kling

def test_app(kling_mock):
    with Kling(base_url=kling_mock.kling_url, api_key=kling_mock.api_key) as kling:
        kling.text2video.run(prompt="a kitten")
"""


@pytest.mark.slow
@pytest.mark.parametrize("words", [(), ("-n", "1", "-p", "xdist")])
def test_a_person_is_told_within_seconds(tmp_path: Path, words: tuple[str, ...]) -> None:
    """It goes to the real standard error, though pytest captures what the test prints and logs."""
    (tmp_path / "test_it.py").write_text(TEST)
    command = [sys.executable, "-m", "pytest", "-p", "kling_mock", *words, "test_it.py"]
    environment = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONPATH": ":".join(sys.path)}
    with subprocess.Popen(
        command, cwd=tmp_path, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    ) as process:
        try:
            assert process.stderr is not None
            line = next(line.decode() for line in process.stderr if line.strip())
        finally:
            process.terminate()
    assert line.startswith("kling_mock: test_it.py::test_app: Task ")
    assert "mock.clock.advance(600)" in line


class Steady:
    """Real time that a test moves."""

    def __init__(self) -> None:
        self.now = time.monotonic()

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def mock() -> Iterator[KlingMock]:
    with KlingMock() as server:
        yield server


@pytest.mark.parametrize("call", ["get", "list"])
def test_a_wait_of_half_a_minute_ends_with_the_reason(mock: KlingMock, call: str) -> None:
    """A query of the task and the list pages of `wait_all` end as well, not after two hours."""
    steady = Steady()
    mock._emulator.world.busy_polling = BusyPolling(steady)
    with Kling(base_url=mock.kling_url, api_key=mock.api_key) as kling:
        task = kling.text2video.create(prompt="a kitten")

        def ask() -> object:
            if call == "get":
                return kling.text2video.get(task.task_id)
            return kling.text2video.list()

        for _ in range(4):
            ask()
            steady.now += 8
        with pytest.raises(InvalidRequestError, match="while the mock's clock stood still"):
            ask()
        mock.clock.advance(1)
        assert ask()  # it moves: the wait may continue


@pytest.mark.parametrize("call", ["get", "list"])
def test_so_does_a_wait_at_the_relay(mock: KlingMock, call: str) -> None:
    """It reads the task once at each instant, so the emulated Kling would never notice."""
    steady = Steady()
    with Kling.relay(mock.relay_url, mock.relay_token) as kling:
        task = kling.text2video.create(prompt="a kitten")
        relay = mock._relay
        assert relay is not None
        assert relay.host.built is not None
        relay.host.built.handler._polling = BusyPolling(steady)

        def ask() -> object:
            if call == "get":
                return kling.text2video.get(task.task_id)
            return kling.tasks.list()

        for _ in range(4):
            ask()
            steady.now += 8
        with pytest.raises(InvalidRequestError, match="while the mock's clock stood still"):
            ask()


def test_a_clock_that_a_person_moves_ends_nothing(mock: KlingMock) -> None:
    """The negative control: as `kling-mock serve --clock manual` does it."""
    steady = Steady()
    mock._emulator.world.busy_polling = BusyPolling(steady)
    mock.clock.is_moved_by_hand = True
    with Kling(base_url=mock.kling_url, api_key=mock.api_key) as kling:
        task = kling.text2video.create(prompt="a kitten")
        for _ in range(4):
            assert kling.text2video.get(task.task_id).status == "submitted"
            steady.now += 100

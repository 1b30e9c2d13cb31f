"""A server that is interrupted while it starts, or dropped while it runs."""

from __future__ import annotations

import asyncio
import gc
import linecache
import sys
import threading
import warnings
from collections.abc import Callable, Generator
from contextlib import contextmanager
from functools import partial
from itertools import count
from pathlib import Path
from types import FrameType
from typing import Any

import httpx
import pytest

import kling_mock
from kling_mock import KlingMock, RelaySettings
from kling_mock.web.loop_thread import LoopThread

OURS = str(Path(kling_mock.__file__).parent)
DESCRIPTORS = Path("/proc/self/fd")
PATIENCE = 2.0  # seconds of real time


@contextmanager
def interrupt_at(number: int) -> Generator[None]:
    """Raise `KeyboardInterrupt` at the line *number*, of those of ours that this thread runs.

    Where a block begins or ends, Python itself takes no interrupt, and a lock would stay locked.
    """
    lines = count(1)
    is_over = False

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        nonlocal is_over
        if is_over or not frame.f_code.co_filename.startswith(OURS):
            return None
        source = linecache.getline(frame.f_code.co_filename, frame.f_lineno).strip()
        if event != "line" or source.startswith(("try:", "with ", "finally:")):
            return trace
        if next(lines) == number:
            is_over = True
            raise KeyboardInterrupt
        return trace

    before = sys.gettrace()  # that of a measurement of coverage
    sys.settrace(trace)
    try:
        yield
    finally:
        sys.settrace(before)


def what_is_open() -> tuple[set[threading.Thread], int]:
    return set(threading.enumerate()), sum(1 for _ in DESCRIPTORS.iterdir())


def is_more_open_than(before: tuple[set[threading.Thread], int]) -> bool:
    for thread in set(threading.enumerate()) - before[0]:
        thread.join(PATIENCE)  # a pool's idle threads end by themselves
    threads, descriptors = what_is_open()
    if threads - before[0] or descriptors > before[1]:
        gc.collect()
        threads, descriptors = what_is_open()
    return bool(threads - before[0]) or descriptors > before[1]


def leaks_when_interrupted(make: Callable[[], Any]) -> tuple[int, list[int]]:
    """Interrupt a start at each of its lines; return how many there are, and which ones leak."""
    leaks: list[int] = []
    for number in count(1):
        server = make()
        before = what_is_open()
        try:
            with interrupt_at(number):
                server.start()
        except KeyboardInterrupt:
            if is_more_open_than(before):
                leaks.append(number)
        else:
            server.stop()
            return number - 1, leaks
    raise AssertionError("a start has no end")


needs_descriptors = pytest.mark.skipif(
    not DESCRIPTORS.exists(), reason="the system does not list the descriptors of a process"
)


@needs_descriptors
@pytest.mark.slow
@pytest.mark.parametrize("relay", [False, True, "database"])
def test_an_interrupted_start_leaves_nothing(tmp_path: Path, relay: Any) -> None:
    """Ctrl-C at any line of it leaves no thread and no descriptor."""
    settings = relay
    if relay == "database":
        settings = RelaySettings(database=f"sqlite:///{tmp_path / 'relay.db'}")
    with KlingMock(relay=settings):
        pass  # what is loaded or opened once
    lines, leaks = leaks_when_interrupted(partial(KlingMock, relay=settings))
    assert lines > 20
    assert leaks == []


class Careless:
    """A start without cleanup: the thread exists before it is managed."""

    def __init__(self, end: threading.Event) -> None:
        self._thread = threading.Thread(target=end.wait)
        self.has_started = False

    def start(self) -> None:
        self._thread.start()
        self.has_started = True


@needs_descriptors
@pytest.mark.slow
def test_control_a_careless_start_leaks(monkeypatch: pytest.MonkeyPatch) -> None:
    """The check above sees the thread that an interrupt behind its start leaves."""
    end = threading.Event()
    monkeypatch.setattr(sys.modules[__name__], "OURS", __file__)
    monkeypatch.setattr(sys.modules[__name__], "PATIENCE", 0.01)
    careless, before = Careless(end), what_is_open()
    try:
        with interrupt_at(2), pytest.raises(KeyboardInterrupt):
            careless.start()
        assert is_more_open_than(before)
    finally:
        end.set()


def test_an_interrupted_start_can_be_repeated() -> None:
    """The same object starts afterwards."""
    mock = KlingMock()
    with interrupt_at(40), pytest.raises(KeyboardInterrupt):
        mock.start()
    with mock:
        assert httpx.get(f"{mock.kling_url}/openapi.json", trust_env=False).status_code == 200


@pytest.mark.asyncio
async def test_a_cancelled_start_leaves_nothing() -> None:
    """`async with` that is cancelled while it starts, as by Ctrl-C, stops the server."""
    mock = KlingMock()
    entering = asyncio.create_task(mock.__aenter__())
    await asyncio.sleep(0)  # now the start is under way in its thread
    entering.cancel()
    with pytest.raises(asyncio.CancelledError):
        await entering
    assert mock._thread.state == "stopped"


# ---------------------------------------------------------------- dropped


def drop(held: list[KlingMock]) -> None:
    held.clear()
    gc.collect()


def parts_of(mock: KlingMock) -> tuple[LoopThread, Any, Any, Any]:
    return mock._thread, mock.clock, mock._emulator, mock._relay


def end(thread: LoopThread, clock: Any, emulator: Any, relay: Any) -> None:
    """Stop a server whose `KlingMock` is gone."""

    async def close() -> None:
        clock.stop()
        await relay.host.close(0.0)
        await emulator.close(0.0)

    thread.stop(close, 5)


USES: list[Callable[[KlingMock], object]] = [
    lambda mock: mock.account.slots,
    lambda mock: mock.relay_url,
    lambda mock: mock.snapshot(),
    lambda mock: httpx.get(
        f"{mock.kling_url}/__kling/tasks",
        headers={"Authorization": f"Bearer {mock.admin_token}"},
        trust_env=False,
    ).raise_for_status(),
]


@pytest.mark.slow
@pytest.mark.parametrize("use", USES)
def test_a_server_that_is_dropped_warns(use: Callable[[KlingMock], object]) -> None:
    """The warning has its address: it keeps its thread and port, and can no longer be stopped."""
    held = [KlingMock().start()]
    use(held[0])
    url, parts = held[0].kling_url, parts_of(held[0])
    with pytest.warns(
        ResourceWarning, match=rf"<KlingMock {url}> was garbage-collected while it runs"
    ):
        drop(held)
    end(*parts)


@pytest.mark.slow
def test_a_client_alone_keeps_working() -> None:
    """The warning says that the server will not be stopped; it is not stopped under its clients."""
    held = [KlingMock().start()]
    kling, parts = held[0].client(), parts_of(held[0])
    with pytest.warns(ResourceWarning):
        drop(held)
    assert kling.text2video.run(prompt="a kitten").is_succeed
    kling.close()
    end(*parts)


@pytest.mark.slow
def test_control_other_servers_do_not_warn() -> None:
    """They were stopped, or never started or made."""
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        mock = KlingMock().start()
        mock.stop()
        del mock
        KlingMock()
        with pytest.raises(ValueError, match="seed"):
            KlingMock(seed="7")  # type: ignore[arg-type] # what is tested
        gc.collect()
    assert [str(warning.message) for warning in seen if warning.category is ResourceWarning] == []

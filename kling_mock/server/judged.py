"""The servers that a test run has to judge, however they were started and ended.

This is separate from `KlingMock`, to which only its user has a reference, so that a server which
was dropped without a stop is noticed.
"""

from __future__ import annotations

import asyncio
import sys
from collections import deque
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, NamedTuple

# This module does not load any server code: pytest's plugin imports it even without the extra.
if TYPE_CHECKING:
    from kling_mock.kling.callbacks.apps import InProcessApp
    from kling_mock.kling.faults.matching import Fault
    from kling_mock.kling.journal.findings import Findings
    from kling_mock.kling.snapshots import Snapshot
    from kling_mock.kling.world import World
    from kling_mock.server.emulator import Emulator
    from kling_mock.server.steering import Steering
    from kling_mock.web.loop_thread import LoopThread

_LOOK: Final = 0.005  # seconds of real time from one poll to the next
_STOPPED_KEPT: Final = 5  # servers whose whole state is kept for a report


class Baseline(NamedTuple):
    """The state of a server that is restored after each test.

    Attributes:
        snapshot: Its state.
        apps: The apps that get its callbacks, by host.
    """

    snapshot: Snapshot
    apps: dict[str, InProcessApp]

    def is_like(self, other: Baseline) -> bool:
        """Return whether both are the same state, to the byte."""
        return self.apps == other.apps and self.snapshot.state == other.snapshot.state


def _runs_here(apps: Mapping[str, InProcessApp]) -> bool:
    """Return whether an app runs in the calling event loop, which may be one of trio."""
    try:
        here = asyncio.get_running_loop()
    except RuntimeError:
        return False
    return any(app.test_loop is here for app in apps.values())


class JudgedServer:
    """One server, as a test run sees it.

    Args:
        steering: Takes and restores its state.
        thread: Its thread.
        strict: Whether tests have to answer for it.

    Attributes:
        findings: The findings on it.
        strict: As given.
        name: Its address, for a report.
    """

    def __init__(self, steering: Steering, thread: LoopThread, *, strict: bool) -> None:
        self.findings: Findings = steering.emulator.findings
        self.strict = strict
        self.name = ""
        self._emulator: Emulator | None = steering.emulator
        self._steering = steering
        self._thread = thread

    @property
    def is_running(self) -> bool:
        """Whether the server runs."""
        return self._thread.running

    @property
    def world(self) -> World | None:
        """The server's state; `None` if it stopped long ago. To be read from any thread."""
        return None if self._emulator is None else self._emulator.world

    def drop_state(self) -> None:
        """Drop everything except the findings."""
        self._emulator = None

    def explain(self, call: Any) -> str:
        """Return an unexpected call in one line."""
        world = self.world
        if isinstance(call, str):
            return call
        return f"{call.method} {call.path[:200]}" if world is None else world.journal.explain(call)

    def settle(self, seconds: float) -> list[str]:
        """Wait until the work under way has ended; return the unfinished calls as lines.

        Args:
            seconds: Real time that this may take.
        """
        emulator = self._emulator
        if emulator is None or not self.is_running:
            return []
        self._settle_apps(emulator, seconds)
        if self._is_busy(emulator):
            self._thread.wait(self._settled(emulator, seconds), None)
        left = [call.so_far() for call in self.findings.waiting(lambda call: call.has_client)]
        if self.findings.under_way:
            self._steering.proxy.call(lambda _: emulator.note_cut_calls())
        if emulator.clock.busy:
            self._steering.proxy.call(lambda world: world.callbacks.note_cut())
        return [f"{entry.method} {entry.path[:200]}" for entry in left]

    async def settle_in_loop(self, seconds: float) -> None:
        """Let apps in the running loop take the callbacks that are under way to them.

        Args:
            seconds: Real time that this may take.
        """
        emulator = self._emulator
        if emulator is not None and self.is_running and _runs_here(emulator.apps):
            await self._settle_elsewhere(emulator, seconds)

    def _settle_apps(self, emulator: Emulator, seconds: float) -> None:
        """Do as `settle_in_loop` in loops that are idle since their test ended, but not closed."""
        for loop in {app.idle_loop for app in emulator.apps.values()}:
            if loop is not None and not loop.is_closed() and emulator.clock.busy:
                loop.run_until_complete(self._settle_elsewhere(emulator, seconds))

    async def _settle_elsewhere(self, emulator: Emulator, seconds: float) -> None:
        """Wait by the time of the server's thread: time may be frozen here, as by freezegun."""
        await asyncio.to_thread(self._thread.wait, self._settled(emulator, seconds), None)

    async def _settled(self, emulator: Emulator, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        until = loop.time() + seconds
        while self._is_busy(emulator) and loop.time() < until:  # noqa: ASYNC110 - a client that goes sets none
            await asyncio.sleep(_LOOK)

    def _is_busy(self, emulator: Emulator) -> bool:
        if self.findings.waiting(lambda call: call.has_client):
            return True
        # A callback that waits for the loop of a test that has ended would never end here.
        return emulator.clock.busy and not any(app.idle_loop for app in emulator.apps.values())

    def load_faults(self, profile: str) -> list[Fault]:
        """Add the faults of a JSON profile.

        Raises:
            ValueError: A fault is invalid.
        """
        from kling_mock.kling.faults.declaring import read_profile

        faults = read_profile(profile)
        return self._steering.proxy.call(lambda world: world.faults.add(faults))

    def remove_faults(self, faults: list[Fault]) -> None:
        """End faults that `load_faults` has added, as if they had never been added."""

        def work(world: World) -> None:
            for fault in faults:
                world.faults.remove(fault)
                self.findings.acted(fault.number)

        self._steering.proxy.call(work)

    @contextmanager
    def without_faults(self, faults: list[Fault]) -> Generator[None]:
        """Take faults that `load_faults` has added out of the state, as far as they are there."""
        numbers = {fault.number for fault in faults}

        def take_out(world: World) -> list[Fault]:
            there = [fault for fault in world.faults if fault.number in numbers]
            for fault in there:
                world.faults.remove(fault)
            return there

        call = self._steering.proxy.call
        there = call(take_out)
        try:
            yield
        finally:
            call(lambda world: world.faults.put_back(there))

    def baseline(self) -> Baseline:
        """Return the current state.

        Raises:
            RuntimeError: It cannot be kept; see `KlingMock.snapshot`.
        """
        emulator = self._steering.emulator
        return Baseline(self._steering.snapshot(), dict(emulator.apps))

    def go_back(self, baseline: Baseline) -> None:
        """Restore the state of the server."""
        self._steering.restore(baseline.snapshot)
        self._steering.proxy.call(lambda _: self._steering.emulator.replace_apps(baseline.apps))


class StartedServers:
    """The servers of this process that were started while pytest runs, and not judged since.

    Attributes:
        on_start: Called with each as it starts, on the thread that starts it.
    """

    def __init__(self) -> None:
        self.on_start: list[Callable[[JudgedServer], None]] = []
        self._servers: dict[JudgedServer, None] = {}
        self._with_state: deque[JudgedServer] = deque()

    def add(self, server: JudgedServer) -> None:
        """Register a server that has started; do nothing outside of pytest."""
        # Not imported: it is pytest's plugin, which is only loaded by pytest.
        if not getattr(sys.modules.get("_kling_mock_pytest"), "runs", 0):
            return
        if server not in self._servers:
            self._servers[server] = None
            self._with_state.append(server)
        for _ in range(2):  # one more than was added, so that their number decreases
            if len(self._with_state) > _STOPPED_KEPT:
                oldest = self._with_state.popleft()
                if oldest.is_running:
                    self._with_state.append(oldest)
                else:
                    oldest.drop_state()
        for call in tuple(self.on_start):
            call(server)

    def all(self) -> list[JudgedServer]:
        """Return the running servers, and those that stopped since the last `forget_stopped`."""
        return [*self._servers.copy()]

    def forget_stopped(self) -> None:
        """Forget the servers that are not running: their tests have answered for them."""
        self._servers = {server: None for server in self.all() if server.is_running}
        self._with_state = deque(self._servers)


STARTED: Final = StartedServers()

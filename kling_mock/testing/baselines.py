"""Baselines of the shared server: the state after its wider fixtures, restored after each test."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from kling_mock.server.judged import Baseline, JudgedServer
from kling_mock.web.origins import ORIGINS

if TYPE_CHECKING:
    import pytest

    from kling_mock.kling.faults.matching import Fault

_MIDST = (
    "it has changed kling_mock_server in the middle of a test, and its changes cannot be told from "
    "those of the test. Let the test name the fixture as an argument, or make it autouse"
)


class SharedState(NamedTuple):
    """The shared server before a fixture was set up.

    Attributes:
        state: Its state; `None` if it was not running, or its state could not be kept.
        counts: The numbers of calls that were not late, of accounts and of rules.
        is_clean: Whether the running test had not used it yet.
    """

    state: Baseline | None = None
    counts: tuple[int, ...] = ()
    is_clean: bool = True


class Baselines:
    """The states that the wider fixtures made on the shared server, the widest first.

    The faults of a test's markers exist before its fixtures, and do not belong to any of them.
    """

    def __init__(self) -> None:
        self._server: JudgedServer | None = None
        self._baseline: Baseline | None = None
        self._faults: list[Fault] = []
        self._clean: tuple[int, ...] = ()

    def begin(self, server: JudgedServer) -> None:
        """Register the shared server, which has started."""
        self._server, self._baseline = server, None
        self._faults = []

    def end(self) -> None:
        """Note that the shared server has stopped."""
        self._server = self._baseline = None

    def load(self, profile: str) -> None:
        """Add the faults of the test that begins.

        Raises:
            ValueError: A fault is invalid.
        """
        self._faults = []
        if self._server is not None:
            if profile:
                self._faults = self._server.load_faults(profile)
            self._clean = self._counts()

    def loaded(self, server: JudgedServer) -> list[int]:
        """Return the numbers of the test's faults on *server*."""
        return [fault.number for fault in self._faults] if server is self._server else []

    def unload(self) -> None:
        """Remove the faults of a test that has not used the server."""
        if self._server is not None:
            self._server.remove_faults(self._faults)
        self._faults = []

    def look(self) -> SharedState:
        """Return the state of the server before a fixture is set up."""
        if self._server is None:
            return SharedState()
        counts = self._counts()
        try:
            state = self._state()
        except RuntimeError:  # something is under way
            state = None
        return SharedState(state, counts, counts == self._clean)

    def keep(self, before: SharedState, fixture: pytest.FixtureDef[object]) -> None:
        """Keep the changes of a fixture since *before*, until it is torn down.

        Raises:
            RuntimeError: They cannot be kept.
        """
        server = self._server
        if server is None or fixture.argname == "kling_mock_server":
            return
        counts = self._counts()
        try:
            after = self._state()
        except RuntimeError:
            if counts == before.counts and not (before.state and before.is_clean):
                return  # the calls under way are the test's own
            raise
        if counts == before.counts and (before.state is None or before.state.is_like(after)):
            return
        if not before.is_clean:
            if self._may_be_others(before):
                return
            raise RuntimeError(_MIDST)
        fixture.addfinalizer(partial(self._drop, self._baseline))
        self._baseline = after
        self._clean = self._counts()

    def go_back(self) -> bool:
        """Restore the state before the test; return whether there was such a state."""
        self._faults = []
        if self._server is None or self._baseline is None:
            return False
        self._server.go_back(self._baseline)
        return True

    def _may_be_others(self, before: SharedState) -> bool:
        """Return whether a change since *before* may have another cause than the fixture.

        Calls of threads and a running clock also change the state, but never rules or accounts.
        """
        calls, *rules = before.counts
        calls_now, *rules_now = self._counts()
        if rules != rules_now:
            return False
        if ORIGINS.has_started:
            return True
        world = None if self._server is None else self._server.world
        is_still = world is None or world.clock.speed is None
        return calls == calls_now and (ORIGINS.has_left or not is_still)

    def _drop(self, baseline: Baseline | None) -> None:
        self._baseline = baseline

    def _state(self) -> Baseline:
        server = self._server
        assert server is not None  # noqa: S101 - the callers have checked it
        with server.without_faults(self._faults):
            return server.baseline()

    def _counts(self) -> tuple[int, ...]:
        world = None if self._server is None else self._server.world
        if world is None:
            return (0,)
        late = sum(bool(entry.late_of) for entry in world.journal)
        rules = (len(world.faults), len(world.progress_rules), len(world.content))
        return (world.journal.total - late, len(world.accounts), *rules)

"""Reports of a manual clock that is held up: by which call, how long, and what to do about it.

This module uses neither a clock nor an event loop: the instants are arguments.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from kling_mock.clock.base import SpawnedWork
from kling_mock.clock.sleepers import PendingCall

# Seconds of real time.
TICK: Final = 0.1  # between two polls, while a caller waits
QUIET: Final = 0.1  # without any action, after which a call counts as unable to act
STALLED: Final = 1.0  # of a clock that stands still before it is reported
GIVE_UP: Final = 5.0  # for which advance() waits for the clients that it woke

FORKED: Final = (
    "This process was forked from the one that runs the mock's clock, which stands still here. "
    "Only the other process can move it; over the admin API it can be moved from here."
)
IN_A_CALL: Final = (
    "clock.advance() inside a call of a client that is wired to this clock (such as its on_update)"
    " would wait for that call, which waits for it. Advance between two calls, or use create() "
    "and get() instead of run() and wait()."
)
IN_A_LOOP: Final = (
    "clock.advance() would block the running event loop, and with it every receiver of callbacks "
    "that runs in the loop. Use `await clock.aadvance(seconds)` here."
)
IN_ITS_OWN_LOOP: Final = (
    "clock.advance() on the clock's own thread, as in a function of call_at(), would wait for "
    "itself. Schedule what is to happen later: clock.call_at(clock.now() + seconds, function)."
)
IN_ITS_OWN_WORK: Final = (
    "clock.aadvance() in work that the clock has started would wait for that work, and so for "
    "itself. Schedule what is to happen later: clock.call_at(clock.now() + seconds, function)."
)
IN_TRIO: Final = (
    "The mock's clock does not know trio's event loop, which clock.advance() would block. Use "
    "`await trio.to_thread.run_sync(clock.advance, seconds)`; the async client needs asyncio."
)
NO_LOOP: Final = (
    "There is no running event loop of asyncio here. Use `clock.advance(seconds)` outside of one."
)
NOT_STARTED: Final = (
    "The clock moves only while its server runs, which has not been started: `with KlingMock()`."
)
STOPPED: Final = "The clock moves only while its server runs, which has been stopped."


class Stalls:
    """The reports that were made while the clock stood still."""

    def __init__(self) -> None:
        self._since: float | None = None
        self._instant = 0.0
        self._work: set[SpawnedWork] = set()

    def end(self) -> None:
        """Note that no caller waits any more."""
        self._since = None
        self._work.clear()

    def look(
        self,
        now: float,
        instant: float,
        calls: Sequence[PendingCall],
        work: Sequence[SpawnedWork],
    ) -> str:
        """Return a report of what holds the clock; "" if there is nothing new to report.

        Args:
            now: Steady seconds of real time.
            instant: The time on the clock.
            calls: The calls that are awake.
            work: The work that the clock waits for.
        """
        if self._since is None or instant != self._instant:
            self._since, self._instant = now, instant
        before = now - STALLED
        if self._since > before:
            return ""
        new_calls = [c for c in calls if c.acted <= before and c.reported != c.acted]
        new_work = [w for w in work if w.started_at <= before and w not in self._work]
        for call in new_calls:
            call.reported = call.acted
        self._work.update(new_work)
        lines = [f"{spawned.name}, for {now - spawned.started_at:.1f} s" for spawned in new_work]
        lines += [
            f"a call of a wired client in {stuck.caller.name}, for {now - stuck.acted:.1f} s, at "
            f"{stuck.caller.stack}"
            for stuck in new_calls
        ]
        if not lines:
            return ""
        return (
            f"The mock's clock has stood still for {now - self._since:.1f} s of real time while a "
            f"caller waits on it. It waits for: {'; '.join(lines)}. It moves when each such call "
            f"sleeps on the clock or returns{', and the work has ended' * bool(new_work)}: "
            "let them return, or end them (mock.reset())."
        )

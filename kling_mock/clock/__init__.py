"""The clock of a mock server, which tasks, tokens, expiry, callbacks and wired clients share.

`RealClock` is the computer's, `ScaledClock` runs faster or slower, `ManualClock` moves when it
is advanced, `NodeClock` is set to the time that several processes share. All durations are in
seconds, all instants in Unix seconds (UTC). A clock has two users:

* the server calls `now()` and `call_at()`. Timer functions run on the server's event loop, in
  time order, and start what takes longer with `spawn()`;
* an SDK client calls `time`, `monotonic`, `sleep`, `asleep` and `call`, so a client that is made
  with `clock=mock.clock` uses the server's time.
"""

from kling_mock.clock.base import ClockState, MockClock, Timer, TokenWindow
from kling_mock.clock.manual import ManualClock
from kling_mock.clock.running import NodeClock, RealClock, ScaledClock
from kling_mock.clock.sleepers import event_loop_here

__all__ = [
    "ClockState",
    "ManualClock",
    "MockClock",
    "NodeClock",
    "RealClock",
    "ScaledClock",
    "Timer",
    "TokenWindow",
    "event_loop_here",
]

"""Every decision of a call, as generators without I/O. See `kling_sdk.flows.core`.

Here is what every flow needs. The flows themselves, `create`, `wait`, `many` and
`download`, are imported from their modules by whoever runs them, when it does.
"""

from kling_sdk.flows.core import (
    Context,
    Effect,
    Emit,
    Event,
    Fetch,
    Flow,
    Operation,
    Randomness,
    Send,
    Sink,
    Sleep,
    Work,
    once,
    repeat,
)

__all__ = [
    "Context",
    "Effect",
    "Emit",
    "Event",
    "Fetch",
    "Flow",
    "Operation",
    "Randomness",
    "Send",
    "Sink",
    "Sleep",
    "Work",
    "once",
    "repeat",
]

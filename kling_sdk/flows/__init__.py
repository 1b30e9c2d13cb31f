"""Every decision of a call, as generators without I/O. See `kling_sdk.flows.effects`.

Here is what every flow needs. The flows themselves, `create`, `wait`, `many` and
`download`, are imported from their modules by whoever runs them, when it does.
"""

from kling_sdk.flows.context import Context, Event, Operation, Randomness
from kling_sdk.flows.core import once, repeat
from kling_sdk.flows.effects import (
    NO_ITEM,
    Effect,
    Emit,
    Ended,
    Fetch,
    Flow,
    Next,
    Send,
    Sink,
    Sleep,
    Spawn,
    Take,
    Work,
)

__all__ = [
    "NO_ITEM",
    "Context",
    "Effect",
    "Emit",
    "Ended",
    "Event",
    "Fetch",
    "Flow",
    "Next",
    "Operation",
    "Randomness",
    "Send",
    "Sink",
    "Sleep",
    "Spawn",
    "Take",
    "Work",
    "once",
    "repeat",
]

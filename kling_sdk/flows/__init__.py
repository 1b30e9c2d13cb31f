"""Every decision of a call, as generators without I/O. See `kling_sdk.flows.core`."""

from kling_sdk.flows.core import (
    Context,
    Effect,
    Emit,
    Event,
    Fetch,
    Flow,
    Options,
    Randomness,
    Send,
    Sink,
    Sleep,
    once,
    repeat,
)
from kling_sdk.flows.create import create
from kling_sdk.flows.download import Target, download
from kling_sdk.flows.many import in_order, many
from kling_sdk.flows.wait import run_task, wait

__all__ = [
    "Context",
    "Effect",
    "Emit",
    "Event",
    "Fetch",
    "Flow",
    "Options",
    "Randomness",
    "Send",
    "Sink",
    "Sleep",
    "Target",
    "create",
    "download",
    "in_order",
    "many",
    "once",
    "repeat",
    "run_task",
    "wait",
]

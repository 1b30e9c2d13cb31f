"""The only code that does network I/O: loops that run flows, and one adapter per library."""

from kling_sdk.transports.clock import Clock, SystemClock
from kling_sdk.transports.run import AsyncTransport, SyncTransport, arun, astream, run, stream

__all__ = [
    "AsyncTransport",
    "Clock",
    "SyncTransport",
    "SystemClock",
    "arun",
    "astream",
    "run",
    "stream",
]

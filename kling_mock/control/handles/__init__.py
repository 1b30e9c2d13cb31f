"""What a test holds: typed, safe from any thread, and good for the whole life of a server."""

from kling_mock.control.handles.accounts import AccountHandle, AccountsHandle
from kling_mock.control.handles.callbacks import CallbacksHandle, DeliveriesHandle
from kling_mock.control.handles.reach import Reach
from kling_mock.control.handles.rules import ContentHandle, FaultsHandle, ProgressHandle
from kling_mock.control.handles.steering import Steering

__all__ = [
    "AccountHandle",
    "AccountsHandle",
    "CallbacksHandle",
    "ContentHandle",
    "DeliveriesHandle",
    "FaultsHandle",
    "ProgressHandle",
    "Reach",
    "Steering",
]

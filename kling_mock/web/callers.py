"""Which thread of this process has opened a connection to a server in it.

The interpreter raises an audit event in the thread that connects, before it does. Looking for
the thread later, in the stacks of all threads, is no way: on CPython 3.11, reading the local
variables of a frame that another thread runs can crash the process.
"""

from __future__ import annotations

import os
import socket
import sys
import threading
from contextlib import suppress
from typing import Any, Final

__all__ = ["Callers"]

_EVENT: Final = "socket.connect"  # also of `connect_ex`, and of asyncio's event loops


class Callers:
    """The threads that have opened this process's connections.

    A connection that several threads use is its opener's. Connections that are opened without
    Python's `socket`, as by uvloop, or before `watch`, are not known.
    """

    def __init__(self) -> None:
        self._openers: dict[int, threading.Thread] = {}  # by descriptor, as far as it is reused
        self._is_watching = False

    def watch(self) -> None:
        """Note who connects from now on until the process ends; audit hooks cannot be removed."""
        if not self._is_watching:
            self._is_watching = True
            sys.addaudithook(self._note)

    def opener_of(self, client: int, server: int) -> threading.Thread | None:
        """Return the thread that has opened a connection; `None` if it is not known.

        Args:
            client: The client's port, 1 to 65535. It alone is not enough: connections to
                different servers may have the same one.
            server: The server's port, 1 to 65535.
        """
        for descriptor, thread in tuple(self._openers.items()):
            if _ports_of(descriptor) == (client, server):
                return thread
        return None

    def _note(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event != _EVENT:
            return
        here, descriptor = threading.get_ident(), arguments[0].fileno()
        self._openers.pop(descriptor, None)
        # Not `current_thread`, which makes an object for a thread that Python has not started.
        for thread in threading.enumerate():
            if thread.ident == here:
                self._openers[descriptor] = thread


def _ports_of(descriptor: int) -> tuple[int, int] | None:
    """Return the own and the other port; `None` for what is closed or no connection by TCP."""
    with suppress(OSError):
        copy = os.dup(descriptor)  # its owner may close it, and then its number is another's
        try:
            connection = socket.socket(fileno=copy)
        except OSError:
            os.close(copy)
            raise
        with connection:
            own, peer = connection.getsockname(), connection.getpeername()
        return (own[1], peer[1]) if isinstance(own, tuple) else None
    return None

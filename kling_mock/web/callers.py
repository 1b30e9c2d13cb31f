"""Which thread of this process waits for the reply to a request.

A server sees both ports of a connection. Where the client is in the same process, the thread
that waits at the other end can be found by its stack: a blocking client is in a function that
has its socket, an event loop is in one that has its selector. Only those that a test has to be
told about are looked for, since it takes a look at every thread.
"""

from __future__ import annotations

import os
import selectors
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from itertools import islice
from operator import itemgetter
from traceback import walk_stack
from types import ModuleType
from typing import Any, Final

__all__ = ["thread_at"]

_FRAMES: Final = 12  # of a stack that are looked at, the innermost ones
_DEPTH: Final = 2  # of members: a connection has a stream, which has a socket
_LOOKS: Final = 4  # a thread that has just sent its request may be between two functions
_PAUSE: Final = 0.001  # seconds of real time between two looks, in which it goes on to wait
_Held = socket.socket | tuple[selectors.BaseSelector, int]  # a socket, or a file of a selector


def thread_at(port: int, server: int, patience: float = 0.0) -> threading.Thread | None:
    """Return the thread that has the client's end of a connection in hand; `None` if none is found.

    Args:
        port: The client's port, 1 to 65535. It alone says nothing: connections to different
            servers may have the same one.
        server: The server's port, 1 to 65535.
        patience: Seconds of real time to look for at least, if it is not found: on a busy
            computer a thread may not get on for so long.
    """
    until = time.monotonic() + patience
    looks = 0
    while looks < _LOOKS or time.monotonic() < until:
        if looks:
            time.sleep(_PAUSE)
        looks += 1
        for thread, held in _held_by_threads():
            if _ports_of(held) == (port, server):
                return thread
    return None


def _held_by_threads() -> list[tuple[threading.Thread, _Held]]:
    """Return the sockets and files in the stacks of all other threads, innermost ones first.

    The thread that waits has its socket there; others may have it further out. No port is asked
    for here: that lets other threads go on, and the stack that is walked would be gone.
    """
    threads = {thread.ident: thread for thread in threading.enumerate()}
    here = threading.get_ident()  # the server's own
    # All stacks at once: what a frame holds can still be read when its function has returned.
    stacks = [
        (threads[ident], [one for one, _ in islice(walk_stack(frame), _FRAMES)])
        for ident, frame in sys._current_frames().items()  # noqa: SLF001 - documented, for debuggers
        if ident != here and ident in threads
    ]
    found = [
        ((isinstance(held, tuple), depth), thread, held)  # sockets first: they are sure
        for thread, stack in stacks
        for depth, frame in enumerate(stack)
        if frame.f_globals is not globals()  # another server that looks has found them, too
        if frame.f_locals is not frame.f_globals  # a module that is being imported
        for value in tuple(frame.f_locals.values())
        for held in _held(value, _DEPTH)
    ]
    return [(thread, held) for _, thread, held in sorted(found, key=itemgetter(0))]


def _held(value: Any, depth: int) -> Iterator[_Held]:
    if isinstance(value, socket.socket):
        yield value
    elif isinstance(value, selectors.BaseSelector):
        yield from [(value, file) for file in _files_of(value)]
    elif depth and not isinstance(value, ModuleType):
        members = getattr(value, "__dict__", None)
        if type(members) is dict:
            for member in tuple(members.values()):
                yield from _held(member, depth - 1)


def _ports_of(held: _Held) -> tuple[int, int] | None:
    """Return both ports of a socket; `None` for one that is not connected, or closed meanwhile."""
    with suppress(OSError):
        if isinstance(held, socket.socket):
            own, peer = held.getsockname(), held.getpeername()
            return (own[1], peer[1]) if isinstance(own, tuple) else None
        selector, file = held
        own_file = os.dup(file)
        try:
            copy = socket.socket(fileno=own_file)
        except OSError:
            os.close(own_file)
            raise
        with copy:
            ports = _ports_of(copy)
        # A loop may have closed the file since it was listed, and the very client that is looked
        # for may have got its number. It forgets the file before it closes it: so what it still
        # has now was its own.
        return ports if file in _files_of(selector) else None
    return None


def _files_of(selector: selectors.BaseSelector) -> set[int]:
    with suppress(RuntimeError):  # its thread has changed it meanwhile
        return {key.fd for key in tuple((selector.get_map() or {}).values())}
    return set()

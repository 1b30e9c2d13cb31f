"""A server that never falls silent and takes its time."""

from __future__ import annotations

import contextlib
import itertools
import socket
import threading
from typing import Final, Self

DROPS: Final = 1000  # after which the server gives up
PAUSE: Final = 0.005  # s between two


class Dripping:
    """A server on loopback that answers drop by drop.

    Attributes:
        url: Where it listens.
        drops: How many it has sent.
    """

    def __init__(self, first: bytes, drop: bytes, pause: float = PAUSE) -> None:
        self.first, self.drop, self.pause = first, drop, pause
        self.drops = 0
        self._over = threading.Event()
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._threads = [threading.Thread(target=self._accept)]
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                caller, _ = self._socket.accept()
                self._threads.append(threading.Thread(target=self._answer, args=(caller,)))
                self._threads[-1].start()

    def _answer(self, caller: socket.socket) -> None:
        with caller, contextlib.suppress(OSError):
            caller.settimeout(10)
            caller.recv(65536)
            caller.sendall(self.first)
            for _ in range(DROPS) if self.pause else itertools.count():
                caller.sendall(self.drop)
                self.drops += 1
                if self._over.wait(self.pause):
                    return

    def __enter__(self) -> Self:
        self._threads[0].start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        for thread in self._threads:
            thread.join(10)

"""Commands that serve until SIGTERM, Ctrl-C, or the end of their terminal."""

from __future__ import annotations

import gc
import signal
from collections.abc import Callable, Generator
from contextlib import closing, contextmanager, suppress
from queue import Empty, SimpleQueue
from typing import Any, Final, TypeVar

from kling_mock.cli.output import print_error
from kling_mock.relay.storage.errors import StorageError

T = TypeVar("T")

# SIGHUP comes when the terminal is closed; Windows has none.
_TURN: Final = 0.5  # s: on Windows, Ctrl-C does not interrupt a wait, and is noticed after it
_SIGNALS: Final = ("SIGTERM", "SIGINT", "SIGHUP")


def serve_until_signal(
    start: Callable[[], T],
    announce: Callable[[T], None],
    stop: Callable[[T], None],
    refuse: Callable[[Exception], None] = print_error,
) -> int:
    """Start a server, run it until a signal, and stop it; return the command's exit status.

    Args:
        start: Returns the server once it accepts connections. A signal interrupts it like Ctrl-C;
            it must not leave anything running then.
        announce: Prints that it is ready.
        stop: Ends it.
        refuse: Prints why it could not start.
    """
    with closing(_Ending()) as ending:
        try:
            with _few_collections():
                server = start()
            ending.is_starting = False
        except KeyboardInterrupt:
            return 0
        except (ImportError, OSError, ValueError, StorageError) as error:
            refuse(error)
            return 1
        try:
            announce(server)
            ending.wait()
        except OSError as error:  # the ready file cannot be written
            refuse(error)
            return 1
        finally:
            stop(server)
    return 0


@contextmanager
def _few_collections() -> Generator[None]:
    """Collect no garbage during the start, and afterwards rarely and only among newer objects.

    Nearly everything that a start makes stays.
    """
    gc.disable()
    try:
        yield
        gc.freeze()
        gc.set_threshold(50_000, 20, 50)
    finally:
        gc.enable()


class _Ending:
    """Receiver of signals to end; the first one during the start interrupts the start.

    If SIGHUP is ignored when the process starts, as by `nohup`, it stays ignored. At the end the
    previous handlers are restored, since the process may continue, as a program that calls `main`.
    """

    def __init__(self) -> None:
        # Unlike an event, a handler may set it while the same thread is about to wait for it.
        self._signals = SimpleQueue[int]()
        self._before: dict[int, Any] = {}
        self.is_starting = True
        for name in _SIGNALS:
            number = getattr(signal, name, None)
            if number is None or (name == "SIGHUP" and signal.getsignal(number) is signal.SIG_IGN):
                continue
            self._before[number] = signal.signal(number, self._note)

    def close(self) -> None:
        """Restore the previous handlers of the signals."""
        for number, handler in self._before.items():
            if handler is not None:  # `None`: a handler that was not set by Python
                signal.signal(number, handler)

    def _note(self, number: int, _: object) -> None:
        is_first = self._signals.empty()
        self._signals.put(number)
        if self.is_starting and is_first:
            raise KeyboardInterrupt

    def wait(self) -> None:
        """Return once a signal has come, even if it came before this call."""
        while True:
            with suppress(Empty):
                self._signals.get(timeout=_TURN)
                return

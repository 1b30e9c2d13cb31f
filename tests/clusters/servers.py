"""Database servers as the test's own processes, which end with it, whatever ends it."""

from __future__ import annotations

import atexit
import os
import random
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from functools import cache
from pathlib import Path
from time import monotonic
from typing import Final, Self

#: Below the ports that the system gives to clients, so that none of these is taken meanwhile.
_PORTS: Final = range(20_000, 32_000)
#: Seconds that a server gets to start, to join or to stop.
PATIENCE: Final = 60.0
#: Seconds between two checks of whether a server is ready.
_LOOK: Final = 0.1


class ServerError(RuntimeError):
    """A server did not do what was asked; the text ends with the end of its log."""


def free_ports(count: int, among: Sequence[int] = _PORTS) -> list[int]:
    """Claim ports of 127.0.0.1 on which nothing listens, until this process ends.

    No other process that asks here gets them meanwhile, although a server of a test binds its
    ports later than they are chosen, and leaves them while it is stopped.
    """
    ports: list[int] = []
    with ExitStack() as stack:
        for port in random.sample(among, len(among)):
            probe = stack.enter_context(socket.socket())
            claim = socket.socket(socket.AF_UNIX)
            try:
                claim.bind(f"\0kling-tests-port-{port}")  # a name without a file
                probe.bind(("127.0.0.1", port))
            except OSError:
                claim.close()
                continue
            atexit.register(claim.close)  # it is held until then
            ports.append(port)
            if len(ports) == count:
                break
    return ports


def listens(port: int) -> bool:
    """Return whether something takes connections at a port of 127.0.0.1."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
    except OSError:
        return False
    return True


@cache
def _apart() -> Sequence[str]:
    """Return what begins a server's command so that its System V memory ends with it.

    PostgreSQL leaves a segment behind when it is killed.
    """
    apart = ("unshare", "--ipc")
    done = subprocess.run([*apart, "true"], check=False, capture_output=True)
    return apart if done.returncode == 0 else ()


class ServerFolder:
    """A temporary folder that a server's own user can use. A context manager.

    Args:
        name: Begins the folder's name.
        user: The user that the servers run as, if the tests run as root, which a server refuses.
        parent: Where the folder is; by default with other temporary files.

    Attributes:
        path: The folder.
    """

    def __init__(self, name: str, user: str, parent: Path | None = None) -> None:
        self.path = Path(tempfile.mkdtemp(prefix=f"kling-{name}-", dir=parent))
        self._user = user if os.geteuid() == 0 else None
        self.own(self.path)
        # A server is told to end when the thread that started it ends: so it is one thread that
        # lives as long as the folder, and not one of an event loop's.
        self._starter = ThreadPoolExecutor(1)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._starter.shutdown()
        shutil.rmtree(self.path, ignore_errors=True)

    def own(self, path: Path) -> None:
        """Give a file or an empty folder to the servers' user."""
        if self._user is not None:
            import pwd  # Windows does not have it

            user = pwd.getpwnam(self._user)
            os.chown(path, user.pw_uid, user.pw_gid)

    def make(self, name: str) -> Path:
        """Make a folder in this one."""
        path = self.path / name
        path.mkdir(mode=0o700)
        self.own(path)
        return path

    def run(
        self, command: Sequence[str], environment: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run a command as the servers' user, to its end.

        Raises:
            ServerError: It failed.
        """
        done = subprocess.run(
            self.words(command),
            check=False,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            env={**os.environ, **(environment or {})},
            cwd=self.path,
        )
        if done.returncode != 0:
            raise ServerError(f"{command[0]} failed: {(done.stdout + done.stderr)[-1000:]}")
        return done

    def start(
        self, command: Sequence[str], log: Path, environment: Mapping[str, str] | None = None
    ) -> subprocess.Popen[bytes]:
        """Start a server, which ends when this process ends."""

        def popen() -> subprocess.Popen[bytes]:
            with log.open("ab") as output:
                return subprocess.Popen(
                    [*_apart(), *self.words(command, "--pdeathsig=KILL")],
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    env={**os.environ, **(environment or {})},
                    cwd=self.path,
                )

        return self._starter.submit(popen).result()

    def words(self, command: Sequence[str], *options: str) -> list[str]:
        if self._user is not None:
            as_user = (f"--reuid={self._user}", f"--regid={self._user}", "--init-groups")
            return ["setpriv", *as_user, *options, *command]
        return ["setpriv", *options, *command] if options else list(command)


class ServerProcess:
    """One server of a cluster.

    Args:
        folder: Where its files are, and which user runs it.
        log: What it prints.
        name: What messages call it.
    """

    def __init__(self, folder: ServerFolder, log: Path, name: str) -> None:
        self._folder = folder
        self._log = log
        self._name = name
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self, command: Sequence[str], environment: Mapping[str, str] | None = None) -> None:
        """Start it; it need not be ready."""
        assert not self.is_running, f"{self._name} is running"
        self._process = self._folder.start(command, self._log, environment)

    def await_that(self, is_so: Callable[[], bool], what: str) -> None:
        """Wait until something about the server is so.

        Raises:
            ServerError: It has ended, or is not so within a minute.
        """
        assert self._process is not None
        until = monotonic() + PATIENCE
        while not is_so():
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(_LOOK)
                raise self._error("has ended")
            if monotonic() > until:
                raise self._error(f"is not {what} after {PATIENCE:g} s")

    def kill(self) -> None:
        """Kill it, as a power cut of its machine does: without a word to anyone."""
        if self.is_running:
            assert self._process is not None
            self._send(signal.SIGKILL)
            self._process.wait()

    def freeze(self) -> None:
        """Stop it from running: its connections stay and are silent."""
        self._send(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it run again."""
        self._send(signal.SIGCONT)

    def stop(self) -> None:
        """End it, in order if it can."""
        if not self.is_running:
            return
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)
        self._process.terminate()
        try:
            self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.kill()

    def _send(self, number: int) -> None:
        """Send a signal to the server, and to the processes that it has started."""
        assert self._process is not None
        pid = self.pid
        self._process.send_signal(signal.SIGSTOP)  # it starts none that would be missed
        for child in Path(f"/proc/{pid}/task/{pid}/children").read_text("utf-8").split():
            with suppress(ProcessLookupError):
                os.kill(int(child), number)
        self._process.send_signal(number)

    def _error(self, text: str) -> ServerError:
        end = self._log.read_text("utf-8", "replace")[-1500:] if self._log.exists() else ""
        return ServerError(f"{self._name} {text}; its log ends:\n{end}")

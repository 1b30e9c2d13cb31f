"""Take away from this process what Windows does not have, and behave as it does where it differs.

`python -m tests.e2e.windows` then does what a user does with client and emulator, and prints the
name of each part that worked. It is not Windows: paths, the console and the event loop stay those
of this system. Run by `test_windows.py`.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import io
import json
import os
import pkgutil
import shutil
import signal
import socket
import ssl
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any, Final

_MODULES: Final = ("fcntl", "grp", "pty", "pwd", "resource", "syslog", "termios", "tty")
_OF_OS: Final = (
    "fork forkpty register_at_fork getuid geteuid getgid getegid getpgid getpgrp setsid setuid"
    " killpg mkfifo mknod chown lchown fchown openpty posix_spawn posix_spawnp pipe2 pread pwrite"
    " sched_setaffinity sched_yield getloadavg statvfs sysconf uname wait wait3"
    " wait4 nice sync sendfile O_CLOEXEC O_DIRECTORY O_DSYNC O_NOFOLLOW O_SYNC"
)
_OF_SIGNAL: Final = (
    "SIGALRM SIGCHLD SIGHUP SIGKILL SIGPIPE SIGQUIT SIGTSTP SIGUSR1 SIGUSR2 SIGWINCH alarm pause"
    " pthread_kill pthread_sigmask setitimer sigwait siginterrupt"
)
_OF_SOCKET: Final = "AF_UNIX MSG_DONTWAIT MSG_NOSIGNAL SO_REUSEPORT TCP_CORK recv_fds send_fds"
_OF_TIME: Final = "clock_gettime clock_getres pthread_getcpuclockid tzset"
_OF_LOOP: Final = (
    "add_reader add_writer add_signal_handler create_unix_connection create_unix_server"
    " remove_reader remove_signal_handler remove_writer"
)
#: What the packages use of others. It is loaded first, as on Windows it would find other things.
_DEPENDENCIES: Final = (
    "aiohttp.web aiosignal asyncmy asyncpg celery httpx httpx2 imagesize jwt multiprocessing"
    " opentelemetry.trace PIL.Image prometheus_client pytest rich.console rich.progress sqlite3"
    " ssl subprocess trio"
)


def become_windows() -> None:
    """Change this process. It cannot be changed back."""
    for name in _DEPENDENCIES.split():
        with contextlib.suppress(ImportError):  # an extra that is not installed
            import_module(name)
    asyncio.new_event_loop().close()  # Python 3.14 looks at the platform when it makes the first
    for name in _MODULES:
        sys.modules[name] = None  # type: ignore[assignment] # importing it fails from now on
    unix, pairs = socket.AF_UNIX, socket.socketpair
    for module, names in (
        (os, _OF_OS),
        (signal, _OF_SIGNAL),
        (socket, _OF_SOCKET),
        (time, _OF_TIME),
    ):
        for name in names.split():
            if hasattr(module, name):
                delattr(module, name)
    setattr(socket, "socketpair", lambda *_: pairs(unix))  # noqa: B010 - for asyncio's own use
    setattr(ssl, "enum_certificates", lambda _: [])  # noqa: B010 - of Windows alone
    for name in _OF_LOOP.split():
        _refuse(asyncio.SelectorEventLoop, name)
    _make_descriptors_of_sockets_handles()
    ctypes.CDLL = _load_library  # type: ignore[misc,assignment]
    sys.addaudithook(_files_in_use)
    sys.platform = "win32"


def _refuse(loop: type, name: str) -> None:
    """Refuse a method of the event loop to all callers except asyncio itself."""
    method = getattr(loop, name)

    def refused(*arguments: Any, **options: Any) -> Any:
        if not sys._getframe(1).f_globals["__name__"].startswith("asyncio."):
            raise NotImplementedError
        return method(*arguments, **options)

    setattr(loop, name, refused)


def _load_library(name: str | None, *_: object) -> Any:
    raise TypeError("there is no library without a name") if name is None else OSError(name)


def _make_descriptors_of_sockets_handles() -> None:
    """Refuse to `os` what is a socket: its number is a handle, which `os` takes for another."""

    def only_files(call: Callable[..., Any]) -> Callable[..., Any]:
        def checked(descriptor: Any, *arguments: Any) -> Any:
            if isinstance(descriptor, int) and descriptor > 2:
                link = Path("/proc/self/fd", str(descriptor))
                with contextlib.suppress(FileNotFoundError):
                    if str(link.readlink()).startswith("socket:"):
                        raise OSError(9, "Bad file descriptor")
            return call(descriptor, *arguments)

        return checked

    for name in ("close", "dup", "fstat", "read", "write"):
        setattr(os, name, only_files(getattr(os, name)))


def _files_in_use(event: str, arguments: tuple[Any, ...]) -> None:
    """Refuse to remove, rename or replace a file that this process has open."""
    if event not in {"os.remove", "os.rename"}:
        return
    opened: set[str] = set()
    for link in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):
            opened.add(str(link.readlink()))
    for path in arguments[: 2 if event == "os.rename" else 1]:
        if os.path.realpath(os.fsdecode(path)) in opened:
            raise PermissionError(13, "The file is in use by another process", os.fsdecode(path))


def while_serving(arguments: list[str], work: Callable[[dict[str, Any]], None]) -> None:
    """Run a command of kling-mock that serves, do some work with it, and press Ctrl-C.

    As on Windows, another thread notes it, and it does not end a wait of the main thread.

    Args:
        arguments: What follows the command's name.
        work: Is given the line that the command prints.
    """
    from kling_mock.cli.main import main

    printed, failures = io.StringIO(), list[BaseException]()

    def use() -> None:
        try:
            while "\n" not in printed.getvalue():
                time.sleep(0.01)
            work(json.loads(printed.getvalue()))
        except BaseException as error:  # noqa: BLE001 - raised by the main thread
            failures.append(error)
        signal.raise_signal(signal.SIGINT)

    user = threading.Thread(target=use, daemon=True)
    user.start()
    with contextlib.redirect_stdout(printed):
        status = main(arguments)
    user.join()
    if failures:
        raise failures[0]
    assert status == 0, status


# ------------------------------------------------------------------- what a user does


def import_everything() -> None:
    """Every module of both packages loads."""
    count = 0
    for package in ("kling_sdk", "kling_mock"):
        path = import_module(package).__path__
        for module in pkgutil.walk_packages(path, f"{package}."):
            if not module.name.endswith("__main__"):
                import_module(module.name)
                count += 1
    assert count > 300, count


def make_a_video(folder: Path) -> None:
    """A client makes and fetches a video, and a file of that name is replaced."""
    from kling_mock import KlingMock

    with KlingMock() as mock, mock.client() as kling:
        task = kling.image2video.run(image=_PNG, prompt="小猫 …", duration=5)
        for _ in range(2):
            kling.download(task.videos[0], folder / "小猫.mp4")
        snapshot = mock.snapshot()
        mock.restore(snapshot)
        mock.journal.assert_called("POST /v1/videos/image2video", times=1)
    assert (folder / "小猫.mp4").read_bytes()[4:8] == b"ftyp"


def make_videos_at_once(_: Path) -> None:
    """An async client makes three, though an answer is lost."""
    from kling_mock import KlingMock

    async def run() -> None:
        with KlingMock() as mock:
            mock.faults.add("response-lost", times=1)
            async with mock.async_client() as kling:
                tasks = [kling.text2video.run(prompt=f"kitten {n}") for n in range(3)]
                assert all(task.videos for task in await asyncio.gather(*tasks))

    asyncio.run(run())


def know_who_connects(_: Path) -> None:
    """The thread behind a connection is known, which the clock of a test waits for."""
    from kling_mock.web.origins import Callers

    callers = Callers()
    callers.watch()
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = server.getsockname()
        with socket.create_connection(address) as client:
            opener = callers.opener_of(client.getsockname()[1], address[1])
    assert opener is threading.current_thread()


def use_the_relay(folder: Path) -> None:
    """A relay with its database in a file, started twice."""
    from kling_mock import KlingMock, RelaySettings

    for _ in range(2):
        database = f"sqlite:///{(folder / 'relay.db').as_posix()}"
        with (
            KlingMock(relay=RelaySettings(database=database)) as mock,
            mock.relay_client() as kling,
        ):
            assert kling.text2video.run(prompt="a kitten").videos
    shutil.rmtree(folder)  # no file is held open now
    folder.mkdir()


def serve(_: Path) -> None:
    """`kling-mock serve` says where it is, serves a client, and ends by Ctrl-C."""
    while_serving(["serve", *_ANY_PORT, "--kling-port", "0"], lambda ready: _create(**ready))


def record_and_replay(folder: Path) -> None:
    """A session is recorded to the byte, without other ends of lines, and played back."""
    from kling_mock import KlingMock

    session = folder / "session.jsonl"
    with KlingMock(clock="real") as mock:
        where = ["--upstream", mock.kling_url, "--out", str(session), "--max-units", "9"]
        while_serving(
            ["record", *where, *_ANY_PORT], lambda ready: _create(ready["url"], mock.api_key)
        )
    while_serving(["replay", str(session), *_ANY_PORT], lambda ready: _create(ready["url"], "any"))


def _create(kling_url: str, api_key: str, **_: object) -> None:
    from kling_sdk import Kling

    with Kling(api_key, base_url=kling_url) as kling:
        assert kling.text2video.create(prompt="a kitten").task_id


def use_the_command(folder: Path) -> None:
    """`kling create` prints and downloads, with Chinese text on a console of western Europe."""
    from kling_mock import KlingMock
    from kling_sdk.cli import main

    with KlingMock(clock=600.0) as mock:
        os.environ |= {"KLING_API_KEY": mock.api_key, "KLING_BASE_URL": mock.kling_url}
        file = str(folder / "小猫.mp4")
        assert main(["create", "text2video", "--prompt", "小猫", "--download", file]) == 0
        assert main(["list", "text2video"]) == 0


_ANY_PORT: Final = ("--port", "0")
PARTS: Final[tuple[Callable[[Path], None], ...]] = (
    make_a_video,
    make_videos_at_once,
    know_who_connects,
    use_the_relay,
    serve,
    record_and_replay,
    use_the_command,
)
_PNG: Final = (
    b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + (400).to_bytes(4, "big") * 2 + b"\x08\x02\x00\x00\x00"
)


def main() -> None:
    become_windows()
    import_everything()
    sys.stdout.write("import_everything\n")
    for part in PARTS:
        with tempfile.TemporaryDirectory() as folder:
            part(Path(folder))
        sys.stdout.write(f"{part.__name__}\n")


if __name__ == "__main__":
    main()

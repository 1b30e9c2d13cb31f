"""A relay process that is attacked, and the effects on other users.

`python -m tests.proof.attacked_relay [SECONDS] [ATTACK ...]` prints the figures of each attack.
"""

from __future__ import annotations

import http.client
import json
import resource
import secrets
import socket
import statistics
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final
from urllib.parse import urlsplit

import attrs

from tests.mock.receiver import Receiver
from tests.proof.attackers import ATTACKS, HANGING_MODEL, Target
from tests.started import ROOT, SERVE, started

#: Limit of open files of the relay, as most systems have it.
FILES: Final = 1024
_QUOTA: Final = 10**14
_POOR: Final = 20  # tokens of the user without a balance
_PAUSE: Final = 0.02  # seconds between two calls of `/health`
_LIMIT: Final = 60.0  # seconds for a reply
_VIDEO: Final = {"model": "kling-v1-6", "prompt": "a kitten", "duration": 5}


@attrs.frozen
class Seen:
    """The times that others saw, in seconds; NaN means that there was none.

    Attributes:
        health: The times of all calls of `/health`; one that fails counts as `_LIMIT`.
        creates: The times of another user's creates.
        callbacks: From the end of that user's tasks at Kling to the callback, of each.
        failed: What failed for that user and for `/health`.
        memory: The maximum resident memory, MiB.
        descriptors: The maximum number of open files and sockets.
        did: What the attacker did, and how often.
    """

    health: Sequence[float]
    creates: Sequence[float]
    callbacks: Sequence[float]
    failed: Counter[str]
    memory: float
    descriptors: int
    did: Counter[str]

    @property
    def times(self) -> tuple[Sequence[float], Sequence[float], Sequence[float]]:
        """All times: of `/health`, of the creates, of the callbacks."""
        return self.health, self.creates, self.callbacks

    def cells(self) -> list[str]:
        """Return the figures as texts, in the order of `COLUMNS`."""
        return [
            *map(_times, self.times),
            f"{self.memory:.0f} MiB",
            f"{self.descriptors}",
            ", ".join(f"{error}: {count}" for error, count in self.failed.items()) or "-",
        ]


#: What `Seen.cells` has.
COLUMNS: Final = (
    "/health, worst (p50)",
    "another user's create, worst (p50)",
    "callback, worst (p50)",
    "memory, most",
    "descriptors, most",
    "failed",
)


def _times(seconds: Sequence[float]) -> str:
    if not seconds:
        return "-"
    return f"{1e3 * max(seconds):.0f} ms ({1e3 * statistics.median(seconds):.0f})"


class AttackedRelay:
    """A relay with another user, whose creates and callbacks have to work.

    Args:
        process: The relay.
        url: Its URL.
        target: What an attacker is given.
        token: The other user's.
        admin_token: The operator's.
        receiver: That user's.
    """

    def __init__(
        self,
        process: subprocess.Popen[str],
        url: str,
        target: Target,
        token: str,
        admin_token: str,
        receiver: Receiver,
    ) -> None:
        self._admin_token = admin_token
        self.process = process
        self.url = url
        self._target = target
        self._token = token
        self._receiver = receiver
        self._come: dict[str, threading.Event] = {}
        receiver.before_answer = self._note

    def _note(self) -> None:
        name = str(self._receiver.received[-1].task.get("task_id", ""))
        self._come.setdefault(name, threading.Event()).set()

    # ------------------------------------------------------------ measuring

    def watch(self, seconds: float, attack: str | None = None, *, until_full: bool = False) -> Seen:
        """Return what others notice for so long, while nothing or an attack goes on.

        Args:
            seconds: How long.
            attack: Its name.
            until_full: End the attack as soon as the relay has no descriptor left.
        """
        with ExitStack() as stack:
            attacker = (
                None if attack is None else stack.enter_context(self._attacker(attack, seconds))
            )
            return self._watched(seconds, attacker, until_full=until_full)

    def _watched(
        self, seconds: float, attacker: subprocess.Popen[str] | None, *, until_full: bool
    ) -> Seen:
        health, creates, callbacks = [], [], []
        failed = Counter[str]()
        until = time.monotonic() + seconds
        descriptors = [self.descriptors()]
        full = threading.Event()
        self._forget_peak()

        def ask() -> None:
            health.append(self._timed(self.health, "/health", failed))

        def use() -> None:
            start = time.perf_counter()
            took = self._timed(lambda: tasks.append(self.create()), "create", failed)
            creates.append(took)
            if not tasks:
                return
            task = tasks.pop()
            start = time.perf_counter()
            self.end(task)
            come = self._come.setdefault(task["task_id"], threading.Event()).wait(_LIMIT)
            callbacks.append(time.perf_counter() - start)
            if not come:
                failed["callback"] += 1

        def count() -> None:
            descriptors.append(self.descriptors())
            if attacker is not None and until_full and descriptors[-1] >= FILES:
                attacker.terminate()
                full.set()

        tasks: list[dict[str, Any]] = []
        works = ((ask, _PAUSE), (use, 0.2), (count, 0.05))
        threads = [threading.Thread(target=_repeat, args=(*work, until, full)) for work in works]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        did = Counter[str]() if attacker is None else _did(attacker)
        return Seen(health, creates, callbacks, failed, self.peak(), max(descriptors), did)

    def _timed(self, call: Callable[[], object], name: str, failed: Counter[str]) -> float:
        start = time.perf_counter()
        try:
            call()
        except (OSError, http.client.HTTPException, AssertionError) as error:
            failed[f"{name}: {type(error).__name__} {error}"] += 1
            return _LIMIT
        return time.perf_counter() - start

    @contextmanager
    def _attacker(self, name: str, seconds: float) -> Iterator[subprocess.Popen[str]]:
        with subprocess.Popen(
            [sys.executable, "-m", "tests.proof.attackers", name, f"{seconds}"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as process:
            try:
                assert process.stdin is not None
                assert process.stdout is not None
                process.stdin.write(json.dumps(attrs.asdict(self._target)))
                process.stdin.close()
                process.stdin = None
                assert process.stdout.readline() == "begun\n"
                yield process
            finally:
                process.kill()

    def attacked(self, seconds: float, attack: str) -> Counter[str]:
        """Attack for so long; return what the attacker did, and how often."""
        with self._attacker(attack, seconds) as attacker:
            return _did(attacker)

    # ------------------------------------------------------------ the other user, and a monitor

    def health(self) -> dict[str, Any]:
        """Return `/health`, asked on a new connection."""
        return self._call("GET", "/health")

    def create(self) -> dict[str, Any]:
        """Create a task of the other user."""
        body = _VIDEO | {"callback_url": self._receiver.url}
        return self._call("POST", "/kling/v1/videos/text2video", body, self._token)

    def row(self, task: dict[str, Any]) -> dict[str, Any]:
        """Return the row of a task, which reads nothing at Kling."""
        path = f"/__kling/relay/tasks/{task['task_id']}"
        return self._call("GET", path, None, self._admin_token)

    def lose_callbacks(self) -> None:
        """Have Kling's callbacks never come."""
        body = {"kind": "callback-dropped"}
        _call(self._target.kling, "POST", "/__kling/faults", body, self._target.kling_admin)

    def end(self, task: dict[str, Any]) -> None:
        """Let a task succeed at Kling."""
        path = f"/__kling/tasks/{task['kling_task_id']}/complete"
        _call(self._target.kling, "POST", path, {}, self._target.kling_admin)

    def _call(
        self, method: str, path: str, body: dict[str, Any] | None = None, token: str = ""
    ) -> dict[str, Any]:
        return _call(self.url, method, path, body, token)

    # ------------------------------------------------------------ the process

    def descriptors(self) -> int:
        """Return how many files and sockets it has open."""
        return len([*Path(f"/proc/{self.process.pid}/fd").iterdir()])

    def peak(self) -> float:
        """Return the most resident memory since `watch` began, MiB."""
        status = Path(f"/proc/{self.process.pid}/status").read_text("ascii")
        return int(status.partition("VmHWM:")[2].split()[0]) / 1024

    def _forget_peak(self) -> None:
        Path(f"/proc/{self.process.pid}/clear_refs").write_text("5")


def _did(attacker: subprocess.Popen[str]) -> Counter[str]:
    """Wait for the end of an attacker, and return what it did."""
    output, _ = attacker.communicate()
    return Counter(json.loads(output.splitlines()[-1]))


def _repeat(work: Callable[[], None], pause: float, until: float, ended: threading.Event) -> None:
    while time.monotonic() < until and not ended.is_set():
        work()
        time.sleep(pause)


def _call(
    url: str, method: str, path: str, body: dict[str, Any] | None = None, token: str = ""
) -> dict[str, Any]:
    """Call on a new connection.

    Raises:
        AssertionError: The reply is a refusal.
        OSError: The relay sent no reply.
    """
    parts = urlsplit(url)
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=_LIMIT)
    try:
        connection.request(method, path, None if body is None else json.dumps(body), headers)
        reply = connection.getresponse()
        payload: dict[str, Any] = json.loads(reply.read())
    finally:
        connection.close()
    if reply.status not in {200, 201}:
        raise AssertionError(f"{reply.status} {payload.get('error', payload)}")
    return payload


# ---------------------------------------------------------------- starting


@contextmanager
def attacked_relay(folder: Path, *options: str, speed: float = 1) -> Iterator[AttackedRelay]:
    """Run a relay on SQLite in front of an emulated Kling, each a process; its log is in *folder*.

    Args:
        folder: Where its database and its log are.
        options: More options of `kling-mock relay`.
        speed: The speed of both clocks. Limits of connections are in real time.
    """
    with ExitStack() as stack:
        log = stack.enter_context((folder / "relay.log").open("w"))
        receiver = Receiver()
        stack.callback(receiver.close)
        _, kling = stack.enter_context(
            started(*SERVE, "--speed", f"{speed}", errors=subprocess.DEVNULL)
        )
        port = _free_port()
        url = f"http://127.0.0.1:{port}"
        words = ("--upstream", kling["kling_url"], "--db", f"sqlite:///{folder}/relay.db")
        reached = ("--port", f"{port}", "--callback-domain", url, "--callback-host", "*")
        with _few_files():
            process, ready = stack.enter_context(
                started(
                    *("relay", *words, *reached, *options),
                    *(() if speed == 1 else ("--speed", f"{speed}")),
                    variables={"KLING_API_KEY": kling["api_key"]},
                    errors=log,
                )
            )
        target, token = _set_up(url, ready["admin_token"], kling)
        yield AttackedRelay(process, url, target, token, ready["admin_token"], receiver)


@contextmanager
def _few_files() -> Iterator[None]:
    """Give the processes that are started meanwhile few descriptors."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (FILES, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])


def _set_up(url: str, admin_token: str, kling: dict[str, str]) -> tuple[Target, str]:
    """Make a channel that works and one that will hang, and three users.

    Returns:
        What an attacker is given, and the other user's token.
    """
    admin = kling["admin_token"]

    def set_kling(method: str, path: str, **body: Any) -> Any:
        return _call(kling["kling_url"], method, f"/__kling/{path}", body, admin)

    def operate(method: str, path: str, **body: Any) -> Any:
        return _call(url, method, f"/__kling/relay/{path}", body or None, admin_token)

    def user(name: str, quota: int, tokens: int) -> list[str]:
        reply = operate("POST", "users", username=name, quota=quota)
        path = f"users/{reply['id']}/tokens"
        return [operate("POST", path, name=f"{number}")["token"] for number in range(tokens)]

    secret = set_kling("POST", "accounts/default/webhook-secrets")["secret"]
    set_kling("PATCH", "accounts/default", slots=10_000)
    set_kling("POST", "accounts/default/packs", units=10**9)
    set_kling("POST", "progress", kind="by-hand")  # a task ends when the test ends it
    (first,) = operate("GET", "channels")["data"]
    operate(
        "PATCH",
        f"channels/{first['id']}",
        webhook_secrets=secret,
        models="kling-v1-6,kling-v3-omni",
    )
    port = _free_port()
    operate(
        "POST",
        "channels",
        name="hangs",
        base_url=f"http://127.0.0.1:{port}",
        key=f"api-key-{secrets.token_hex(8)}",
        models=HANGING_MODEL,
    )
    (rich,), (other,) = user("rich", _QUOTA, 1), user("other", _QUOTA, 1)
    target = Target(url, user("poor", 0, _POOR), rich, port, kling["kling_url"], admin)
    return target, other


# ---------------------------------------------------------------- the table


def main() -> None:
    """Print what is seen of each attack, and the idle relay beside it."""
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 10.0
    for name in sys.argv[2:] or ATTACKS:
        with TemporaryDirectory() as folder, attacked_relay(Path(folder)) as relay:
            relay.watch(1)  # warms up
            rows = {f"{name}: idle": relay.watch(seconds), name: relay.watch(seconds, name)}
            size = Path(folder, "relay.log").stat().st_size
        for title, seen in rows.items():
            figures = "; ".join(map(": ".join, zip(COLUMNS, seen.cells(), strict=True)))
            sys.stdout.write(f"{title}\n    {figures}\n")
        sys.stdout.write(f"    attacker: {dict(rows[name].did)}; log of {size:,} bytes\n")


if __name__ == "__main__":
    main()

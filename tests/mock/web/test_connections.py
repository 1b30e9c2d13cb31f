"""Limits of connections: slow and silent clients end, and do not keep others out."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import signal
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Final

import attrs
import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kling_mock import KlingMock
from kling_mock.web.connections import Listener
from kling_mock.web.limits import Limits, Phase, Seen, default_connections, overdue, room_rank
from tests.mock.loop_time import let_pass

LIMIT: Final = 20.0  # seconds, which pass at once; see `let_pass`
SHORT: Final = Limits(
    connections=100,
    header_seconds=LIMIT,
    idle_seconds=LIMIT,
    body_seconds=LIMIT,
    send_seconds=LIMIT,
)
PATIENCE: Final = 20.0  # seconds within which what has to end ends, also on a busy machine
CREATE: Final = {"emulator": "/v1/videos/text2video", "relay": "/kling/v1/videos/text2video"}
LOOK: Final = {"emulator": "/openapi.json", "relay": "/health"}


# ---------------------------------------------------------------- the rules, without a clock


def ends_at(sizes: Sequence[int], phase: Phase, limits: Limits, rule: Any = overdue) -> int | None:
    """Look once a second, when so many bytes have come; return the second at which it is over."""
    seen = Seen(Phase.NEW, 0, -1.0)
    for second, size in enumerate(sizes):
        seen = seen.next(phase, 1, size, float(second))
        if rule(seen, float(second), limits) > 0:
            return second
    return None


LIMITS = st.builds(
    Limits,
    connections=st.just(9),
    header_seconds=st.integers(1, 50),
    idle_seconds=st.integers(1, 50),
    body_seconds=st.integers(1, 50),
    body_rate=st.integers(1, 1000),
    send_seconds=st.integers(1, 50),
)


@given(limits=LIMITS, drops=st.lists(st.integers(0, 3), min_size=200, max_size=200))
@pytest.mark.slow
def test_a_dripping_client_ends(limits: Limits, drops: list[int]) -> None:
    """However few bytes come now and then, a body ends by its time and the rate."""
    sizes = [sum(drops[: i + 1]) for i in range(200)]
    assert ends_at(sizes, Phase.NEW, limits) == int(limits.header_seconds) + 1
    assert ends_at(sizes, Phase.IDLE, limits) == int(limits.idle_seconds) + 1
    end = ends_at(sizes, Phase.BODY, limits)
    if limits.body_rate > 4:
        assert end is not None
        assert end <= limits.body_seconds + sizes[end] / limits.body_rate + 1


@given(limits=LIMITS, more=st.lists(st.integers(0, 5000), min_size=60, max_size=60))
@pytest.mark.slow
def test_a_client_that_keeps_up_the_rate_is_left_alone(limits: Limits, more: list[int]) -> None:
    """A body may take as long as it likes if it comes fast enough, and so may an answer."""
    rate = int(limits.body_rate)
    sizes = [(i + 1) * rate + sum(more[: i + 1]) for i in range(60)]
    assert ends_at(sizes, Phase.BODY, limits) is None
    assert ends_at([60 - i for i in range(60)], Phase.SENDING, limits) is None
    assert ends_at([5] * 60, Phase.ANSWERING, limits) is None
    assert ends_at([5] * 60, Phase.SENDING, limits) == int(limits.send_seconds) + 1


def test_control_a_limit_between_two_bytes_never_ends_a_dripping_client() -> None:
    """The simple rule, seconds since the last byte, fails the first test above."""

    def naive(seen: Seen, now: float, limits: Limits) -> float:
        del seen, now  # the last byte came this very second
        return -limits.body_seconds

    sizes = list(range(200))
    limits = attrs.evolve(SHORT, body_seconds=5, body_rate=100)
    assert ends_at(sizes, Phase.BODY, limits, naive) is None
    assert ends_at(sizes, Phase.BODY, limits) == 6


@pytest.mark.parametrize("name", [field.name for field in attrs.fields(Limits)])
def test_a_limit_is_positive(name: str) -> None:
    """0 is refused, and the text names the setting."""
    with pytest.raises(ValueError, match=name):
        Limits(**{name: 0})


@pytest.mark.parametrize(
    ("files", "connections"),
    [(64, 64), (256, 128), (1024, 640), (20_000, 10_000), (resource.RLIM_INFINITY, 10_000)],
)
def test_the_limit_of_connections_is_below_that_of_open_files(
    monkeypatch: pytest.MonkeyPatch, files: int, connections: int
) -> None:
    """Other files of the process keep their room."""
    monkeypatch.setattr(resource, "getrlimit", lambda _: (files, files))
    assert default_connections() == connections


# ---------------------------------------------------------------- real connections


def test_who_makes_room_first() -> None:
    """Silent ones, then idle ones, then those whose request may be on its way, then slow bodies.

    What came this very moment is later: a flood of connections closes nothing between them. An
    answer that is being sent is last.
    """
    limits = Limits()

    def rank(phase: Phase, age: float, size: int = 0) -> tuple[int, float]:
        return room_rank(Seen(phase, 1, 100.0 - age, size), 100.0, limits) or (99, 0.0)

    silent, idle = rank(Phase.NEW, 5), rank(Phase.IDLE, 5)
    fresh, body, sending = rank(Phase.NEW, 0.5), rank(Phase.BODY, 5), rank(Phase.SENDING, 5)
    accepted = rank(Phase.NEW, 0.1)  # it may not have been read yet
    assert silent < idle < fresh < body < accepted < sending
    assert rank(Phase.NEW, 9) < silent  # the longest waiting
    assert rank(Phase.SENDING, 9) < sending
    assert body < rank(Phase.BODY, 60, 1_000_000)  # it drips; the other one keeps coming
    assert room_rank(Seen(Phase.ANSWERING, 1, 0.0), 500.0, limits) is None


@contextmanager
def served(limits: Limits) -> Iterator[KlingMock]:
    mock = KlingMock(seed=1)
    mock._emulator.limits = limits
    assert mock._relay is not None
    mock._relay.host._limits = limits
    with mock:
        yield mock


def address(mock: KlingMock, server: str) -> tuple[str, int]:
    url = httpx.URL(mock.kling_url if server == "emulator" else mock.relay_url)
    assert url.port is not None
    return url.host, url.port


@contextmanager
def the_loop_held_up(mock: KlingMock) -> Iterator[None]:
    """Let connections gather in the kernel's queue until the end of the block."""
    go_on = threading.Event()
    held = threading.Thread(target=mock._thread.call, args=(go_on.wait,))
    held.start()
    try:
        yield
    finally:
        go_on.set()
        held.join()


def token(mock: KlingMock, server: str) -> str:
    return mock.api_key if server == "emulator" else mock.relay_token


def head(mock: KlingMock, server: str, length: int, more: str = "") -> bytes:
    return (
        f"POST {CREATE[server]} HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n{more}"
        f"Authorization: Bearer {token(mock, server)}\r\n\r\n"
    ).encode()


def listener_of(mock: KlingMock, server: str) -> Listener:
    assert mock._relay is not None
    listener = mock._emulator._listener if server == "emulator" else mock._relay.host._listener
    assert listener is not None
    return listener


def phases(mock: KlingMock, server: str) -> list[Phase]:
    """Return the phases of the open connections."""
    listener = listener_of(mock, server)

    def work() -> list[Phase]:
        listener._look()
        return [seen.phase for seen in listener._open.values()]

    return mock._thread.call(work)


def until(mock: KlingMock, server: str, phase: Phase, connection: socket.socket) -> bytes:
    """Wait until the only connection is in *phase*; return what was received meanwhile."""
    received = b""
    connection.settimeout(0.001)
    while phases(mock, server) != [phase]:
        with contextlib.suppress(TimeoutError):
            received += connection.recv(65_536)
    return received


def drained(connection: socket.socket, patience: float) -> bytes:
    """Read until the server closes; return what came.

    Raises:
        AssertionError: It did not within *patience* seconds.
    """
    received = b""
    connection.settimeout(patience)
    with contextlib.suppress(ConnectionError):
        while True:
            try:
                chunk = connection.recv(65_536)
            except TimeoutError:
                raise AssertionError("the connection was not closed") from None
            if not chunk:
                break
            received += chunk
    return received


SLOW: dict[str, tuple[Callable[[KlingMock, str], bytes], bytes, bytes]] = {
    "nothing": (lambda _mock, _server: b"", b"", b""),
    "half a header": (lambda _mock, _server: b"GET / HTTP/1.1\r\nHo", b"", b""),
    "a dripping header": (lambda _mock, _server: b"GET / HTTP/1.1\r\nX: ", b"x", b""),
    "no body": (lambda mock, server: head(mock, server, 100), b"", b" 408 "),
    "half a body": (lambda mock, server: head(mock, server, 100) + b"{", b"", b" 408 "),
    "a dripping body": (lambda mock, server: head(mock, server, 10**6), b" ", b" 408 "),
    "a chunked body": (
        lambda mock, server: head(mock, server, 0).replace(
            b"Content-Length: 0", b"Transfer-Encoding: chunked"
        ),
        b"",
        b" 408 ",
    ),
    "no further request": (
        lambda _mock, server: f"GET {LOOK[server]} HTTP/1.1\r\nHost: a\r\n\r\n".encode(),
        b"",
        b" 200 ",
    ),
    "half a further request": (
        lambda _mock, server: f"GET {LOOK[server]} HTTP/1.1\r\nHost: a\r\n\r\nGET ".encode(),
        b"",
        b" 200 ",
    ),
}


_PHASES: Final = {b"": Phase.NEW, b" 200 ": Phase.IDLE, b" 408 ": Phase.BODY}


def received_by(server: str, case: str, limits: Limits, patience: float) -> bytes:
    """Return what a slow client receives while its time passes.

    Raises:
        AssertionError: The server has not closed its connection.
    """
    make, drop, answer = SLOW[case]
    with (
        served(limits) as mock,
        socket.create_connection(address(mock, server), timeout=PATIENCE) as connection,
    ):
        connection.sendall(make(mock, server))
        received = until(mock, server, _PHASES[answer], connection)
        for _ in range(4):
            with contextlib.suppress(ConnectionError):
                connection.sendall(drop)
            let_pass(mock, LIMIT / 4 + 0.5)
        return received + drained(connection, patience)


@pytest.mark.parametrize("server", ["emulator", "relay"])
@pytest.mark.parametrize("case", SLOW)
def test_a_slow_client_ends(server: str, case: str) -> None:
    """Silent, half-open and dripping connections are closed; a slow body is answered with 408."""
    answer = SLOW[case][2]
    received = received_by(server, case, SHORT, PATIENCE)
    assert received.count(b"HTTP/1.1 ") == (1 if answer else 0)
    assert answer in received.partition(b"\r\n")[0]
    if answer == b" 408 ":
        first, _, body = received.partition(b"\r\n\r\n")
        assert b"connection: close" in first.lower()
        error_body = json.loads(body)
        code = error_body["code"] if server == "emulator" else error_body["error"]["code"]
        assert code == (1200 if server == "emulator" else "request_timeout")
        assert server == "emulator" or b"x-request-id:" in first.lower()


@pytest.mark.parametrize("server", ["emulator", "relay"])
@pytest.mark.parametrize("case", ["nothing", "half a header", "no body", "no further request"])
@pytest.mark.slow
def test_control_without_limits_a_slow_client_stays(server: str, case: str) -> None:
    """Control: the same check fails if the limits are too far away to matter."""
    far = Limits(connections=100, header_seconds=900, idle_seconds=900, body_seconds=900)
    with pytest.raises(AssertionError, match="not closed"):
        received_by(server, case, far, 0.5)


def test_a_large_body_that_comes_fast_enough_is_taken() -> None:
    """Its size gives it time: 20 MB within limits that a slow body does not get."""
    limits = attrs.evolve(SHORT, body_rate=100_000.0)
    body = b'{"image": "' + b"A" * 20_000_000 + b'"}'
    with (
        served(limits) as mock,
        socket.create_connection(address(mock, "emulator"), timeout=PATIENCE) as connection,
    ):
        sent = head(mock, "emulator", len(body), "Connection: close\r\n")
        connection.sendall(sent.replace(b"text2video", b"image2video") + body[:15_000_000])
        seen = listener_of(mock, "emulator")._open
        while (
            phases(mock, "emulator") != [Phase.BODY]
            or max(s.bytes for s in seen.values()) < 15_000_000
        ):
            pass
        let_pass(mock, 150)
        connection.sendall(body[15_000_000:])
        received = drained(connection, PATIENCE)
    assert b" 400 " in received.partition(b"\r\n")[0]  # it is not an image
    assert "image" in json.loads(received.partition(b"\r\n\r\n")[2])["message"]


def test_an_answer_may_take_longer_than_a_request() -> None:
    """A fault that lets the emulated Kling hang does not count as a slow client."""
    with (
        served(SHORT) as mock,
        socket.create_connection(address(mock, "emulator"), timeout=PATIENCE) as connection,
    ):
        mock.faults.add("latency", seconds=300)
        connection.sendall(
            f"GET /v1/videos/text2video HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
            f"Authorization: Bearer {mock.api_key}\r\n\r\n".encode()
        )
        until(mock, "emulator", Phase.ANSWERING, connection)
        let_pass(mock, 5 * LIMIT)
        assert phases(mock, "emulator") == [Phase.ANSWERING]
        let_pass(mock, 300)
        received = drained(connection, PATIENCE)
    assert b" 200 " in received.partition(b"\r\n")[0]


def test_a_client_that_reads_nothing_ends() -> None:
    """Unread responses do not pile up in memory, and their connection is closed."""
    with (
        served(SHORT) as mock,
        socket.create_connection(address(mock, "relay"), timeout=PATIENCE) as connection,
    ):
        requests = b"GET /openapi.json HTTP/1.1\r\nHost: a\r\n\r\n" * 20
        connection.settimeout(0.05)
        full = 0  # times that nothing more could be sent
        with contextlib.suppress(ConnectionError):
            while full < PATIENCE / 0.05:
                try:
                    connection.sendall(requests)
                except TimeoutError:
                    full += 1
                    let_pass(mock, LIMIT / 4)
            raise AssertionError("the connection was not closed")


@pytest.mark.parametrize("server", ["emulator", "relay"])
def test_silent_connections_make_room(server: str, caplog: pytest.LogCaptureFixture) -> None:
    """More silent connections than there may be: a request is answered, and little is logged."""
    with served(Limits(connections=20)) as mock, ExitStack() as stack:
        for _ in range(200):
            stack.enter_context(socket.create_connection(address(mock, server), PATIENCE))
        for _ in range(3):
            host, port = address(mock, server)
            assert httpx.get(f"http://{host}:{port}{LOOK[server]}", timeout=60).status_code == 200
    lines = [record for record in caplog.records if "too many connections" in record.getMessage()]
    assert len(lines) == 1
    assert "at most 20" in lines[0].getMessage()


@pytest.mark.parametrize("server", ["emulator", "relay"])
def test_a_request_is_answered_wherever_it_stands_in_a_burst(server: str) -> None:
    """Silent connections accepted just before and after it neither close it nor have it refused."""
    with served(Limits(connections=20)) as mock, ExitStack() as all_of_them:
        where = address(mock, server)
        for before in range(40):
            with the_loop_held_up(mock):
                for _ in range(before):
                    all_of_them.enter_context(socket.create_connection(where))
                connection = all_of_them.enter_context(socket.create_connection(where))
                connection.settimeout(PATIENCE)
                connection.sendall(f"GET {LOOK[server]} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
                for _ in range(5):
                    all_of_them.enter_context(socket.create_connection(where))
            assert b" 200 " in connection.recv(100).partition(b"\r\n")[0], before


def test_an_answer_that_is_not_sent_yet_is_not_cut_off() -> None:
    """A client that reads slowly gets the rest, while silent connections make room."""
    with served(Limits(connections=10)) as mock, ExitStack() as stack:
        where = address(mock, "emulator")
        slow = stack.enter_context(socket.socket())
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        slow.connect(where)
        request_head = b"GET /openapi.json HTTP/1.1\r\nHost: a\r\n"
        slow.sendall((request_head + b"\r\n") * 19 + request_head + b"Connection: close\r\n\r\n")
        while phases(mock, "emulator") != [Phase.SENDING]:
            pass
        for _ in range(30):
            stack.enter_context(socket.create_connection(where, PATIENCE))
        whole = httpx.get(mock.kling_url + "/openapi.json", timeout=60)
        assert Phase.SENDING in phases(mock, "emulator")
        slow.settimeout(PATIENCE)
        received = b"".join(iter(partial(slow.recv, 65_536), b""))
    assert received.count(b"HTTP/1.1 200 ") == 20
    assert received.count(whole.content) == 20


def test_silent_tls_handshakes_make_room(certificate: tuple[Path, Path]) -> None:
    """A connection that never begins TLS takes a place from its first moment, and can lose it."""
    cert, key = map(str, certificate)
    trusted = ssl.create_default_context(cafile=cert)
    with KlingMock(tls_cert=cert, tls_key=key) as mock, ExitStack() as stack:
        listener = listener_of(mock, "emulator")
        listener._limits = Limits(connections=20)
        for _ in range(60):
            stack.enter_context(socket.create_connection(address(mock, "emulator"), PATIENCE))
        for _ in range(3):
            assert httpx.get(mock.kling_url + "/openapi.json", verify=trusted).status_code == 200
        assert len(listener._open) <= 20
        assert len(listener._beginning) <= 20


def test_bodies_that_are_refused_make_room() -> None:
    """A client refused before its body has come cannot keep its connection by sending slowly."""
    with served(Limits(connections=10)) as mock, ExitStack() as stack:
        host, port = address(mock, "relay")
        for _ in range(30):
            connection = stack.enter_context(socket.create_connection((host, port), PATIENCE))
            connection.sendall(
                head(mock, "relay", 999).replace(b"Bearer sk-", b"Bearer sk-x") + b"{"
            )
            assert b" 401 " in connection.recv(65_536).partition(b"\r\n")[0]
        assert httpx.get(f"http://{host}:{port}/health", timeout=60).status_code == 200


def test_connections_that_are_being_answered_do_not_make_room(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """If all are at work a new connection is closed at once; when they end there is room again.

    In a flood of new ones, the others are not checked each time.
    """
    with served(attrs.evolve(SHORT, connections=3)) as mock:
        mock.faults.add("hang", "GET /v1/videos/text2video", seconds=600)

        def get_request(path: str) -> bytes:
            return (
                f"GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
                f"Authorization: Bearer {mock.api_key}\r\n\r\n"
            ).encode()

        def at_work() -> int:
            return phases(mock, "emulator").count(Phase.ANSWERING)

        def until_at_work(count: int) -> None:
            for _ in range(100_000):
                if at_work() == count:
                    return
            raise AssertionError(f"{count} connections were never at work")

        with ExitStack() as stack:
            for number in range(1, 4):
                connection = stack.enter_context(
                    socket.create_connection(address(mock, "emulator"))
                )
                connection.sendall(get_request("/v1/videos/text2video"))
                until_at_work(number)
            for _ in range(3):
                with socket.create_connection(address(mock, "emulator")) as refused:
                    with contextlib.suppress(ConnectionError):
                        refused.sendall(get_request("/openapi.json"))
                    assert drained(refused, PATIENCE) == b""
            assert at_work() == 3
            looks: list[float] = []
            look = Listener._look

            def counted(listener: Listener) -> float:
                looks.append(look(listener))
                return looks[-1]

            monkeypatch.setattr(Listener, "_look", counted)
            with the_loop_held_up(mock):
                flood = [
                    stack.enter_context(socket.create_connection(address(mock, "emulator")))
                    for _ in range(60)
                ]
            assert [drained(connection, PATIENCE) for connection in flood] == [b""] * 60
            assert len(looks) < 30
            monkeypatch.undo()
        until_at_work(0)
        with socket.create_connection(address(mock, "emulator")) as answered:
            answered.sendall(get_request("/v1/videos/image2video"))
            assert b" 200 " in drained(answered, PATIENCE).partition(b"\r\n")[0]


# ---------------------------------------------------------------- a real process

COUNT: Final = 1_100
FILES: Final = 512

_NAIVE: Final = """
import asyncio, json
from aiohttp import web

async def answer(request):
    await request.read()
    return web.Response(text="ok")

async def serve():
    loop = asyncio.get_running_loop()
    server = await loop.create_server(web.Server(answer), "127.0.0.1", 0, backlog=512)
    url = "http://127.0.0.1:%d" % server.sockets[0].getsockname()[1]
    print(json.dumps({"relay_url": url}), flush=True)
    await asyncio.Event().wait()

asyncio.run(serve())
"""


@contextmanager
def many_files() -> Iterator[None]:
    """Let this process have enough sockets of its own."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 4_096)), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@contextmanager
def process(
    folder: Path, *command: str, stops: bool = True
) -> Iterator[tuple[subprocess.Popen[str], dict[str, Any], Path]]:
    """A server with few file descriptors; its ready line and its log."""
    log = folder / "log"
    with log.open("w") as lines:
        started = subprocess.Popen(
            ["bash", "-c", f'ulimit -n {FILES}; exec "$@"', "bash", sys.executable, *command],
            stdout=subprocess.PIPE,
            stderr=lines,
            text=True,
            env={**os.environ, "KLING_API_KEY": "a-key"},
        )
        try:
            assert started.stdout is not None
            yield started, json.loads(started.stdout.readline()), log
            if stops:
                started.send_signal(signal.SIGTERM)
                assert started.wait(30) == 0
        finally:
            started.kill()
            started.communicate()


def besieged(pid: int, url: str, log: Path) -> None:
    """Open half-open connections and slow bodies; `/health` answers, and all stays small.

    Raises:
        AssertionError: It does not.
    """
    parts = httpx.URL(url)
    assert parts.port is not None
    slow = b" HTTP/1.1\r\nHost: a\r\nContent-Length: 9999\r\n\r\n{"
    attacks = (
        b"GET / HTTP/1.1\r\nX: ",
        b"POST /kling/internal/callback" + slow,
        b"POST /kling/v1/videos/text2video" + slow,  # refused for its token before it has come
    )
    with many_files(), ExitStack() as stack:
        for number in range(COUNT):
            try:
                connection = socket.create_connection((parts.host, parts.port), timeout=5)
                stack.enter_context(connection)
                connection.sendall(attacks[number % len(attacks)])
            except OSError:
                continue  # it may be refused
            if number % 100 == 99:
                try:
                    reply = httpx.get(f"{url}/health", timeout=10)
                except httpx.HTTPError as error:
                    raise AssertionError(f"/health is away: {type(error).__name__}") from None
                assert reply.status_code == 200
        assert len([*Path(f"/proc/{pid}/fd").iterdir()]) <= FILES
    # A refused request is one log line; a refused connection is not logged.
    lines = [line for line in log.read_text().splitlines() if " 401 invalid_token " not in line]
    assert len(lines) <= 50


RELAY: Final = (
    *("-m", "kling_mock", "relay", "--upstream", "http://127.0.0.1:1", "--port", "0"),
    *("--db", "sqlite://"),
)


@pytest.mark.parametrize("more", [(), ("--max-connections", "5000")], ids=["default", "too many"])
@pytest.mark.slow
def test_half_open_connections_do_not_take_the_relay_down(
    tmp_path: Path, more: tuple[str, ...]
) -> None:
    """1,100 of them against 512 file descriptors, also if the operator's limit is above those."""
    with process(tmp_path, *RELAY, *more) as (started, ready, log):
        besieged(started.pid, ready["relay_url"], log)
        assert httpx.get(f"{ready['relay_url']}/health", timeout=10).status_code == 200
    assert "too many connections" in log.read_text()


@pytest.mark.slow
def test_control_a_plain_server_goes_down(tmp_path: Path) -> None:
    """aiohttp on asyncio's own accepting fails the same siege."""
    with (
        process(tmp_path, "-c", _NAIVE, stops=False) as (started, ready, log),
        pytest.raises(AssertionError),
    ):
        besieged(started.pid, ready["relay_url"], log)

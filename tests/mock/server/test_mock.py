"""`KlingMock` itself: starting, stopping, ports, isolation, seeds, reset, TLS."""

from __future__ import annotations

import socket
import ssl
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

import kling_mock
from kling_mock import KlingMock
from kling_mock.clock import ManualClock, RealClock, ScaledClock
from kling_mock.clock.choice import SEEDED_START
from kling_mock.server import mock as server_mock
from tests.plain_http import NO_TLS

LIST = "/v1/videos/text2video"


def ask(mock: KlingMock, path: str = LIST) -> httpx.Response:
    headers = {"Authorization": f"Bearer {mock.api_key}"}
    with httpx.Client(trust_env=False, verify=NO_TLS) as client:
        return client.get(f"{mock.kling_url}{path}", headers=headers)


def create(mock: KlingMock) -> dict[str, Any]:
    headers = {"Authorization": f"Bearer {mock.api_key}"}
    with httpx.Client(trust_env=False, verify=NO_TLS) as client:
        reply = client.post(f"{mock.kling_url}{LIST}", json={"prompt": "a"}, headers=headers)
    data: dict[str, Any] = reply.json()["data"]
    return data


def test_as_a_context_manager() -> None:
    """It serves inside the block and is gone after it."""
    with KlingMock() as mock:
        url = mock.kling_url
        assert ask(mock).status_code == 200
    with pytest.raises(RuntimeError, match="has been stopped"):
        _ = mock.kling_url
    with pytest.raises(httpx.ConnectError), httpx.Client(trust_env=False, verify=NO_TLS) as client:
        client.get(url)


async def test_as_an_async_context_manager() -> None:
    """`async with` works too, and the caller's loop stays free."""
    async with KlingMock() as mock, httpx.AsyncClient(trust_env=False, verify=NO_TLS) as client:
        headers = {"Authorization": f"Bearer {mock.api_key}"}
        reply = await client.get(f"{mock.kling_url}{LIST}", headers=headers)
        assert reply.status_code == 200
        await mock.clock.aadvance(1)


def test_two_servers_share_nothing() -> None:
    """Tasks, keys, clocks and journals of two servers are their own."""
    with KlingMock() as first, KlingMock() as second:
        create(first)
        first.clock.advance(100)
        assert ask(second).json()["data"] == []
        assert len(second.journal) == 1
        assert second.clock.now() < first.clock.now() - 90
        assert first.access_key != second.access_key
        with httpx.Client(trust_env=False, verify=NO_TLS) as client:
            headers = {"Authorization": f"Bearer {first.api_key}"}
            assert client.get(f"{second.kling_url}{LIST}", headers=headers).status_code == 401


def test_a_taken_port_is_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A second server on the same port raises before its thread starts, and leaves nothing."""
    with KlingMock() as mock:
        port = int(mock.kling_url.rpartition(":")[2])
        second = KlingMock(kling_port=port)
        with monkeypatch.context() as patch:
            patch.setattr(second._thread, "start", pytest.fail)
            with pytest.raises(OSError, match=f"cannot listen on 127.0.0.1:{port}"):
                second.start()
        assert ask(mock).status_code == 200
    with KlingMock(kling_port=port) as again:  # free again at once
        assert ask(again).status_code == 200


def test_a_failing_start_is_the_callers(monkeypatch: pytest.MonkeyPatch) -> None:
    """An exception on the server's thread reaches the caller, and the thread ends."""
    mock = KlingMock()

    def fail(*_: Any) -> None:
        raise LookupError("no such thing")

    monkeypatch.setattr(mock.clock, "start", fail)
    threads = threading.active_count()
    with pytest.raises(LookupError, match="no such thing"):
        mock.start()
    assert threading.active_count() == threads


def test_starting_twice_and_stopping_twice() -> None:
    """A second start is refused; a second stop is harmless; a stopped server starts again."""
    mock = KlingMock()
    mock.stop()
    with mock:
        with pytest.raises(RuntimeError, match="runs already"):
            mock.start()
        create(mock)
    mock.stop()
    with mock:
        assert len(ask(mock).json()["data"]) == 1


def test_stopping_does_not_wait_for_open_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    """Idle and half-sent connections are closed, and stopping takes no time."""
    monkeypatch.setattr(server_mock, "_STOP_LIMIT", 60.0)
    with KlingMock() as mock:
        host, port = mock.kling_url.removeprefix("http://").split(":")
        idle = socket.create_connection((host, int(port)))
        half = socket.create_connection((host, int(port)))
        half.sendall(
            b"POST /v1/videos/text2video HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n{"
        )
        assert ask(mock).status_code == 200
        before = time.monotonic()
    assert time.monotonic() - before < 10
    for connection in (idle, half):
        connection.settimeout(5)
        assert connection.recv(1) == b""
        connection.close()


def test_no_thread_is_left() -> None:
    """Starting and stopping leaves no thread behind."""
    before = {*threading.enumerate()}  # one of an earlier test may end meanwhile
    for _ in range(3):
        with KlingMock() as mock:
            assert ask(mock).status_code == 200
            assert {*threading.enumerate()} - before
    assert {*threading.enumerate()} - before == set()


def test_the_same_seed_makes_the_same_server() -> None:
    """Keys, ids, times and whole answers of two servers of one seed are equal."""

    def run() -> tuple[Any, ...]:
        with KlingMock(seed=5) as mock:
            create(mock)
            data = create(mock)
            mock.clock.advance(600)
            ask(mock, f"{LIST}/{data['task_id']}")
            entries = [
                entry._replace(response=entry.response.replace(mock.kling_url.encode(), b""))
                for entry in mock.journal
            ]
            return mock.access_key, mock.secret_key, mock.api_key, mock.admin_token, entries

    assert run() == run()


def test_reset_makes_a_new_server() -> None:
    """After a reset the answers are those of a new server of the same seed; keys stay."""
    with KlingMock(seed=5) as mock:
        first = create(mock)
        mock.clock.advance(1000)
        key = mock.api_key
        mock.reset()
        assert mock.api_key == key
        assert (len(mock.journal), mock.clock.now()) == (0, SEEDED_START)
        assert ask(mock).json()["data"] == []
        assert create(mock) == first
        assert ask(mock, f"{LIST}/{first['task_id']}").json()["data"]["task_status"] == "submitted"


def test_reset_before_the_start() -> None:
    """A server that does not run yet can be reset as well."""
    mock = KlingMock(seed=5)
    mock.reset()
    with mock:
        assert ask(mock).status_code == 200


@pytest.mark.parametrize(
    ("options", "kind", "now"),
    [
        ({"seed": 1}, ManualClock, SEEDED_START),
        ({"seed": 1, "start": 5.0}, ManualClock, 5.0),
        ({"start": 5.0}, ManualClock, 5.0),
        ({"clock": 1000, "start": 5.0}, ScaledClock, None),
        ({"clock": "real"}, RealClock, None),
        ({"clock": "real", "seed": 1}, RealClock, None),
        ({"clock": 1000, "seed": 1}, ScaledClock, None),
        ({"seed": 1, "start": "now"}, ManualClock, None),
        ({"clock": "real", "start": "now"}, RealClock, None),
        ({}, ManualClock, None),
    ],
)
def test_clocks(options: dict[str, Any], kind: type, now: float | None) -> None:
    """Each kind of clock is chosen by its word or speed, and has the right start."""
    clock = KlingMock(**options).clock
    assert type(clock) is kind
    if now is not None:
        assert clock.now() == now
    elif kind is not ScaledClock:
        assert abs(clock.now() - time.time()) < 60


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"clock": "fast"}, "clock"),
        ({"clock": True}, "clock"),
        ({"clock": 0}, "speed"),
        ({"clock": "real", "start": 1.0}, "start"),
        ({"start": "then"}, "start"),
        ({"tls_key": "key.pem"}, "tls_key"),
        ({"kling_port": 65536}, "kling_port"),
    ],
)
def test_arguments_that_are_refused(options: dict[str, Any], word: str) -> None:
    """A wrong argument is named."""
    with pytest.raises(ValueError, match=word):
        KlingMock(**options)


def test_a_task_ends_by_itself_on_a_fast_clock() -> None:
    """With a speed, time passes by itself."""
    with KlingMock(clock=100_000) as mock:
        task_id = create(mock)["task_id"]
        statuses = (
            ask(mock, f"{LIST}/{task_id}").json()["data"]["task_status"] for _ in range(1000)
        )
        assert "succeed" in statuses


def test_a_public_url() -> None:
    """Result URLs begin with the public URL, whatever the client used."""
    with KlingMock(public_url="https://kling.test/") as mock:
        task_id = create(mock)["task_id"]
        mock.complete(task_id)
        data = ask(mock, f"{LIST}/{task_id}").json()["data"]
    url = data["task_result"]["videos"][0]["url"]
    assert url.startswith("https://kling.test/media/videos/")


def test_ipv6_and_all_addresses() -> None:
    """The URL of a server on ::1 has brackets; one on all addresses is called by 127.0.0.1."""
    with KlingMock(host="::1") as mock:
        assert mock.kling_url.startswith("http://[::1]:")
        assert ask(mock).status_code == 200
    with KlingMock(host="0.0.0.0") as mock:  # noqa: S104 - what is tested
        assert mock.kling_url.startswith("http://127.0.0.1:")
        assert ask(mock).status_code == 200


def test_tls(certificate: tuple[Path, Path]) -> None:
    """With a certificate the server speaks https, and result URLs do too."""
    cert, key = certificate
    context = ssl.create_default_context(cafile=str(cert))
    with (
        KlingMock(tls_cert=str(cert), tls_key=str(key)) as mock,
        httpx.Client(verify=context, trust_env=False) as client,
    ):
        assert mock.kling_url.startswith("https://")
        headers = {"Authorization": f"Bearer {mock.api_key}"}
        url = f"{mock.kling_url}{LIST}"
        task_id = client.post(url, json={"prompt": "a"}, headers=headers).json()["data"]["task_id"]
        mock.complete(task_id)
        data = client.get(f"{url}/{task_id}", headers=headers).json()["data"]
        video = data["task_result"]["videos"][0]["url"]
        assert video.startswith(f"{mock.kling_url}/media/")
        assert client.get(video).status_code == 200


def test_importing_loads_no_server() -> None:
    """`import kling_mock` loads neither aiohttp nor the SDK; another name is an error."""
    code = (
        "import sys, kling_mock; sys.exit('aiohttp' in sys.modules or 'kling_sdk' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
    with pytest.raises(AttributeError, match="no attribute 'Other'"):
        _ = kling_mock.Other


@pytest.mark.slow
def test_a_server_loads_its_relay_when_it_is_used() -> None:
    """Most tests do not use one, and its storage takes a tenth of a server's start."""
    code = (
        "import sys\n"
        "from kling_mock import KlingMock\n"
        "with KlingMock() as mock:\n"
        "    assert mock.relay_token\n"
        "    assert mock.relay_url\n"
        "loaded = [one for one in sys.modules if one.startswith('kling_mock.relay.storage')]\n"
        "assert not loaded, loaded\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_without_the_extra() -> None:
    """Without aiohttp the error names the install command."""
    code = (
        "import sys; sys.modules['aiohttp'] = None\n"
        "try:\n    from kling_mock import KlingMock\n"
        "except ImportError as error:\n    print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "pip install 'kling-sdk[mock]'" in done.stdout


def test_it_shows_its_address_and_no_key() -> None:
    """The report of a failing test shows where the server was."""
    mock = KlingMock()
    assert repr(mock) == "<KlingMock not running>"
    with mock:
        assert repr(mock) == f"<KlingMock {mock.kling_url}>"
    assert repr(mock) == "<KlingMock not running>"

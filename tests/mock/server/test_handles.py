"""Handles of a stopped server, unknown attributes, impossible values."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from kling_mock import KlingMock, RelaySettings

NEEDS_A_SERVER: list[Callable[[KlingMock], object]] = [
    lambda mock: mock.kling_url,
    lambda mock: mock.relay_url,
    lambda mock: mock.dashboard_url,
    lambda mock: mock.environment,
    lambda mock: mock.ledger.user(),
    lambda mock: mock.client(),
    lambda mock: mock.clock.advance(1),
]


@pytest.mark.parametrize("use", NEEDS_A_SERVER)
def test_what_needs_a_server_names_its_state(use: Callable[[KlingMock], object]) -> None:
    """Before the start and after the stop it raises at once, in different words."""
    mock = KlingMock()
    with pytest.raises(RuntimeError, match="has not been started"):
        use(mock)
    with mock:
        use(mock)
    with pytest.raises(RuntimeError, match="has been stopped"):
        use(mock)


def test_the_state_can_be_read_and_set_while_nothing_runs() -> None:
    """A test prepares a server before its start, and inspects it after its end."""
    mock = KlingMock()
    mock.account.slots = 2
    mock.faults.add("reset", times=1)
    with mock:
        assert mock.account.slots == 2
    assert len(mock.faults) == 1
    assert mock.journal.total == 0


def test_a_server_that_is_being_stopped_takes_no_calls() -> None:
    """They raise at once: the thread that would do them may never get to it."""
    mock = KlingMock().start()
    mock.faults.add("latency", seconds=0.3)
    request = threading.Thread(target=httpx.get, args=(f"{mock.kling_url}/v1/videos/text2video",))
    stop = threading.Thread(target=mock.stop, args=(5.0,))
    request.start()
    while not all(fault.acted for fault in mock.faults):
        pass
    stop.start()
    while mock._thread.state == "running":
        pass
    for use in (lambda: mock.account.slots, lambda: len(mock.faults), mock.start):
        with pytest.raises(RuntimeError, match="is being stopped"):
            use()
    with pytest.raises(RuntimeError, match="has been stopped"):
        mock.clock.advance(1)
    stop.join(10)
    request.join(10)
    assert mock.account.slots is None


FORKED = """
import json, os, sys
from kling_mock import KlingMock

def tried(use):
    try:
        use()
    except RuntimeError as error:
        return str(error)
    return "nothing raised"

with KlingMock() as mock:
    client = mock.client()
    read, write = os.pipe()
    if os.fork() == 0:
        with mock.clock.call():
            said = [
                tried(lambda: mock.account.slots),
                tried(lambda: mock.journal),
                tried(lambda: list(mock.deliveries)),
                tried(mock.reset),
                tried(lambda: mock.relay_url),
                tried(lambda: mock.clock.advance(1)),
                tried(lambda: mock.clock.sleep(1)),
                tried(mock.start),
            ]
        client.text2video.create(prompt="a kitten")
        mock.stop()
        os.write(write, json.dumps(said).encode())
        os._exit(0)
    os.wait()
    print(os.read(read, 10_000).decode())
    assert mock.journal.total == 1
    mock.clock.advance(1)
"""


@pytest.mark.slow
def test_a_forked_process_cannot_use_the_controls() -> None:
    """They raise at once instead of waiting for a thread that is not there; HTTP still works."""
    done = subprocess.run(
        [sys.executable, "-c", FORKED], capture_output=True, text=True, timeout=60, check=True
    )
    errors = json.loads(done.stdout)
    assert len(errors) == 8
    assert [text for text in errors if "forked" not in text] == []


# ---------------------------------------------------------------- attributes


def test_an_unknown_attribute_is_refused() -> None:
    """A misspelt setting would do nothing; the nearest one is named."""
    mock = KlingMock()
    with pytest.raises(AttributeError, match=r"no attribute 'slotz'\. Did you mean 'slots'"):
        mock.account.slotz = 2  # type: ignore[attr-defined] # what is tested
    with pytest.raises(AttributeError, match="Did you mean 'timestamps'"):
        mock.callbacks.timestamp = "real"  # type: ignore[attr-defined] # as above
    with pytest.raises(AttributeError, match="Did you mean 'retired'"):
        mock.retire = {"kling-v1"}  # type: ignore[attr-defined] # as above
    with pytest.raises(AttributeError, match="it has no settings"):
        mock.faults.times = 2  # type: ignore[attr-defined] # as above
    for handle in (mock, mock.accounts, mock.account, mock.progress, mock.content, mock.deliveries):
        with pytest.raises(AttributeError, match="has no attribute 'colour'"):
            handle.colour = "red"  # type: ignore[union-attr] # as above


def test_methods_and_fixed_attributes_cannot_be_replaced() -> None:
    """Read-only attributes cannot be replaced either."""
    mock = KlingMock()
    for name, value in [("reset", None), ("clock", mock.clock), ("kling_url", ""), ("account", 1)]:
        with pytest.raises(AttributeError, match=f"KlingMock.{name} cannot be set"):
            setattr(mock, name, value)


# ---------------------------------------------------------------- values


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"seed": "7"}, "seed: must be a whole number"),
        ({"seed": True}, "seed"),
        ({"seed": 1.5}, "seed"),
        ({"start": float("nan")}, "start: must be 'now' or Unix seconds"),
        ({"start": float("inf")}, "start"),
        ({"start": -1}, "start"),
        ({"start": True}, "start"),
        ({"start": 1e12}, "start"),
        ({"public_url": "foo"}, "public_url: must be http or https, host and port"),
        ({"public_url": "http://"}, "public_url"),
        ({"public_url": "http://a:99999"}, "public_url"),
        ({"public_url": "http://user:password@a"}, "public_url"),
        ({"public_url": 5}, "public_url"),
        ({"relay": "units"}, "relay: must be RelaySettings"),
        ({"kling_port": "80"}, "kling_port"),
        ({"callback_hosts": ["receiver:80"]}, "brackets: 'receiver'; got 'receiver:80'"),
        ({"callback_hosts": "http://receiver"}, "'receiver'; got 'http://receiver'"),
        ({"callback_hosts": "[::1]:80"}, "'::1'; got"),
        ({"callback_hosts": "*.internal"}, "'\\*' alone is any host; got '\\*.internal'"),
        ({"callback_hosts": [""]}, "callback_hosts"),
        ({"callback_hosts": [5]}, "callback_hosts"),
    ],
)
def test_a_wrong_argument_is_refused(options: dict[str, Any], text: str) -> None:
    """When it is given, and with what it must be."""
    with pytest.raises(ValueError, match=text):
        KlingMock(**options)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"pricing": "foo"}, "pricing"),
        ({"public_url": "foo"}, "public_url: must be http or https"),
        ({"callback_hosts": "http://receiver"}, "callback_hosts"),
    ],
)
def test_a_wrong_setting_of_the_relay_is_refused(options: dict[str, Any], text: str) -> None:
    """The refusal has the same form."""
    with pytest.raises(ValueError, match=text):
        RelaySettings(**options)


def test_a_string_is_one_host() -> None:
    """It is not read as a list of letters, one of which, `*`, would allow any host."""
    for host in ("Receiver.Internal", "10.0.0.5", "::1", "*"):
        mock = KlingMock(callback_hosts=host)
        assert mock._emulator._settings.world.callback_hosts == {host.lower()}


@pytest.mark.parametrize("retries", ["10", [True], [float("nan")], [-1], ["10"]])
def test_wrong_retries_are_refused(retries: Any) -> None:
    """A string is not a list of delays."""
    with pytest.raises(ValueError, match="retries: must be numbers of seconds"):
        KlingMock().callbacks.retries = retries


@pytest.mark.parametrize("limit", [5, "5", (5, 1)])
def test_a_wrong_rate_limit_is_refused(limit: Any) -> None:
    """It is a `RateLimit`."""
    with pytest.raises(ValueError, match=r"rate_limit: must be RateLimit\(5, seconds=1\)"):
        KlingMock().account.rate_limit = limit


@pytest.mark.parametrize("timeout", ["5", 0, float("nan"), True])
def test_a_wrong_timeout_is_refused(timeout: Any) -> None:
    """It is a number of seconds above 0."""
    with pytest.raises(ValueError, match="timeout: must be a number above 0"):
        KlingMock().callbacks.timeout = timeout


@pytest.mark.parametrize(
    "url", ["http://", "https://", "http://a:99999/", "http://:80/", "ftp://a"]
)
def test_a_callback_url_that_cannot_be_called_is_refused(api: Any, url: str) -> None:
    """The create call says so; such a URL would never be called."""
    reply = api.create(callback_url=url)
    assert (reply.status_code, reply.json()["code"]) == (400, 1201)
    assert reply.json()["message"].startswith("callback_url: ")

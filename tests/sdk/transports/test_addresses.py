"""A host of several addresses: the call reaches the one that answers, in any position."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from typing import Any, Final

import httpcore
import httpx
import httpx2
import pytest

from kling_sdk import Kling, OutcomeUnknownError, TransportError, UnreachableError
from kling_sdk.transports import sync_sockets
from kling_sdk.transports.httpx_sync import CallAttempt, attempt
from tests.sdk.clients import KEY, Calls, over
from tests.sdk.hosts import ADDRESSES, HOST, host_of, resolves
from tests.sdk.scripted import FakeClock

pytestmark = pytest.mark.allow_hosts(ADDRESSES)

#: Sync and async over httpx, and async over aiohttp. `Kling` over a client of the caller's leaves
#: the addresses to its library.
clients = pytest.mark.parametrize("client", ["httpx", "async-httpx", "async-aiohttp"])

REACHED: Final = [
    ("v4",),
    ("v6",),
    ("v4", "v6"),
    ("v6", "v4"),
    ("silent", "v4"),
    ("silent", "v6"),
    ("v4", "silent"),
    ("refused", "v4"),
    ("v4", "refused"),
    ("refused", "silent", "v4"),
    ("silent", "refused", "v6"),
    ("silent", "v4", "refused"),
]
UNREACHED: Final = [
    ("silent",),
    ("refused",),
    ("silent", "silent"),
    ("refused", "refused"),
    ("refused", "silent"),
    ("silent", "refused"),
]


@pytest.fixture(autouse=True)
def short_shares(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """A silent address costs a share of a second here, but in the tests of the share itself."""
    if "client" in request.fixturenames:
        monkeypatch.setattr(sync_sockets, "_MIN_SHARE", 0.05)


@clients
@pytest.mark.parametrize("kinds", REACHED, ids=", ".join)
def test_an_address_that_answers_is_reached_in_every_position(
    monkeypatch: pytest.MonkeyPatch, kinds: tuple[str, ...], client: str
) -> None:
    """It is reached in the first attempt, with one create."""
    clock = FakeClock()
    with host_of(monkeypatch, kinds) as (url, _, servers):
        # The share of each of three, and anyio's 0.25 s before it tries the next.
        task = over(client, Calls("order-1").create, url, clock, timeout=0.9)
        assert [name for server in servers for name in server.kling.tasks] == [task.task_id]
    assert clock.slept == []


@clients
@pytest.mark.parametrize("kinds", UNREACHED, ids=", ".join)
def test_a_host_that_does_not_answer_is_named_with_its_addresses(
    monkeypatch: pytest.MonkeyPatch, kinds: tuple[str, ...], client: str
) -> None:
    """Within the timeout, as an error that says that nothing was bought."""
    # An async attempt has a tenth of its time to notice that the time to connect is over.
    timeout = 2.0 if client.startswith("async") else 1.0
    with (
        host_of(monkeypatch, kinds) as (url, addresses, _),
        pytest.raises(TransportError) as caught,
    ):
        over(client, Calls("order-1").create, url, FakeClock(), timeout=timeout, retries=0)
    error = caught.value
    assert not error.maybe_sent
    assert error.external_task_id == "order-1"
    assert f"cannot connect to {url}" in str(error)
    if client != "async-aiohttp":
        assert all(address in str(error) for address in addresses)
    elif set(kinds) == {"refused"}:  # that library names the last one, not a silent one
        assert addresses[-1] in str(error)
    # Refused by all is a wrong address; one that is silent may be a server that is away.
    assert (type(error) is UnreachableError) == (set(kinds) == {"refused"})


# ------------------------------------------------------------ a sync client of the caller's


def over_own(library: Any, url: str, **options: Any) -> Any:
    """Return the create's task over a client of this library, which chooses the addresses."""
    with (
        library.Client(trust_env=False) as http,
        Kling(KEY, base_url=url, http_client=http, clock=FakeClock(), **options) as kling,
    ):
        return Calls("order-1").create(kling)


@pytest.mark.parametrize("library", [httpx, httpx2])
def test_a_client_of_the_callers_gets_past_a_silent_address(
    monkeypatch: pytest.MonkeyPatch, library: Any
) -> None:
    """Its library gives each address the same time: half of the attempt's."""
    with host_of(monkeypatch, ("silent", "v4")) as (url, _, (server,)):
        task = over_own(library, url, timeout=0.6)
        assert list(server.kling.tasks) == [task.task_id]


@pytest.mark.parametrize("library", [httpx, httpx2])
def test_what_could_be_sent_only_after_the_timeout_is_not_sent(
    monkeypatch: pytest.MonkeyPatch, library: Any
) -> None:
    """Two silent addresses take all of it: the outcome is known, since nothing was sent."""
    with host_of(monkeypatch, ("silent", "silent", "v4")) as (url, _, (server,)):
        with pytest.raises(TransportError, match="nothing was sent within") as caught:
            over_own(library, url, timeout=0.3, retries=0)
        assert server.sent("POST") == []
    assert not caught.value.maybe_sent
    assert not isinstance(caught.value, OutcomeUnknownError)


# ------------------------------------------------------------ order and shares of a sync client


@pytest.fixture
def connects(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[tuple[str, float]]]:
    """Addresses and seconds, as they are connected to; those that end in 1 answer."""
    tried: list[tuple[str, float]] = []

    def connect_tcp(_: Any, host: str, port: int, timeout: float, *_more: Any) -> Any:
        tried.append((host, timeout))
        if not host.endswith("1"):
            raise httpcore.ConnectTimeout
        return _NoStream()

    monkeypatch.setattr(httpcore.SyncBackend, "connect_tcp", connect_tcp)
    token = attempt.set(CallAttempt(time.monotonic() + 100.0))
    yield tried
    attempt.reset(token)


class _NoStream(httpcore.NetworkStream):
    def get_extra_info(self, info: str) -> Any:
        return None


@pytest.mark.parametrize(
    ("left", "addresses", "seconds"),
    [
        (30.0, 1, 30.0),
        (30.0, 2, 5.0),
        (30.0, 8, 3.75),
        (9.0, 2, 4.5),
        (5.0, 1, 5.0),
        (4.0, 8, 1.0),
        (1.5, 2, 1.0),
        (0.4, 2, 0.4),
        (0.4, 1, 0.4),
    ],
)
def test_the_share_of_an_address(left: float, addresses: int, seconds: float) -> None:
    """An equal part of what is left, from 1 to 5 s; the last one has all of it."""
    assert sync_sockets._share(left, addresses) == seconds


def test_each_address_gets_its_share_of_the_time(
    monkeypatch: pytest.MonkeyPatch, connects: list[tuple[str, float]]
) -> None:
    """With the default timeout, two silent ones cost 5 s each."""
    resolves(monkeypatch, ["192.0.2.2", "192.0.2.3", "192.0.2.4"])
    with pytest.raises(httpcore.ConnectTimeout) as caught:
        sync_sockets._Backend().connect_tcp(HOST, 80, 30.0)
    assert caught.value.__notes__ == ["tried 192.0.2.2, 192.0.2.3, 192.0.2.4"]
    assert [round(timeout, 1) for _, timeout in connects] == [5.0, 5.0, 30.0]


def test_the_address_that_answered_last_comes_first(
    monkeypatch: pytest.MonkeyPatch, connects: list[tuple[str, float]]
) -> None:
    """A silent one costs its share once."""
    backend = sync_sockets._Backend()
    resolves(monkeypatch, ["192.0.2.2", "192.0.2.1", "192.0.2.11"])
    for _ in range(3):
        backend.connect_tcp(HOST, 80, 10.0)
    assert [address for address, _ in connects] == ["192.0.2.2"] + ["192.0.2.1"] * 3


def test_what_failed_comes_last(
    monkeypatch: pytest.MonkeyPatch, connects: list[tuple[str, float]]
) -> None:
    """So an attempt that runs out of time after two of four goes on with the others."""
    backend = sync_sockets._Backend()
    resolves(monkeypatch, ["192.0.2.2", "192.0.2.3"])
    with pytest.raises(httpcore.ConnectTimeout):
        backend.connect_tcp(HOST, 80, 10.0)
    resolves(monkeypatch, ["192.0.2.2", "192.0.2.3", "192.0.2.4", "192.0.2.1"])
    backend.connect_tcp(HOST, 80, 10.0)
    assert [address for address, _ in connects][2:] == ["192.0.2.4", "192.0.2.1"]


def test_addresses_are_not_remembered_without_end(
    monkeypatch: pytest.MonkeyPatch, connects: list[tuple[str, float]]
) -> None:
    """Files come from hosts that change their addresses all the time."""
    backend = sync_sockets._Backend()
    for number in range(3 * sync_sockets._MAX_REMEMBERED):
        resolves(monkeypatch, [f"10.{number // 200}.{number % 200}.1"])
        backend.connect_tcp(HOST, 80, 10.0)
    assert len(backend._order) <= sync_sockets._MAX_REMEMBERED + 1
    assert len(connects) == 3 * sync_sockets._MAX_REMEMBERED


@pytest.mark.slow  # a second of real time
@pytest.mark.alone
def test_the_defaults_get_past_a_silent_first_address(monkeypatch: pytest.MonkeyPatch) -> None:
    """A dead IPv6 route, or one dead A record, costs a share of the first call's time."""
    clock = FakeClock()
    with host_of(monkeypatch, ("silent", "v4")) as (url, _, servers):
        with Kling(KEY, base_url=url, clock=clock, timeout=2.0) as kling:
            started = time.monotonic()
            first = kling.text2video.create(prompt="a kitten")
            middle = time.monotonic()
            second = kling.text2video.create(prompt="a kitten")
        assert 0.9 <= middle - started < 1.9
        assert time.monotonic() - middle < 0.9
        assert list(servers[0].kling.tasks) == [first.task_id, second.task_id]
    assert clock.slept == []


# ------------------------------------------------------------ the name server


@clients
def test_a_name_server_that_has_no_answer_for_now_is_asked_again(
    monkeypatch: pytest.MonkeyPatch, client: str
) -> None:
    """A pod's does so at its start: until the create's deadline, and then one task is bought."""
    clock = FakeClock()
    with host_of(monkeypatch, ("v4",)) as (url, _, servers):
        honest, failures = socket.getaddrinfo, iter(range(5))

        def look_up(host: Any, *args: Any, **named: Any) -> Any:
            name = host.decode() if isinstance(host, bytes) else host
            if name == HOST and next(failures, None) is not None:
                raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
            return honest(host, *args, **named)

        monkeypatch.setattr(socket, "getaddrinfo", look_up)
        task = over(client, Calls("order-1").create, url, clock)
        assert list(servers[0].kling.tasks) == [task.task_id]
    assert len(clock.slept) == 5


@clients
def test_a_name_server_without_an_answer_until_the_deadline(
    monkeypatch: pytest.MonkeyPatch, client: str
) -> None:
    """Nothing was sent, so the outcome is not unknown; and it took the create's time."""
    clock = FakeClock()

    def look_up(*_: Any, **__: Any) -> Any:
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    with pytest.raises(TransportError, match=r"cannot connect to http://kling\.test:80") as caught:
        over(client, Calls("order-1").create, f"http://{HOST}", clock, create_deadline=20.0)
    assert not isinstance(caught.value, OutcomeUnknownError)
    assert not caught.value.maybe_sent
    assert 4 < sum(clock.slept) <= 20

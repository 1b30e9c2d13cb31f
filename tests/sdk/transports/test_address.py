"""An address that can never work: the call ends soon, and names the address and the cure."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kling_mock import KlingMock
from kling_sdk import (
    AsyncKling,
    Kling,
    KlingError,
    OutcomeUnknownError,
    Task,
    TransportError,
    UnreachableError,
)
from kling_sdk.flows.retry import Policy
from kling_sdk.transports.address import Address
from kling_sdk.wire.messages import redirected
from tests.mock.receiver import closed_url
from tests.sdk.clients import CLIENTS, KEY, PROMPT, Calls, over
from tests.sdk.faulty_server import Fault, FaultyKling
from tests.sdk.scripted import FakeClock

GRACE: Final = 3.0  # s
ELSEWHERE: Final = "https://user:pass@api.example:8443/v1/tasks?Signature=s3cret"

# ------------------------------------------------------------ the table


@contextlib.contextmanager
def refused(_: Any) -> Iterator[str]:
    yield closed_url().rstrip("/")


@contextlib.contextmanager
def unknown_host(_: Any) -> Iterator[str]:
    yield "http://no-such-host.invalid:8080"


@contextlib.contextmanager
def certificate_of_nobody(certificate: tuple[Path, Path]) -> Iterator[str]:
    cert, key = certificate
    with KlingMock(tls_cert=str(cert), tls_key=str(key)) as mock:
        yield mock.kling_url


@contextlib.contextmanager
def plain_under_tls(_: Any) -> Iterator[str]:
    with KlingMock() as mock:
        yield mock.kling_url.replace("http://", "https://")


@contextlib.contextmanager
def tls_under_plain(certificate: tuple[Path, Path]) -> Iterator[str]:
    cert, key = certificate
    with KlingMock(tls_cert=str(cert), tls_key=str(key)) as mock:
        yield mock.kling_url.replace("https://", "http://")


@contextlib.contextmanager
def redirecting(_: Any) -> Iterator[str]:
    with FaultyKling() as server:
        server.breaks(then=Fault.page(301, b"moved", location=ELSEWHERE))
        yield server.url


#: What is wrong -> where, whether the request was sent, what the error has to say.
FAILURES: Final[dict[str, tuple[Any, bool, tuple[str, ...]]]] = {
    "refused": (refused, False, ("the connection is refused", "start the server")),
    "unknown host": (unknown_host, False, ("the host is not known",)),
    "certificate": (certificate_of_nobody, False, ("certificate", "SSL_CERT_FILE")),
    "https to http": (plain_under_tls, False, ("does not speak TLS", "use http://")),
    "http to https": (tls_under_plain, True, ("speaks TLS", "use https://")),
    "redirect": (redirecting, True, ("301", "base_url='https://api.example:8443'")),
}
table = pytest.mark.parametrize("failure", FAILURES)
clients = pytest.mark.parametrize("client", CLIENTS)


@table
@clients
@pytest.mark.parametrize("call", ["create", "get", "list"])
def test_an_address_that_can_never_work_ends_the_call_within_three_seconds(
    certificate: tuple[Path, Path], failure: str, client: str, call: str
) -> None:
    """Three attempts, and an error with scheme, host and port, what is wrong and what to do."""
    where, sent, words = FAILURES[failure]
    clock = FakeClock()
    with where(certificate) as url, pytest.raises(KlingError) as caught:
        over(client, getattr(Calls("order-1"), call), url, clock)
    assert sum(clock.slept) <= GRACE
    assert len(clock.slept) == 2
    text = str(caught.value)
    for word in words if failure == "redirect" else (*words, url):
        assert word in text
    for hidden in ("s3cret", "pass@", "SK-canary", PROMPT):
        assert hidden not in text
    if call == "create" and sent:
        assert isinstance(caught.value, OutcomeUnknownError)
        assert isinstance(caught.value.__cause__, UnreachableError)
    else:
        assert type(caught.value) is UnreachableError
        assert caught.value.maybe_sent is sent
    if call == "create":
        assert caught.value.external_task_id == "order-1"


@clients
@pytest.mark.parametrize("call", ["create", "get", "list"])
def test_a_server_that_may_be_starting_is_waited_for(client: str, call: str) -> None:
    """While the port is closed, the call tries until its deadline."""
    clock = FakeClock()
    options = {"deadline": 10.0, "create_deadline": 10.0, "wait_for_server": True}
    with refused(None) as url, pytest.raises(UnreachableError, match="refused"):
        over(client, getattr(Calls("order-1"), call), url, clock, **options)
    # Pauses are drawn below 0.5, 1, 2 and 4 s: four fit into 10 s, whatever is drawn.
    assert len(clock.slept) >= 4
    assert sum(clock.slept) <= 10


@clients
def test_what_is_wrong_for_good_is_not_waited_for(client: str) -> None:
    """A redirect comes from a server that runs."""
    clock = FakeClock()
    with redirecting(None) as url, pytest.raises(UnreachableError, match="301"):
        over(client, lambda k: k.text2video.get("1"), url, clock, wait_for_server=True)
    assert len(clock.slept) == 2


class StartsServer(FakeClock):
    """A clock on which a server starts at the fifth pause."""

    def __init__(self, server: FaultyKling) -> None:
        super().__init__()
        self.server = server

    def sleep(self, seconds: float, wake: threading.Event | None = None) -> None:
        super().sleep(seconds, wake)
        if len(self.slept) == 5:
            self.server.listen()

    async def asleep(self, seconds: float) -> None:
        await super().asleep(seconds)
        if len(self.slept) == 5:
            await asyncio.to_thread(self.server.listen)


@clients
def test_a_server_that_has_started_answers_the_call_that_waited_for_it(client: str) -> None:
    """One create is bought, however many attempts did not reach a server."""
    with FaultyKling(listening=False) as server:
        clock = StartsServer(server)
        task = over(client, Calls("order-1").create, server.url, clock, wait_for_server=True)
        assert task.external_task_id == "order-1"
        assert len(clock.slept) == 5
        assert len(server.sent("POST")) == 1


@clients
def test_a_wait_at_such_an_address_ends_too(client: str) -> None:
    """It does not poll for 30 minutes at an address that has never answered."""
    clock = FakeClock()
    with pytest.raises(UnreachableError, match="refused") as caught:
        over(client, lambda kling: kling.text2video.wait("800"), closed_url(), clock)
    assert sum(clock.slept) <= GRACE
    assert caught.value.task_id == "800"


@pytest.mark.parametrize("count", [1, 2, 5])
def test_many_waits_at_such_an_address_end_too(count: int) -> None:
    """After three polls that did not reach a server, each task is handed out with the error."""
    clock = FakeClock()
    tasks = [Task(f"80{n}", "submitted", endpoint="text2video") for n in range(count)]
    with Kling(KEY, base_url=closed_url(), clock=clock) as kling:
        outcomes = kling.wait_all(tasks)
    assert [type(outcome.error) for outcome in outcomes] == [UnreachableError] * count
    assert [outcome.error and outcome.error.task_id for outcome in outcomes] == [
        task.task_id for task in tasks
    ]
    assert sum(clock.slept) <= 10.0 + GRACE  # the first poll is not at once


# ------------------------------------------------------------ a restart is something else


@pytest.mark.parametrize("colour", ["sync", "async"])
async def test_a_server_that_has_answered_before_is_waited_for(colour: str) -> None:
    """Refused for a while after an answer, as in a restart: repeated as any lost answer."""
    clock = FakeClock()
    server = KlingMock(seed=1, clock="real")
    server.start()
    client: Any = (Kling if colour == "sync" else AsyncKling)(
        access_key=server.access_key,
        secret_key=server.secret_key,
        base_url=server.kling_url,
        clock=_RealTime(clock),
    )
    port = int(server.kling_url.rpartition(":")[2])
    listing = client.text2video.list()
    if colour == "async":
        await listing
    server.stop()
    again = KlingMock(seed=1, clock="real", kling_port=port)

    def restart(_: float) -> None:
        if len(clock.slept) == 6:
            again.start()

    clock.on_sleep = restart
    try:
        page = client.text2video.list()
        assert len(page if colour == "sync" else await page) == 0
        assert len(clock.slept) >= 6
    finally:
        again.stop()
        closing = client.close()
        if colour == "async":
            await closing


class _RealTime(FakeClock):
    """The given clock's sleeps, and the computer's time for tokens."""

    def __init__(self, clock: FakeClock) -> None:
        super().__init__()
        self._clock = clock

    def time(self) -> float:
        return time.time()

    def monotonic(self) -> float:
        return self._clock.monotonic()

    def sleep(self, seconds: float, wake: Any = None) -> None:
        self._clock.sleep(seconds, wake)


def test_a_client_that_takes_every_address_for_a_restart_is_noticed() -> None:
    """Negative control: a client that was "answered before" repeats for a minute, as it did."""
    clock = FakeClock()
    with Kling(KEY, base_url=closed_url(), clock=clock) as kling:
        kling._settings.ctx.server.answered = True
        with pytest.raises(UnreachableError):
            kling.text2video.get("1")
    assert sum(clock.slept) > 10 * GRACE


def test_a_lost_answer_before_the_first_one_is_repeated_for_as_long_as_ever() -> None:
    """A server that was reached once, however it ended, is not judged by a refused connection."""
    error = UnreachableError("refused", maybe_sent=False)
    never = Policy(None, lambda: 0.5, answered=False, reached=False)
    assert never.pause(error, 3, 100.0) is None
    assert never._replace(reached=True).pause(error, 3, 100.0)
    assert never._replace(answered=True).pause(error, 3, 100.0)
    assert never.pause(TransportError("reset"), 3, 100.0)


@given(st.floats(0, 1, exclude_max=True), st.booleans())
def test_the_grace_is_three_attempts_within_three_seconds(chance: float, sent: bool) -> None:  # noqa: FBT001
    """With any jitter, the pauses at a wrong address stay below the promise."""
    policy = Policy(None, lambda: chance, answered=False, reached=False)
    error = UnreachableError("wrong", maybe_sent=sent)
    pauses = [policy.pause(error, attempt, 1000.0) for attempt in (1, 2, 3)]
    assert pauses[2] is None
    assert sum(pause or 0.0 for pause in pauses) <= 1.5


# ------------------------------------------------------------ words


@pytest.mark.parametrize(
    ("location", "address"),
    [
        ("https://api.example/x", "'https://api.example'"),
        ("http://[::1]:80/x?token=s3cret", "'http://[::1]:80'"),
        ("//api.example", "'https://api.example'"),
        ("/login?token=s3cret", "check base_url"),
        ("http://[", "check base_url"),
        ("http://a:99999/", "check base_url"),
        ("", "check base_url"),
    ],
)
def test_where_a_redirect_leads_is_shown_without_its_path(location: str, address: str) -> None:
    """Only scheme, host and port: a path or query may hold a token."""
    text = str(redirected(302, {"location": location}))
    assert address in text
    assert "s3cret" not in text


def test_a_proxy_is_mentioned_where_the_environment_names_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What refuses a connection may then be the proxy."""
    monkeypatch.setenv("HTTP_PROXY", "http://user:s3cret@proxy.example:3128")
    error = Address("http://api.example/base").not_connected(ConnectionRefusedError())
    assert error is not None
    assert "http://api.example:80:" in str(error)
    assert "environment sets a proxy" in str(error)
    assert "s3cret" not in str(error)

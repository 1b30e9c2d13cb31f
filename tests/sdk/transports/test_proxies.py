"""A proxy on the way: a failure before it connects is not an outcome of a create."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import aiohttp
import httpx
import httpx2
import pytest

from kling_mock import KlingMock
from kling_sdk import (
    AsyncKling,
    DownloadError,
    Kling,
    OutcomeUnknownError,
    TransportError,
    UnreachableError,
)
from tests.sdk.clients import KEY, PROMPT
from tests.sdk.proxy import PASSWORD, Kind, Proxy
from tests.sdk.scripted import FakeClock

SERVER: Final = "https://kling.test"
NAMES: Final = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


Use = Callable[[Any], Any]


def default(_: Proxy, use: Use, *, key: str = KEY, **settings: Any) -> Any:
    with Kling(key, **settings) as kling:
        return use(kling)


def default_async(_: Proxy, use: Use, *, key: str = KEY, **settings: Any) -> Any:
    async def run() -> Any:
        async with AsyncKling(key, **settings) as kling:
            return await use(kling)

    return asyncio.run(run())


def own(proxy: Proxy, use: Use, *, key: str = KEY, ssl_context: Any = None, **settings: Any) -> Any:
    tls = ssl_context or httpx2.create_ssl_context()
    with (
        httpx2.Client(proxy=proxy.url, verify=tls, trust_env=False) as http,
        Kling(key, http_client=http, **settings) as kling,
    ):
        return use(kling)


def own_async(
    proxy: Proxy, use: Use, *, key: str = KEY, ssl_context: Any = None, **settings: Any
) -> Any:
    async def run() -> Any:
        tls = ssl_context or httpx.create_ssl_context()
        async with (
            httpx.AsyncClient(proxy=proxy.url, verify=tls, trust_env=False) as http,
            AsyncKling(key, http_client=http, **settings) as kling,
        ):
            return await use(kling)

    return asyncio.run(run())


def session(_: Proxy, use: Use, *, key: str = KEY, ssl_context: Any = None, **settings: Any) -> Any:
    async def run() -> Any:
        connector = aiohttp.TCPConnector(ssl=ssl_context or True)
        async with (
            aiohttp.ClientSession(trust_env=True, connector=connector) as http,
            AsyncKling(key, http_client=http, **settings) as kling,
        ):
            returned = await use(kling)
        # aiohttp's close begins the end of TLS and does not wait for it: see "Graceful Shutdown".
        await asyncio.sleep(0.05)
        return returned

    return asyncio.run(run())


#: Default clients and an aiohttp session find the proxy in the environment; the others get it.
CLIENTS: Final[dict[str, Callable[..., Any]]] = {
    "default": default,
    "default async": default_async,
    "httpx2": own,
    "async httpx": own_async,
    "aiohttp": session,
}
clients = pytest.mark.parametrize("client", CLIENTS)
#: What a proxy does instead of connecting, and the words for it.
TROUBLE: Final[dict[Kind, str]] = {
    "407": "407",
    "502": "502",
    "hangs": "",
    "cuts": "",
    "cuts at once": "",
}


@pytest.fixture
def proxy(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Proxy]:
    with Proxy(request.getfixturevalue("kind")) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        yield proxy


@clients
@pytest.mark.parametrize("kind", TROUBLE)
def test_a_proxy_that_does_not_connect_ends_a_create_at_once(
    proxy: Proxy, kind: Kind, client: str
) -> None:
    """Nothing was sent, and so nothing bought; a refused password is tried no second time."""
    clock = FakeClock()
    with pytest.raises(UnreachableError if TROUBLE[kind] else TransportError) as caught:
        CLIENTS[client](
            proxy,
            lambda kling: kling.text2video.create(prompt=PROMPT, external_task_id="order-1"),
            base_url=SERVER,
            clock=clock,
            timeout=0.3,
            create_deadline=20.0,
        )
    error = caught.value
    assert not error.maybe_sent
    assert error.external_task_id == "order-1"
    assert PASSWORD not in str(error)
    if TROUBLE[kind] or client != "aiohttp":  # which does not say who did not answer
        assert type(error) is UnreachableError
        assert proxy.requests == ["connect kling.test:443 http/1.1"]
        assert clock.slept == []
        assert TROUBLE[kind] in str(error)
        assert "proxy" in str(error)
        if client != "aiohttp":
            assert proxy.name in str(error)


@pytest.mark.parametrize("client", ["default", "default async"])
@pytest.mark.parametrize("kind", ["407"])
def test_a_download_and_a_wait_do_not_repeat_a_refused_password_either(
    proxy: Proxy, kind: Kind, client: str, tmp_path: Path
) -> None:
    """An account of the company may be locked after three."""
    clock = FakeClock()
    for number, use in enumerate(
        (
            lambda kling: kling.download("https://cdn.test/a.mp4", tmp_path / "a.mp4"),
            lambda kling: kling.text2video.wait("800"),
            lambda kling: kling.text2video.list(),
        ),
        1,
    ):
        with pytest.raises((DownloadError, UnreachableError), match=r"proxy|407"):
            CLIENTS[client](proxy, use, base_url=SERVER, clock=clock)
        assert len(proxy.requests) == number


@pytest.mark.parametrize("client", ["default", "default async"])
@pytest.mark.parametrize("kind", ["502", "cuts", "cuts at once"])
def test_a_wait_goes_on_until_the_proxy_refuses_the_password(
    proxy: Proxy, kind: Kind, client: str
) -> None:
    """A gateway that is restarted must not end the wait for a video."""
    clock = FakeClock()

    def refuse(_: float) -> None:
        proxy.kind = "407"

    clock.on_sleep = refuse
    with pytest.raises(UnreachableError, match="407") as caught:
        CLIENTS[client](
            proxy, lambda kling: kling.text2video.wait("800"), base_url=SERVER, clock=clock
        )
    assert caught.value.task_id == "800"
    assert len(proxy.requests) == 2


@clients
@pytest.mark.parametrize("kind", ["connects"])
@pytest.mark.parametrize("no_proxy", [False, True], ids=["auth", "NO_PROXY"])
def test_a_proxy_that_connects_is_used_unless_no_proxy_says_otherwise(
    proxy: Proxy,
    kind: Kind,
    client: str,
    certificate: tuple[Path, Path],
    monkeypatch: pytest.MonkeyPatch,
    no_proxy: bool,  # noqa: FBT001 - a parameter of pytest's
) -> None:
    """Its user and password are used; a client with its own proxy ignores the environment."""
    if no_proxy:
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    cert, key = certificate
    tls = ssl.create_default_context(cafile=str(cert))
    with KlingMock(tls_cert=str(cert), tls_key=str(key)) as mock:
        task = CLIENTS[client](
            proxy,
            lambda kling: kling.text2video.create(prompt=PROMPT),
            key=f"{mock.access_key}|{mock.secret_key}",
            base_url=mock.kling_url,
            ssl_context=tls,
        )
        assert [entry.task_id for entry in mock.journal] == [task.task_id]
    goes_direct = no_proxy and client not in {"httpx2", "async httpx"}
    assert bool(proxy.passed) is not goes_direct
    assert bool(proxy.requests) is not goes_direct


@pytest.mark.parametrize("client", ["default", "default async"])
@pytest.mark.parametrize("kind", ["407"])
def test_a_proxy_that_refuses_plain_http_gets_it_once(
    proxy: Proxy, kind: Kind, client: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Plain HTTP goes to a proxy without CONNECT, so the request has left, whatever it says."""
    monkeypatch.setenv("HTTP_PROXY", proxy.url)
    clock = FakeClock()
    settings: Any = {"base_url": "http://kling.test", "clock": clock}
    with pytest.raises(OutcomeUnknownError) as caught:
        CLIENTS[client](proxy, lambda kling: kling.text2video.create(prompt=PROMPT), **settings)
    assert "407" in str(caught.value.__cause__)
    assert len(proxy.requests) == 1
    with pytest.raises(UnreachableError, match="407"):
        CLIENTS[client](proxy, lambda kling: kling.text2video.list(), **settings)
    assert len(proxy.requests) == 2
    assert clock.slept == []


@pytest.mark.parametrize("client", ["default", "default async"])
@pytest.mark.parametrize("url", ["socks5://127.0.0.1:1", "nonsense://127.0.0.1:1", "http://[::1"])
def test_a_proxy_that_cannot_be_used_is_an_error_of_ours(
    client: str, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SOCKS needs a package that is not installed: before anything is sent, with what to do."""
    monkeypatch.setenv("ALL_PROXY", url)
    with Proxy("502") as unused, pytest.raises(UnreachableError, match="ALL_PROXY") as caught:
        CLIENTS[client](
            unused,
            lambda kling: kling.text2video.create(prompt=PROMPT),
            base_url=SERVER,
            clock=FakeClock(),
        )
    assert not caught.value.maybe_sent
    assert "127.0.0.1:1" not in str(caught.value)  # there may be a password in it


@pytest.mark.parametrize("client", ["default", "default async"])
def test_trust_env_false_asks_no_proxy(client: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """This includes a proxy that cannot be used."""
    monkeypatch.setenv("ALL_PROXY", "socks5://127.0.0.1:1")
    with KlingMock() as mock, Proxy("502") as unused:
        page = CLIENTS[client](
            unused,
            lambda kling: kling.text2video.list(),
            key=f"{mock.access_key}|{mock.secret_key}",
            base_url=mock.kling_url,
            trust_env=False,
        )
    assert len(page) == 0

"""Mistakes before anything is sent: an error of ours, at once, and not an unknown outcome."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import aiohttp
import httpcore
import httpx
import httpx2
import pytest

from kling_sdk import (
    AsyncKling,
    Kling,
    KlingError,
    OutcomeUnknownError,
    RequestValidationError,
    UnreachableError,
)
from kling_sdk.client.settings import settings_from
from kling_sdk.transports.default import shared_ssl_context
from tests.sdk.clients import KEY, PROMPT
from tests.sdk.faulty_server import FaultyKling
from tests.sdk.scripted import FakeClock


def refused(kling: Any) -> KlingError:
    """Return the error of a create that was not sent, and not tried twice."""
    with pytest.raises(KlingError) as caught:
        kling.text2video.create(prompt=PROMPT)
    assert not isinstance(caught.value, OutcomeUnknownError)
    return caught.value


async def arefused(kling: AsyncKling) -> KlingError:
    with pytest.raises(KlingError) as caught:
        await kling.text2video.create(prompt=PROMPT)
    assert not isinstance(caught.value, OutcomeUnknownError)
    return caught.value


# ------------------------------------------------------------ the address


@pytest.mark.parametrize("blank", ["\n", " ", "\r\n", "\t", "  \n"])
def test_blanks_around_an_address_and_a_key_are_not_part_of_them(blank: str) -> None:
    """`--env-file` and `$(cat)` leave them; `KLING_REGION` is treated in the same way."""
    environment = {
        "KLING_BASE_URL": f"{blank}http://kling.test:8080/base{blank}",
        "KLING_ACCESS_KEY": f"{blank}AK{blank}",
        "KLING_SECRET_KEY": f"SK{blank}",
        "KLING_REGION": blank,
        "KLING_API_KEY": blank,
    }
    settings = settings_from(environment, None, None, None, None, None, None, {})
    assert settings.base_url == "http://kling.test:8080/base"
    assert len(settings.ctx.keys.keys) == 1
    region = {"KLING_REGION": f"{blank}cn{blank}", "KLING_BASE_URL": blank}
    settings = settings_from(region, "a|b", None, None, None, None, None, {})
    assert settings.base_url == "https://api-beijing.klingai.com"
    settings = settings_from({}, "a|b", None, None, None, f"http://a{blank}", None, {})
    assert settings.base_url == "http://a"


@pytest.mark.parametrize(
    "url",
    [
        "http://kling.test\n/v1",
        "http://kling .test",
        "http://kling.test\\v1",
        "http://kling.test:0",
        "http://kling.test:99999",
        "http://kling.test:port",
        "http://[::1",
        "http://kling.test/#v1",
        "http://kling.test?x",
        "http://@kling.test",
        "https://xn--.test",
        "https://" + "a" * 64 + ".\u00e9",
        "https://\u2603\ufe0f-\u200d.test",
        "kling.test",
        "ftp://kling.test",
    ],
)
def test_an_address_that_cannot_be_one_is_refused_where_it_is_read(url: str) -> None:
    """This covers parameters, the environment and a relay: no client is made."""
    for make in (
        lambda: Kling(KEY, base_url=url),
        lambda: AsyncKling(KEY, base_url=url),
        lambda: Kling.relay(url, "sk-1"),
        lambda: settings_from({"KLING_BASE_URL": url}, "a|b", None, None, None, None, None, {}),
    ):
        with pytest.raises(RequestValidationError, match=r"^base_url ") as caught:
            make()
        assert caught.value.field == "base_url"


@pytest.mark.parametrize(
    "url", ["https://b\u00fccher.example", "https://xn--bcher-kva.example", "http://my_relay:3000"]
)
def test_an_unusual_address_that_can_be_one_is_taken(url: str) -> None:
    """Names of other scripts, and a container's with an underscore."""
    assert url in repr(Kling(KEY, base_url=url))


# ------------------------------------------------------------ certificates


@pytest.fixture
def no_context() -> Iterator[None]:
    shared_ssl_context.cache_clear()
    yield
    shared_ssl_context.cache_clear()


@pytest.mark.usefixtures("no_context")
@pytest.mark.parametrize("content", [None, "no certificate"])
async def test_certificates_that_cannot_be_read_are_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: str | None
) -> None:
    """The error has the variable and the file: Python's own error names neither."""
    place = tmp_path / "company-ca.pem"
    if content is not None:
        place.write_text(content)
    monkeypatch.setenv("SSL_CERT_FILE", str(place))
    clock = FakeClock()
    with Kling(KEY, clock=clock) as kling:
        error = refused(kling)
    async with AsyncKling(KEY, clock=clock) as async_kling:
        again = await arefused(async_kling)
    assert isinstance(error, UnreachableError)
    for text in (str(error), str(again)):
        assert f"SSL_CERT_FILE is {str(place)!r}" in text
    assert clock.slept == []


# ------------------------------------------------------------ the caller's own client


async def test_a_closed_client_sends_nothing() -> None:
    """This holds for clients of either library, sync and async, and of aiohttp."""
    clock = FakeClock()
    with FaultyKling() as server:
        settings: Any = {"base_url": server.url, "clock": clock}
        for library in (httpx, httpx2):
            sync: Any = library.Client()
            other: Any = library.AsyncClient()
            sync.close()
            await other.aclose()
            with Kling(KEY, http_client=sync, **settings) as kling:
                assert "http_client is closed" in str(refused(kling))
            async with AsyncKling(KEY, http_client=other, **settings) as async_kling:
                assert "http_client is closed" in str(await arefused(async_kling))
        session = aiohttp.ClientSession()
        await session.close()
        async with AsyncKling(KEY, http_client=session, **settings) as async_kling:
            assert "http_client is closed" in str(await arefused(async_kling))
        assert server.connections == 0
    assert clock.slept == []


class HookError(Exception):
    """The caller's own."""


def _hook(*_: Any) -> None:
    raise HookError("canary")


async def _ahook(*_: Any) -> None:
    raise HookError("canary")


class _Hook:
    def __init__(self, *, raises: bool = True) -> None:
        self.raises = raises

    def __call__(self, _: Any) -> None:
        if self.raises:
            raise HookError("canary")


async def test_a_hook_that_raises_has_sent_nothing() -> None:
    """Its own error is the cause, and the create is not tried again."""
    clock = FakeClock()
    with FaultyKling() as server:
        settings: Any = {"base_url": server.url, "clock": clock}
        errors: list[KlingError] = []
        for library in (httpx, httpx2):
            for hook in (_hook, _Hook()):
                events: Any = {"request": [hook]}
                with (
                    library.Client(event_hooks=events) as sync,
                    Kling(KEY, http_client=sync, **settings) as kling,
                ):
                    errors.append(refused(kling))
            async with (
                library.AsyncClient(event_hooks={"request": [_ahook]}) as other,
                AsyncKling(KEY, http_client=other, **settings) as async_kling,
            ):
                errors.append(await arefused(async_kling))
        trace = aiohttp.TraceConfig()
        trace.on_request_start.append(_ahook)
        async with (
            aiohttp.ClientSession(trace_configs=[trace]) as session,
            AsyncKling(KEY, http_client=session, **settings) as async_kling,
        ):
            errors.append(await arefused(async_kling))
        assert server.connections == 0
    for error in errors:
        assert isinstance(error, UnreachableError)
        assert isinstance(error.__cause__, HookError)
        assert "HookError" in str(error)
        assert "canary" not in str(error)
    assert clock.slept == []


@pytest.mark.parametrize("kind", ["response hook", "hooks of one class", "mock", "transport"])
def test_what_raises_after_the_request_was_sent_may_have_bought(kind: str) -> None:
    """Negative control: a hook of the response, and a transport that says nothing of itself.

    The caller's own error stays what it is, with a note that has the create's id.
    """

    class Breaking(httpx.HTTPTransport):
        def handle_request(self, request: httpx.Request) -> httpx.Response:
            super().handle_request(request).close()
            raise HookError("canary")

    def mocked(request: httpx.Request) -> httpx.Response:
        return httpx.post(request.url, headers=request.headers, content=request.content)

    hooks: Any = {"request": [_Hook(raises=False)], "response": [_Hook()]}
    with FaultyKling() as server:
        client = {
            "response hook": lambda: httpx.Client(event_hooks={"response": [_hook]}),
            "hooks of one class": lambda: httpx.Client(event_hooks=hooks),
            "mock": lambda: httpx.Client(event_hooks=hooks, transport=httpx.MockTransport(mocked)),
            "transport": lambda: httpx.Client(transport=Breaking()),
        }[kind]()
        with (
            client,
            Kling(KEY, http_client=client, base_url=server.url, clock=FakeClock()) as kling,
            pytest.raises(HookError) as caught,
        ):
            kling.text2video.create(prompt=PROMPT)
        assert len(server.kling.tasks) == 1
    assert "may have been accepted" in caught.value.__notes__[0]


class _Retrying(httpx.HTTPTransport):
    def handle_request(self, request: httpx.Request) -> httpx.Response:
        super().handle_request(request).close()
        raise httpx.ConnectError("refused")


class _AsyncRetrying(httpx.AsyncHTTPTransport):
    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await (await super().handle_async_request(request)).aclose()
        raise httpx.ConnectError("refused")


async def _retry(request: aiohttp.ClientRequest, send: Any) -> aiohttp.ClientResponse:
    (await send(request)).close()
    raise aiohttp.ClientConnectorError(Any, OSError("refused"))  # type: ignore[arg-type] # the key is not read


async def test_a_client_that_repeats_what_was_sent_may_have_bought() -> None:
    """A second try that does not connect says nothing of the first."""
    errors = []
    with FaultyKling() as server:
        settings: Any = {"base_url": server.url, "clock": FakeClock(), "retries": 0}
        with (
            httpx.Client(transport=_Retrying()) as sync,
            Kling(KEY, http_client=sync, **settings) as kling,
            pytest.raises(OutcomeUnknownError) as caught,
        ):
            kling.text2video.create(prompt=PROMPT)
        errors.append(caught.value)
        clients: list[Any] = [
            httpx.AsyncClient(transport=_AsyncRetrying()),
            aiohttp.ClientSession(middlewares=[_retry]),
        ]
        for client in clients:
            async with client, AsyncKling(KEY, http_client=client, **settings) as async_kling:
                with pytest.raises(OutcomeUnknownError) as caught:
                    await async_kling.text2video.create(prompt=PROMPT)
                errors.append(caught.value)
        assert len(server.kling.tasks) == len(errors) == 3


def test_an_error_of_the_program_s_own_stays_what_it_is_before_anything_is_sent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A signal handler may raise its time limit while a connection is made."""

    class TimeLimitError(Exception):
        """The program's."""

    def connect(*_: Any, **__: Any) -> Any:
        raise TimeLimitError

    monkeypatch.setattr(httpcore.SyncBackend, "connect_tcp", connect)
    with Kling(KEY, base_url="http://127.0.0.1:1") as kling, pytest.raises(TimeLimitError):
        kling.text2video.create(prompt=PROMPT)


def test_a_session_of_another_loop_has_sent_nothing() -> None:
    """Its connections cannot be used here."""

    async def make() -> aiohttp.ClientSession:
        return aiohttp.ClientSession()

    async def use(session: aiohttp.ClientSession, url: str) -> KlingError:
        settings: Any = {"base_url": url, "clock": FakeClock()}
        async with AsyncKling(KEY, http_client=session, **settings) as kling:
            return await arefused(kling)

    with FaultyKling() as server:
        first = asyncio.new_event_loop()
        session = first.run_until_complete(make())
        try:
            error = asyncio.run(use(session, server.url))
        finally:
            first.run_until_complete(session.close())
            first.close()
        assert isinstance(error, UnreachableError)
        assert server.requests == []


# ------------------------------------------------------------ the request

UNWRITABLE: Final[dict[str, dict[str, Any]]] = {
    "an unpaired surrogate": {"prompt": "\ud800"},
    "not JSON": {"prompt": PROMPT, "extra_body": {"x": object()}},
}


@pytest.mark.parametrize("body", UNWRITABLE)
async def test_a_body_that_cannot_be_written_is_refused(body: str) -> None:
    """It is the request that is wrong, and not the way."""
    clock = FakeClock()
    values = UNWRITABLE[body]
    with FaultyKling() as server:
        settings: Any = {"base_url": server.url, "clock": clock}
        with Kling(KEY, **settings) as kling, pytest.raises(RequestValidationError):
            kling.text2video.create(**values)
        async with AsyncKling(KEY, **settings) as async_kling:
            with pytest.raises(RequestValidationError):
                await async_kling.text2video.create(**values)
        async with (
            aiohttp.ClientSession() as session,
            AsyncKling(KEY, http_client=session, **settings) as async_kling,
        ):
            with pytest.raises(RequestValidationError):
                await async_kling.text2video.create(**values)
        assert server.connections == 0
    assert clock.slept == []

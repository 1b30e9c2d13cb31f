"""An environment that names a proxy, as many company networks have: the mock is met directly."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.mock.receiver import closed_url
from tests.mock.testing.conftest import Run

pytestmark = pytest.mark.slow

VARIABLES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy")
EXCEPTIONS = {"NO_PROXY": "example.com", "no_proxy": "example.com"}
ENVIRONMENTS = {
    "one": VARIABLES[-1:],  # it is for every scheme, and the others are among "all"
    "all": VARIABLES,
    "all, with exceptions": (*VARIABLES, *EXCEPTIONS),
}
CLIENTS = """
    import os

    import aiohttp
    import httpx
    import httpx2
    import pytest
    from kling_mock import KlingMock
    from tests.mock.receiver import Receiver

    SYNC = {
        "client": lambda mock: mock.client(),
        "relay client": lambda mock: mock.relay_client(),
        "httpx": lambda mock: mock.client(http_client=httpx.Client(trust_env=False)),
        "httpx2": lambda mock: mock.client(http_client=httpx2.Client(trust_env=False)),
    }
    ASYNC = {
        "client": lambda mock: mock.async_client(),
        "relay client": lambda mock: mock.async_relay_client(),
        "aiohttp": lambda mock: mock.async_client(http_client=aiohttp.ClientSession()),
        "httpx2": lambda mock: mock.async_client(http_client=httpx2.AsyncClient(trust_env=False)),
    }

    def test_the_environment_is_read():
        assert not os.environ["PROBE"] or os.environ[os.environ["PROBE"]].startswith("http://127.")

    @pytest.mark.parametrize("name", SYNC)
    def test_sync(kling_mock, name, tmp_path):
        with SYNC[name](kling_mock) as kling:
            task = kling.text2video.run(prompt="a kitten")
            assert kling.download(task.videos[0], tmp_path).size > 1000

    @pytest.mark.asyncio
    @pytest.mark.parametrize("name", ASYNC)
    async def test_async(kling_mock, name, tmp_path):
        async with ASYNC[name](kling_mock) as kling:
            task = await kling.text2video.run(prompt="a kitten")
            assert (await kling.download(task.videos[0], tmp_path)).size > 1000

    def test_fixtures(kling, kling_relay):
        assert kling.text2video.run(prompt="a kitten").is_succeed
        assert kling_relay.text2video.run(prompt="a kitten").is_succeed

    def test_shared(kling_mock_server, kling):
        assert kling.text2video.run(prompt="a kitten").is_succeed

    @pytest.mark.asyncio
    async def test_async_fixture(async_kling):
        assert (await async_kling.text2video.run(prompt="a kitten")).is_succeed

    def test_callbacks(kling_mock, kling, kling_relay):
        receiver = Receiver()
        for client in (kling, kling_relay):
            client.text2video.run(prompt="a kitten", callback_url=receiver.url)
            kling_mock.clock.advance(60)
            assert "succeed" in receiver.received.pop().body.decode()
            receiver.received.clear()
        receiver.close()
        assert {one.state for one in kling_mock.deliveries} == {"delivered"}
"""


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_every_client_of_the_mock_ignores_proxies(
    run: Run, monkeypatch: pytest.MonkeyPatch, environment: str
) -> None:
    """For any proxy, clients, fixtures, the relay and callbacks reach the mock."""
    set_proxies(monkeypatch, ENVIRONMENTS[environment])
    result = run(CLIENTS, "-p", "no:warnings", plugins=["pytest_asyncio.plugin"])
    result.assert_outcomes(passed=13)


def test_a_client_that_reads_the_environment_is_noticed(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Canary: with the default of the SDK's clients, the same run goes to the dead proxy."""
    set_proxies(monkeypatch, VARIABLES)
    naive = CLIENTS.replace("mock.client()", "mock.client(trust_env=True)").replace(
        "mock.async_client()", "mock.async_client(trust_env=True)"
    )
    result = run(naive, "-p", "no:warnings", plugins=["pytest_asyncio.plugin"])
    result.assert_outcomes(passed=11, failed=2)


def set_proxies(monkeypatch: pytest.MonkeyPatch, names: tuple[str, ...]) -> None:
    for name in (*VARIABLES, *EXCEPTIONS):
        monkeypatch.delenv(name, raising=False)
    for name in names:
        monkeypatch.setenv(name, EXCEPTIONS.get(name, closed_url()))
    monkeypatch.setenv("PROBE", names[0])
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[3]))

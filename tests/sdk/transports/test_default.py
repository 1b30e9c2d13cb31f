"""The clients that a `Kling` and an `AsyncKling` open themselves."""

from __future__ import annotations

import logging

import httpx
import pytest

from kling_sdk import AsyncKling, Kling
from kling_sdk.transports.default import default_async_client, default_client
from tests.sdk.faulty_server import Fault, FaultyKling

KEY = "AK|SK"


LIST = ("GET", "/v1/videos/text2video")


async def test_a_cookie_of_the_server_is_not_sent_back() -> None:
    """Calls do not depend on each other: what a gateway sets in one is not part of the next."""
    cookie = Fault.page(404, set_cookie="route=1; Path=/")
    with FaultyKling() as server:
        server.plan = iter([cookie, None, cookie, None])
        with Kling(KEY, base_url=server.url) as kling:
            assert kling.request_raw(*LIST).headers["set-cookie"] == "route=1; Path=/"
            kling.request_raw(*LIST)
        async with AsyncKling(KEY, base_url=server.url) as async_kling:
            await async_kling.request_raw(*LIST)
            await async_kling.request_raw(*LIST)
    assert len(server.requests) == 4
    assert not any("cookie" in one.headers for one in server.requests)


def test_a_call_is_logged_by_us_alone(caplog: pytest.LogCaptureFixture) -> None:
    """httpx would log each URL at the level at which programs log; `KLING_LOG` is for that."""
    caplog.set_level(logging.INFO)
    with FaultyKling() as server, Kling(KEY, base_url=server.url) as kling:
        kling.text2video.list()
    assert len(server.requests) == 1
    assert [one.name for one in caplog.records if one.name.startswith("http")] == []


async def test_a_client_that_is_closed_sends_nothing() -> None:
    """Its transport would open a new connection."""
    request = httpx.Request("GET", "http://127.0.0.1:1/")
    client, async_client = default_client(), default_async_client()
    client.close()
    await async_client.aclose()
    with pytest.raises(RuntimeError, match="closed"):
        client.send(request)
    with pytest.raises(RuntimeError, match="closed"):
        await async_client.send(request)

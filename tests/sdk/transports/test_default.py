"""The clients that a `Kling` and an `AsyncKling` open themselves."""

from __future__ import annotations

import logging

import pytest

from kling_sdk import AsyncKling, Kling
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
    assert not any("cookie" in request.headers for request in server.requests)


def test_a_call_is_logged_by_us_alone(caplog: pytest.LogCaptureFixture) -> None:
    """httpx would log each URL at the level at which programs log; `KLING_LOG` is for that."""
    caplog.set_level(logging.INFO)
    with FaultyKling() as server, Kling(KEY, base_url=server.url) as kling:
        kling.text2video.list()
    assert len(server.requests) == 1
    assert [record.name for record in caplog.records if record.name.startswith("http")] == []

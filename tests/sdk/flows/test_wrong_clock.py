"""A computer with a wrong clock: the error of a refused token names both times."""

from __future__ import annotations

import time
from collections.abc import Iterator
from email.utils import formatdate
from typing import Any, Final

import aiohttp
import attrs
import pytest

from kling_mock import KlingMock
from kling_sdk import AsyncKling, AuthenticationError, Kling, KlingAPIError, TextToVideo
from kling_sdk.auth import AccessKey, Keyring
from kling_sdk.flows.get import get
from kling_sdk.transports import SystemClock
from kling_sdk.wire import Reply
from tests.sdk.fake_kling import answer
from tests.sdk.scripted import START, FakeClock, Played, context, in_turn, play, reply

RECORD: Final = TextToVideo.record
PAIR: Final = AccessKey("AK", "SK" * 16)


class Wrong(SystemClock):
    """The computer's clock, so many seconds ahead of the server's."""

    def __init__(self, ahead: float) -> None:
        self.ahead = ahead

    def time(self) -> float:
        return time.time() + self.ahead


@pytest.fixture(scope="module")
def server() -> Iterator[KlingMock]:
    with KlingMock(clock="real") as mock:
        yield mock


def key(mock: KlingMock) -> str:
    return f"{mock.access_key}|{mock.secret_key}"


# ------------------------------------------------------------ with a server


async def lists(client: str, keys: str, settings: Any) -> None:
    if client == "sync":
        with Kling(keys, **settings) as kling:
            kling.text2video.list()
    elif client == "async":
        async with AsyncKling(keys, **settings) as async_kling:
            await async_kling.text2video.list()
    else:
        async with (
            aiohttp.ClientSession() as session,
            AsyncKling(keys, http_client=session, **settings) as async_kling,
        ):
            await async_kling.text2video.list()


@pytest.mark.parametrize("client", ["sync", "async", "aiohttp"])
@pytest.mark.parametrize("ahead", [8, 3500, -2000, 86_400 * 365])
async def test_the_error_names_both_times(server: KlingMock, ahead: float, client: str) -> None:
    """A virtual machine's clock is wrong after a sleep. Each client says so after two tokens."""
    server.journal.clear()
    settings: Any = {"base_url": server.kling_url, "clock": Wrong(ahead)}
    with pytest.raises(AuthenticationError) as caught:
        await lists(client, key(server), settings)
    assert [entry.status for entry in server.journal] == [401, 401]
    times = (time.time(), time.time() + ahead)
    for words, seconds in zip(("the server's clock says", "this computer's"), times, strict=True):
        assert f"{words} {time.strftime('%Y-%m-%d', time.gmtime(seconds))}" in str(caught.value)


def test_a_client_works_again_once_its_clock_is_set(server: KlingMock) -> None:
    """Nothing of the wrong time is kept, in either direction."""
    clock = Wrong(0.0)
    with Kling(key(server), base_url=server.kling_url, clock=clock) as kling:
        for ahead in (-2000.0, 3500.0):
            clock.ahead = ahead
            with pytest.raises(AuthenticationError, match="set this computer's clock"):
                kling.text2video.list()
            clock.ahead = 0.0
            kling.text2video.list()


def test_a_clock_that_is_right_enough_is_accepted(server: KlingMock) -> None:
    """Five seconds are what a token has in reserve."""
    for ahead in (4.0, -1000.0):
        with Kling(key(server), base_url=server.kling_url, clock=Wrong(ahead)) as kling:
            kling.text2video.list()


# ------------------------------------------------------------ the Date of a refusal


def refusal(code: int, headers: dict[str, str]) -> Reply:
    response = reply(answer(401, code, "no"))
    return response._replace(headers={**response.headers, **headers})


def date(seconds: float) -> dict[str, str]:
    """Return the header of a server whose clock is so many seconds ahead."""
    return {"date": formatdate(START + seconds, usegmt=True)}


#: Refusals that say nothing of this computer's clock.
SILENT: Final[dict[str, Reply]] = {
    "out of a cache": refusal(1003, date(-600) | {"age": "600"}),
    "no date": refusal(1003, {}),
    "not a date": refusal(1003, {"date": "yesterday"}),
    "in step": refusal(1003, date(-5)),
    "another code": refusal(1002, date(-600)),
}


def played(refused: Reply, *, is_real_time: bool = True) -> Played[Any]:
    clock = FakeClock()
    ctx = attrs.evolve(context(clock, keys=Keyring((PAIR,))), is_real_time=is_real_time)
    return play(get(ctx, RECORD, "1"), clock, in_turn([refused] * 2))


@pytest.mark.parametrize("code", [1003, 1004])
def test_the_times_are_those_of_the_refusal(code: int) -> None:
    """The control of the table below."""
    error = played(refusal(code, date(-600))).error
    assert "says 2026-09-21 14:03:20+00:00, this computer's 2026-09-21 14:13:20+00:00" in str(error)


@pytest.mark.parametrize("refused", SILENT.values(), ids=SILENT)
def test_a_refusal_that_does_not_show_a_wrong_clock_blames_none(refused: Reply) -> None:
    """Setting the clock would not help."""
    error = played(refused).error
    assert isinstance(error, KlingAPIError)
    assert "clock" not in str(error)


def test_a_clock_of_the_program_s_own_is_not_blamed() -> None:
    """It follows the emulator, or knows better."""
    assert "clock" not in str(played(refusal(1003, date(-600)), is_real_time=False).error)

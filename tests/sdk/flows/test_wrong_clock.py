"""A computer with a wrong clock: tokens by the server's time, and a `Date` that must not help."""

from __future__ import annotations

import ast
import logging
import ssl
import time
from collections.abc import Iterator
from email.utils import formatdate
from pathlib import Path
from typing import Any, Final

import attrs
import httpx
import httpx2
import jwt
import pytest

import kling_sdk
from kling_mock import KlingMock
from kling_sdk import AsyncKling, AuthenticationError, Kling, TextToVideo
from kling_sdk.auth import AccessKey, ApiKey, Keyring
from kling_sdk.flows import Send
from kling_sdk.flows.get import get
from kling_sdk.transports import SystemClock
from kling_sdk.transports.address import Address
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


# ------------------------------------------------------------ what is corrected


@pytest.mark.parametrize("colour", ["sync", "async"])
@pytest.mark.parametrize("ahead", [8, 600, 3500, -2000, -3500])
async def test_a_wrong_clock_is_corrected_once_with_a_warning(
    server: KlingMock, caplog: pytest.LogCaptureFixture, ahead: float, colour: str
) -> None:
    """A virtual machine's clock is wrong after a sleep. A second call is accepted at once."""
    server.journal.clear()
    settings: Any = {"base_url": server.kling_url, "clock": Wrong(ahead)}
    if colour == "sync":
        with Kling(key(server), **settings) as kling:
            kling.text2video.list()
            kling.with_options(timeout=20.0).text2video.list()
    else:
        async with AsyncKling(key(server), **settings) as async_kling:
            await async_kling.text2video.list()
            await async_kling.text2video.list()
    assert [entry.status for entry in server.journal] == [401, 200, 200]
    (warning,) = [entry for entry in caplog.records if entry.levelno == logging.WARNING]
    assert "the server's clock says 20" in warning.getMessage()
    assert "this computer's 20" in warning.getMessage()


def test_a_clock_that_is_right_enough_is_left_alone(
    server: KlingMock, caplog: pytest.LogCaptureFixture
) -> None:
    """Five seconds are what a token has in reserve."""
    for ahead in (4.0, -1000.0):
        with Kling(key(server), base_url=server.kling_url, clock=Wrong(ahead)) as kling:
            kling.text2video.list()
    assert not caplog.records


@pytest.mark.parametrize("ahead", [3700, -3700, 86_400 * 365])
def test_beyond_an_hour_the_error_names_both_times(server: KlingMock, ahead: float) -> None:
    """Such a clock is broken for more than tokens."""
    with (
        Kling(key(server), base_url=server.kling_url, clock=Wrong(ahead)) as kling,
        pytest.raises(AuthenticationError) as caught,
    ):
        kling.text2video.list()
    times = (time.time(), time.time() + ahead)
    for words, seconds in zip(("the server's clock says", "this computer's"), times, strict=True):
        assert f"{words} {time.strftime('%Y-%m-%d %H', time.gmtime(seconds))}" in str(caught.value)


# ------------------------------------------------------------ a forged Date must not help


def refusal(code: int, headers: dict[str, str], *, is_authentic: bool = True) -> Reply:
    response = reply(answer(401, code, "no"))
    return response._replace(headers={**response.headers, **headers}, is_authentic=is_authentic)


def date(seconds: float) -> dict[str, str]:
    """Return the header of a server whose clock is so many seconds ahead."""
    return {"date": formatdate(START + seconds, usegmt=True)}


OK: Final = reply(answer(200, 0, "SUCCEED", {"task_id": "1", "task_status": "submitted"}))
PAGE: Final = Reply(401, {"content-type": "text/html", **date(-600)}, b"<html>", is_authentic=True)

#: The answers before the call is accepted, which do not change the time of a token.
FORGED: Final[dict[str, list[Reply]]] = {
    "not verified": [refusal(1003, date(-600), is_authentic=False)],
    "out of a cache": [refusal(1003, date(-600) | {"age": "600"})],
    "out of a cache, age 0": [refusal(1004, date(2000) | {"age": "0"})],
    "no date": [refusal(1003, {})],
    "not a date": [refusal(1003, {"date": "yesterday"})],
    "two dates": [refusal(1003, {"date": f"{date(-600)['date']}, {date(-60)['date']}"})],
    "more than an hour behind": [refusal(1003, date(-3601))],
    "more than an hour ahead": [refusal(1004, date(3601))],
    "not yet valid, and ahead": [refusal(1003, date(2000))],
    "expired, and behind": [refusal(1004, date(-2000))],
    "in step": [refusal(1003, date(-5))],
    "another code": [reply(answer(500, 5000, "no", **date(-600)))._replace(is_authentic=True)],
    "a page": [PAGE],
}


def tokens(played: Played[Any]) -> list[float]:
    """Return by how much the tokens of the calls were made ahead of the clock."""
    options: Any = {"verify_exp": False, "verify_nbf": False}
    claims = [
        jwt.decode(
            send.call.headers["authorization"].removeprefix("Bearer "),
            PAIR.secret_key,
            algorithms=["HS256"],
            options=options,
        )
        for send in played.effects
        if isinstance(send, Send)
    ]
    times = [
        played.times[at] for at, effect in enumerate(played.effects) if isinstance(effect, Send)
    ]
    return [
        float(claim["nbf"] + 5 - int(START + seconds))
        for claim, seconds in zip(claims, times, strict=True)
    ]


def play_get(replies: list[Reply], keys: Keyring, *, is_real_time: bool = True) -> Played[Any]:
    clock = FakeClock()
    ctx = attrs.evolve(context(clock, keys=keys), is_real_time=is_real_time)
    return play(get(ctx, RECORD, "1"), clock, in_turn([*replies, OK]))


def test_the_server_s_time_is_taken_for_tokens() -> None:
    """The control of the table: an honest `Date` is what the second token is made by."""
    for code, seconds in ((1003, -600.0), (1004, 2000.0), (1003, -3600.0), (1004, 3600.0)):
        played = play_get([refusal(code, date(seconds))], Keyring((PAIR,)))
        assert tokens(played) == [0.0, seconds]


@pytest.mark.parametrize("forged", FORGED)
def test_a_date_that_may_be_forged_moves_no_token(
    forged: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The token is made again, as after any 1003 or 1004, by this computer's clock."""
    played = play_get(FORGED[forged], Keyring((PAIR,)))
    assert played.value is not None
    assert set(tokens(played)) == {0.0}
    assert len(played.sends) == 2
    assert "clock" not in caplog.text


def test_a_second_date_moves_no_token() -> None:
    """Once per client: what a first reply has set, no later one changes."""
    keys = Keyring((PAIR,))
    play_get([refusal(1003, date(-600))], keys)
    played = play_get([refusal(1003, date(-1200)), refusal(1004, date(1200))], keys)
    assert tokens(played) == [-600.0] * 3


def test_a_date_in_a_success_moves_no_token() -> None:
    """Only a token that was refused says that the clock may be wrong."""
    keys = Keyring((PAIR,))
    ok = OK._replace(headers={**OK.headers, **date(-600)}, is_authentic=True)
    play(get(context(FakeClock(), keys=keys), RECORD, "1"), FakeClock(), in_turn([ok]))
    assert keys.ahead is None


def test_an_api_key_and_a_clock_of_the_program_s_own_are_left_alone() -> None:
    """An API key has no token; the program's clock follows the emulator, or knows better."""
    keys = Keyring((ApiKey("k"),))
    play_get([refusal(1003, date(-600))], keys)
    assert keys.ahead is None
    played = play_get([refusal(1003, date(-600))], Keyring((PAIR,)), is_real_time=False)
    assert tokens(played) == [0.0, 0.0]


def test_only_tokens_are_made_by_the_server_s_time() -> None:
    """Callbacks, expiry and deadlines are not: nothing else reads the difference."""
    readers = {
        file.name
        for file in Path(kling_sdk.__file__).parent.rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text("utf-8")))
        if isinstance(node, ast.Attribute) and node.attr == "ahead"
    }
    assert readers == {"auth.py", "wrong_clock.py"}


# ------------------------------------------------------------ whose Date it is


class Stream:
    """A connection, as httpcore shows it."""

    def __init__(self, peer: Any = None, context: ssl.SSLContext | None = None) -> None:
        tls = None if context is None else type("Tls", (), {"context": context})
        self._info = {"server_addr": peer, "ssl_object": tls}

    def get_extra_info(self, name: str) -> Any:
        return self._info[name]


VERIFIED: Final = ssl.create_default_context()
UNVERIFIED: Final = httpx.create_ssl_context(verify=False)
HERE: Final = ("127.0.0.1", 80)
ELSEWHERE: Final = ("192.0.2.1", 80)


@pytest.mark.parametrize(
    ("url", "stream", "is_authentic"),
    [
        ("https://kling.test", Stream(ELSEWHERE, VERIFIED), True),
        ("https://kling.test", Stream(ELSEWHERE, UNVERIFIED), False),
        ("https://127.0.0.1", Stream(HERE, UNVERIFIED), False),
        ("https://kling.test", Stream(HERE), False),
        ("http://127.0.0.1", Stream(HERE), True),
        ("http://localhost", Stream(("::1", 80, 0, 0)), True),
        ("http://[::1]", Stream(("::1", 80, 0, 0)), True),
        ("http://kling.test", Stream(HERE), False),  # a proxy on this computer
        ("http://localhost", Stream(ELSEWHERE), False),  # a proxy on another
        ("http://kling.test", Stream(ELSEWHERE, VERIFIED), False),  # a proxy that speaks TLS
        ("http://127.0.0.1", Stream(), False),
    ],
)
def test_a_reply_is_authentic_over_verified_tls_or_on_this_computer(
    url: str,
    stream: Stream,
    is_authentic: bool,  # noqa: FBT001 - a parameter of pytest's
) -> None:
    """The connection must be to the server itself, not to a proxy on the way."""
    assert Address(url).is_authentic(stream) is is_authentic


@pytest.mark.parametrize("verified", [True, False])
async def test_a_real_connection_says_whether_its_certificate_was_verified(
    certificate: tuple[Path, Path],
    verified: bool,  # noqa: FBT001 - a parameter of pytest's
) -> None:
    """Every client over httpx does; one over aiohttp shows no certificate, and corrects nothing."""
    cert, private_key = certificate
    tls = ssl.create_default_context(cafile=str(cert)) if verified else UNVERIFIED
    with KlingMock(clock="real", tls_cert=str(cert), tls_key=str(private_key)) as mock:
        settings: Any = {"base_url": mock.kling_url, "clock": Wrong(600)}
        errors: list[AuthenticationError | None] = []

        def note(call: Any) -> None:
            try:
                call()
            except AuthenticationError as error:
                errors.append(error)
            else:
                errors.append(None)

        with Kling(key(mock), ssl_context=tls, **settings) as kling:
            note(kling.text2video.list)
        with (
            httpx2.Client(verify=tls) as http,
            Kling(key(mock), http_client=http, **settings) as kling,
        ):
            note(kling.text2video.list)
        async with AsyncKling(key(mock), ssl_context=tls, **settings) as async_kling:
            try:
                await async_kling.text2video.list()
            except AuthenticationError as error:
                errors.append(error)
            else:
                errors.append(None)
    assert [error is None for error in errors] == [verified] * 3

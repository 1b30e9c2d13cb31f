"""Authentication: tokens, API keys, and the documented codes for everything else."""

from __future__ import annotations

import time
from typing import Any

import jwt
import pytest

from kling_mock.clock import ManualClock
from kling_mock.kling.model.accounts import Account, AccountApiKey, Accounts, KeyPair

PATH = "/v1/videos/text2video"
TEXTS = {
    1000: "Authentication failed",
    1001: "Authorization is empty",
    1002: "Authorization is invalid",
    1003: "Authorization is not yet valid",
    1004: "Authorization has expired",
}


def answer(api: Any, authorization: str | None) -> tuple[int, int, str]:
    headers = {} if authorization is None else {"Authorization": authorization.encode()}
    reply = api.http.get(PATH, headers=headers)
    body = reply.json()
    assert set(body) == (
        {"code", "message", "request_id"} | ({"data"} if not body["code"] else set())
    )
    return reply.status_code, body["code"], body["message"]


def test_a_token_made_as_documented_is_accepted(api: Any) -> None:
    """HS256 with iss, exp and nbf, by the computer's own time, opens a server of another year."""
    assert answer(api, f"Bearer {api.token()}") == (200, 0, "SUCCEED")


def test_a_static_key_is_accepted(api: Any, mock: Any) -> None:
    """An API key is accepted without a token."""
    assert answer(api, f"Bearer {mock.api_key}") == (200, 0, "SUCCEED")
    assert answer(api, f"bearer   {mock.api_key}") == (200, 0, "SUCCEED")


def test_a_key_counts_also_where_it_looks_like_a_known_token() -> None:
    """A key chosen by the caller is taken as a key, which does not expire."""
    claims = {"iss": "access", "exp": 2000}
    token = jwt.encode(claims, "any secret of thirty-two letters", algorithm="HS256")
    accounts, clock = Accounts(), ManualClock(start=1000.0)
    first = accounts.add(
        Account("one", [KeyPair("access", "any secret of thirty-two letters")], [])
    )
    second = accounts.add(Account("two", [], []))
    assert accounts.authenticate(f"Bearer {token}", clock) is first
    accounts.add_api_key(second, AccountApiKey(token))
    assert accounts.authenticate(f"Bearer {token}", clock) is second


@pytest.mark.parametrize("header", [None, "", "Bearer", "bearer"])
def test_no_credential(api: Any, header: str | None) -> None:
    """No header, or nothing in it, is 1001."""
    assert answer(api, header) == (401, 1001, TEXTS[1001])


@pytest.mark.parametrize(
    ("credential", "count"),
    [("garbage", "0"), ("two.parts", "2"), ("a.b.c.d", "> 3")],
)
def test_a_credential_that_is_no_token(api: Any, credential: str, count: str) -> None:
    """Garbage gets the text that was seen, with the number of parts."""
    text = f"The token was expected to have 3 parts, but got {count}"
    assert answer(api, f"Bearer {credential}") == (401, 1002, text)


@pytest.mark.parametrize("credential", ["a.b.c", "e30.e30.", "..", "é.b.c"])
def test_three_parts_that_are_no_token(api: Any, credential: str) -> None:
    """Three parts that do not decode are 1002."""
    assert answer(api, f"Bearer {credential}") == (401, 1002, TEXTS[1002])


def test_another_scheme(api: Any) -> None:
    """Basic authentication is 1002, and the text names what it must be."""
    http, code, text = answer(api, "Basic YTpi")
    assert (http, code) == (401, 1002)
    assert "Bearer" in text


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"secret": "f" * 32}, 1000),
        ({"iss": "unknown"}, 1000),
        ({"iss": None}, 1002),
        ({"exp": None}, 1002),
        ({"exp": "soon"}, 1002),
        ({"nbf": lambda now: now + 600}, 1003),
        ({"exp": lambda now: now - 1}, 1004),
        ({"nbf": None}, 0),
    ],
)
def test_tokens_with_one_thing_wrong(api: Any, change: dict[str, Any], code: int) -> None:
    """Wrong secret, unknown key, missing or unreadable claims, and both ends of the time."""
    now = int(time.time())
    change = {name: part(now) if callable(part) else part for name, part in change.items()}
    expected = (401, code, TEXTS[code]) if code else (200, 0, "SUCCEED")
    assert answer(api, f"Bearer {api.token(**change)}") == expected


@pytest.mark.parametrize("algorithm", ["HS512", "none"])
def test_only_hs256(api: Any, mock: Any, algorithm: str) -> None:
    """Every other algorithm is refused, above all `none`."""
    key: Any = None if algorithm == "none" else mock.secret_key * 2
    token = jwt.encode({"iss": mock.access_key, "exp": time.time() + 60}, key, algorithm)
    http, code, _ = answer(api, f"Bearer {token}")
    assert (http, code) in {(401, 1002), (401, 1000)}


def test_the_mock_clock_ends_a_token(api: Any, mock: Any) -> None:
    """A token of the mock's time and one of real time both age with the mock's clock."""
    now = mock.clock.now()
    tokens = [api.token(exp=now + 1800, nbf=now - 5), api.token()]
    for token in tokens:
        assert answer(api, f"Bearer {token}")[1] == 0
    mock.clock.advance(1700)
    for token in tokens:
        assert answer(api, f"Bearer {token}")[1] == 0
    mock.clock.advance(200)
    for token in tokens:
        assert answer(api, f"Bearer {token}") == (401, 1004, TEXTS[1004])


def test_a_token_of_the_mocks_future(api: Any, mock: Any) -> None:
    """A token that begins later by the mock's clock is accepted once the clock is there."""
    now = mock.clock.now()
    token = api.token(exp=now + 1800, nbf=now + 100)
    assert answer(api, f"Bearer {token}") == (401, 1003, TEXTS[1003])
    mock.clock.advance(100)
    assert answer(api, f"Bearer {token}")[1] == 0


def test_a_disabled_key_is_refused_at_once(api: Any, mock: Any) -> None:
    """The state of a key is checked on every request, also for a token seen before."""
    header = f"Bearer {api.token()}"
    assert answer(api, header)[1] == 0
    mock._emulator.world.account.key_pairs[0].active = False
    assert answer(api, header) == (401, 1000, TEXTS[1000])


def test_remembered_tokens_are_bounded(
    api: Any, mock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The memory of checked signatures does not grow with the number of tokens."""
    monkeypatch.setattr("kling_mock.kling.model.accounts._CACHED", 2)
    for number in range(5):
        assert answer(api, f"Bearer {api.token(jti=str(number))}")[1] == 0
    assert len(mock._emulator.world.accounts._tokens) <= 2


def test_no_secret_in_a_repr(mock: Any) -> None:
    """Neither an account nor a key pair shows a secret."""
    text = repr(mock._emulator.world.account) + repr(mock._emulator.world.account.key_pairs)
    assert mock.secret_key not in text
    assert mock.api_key not in text

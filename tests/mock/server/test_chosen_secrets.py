"""Secrets that a user gives, and where those made from a seed are refused."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import httpx
import pytest

from kling_mock import KlingMock, RelaySettings, Secrets
from kling_mock.server.chosen_secrets import check_seeded
from tests.plain_http import NO_TLS
from tests.started import started

ALL = "0.0.0.0"  # noqa: S104 - what is tested
SECRET = "secret-of-mine-" + "x" * 20
GIVEN = Secrets(access_key="ak", secret_key=SECRET, api_key="ap", admin_token="ad")
RELAY = RelaySettings(token="sk-relay", callback_secret=b"callbacks")
NAMES = (
    "access_key",
    "secret_key",
    "api_key",
    "admin_token",
    "relay token",
    "relay callback_secret",
)


def missing_of(**settings: Any) -> list[str]:
    """Return which secrets the refusal of a server names."""
    with pytest.raises(ValueError, match="seed: must not make secrets where others") as caught:
        KlingMock(seed=7, **settings)
    text = str(caught.value)
    for advice in ("Leave out the seed", "secrets=Secrets(...)", "KLING_MOCK_ACCESS_KEY"):
        assert advice in text
    named = text.partition("These would be: ")[2].partition(". ")[0]
    return named.split(", ")


@pytest.mark.parametrize("host", [ALL, "", "::", "10.0.0.1", "a-name"])
def test_a_seed_makes_no_secret_where_others_can_call(host: str) -> None:
    """The refusal names every secret, why, and what to do; it comes before anything listens."""
    assert missing_of(host=host) == [*NAMES]


def test_a_seed_makes_no_secret_for_those_behind_a_proxy() -> None:
    """`admin="remote"` is for callers from elsewhere, whatever the address is."""
    assert missing_of(admin="remote") == [*NAMES]


@pytest.mark.parametrize(
    ("settings", "missing"),
    [
        ({"admin": "off"}, [name for name in NAMES if name != "admin_token"]),
        ({"relay": False}, [*NAMES[:4]]),
        ({"secrets": GIVEN}, [*NAMES[4:]]),
        ({"relay": RELAY}, [*NAMES[:4]]),
        ({"relay": RelaySettings(token="sk-relay")}, [*NAMES[:4], NAMES[5]]),
        ({"secrets": Secrets(api_key="k"), "relay": RELAY}, ["access_key", "secret_key", NAMES[3]]),
    ],
)
def test_what_is_missing(settings: dict[str, Any], missing: list[str]) -> None:
    """What is given, and what is not served, is not named."""
    assert missing_of(host=ALL, **settings) == missing


def test_given_secrets_are_used_and_ids_are_the_seeds() -> None:
    """With all of them given, a seed is allowed; secrets made later cannot be computed from it."""
    later, ids = [], []
    for _ in range(2):
        with (
            KlingMock(seed=7, host=ALL, secrets=GIVEN, relay=RELAY) as mock,
            mock.client() as kling,
        ):
            assert (mock.access_key, mock.secret_key, mock.api_key) == ("ak", SECRET, "ap")
            assert (mock.admin_token, mock.relay_token) == ("ad", "sk-relay")
            ids.append(kling.text2video.create(prompt="a kitten").task_id)
            with mock.relay_client() as relayed:
                assert relayed.text2video.create(prompt="a kitten").task_id.startswith("kling_")
            bearer = {"Authorization": "Bearer ad"}
            for url in (f"{mock.kling_url}/__kling/clock", f"{mock.relay_url}/__kling/relay/users"):
                assert (
                    httpx.get(url, headers=bearer, trust_env=False, verify=NO_TLS).status_code
                    == 200
                )
            second = mock.accounts.add("second")
            later += [second.secret_key, second.add_api_key(), second.add_webhook_secret()]
            mock.reset(8)
            assert (mock.access_key, mock.admin_token) == ("ak", "ad")
    assert len({*ids}) == 1
    assert len({*later}) == 6


def test_without_a_seed_an_open_address_has_random_secrets() -> None:
    """The negative control, and what a container does: nothing to give, nothing to guess."""
    with KlingMock(host=ALL) as mock, KlingMock(host=ALL) as other:
        for name in ("access_key", "secret_key", "api_key", "admin_token", "relay_token"):
            assert getattr(mock, name) != getattr(other, name)


def test_on_loopback_a_seed_makes_the_secrets_and_given_ones_change_no_other() -> None:
    """Only this computer can call; a chosen key leaves the other keys as the seed makes them."""
    seeded = KlingMock(seed=7)
    chosen = KlingMock(seed=7, secrets=Secrets(api_key="mine"))
    assert chosen.api_key == "mine"
    for name in ("access_key", "secret_key", "admin_token", "relay_token"):
        assert getattr(chosen, name) == getattr(seeded, name)
    assert seeded.accounts.add("b").secret_key == chosen.accounts.add("b").secret_key


@pytest.mark.parametrize(
    ("wrong", "text"),
    [
        ({"api_key": "with space"}, "api_key: must be ASCII"),
        ({"admin_token": "ключ"}, "admin_token: must be ASCII"),
        ({"admin_token": None}, "admin_token: must be ASCII"),
        (
            {"access_key": "a", "secret_key": "x" * 31},
            "secret_key: must have 32 characters or more",
        ),
        ({"access_key": "a|b", "secret_key": SECRET}, "access_key: must be ASCII"),
        ({"access_key": "a"}, "must be given together"),
        ({"secret_key": SECRET}, "must be given together"),
    ],
)
def test_a_secret_that_cannot_be_one(wrong: dict[str, Any], text: str) -> None:
    """The error names it, and does not show it."""
    with pytest.raises(ValueError, match=text) as caught:
        Secrets(**wrong)
    assert "with space" not in str(caught.value)


def test_other_things_than_secrets_are_refused() -> None:
    """The error says what it must be, and shows nothing."""
    wrong: Any = {"admin_token": "hidden"}
    with pytest.raises(ValueError, match=r"secrets: must be Secrets\(\.\.\.\) or None") as caught:
        KlingMock(secrets=wrong)
    assert "hidden" not in str(caught.value)


def test_no_secret_is_in_the_repr() -> None:
    """Settings may be logged (P7)."""
    assert repr(GIVEN) == "Secrets()"


def test_the_check_alone() -> None:
    """A loopback address needs nothing, another everything."""
    check_seeded("127.0.0.1", "local", Secrets(), ("", b""))
    check_seeded(ALL, "local", GIVEN, ("t", b"c"))
    check_seeded(ALL, "off", Secrets(access_key="a", secret_key=SECRET, api_key="k"), None)
    with pytest.raises(ValueError, match="admin_token"):
        check_seeded(ALL, "local", Secrets(access_key="a", secret_key=SECRET, api_key="k"), None)


@pytest.mark.slow
def test_the_command_refuses_a_seed_and_takes_secrets_from_the_environment() -> None:
    """`kling-mock serve --seed 7 --host 0.0.0.0`: exit status 1, or all secrets are given."""
    options = ("--host", ALL, "--seed", "7", "--port", "0", "--kling-port", "0")
    command = [sys.executable, "-m", "kling_mock", "serve", *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("kling-mock: seed: must not make secrets where others can call")
    environment = {
        "KLING_MOCK_ACCESS_KEY": "ak",
        "KLING_MOCK_SECRET_KEY": SECRET,
        "KLING_MOCK_API_KEY": "ap",
        "KLING_MOCK_ADMIN_TOKEN": "ad",
        "KLING_MOCK_RELAY_TOKEN": "sk-relay",
        "KLING_MOCK_CALLBACK_SECRET": "callbacks",
    }
    with started("serve", *options, variables=environment) as (_, ready):
        assert (ready["access_key"], ready["secret_key"]) == ("ak", SECRET)
        assert (ready["api_key"], ready["admin_token"]) == ("ap", "ad")
        assert ready["relay_token"] == "sk-relay"

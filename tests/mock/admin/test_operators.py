"""Access to the admin and operator APIs: one switch, one rule, no token from a known seed."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from kling_mock import KlingMock
from kling_mock.web.addresses import is_loopback
from tests.plain_http import NO_TLS
from tests.started import started

ADMIN_PATHS = ("/__kling/clock", "/__kling/tasks", "/__kling/")
OPERATOR_PATHS = ("/__kling/relay/users", "/__kling/relay/channels", "/__kling/relay/overview")


def answers(mock_urls: tuple[str, str], token: str, **headers: str) -> dict[str, int]:
    """Return the statuses of both APIs, asked with the admin token."""
    kling, relay = mock_urls
    urls = [*(kling + path for path in ADMIN_PATHS), *(relay + path for path in OPERATOR_PATHS)]
    sent = {"Authorization": f"Bearer {token}"} | headers
    with httpx.Client(trust_env=False, headers=sent, verify=NO_TLS) as client:
        return {url: client.get(url).status_code for url in urls}


@pytest.mark.parametrize(
    ("admin", "proxied", "status"),
    [
        ("local", False, 200),
        ("local", True, 403),
        ("remote", False, 200),
        ("remote", True, 200),
        ("off", False, 404),
        ("off", True, 404),
    ],
)
@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])  # noqa: S104 - what is tested
def test_one_switch_is_for_both_apis(host: str, admin: Any, status: int, *, proxied: bool) -> None:
    """The admin API and the relay's operator API are open to the same callers, or both closed."""
    headers = {"X-Forwarded-For": "10.0.0.1"} if proxied else {}
    with KlingMock(host=host, admin=admin) as mock:
        urls = (mock.kling_url, mock.relay_url)
        statuses = answers(urls, mock.admin_token, **headers)
        assert set(statuses.values()) == {status}
        with httpx.Client(trust_env=False, verify=NO_TLS) as client:
            paths = client.get(f"{mock.relay_url}/openapi.json").json()["paths"]
        assert any(path.startswith("/__kling") for path in paths) is (admin != "off")


def secrets_of(mock: KlingMock) -> set[str]:
    """Return whatever opens something on a server, also what is made later."""
    second = mock.accounts.add("second")
    pair = second.add_key_pair()
    url, headers = (
        f"{mock.relay_url}/__kling/relay",
        {"Authorization": f"Bearer {mock.admin_token}"},
    )
    with httpx.Client(trust_env=False, headers=headers, verify=NO_TLS) as client:
        token = client.post(f"{url}/users/1/tokens", json={"name": "second"}).json()["token"]
    return {
        mock.admin_token,
        mock.relay_token,
        mock.access_key,
        mock.secret_key,
        mock.api_key,
        mock.account.add_webhook_secret(),
        second.secret_key,
        pair.secret_key,
        second.add_api_key(),
        token,
    }


def test_secrets_are_random_where_others_can_call() -> None:
    """On such an address without a seed, no two servers have a secret in common."""
    secret_sets = []
    for _ in range(2):
        with KlingMock(host="0.0.0.0") as mock:  # noqa: S104 - what is tested
            secret_sets.append(secrets_of(mock))
    assert [len(secrets) for secrets in secret_sets] == [10, 10]
    assert len(set.union(*secret_sets)) == 20


def test_on_loopback_a_seed_still_makes_the_keys() -> None:
    """The negative control of the test above: two servers of one seed share every secret there."""
    with KlingMock(seed=7) as mock, KlingMock(seed=7, host="localhost") as other:
        assert secrets_of(mock) == secrets_of(other)


def test_keys_outlive_a_reset_and_a_restore_also_where_they_are_random() -> None:
    """A reset to another seed changes no key, and neither does a snapshot."""
    with KlingMock(host="0.0.0.0") as mock:  # noqa: S104 - what is tested
        snapshot, keys = mock.snapshot(), (mock.secret_key, mock.relay_token, mock.admin_token)
        mock.reset(8)
        assert (mock.secret_key, mock.relay_token, mock.admin_token) == keys
        mock.restore(snapshot)
        assert (mock.secret_key, mock.relay_token, mock.admin_token) == keys


@pytest.mark.slow
def test_the_command_is_safe_by_default_and_shut_by_its_switch() -> None:
    """`--host 0.0.0.0`: no token but its own; with `--no-admin`: neither API."""
    known = KlingMock(seed=7)
    ports = ("--port", "0", "--kling-port", "0")
    with started("serve", "--host", "0.0.0.0", *ports) as (_, ready):  # noqa: S104
        urls = (ready["kling_url"], ready["relay_url"])
        assert set(ready.values()).isdisjoint(
            {known.admin_token, known.relay_token, known.secret_key, known.api_key}
        )
        statuses = answers(urls, known.admin_token)
        assert set(statuses.values()) <= {200, 401}
        assert all(
            status == 401 for url, status in statuses.items() if not url.endswith("/__kling/")
        )
        assert set(answers(urls, ready["admin_token"]).values()) == {200}
    with started("serve", "--host", "0.0.0.0", "--no-admin", *ports) as (_, ready):  # noqa: S104
        urls = (ready["kling_url"], ready["relay_url"])
        assert set(answers(urls, ready["admin_token"]).values()) == {404}
        assert "admin_token" in json.dumps(ready)


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("127.0.0.1", True),
        ("127.1.2.3", True),
        ("localhost", True),
        ("::1", True),
        ("::ffff:127.0.0.1", True),
        ("0.0.0.0", False),  # noqa: S104 - what is tested
        ("::", False),
        ("", False),
        ("10.0.0.1", False),
        ("a-name", False),
    ],
)
def test_what_others_can_reach(host: str, *, loopback: bool) -> None:
    """A name that is not `localhost` counts as reachable."""
    assert is_loopback(host) is loopback

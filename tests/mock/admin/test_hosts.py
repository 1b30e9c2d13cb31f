"""Host names of the APIs that steer a server: the same on all of its ports."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from kling_mock import KlingMock, RelaySettings
from kling_mock.relay.standalone import RelayServer
from tests.plain_http import NO_TLS
from tests.started import SERVE, started

ADMIN = "/__kling/clock"
DASHBOARD = "/__kling/"
OPERATOR = "/__kling/relay/users"
REBOUND = "evil.example"


def ask(url: str, token: str, host: str = "", **headers: str) -> httpx.Response:
    """Call a server as a caller who knows it by the name *host*."""
    sent = {"Authorization": f"Bearer {token}"} | ({"Host": host} if host else {}) | headers
    return httpx.get(url, headers=sent, trust_env=False, verify=NO_TLS)


def urls_of(mock: KlingMock) -> tuple[str, ...]:
    return mock.kling_url + ADMIN, mock.kling_url + DASHBOARD, mock.relay_url + OPERATOR


@pytest.fixture
def mock() -> Iterator[KlingMock]:
    with KlingMock() as server:
        yield server


@pytest.mark.parametrize("host", [REBOUND, "evil.example:3001", "localhost.evil.example", "127.1"])
@pytest.mark.parametrize("admin", ["local", "remote"])
def test_a_foreign_name_is_refused_by_both_apis(host: str, admin: Any) -> None:
    """A page whose name was given this address (DNS rebinding) gets 403, also with the token."""
    with KlingMock(admin=admin) as mock:
        for url in urls_of(mock):
            error = ask(url, mock.admin_token, host)
            assert error.status_code == 403, url
            assert error.json()["error"]["code"] == "wrong_host"
            message = error.json()["error"]["message"]
            assert "admin_hosts" in message
            assert "--admin-host" in message
            assert host.partition(":")[0] in message
            assert mock.admin_token not in error.text


@pytest.mark.parametrize(
    "host", ["", "localhost", "LocalHost:1", "localhost.", "127.0.0.1", "10.1.2.3:80", "[::1]:3001"]
)
def test_addresses_and_localhost_are_known(mock: KlingMock, host: str) -> None:
    """The negative control: an address cannot be rebound, and `localhost` is this computer."""
    assert {ask(url, mock.admin_token, host).status_code for url in urls_of(mock)} == {200}


@pytest.mark.parametrize(
    "settings",
    [
        {"admin_hosts": "kling.test"},
        {"admin_hosts": ["other.test", "KLING.test"]},
        {"admin_hosts": "*"},
        {"public_url": "https://kling.test:8443"},
        {"relay": RelaySettings(public_url="https://kling.test")},
        {"relay": RelaySettings(admin_hosts="kling.test")},
    ],
)
def test_a_name_can_be_allowed_for_both_apis(settings: dict[str, Any]) -> None:
    """It is allowed by its own setting, or as the host of a public URL; others stay refused."""
    with KlingMock(**settings) as mock:
        statuses = {ask(url, mock.admin_token, "kling.test:1").status_code for url in urls_of(mock)}
        others = {ask(url, mock.admin_token, REBOUND).status_code for url in urls_of(mock)}
    assert statuses == {200}
    assert others == ({200} if settings.get("admin_hosts") == "*" else {403})


def test_the_api_of_kling_itself_takes_any_name(mock: KlingMock) -> None:
    """An app may know the emulated Kling and the relay by any name: its key is what counts."""
    url = f"{mock.kling_url}/v1/videos/text2video"
    assert ask(url, mock.api_key, REBOUND).status_code == 200
    assert ask(f"{mock.relay_url}/kling/v1/videos", mock.relay_token, REBOUND).status_code == 200


def test_metrics_need_the_token_under_a_foreign_name(mock: KlingMock) -> None:
    """This computer reads them without it, but not a page in its browser."""
    url = f"{mock.relay_url}/metrics"
    assert httpx.get(url, trust_env=False, verify=NO_TLS).status_code == 200
    assert (
        httpx.get(url, headers={"Host": REBOUND}, trust_env=False, verify=NO_TLS).status_code == 401
    )
    assert ask(url, mock.admin_token, REBOUND).status_code == 200


@pytest.fixture
def standalone() -> Iterator[tuple[str, str]]:
    settings = RelaySettings(
        upstream_url="http://127.0.0.1:9",
        upstream_key="access|secret",
        admin_token="admin-of-the-test",
        admin_hosts="relay.internal",
        public_url="https://relay.example",
    )
    server = RelayServer(settings)
    server.start()
    yield server.ready()["relay_url"], server.ready()["admin_token"]
    server.stop(0.0)


def test_the_relay_alone_has_the_same_policy(standalone: tuple[str, str]) -> None:
    """Its operator API checks the name, too; `admin_hosts` and the public URL add names."""
    url, token = standalone[0] + OPERATOR, standalone[1]
    for host in ("", "localhost:3000", "relay.internal", "relay.example"):
        assert ask(url, token, host).status_code == 200, host
    refused = ask(url, token, REBOUND)
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "wrong_host")
    assert ask(url, "wrong").status_code == 401


def test_the_metrics_of_a_relay_that_others_call_need_the_token(
    standalone: tuple[str, str],
) -> None:
    """Behind a proxy every caller is at this computer, and may have been given its name."""
    url, token = f"{standalone[0]}/metrics", standalone[1]
    for host in ("localhost:3000", "127.0.0.1", "relay.example"):
        reply = httpx.get(url, headers={"Host": host}, trust_env=False, verify=NO_TLS)
        assert reply.status_code == 401, host
    assert ask(url, token).status_code == 200


@pytest.mark.parametrize("scheme", ["Basic", "Token", ""])
def test_both_apis_want_a_bearer(mock: KlingMock, scheme: str) -> None:
    """The comparison is the same on both ports: a token with another scheme does not count."""
    for url in (mock.kling_url + ADMIN, mock.relay_url + OPERATOR):
        header = {"Authorization": f"{scheme} {mock.admin_token}".strip()}
        assert httpx.get(url, headers=header, trust_env=False, verify=NO_TLS).status_code == 401


@pytest.mark.parametrize("url", ["kling", "relay"])
def test_the_body_of_a_stranger_is_not_read(mock: KlingMock, url: str) -> None:
    """A refusal needs the header only: an endless body costs nothing."""
    path = mock.kling_url + "/__kling/faults" if url == "kling" else mock.relay_url + OPERATOR
    headers = {"Authorization": "Bearer wrong"}
    reply = httpx.post(path, content=b" " * 2**21, headers=headers, trust_env=False, verify=NO_TLS)
    assert reply.status_code == 401


@pytest.mark.slow
def test_the_commands_take_names() -> None:
    """`kling-mock serve` and `kling-mock relay` have `--admin-host`, which may be repeated."""
    names = ("--admin-host", "one.test", "--admin-host", "two.test")
    with started(*SERVE, *names) as (_, ready):
        for url in (ready["kling_url"] + ADMIN, ready["relay_url"] + OPERATOR):
            replies = [ask(url, ready["admin_token"], name) for name in ("two.test", REBOUND)]
            assert [reply.status_code for reply in replies] == [200, 403]
    alone = ("relay", "--upstream", "http://127.0.0.1:9", "--port", "0", "--db", "sqlite://")
    words = (*alone, *names)
    with started(*words, variables={"KLING_API_KEY": "a-key"}) as (_, ready):
        url = ready["relay_url"] + OPERATOR
        replies = [ask(url, ready["admin_token"], name) for name in ("one.test", REBOUND)]
    assert [reply.status_code for reply in replies] == [200, 403]

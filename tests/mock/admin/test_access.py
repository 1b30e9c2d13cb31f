"""The admin API: authentication, and refusals of other callers."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from kling_mock import KlingMock
from kling_mock.admin.api import MAX_BODY
from kling_mock.admin.calls import CALLS
from kling_mock.web.addresses import is_local
from tests.mock.admin_client import Admin
from tests.plain_http import NO_TLS


@pytest.fixture
def admin(mock: KlingMock) -> Iterator[Admin]:
    with Admin(mock) as admin:
        yield admin


@pytest.mark.parametrize("row", list(CALLS), ids=lambda row: row.name)
def test_every_call_wants_the_token(mock: KlingMock, row: Any) -> None:
    """Without the admin token, or with a key of Kling, nothing is shown and nothing done."""
    for token, code in [("", "no_token"), ("wrong", "wrong_token"), (mock.api_key, "wrong_token")]:
        with Admin(mock, token) as admin:
            assert admin.refused(row.method, row.path, {}, status=401) == code
            assert admin.refused(row.method, "/nowhere", status=401) == code


def test_a_refusal_without_the_token_says_how_to_get_it(mock: KlingMock) -> None:
    """The answer names the header and where the token is, and not the token."""
    reply = httpx.get(f"{mock.kling_url}/__kling/clock", trust_env=False, verify=NO_TLS)
    assert reply.headers["www-authenticate"] == "Bearer"
    assert "Bearer <admin_token>" in reply.json()["error"]["message"]
    assert mock.admin_token not in reply.text
    with Admin(mock, "another") as admin:
        error = admin.ask("GET", "/clock", status=401)["error"]
    assert "is not that of this server" in error["message"]  # not a word about a missing header


@pytest.mark.parametrize(
    ("address", "local"),
    [
        ("127.0.0.1", True),
        ("127.8.8.8", True),
        ("::1", True),
        ("::ffff:127.0.0.1", True),
        ("fe80::1%eth0", False),
        ("10.0.0.1", False),
        ("::ffff:10.0.0.1", False),
        ("", False),
        (None, False),
        ("localhost", False),
    ],
)
def test_only_loopback_is_local(address: str | None, local: bool) -> None:  # noqa: FBT001
    """An address of this computer's network is not this computer."""
    assert is_local(address) is local


@pytest.mark.parametrize("header", ["X-Forwarded-For", "Forwarded", "X-Real-IP", "Via"])
def test_what_comes_through_a_proxy_comes_from_elsewhere(admin: Admin, header: str) -> None:
    """A proxy on this computer does not open the admin API to the world."""
    reply = admin.send("GET", "/clock", headers={header: "127.0.0.1"})
    assert reply.status_code == 403
    assert reply.json()["error"]["type"] == "permission"
    assert reply.json()["error"]["code"] == "not_local"


def test_remote_calls_can_be_allowed() -> None:
    """`KlingMock(admin="remote")` takes calls from anywhere, with the token."""
    with KlingMock(admin="remote") as mock, Admin(mock) as admin:
        reply = admin.send("GET", "/clock", headers={"X-Forwarded-For": "10.0.0.1"})
        assert reply.status_code == 200
    with KlingMock(admin="remote") as mock, Admin(mock, "wrong") as admin:
        admin.ask("GET", "/clock", status=401)


def test_it_can_be_switched_off() -> None:
    """With `admin="off"` its paths do not exist, and the OpenAPI document does not list them."""
    with KlingMock(admin="off") as mock, Admin(mock) as admin:
        reply = admin.send("GET", "/clock")
        assert (reply.status_code, reply.json()["error"]) == (404, "Not Found")
        document = admin.http.get("/openapi.json").json()
        assert not [path for path in document["paths"] if path.startswith("/__kling")]
        assert "AdminError" not in document["components"]["schemas"]


def test_a_wrong_setting_is_refused() -> None:
    """The error says what `admin=` must be."""
    wrong: Any = True
    with pytest.raises(ValueError, match="admin: must be 'off', 'local' or 'remote', got True"):
        KlingMock(admin=wrong)


def test_unknown_paths_and_methods(admin: Admin) -> None:
    """404 for a path that is not there; 405 for a method, with those that are."""
    assert admin.refused("GET", "/nowhere", status=404) == "unknown_path"
    assert admin.refused("GET", "/tasks//", status=404) == "unknown_path"
    assert admin.refused("PUT", "/clock", status=405) == "method_not_allowed"
    assert admin.send("PUT", "/clock").headers["allow"] == "GET, PATCH"


@pytest.mark.parametrize(
    ("content", "status", "code"),
    [
        (b"{", 400, "invalid_body"),
        (b"[]", 400, "invalid_body"),
        (b'{"seconds": NaN}', 400, "invalid_body"),
        (b'{"seconds": 1e999}', 400, "invalid_field"),
        (b"\xff", 400, "invalid_body"),
        (b"[" * 100_000, 400, "invalid_body"),
        (b" " * (MAX_BODY + 1), 413, "too_large"),
        (b"", 400, "missing_field"),
    ],
)
def test_bodies_that_cannot_be_read(admin: Admin, content: bytes, status: int, code: str) -> None:
    """All are refused in the same shape, and the connection goes on."""
    reply = admin.send("POST", "/clock/advance", content=content)
    assert (reply.status_code, reply.json()["error"]["code"]) == (status, code)
    admin.ask("POST", "/clock/advance", {"seconds": 0})


def test_a_body_without_a_length_is_bounded_too(admin: Admin) -> None:
    """A chunked body that is too large is refused like one that says so."""

    def pieces() -> Iterator[bytes]:
        for _ in range(20):
            yield b" " * 65536

    assert admin.send("POST", "/clock/advance", content=pieces()).status_code == 413


def test_a_failure_of_the_mock_itself_is_a_500(
    admin: Admin, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Should the mock fail, the answer is a 500 of the one shape, and the log has the reason."""
    monkeypatch.setattr("kling_mock.web.operations.ApiTable.route", lambda *_: 1 / 0)
    assert admin.refused("GET", "/clock", status=500) == "broken"
    assert "ZeroDivisionError" in caplog.text


def test_it_is_not_in_the_journal_and_no_fault_strikes_it(mock: KlingMock, admin: Admin) -> None:
    """Admin calls are not traffic of the code under test."""
    mock.faults.add("reset")
    admin.ask("GET", "/clock")
    assert len(mock.journal) == 0


@pytest.mark.slow
def test_nothing_of_it_is_loaded_before_the_first_call() -> None:
    """A server that is not steered from outside does not load the admin API."""
    code = (
        "import sys, urllib.request\n"
        "from kling_mock import KlingMock\n"
        "with KlingMock() as mock:\n"
        "    assert not [name for name in sys.modules if 'kling_mock.admin' in name]\n"
        "    headers = {'Authorization': f'Bearer {mock.admin_token}'}\n"
        "    url = f'{mock.kling_url}/__kling/clock'\n"
        "    urllib.request.urlopen(urllib.request.Request(url, headers=headers)).close()\n"
        "    assert 'kling_mock.admin.api' in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)

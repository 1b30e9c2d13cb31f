"""The kind of a key, and the parts of a request that must not be in any file."""

from __future__ import annotations

import jwt
import pytest

from kling_mock.recording.authorization import auth_kind, secrets_of

NOW = 1_700_000_000
SECRET = "0123456789abcdef0123456789abcdef"


def token(**claims: object) -> str:
    usual = {"iss": "canary-access-key", "exp": NOW + 1800, "nbf": NOW - 5}
    return jwt.encode(usual | claims, SECRET, "HS256")


@pytest.mark.parametrize(
    ("header", "kind"),
    [
        (None, "none"),
        ("", "none"),
        ("Bearer ", "none"),
        ("Bearer api-key-1234", "api-key"),
        ("bearer api-key-1234", "api-key"),
        ("Bearer a.b.c", "api-key"),
        ("Basic dXNlcjpwYXNz", "other"),
        (f"Bearer {token()}", "key-pair"),
        (f"Bearer {token(exp=NOW - 1)}", "key-pair-late"),
        (f"Bearer {token(nbf=NOW + 60)}", "key-pair-early"),
        (f"Bearer {token(exp='never')}", "key-pair"),
    ],
)
def test_the_kind_of_a_header(header: str | None, kind: str) -> None:
    """What the emulator has to be asked with, to be asked the same."""
    assert auth_kind(header, NOW) == kind


def test_what_is_secret_of_a_request() -> None:
    """The token and its parts, the access key in it, cookies, the user agent."""
    bearer = token()
    headers = {
        "Authorization": f"Bearer {bearer}",
        "Cookie": "a=canary-cookie; b=x; mode=processing",
        "User-Agent": "canary-agent/1",
        "X-Api-Key": "canary-api-key",
    }
    secrets = secrets_of(headers)
    expected = {bearer, *bearer.split("."), "canary-access-key", "canary-cookie", "canary-api-key"}
    assert expected | {"canary-agent/1"} <= set(secrets)
    assert not {"x", "processing"} & set(secrets)
    assert secrets_of({}) == ()

"""The policy of the APIs that steer a server, without a server."""

from __future__ import annotations

from typing import Any

import pytest

from kling_mock.web.access import AccessPolicy, host_of, names_of
from kling_mock.web.errors import ApiError

REBOUND = "evil.example"


def test_a_policy_needs_a_token() -> None:
    """An empty one would let every caller in."""
    with pytest.raises(ValueError, match="admin_token: must not be empty"):
        AccessPolicy("local", "")


@pytest.mark.parametrize(
    ("callers", "peer", "headers", "code"),
    [
        ("local", "127.0.0.1", {}, ""),
        ("local", "10.0.0.1", {}, "not_local"),
        ("local", None, {}, "not_local"),
        ("local", "127.0.0.1", {"Via": "1.1 proxy"}, "not_local"),
        ("local", "127.0.0.1", {"Host": REBOUND}, "wrong_host"),
        ("remote", "10.0.0.1", {}, ""),
        ("remote", "10.0.0.1", {"Host": "kling.test"}, ""),
        ("remote", "10.0.0.1", {"Host": REBOUND}, "wrong_host"),
        ("off", "10.0.0.1", {}, "not_local"),
    ],
)
def test_who_may_call(callers: Any, peer: str | None, headers: dict[str, str], code: str) -> None:
    """One decision, without a server."""
    policy = AccessPolicy(callers, "t", {"kling.test"})
    error_code = ""
    try:
        policy.check(peer, headers | {"Authorization": "bearer t"})
    except ApiError as error:
        error_code = error.code
    assert error_code == code


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ("", ""),
        ("a.example", "a.example"),
        ("A.Example.:80", "a.example"),
        ("[::1]", "::1"),
        ("[FE80::1]:80", "fe80::1"),
        ("127.0.0.1:80", "127.0.0.1"),
    ],
)
def test_the_name_in_a_host_header(header: str, name: str) -> None:
    """It is compared without port, brackets, case and the dot at the end."""
    assert host_of(header) == name


def test_names_of_addresses_and_urls() -> None:
    """What a server listens on and its public URLs, as a `Host` header would have them."""
    assert names_of("a-name", "::", "https://Kling.test.:8443", None, "") == {
        "a-name",
        "::",
        "kling.test",
    }

"""The settings of a relay: defaults, checks, and no secret in the repr."""

from __future__ import annotations

from typing import Any

import pytest

from kling_mock import RelaySettings
from kling_mock.relay.standalone import RelayServer


def test_urls_and_hosts_are_normalized() -> None:
    """A slash at the end of a URL is dropped; one host may be given as text."""
    settings = RelaySettings(
        public_url="https://relay.example/",
        upstream_url="https://kling.example/",
        callback_hosts="10.0.0.1",
    )
    assert settings.public_url == "https://relay.example"
    assert settings.upstream_url == "https://kling.example"
    assert settings.callback_hosts == {"10.0.0.1"}
    assert RelaySettings().public_url is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"port": -1},
        {"port": 65536},
        {"pricing": "free"},
        {"operator": "everybody"},
        {"upstream_timeout": 0},
        {"create_lease": 0},
        {"create_lease": 46},
        {"upstream_timeout": 45.0},
        {"reads_at_once": 0},
        {"sweep_interval": 0},
    ],
)
def test_a_value_out_of_range_is_refused_by_name(wrong: dict[str, Any]) -> None:
    """The error names the setting."""
    (name,) = wrong
    with pytest.raises(ValueError, match=name):
        RelaySettings(**wrong)


def test_no_secret_is_in_the_repr() -> None:
    """Settings may be logged (P7)."""
    secrets: dict[str, Any] = {
        "upstream_key": "AK|hidden",
        "token": "sk-hidden",
        "admin_token": "admin-hidden",
    }
    assert "hidden" not in repr(RelaySettings(callback_secret=b"hidden", **secrets))


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        (RelaySettings(), "upstream_url and upstream_key"),
        (RelaySettings(upstream_url="https://kling.example"), "upstream_url and upstream_key"),
        (
            RelaySettings(upstream_url="https://x.example", upstream_key="k", test_callback=True),
            "only an emulated Kling has the test hook",
        ),
    ],
)
def test_a_relay_in_front_of_a_real_kling_needs_an_upstream_and_has_no_test_hook(
    settings: RelaySettings, why: str
) -> None:
    """Behind a proxy every caller is local, so the hook would let every caller end tasks."""
    with pytest.raises(ValueError, match=why):
        RelayServer(settings)

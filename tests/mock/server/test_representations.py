"""The public view of a server: its environment, its representations, and its types."""

from __future__ import annotations

from typing import Any

import kling_mock
from kling_mock import KlingMock


def test_the_environment_has_the_relay(mock: KlingMock) -> None:
    """An app in another process finds Kling and the relay."""
    assert mock.environment == {
        "KLING_BASE_URL": mock.kling_url,
        "KLING_ACCESS_KEY": mock.access_key,
        "KLING_SECRET_KEY": mock.secret_key,
        "KLING_API_KEY": mock.api_key,
        "KLING_RELAY_URL": mock.relay_url,
        "KLING_RELAY_TOKEN": mock.relay_token,
    }
    with KlingMock(relay=False) as without:
        assert "KLING_RELAY_URL" not in without.environment


def test_representations_are_short_and_have_no_secrets(api: Any, mock: KlingMock) -> None:
    """They are shown in the report of a test that fails."""
    secret = mock.account.add_webhook_secret()
    pair = mock.account.add_key_pair()
    fault = mock.faults.add("status", "GET *", prompt="a secret prompt", times=2)
    url = "http://127.0.0.1:9/?token=hidden"
    api.new(prompt="a secret prompt", callback_url=url)
    mock.clock.advance(1)
    representations = [
        repr(thing)
        for thing in (
            mock,
            mock.clock,
            mock.accounts,
            mock.account,
            mock.progress,
            mock.content,
            mock.faults,
            mock.callbacks,
            mock.deliveries,
            mock.ledger,
            mock.journal,
            mock.snapshot(),
            list(mock.journal),
            list(mock.deliveries),
            pair,
            fault,
        )
    ]
    text = "\n".join(representations)
    assert max(map(len, representations)) < 300
    for hidden in (secret, pair.secret_key, mock.secret_key, "secret prompt", "hidden"):
        assert hidden not in text
    assert (
        repr(fault) == "<Fault status GET * prompt=...: matched 0, happened 0 of at most 2 times>"
    )
    assert "<Entry POST /v1/videos/text2video, 200/0, account default, task " in text


def test_what_the_handles_return_can_be_imported() -> None:
    """A helper of a test can be annotated without private modules."""
    for name in ("Entry", "Delivery", "Fault", "FaultSpec", "Snapshot", "Where", "ForgottenKind"):
        assert name in kling_mock.__all__

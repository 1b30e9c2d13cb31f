"""The identity of a receiver of webhooks."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kling_mock.relay.domain.credentials import signing_secrets, user_secret
from kling_mock.relay.domain.receivers import MIN_FAILURES, host_of_url
from kling_mock.relay.domain.user_webhooks import DELAYS
from kling_mock.relay.storage.values import SecretRotation


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://App.Example.com/hook?task=1", "app.example.com"),
        ("http://user:secret@app.example.com.:8080/other", "app.example.com"),
        ("https://[2606:2800:220:1::1]:443/", "2606:2800:220:1::1"),
        ("https://bücher.example/", "xn--bcher-kva.example"),
        ("https://\ud800.example/", "\\ud800.example"),
        ("https://a b/", "a?b"),
        ("http://[broken", ""),
        ("no url", ""),
    ],
)
def test_the_host_is_the_receiver(url: str, host: str) -> None:
    """Port, path and user do not distinguish receivers."""
    assert host_of_url(url) == host


@given(st.text() | st.text().map("https://{}/x".format))
def test_whatever_stands_in_a_url_has_a_host_that_can_be_stored(url: str) -> None:
    """It is printable ASCII, and never too long."""
    host = host_of_url(url)
    assert len(host) <= 255
    assert all("!" <= character <= "~" for character in host)


def test_both_secrets_sign_during_the_overlap() -> None:
    """The newest comes first, and the one before it ends when the overlap does."""
    first, second, third = (user_secret(b"relay", 7, number) for number in range(3))
    assert len({first, second, third, user_secret(b"relay", 8, 1)}) == 4
    assert signing_secrets(b"relay", 7, None, 100) == (first,)
    assert signing_secrets(b"relay", 7, SecretRotation(7, 1, 200), 199) == (second, first)
    assert signing_secrets(b"relay", 7, SecretRotation(7, 1, 200), 200) == (second,)
    assert signing_secrets(b"relay", 7, SecretRotation(7, 2, 200), 100) == (third, second)


def test_a_host_is_cut_at_the_width_of_its_column() -> None:
    """255 characters, which no name of DNS passes."""
    assert host_of_url(f"https://{'a' * 300}/") == "a" * 255


def test_one_webhook_alone_switches_no_receiver_off() -> None:
    """It takes ten failures in a row, and a webhook has eight attempts."""
    assert len(DELAYS) + 1 == 8
    assert MIN_FAILURES == 10

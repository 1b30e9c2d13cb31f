"""What keys, tokens and secrets are made of."""

from __future__ import annotations

import hashlib

import pytest

from kling_mock.relay.domain.credentials import (
    check_secrets,
    new_token,
    parse_keys,
    user_secret,
)
from kling_mock.relay.domain.errors import RelayError


def test_a_fingerprint_is_the_one_that_rows_have() -> None:
    """16 digits of the SHA-256 of the access key: another length would orphan every open task."""
    (pair,) = parse_keys("one|secret1")
    (key,) = parse_keys("one")
    assert pair.fingerprint == key.fingerprint == hashlib.sha256(b"one").hexdigest()[:16]


def test_a_token_has_all_its_random_bytes() -> None:
    """`sk-` and 48 digits; fewer bytes are refused, and not made into a weaker one."""
    assert new_token(bytes(range(24))) == f"sk-{bytes(range(24)).hex()}"
    for size in (0, 23, 25):
        with pytest.raises(ValueError, match=f"must be 24 bytes, got {size}"):
            new_token(bytes(size))


def test_the_errors_of_keys_name_the_field() -> None:
    """An operator sees where to look, and in which line."""
    for text in ("", "one|secret\n|secret", "one two"):
        with pytest.raises(RelayError, match=r"^key: "):
            parse_keys(text)
    with pytest.raises(RelayError, match="line 3 "):
        parse_keys("one|secret\n\na|b|c")


def test_a_secret_that_was_never_rotated_is_the_first_one() -> None:
    """Each rotation makes another; each user has its own."""
    first = user_secret(b"s" * 32, 7)
    assert first == user_secret(b"s" * 32, 7, 0)
    others = [user_secret(b"s" * 32, 7, 1), user_secret(b"s" * 32, 8), user_secret(b"t" * 32, 7)]
    assert len({first, *others}) == 4


@pytest.mark.parametrize("text", ["whsec_", "whsec_%%%", "whsec_QUJD no-base64!"])
def test_a_secret_that_cannot_sign_is_refused_by_name(text: str) -> None:
    """An operator sees which field it is, and not the secret."""
    with pytest.raises(RelayError, match=r"^webhook_secrets: ") as caught:
        check_secrets(text)
    assert "%%%" not in str(caught.value)
    assert check_secrets("whsec_QUJD") == "whsec_QUJD"

"""The forms of keys, tokens and secrets."""

from __future__ import annotations

import base64
import hashlib
import hmac

import pytest

from kling_mock.relay.domain.credentials import (
    check_secrets,
    new_token,
    parse_keys,
    token_hash,
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


@pytest.mark.parametrize("text", ["whsec_", "a b", "whsec_QUJD whsec_"])
def test_an_empty_secret_signs_nothing(text: str) -> None:
    with pytest.raises(RelayError, match=r"^webhook_secrets: one is not a secret"):
        check_secrets(text)


def test_secrets_are_kept_as_they_are_written() -> None:
    """Any number of secrets is kept, with or without the prefix; an empty list is not an error."""
    for text in ("", "QUJD", "whsec_QUJD  QUJE"):
        assert check_secrets(text) == text


def test_a_token_is_found_with_its_prefix_and_without() -> None:
    """The rule is one-api's: the hash is that of the digits."""
    expected = hashlib.sha256(b"abc").hexdigest()
    assert token_hash("sk-abc") == token_hash("abc") == expected
    assert token_hash("sk-sk-abc") != expected
    assert token_hash("\ud800") == token_hash("?")  # not a token that exists


@pytest.mark.parametrize(
    ("generation", "purpose"), [(0, b"callbacks of user 7"), (2, b"callbacks of user 7, 2")]
)
def test_a_users_secret_is_derived_as_ever(generation: int, purpose: bytes) -> None:
    """Another one after an upgrade would make every receiver refuse its webhooks."""
    key = hmac.digest(b"relay", purpose, "sha256")
    assert user_secret(b"relay", 7, generation) == f"whsec_{base64.b64encode(key).decode()}"


def test_keys_are_read_with_the_blanks_around_them_removed() -> None:
    """Every character that a header takes may be part of one."""
    pair, key = parse_keys(" \n ! | ~ \n\n sk-1 \n")
    assert (pair.text, pair.is_pair, key.text, key.is_pair) == ("!|~", True, "sk-1", False)
    assert repr(key) == f"ChannelKey(fingerprint={key.fingerprint!r})"


@pytest.mark.parametrize("text", ["one two", "one|two three", "k\x7fey", "schlüssel", "a|\x01"])
def test_a_key_that_no_header_takes_is_refused(text: str) -> None:
    with pytest.raises(RelayError, match=r"^key: line 1 has a space or another character"):
        parse_keys(text)


@pytest.mark.parametrize("text", ["a|", "|b", " | ", "a|b|c"])
def test_half_of_a_pair_is_refused(text: str) -> None:
    """A pair has exactly two halves."""
    with pytest.raises(RelayError, match=r"^key: line 2 is not a key pair; expected AK\|SK"):
        parse_keys(f"one|two\n{text}")

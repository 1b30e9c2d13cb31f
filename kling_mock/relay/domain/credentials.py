"""Tokens of users, keys and secrets of channels: how they are written, stored and named.

They are never shown again: a token is stored as its hash, a key is named by its fingerprint, and a
secret of a user is derived when it is needed.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from typing import TYPE_CHECKING, Final, NamedTuple

from kling_mock.relay.domain.errors import invalid

if TYPE_CHECKING:  # a server makes its token here long before its relay is used
    from kling_mock.relay.storage.values import SecretRotation

_FINGERPRINT: Final = 16  # hex digits

_KEY: Final = re.compile(r"[!-~]+")  # what fits into a header

_PREFIX: Final = "sk-"
_DIGITS: Final = 48
_BYTES: Final = _DIGITS // 2


def new_token(secret: bytes) -> str:
    """Return a new token: `sk-` and 48 hexadecimal digits, as one-api has them.

    Args:
        secret: 24 random bytes.

    Raises:
        ValueError: *secret* does not have 24 bytes.
    """
    if len(secret) != _BYTES:
        raise ValueError(f"secret: must be {_BYTES} bytes, got {len(secret)}")
    return f"{_PREFIX}{secret.hex()}"


def token_hash(token: str) -> str:
    """Return the hash by which a token is stored: SHA-256 in hexadecimal.

    The prefix is optional, as in one-api. A token has 192 random bits, so it needs no salt.
    """
    return hashlib.sha256(token.removeprefix(_PREFIX).encode("utf-8", "replace")).hexdigest()


class ChannelKey(NamedTuple):
    """One key of a channel.

    Attributes:
        text: `AK|SK`, or an API key.
        fingerprint: Identifies it in a task's row without showing it.
    """

    text: str
    fingerprint: str

    @property
    def is_pair(self) -> bool:
        """Whether the key is a key pair, which signs tokens."""
        return "|" in self.text

    def __repr__(self) -> str:
        return f"ChannelKey(fingerprint={self.fingerprint!r})"


def parse_keys(text: str) -> tuple[ChannelKey, ...]:
    """Return the keys of a channel, one per line.

    The fingerprint of a pair is that of its access key alone: with another secret the pair still
    belongs to the same account, whose tasks it can read.

    Raises:
        RelayError: 400 if there is no key, or a key is half empty or has a character that cannot be
            sent. The text does not show the key.
    """
    keys: list[ChannelKey] = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        access, bar, secret = (part.strip() for part in line.partition("|"))
        if bar and not (access and secret and "|" not in secret):
            raise invalid("key", f"line {number} is not a key pair; expected AK|SK or an API key")
        if not _KEY.fullmatch(access + secret):
            text = "has a space or another character that Kling's keys do not have"
            raise invalid("key", f"line {number} {text}; expected AK|SK or an API key")
        named = hashlib.sha256(access.encode()).hexdigest()[:_FINGERPRINT]
        keys.append(ChannelKey(f"{access}|{secret}" if bar else access, named))
    if not keys:
        raise invalid("key", "is empty; expected AK|SK or an API key, one per line")
    return tuple(keys)


def check_secrets(text: str) -> str:
    """Return a channel's webhook secrets, separated by blanks; "" if there are no secrets.

    A secret that cannot sign would silently turn every callback of the channel into a hint.

    Raises:
        RelayError: 400 if a secret is empty or not base64. The text does not show it.
    """
    for secret in text.split():
        try:
            key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
        except (binascii.Error, ValueError):
            key = b""
        if not key:
            raise invalid("webhook_secrets", "one is not a secret; expected whsec_ and base64 each")
    return text


def user_secret(secret: bytes, user_id: int, generation: int = 0) -> str:
    """Return a `whsec_` secret of one user.

    It is derived: secrets are not stored, and no user can sign for another one.

    Args:
        secret: The relay's own secret.
        user_id: The user.
        generation: How often it was rotated.
    """
    purpose = f"callbacks of user {user_id}" + (f", {generation}" if generation else "")
    key = hmac.digest(secret, purpose.encode(), "sha256")
    return f"whsec_{base64.b64encode(key).decode()}"


def signing_secrets(
    secret: bytes, user_id: int, rotated: SecretRotation | None, now: int
) -> tuple[str, ...]:
    """Return the secrets that sign a user's webhooks now, the newest first.

    Args:
        secret: The relay's own secret.
        user_id: The user.
        rotated: Which secret signs; `None` if it was never rotated.
        now: Unix seconds.
    """
    if rotated is None:
        return (user_secret(secret, user_id),)
    newest = user_secret(secret, user_id, rotated.generation)
    if now >= rotated.overlap_until:
        return (newest,)
    return newest, user_secret(secret, user_id, rotated.generation - 1)

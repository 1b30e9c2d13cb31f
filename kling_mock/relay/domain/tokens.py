"""The relay's own tokens: `sk-` and 48 characters, as one-api has them. Pure."""

from __future__ import annotations

import hashlib
from typing import Final

__all__ = ["PREFIX", "new_token", "token_hash"]

PREFIX: Final = "sk-"
_DIGITS: Final = 48
_BYTES: Final = _DIGITS // 2


def new_token(secret: bytes) -> str:
    """Return the token that *secret*, 24 random bytes, stands for.

    Raises:
        ValueError: There are not 24 of them.
    """
    if len(secret) != _BYTES:
        raise ValueError(f"secret: accepted are {_BYTES} bytes, got {len(secret)}")
    return f"{PREFIX}{secret.hex()}"


def token_hash(token: str) -> str:
    """Return what is stored of a token: SHA-256 in hexadecimal.

    The prefix is optional, as in one-api. A token has 192 random bits, so it needs no salt.
    """
    return hashlib.sha256(token.removeprefix(PREFIX).encode("utf-8", "replace")).hexdigest()

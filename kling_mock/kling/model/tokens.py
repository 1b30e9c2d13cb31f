"""Tokens that clients make of a key pair: JSON Web Tokens signed with HMAC-SHA256 (RFC 7519, 7515).

Tokens are read here and not by PyJWT, which loads the whole of `cryptography` where that is
installed: 9 MiB and 30 ms, most of what a server needs beyond aiohttp. The tests compare this
module with PyJWT, with which the client makes its tokens.
"""

from __future__ import annotations

import base64
import hmac
import json
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

_ALGORITHM: Final = "HS256"  # documented; all others are rejected, especially `none`


class SignedToken(NamedTuple):
    """A token that was parsed, but whose signature has not been checked yet.

    Attributes:
        claims: Its claims.
        signed: The bytes that the signature covers.
        signature: The signature.
    """

    claims: Mapping[str, Any]
    signed: bytes
    signature: bytes

    def is_signed_with(self, secret: str) -> bool:
        """Return whether *secret* made the signature."""
        digest = hmac.digest(secret.encode(), self.signed, "sha256")
        return hmac.compare_digest(digest, self.signature)


def read_token(credential: str) -> SignedToken:
    """Return the token in *credential*.

    Raises:
        ValueError: It is not a token, or is signed in another way.
    """
    head, payload, signature = (part.encode("ascii") for part in credential.split("."))
    if _json_object(head).get("alg") != _ALGORITHM:
        raise ValueError(f"a token must be signed with {_ALGORITHM}")
    return SignedToken(_json_object(payload), head + b"." + payload, _decoded(signature))


def _json_object(part: bytes) -> dict[str, Any]:
    try:
        document = json.loads(_decoded(part))
    except RecursionError:
        raise ValueError("a part of the token is nested too deeply") from None
    if not isinstance(document, dict):
        raise ValueError("a part of the token is not a JSON object")  # noqa: TRY004 - as any other fault of it
    return document


def _decoded(part: bytes) -> bytes:
    return base64.b64decode(part + b"=" * (-len(part) % 4), altchars=b"-_", validate=True)

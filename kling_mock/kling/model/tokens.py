"""Tokens that clients make of a key pair: JSON Web Tokens signed with HMAC-SHA256 (RFC 7519, 7515).

Read here and not by PyJWT, which loads the whole of `cryptography` where that is installed: 9 MiB
and 30 ms, most of what a server needs beyond aiohttp. The tests hold this against PyJWT, with
which the client makes its tokens.
"""

from __future__ import annotations

import base64
import hmac
import json
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

__all__ = ["SignedToken", "read_token"]

_ALGORITHM: Final = "HS256"  # documented; no other is taken, `none` least of all


class SignedToken(NamedTuple):
    """A token that can be read. Who has signed it is not known yet.

    Attributes:
        claims: What it says.
        signed: What the signature is of.
        signature: The signature.
    """

    claims: Mapping[str, Any]
    signed: bytes
    signature: bytes

    def is_signed_with(self, secret: str) -> bool:
        """Return whether *secret* made the signature."""
        made = hmac.digest(secret.encode(), self.signed, "sha256")
        return hmac.compare_digest(made, self.signature)


def read_token(credential: str) -> SignedToken:
    """Return the token that *credential* is.

    Raises:
        ValueError: It is none, or is signed in another way.
    """
    head, payload, signature = (part.encode("ascii") for part in credential.split("."))
    if _json_object(head).get("alg") != _ALGORITHM:
        raise ValueError(f"a token must be signed with {_ALGORITHM}")
    return SignedToken(_json_object(payload), head + b"." + payload, _decoded(signature))


def _json_object(part: bytes) -> dict[str, Any]:
    try:
        found = json.loads(_decoded(part))
    except RecursionError:
        raise ValueError("a part of the token is nested too deeply") from None
    if not isinstance(found, dict):
        raise ValueError("a part of the token is no JSON object")  # noqa: TRY004 - as any other fault of it
    return found


def _decoded(part: bytes) -> bytes:
    return base64.b64decode(part + b"=" * (-len(part) % 4), altchars=b"-_", validate=True)

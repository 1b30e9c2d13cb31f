"""The kind of authentication of a request; the key itself is never kept."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from kling_mock.recording.session import AuthKind
from kling_mock.recording.vocabulary import is_setting

_TOKEN: Final = re.compile(r"[A-Za-z0-9_-]+\.([A-Za-z0-9_-]+)\.[A-Za-z0-9_-]*")
_MIN_LENGTH: Final = 6  # characters; a shorter text is not a secret, and would match anywhere


def auth_kind(header: str | None, now: float) -> AuthKind:
    """Return the kind of an `Authorization` header.

    Args:
        header: Its value; `None` if the request has no such header.
        now: Unix seconds; the dates of a token are compared with it.
    """
    scheme, _, token = (header or "").strip().partition(" ")
    if not scheme or (scheme.lower() == "bearer" and not token):
        return "none"
    if scheme.lower() != "bearer":
        return "other"
    claims = _claims(token.strip())
    if claims is None:
        return "api-key"
    if _number(claims.get("exp"), now) < now:
        return "key-pair-late"
    return "key-pair-early" if _number(claims.get("nbf"), now) > now else "key-pair"


def secrets_of(headers: Mapping[str, str]) -> tuple[str, ...]:
    """Return the secrets in these headers, which must not appear anywhere in the file.

    Args:
        headers: All of them.
    """
    secrets = {
        secret
        for secret in _secrets(headers)
        if len(secret) >= _MIN_LENGTH and not is_setting(secret)
    }
    return tuple(sorted(secrets))


def _secrets(headers: Mapping[str, str]) -> Iterator[str]:
    authorization = headers.get("Authorization", "")
    token = authorization.partition(" ")[2].strip()
    yield from (authorization, token, headers.get("X-Api-Key", ""), headers.get("User-Agent", ""))
    claims = _claims(token)
    if claims is not None:
        yield from token.split(".")
        yield str(claims.get("iss", ""))
    cookies = headers.get("Cookie", "")
    yield from (pair.partition("=")[2].strip() for pair in cookies.split(";"))


def _claims(token: str) -> dict[str, Any] | None:
    match = _TOKEN.fullmatch(token)
    if match is None:
        return None
    try:
        padded = match[1] + "=" * (-len(match[1]) % 4)
        claims: Any = json.loads(base64.urlsafe_b64decode(padded))
    except (binascii.Error, ValueError):
        return None
    return claims if isinstance(claims, dict) else None


def _number(claim: Any, default: float) -> float:
    is_number = isinstance(claim, int | float) and not isinstance(claim, bool)
    return float(claim) if is_number else default

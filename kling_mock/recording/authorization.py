"""What a request was authenticated with: the kind, and never the key."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from kling_mock.recording.session import AuthKind
from kling_mock.recording.vocabulary import is_setting

__all__ = ["auth_kind", "secrets_of"]

_TOKEN: Final = re.compile(r"[A-Za-z0-9_-]+\.([A-Za-z0-9_-]+)\.[A-Za-z0-9_-]*")
_LEAST: Final = 6  # characters; a shorter text is no secret, and would be found anywhere


def auth_kind(header: str | None, now: float) -> AuthKind:
    """Return the kind of an `Authorization` header.

    Args:
        header: Its value; `None` if there is none.
        now: Unix seconds, which the dates of a token are compared with.
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
    """Return what must not be in the file of a request with these headers, wherever it came from.

    Args:
        headers: All of them.
    """
    found = {one for one in _secrets(headers) if len(one) >= _LEAST and not is_setting(one)}
    return tuple(sorted(found))


def _secrets(headers: Mapping[str, str]) -> Iterator[str]:
    given = headers.get("Authorization", "")
    token = given.partition(" ")[2].strip()
    yield from (given, token, headers.get("X-Api-Key", ""), headers.get("User-Agent", ""))
    claims = _claims(token)
    if claims is not None:
        yield from token.split(".")
        yield str(claims.get("iss", ""))
    cookies = headers.get("Cookie", "")
    yield from (pair.partition("=")[2].strip() for pair in cookies.split(";"))


def _claims(token: str) -> dict[str, Any] | None:
    found = _TOKEN.fullmatch(token)
    if found is None:
        return None
    try:
        padded = found[1] + "=" * (-len(found[1]) % 4)
        claims: Any = json.loads(base64.urlsafe_b64decode(padded))
    except (binascii.Error, ValueError):
        return None
    return claims if isinstance(claims, dict) else None


def _number(given: Any, default: float) -> float:
    is_number = isinstance(given, int | float) and not isinstance(given, bool)
    return float(given) if is_number else default

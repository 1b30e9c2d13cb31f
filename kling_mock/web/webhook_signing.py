"""Signatures of callbacks, after Standard Webhooks 1.0.0."""

from __future__ import annotations

import base64
import hmac
from collections.abc import Mapping, Sequence
from typing import Literal

Verdict = Literal["unsigned", "valid", "unknown"]

_PREFIX = "whsec_"
_KEY_BYTES = (24, 64)  # minimum and maximum, after Standard Webhooks


def check_secret(secret: str) -> str:
    """Return *secret* if it can sign.

    Raises:
        ValueError: It is not `whsec_` and base64 of 24 to 64 bytes.
    """
    low, high = _KEY_BYTES
    if not isinstance(secret, str):
        raise ValueError(f"secret: must be {_PREFIX} and base64, got a {type(secret).__name__}")  # noqa: TRY004 - one kind for all
    try:
        size = len(base64.b64decode(secret.removeprefix(_PREFIX), validate=True))
    except ValueError:  # also for letters that are not ASCII
        size = 0
    if not (secret.startswith(_PREFIX) and low <= size <= high):
        raise ValueError(f"secret: must be {_PREFIX} and base64 of {low} to {high} bytes")
    return secret


def signed_headers(
    secrets: Sequence[str], message_id: str, timestamp: int, body: bytes
) -> tuple[tuple[str, str], ...]:
    """Return the headers of a signed callback; none without a secret.

    Args:
        secrets: Each of them signs.
        message_id: The id of the message, the same in every attempt (assumed).
        timestamp: Unix seconds of the attempt.
        body: The bytes that are sent.
    """
    if not secrets:
        return ()
    content = f"{message_id}.{timestamp}.".encode() + body
    return (
        ("webhook-id", message_id),
        ("webhook-timestamp", str(timestamp)),
        ("webhook-signature", " ".join(_sign(secret, content) for secret in secrets)),
    )


def verdict(secrets: Sequence[str], headers: Mapping[str, str], body: bytes) -> Verdict:
    """Return the verdict of a receiver that knows *secrets*; the time is not checked.

    Args:
        secrets: The secrets that it accepts.
        headers: The headers of the callback, as `signed_headers` names them.
        body: The bytes that were sent.
    """
    signatures = headers.get("webhook-signature", "").split()
    if not signatures:
        return "unsigned"
    content = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    known = (_sign(secret, content) for secret in secrets)
    is_known = any(
        hmac.compare_digest(expected, other) for expected in known for other in signatures
    )
    return "valid" if is_known else "unknown"


def _sign(secret: str, content: bytes) -> str:
    key = base64.b64decode(secret.removeprefix(_PREFIX))
    return f"v1,{base64.b64encode(hmac.digest(key, content, 'sha256')).decode()}"

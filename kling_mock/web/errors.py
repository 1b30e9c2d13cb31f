"""The error of the admin API and of the relay's operator API."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

# HTTP status -> the `type` in the body
TYPES: Mapping[int, str] = {
    400: "invalid_request",
    401: "authentication",
    403: "permission",
    404: "not_found",
    405: "method_not_allowed",
    409: "conflict",
    413: "too_large",
    422: "assertion",
    429: "rate_limit",
    500: "internal",
}


class ApiError(Exception):
    """A refusal: nothing has changed.

    Args:
        status: A key of `TYPES`.
        code: The kind of error, for programs.
        message: What was wrong, what it must be, what to do.
        headers: Additional headers of the reply.
    """

    def __init__(
        self, status: int, code: str, message: str, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.headers = dict(headers or {})

    def body(self) -> bytes:
        """Return `{"error": {"message", "type", "code"}}`."""
        error: dict[str, Any] = {
            "message": self.message,
            "type": TYPES[self.status],
            "code": self.code,
        }
        return json.dumps({"error": error}).encode()

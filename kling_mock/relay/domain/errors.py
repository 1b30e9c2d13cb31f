"""What the relay refuses, as a table of kinds: HTTP status, type, code. Pure.

The body is one-api's: `{"error": {"message", "type", "code"}}`. Where Kling refused, `code` is
Kling's own number, so that a client can tell 1303 from 1301 behind a relay too.
"""

from __future__ import annotations

import json
from typing import Final, NamedTuple

from kling_sdk.errors import KlingAPIError, KlingError

__all__ = ["KINDS", "Kind", "RelayError", "invalid", "only", "upstream_refusal"]


class Kind(NamedTuple):
    """One kind of refusal.

    Attributes:
        http: The HTTP status.
        type: Its family, for programs that do not know the code.
        code: Its name.
    """

    http: int
    type: str
    code: str


INVALID: Final = Kind(400, "invalid_request_error", "invalid_request")
BAD_TOKEN: Final = Kind(401, "authentication_error", "invalid_token")
NO_QUOTA: Final = Kind(402, "insufficient_quota", "insufficient_quota")
DISABLED_USER: Final = Kind(403, "permission_error", "user_disabled")
NOT_LOCAL: Final = Kind(403, "permission_error", "not_local")
NOT_FOUND: Final = Kind(404, "not_found_error", "not_found")
WRONG_METHOD: Final = Kind(405, "invalid_request_error", "method_not_allowed")
TIMEOUT: Final = Kind(408, "invalid_request_error", "request_timeout")
CONFLICT: Final = Kind(409, "conflict_error", "external_task_id_conflict")
AMBIGUOUS: Final = Kind(409, "conflict_error", "ambiguous_name")
TOO_LARGE: Final = Kind(413, "invalid_request_error", "body_too_large")
UPSTREAM: Final = Kind(502, "upstream_error", "upstream_error")
NO_CHANNEL: Final = Kind(503, "upstream_error", "no_channel")
UNREACHABLE: Final = Kind(503, "upstream_error", "upstream_unreachable")
UNAVAILABLE: Final = Kind(503, "server_error", "unavailable")
NOT_INSTALLED: Final = Kind(501, "server_error", "not_installed")
BROKEN: Final = Kind(500, "server_error", "internal_error")

_LONGEST: Final = 500  # characters of an upstream's own words


#: All kinds.
KINDS: Final = (
    INVALID,
    BAD_TOKEN,
    NO_QUOTA,
    DISABLED_USER,
    NOT_LOCAL,
    NOT_FOUND,
    WRONG_METHOD,
    TIMEOUT,
    CONFLICT,
    AMBIGUOUS,
    TOO_LARGE,
    UPSTREAM,
    NO_CHANNEL,
    UNREACHABLE,
    UNAVAILABLE,
    NOT_INSTALLED,
    BROKEN,
)


class RelayError(Exception):
    """A refusal.

    Attributes:
        kind: Which kind.
        message: What was wrong, what is accepted, what to do.
        code: The kind's code, or Kling's number.
        http: The kind's HTTP status, or the one that suits Kling's number.
        retry_after: Whole seconds to wait; `None` if waiting does not help.
    """

    def __init__(
        self,
        kind: Kind,
        message: str,
        *,
        code: int | None = None,
        http: int | None = None,
        retry_after: int | None = None,
    ) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.code: str | int = kind.code if code is None else code
        self.http = kind.http if http is None else http
        self.retry_after = retry_after

    def body(self) -> bytes:
        """Return the JSON that is answered."""
        error = {"message": self.message, "type": self.kind.type, "code": self.code}
        return json.dumps({"error": error}, ensure_ascii=False).encode()


def only(method: str, *methods: str) -> None:
    """Check that *method* is one of those that a path takes.

    Raises:
        RelayError: 405 if it is not.
    """
    if method not in methods:
        accepted = " and ".join(methods)
        raise RelayError(WRONG_METHOD, f"{method}: accepted here: {accepted}")


def invalid(field: str, problem: str) -> RelayError:
    """Return the 400 about one field."""
    return RelayError(INVALID, f"{field}: {problem}")


# Kling's code -> what the relay's user is told. What is not here is 502: the relay's operator has
# to see to it (1000-1004 keys, 1100-1103 account, 1304 address).
_STATUS_OF_CODE: Final = {
    1200: 400,
    1201: 400,
    1202: 400,
    1203: 400,
    1300: 400,
    1301: 400,
    1302: 429,
    1303: 429,
}
_WAIT: Final = 5  # seconds, if Kling names none: about a queue's step


def upstream_refusal(error: KlingError) -> RelayError:
    """Return what the user is told when Kling refused, or could not be reached at all."""
    if not isinstance(error, KlingAPIError):
        return RelayError(UNREACHABLE, "Kling cannot be reached; nothing was created.")
    http = _STATUS_OF_CODE.get(error.code, 502)
    wait = None
    if http == 429:
        wait = _WAIT if error.retry_after is None else max(1, round(error.retry_after))
    message = error.message[:_LONGEST] if http < 500 else "Kling refused this relay's channel."
    return RelayError(UPSTREAM, message, code=error.code or None, http=http, retry_after=wait)

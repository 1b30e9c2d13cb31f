"""The errors of the relay as a table of kinds: HTTP status, type, code, Kling's number.

The body is one-api's, `{"error": {"message", "type", "code"}}`, with the members of Kling's own
errors beside it: `code`, `message` and `request_id`. Where Kling refused, both codes are Kling's
number, so that a client can tell 1303 from 1301 behind a relay too.
"""

from __future__ import annotations

import json
import math
from typing import Any, Final, NamedTuple

from kling_sdk import KlingAPIError, KlingError, RequestValidationError


class ErrorKind(NamedTuple):
    """One kind of refusal.

    Attributes:
        http: The HTTP status.
        type: Its family, for programs that do not know the code.
        code: The name of the kind.
        number: Kling's code for the same refusal. Kling's clients repeat 5001.
    """

    http: int
    type: str
    code: str
    number: int


INVALID: Final = ErrorKind(400, "invalid_request_error", "invalid_request", 1201)
BAD_TOKEN: Final = ErrorKind(401, "authentication_error", "invalid_token", 1002)
NO_QUOTA: Final = ErrorKind(402, "insufficient_quota", "insufficient_quota", 1102)
DISABLED_USER: Final = ErrorKind(403, "permission_error", "user_disabled", 1103)
NOT_LOCAL: Final = ErrorKind(403, "permission_error", "not_local", 1103)
WRONG_HOST: Final = ErrorKind(403, "permission_error", "wrong_host", 1103)
NOT_FOUND: Final = ErrorKind(404, "not_found_error", "not_found", 1203)
WRONG_METHOD: Final = ErrorKind(405, "invalid_request_error", "method_not_allowed", 1200)
TIMEOUT: Final = ErrorKind(408, "invalid_request_error", "request_timeout", 5001)
CONFLICT: Final = ErrorKind(409, "conflict_error", "external_task_id_conflict", 1201)
IN_PROGRESS: Final = ErrorKind(409, "conflict_error", "request_in_progress", 5001)
TAKEN: Final = ErrorKind(409, "conflict_error", "already_exists", 1201)
OPEN_TASKS: Final = ErrorKind(409, "conflict_error", "open_tasks", 1201)
AMBIGUOUS: Final = ErrorKind(409, "conflict_error", "ambiguous_name", 1201)
TOO_LARGE: Final = ErrorKind(413, "invalid_request_error", "body_too_large", 1201)
TOO_MANY: Final = ErrorKind(429, "rate_limit_error", "too_many_requests", 1302)
TOO_MANY_OPEN: Final = ErrorKind(429, "rate_limit_error", "too_many_open_tasks", 1303)
DAMPED: Final = ErrorKind(429, "rate_limit_error", "too_many_wrong_tokens", 1302)
UPSTREAM: Final = ErrorKind(502, "upstream_error", "upstream_error", 5001)
NO_CHANNEL: Final = ErrorKind(503, "upstream_error", "no_channel", 5001)
UNREACHABLE: Final = ErrorKind(503, "upstream_error", "upstream_unreachable", 5001)
NO_MEMORY: Final = ErrorKind(503, "server_error", "too_many_large_bodies", 5001)
UNAVAILABLE: Final = ErrorKind(503, "server_error", "unavailable", 5001)
NOT_INSTALLED: Final = ErrorKind(501, "server_error", "not_installed", 1200)
BROKEN: Final = ErrorKind(500, "server_error", "internal_error", 5000)

_MAX_MESSAGE: Final = 500  # characters of an upstream's message


#: All kinds.
KINDS: Final = (
    INVALID,
    BAD_TOKEN,
    NO_QUOTA,
    DISABLED_USER,
    NOT_LOCAL,
    WRONG_HOST,
    NOT_FOUND,
    WRONG_METHOD,
    TIMEOUT,
    CONFLICT,
    IN_PROGRESS,
    TAKEN,
    OPEN_TASKS,
    AMBIGUOUS,
    TOO_LARGE,
    TOO_MANY,
    TOO_MANY_OPEN,
    DAMPED,
    UPSTREAM,
    NO_CHANNEL,
    UNREACHABLE,
    NO_MEMORY,
    UNAVAILABLE,
    NOT_INSTALLED,
    BROKEN,
)


class RelayError(Exception):
    """A refusal.

    Attributes:
        kind: The kind of refusal.
        message: What was wrong, what is expected, what to do.
        code: The kind's code, or Kling's number.
        http: The kind's HTTP status, or the one that suits Kling's number.
        retry_after: Whole seconds to wait; `None` if waiting does not help.
    """

    def __init__(
        self,
        kind: ErrorKind,
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

    def body(self, request_id: str) -> bytes:
        """Return the body of the reply to the request with *request_id*."""
        # A number with which Kling refused the relay's own channel is not about this user.
        is_kling = isinstance(self.code, int) and self.http < 500
        body = {
            "error": {"message": self.message, "type": self.kind.type, "code": self.code},
            "code": self.code if is_kling else self.kind.number,
            "message": self.message,
            "request_id": request_id,
        }
        text = json.dumps(body, ensure_ascii=False)
        return text.encode("utf-8", "backslashreplace")  # half a surrogate pair, as JSON's \u


def check_method(method: str, *methods: str) -> None:
    """Check that a path supports *method*.

    Raises:
        RelayError: 405 if it does not.
    """
    if method not in methods:
        allowed = " or ".join(methods)
        raise RelayError(WRONG_METHOD, f"{method} is not supported on this path; use {allowed}")


def no_path(path: str) -> RelayError:
    """Return the error for a path that is not served."""
    return RelayError(NOT_FOUND, f"there is no path {path[:100]}")


def invalid(field: str, problem: str) -> RelayError:
    """Return the 400 for an invalid field."""
    return RelayError(INVALID, f"{field}: {problem}")


def paused(wait: float) -> RelayError:
    """Return the 503 for a create whose channels are all paused; *wait* is in seconds."""
    text = "Kling does not answer at present, or not fast enough; nothing was created, try again."
    return RelayError(UNREACHABLE, text, retry_after=max(1, math.ceil(wait)))


# Kling's code -> the HTTP status for the relay's user. Any other code becomes 502, a problem for
# the relay's operator (1000-1004 keys, 1100-1103 account, 1304 address).
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
_WAIT: Final = 5  # seconds, if Kling does not name a wait: about one step of its queue
_MAX_WAIT: Final = 300  # seconds: whatever a channel names, another one may be free by then


def upstream_refusal(error: KlingError) -> RelayError:
    """Return the error for the user when Kling refused, or could not be reached at all."""
    if isinstance(error, RequestValidationError):  # the SDK's own text about the user's parameter
        return RelayError(INVALID, str(error)[:_MAX_MESSAGE])
    if not isinstance(error, KlingAPIError):
        return RelayError(UNREACHABLE, "Kling cannot be reached; nothing was created.")
    http = _STATUS_OF_CODE.get(error.code, 502)
    wait = None
    if http == 429:
        retry_after = _WAIT if error.retry_after is None else error.retry_after
        wait = max(1, round(min(retry_after, _MAX_WAIT)))
    message = error.message[:_MAX_MESSAGE] if http < 500 else "Kling refused this relay's channel."
    return RelayError(UPSTREAM, message, code=error.code or None, http=http, retry_after=wait)


def stored_refusal(error: RelayError) -> str:
    """Return the refusal of a create as its row stores it: JSON in ASCII."""
    stored = {
        "http": error.http,
        "code": error.code,
        "message": error.message,
        "retry_after": error.retry_after,
    }
    return json.dumps({"refusal": stored})


def read_refusal(stored: str) -> RelayError:
    """Return the refusal that `stored_refusal` has written.

    Args:
        stored: The `json_data` of a row whose create was refused. An earlier version of the
            relay did not write it; then the error says so, as a 502 that may be repeated.
    """
    try:
        refusal: Any = json.loads(stored)["refusal"]
        return RelayError(
            UPSTREAM,
            refusal["message"],
            code=refusal["code"],
            http=refusal["http"],
            retry_after=refusal["retry_after"],
        )
    except (ValueError, KeyError, TypeError):
        return RelayError(UPSTREAM, "Kling refused the request; its reason was not stored.")

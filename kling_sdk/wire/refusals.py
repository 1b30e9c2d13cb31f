"""The error for a refused reply, and whether it proves that nothing was created."""

from __future__ import annotations

from typing import Final

from kling_sdk.errors import (
    AccountError,
    AlreadyDeletedError,
    AlreadyExistsError,
    AuthenticationError,
    ConcurrencyLimitError,
    ConflictError,
    ContentPolicyError,
    InvalidRequestError,
    IPNotAllowedError,
    KlingAPIError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitError,
    RequestInProgressError,
    ServerError,
)

_CONFLICT: Final = 409  # HTTP

# code -> (class, retryable). One row per documented code; nothing else knows them.
_BY_CODE: Final[dict[int, tuple[type[KlingAPIError], bool]]] = {
    1000: (AuthenticationError, False),
    1001: (AuthenticationError, False),
    1002: (AuthenticationError, False),
    1003: (AuthenticationError, False),
    1004: (AuthenticationError, False),
    1100: (AccountError, False),
    1101: (AccountError, False),
    1102: (AccountError, False),
    1103: (PermissionDeniedError, False),
    1200: (InvalidRequestError, False),
    1201: (InvalidRequestError, False),
    1202: (NotFoundError, False),
    1203: (NotFoundError, False),
    1300: (ContentPolicyError, False),
    1301: (ContentPolicyError, False),
    1302: (RateLimitError, True),
    1303: (ConcurrencyLimitError, True),
    1304: (IPNotAllowedError, False),
    5000: (ServerError, True),
    5001: (ServerError, True),
    5002: (ServerError, True),
}

# A relay's own code -> (class, retryable), with HTTP 409. Source: this project's relay.
_BY_CONFLICT: Final[dict[str, tuple[type[KlingAPIError], bool]]] = {
    "external_task_id_conflict": (ConflictError, False),
    "request_in_progress": (RequestInProgressError, True),
}

# Where a reply has no known code (a gateway's page, a new code), its HTTP status decides.
_BY_STATUS: Final[dict[int, tuple[type[KlingAPIError], bool]]] = {
    400: (InvalidRequestError, False),
    401: (AuthenticationError, False),
    402: (AccountError, False),
    403: (PermissionDeniedError, False),
    404: (NotFoundError, False),
    422: (InvalidRequestError, False),
    429: (RateLimitError, True),
}


def api_error(
    message: str,
    *,
    code: int,
    http_status: int,
    relay_code: str = "",
    request_id: str = "",
    retry_after: float | None = None,
    complete: bool = False,
) -> KlingAPIError:
    """Return the error for a refused reply, in the class its code asks for.

    An unknown code keeps its number and gets the class of its HTTP status. Three refusals
    share code 1201 and are distinguished by the vendor's text (observed, confidence low for the
    latter two): "Task not found by ...", "External_task_id X already exists" and
    "... already be deleted".

    Args:
        message: The server's text.
        code: Kling's code; 0 for none.
        relay_code: The code of a relay, if it is not a number; "" for none.
        request_id: The server's id of the request.
        retry_after: Seconds that the server asked to wait, or None.
        complete: Whether the reply has everything that the server's own error replies have,
            so that no gateway's page can be mistaken for it.
    """
    cls, retryable = (
        _BY_CODE.get(code)
        or (_BY_CONFLICT.get(relay_code) if http_status == _CONFLICT else None)
        or _BY_STATUS.get(http_status)
        or (KlingAPIError, False)
    )
    if cls is KlingAPIError and http_status >= 500:
        cls, retryable = ServerError, True
    if cls is InvalidRequestError:
        text = message.lower()
        if "not found by" in text:
            cls = NotFoundError
        elif "already exists" in text and "external_task_id" in text:
            cls = AlreadyExistsError
        elif "already be deleted" in text:
            cls = AlreadyDeletedError
    return cls(
        message,
        code=code,
        http_status=http_status,
        request_id=request_id,
        retryable=retryable,
        retry_after=retry_after,
        is_refusal=_is_refusal(cls, code, http_status, complete=complete),
    )


def _is_refusal(cls: type[KlingAPIError], code: int, http_status: int, *, complete: bool) -> bool:
    """Return whether a reply proves that nothing was created."""
    if cls is ServerError:
        return False
    if code in _BY_CODE:
        return True
    # A 409 for an unknown reason may be about an earlier attempt of the same create.
    is_open = http_status == _CONFLICT and cls is not ConflictError
    return complete and 400 <= http_status < 500 and not is_open

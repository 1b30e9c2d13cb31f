"""Exit statuses of the command: which kind of error ended it."""

from __future__ import annotations

from typing import Final

from kling_sdk.errors import (
    AccountError,
    AuthenticationError,
    ConcurrencyLimitError,
    ContentPolicyError,
    DownloadError,
    EmptyResultError,
    InvalidRequestError,
    IPNotAllowedError,
    NotFoundError,
    OutcomeUnknownError,
    PermissionDeniedError,
    RateLimitError,
    RequestInProgressError,
    RequestValidationError,
    ServerError,
    TaskFailedError,
    TransportError,
    WaitTimeoutError,
)

__all__ = ["EXITS", "INTERRUPTED", "exit_status"]

INTERRUPTED: Final = 130  # 128 + SIGINT, as shells count

#: Status -> the errors that end with it, and what they have in common. 0 is success, 1 any
#: other error; 2 is also a mistake in the options.
EXITS: Final[dict[int, tuple[str, tuple[type[Exception], ...]]]] = {
    2: ("the request is not accepted", (RequestValidationError, InvalidRequestError)),
    3: ("the key is not accepted", (AuthenticationError, PermissionDeniedError, IPNotAllowedError)),
    4: ("the account has no units or is closed", (AccountError,)),
    5: ("the prompt or a picture is refused", (ContentPolicyError,)),
    6: ("the task failed", (TaskFailedError, EmptyResultError)),
    7: ("the task goes on", (WaitTimeoutError,)),
    8: ("the task may have been created", (OutcomeUnknownError,)),
    9: (
        "try again later",
        (
            TransportError,
            ServerError,
            RateLimitError,
            ConcurrencyLimitError,
            RequestInProgressError,
        ),
    ),
    10: ("there is no such task", (NotFoundError,)),
    11: ("the file could not be fetched", (DownloadError,)),
}


def exit_status(error: Exception) -> int:
    """Return the exit status for *error*."""
    for status, (_, errors) in EXITS.items():
        if isinstance(error, errors):
            return status
    return 1

"""Exit statuses of the command, by the kind of error that ended it."""

from __future__ import annotations

from typing import Final

from kling_sdk.cli.standard_output import OutputError
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
    SpendingError,
    TaskFailedError,
    TransportError,
    WaitTimeoutError,
)

INTERRUPTED: Final = 130  # 128 + SIGINT, as shells count


class OptionError(Exception):
    """An option cannot be used; nothing was sent."""


class MissingKeyError(Exception):
    """The environment has no key."""


#: Status -> the errors that end with it, and what they have in common. 0 is success, 1 any
#: other error.
EXITS: Final[dict[int, tuple[str, tuple[type[Exception], ...]]]] = {
    2: (
        "the request or an option is not accepted",
        (RequestValidationError, InvalidRequestError, SpendingError, OptionError),
    ),
    3: (
        "the key is missing or not accepted",
        (MissingKeyError, AuthenticationError, PermissionDeniedError, IPNotAllowedError),
    ),
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
    12: ("the result could not be printed", (OutputError,)),
}


def exit_status(error: Exception) -> int:
    """Return the exit status for *error*."""
    for status, (_, errors) in EXITS.items():
        if isinstance(error, errors):
            return status
    return 1

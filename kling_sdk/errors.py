"""The exceptions of this package, as one tree.

```
KlingError                        root; carries the task reference where there is one
├── KlingAPIError                 the server refused the request
│   ├── AuthenticationError       1000-1004: key missing, wrong, not yet valid or expired
│   ├── AccountError              1100-1102: account disabled, in arrears, no units left
│   ├── PermissionDeniedError     1103: this key may not use this API or model
│   ├── InvalidRequestError       1200-1201: a field or value is not accepted
│   │   ├── AlreadyDeletedError   1201: the voice or element was deleted before
│   │   ├── AlreadyExistsError    1201: the external_task_id was used before
│   │   └── ConflictError         another endpoint or, on a relay, request has used it
│   ├── NotFoundError             1202-1203, HTTP 404, and 1201 "Task not found"
│   ├── ContentPolicyError        1300-1301: prompt or picture refused
│   ├── RateLimitError            1302: too many requests; wait and repeat
│   ├── ConcurrencyLimitError     1303: all slots busy; a queue, not a failure
│   ├── IPNotAllowedError         1304: the caller's address is not on the allow-list
│   ├── RequestInProgressError    a relay is still sending an earlier create with this id
│   └── ServerError               5000-5002 and any HTTP 5xx
├── TransportError                no response: refused, reset, timed out, unreadable
│   └── UnreachableError          the address is wrong, or nothing serves there
├── OutcomeUnknownError           a create may or may not have been accepted
├── SpendingError                 not sent: over `max_units`, or `confirm` said no
├── NotCreatedError               `run_many` had stopped creating before this request
├── TaskFailedError               the task ended as `failed`, `cancelled` or `expired`
├── EmptyResultError              the task ended as `succeed`, without a result
├── WaitTimeoutError              the wait's deadline passed (also a `TimeoutError`)
├── WaitCancelledError            the wait was called off; the task goes on
├── RequestValidationError        refused here, before sending (also a `ValueError`)
├── CallbackVerificationError     a callback is forged, stale or not what it should be
└── DownloadError                 the file could not be fetched whole
```

Codes and their meaning: the vendor's error page (confidence: several official copies
agree). HTTP 429 has several meanings: waiting does not help with 1100-1102 and 1304, but does with
1302 and 1303.

Texts carry the task, the code and the request id, never a key, a prompt or a signed
URL. Every error pickles, so it survives a process pool or a task queue.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Self

from kling_sdk.text.printable import printable

if TYPE_CHECKING:
    from decimal import Decimal

    from kling_sdk.results.task import Task


def _rebuild(cls: type[KlingError], message: str, state: dict[str, Any]) -> KlingError:
    error = cls.__new__(cls, message)
    error.args = (message,)
    error.__dict__.update(state)
    return error


class KlingError(Exception):
    """Root of every error of this package.

    Attributes:
        task_id: The platform's id of the task concerned, or None if unknown.
        external_task_id: The caller's (or the generated) id of it, or None.
    """

    task_id: str | None = None
    external_task_id: str | None = None

    def __reduce__(
        self,
    ) -> tuple[Callable[..., KlingError], tuple[type[Self], str, dict[str, Any]]]:
        """Pickle by state: constructors of subclasses take more than a message."""
        return _rebuild, (type(self), str(self.args[0]) if self.args else "", self.__dict__)

    def about(self, *, task_id: str | None = None, external_task_id: str | None = None) -> Self:
        """Set the task that this error concerns, unless it is known already; return self."""
        self.task_id = self.task_id or task_id
        self.external_task_id = self.external_task_id or external_task_id
        return self

    def __str__(self) -> str:
        text = super().__str__()
        about = [
            f"{name}={value}"
            for name, value in (
                ("task_id", self.task_id),
                ("external_task_id", self.external_task_id),
            )
            if value and value not in text
        ]
        return printable(f"{text} [{', '.join(about)}]" if about else text)


class KlingAPIError(KlingError):
    """The server refused the request.

    `over_used_connection` is for this package's own use: an error does not name a task, so the
    response may have belonged to an earlier request on its connection.

    Attributes:
        code: Kling's service code (1000-5002), or 0 when the response had none.
        http_status: HTTP status of the response.
        message: The server's own text, without what it quotes of the request's prompt and of keys.
        request_id: The id to quote to the vendor's support; "" when the response had none.
        retryable: True when the same request can pass later without a change.
        retry_after: Seconds the server asked to wait, or None if it gave none.
        is_refusal: True when the response proves that nothing was created: it has a documented
            code other than 5000-5002, or is a complete error response with a 4xx status. A 409
            proves it only as `ConflictError`.
    """

    over_used_connection: bool = False

    def __init__(
        self,
        message: str,
        *,
        code: int = 0,
        http_status: int = 0,
        request_id: str = "",
        retryable: bool = False,
        retry_after: float | None = None,
        is_refusal: bool = False,
    ) -> None:
        super().__init__()
        self.is_refusal = is_refusal
        self.code = code
        self.http_status = http_status
        self.request_id = printable(request_id)
        self.retryable = retryable
        self.retry_after = retry_after
        self.reword(message)

    def reword(self, message: str) -> None:
        """Replace the server's text, also in the error's message."""
        parts = [f"HTTP {self.http_status}"]
        if self.code:
            parts.append(f"code {self.code}")
        if self.request_id:
            parts.append(f"request_id {self.request_id}")
        if self.retry_after:
            parts.append(f"retry after {self.retry_after:g} s")
        self.message = message = printable(message)
        self.args = (f"{message or 'no message'} ({', '.join(parts)})",)


class AuthenticationError(KlingAPIError):
    """1000-1004: the key is missing, wrong, not yet valid or expired."""


class AccountError(KlingAPIError):
    """1100-1102: the account is disabled, in arrears, or out of units. Waiting does not help."""


class PermissionDeniedError(KlingAPIError):
    """1103: this key may not use this API or model."""


class InvalidRequestError(KlingAPIError):
    """1200-1201: the server does not accept a field or its value."""


class AlreadyDeletedError(InvalidRequestError):
    """1201 "already be deleted": this voice or element was deleted before."""


class AlreadyExistsError(InvalidRequestError):
    """1201 "already exists": a task with this external_task_id was accepted before."""


class ConflictError(InvalidRequestError):
    """This external_task_id belongs to another request; nothing was created. Use another id.

    Kling: a task of another endpoint has it. A relay: 409 `external_task_id_conflict`; the message
    names the fields that are known to differ.
    """


class NotFoundError(KlingAPIError):
    """No such task, endpoint or model."""


class ContentPolicyError(KlingAPIError):
    """1300-1301: the prompt or a picture is refused. Change it; repeating does not help."""


class RateLimitError(KlingAPIError):
    """1302: too many requests. The client waits and repeats by itself until its deadline."""


class ConcurrencyLimitError(KlingAPIError):
    """1303: all slots of the account's packs are busy until a running task ends."""


class IPNotAllowedError(KlingAPIError):
    """1304: the caller's address is not on the account's allow-list."""


class RequestInProgressError(KlingAPIError):
    """409 `request_in_progress` of a relay: it is still sending an earlier create with this id.

    A create is then repeated and looked up as if no response had come, so it never raises
    this; `client.request` may.
    """


class ServerError(KlingAPIError):
    """5000-5002, or any HTTP 5xx: the server failed."""


class TransportError(KlingError):
    """No usable response arrived: refused, reset, timed out, or unreadable.

    Attributes:
        maybe_sent: False when the server cannot have received the request (the
            connection was never made); True when it may have.
        retry_after: Seconds that a gateway asked to wait, or None.
    """

    page: str | None = None  # which page came instead of a response; equal for equal pages
    is_final: bool = False  # no repeat can help
    may_pass: bool = False  # although final for a call: a wait, which is long, may outlast it

    def __init__(
        self, message: str, *, maybe_sent: bool = True, retry_after: float | None = None
    ) -> None:
        super().__init__(message)
        self.maybe_sent = maybe_sent
        self.retry_after = retry_after


class MismatchedReplyError(TransportError):
    """A response that is about a different task, or that belongs to another request.

    It counts as a missing response, and its connection is closed: any later response on it would be
    out of step too.
    """


class UnnamedReplyError(TransportError):
    """A response that does not say which task it is about, over a connection used before."""


class UnreachableError(TransportError):
    """The address in `base_url` is wrong, or nothing there serves the API.

    Nothing listens, the host is not known, its certificate is not accepted, one side speaks
    TLS and the other does not, or it redirects. A call gives up after three attempts if the server
    has never responded to this client; otherwise the cause may be a restart, and the call is
    repeated as after any failure. A proxy that does not connect, a closed `http_client`, or one of
    its hooks that raises ends a call at once.
    """


class OutcomeUnknownError(KlingError):
    """A create may or may not have been accepted; it must not be repeated under a new id.

    Ask later with `client.<resource>.get(error.external_task_id)`, or repeat the same
    create with the same `external_task_id`: neither makes a second task.
    """

    def __init__(self, message: str, *, external_task_id: str) -> None:
        super().__init__(message)
        self.external_task_id = external_task_id


class SpendingError(KlingError):
    """A request was not sent because of what it costs: `max_units`, or `confirm` said no.

    Attributes:
        units: The price of the request; None if it is not known.
    """

    def __init__(self, message: str, *, units: Decimal | None) -> None:
        super().__init__(message)
        self.units = units


class NotCreatedError(KlingError):
    """`run_many` created nothing for this request, because it had stopped creating.

    The text says why: the account or its keys are refused, the time or the units are used up,
    or the call was cancelled. The request can be given to another `run_many` as it is.
    """


class _TaskError(KlingError):
    """An error about a known task.

    Attributes:
        task: The task as it was last seen.
    """

    def __init__(self, message: str, task: Task) -> None:
        super().__init__(message)
        self.task = task
        self.task_id = task.task_id
        self.external_task_id = task.external_task_id


class TaskFailedError(_TaskError):
    """The task ended without a result: `failed`, `cancelled` or `expired`.

    The vendor's reason is in `task.status_msg`.
    """


class EmptyResultError(_TaskError):
    """The task ended as `succeed`, but its result is empty."""


class WaitTimeoutError(_TaskError, TimeoutError):
    """The wait ended before the task did. The task goes on: `wait(error.task_id)` resumes."""


class WaitCancelledError(_TaskError):
    """The client's `cancel` event was set during a wait. The task goes on."""


class RequestValidationError(KlingError, ValueError):
    """A request was refused here, before anything was sent.

    Attributes:
        field: Name of the parameter, as in the vendor's documentation.
        limit: What is wrong with the value.
        expected: What the value must be.
    """

    def __init__(self, field: str, limit: str, expected: str, text: str | None = None) -> None:
        super().__init__(text or f"{field} {limit}; expected {expected}")
        self.field = field
        self.limit = limit
        self.expected = expected


class CallbackVerificationError(KlingError):
    """A callback is not signed as it should be, is too old, or cannot be read."""


class DownloadError(KlingError):
    """A file could not be fetched whole.

    Attributes:
        http_status: HTTP status of the last response, or None if there was none.
    """

    def __init__(self, message: str, *, http_status: int | None = None) -> None:
        super().__init__(message)
        self.http_status = http_status

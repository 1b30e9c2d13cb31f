"""The error of a refusal: by the vendor's code, else by the HTTP status."""

from __future__ import annotations

import pytest

from kling_sdk import (
    AccountError,
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
    UnreachableError,
)
from kling_sdk.wire import Reply, V1Wire
from kling_sdk.wire.refusals import api_error
from kling_sdk.wire.relay import RelayWire

#: From the vendor's table of error codes: code, class, whether it may pass by waiting.
CODES = [
    (1000, AuthenticationError, False),
    (1001, AuthenticationError, False),
    (1002, AuthenticationError, False),
    (1003, AuthenticationError, False),
    (1004, AuthenticationError, False),
    (1100, AccountError, False),
    (1101, AccountError, False),
    (1102, AccountError, False),
    (1103, PermissionDeniedError, False),
    (1200, InvalidRequestError, False),
    (1201, InvalidRequestError, False),
    (1202, NotFoundError, False),
    (1203, NotFoundError, False),
    (1300, ContentPolicyError, False),
    (1301, ContentPolicyError, False),
    (1302, RateLimitError, True),
    (1303, ConcurrencyLimitError, True),
    (1304, IPNotAllowedError, False),
    (5000, ServerError, True),
    (5001, ServerError, True),
    (5002, ServerError, True),
]
STATUSES = [
    (400, InvalidRequestError, False),
    (401, AuthenticationError, False),
    (402, AccountError, False),
    (403, PermissionDeniedError, False),
    (404, NotFoundError, False),
    (418, KlingAPIError, False),
    (422, InvalidRequestError, False),
    (429, RateLimitError, True),
    (500, ServerError, True),
    (503, ServerError, True),
]


@pytest.mark.parametrize(("code", "error", "passes"), CODES)
@pytest.mark.parametrize("status", [200, 418])
def test_a_documented_code_decides(
    *, code: int, error: type[KlingAPIError], passes: bool, status: int
) -> None:
    """The HTTP status does not matter: gateways change it."""
    refusal = api_error("no", code=code, http_status=status)

    assert type(refusal) is error
    assert (refusal.code, refusal.retryable) == (code, passes)


@pytest.mark.parametrize(("status", "error", "passes"), STATUSES)
@pytest.mark.parametrize("code", [0, 1399, 5999])
def test_without_a_documented_code_the_status_decides(
    *, status: int, error: type[KlingAPIError], passes: bool, code: int
) -> None:
    """A code of tomorrow keeps its number."""
    refusal = api_error("no", code=code, http_status=status)

    assert type(refusal) is error
    assert (refusal.code, refusal.retryable) == (code, passes)


def test_what_a_reply_does_not_say_is_not_made_up() -> None:
    """The result has no request id, no pause, and no proof that nothing was created."""
    refusal = api_error("no", code=0, http_status=400)

    assert (refusal.request_id, refusal.retry_after, refusal.is_refusal) == ("", None, False)


@pytest.mark.parametrize("wire", [V1Wire(), RelayWire()], ids=lambda wire: wire.name)
@pytest.mark.parametrize("body", [b"", b"<html>moved</html>"])
def test_a_redirect_names_the_address_to_use(wire: V1Wire, body: bytes) -> None:
    """It is not followed, since the key would go along."""
    with pytest.raises(UnreachableError, match=r"redirects to https://api\.example"):
        wire.data(Reply(302, {"location": "https://api.example/v1"}, body))


@pytest.mark.parametrize(
    ("status", "proves"), [(399, False), (400, True), (409, False), (499, True), (500, False)]
)
def test_a_complete_refusal_without_a_known_code_proves_by_its_status(
    *, status: int, proves: bool
) -> None:
    """4xx says that nothing was created, except 409: that may be about an earlier attempt."""
    assert api_error("no", code=0, http_status=status, complete=True).is_refusal is proves
    assert not api_error("no", code=0, http_status=status).is_refusal


@pytest.mark.parametrize(("code", "error"), [row[:2] for row in CODES])
def test_a_documented_code_proves_that_nothing_was_created(
    code: int, error: type[KlingAPIError]
) -> None:
    """The exception is a code that says that the server failed."""
    refusal = api_error("no", code=code, http_status=200)
    assert refusal.is_refusal is (error is not ServerError)


@pytest.mark.parametrize(
    ("relay_code", "status", "error", "passes", "proves"),
    [
        ("external_task_id_conflict", 409, ConflictError, False, True),
        ("request_in_progress", 409, RequestInProgressError, True, False),
        ("other", 409, KlingAPIError, False, False),
        ("external_task_id_conflict", 400, InvalidRequestError, False, True),
        ("request_in_progress", 429, RateLimitError, True, True),
    ],
)
def test_a_relay_s_own_code_counts_with_its_status(
    *, relay_code: str, status: int, error: type[KlingAPIError], passes: bool, proves: bool
) -> None:
    """Its two conflicts come with HTTP 409."""
    refusal = api_error("no", code=0, http_status=status, relay_code=relay_code, complete=True)
    assert (type(refusal), refusal.retryable, refusal.is_refusal) == (error, passes, proves)


@pytest.mark.parametrize(
    ("message", "code", "error"),
    [
        ("Task not found by id 1", 1201, NotFoundError),
        ("TASK NOT FOUND BY ID 1", 1201, NotFoundError),
        ("External_task_id x already exists", 1201, AlreadyExistsError),
        ("the picture already exists", 1201, InvalidRequestError),
        ("external_task_id is wrong", 1201, InvalidRequestError),
        ("not found", 1201, InvalidRequestError),
        ("Task not found by id 1", 1200, NotFoundError),
        ("Task not found by id 1", 1300, ContentPolicyError),
        ("External_task_id x already exists", 1000, AuthenticationError),
    ],
)
def test_two_refusals_that_share_a_code_are_told_apart_by_their_words(
    message: str, code: int, error: type[KlingAPIError]
) -> None:
    """The case of the letters does not matter; a message does not change any other class."""
    refusal = api_error(message, code=code, http_status=400)
    assert type(refusal) is error
    assert (refusal.code, refusal.http_status, str(refusal)[: len(message)]) == (code, 400, message)


def test_a_refusal_keeps_what_the_reply_says() -> None:
    """The server's id of the request, and the pause that it asks for."""
    refusal = api_error("no", code=1303, http_status=429, request_id="r", retry_after=2.5)
    assert (refusal.request_id, refusal.retry_after, refusal.http_status) == ("r", 2.5, 429)

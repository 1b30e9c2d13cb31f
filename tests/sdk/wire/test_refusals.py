"""Which error a refusal is: by the vendor's code, else by the HTTP status."""

from __future__ import annotations

import pytest

from kling_sdk import (
    AccountError,
    AuthenticationError,
    ConcurrencyLimitError,
    ContentPolicyError,
    InvalidRequestError,
    IPNotAllowedError,
    KlingAPIError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitError,
    ServerError,
    UnreachableError,
)
from kling_sdk.wire import RelayWire, Reply, V1Wire, Wire
from kling_sdk.wire.refusals import api_error

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
    """Whatever the HTTP status is: gateways change it."""
    found = api_error("no", code=code, http_status=status)

    assert type(found) is error
    assert (found.code, found.retryable) == (code, passes)


@pytest.mark.parametrize(("status", "error", "passes"), STATUSES)
@pytest.mark.parametrize("code", [0, 1399, 5999])
def test_without_a_documented_code_the_status_decides(
    *, status: int, error: type[KlingAPIError], passes: bool, code: int
) -> None:
    """A code of tomorrow keeps its number."""
    found = api_error("no", code=code, http_status=status)

    assert type(found) is error
    assert (found.code, found.retryable) == (code, passes)


def test_what_a_reply_does_not_say_is_not_made_up() -> None:
    """No id of a request, no pause, and no proof that nothing was created."""
    found = api_error("no", code=0, http_status=400)

    assert (found.request_id, found.retry_after, found.is_refusal) == ("", None, False)


@pytest.mark.parametrize("wire", [V1Wire(), RelayWire()], ids=lambda wire: wire.name)
@pytest.mark.parametrize("body", [b"", b"<html>moved</html>"])
def test_a_redirect_names_the_address_to_use(wire: Wire, body: bytes) -> None:
    """It is not followed, since the key would go along."""
    with pytest.raises(UnreachableError, match=r"redirects to https://api\.example"):
        wire.data(Reply(302, {"location": "https://api.example/v1"}, body))

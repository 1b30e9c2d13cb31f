"""The contract of a refusal: the status, its family, and its name."""

from __future__ import annotations

import json
from typing import Final

import pytest

from kling_mock.relay.domain import errors
from kling_mock.relay.domain.errors import RelayError, check_method, paused, upstream_refusal
from kling_sdk import KlingError, RequestValidationError
from kling_sdk.wire.refusals import api_error

CODES: Final = {
    "invalid_request_error": {
        "invalid_request": 400,
        "method_not_allowed": 405,
        "request_timeout": 408,
        "body_too_large": 413,
    },
    "authentication_error": {"invalid_token": 401},
    "insufficient_quota": {"insufficient_quota": 402},
    "permission_error": {"user_disabled": 403, "not_local": 403, "wrong_host": 403},
    "not_found_error": {"not_found": 404},
    "conflict_error": {
        "external_task_id_conflict": 409,
        "request_in_progress": 409,
        "already_exists": 409,
        "open_tasks": 409,
        "ambiguous_name": 409,
    },
    "rate_limit_error": {
        "too_many_requests": 429,
        "too_many_open_tasks": 429,
        "too_many_wrong_tokens": 429,
    },
    "upstream_error": {"upstream_error": 502, "no_channel": 503, "upstream_unreachable": 503},
    "server_error": {
        "too_many_large_bodies": 503,
        "unavailable": 503,
        "not_installed": 501,
        "internal_error": 500,
    },
}


def refused(code: int, message: str = "no", retry_after: float | None = None) -> KlingError:
    return api_error(message, code=code, http_status=429, retry_after=retry_after)


#: Kling's number for each status. Its clients repeat 5001.
NUMBERS: Final = {
    **dict.fromkeys((400, 409, 413), 1201),
    **dict.fromkeys((405, 501), 1200),
    **dict.fromkeys((408, 502, 503), 5001),
    401: 1002,
    402: 1102,
    403: 1103,
    404: 1203,
    429: 1302,
    500: 5000,
}
OTHER_NUMBERS: Final = {"too_many_open_tasks": 1303, "request_in_progress": 5001}


def test_the_codes_are_those_that_programs_know() -> None:
    """A changed status, family, name or number breaks programs that distinguish refusals."""
    assert set(errors.KINDS) == {
        errors.ErrorKind(http, family, code, OTHER_NUMBERS.get(code, NUMBERS[http]))
        for family, codes in CODES.items()
        for code, http in codes.items()
    }
    assert len({kind.code for kind in errors.KINDS}) == len(errors.KINDS)


@pytest.mark.parametrize(
    ("code", "http"),
    [
        *((code, 400) for code in (1200, 1201, 1202, 1203, 1300, 1301)),
        *((code, 429) for code in (1302, 1303)),
        *((code, 502) for code in (0, 1000, 1004, 1100, 1103, 1199, 1204, 1299, 1304, 5000)),
    ],
)
def test_only_what_the_user_can_change_is_the_user_s(code: int, http: int) -> None:
    """Keys, accounts, addresses and unknown errors are a matter for the operator."""
    assert upstream_refusal(refused(code)).http == http


def test_a_full_queue_of_kling_s_names_a_pause() -> None:
    """It is five seconds if Kling names none, else whole seconds, and never zero."""
    pauses = {None: 5, 0.0: 1, 0.4: 1, 1.6: 2, 30.0: 30}
    passed_on = {wait: upstream_refusal(refused(1303, "", wait)).retry_after for wait in pauses}
    assert passed_on == pauses
    assert upstream_refusal(refused(1201, "", 30.0)).retry_after is None


def test_a_long_message_of_kling_s_is_cut() -> None:
    """500 characters of it, also of what the client found wrong."""
    assert upstream_refusal(refused(1201, "x" * 501)).message == "x" * 500
    long = RequestValidationError("prompt", "x" * 600, "less")
    assert upstream_refusal(long).message == str(long)[:500]


def test_a_refusal_is_read_in_a_traceback() -> None:
    """Its text is the message, for logs."""
    error = RelayError(errors.INVALID, "seconds: must be a number")
    assert str(error) == error.message == "seconds: must be a number"


def test_a_method_that_a_path_has_not_is_a_405() -> None:
    """It names those that the path has."""
    check_method("GET", "GET", "POST")
    with pytest.raises(RelayError, match="PUT is not supported on this path; use GET or POST") as e:
        check_method("PUT", "GET", "POST")
    assert e.value.http == 405


@pytest.mark.parametrize(("wait", "seconds"), [(0.0, 1), (0.2, 1), (1.0, 1), (1.2, 2), (300, 300)])
def test_a_create_without_a_channel_at_present_names_the_pause(wait: float, seconds: int) -> None:
    """Whole seconds, rounded up: an earlier repeat would be refused again."""
    error = paused(wait)
    assert (error.http, error.code, error.retry_after) == (503, "upstream_unreachable", seconds)


def test_a_refusal_is_sent_as_one_api_and_kling_send_it() -> None:
    """The body is UTF-8; half of a surrogate pair is escaped, so that it stays JSON."""
    assert (
        RelayError(errors.INVALID, "prompt: 小猫").body("r-1")
        == '{"error": {"message": "prompt: 小猫", "type": "invalid_request_error",'
        ' "code": "invalid_request"}, "code": 1201, "message": "prompt: 小猫",'
        ' "request_id": "r-1"}'.encode()
    )
    assert b'"message": "\\ud83d"' in RelayError(errors.INVALID, "\ud83d").body("r-1")


@pytest.mark.parametrize(("code", "http", "number"), [(1301, 400, 1301), (1103, 502, 5001)])
def test_a_number_of_kling_s_is_passed_on_if_it_is_about_the_user(
    code: int, http: int, number: int
) -> None:
    """What Kling says of the relay's own account would be taken for the user's."""
    body = json.loads(RelayError(errors.UPSTREAM, "no", code=code, http=http).body("r-1"))
    assert (body["error"]["code"], body["code"]) == (code, number)


def test_a_refusal_of_kling_s_without_a_code_has_the_relay_s() -> None:
    """0 is not a code of Kling's; its messages about the operator's keys are not for users."""
    error = upstream_refusal(refused(0, "your key is wrong"))
    assert (error.code, error.message) == (
        "upstream_error",
        "Kling refused this relay's channel.",
    )


def test_kling_s_pause_is_passed_on_up_to_five_minutes() -> None:
    passed_on = {
        wait: upstream_refusal(refused(1302, "", wait)).retry_after for wait in (299.0, 301.0)
    }
    assert passed_on == {299.0: 299, 301.0: 300}

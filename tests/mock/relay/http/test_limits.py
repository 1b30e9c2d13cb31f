"""The limits of a token and of an address, as clients see them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import httpx
import pytest

from kling_mock import KlingMock, RelaySettings
from kling_mock.kling.endpoints.fields import FieldShape
from kling_mock.kling.endpoints.registry import ENDPOINTS as EMULATED
from kling_mock.relay.domain.wire import ENDPOINTS
from kling_mock.web.access import FREE
from kling_sdk import Kling, RateLimitError
from tests.mock.relay.http_calls import VIDEOS, Caller, error_of
from tests.mock.relay.metrics.test_prometheus import scraped, value
from tests.plain_http import NO_TLS

#: A picture or sound of 2 MB as base64.
LARGE: Final = "A" * 1_400_000  # more than a body without files may have


@contextmanager
def limited(**settings: Any) -> Iterator[Caller]:
    """Run a relay with limits, which a relay for tests has none of by default."""
    options = settings.pop("options", {})
    with (
        KlingMock(relay=RelaySettings(**settings), **options) as mock,
        httpx.Client(base_url=mock.relay_url, timeout=20, verify=NO_TLS) as http,
    ):
        yield Caller(http, mock)


def test_a_token_makes_so_many_requests_at_once_and_per_second() -> None:
    """Beyond that it gets 429 with the pause, before the database is asked; others get theirs."""
    with limited(token_rate=0.001, token_burst=3) as caller:
        assert [caller.call("GET", VIDEOS).status_code for _ in range(3)] == [200] * 3
        for refused in (caller.call("GET", VIDEOS), caller.create(), caller.call("GET", "/x/y")):
            if refused.status_code != 404:  # calls without a token are not limited
                assert error_of(refused) == (429, "rate_limit_error", "too_many_requests")
                assert 990 <= int(refused.headers["Retry-After"]) <= 1000
        assert caller.another().call("GET", VIDEOS).status_code == 200
        assert caller.mock.ledger.user().held_quota == 0
        assert value(scraped(caller), "limited_requests_total", limit="token_rate") == 2


def test_unknown_tokens_are_limited_too() -> None:
    """Each costs a statement, so wrong tokens cannot be tried at any rate."""
    with limited(token_rate=0.001, token_burst=3) as caller:
        caller.token = "sk-" + "0" * 48
        answers = [caller.call("GET", VIDEOS).status_code for _ in range(5)]
        assert answers == [401, 401, 401, 429, 429]


def test_a_token_has_so_many_open_tasks() -> None:
    """The next create is refused and holds nothing; a repeat still gets its task."""
    with limited(open_tasks_per_token=2) as caller:
        first = caller.created(external_task_id="mine")
        caller.created()
        refused = caller.create()
        assert error_of(refused) == (429, "rate_limit_error", "too_many_open_tasks")
        assert refused.headers["Retry-After"] == "10"
        assert caller.created(external_task_id="mine") == first
        assert caller.create(external_task_id="mine", prompt="x").status_code == 409
        assert caller.another().create().status_code == 200
        assert value(scraped(caller), "limited_requests_total", limit="open_tasks") == 3
        assert len(caller.call("GET", VIDEOS).json()["data"]) == 2


def test_the_client_reports_a_limit_as_such() -> None:
    """`kling_sdk` raises `RateLimitError`, of a create that was refused for sure."""
    with limited(open_tasks_per_token=1) as caller, caller.mock.relay_client() as relay:
        relay.text2video.create(prompt="a kitten")
        impatient = relay.with_options(retries=0)
        with pytest.raises(RateLimitError) as raised:
            impatient.text2video.create(prompt="a kitten")
        assert raised.value.is_refusal
        assert isinstance(relay, Kling)


def operator(caller: Caller, token: str, address: str = "127.0.0.1") -> httpx.Response:
    """Call the operator's API from an address of this computer."""
    transport = httpx.HTTPTransport(local_address=address)
    with httpx.Client(base_url=caller.mock.relay_url, transport=transport) as http:
        headers = {"Authorization": f"Bearer {token}"}
        return http.get("/__kling/relay/overview", headers=headers)


def test_wrong_admin_tokens_are_slowed_down() -> None:
    """An address that guesses has to wait; the operator and Prometheus notice nothing there."""
    with limited(options={"admin": "remote"}) as caller:
        right = caller.mock.admin_token
        wrong = [operator(caller, "guess", "127.0.0.9").status_code for _ in range(FREE + 1)]
        assert wrong == [401] * (FREE + 1)
        damped = operator(caller, "guess", "127.0.0.9")
        assert error_of(damped) == (429, "rate_limit_error", "too_many_wrong_tokens")
        assert damped.headers["Retry-After"] == "1"
        assert operator(caller, right, "127.0.0.9").status_code == 200
        assert value(scraped(caller), "limited_requests_total", limit="wrong_admin_tokens") == 1


def test_wrong_admin_tokens_of_the_emulator_are_slowed_down() -> None:
    """The admin API has the same rule where others can reach it."""
    with KlingMock(admin="remote", relay=False) as mock:
        transport = httpx.HTTPTransport(local_address="127.0.0.9")
        with httpx.Client(base_url=mock.kling_url, transport=transport) as http:
            path = "/__kling/clock"
            for _ in range(FREE + 1):
                assert http.get(path, headers={"Authorization": "Bearer no"}).status_code == 401
            right = {"Authorization": f"Bearer {mock.admin_token}"}
            assert http.get(path, headers=right).status_code == 200
            damped = http.get(path, headers={"Authorization": "Bearer no"})
            assert (damped.status_code, damped.headers["Retry-After"]) == (429, "1")
            assert damped.json()["error"]["code"] == "too_many_wrong_tokens"
        assert httpx.get(f"{mock.kling_url}{path}", headers=right).status_code == 200


def _bodies(shape: FieldShape) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield a body with two megabytes in each field that takes a picture or a sound."""
    for name, field in shape.fields.items():
        if field.type in {"image", "sound"}:
            yield name, {name: LARGE}
        elif field.type == "images":
            yield name, {name: [LARGE]}
        for inner, body in _bodies(field.members) if field.members is not None else ():
            yield f"{name}.{inner}", {name: [body] if field.type == "array" else body}


@pytest.mark.slow
@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_a_file_fits_into_the_body_of_every_endpoint_that_takes_one(
    caller: Caller, endpoint: str
) -> None:
    """The emulated Kling's fields set the size; Kling judges the picture itself."""
    for field, body in _bodies(EMULATED[endpoint].fields):
        reply = caller.create(endpoint, **body)
        assert (field, reply.status_code) != (field, 413)

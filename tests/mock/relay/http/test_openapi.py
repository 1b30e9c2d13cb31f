"""The relay's OpenAPI document: valid, up to date, and true of the running relay."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from kling_mock import KlingMock, RelaySettings
from kling_mock.relay.domain import replies
from kling_mock.relay.http.kling_paths import PATHS
from kling_mock.relay.http.openapi import OPERATIONS, openapi, openapi_bytes
from kling_mock.relay.http.routes import OPERATOR, OTHER, template
from kling_mock.relay.operator.operations import CALLS
from kling_mock.relay.operator.service import OperatorService
from kling_mock.web.openapi import ApiOperation
from tests.committed import check_copy
from tests.endpoints import BODIES, body, with_sources
from tests.mock.relay.http_calls import GUIDE, VIDEOS, Caller
from tests.mock.server.test_openapi import MODES, checks
from tests.nightly import NIGHTLY
from tests.plain_http import NO_TLS

COMMITTED = Path(__file__).parents[4] / "docs" / "relay-openapi.json"
CASES = 32 if NIGHTLY else 4  # of each operation in each mode
PICTURE = "https://example.com/a.png"
CHANNEL = {"name": "two", "base_url": "http://127.0.0.1:1", "key": "a|b", "status": "disabled"}
# Bodies that are accepted: what is made from a schema alone seldom is.
EXAMPLES: dict[str, Any] = {
    **{f"create-{name}": body(name) for name in BODIES},
    "create-text2video": GUIDE,
    "callback": {"task_id": "1", "task_status": "submitted"},
    "callback-own": {"task_id": "1", "task_status": "submitted"},
    "operator-add-user": {"username": "ann", "quota": 5},
    "operator-set-user-status": {"status": "enabled"},
    "operator-bind-user": {"number": 41},
    "operator-disown-number": {"number": 42},
    "operator-credit": {"amount": 5, "reference": "order-1"},
    "operator-add-token": {},
    "operator-set-token-status": {"status": "enabled"},
    "operator-set-token-quota": {"remain_quota": None},
    "operator-add-channel": CHANNEL,
    "operator-replace-channel": CHANNEL | {"name": "Kling AI", "yes": True},
    "operator-change-channel": {"weight": 2},
    "operator-set-receiver-status": {"status": "enabled"},
    "operator-rotate-webhook-secret": {"overlap_seconds": 60},
    "operator-repair": {"release_deleted": True, "yes": True},
}
# The operator's calls change channels: they have a relay of their own.
OPERATORS = [row for row in OPERATIONS if row.path.startswith(OPERATOR)]
OTHERS = [row for row in OPERATIONS if row not in OPERATORS]


@cache
def schema() -> Any:
    """Return the document as Schemathesis reads it."""
    import schemathesis

    return schemathesis.openapi.from_dict(openapi())


@pytest.mark.slow
def test_it_is_valid() -> None:
    """The document keeps the OpenAPI 3.1 specification, references included."""
    from openapi_spec_validator import validate

    validate(openapi())


@pytest.mark.committed_copy
def test_the_committed_copy_is_up_to_date() -> None:
    """docs/ holds what `python -m tests.reference` would write now."""
    check_copy(COMMITTED, openapi_bytes().decode(), "python -m tests.reference docs")


def test_the_relay_gives_it_to_anybody(caller: Caller) -> None:
    """GET /openapi.json needs no token."""
    reply = caller.http.get("/openapi.json")
    assert reply.status_code == 200
    assert reply.json() == openapi()
    assert caller.http.head("/openapi.json").content == b""
    assert caller.http.post("/openapi.json").status_code == 405


def test_every_route_is_documented() -> None:
    """Each operation has a template among the metrics' routes, and each call is done somewhere."""
    for row in OPERATIONS:
        path = row.path.replace("{", "").replace("}", "")
        assert template(path) != OTHER
    for call in CALLS:
        assert getattr(OperatorService, call.name) is call.function
    assert len({row.name for row in OPERATIONS}) == len(OPERATIONS)


def test_what_needs_a_token_refuses_without_one(caller: Caller) -> None:
    """An operation that is listed with a token answers 401 without one, and others do not."""
    for row in OPERATIONS:
        path = row.path.replace("{task_id}", "1").replace("{id}", "1")
        path = path.replace("{endpoint}", "text2video")
        reply = caller.http.request(row.method, path, json={} if row.body else None)
        assert (reply.status_code == 401) == bool(row.security), row.name


class Served(NamedTuple):
    """A relay, and what it finds by what stands in a path."""

    mock: KlingMock
    ids: dict[str, str]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Served]]:
    """A relay for users' calls, and one for the operator's: on SQLite, which takes no nonsense."""
    folder = tmp_path_factory.mktemp("relay")
    with (
        KlingMock(
            seed=1, relay=RelaySettings(database=f"sqlite:///{folder / 'users.db'}")
        ) as users,
        KlingMock(
            seed=1, relay=RelaySettings(database=f"sqlite:///{folder / 'operator.db'}")
        ) as operator,
    ):
        mine, his = (Served(mock, known(mock)) for mock in (users, operator))
        yield {"token": mine, "": mine, "admin": his}


def known(mock: KlingMock) -> dict[str, str]:
    """Make one of each thing, and one more to be deleted; return their ids."""
    with httpx.Client(base_url=mock.relay_url, verify=NO_TLS) as http:
        caller = Caller(http, mock)
        task_id = caller.created(callback_url="http://127.0.0.1:1/away")
        mock.complete(caller.query(task_id)["kling_task_id"])
        mock.clock.advance(60)
        (notice,) = caller.operate("GET", "notices")["data"]
        caller.another("victim")
        channel = {"name": "victim", "base_url": "http://127.0.0.1:1", "key": "a|b"}
        caller.operate("POST", "channels", json=channel | {"status": "disabled"})
        by_endpoint = {
            f"get-{name}-as-kling": caller.call("POST", path, json=with_sources(mock, body(name)))
            for path, name in PATHS.items()
        }
        return {
            **{name: reply.json()["task_id"] for name, reply in by_endpoint.items()},
            "task_id": caller.created(),
            "users": "default",
            "tokens": "1",
            "channels": "1",
            "tasks": task_id,
            "notices": notice["event_id"],
            "receivers": str(caller.operate("GET", "receivers")["data"][0]["id"]),
            "operator-delete-user": "victim",
            "operator-delete-token": "2",
            "operator-delete-channel": "victim",
        }


def existing_id(row: ApiOperation, ids: dict[str, str]) -> str:
    """Return the id of something that an operation finds."""
    kind = row.path.removeprefix(f"{OPERATOR}/").partition("/")[0]
    return ids.get(row.name) or ids.get(kind) or ids["task_id"]


def sent(rows: list[ApiOperation]) -> list[Any]:
    return [
        pytest.param(row, mode, id=f"{row.name}-{mode}")
        for row in rows
        if row.parameters or row.body
        for mode in MODES
    ]


@pytest.mark.parametrize(("row", "mode"), sent([*OTHERS, *OPERATORS]))
@pytest.mark.slow
def test_schemathesis(served: dict[str, Served], row: ApiOperation, mode: str) -> None:
    """Whatever fits the document, or just does not, gets an answer that the document lists."""
    from schemathesis import GenerationMode

    operation = schema()[row.path][row.method]
    mock, ids = served[row.security]
    token = mock.admin_token if row.security == "admin" else mock.relay_token
    key = {"Authorization": f"Bearer {token}"}
    keyless = st.just(key) if mode == "positive" else st.sampled_from([key, {}])
    seen: Counter[int] = Counter()

    @settings(
        max_examples=CASES,
        deadline=None,
        derandomize=not NIGHTLY,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=GenerationMode(mode)), headers=keyless)
    def send(case: Any, headers: dict[str, str]) -> None:
        turn = seen.total() % 3
        if turn and case.path_parameters:  # an id made from the schema never exists
            existing = dict.fromkeys(case.path_parameters, existing_id(row, ids))
            if "endpoint" in existing:
                existing["endpoint"] = "text2video"
            case.path_parameters = existing
        if turn == 2 and row.body is not None and mode == "positive":
            case.body = with_sources(mock, EXAMPLES[row.name.removesuffix("-as-kling")])
            if row.name == "callback-own":  # its path has no id
                case.body = case.body | {"task_info": {"external_task_id": ids["task_id"]}}
        reply = case.call(base_url=mock.relay_url, headers=headers)
        seen[reply.status_code] += 1
        case.validate_response(reply, checks=checks())

    send()
    assert seen.total() >= CASES, seen
    assert mode == "negative" or seen[200], seen
    mock.ledger.assert_balanced()


@pytest.mark.parametrize("wrong", [{"video_url": None}, {"more": ""}])
@pytest.mark.slow
def test_schemathesis_notices_a_wrong_answer(
    served: dict[str, Served], monkeypatch: pytest.MonkeyPatch, wrong: dict[str, Any]
) -> None:
    """An answer with a member of another type, or one too many, does not pass."""
    from schemathesis.core.failures import FailureGroup

    mock, ids = served["token"]
    case = schema()[f"{VIDEOS}/{{task_id}}"]["GET"].Case(
        path_parameters={"task_id": ids["task_id"]}
    )
    key = {"Authorization": f"Bearer {mock.relay_token}"}
    case.validate_response(case.call(base_url=mock.relay_url, headers=key), checks=checks())
    plain = replies.task_reply
    monkeypatch.setattr(replies, "task_reply", lambda row: plain(row) | wrong)
    reply = case.call(base_url=mock.relay_url, headers=key)
    with pytest.raises(FailureGroup):
        case.validate_response(reply, checks=checks())

"""The OpenAPI document: valid, up to date, and true of the running server."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import jsonschema_rs
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from kling_mock import KlingMock
from kling_mock.kling.endpoints.registry import ENDPOINTS
from kling_mock.kling.http import openapi as operations
from kling_mock.kling.journal.notes import NOTE_HEADER
from kling_mock.kling.wire.v1 import V1
from kling_mock.server.openapi import OPERATIONS, openapi, openapi_bytes
from kling_mock.web.openapi import ApiOperation
from kling_mock.web.replies import json_reply
from tests.committed import check_copy
from tests.endpoints import with_sources
from tests.evidence.figures import with_figures
from tests.nightly import NIGHTLY
from tests.plain_http import NO_TLS
from tests.reference.fidelity import page

DOCS = Path(__file__).parents[3] / "docs"
CASES = 80 if NIGHTLY else 10  # of each operation in each mode
ROWS = [pytest.param(row, id=row.name) for row in OPERATIONS]
#: Schemathesis, imported only by the tests that use it: the extra `test` does not include it.
MODES = ("positive", "negative")


def checks() -> list[Any]:
    """Return what must hold of every answer."""
    from schemathesis import checks

    return [
        checks.not_a_server_error,
        checks.status_code_conformance,
        checks.content_type_conformance,
        checks.response_headers_conformance,
        checks.response_schema_conformance,
    ]


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


@pytest.mark.parametrize(
    ("name", "text"),
    [("openapi.json", openapi_bytes().decode()), ("fidelity.md", with_figures(page()))],
)
@pytest.mark.committed_copy
def test_the_committed_copies_are_up_to_date(name: str, text: str) -> None:
    """docs/ holds what the commands of `nox -s generate` would write now."""
    check_copy(DOCS / name, text, "nox -s generate")


def test_the_server_gives_it_to_anybody(api: Any) -> None:
    """GET /openapi.json needs no key; the journal does not note it."""
    reply = api.http.get("/openapi.json")
    assert reply.status_code == 200
    assert reply.headers["content-type"].startswith("application/json")
    assert reply.json() == openapi()
    assert api.http.head("/openapi.json").content == b""
    assert len(api.mock.journal) == 0


def test_operations_have_their_own_names() -> None:
    """No two operations share an id or a method and path."""
    assert len({row.name for row in OPERATIONS}) == len(OPERATIONS)
    assert len({(row.method, row.path) for row in OPERATIONS}) == len(OPERATIONS)


@pytest.fixture(scope="module")
def keyless() -> Iterator[httpx.Client]:
    """A client that gives no key, of a server that nobody else uses."""
    with (
        KlingMock(seed=1) as mock,
        httpx.Client(base_url=mock.kling_url, trust_env=False, verify=NO_TLS) as http,
    ):
        yield http


@pytest.mark.parametrize("row", ROWS)
def test_what_needs_a_key_refuses_without_one(keyless: httpx.Client, row: ApiOperation) -> None:
    """An operation that is listed with a key answers 401 without one, and others do not."""
    path = re.sub("{.*?}", "1", row.path.replace("{file}", "1.mp4"))
    reply = keyless.request(row.method, path, json={} if row.body else None)
    assert (reply.status_code == 401) == bool(row.security)


BODIES = [
    pytest.param(endpoint, body, id=f"{endpoint}-{name}")
    for endpoint, record in ENDPOINTS.items()
    for name, body in record.examples.items()
]


@pytest.mark.parametrize(("endpoint", "body"), BODIES)
def test_examples_keep_their_schema(endpoint: str, body: dict[str, Any]) -> None:
    """Every example in the document is what its schema accepts."""
    validator(endpoint).validate(body)


@cache
def validator(endpoint: str) -> Any:
    spec = openapi()
    schema = spec["components"]["schemas"][f"create-{endpoint}"]
    return jsonschema_rs.Draft202012Validator({**schema, "components": spec["components"]})


# ---------------------------------------------------------------- Schemathesis


@pytest.fixture(scope="module")
def server() -> Iterator[KlingMock]:
    with KlingMock(seed=1) as mock:
        yield mock


@pytest.fixture(scope="module")
def known(server: KlingMock) -> dict[str, list[str]]:
    """Ids that a query or download finds, by endpoint: an open, a done and a failed task."""
    headers = {"Authorization": f"Bearer {server.api_key}"}
    known_ids: dict[str, list[str]] = {
        row.path: [] for row in operations.OPERATIONS if row.path.startswith("/media/")
    }
    with httpx.Client(
        base_url=server.kling_url, headers=headers, trust_env=False, verify=NO_TLS
    ) as http:
        for endpoint in ENDPOINTS.with_tasks:
            record = ENDPOINTS[endpoint]
            marked = {"watermark_info": {"enabled": True}, "external_task_id": ""}
            if record.interface is not V1:
                marked = {"options": marked}
            example = with_sources(server, next(iter(record.examples.values()))) | marked
            path = record.path.replace("{model}", next(iter(record.models), ""))
            tasks = [http.post(path, json=example).json()["data"] for _ in range(3)]
            ids = [task.get("task_id") or task["id"] for task in tasks]
            server.complete(ids[1])
            server.fail(ids[2])
            known_ids[endpoint] = ids
            query = "/solutions" if path.startswith("/solutions/") else TASKS
            text = http.get(query, params={"task_ids": ids[1]}).text
            for folder, stem, suffix in re.findall(r'rl":"[^"]*/media/(\w+)/(.+?)[.](\w+)"', text):
                path = f"/media/{folder}/{{file}}"
                if path in known_ids:
                    known_ids[path].append(f"{stem}.{suffix}")
                else:  # there are several forms of it, and the path has the suffix
                    known_ids[f"{path}.{suffix}"].append(stem)
        known_ids["tasks"] = [",".join(known_ids[endpoint]) for endpoint in ENDPOINTS.with_tasks]
    return known_ids


def test_every_task_is_shown_as_its_schema_says(
    server: KlingMock, known: dict[str, list[str]]
) -> None:
    """Open, done and failed ones of all endpoints, with what they have made."""
    spec = openapi()
    reply = spec["paths"][TASKS]["get"]["responses"]["200"]
    shape = reply["content"]["application/json"]["schema"]
    accepts = jsonschema_rs.Draft202012Validator({**shape, "components": spec["components"]})
    headers = {"Authorization": f"Bearer {server.api_key}"}
    with httpx.Client(base_url=server.kling_url, headers=headers, verify=NO_TLS) as http:
        for endpoint in ENDPOINTS.with_tasks:
            if not ENDPOINTS[endpoint].path.startswith("/solutions/"):
                envelope = http.get(TASKS, params={"task_ids": ",".join(known[endpoint])}).json()
                accepts.validate(envelope)
                assert len(envelope["data"]) == 3


# Operations without parameters have one case; those of the admin API have their own test.
OPEN = [row for row in operations.OPERATIONS if row.parameters or row.body]
SENT = [pytest.param(row, mode, id=f"{row.name}-{mode}") for row in OPEN for mode in MODES]


def test_there_are_enough_cases() -> None:
    """The test below sends at least 2,000 requests; each of its parts counts and prints its own."""
    assert len(SENT) * CASES >= 2000


@pytest.fixture(scope="module")
def sent() -> Iterator[Counter[int]]:
    """The requests of this process so far, by the status of their answers."""
    total: Counter[int] = Counter()
    yield total
    # For a reader of `pytest -s`.
    print(f"\nSchemathesis: {total.total():,} cases in this process, {_summary(total)}")  # noqa: T201


def _summary(statuses: Counter[int]) -> str:
    return "by status: " + ", ".join(
        f"{status}: {count}" for status, count in sorted(statuses.items())
    )


def given_members(value: Any) -> Any:
    """Return a body without the members that count as not given, known or not."""
    if isinstance(value, list):
        return [given_members(element) for element in value]
    if not isinstance(value, dict):
        return value
    return {
        name: given_members(member) for name, member in value.items() if member not in (None, "")
    }


@pytest.mark.parametrize(("row", "mode"), SENT)
@pytest.mark.slow
def test_schemathesis(
    server: KlingMock,
    known: dict[str, list[str]],
    sent: Counter[int],
    row: ApiOperation,
    mode: str,
) -> None:
    """Whatever fits the document, or just does not, gets an answer that the document lists."""
    from schemathesis import GenerationMode

    operation = schema()[row.path][row.method]
    accepts = validator(row.group) if row.body else None
    ids = known.get(row.path) or known.get(row.group, [])
    key = {"Authorization": f"Bearer {server.api_key}"}
    keyless = st.just(key) if mode == "positive" else st.sampled_from([key, {}])
    seen: Counter[int] = Counter()
    record = ENDPOINTS.get(row.group)
    # Each example with its fields that hold ids of what is there.
    ready: list[Any] = []
    for documented in row.examples.values():
        body = with_sources(server, documented)
        ready.append((body, {name: body[name] for name in body if body[name] != documented[name]}))
    models = record.models if record is not None and row.path.endswith("{model}") else ()
    model = next(iter(models), "")
    ids = list(models) or ids

    @settings(
        max_examples=CASES,
        deadline=None,
        derandomize=not NIGHTLY,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(
        case=operation.as_strategy(generation_mode=GenerationMode(mode)),
        headers=keyless,
        identifier=st.none() | st.sampled_from(ids or [""]),
        example=st.none() | st.sampled_from(ready or [None]),
    )
    def send(case: Any, headers: dict[str, str], identifier: str | None, example: Any) -> None:
        if not seen and mode == "positive":  # it is accepted, whatever is drawn
            identifier, example = identifier or next(iter(ids), None), None
            case.body = ready[0][0] if ready else case.body
        if model:  # one made from the schema never exists
            case.path_parameters = {"model": identifier or model}
        elif row.group == "tasks":
            case.query = (case.query or {}) | ({"task_ids": identifier} if identifier else {})
        elif identifier:  # an id as well
            case.path_parameters = dict.fromkeys(case.path_parameters, identifier)
        if example and isinstance(case.body, dict):  # what is made alone is seldom accepted
            whole, source = example
            case.body = whole | dict(itertools.islice(case.body.items(), 1))
            if mode == "positive":
                case.body |= source  # made from the schema, it is the id of nothing
        reply = case.call(base_url=server.kling_url, headers=headers)
        seen[reply.status_code] += 1
        case.validate_response(reply, checks=checks())
        if accepts is not None and reply.status_code == 200 and NOTE_HEADER not in reply.headers:
            accepts.validate(given_members(case.body))  # all else has a note

    send()
    sent.update(seen)
    print(f"{row.name}, {mode}: {seen.total()} cases, {_summary(seen)}")  # noqa: T201 - as above
    assert seen.total() >= CASES, seen
    # What a delete made from the schema names does not exist.
    is_delete = row.path.rpartition("/")[2].startswith("delete-")
    assert mode == "negative" or is_delete or seen[200], seen


V1_TASK, TASKS = "/v1/videos/text2video/{id}", "/tasks"


@pytest.mark.parametrize(
    ("path", "right", "wrong"),
    [
        (V1_TASK, b'"code":0', b'"code":"0"'),
        (V1_TASK, b'"request_id"', b'"requestid"'),
        (V1_TASK, b'"task_id"', b'"id"'),
        (TASKS, b'"status":"succeeded"', b'"status":"succeed"'),
        (TASKS, b'"type":"video"', b'"kind":"video"'),
        (TASKS, b'"amount":"', b'"units":"'),
    ],
)
@pytest.mark.slow
def test_schemathesis_notices_a_wrong_answer(
    server: KlingMock,
    known: dict[str, list[str]],
    monkeypatch: pytest.MonkeyPatch,
    path: str,
    right: bytes,
    wrong: bytes,
) -> None:
    """An answer with one member of another type or name does not pass for what is documented."""
    from schemathesis.core.failures import FailureGroup

    done = known["text2video"][1]
    case = schema()[path]["GET"].Case(
        path_parameters={"id": done} if path == V1_TASK else {},
        query={"task_ids": done} if path == TASKS else {},
    )
    key = {"Authorization": f"Bearer {server.api_key}"}
    case.validate_response(case.call(base_url=server.kling_url, headers=key), checks=checks())

    def spoilt(request: Any, status: int, body: bytes, *more: Any) -> Any:
        return json_reply(request, status, body.replace(right, wrong), *more)

    monkeypatch.setattr("kling_mock.kling.http.exchange.json_reply", spoilt)
    reply = case.call(base_url=server.kling_url, headers=key)
    with pytest.raises(FailureGroup):
        case.validate_response(reply, checks=checks())

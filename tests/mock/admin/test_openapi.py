"""The admin API in the OpenAPI document, against the running server."""

from __future__ import annotations

import base64
import itertools
from collections import Counter
from collections.abc import Iterator
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from kling_mock import KlingMock
from kling_mock.admin.calls import CALLS
from kling_mock.admin.openapi import OPERATIONS
from kling_mock.server.openapi import openapi
from kling_mock.web.openapi import ApiOperation
from tests.mock.admin.test_files import picture
from tests.mock.admin_client import Admin
from tests.mock.conftest import Api
from tests.mock.server.test_openapi import CASES, MODES, checks, schema
from tests.nightly import NIGHTLY

CASES_EACH = max(4, CASES // 4)
DOCUMENT = openapi()
SENT = [
    pytest.param(row, mode, id=f"{row.name}-{mode}")
    for row in OPERATIONS
    if row.parameters or row.body
    for mode in MODES
]


def test_every_call_is_in_the_document() -> None:
    """Each row of the table is an operation that wants the admin token."""
    for row in CALLS:
        operation = DOCUMENT["paths"][f"/__kling{row.path}"][row.method.lower()]
        assert operation["security"] == [{"admin": []}]
        assert operation["summary"] == row.summary


def test_examples_keep_their_schema() -> None:
    """Every example body is what its schema accepts."""
    for row in OPERATIONS:
        for example in row.examples.values():
            accepts(row).validate(example)


def accepts(row: ApiOperation) -> Any:
    components = {"components": DOCUMENT["components"]}
    return jsonschema_rs.Draft202012Validator({**(row.body or {}), **components})


@pytest.fixture(scope="module")
def server() -> Iterator[KlingMock]:
    with KlingMock(seed=1) as mock:
        yield mock


@pytest.fixture
def known(server: KlingMock) -> dict[str, list[str]]:
    """Values of path parameters that are found; everything else is as on a new server."""
    server.reset()
    server.accounts.add("acme")
    server.faults.add("reset", account="acme")
    api = Api(server)
    tasks = [api.new(callback_url="http://127.0.0.1:1/") for _ in range(2)]
    image = base64.b64encode(picture()).decode()
    tasks.insert(0, api.new("image2video", image=image, callback_url="http://127.0.0.1:1/"))
    api.http.close()
    server.fail(tasks[2])
    server.complete(tasks[1])
    with Admin(server) as admin:
        admin.ask("POST", "/snapshots", {"snapshot_id": "before"}, status=201)
    ids = [delivery.delivery_id for delivery in server.deliveries]
    return {
        "task_id": tasks,
        "account": ["default", "acme"],
        "fault_id": ["fault-1"],
        "delivery_id": ids,
        "snapshot_id": ["before"],
        "key": [server.access_key],
        "folder": ["videos"],
        "name": [f"{int(tasks[1]) + 1}.mp4"],
        "place": ["0"],
    }


@pytest.mark.parametrize(("row", "mode"), SENT)
@pytest.mark.slow
def test_schemathesis(
    server: KlingMock, known: dict[str, list[str]], row: ApiOperation, mode: str
) -> None:
    """Whatever fits the document, or just does not, gets an answer that the document lists."""
    from schemathesis import GenerationMode

    operation = schema()[row.path][row.method]
    key = {"Authorization": f"Bearer {server.admin_token}"}
    keyless = st.just(key) if mode == "positive" else st.sampled_from([key, {}])
    inside = [parameter.name for parameter in row.parameters if parameter.where == "path"]
    values = st.fixed_dictionaries({name: st.sampled_from(known[name]) for name in inside})
    some = {name: known[name][0] for name in inside}
    examples = list(row.examples.values())
    if row.name == "admin-set-key":
        examples.append({"key": known["key"][0], "active": True})
    seen: Counter[int] = Counter()

    @settings(
        max_examples=CASES_EACH,
        deadline=None,
        derandomize=not NIGHTLY,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(
        case=operation.as_strategy(generation_mode=GenerationMode(mode)),
        headers=keyless,
        ids=st.none() | values,
        example=st.none() | st.sampled_from(examples or [None]),
    )
    def send(case: Any, headers: dict[str, str], ids: Any, example: Any) -> None:
        is_first = not seen and mode == "positive"  # it is accepted, whatever is drawn
        if ids or (is_first and inside):  # an id made from the schema never exists
            case.path_parameters = ids or some
        if is_first and examples:
            case.body = examples[-1]
        elif example and isinstance(case.body, dict):  # what is made alone is seldom accepted
            case.body = example | dict(itertools.islice(case.body.items(), 1))
        reply = case.call(base_url=server.kling_url, headers=headers)
        seen[reply.status_code] += 1
        case.validate_response(reply, checks=checks())
        if row.body is not None and reply.status_code < 300 and isinstance(case.body, dict):
            accepts(row).validate(case.body)  # nothing else is accepted

    send()
    assert seen.total() >= CASES_EACH, seen
    assert mode == "negative" or seen[200] + seen[201] + seen[409], seen

"""A record and a request class are all that an endpoint needs, whatever it takes and returns.

Each endpoint here has something that the endpoints of the package do not have: no model, no task,
pictures as results, no external id, another interface.
"""

from __future__ import annotations

import ast
import inspect
import json
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

import attrs
import pytest

from kling_sdk import (
    ENDPOINTS,
    AsyncKling,
    EndpointRecord,
    Image,
    Kling,
    OutcomeUnknownError,
    Request,
    RequestValidationError,
    Task,
)
from kling_sdk.client.attributes import make_resource
from kling_sdk.endpoints import checks
from kling_sdk.wire import WIRES, HttpCall, NameKind, Reply, V1Wire
from kling_sdk.wire.messages import json_object
from tests.committed import check_copy
from tests.endpoint_files import __main__ as generator
from tests.sdk.fake_kling import Answer, HonestKling, answer
from tests.sdk.faulty_server import Fault, FaultyKling
from tests.sdk.scripted import FakeClock

KEY = "AK|SK"


@attrs.frozen(kw_only=True)
class Longer(Request):
    """An endpoint without a model.

    Attributes:
        video_id: The video, at most 20 characters.
        external_task_id: As for every request.
        callback_url: As for every request.
    """

    record: ClassVar = EndpointRecord(name="longer", path="/v1/videos/longer")

    video_id: str = attrs.field(validator=checks.required_text(20))


@attrs.frozen(kw_only=True)
class Picture(Request):
    """An endpoint whose results are pictures.

    Attributes:
        prompt: What to show.
        external_task_id: As for every request.
        callback_url: As for every request.
    """

    record: ClassVar = EndpointRecord(
        name="pictures", path="/v1/images/generations", result="images"
    )

    prompt: str = attrs.field(validator=checks.required_text(2500))


@attrs.frozen
class Face:
    """A result of the synchronous endpoint."""

    id: str


def _faces(data: Any) -> tuple[Face, ...]:
    return tuple(Face(item["face_id"]) for item in data["face_data"])


@attrs.frozen(kw_only=True)
class Faces(Request):
    """An endpoint that answers at once.

    Attributes:
        video_id: The video.
        external_task_id: Not taken.
        callback_url: Not taken.
    """

    record: ClassVar = EndpointRecord(
        name="faces", path="/v1/videos/faces", returns=_faces, takes_external_id=False
    )

    video_id: str = attrs.field(validator=checks.required_text(20))


@attrs.frozen(kw_only=True)
class NewModel(Request):
    """An endpoint of another interface.

    Attributes:
        prompt: What to show.
        external_task_id: As for every request.
        callback_url: As for every request.
    """

    record: ClassVar = EndpointRecord(name="new-model", path="/new-model", interface="tasks")

    prompt: str = attrs.field(validator=checks.required_text(2500))


class TasksWire(V1Wire):
    """An interface that reads all tasks at one path, and has another envelope."""

    name = "tasks"

    def create(self, request: Any, external_task_id: str) -> HttpCall:
        body = {"prompt": request.prompt, "options": {"external_task_id": external_task_id}}
        return HttpCall("POST", request.record.path, json=body)

    def get(
        self, record: EndpointRecord, task_id: str, kind: NameKind = "either"
    ) -> tuple[HttpCall, ...]:
        return (HttpCall("GET", "/tasks", params={"task_ids": task_id}),)

    def created(self, reply: Reply, record: EndpointRecord) -> Task:
        return self.task(reply, record)

    def task(self, reply: Reply, record: EndpointRecord) -> Task:
        item = json_object(reply)["data"][0]
        return Task(item["id"], item["state"], item["external"], endpoint=record.name)


@attrs.define(eq=False)
class OtherEndpoints(HonestKling):
    """A server that has the endpoints above as well."""

    called: list[tuple[str, str, Any]] = attrs.field(factory=list, init=False)

    def answer(
        self,
        method: str,
        path: str,
        query: Mapping[str, str],
        headers: Mapping[str, str],
        body: Any,
    ) -> Answer:
        self.called.append((method, path, body))
        if path == "/v1/videos/faces":
            return answer(200, 0, "SUCCEED", {"face_data": [{"face_id": "0"}, {"face_id": "1"}]})
        if path.startswith("/v1/images/generations"):
            images = [{"index": 0, "url": "https://files.test/0.png?sign=SECRET"}]
            task = {"task_id": "8", "task_status": "succeed", "task_result": {"images": images}}
            external = (body or {}).get("external_task_id", "mine")
            return answer(200, 0, "SUCCEED", {**task, "task_info": {"external_task_id": external}})
        if path in {"/new-model", "/tasks"}:
            external = body["options"]["external_task_id"] if body else "mine"
            state = "succeeded" if path == "/tasks" else "submitted"
            item = {"id": "9", "state": state, "external": external}
            return Answer(200, json.dumps({"data": [item]}).encode())
        return super().answer(method, path, query, headers, body)


@pytest.fixture
def server() -> Iterator[FaultyKling]:
    with FaultyKling(OtherEndpoints(takes=0)) as server:
        yield server


@pytest.fixture
def kling(server: FaultyKling) -> Iterator[Kling]:
    with Kling(KEY, base_url=server.url, clock=FakeClock()) as kling:
        yield kling


def test_an_endpoint_without_a_model_is_created_and_waited_for(kling: Kling) -> None:
    """No model is sent, and its limits still hold."""
    longer = make_resource(kling, Longer)

    assert longer.run(video_id="7").videos
    with pytest.raises(RequestValidationError, match="video_id has 21 characters"):
        longer.create(video_id="7" * 21)


def test_results_of_another_kind_are_results(kling: Kling) -> None:
    """A task that ends with pictures has ended well, and shows no signature in its repr."""
    task = make_resource(kling, Picture).run(prompt="a kitten", external_task_id="mine")

    assert task.images == (Image("https://files.test/0.png?sign=SECRET", 0),)
    assert task.outputs == task.images
    assert "SECRET" not in repr(task)


def test_a_call_without_a_task_returns_its_own_result(kling: Kling, server: FaultyKling) -> None:
    """It is sent once, without an external id."""
    assert make_resource(kling, Faces).call(video_id="7") == (Face("0"), Face("1"))
    assert server.kling.called == [("POST", "/v1/videos/faces", {"video_id": "7"})]  # type: ignore[attr-defined]  # OtherEndpoints


async def test_the_async_client_has_the_same_resources(server: FaultyKling) -> None:
    """Each kind of resource has its async counterpart."""
    async with AsyncKling(KEY, base_url=server.url, clock=FakeClock()) as kling:
        assert await make_resource(kling, Faces).call(video_id="7") == (Face("0"), Face("1"))
        assert (await make_resource(kling, Longer).run(video_id="7")).videos


def test_a_call_without_a_task_has_its_own_type_and_no_parameters_of_tasks(kling: Kling) -> None:
    """Nothing is reported of it, and it carries no id: such a parameter is unknown."""
    signature = inspect.signature(make_resource(kling, Faces).call)

    assert signature.return_annotation == tuple[Face, ...] == Faces.record.result_type
    assert {"external_task_id", "callback_url", "interface"}.isdisjoint(signature.parameters)
    for name in ("external_task_id", "callback_url", "interface"):
        fields: dict[str, Any] = {name: "v1"}
        with pytest.raises(RequestValidationError, match=f"unknown parameter '{name}'"):
            Faces(video_id="7", **fields)
    assert attrs.evolve(Faces(video_id="7"), video_id="8").video_id == "8"
    assert EndpointRecord("open", "/v1/open", returns=lambda data: data).result_type is Any


def test_a_relay_serves_no_call_without_a_task(server: FaultyKling) -> None:
    """It says so before anything is sent, and where to go instead."""
    with (
        Kling.relay(server.url, "sk-1") as relay,
        pytest.raises(RequestValidationError, match="a relay serves only tasks; expected a client"),
    ):
        make_resource(relay, Faces).call(video_id="7")
    assert server.requests == []


@pytest.mark.parametrize("fault", [Fault("accepted"), Fault.code(500, 5000)])
def test_what_carries_no_id_is_sent_once(kling: Kling, server: FaultyKling, fault: Fault) -> None:
    """A lost reply is an unknown outcome that says that nothing can be asked."""
    server.breaks(fault)

    with pytest.raises(OutcomeUnknownError, match="its outcome cannot be looked up"):
        make_resource(kling, Faces).call(video_id="7")
    assert len(server.requests) == 1


def test_an_endpoint_of_another_interface_is_called_its_way(
    kling: Kling, server: FaultyKling, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The record names the interface; create, wait and `wait_all` follow it."""
    monkeypatch.setitem(WIRES, "tasks", TasksWire())
    resource = make_resource(kling, NewModel)

    task = resource.create(prompt="a kitten", external_task_id="mine")
    latest = resource.get("9")

    assert (task.task_id, latest.status) == ("9", "succeeded")
    assert [path for _, path, _ in server.kling.called] == ["/new-model", "/tasks"]  # type: ignore[attr-defined]  # OtherEndpoints

    # The records of these classes are the caller's own: no table of ours has them.
    request = NewModel(prompt="a kitten", external_task_id="mine")
    for outcome in [*kling.run_many([request]), *kling.wait_all([task])]:
        assert outcome.task is not None
        assert outcome.task.task_id == "9"


def test_a_task_of_an_unknown_endpoint_is_refused_by_name(kling: Kling) -> None:
    """Kling has a path per endpoint; where to ask for such a task is not known.

    The other tasks of a batch do not suffer from it.
    """
    task = Task("1", "submitted", endpoint="no-such-endpoint")
    known = kling.text2video.create(prompt="a kitten")

    for outcomes in (kling.wait_all([task, known]), list(kling.as_completed([task, known, task]))):
        by_index = {outcome.index: outcome for outcome in outcomes}
        assert by_index[1].result().task_id == known.task_id
        with pytest.raises(RequestValidationError, match="no-such-endpoint"):
            by_index[0].result()


def statements(source: str) -> list[str]:
    """Return the statements of a module, except its imports, without blanks: its layout."""
    nodes = ast.parse(source).body
    rest = (node for node in nodes if not isinstance(node, ast.Import | ast.ImportFrom | ast.If))
    return ["".join(ast.unparse(node).split()) for node in rest]


@pytest.mark.committed_copy
def test_the_generated_files_say_what_the_records_do(monkeypatch: pytest.MonkeyPatch) -> None:
    """However they are formatted, which needs ruff."""
    monkeypatch.setattr(generator, "_formatted", lambda lines, _: "\n".join(lines))
    for path, text in generator.generated().items():
        if path.suffix == ".md":
            check_copy(path, text, "python -m tests.endpoint_files")
        else:
            committed, generated = map(statements, (path.read_text("utf-8"), text))
            assert [statement for statement in generated if statement not in committed] == [], (
                path.name
            )
            assert len(committed) == len(generated) > 1


@pytest.mark.slow  # formatting needs ruff
@pytest.mark.committed_copy
def test_the_generated_files_are_up_to_date() -> None:
    """`python -m tests.endpoint_files` was run after the last change of an endpoint."""
    for path, text in generator.generated().items():
        check_copy(path, text, "python -m tests.endpoint_files")


def test_each_endpoint_has_an_attribute_and_a_path_of_its_own() -> None:
    """Names, attributes and paths are unique."""
    records = list(ENDPOINTS.values())
    for values in (
        [record.name for record in records],
        [record.attribute for record in records],
        [record.path for record in records],
    ):
        assert len(set(values)) == len(values)

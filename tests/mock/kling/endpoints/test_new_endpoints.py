"""An endpoint is one record: endpoints of a test, served over a socket as those of Kling are."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest
from aiohttp import web

import kling_mock.kling.endpoints as folder
from kling_mock.clock import ManualClock
from kling_mock.kling.callbacks.sender import HttpCallbackSender
from kling_mock.kling.endpoints.fields import Field, field_shape, read_fields
from kling_mock.kling.endpoints.record import (
    CallContext,
    Capability,
    CreateRequest,
    DirectCall,
    EmulatedEndpoint,
    UnitPrice,
)
from kling_mock.kling.endpoints.registry import ENDPOINTS, EndpointRegistry, discover
from kling_mock.kling.http.handler import KlingHandler
from kling_mock.kling.http.openapi import operations, schemas
from kling_mock.kling.model.accounts import Account
from kling_mock.kling.model.lifecycle import Status
from kling_mock.kling.model.plan import Resulting, ResultList
from kling_mock.kling.model.tasks import EmulatedTask, Tasks
from kling_mock.kling.wire.interface import EndpointRoute, Interface
from kling_mock.kling.wire.v1 import V1, envelope
from kling_mock.kling.world import World
from kling_mock.web.connections import make_request
from kling_mock.web.facts import assumed
from kling_mock.web.openapi import document
from kling_sdk.facts.fields import COMMON, MODEL_NAME, PROMPT
from tests.mock.conftest import CLOCK_START, Loop, serve_clock

FACT = assumed("an endpoint of a test")


class Served:
    """A server with some endpoints, and a client that has a key."""

    def __init__(self, world: World, loop: Loop, client: httpx.Client) -> None:
        self.world = world
        self.loop = loop
        self.client = client

    def post(self, path: str, **body: Any) -> Any:
        """Return the envelope of the reply."""
        return self.client.post(path, json=body).json()

    def get(self, path: str) -> Any:
        """Return the envelope of the reply."""
        return self.client.get(path).json()

    def complete(self, task_id: str) -> None:
        self.loop.run(lambda: self.world.complete(self.world.tasks.any(task_id)))


@contextmanager
def serve(*records: EmulatedEndpoint) -> Iterator[Served]:
    clock = ManualClock(CLOCK_START)
    world = World(1, clock, HttpCallbackSender(), endpoints=EndpointRegistry(records))
    key = world.account.api_keys[0].key

    async def listen() -> tuple[web.Server, asyncio.Server]:
        server = web.Server(KlingHandler(world), request_factory=make_request)
        return server, await asyncio.get_running_loop().create_server(server, "127.0.0.1", 0)

    async def close(server: web.Server, listener: asyncio.Server) -> None:
        listener.close()
        await server.shutdown(1)

    with serve_clock(clock) as loop:
        server, listener = asyncio.run_coroutine_threadsafe(listen(), loop.loop).result(5)
        port = listener.sockets[0].getsockname()[1]
        try:
            with httpx.Client(
                base_url=f"http://127.0.0.1:{port}",
                headers={"Authorization": f"Bearer {key}"},
                trust_env=False,
            ) as client:
                yield Served(world, loop, client)
        finally:
            asyncio.run_coroutine_threadsafe(close(server, listener), loop.loop).result(5)


# ---------------------------------------------------------------- without models


def inherit(fields: Mapping[str, Any], context: CallContext) -> Mapping[str, Any]:
    source = context.find_video(fields["video_id"])
    return {**fields, "mode": "std" if source is None else source.mode}


def longer(fields: Mapping[str, Any], context: CallContext) -> int:
    source = context.find_video(fields["video_id"])
    return 5 if source is None else source.seconds + 5


EXTEND = EmulatedEndpoint(
    name="extend",
    interface=V1,
    path="/v1/videos/extend",
    fact=FACT,
    fields=field_shape(
        Field("video_id", "string", required=True), *read_fields((PROMPT, *COMMON), FACT)
    ),
    examples={"plain": {"video_id": "1"}},
    prepare=inherit,
    fixed_seconds=longer,
    capabilities=tuple(
        Capability("", mode, (5,), frozenset(), "720p", 24, FACT) for mode in ("std", "pro")
    ),
    prices={
        ("", "std", "silent"): UnitPrice(Decimal(1), FACT, "call"),
        ("", "pro", "silent"): UnitPrice(Decimal("3.5"), FACT, "call"),
    },
    typical_seconds={"": 90.0},
)


def test_an_endpoint_without_models() -> None:
    """What it makes depends on an earlier task: its mode, its length and what it costs."""
    with serve(ENDPOINTS["text2video"], EXTEND) as kling:
        body = {"model_name": "kling-v1-6", "mode": "pro", "duration": "10", "prompt": "a cat"}
        first = kling.post("/v1/videos/text2video", **body)["data"]["task_id"]
        kling.complete(first)
        result = kling.get(f"/v1/videos/text2video/{first}")["data"]["task_result"]
        video = result["videos"][0]["id"]
        reply = kling.post("/v1/videos/extend", video_id=video, external_task_id="more")
        kling.complete(reply["data"]["task_id"])
        task = kling.get("/v1/videos/extend/more")["data"]
        assert task["task_result"]["videos"][0]["duration"] == "15"
        assert task["final_unit_deduction"] == "3.5"
        assert kling.post("/v1/videos/extend", prompt="x")["code"] == 1201


# ---------------------------------------------------------------- without a task


def faces(call: DirectCall) -> str:
    return json.dumps({"video": call.fields["video_id"], "account": call.account.name})


IDENTIFY = EmulatedEndpoint(
    name="find-face",
    interface=V1,
    path="/v1/videos/find-face",
    fact=FACT,
    summary="Find the faces of a video",
    fields=field_shape(Field("video_id", "string", required=True)),
    examples={"plain": {"video_id": "1"}},
    reply=faces,
    reply_schema={"type": "object"},
)


def test_an_endpoint_without_a_task() -> None:
    """It is answered at once, its body is checked as usual, and there is nothing to query."""
    with serve(IDENTIFY) as kling:
        reply = kling.post("/v1/videos/find-face", video_id="1")
        assert (reply["code"], reply["data"]) == (0, {"video": "1", "account": "default"})
        assert kling.post("/v1/videos/find-face", video="1")["code"] == 1201
        assert kling.get("/v1/videos/find-face")["code"] == 1202
        assert kling.get("/v1/videos/find-face/1")["error"] == "Not Found"
        assert len(kling.world.tasks) == 0


# ---------------------------------------------------------------- images


def pictures(request: CreateRequest) -> Resulting:
    return Resulting((ResultList("images", int(request.fields.get("n", 1)), (640, 480)),))


IMAGES = EmulatedEndpoint(
    name="drawings",
    interface=V1,
    path="/v1/drawings",
    fact=FACT,
    fields=field_shape(
        Field("n", "integer", low=1, high=9), *read_fields((MODEL_NAME, PROMPT, *COMMON), FACT)
    ),
    examples={"plain": {"prompt": "a compass"}},
    capabilities=(Capability("kling-v3", "none", (5,), frozenset(), "1080p", 24, FACT),),
    default_model="kling-v3",
    result=pictures,
    pack="image",
    prices={("kling-v3", "none", "silent"): UnitPrice(Decimal(8), FACT, "result")},
)


def test_an_endpoint_that_makes_images() -> None:
    """A finished task has as many images as were ordered, and costs as much for each."""
    with serve(IMAGES) as kling:
        path = "/v1/drawings"
        watermark = {"enabled": True}
        reply = kling.post(path, prompt="a compass", n=2, watermark_info=watermark)
        task_id = reply["data"]["task_id"]
        kling.complete(task_id)
        task = kling.get(f"{path}/{task_id}")["data"]
        images = task["task_result"]["images"]
        assert list(task["task_result"]) == ["images"]
        assert [set(image) for image in images] == [{"index", "url", "watermark_url"}] * 2
        assert [image["index"] for image in images] == [0, 1]
        assert len({image["url"] for image in images}) == 2
        assert task["final_unit_deduction"] == "16"
        assert kling.client.get(f"/media/videos/{int(task_id) + 1}.mp4").status_code == 404
        kling.post(path, prompt="a map")
        assert len(kling.get(path)["data"]) == 2


# ---------------------------------------------------------------- another interface


def task_routes(path: str) -> tuple[EndpointRoute, ...]:
    return (EndpointRoute("POST", path, "create"), EndpointRoute("GET", "/another/tasks", "list"))


def wrapped(code: int, message: str, request_id: str, data: str | None) -> bytes:
    return envelope(code, message, request_id, data).replace(b'"code"', b'"status_code"')


def by_ids(
    tasks: Tasks, account: Account, _endpoint: str, query: str, _largest: int
) -> Sequence[EmulatedTask]:
    ids = query.removeprefix("task_ids=").split(",")
    return [task for name in ids if (task := tasks.peek(account, name)) is not None]


def as_json(task: EmulatedTask, _origin: str = "") -> str:
    return json.dumps({"id": task.task_id, "status": task.status})


def listed(tasks: Iterable[EmulatedTask], origin: str) -> str:
    return f"[{','.join(as_json(task, origin) for task in tasks)}]"


def reported(task: EmulatedTask, status: Status, _message: str, _origin: str) -> bytes:
    return json.dumps({"id": task.task_id, "status": status}).encode()


def flat(fields: Mapping[str, Any], context: CallContext) -> Mapping[str, Any]:
    return {
        "model_name": context.name,
        "prompt": fields["prompt"],
        **fields.get("options", {}),
    }


MODEL_PATH = Interface(
    name="another",
    task_routes=task_routes,
    envelope=wrapped,
    select=by_ids,
    created=as_json,
    queried=as_json,
    listed=listed,
    reported=reported,
    without_external_id=lambda body: body,
    schemas=V1.schemas,
)


def on_model_path(product: str, model: str) -> EmulatedEndpoint:
    return EmulatedEndpoint(
        name=product,
        interface=MODEL_PATH,
        path=f"/another/{product}/{{model}}",
        fact=FACT,
        fields=field_shape(
            Field("prompt", "string", required=True),
            Field("options", "object", members=field_shape(Field("external_task_id", "string"))),
        ),
        examples={"plain": {"prompt": "a cat"}},
        prepare=flat,
        capabilities=(Capability(model, "none", (5,), frozenset(), "720p", 24, FACT),),
        prices={(model, "none", "silent"): UnitPrice(Decimal("0.6"), FACT)},
        typical_seconds={model: 120.0},
    )


TEXT, IMAGE = (
    on_model_path("text-to-video", "kling-3.0"),
    on_model_path("image-to-video", "kling-o3"),
)


def test_an_endpoint_of_another_interface() -> None:
    """Paths, envelope, bodies and tasks are those of its interface, beside those of /v1."""
    with serve(TEXT, IMAGE, IDENTIFY) as kling:
        first = kling.post("/another/text-to-video/kling-3.0", prompt="a cat")
        assert (first["status_code"], first["data"]["status"]) == (0, "submitted")
        options = {"external_task_id": "job-7"}
        second = kling.post("/another/image-to-video/kling-o3", prompt="a dog", options=options)
        ids = [reply["data"]["id"] for reply in (first, second)]
        kling.complete(ids[1])
        tasks = kling.get(f"/another/tasks?task_ids={ids[0]},job-7,none")["data"]
        assert tasks == [
            {"id": ids[0], "status": "submitted"},
            {"id": ids[1], "status": "succeed"},
        ]
        assert kling.world.tasks.any(ids[0]).plan.path == "/another/text-to-video/kling-3.0"
        wrong = kling.post("/another/text-to-video/kling-9", prompt="a cat")
        assert wrong["status_code"] == 1201
        other = kling.post("/another/text-to-video/kling-o3", prompt="a cat")
        assert other["status_code"] == 1201
        assert kling.post("/v1/videos/find-face", video_id="1")["code"] == 0


# ---------------------------------------------------------------- what is made of records

ALL = EndpointRegistry([*ENDPOINTS.values(), EXTEND, IDENTIFY, IMAGES, TEXT, IMAGE])


@pytest.mark.slow
def test_the_openapi_document_has_every_route_of_every_record() -> None:
    """Endpoints are in the document without a line about them."""
    spec = document(operations(ALL), schemas(ALL), {"title": "a test", "version": "1"})
    paths = {
        f"{method.upper()} {path.partition('{')[0]}{'*' if '{' in path else ''}"
        for path, operations_ in spec["paths"].items()
        for method in operations_
    }
    assert paths >= set(ALL.served)


@pytest.mark.slow
def test_the_openapi_document_of_new_records_is_valid() -> None:
    """It keeps the specification, as that of the records of the package does."""
    from openapi_spec_validator import validate

    validate(document(operations(ALL), schemas(ALL), {"title": "a test", "version": "1"}))


@pytest.mark.parametrize(
    ("second", "text"),
    [
        (EXTEND, "two endpoints called extend"),
        (EmulatedEndpoint(name="b", interface=V1, path=EXTEND.path, fact=FACT), "both have POST"),
    ],
)
def test_two_records_that_exclude_each_other(second: EmulatedEndpoint, text: str) -> None:
    """A name or a route cannot be given twice."""
    with pytest.raises(ValueError, match=text):
        EndpointRegistry([EXTEND, second])


def test_a_module_with_a_record_is_enough(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A new module in the folder is found by itself, and its endpoint is served as any other."""
    name = "dream_of_a_test"
    (tmp_path / f"{name}.py").write_text(
        "from dataclasses import replace\n"
        "from kling_mock.kling.endpoints.text_to_video import RECORD\n"
        "RECORD = replace(RECORD, name='dream', path='/v1/videos/dream')\n"
    )
    monkeypatch.setattr(folder, "__path__", [*folder.__path__, str(tmp_path)])
    monkeypatch.setitem(sys.modules, f"{folder.__name__}.{name}", None)  # put back afterwards
    del sys.modules[f"{folder.__name__}.{name}"]
    records = {record.name: record for record in discover()}
    assert {*records} == {*ENDPOINTS, "dream"}
    with serve(records["dream"]) as kling:
        assert kling.post("/v1/videos/dream", prompt="a cat")["code"] == 0


def test_which_calls_there_are() -> None:
    """Every call of a record is served, and named as readers know it."""
    assert {
        "POST /v1/videos/text2video",
        "GET /v1/videos/text2video",
        "GET /v1/videos/text2video/*",
        "GET /account/costs",
    } <= set(ENDPOINTS.served)
    assert [call for call in ALL.served if "tasks" in call] == [
        "GET /tasks",
        "POST /tasks",
        "GET /another/tasks",
    ]

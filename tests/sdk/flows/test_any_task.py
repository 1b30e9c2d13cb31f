"""Tasks of whatever product: which calls they take, and which words choose them."""

from __future__ import annotations

from typing import Any

import attrs
import pytest

from kling_sdk import RequestValidationError, ServerError, Task, TransportError
from kling_sdk.auth import AccessKey, ApiKey, CallKeys, Keyring
from kling_sdk.flows import Context
from kling_sdk.flows.any_task import get_several, search, wait_any
from kling_sdk.wire import HttpCall
from kling_sdk.wire.relay import RelayWire
from tests.sdk.fake_kling import answer
from tests.sdk.scripted import FakeClock, Scene, context, in_turn, play, reply, reply_of

NEW = "text-to-video/kling-3.0"
EMPTY = reply(answer(200, 0, "SUCCEED", {"count": 0}))


def body_of(filters: dict[str, Any]) -> Any:
    """Return the request for a page of tasks."""
    clock = FakeClock()
    flow = search(context(clock, with_tasks=True), filters, 1, 7)
    return play(flow, clock, in_turn([EMPTY])).sends[0].call.json


@pytest.mark.parametrize(
    ("filters", "body"),
    [
        ({}, {}),
        ({"status": None, "cursor": None}, {}),
        ({"start_time": 1, "end_time": 2}, {"start_time": 1, "end_time": 2}),
        ({"start_time": 1, "end_time": 2, "cursor": "c"}, {"cursor": "c"}),
        (
            {"status": "succeed"},
            {"filters": [{"key": "status", "values": ["succeeded"]}]},
        ),
        (
            {"status": "failed", "product_type": "succeed", "cursor": "c"},
            {
                "filters": [
                    {"key": "status", "values": ["failed"]},
                    {"key": "product_type", "values": ["succeed"]},
                ],
                "cursor": "c",
            },
        ),
    ],
)
def test_what_is_wanted_of_tasks_is_sent_in_the_vendor_s_words(
    filters: dict[str, Any], body: dict[str, Any]
) -> None:
    """A cursor stands for the times; nothing that was not asked for is sent."""
    assert body_of(filters) == {**body, "limit": 7}


@pytest.mark.parametrize(
    ("filters", "params"),
    [
        ({}, {"limit": 7}),
        ({"status": "succeed"}, {"limit": 7, "status": "succeed"}),
        ({"status": "failed", "cursor": "9"}, {"limit": 7, "status": "failed", "before": "9"}),
    ],
)
def test_a_relay_chooses_by_status_alone(filters: dict[str, Any], params: dict[str, Any]) -> None:
    """Its cursor is a key."""
    clock = FakeClock()
    ctx = attrs.evolve(context(clock, retries=0), wire=RelayWire())
    played = play(search(ctx, filters, 1, 7), clock, in_turn([TransportError("reset")]))
    assert played.sends[0].call.params == params
    with pytest.raises(RequestValidationError) as refused:
        search(ctx, {"product_type": "x"}, 1, 7)
    assert str(refused.value) == (
        "product_type is given for a relay; expected only status and cursor"
    )


def several(names: list[str], *, with_tasks: bool = True) -> tuple[dict[str, Task], list[str]]:
    scene = Scene()
    scene.existing(2, NEW)
    scene.existing(2)
    ctx = context(scene.clock, with_tasks=with_tasks)
    played = play(
        get_several(ctx, names), scene.clock, lambda effect: reply_of(scene.kling, effect)
    )
    return played.result, [send.call.path for send in played.sends]


def test_several_are_found_by_either_id_in_the_order_they_were_given() -> None:
    """An id that is not known is left out, and does not hide others behind it."""
    first = str(800_000_000_000_000_001)
    tasks, paths = several(["order-1", "nobody", first, "order-1", "no,body", "order-3"])
    assert list(tasks) == ["order-1", first, "order-3"]
    assert paths[:3] == ["/tasks"] * 3

    tasks, paths = several(["nobody", "order-3"], with_tasks=False)
    assert list(tasks) == ["order-3"]
    assert "/tasks" not in paths


def test_a_name_that_tasks_does_not_know_is_not_asked_for_there_again() -> None:
    """Only one with a comma was not asked for."""
    _, paths = several(["nobody"])
    assert paths.count("/tasks") == 2
    _, paths = several(["no,body"])
    assert paths.count("/tasks") == 2
    _, paths = several(["order-1"])
    assert paths == ["/tasks"]


def test_any_task_is_waited_for_by_a_name_or_as_it_was_told() -> None:
    """It may be given by an id, as a task without an endpoint, or as one of the newer interface."""
    scene = Scene()
    (old,) = scene.existing(1, "image2video")
    (new,) = scene.existing(1, NEW)

    def played(flow: Any) -> Task:
        result: Task = play(flow, scene.clock, lambda effect: reply_of(scene.kling, effect)).result
        return result

    ctx = context(scene.clock, with_tasks=False)
    assert played(wait_any(ctx, old.task_id)).endpoint == "image2video"
    bare = attrs.evolve(old, endpoint="", external_task_id="kept")
    assert played(wait_any(ctx, bare)).endpoint == "image2video"
    ctx = context(scene.clock, with_tasks=True)
    assert played(wait_any(ctx, new)).interface == "model-path"
    assert played(wait_any(ctx, "order-1")).task_id == new.task_id


def test_what_is_known_of_a_task_is_kept_when_it_is_waited_for() -> None:
    """Its external id, and that an earlier create made it."""
    scene = Scene()
    scene.kling.names = False
    (old,) = scene.existing(1)
    bare = attrs.evolve(old, endpoint="", external_task_id="order-0", reused=True)
    flow = wait_any(context(scene.clock), bare)
    task = play(flow, scene.clock, lambda effect: reply_of(scene.kling, effect)).result
    assert (task.external_task_id, task.reused) == ("order-0", True)


# ---------------------------------------------------------------- who may ask

OLD_HOST = "is not served by api.klingai.com, which has /v1 only; expected region='global' or 'cn'"
ON_V1 = "or model_name='kling-v3', the same model on /v1"
ACCESS = Keyring((AccessKey("ak", "sk"),))
API = Keyring((ApiKey("key"),))
TASKS_CALL = HttpCall("GET", "/tasks", needs_api_key=True)


def refusal(ctx: Context, model: str = "") -> RequestValidationError:
    with pytest.raises(RequestValidationError) as refused:
        ctx.require_model_path(model)
    return refused.value


@pytest.mark.parametrize(
    ("model", "has_path", "field", "words"),
    [
        ("", True, "api_key", "/tasks takes an API key, not a key pair; expected an API key"),
        (
            "kling-3.0",
            True,
            "model_name",
            f"model kling-3.0 takes an API key, not a key pair; expected an API key, {ON_V1}",
        ),
        (
            "kling-3.0-turbo",
            True,
            "model_name",
            "model kling-3.0-turbo takes an API key, not a key pair; expected an API key",
        ),
        ("", False, "api_key", f"/tasks {OLD_HOST}"),
        (
            "kling-o1",
            False,
            "model_name",
            f"model kling-o1 {OLD_HOST}, or model_name='kling-video-o1', the same model on /v1",
        ),
    ],
)
def test_what_would_be_sent_in_vain_is_refused(
    *, model: str, has_path: bool, field: str, words: str
) -> None:
    """It is refused without an API key, and at the old host; the same model on /v1 is named."""
    ctx = attrs.evolve(context(FakeClock(), keys=ACCESS), has_model_path=has_path)
    error = refusal(ctx, model)
    assert (error.field, str(error)) == (field, words)
    ctx = attrs.evolve(context(FakeClock(), with_tasks=True), has_model_path=False)
    assert "is not served" in str(refusal(ctx, model))


def test_a_call_that_needs_an_api_key_is_signed_by_one() -> None:
    """Any other by the keys of the client, also while one of them is held."""
    ctx = attrs.evolve(context(FakeClock(), keys=ACCESS), api_keys=API)
    assert ctx.ring_for(HttpCall("GET", "/v1/a")) is ACCESS
    assert ctx.ring_for(TASKS_CALL) is API
    held = attrs.evolve(ctx, keys=CallKeys(ACCESS))
    assert held.ring_for(HttpCall("GET", "/v1/a")) is ACCESS
    with pytest.raises(RequestValidationError):
        attrs.evolve(ctx, api_keys=None).ring_for(TASKS_CALL)


def test_tasks_can_be_asked_with_an_api_key_where_there_is_such_a_path() -> None:
    """They are asked while a create is under way, with the key that has sent it."""
    ctx = attrs.evolve(context(FakeClock(), keys=API), api_keys=API)
    assert ctx.can_ask_tasks
    assert not attrs.evolve(ctx, api_keys=None).can_ask_tasks
    assert not attrs.evolve(ctx, has_model_path=False).can_ask_tasks
    assert not attrs.evolve(ctx, wire=RelayWire()).can_ask_tasks
    assert attrs.evolve(ctx, keys=CallKeys(API)).can_ask_tasks
    assert not attrs.evolve(ctx, keys=CallKeys(ACCESS)).can_ask_tasks


def test_a_search_that_fails_is_an_error() -> None:
    """It is not an empty page."""
    clock = FakeClock()
    ctx = context(clock, with_tasks=True, retries=0)
    played = play(search(ctx, {}, 1, 7), clock, in_turn([reply(answer(500, 5000, "no"))]))
    assert isinstance(played.error, ServerError)

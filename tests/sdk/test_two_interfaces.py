"""One program, unchanged except for `model_name`, over both interfaces, sync and async."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest

from kling_sdk import (
    AlreadyExistsError,
    AsyncKling,
    Kling,
    OutcomeUnknownError,
    RequestValidationError,
    TaskFailedError,
    TextToVideo,
    parse_callback,
)
from kling_sdk.callbacks import CallbackEvent
from tests.sdk.fake_kling import VIDEO, HonestKling
from tests.sdk.faulty_server import Fault, FaultyKling
from tests.sdk.scripted import FakeClock

MODELS = {"v1": "kling-v3", "model-path": "kling-3.0"}


@pytest.fixture(params=MODELS)
def model(request: pytest.FixtureRequest) -> str:
    return MODELS[request.param]


@pytest.fixture
def server() -> Iterator[FaultyKling]:
    with FaultyKling() as server:
        yield server


@attrs.frozen
class Program:
    """A user's program: `use` runs it with a client of either colour."""

    server: FaultyKling
    clock: FakeClock
    is_async: bool

    def use(self, work: Callable[[Any], Any], key: str = "an-api-key", **options: Any) -> Any:
        settings: Any = {"base_url": self.server.url, "clock": self.clock, **options}
        if not self.is_async:
            with Kling(key, **settings) as kling:
                return work(kling)

        async def main() -> Any:
            async with AsyncKling(key, **settings) as kling:
                return await work(kling)

        return asyncio.run(main())


@pytest.fixture(params=["sync", "async"])
def program(request: pytest.FixtureRequest, server: FaultyKling) -> Program:
    clock = FakeClock()
    server.kling.now = clock.time
    return Program(server, clock, request.param == "async")


def creating(model: str, **more: Any) -> Callable[[Any], Any]:
    return lambda kling: kling.text2video.create(prompt="a cat", model_name=model, **more)


def interface_of(model: str) -> str:
    return next(name for name, candidate in MODELS.items() if candidate == model)


def test_a_task_is_created_waited_for_and_downloaded(
    program: Program, model: str, tmp_path: Path
) -> None:
    """The same calls, the same `Task`."""
    program.server.kling.takes, program.server.kling.units = 45.0, "1.5"
    program.server.kling.file_url = f"{program.server.url}/clip.mp4?signature=s3cret"
    changes: list[str] = []
    task = program.use(
        lambda kling: kling.text2video.create(
            prompt="a cat", model_name=model, resolution="1080p", audio="native", duration=5
        )
    )
    assert (task.status, task.endpoint, task.interface) == (
        "submitted",
        "text2video",
        interface_of(model),
    )

    done = program.use(
        lambda kling: kling.text2video.wait(task, on_update=lambda now: changes.append(now.status))
    )
    assert (done.task_id, done.status, str(done.units)) == (task.task_id, "succeed", "1.5")
    assert (done.endpoint, done.interface, changes) == ("text2video", task.interface, ["succeed"])
    assert done.external_task_id == task.external_task_id

    place = tmp_path / "kitten.mp4"
    file = program.use(lambda kling: kling.download(done.videos[0], place))
    assert file.sha256 == hashlib.sha256(VIDEO).hexdigest()


def test_a_lost_answer_buys_once(program: Program, model: str) -> None:
    """It is sent again under the same id, and what exists is looked up."""
    program.server.breaks(Fault("accepted"))
    task = program.use(lambda kling: kling.text2video.create(prompt="a cat", model_name=model))
    assert list(program.server.kling.tasks) == [task.task_id]
    assert (task.reused, task.endpoint) == (False, "text2video")


def test_an_unknown_outcome_is_found_out_later(program: Program, model: str) -> None:
    """The same `get` finds it by the id in the error."""
    program.server.breaks(Fault("accepted"), then=Fault("unread"))
    with pytest.raises(OutcomeUnknownError) as caught:
        program.use(lambda kling: kling.text2video.create(prompt="a cat", model_name=model))
    program.server.heal()
    name = caught.value.external_task_id
    task = program.use(lambda kling: kling.text2video.get(name))
    assert list(program.server.kling.tasks) == [task.task_id]
    assert task.interface == interface_of(model)


def test_an_id_that_was_used_returns_the_earlier_task(program: Program, model: str) -> None:
    """Marked as `reused`, or as an error where that is asked for."""

    def create(kling: Any) -> Any:
        return kling.text2video.create(prompt="a cat", model_name=model, external_task_id="job-7")

    first = program.use(create)
    again = program.use(create)
    assert (again.task_id, again.reused, first.reused) == (first.task_id, True, False)
    with pytest.raises(AlreadyExistsError) as caught:
        program.use(create, if_exists="error")
    assert caught.value.task_id == first.task_id


@pytest.mark.parametrize("first", MODELS.values())
def test_an_id_that_the_other_interface_has_used_buys_nothing(program: Program, first: str) -> None:
    """A caller that changes the model's name and starts again gets the earlier task."""
    other = next(candidate for candidate in MODELS.values() if candidate != first)
    task, again = (
        program.use(creating(model, external_task_id="job-7")) for model in (first, other)
    )
    assert (again.task_id, again.reused) == (task.task_id, True)
    assert len(program.server.kling.tasks) == 1


def test_a_failed_task_says_why(program: Program, model: str) -> None:
    """The error is the same, with the vendor's reason."""
    program.server.kling.fails_of = lambda _prompt: "Failure to pass the risk control system"
    with pytest.raises(TaskFailedError, match="risk control") as caught:
        program.use(lambda kling: kling.text2video.run(prompt="a cat", model_name=model))
    assert caught.value.task.status == "failed"
    assert caught.value.task.status_msg == "Failure to pass the risk control system"


def callback_of(kling: HonestKling, task_id: str, model: str) -> CallbackEvent:
    form = kling.shown_at_v1 if interface_of(model) == "v1" else kling.shown_at_tasks
    return parse_callback(json.dumps(form(kling.tasks[task_id])).encode(), verify=False)


def test_a_callback_is_the_same_task(program: Program, model: str) -> None:
    """Each form is the bare object of its interface."""
    task = program.use(lambda kling: kling.text2video.create(prompt="a cat", model_name=model))
    event = callback_of(program.server.kling, task.task_id, model)

    read = program.use(lambda kling: kling.text2video.get(task.task_id))
    assert event.task.interface == read.interface == interface_of(model)
    assert attrs.evolve(event.task, endpoint=read.endpoint) == read
    # What a callback reported can be waited for as it is.
    (outcome,) = program.use(lambda kling: kling.wait_all([event.task]))
    assert outcome.result().task_id == task.task_id


def test_a_batch_is_run(program: Program, model: str) -> None:
    """`run_many` creates and watches."""
    requests = [TextToVideo(prompt=f"cat {number}", model_name=model) for number in range(5)]
    program.server.kling.takes = 30.0

    if program.is_async:

        async def collected(kling: AsyncKling) -> Any:
            return [outcome async for outcome in kling.run_many(requests, max_concurrent=3)]

        outcomes = program.use(collected)
    else:
        outcomes = program.use(lambda kling: list(kling.run_many(requests, max_concurrent=3)))
    assert sorted(outcome.index for outcome in outcomes) == [0, 1, 2, 3, 4]
    assert {outcome.result().interface for outcome in outcomes} == {interface_of(model)}


def test_tasks_of_both_are_waited_for_together(program: Program) -> None:
    """Tasks, task ids and external ids, whatever their interface."""
    tasks = [program.use(creating(model)) for model in MODELS.values()]
    names = [*tasks, *(task.task_id for task in tasks), *(task.external_task_id for task in tasks)]
    outcomes = program.use(lambda kling: kling.wait_all(names))
    assert [outcome.result().task_id for outcome in outcomes] == [
        task.task_id for task in tasks
    ] * 3


def submitting(request: Any, interface: Any) -> Callable[[Any], Any]:
    return lambda kling: kling.text2video.submit(request, interface=interface)


def test_a_call_chooses_for_a_body_and_for_a_request(program: Program) -> None:
    """What the name of its model does not say."""
    for request in ({"prompt": "a cat", "model_name": "klong"}, TextToVideo(prompt="a cat")):
        task = program.use(submitting(request, "model-path"))
        assert task.interface == "model-path"
    paths = [call.path for call in program.server.requests]
    assert paths == ["/text-to-video/klong", f"/text-to-video/{TextToVideo.record.default_model}"]


# ---------------------------------------------------------------- keys


def test_a_key_pair_is_refused_before_anything_is_sent(program: Program) -> None:
    """The error names the model of /v1 that makes the same video."""
    for work in (
        lambda kling: kling.text2video.create(prompt="a cat", model_name="kling-3.0"),
        lambda kling: kling.text2video.run(prompt="a cat", model_name="kling-3.0", check=False),
    ):
        with pytest.raises(RequestValidationError, match=r"API key.*model_name='kling-v3'"):
            program.use(work, key="AK|SK")
    with pytest.raises(RequestValidationError) as caught:
        program.use(
            lambda kling: kling.text2video.create(prompt="a cat", model_name="kling-3.0-turbo"),
            key="AK|SK",
        )
    assert "model_name=" not in str(caught.value)
    assert program.server.requests == []


def test_the_first_key_that_the_interface_takes_signs(program: Program, model: str) -> None:
    """Keys of one account: a pair signs for /v1, the first API key for the other."""
    key = "AK|SK\nfirst-api-key\nsecond-api-key"
    program.use(lambda kling: kling.text2video.create(prompt="a", model_name=model), key=key)
    (sent,) = program.server.requests
    is_token = sent.headers["authorization"].count(".") == 2
    assert is_token == (interface_of(model) == "v1")
    assert is_token or sent.headers["authorization"] == "Bearer first-api-key"


def test_another_api_key_is_used_when_one_is_refused(program: Program) -> None:
    """The pair between them is never tried."""
    program.server.breaks(Fault.code(401, 1002))
    key = "first-api-key\nAK|SK\nsecond-api-key"
    program.use(lambda kling: kling.text2video.create(prompt="a", model_name="kling-3.0"), key=key)
    assert [request.headers["authorization"] for request in program.server.requests] == [
        "Bearer first-api-key",
        "Bearer second-api-key",
    ]

"""One program for both of the vendor's interfaces, unchanged except for the model's name.

Against the emulated Kling with either client, and through the relay.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

import pytest

from kling_mock import KlingMock
from kling_sdk import (
    AsyncKling,
    InvalidRequestError,
    Kling,
    RequestValidationError,
    TaskFailedError,
    TextToVideo,
    parse_callback,
)
from tests.mock.receiver import Receiver, receiver

__all__ = ["receiver"]

MODELS: Final = {"v1": "kling-v3", "model-path": "kling-3.0"}


@pytest.fixture
def mock() -> Iterator[KlingMock]:
    with KlingMock(seed=7) as server:
        yield server


@pytest.fixture(params=MODELS)
def model(request: pytest.FixtureRequest) -> str:
    return MODELS[request.param]


class Program(NamedTuple):
    """The same calls by the sync and the async client."""

    create: Callable[..., Any]
    wait: Callable[[Any], Any]
    download: Callable[[Any, Path], Any]


def sync_program(kling: Kling) -> Program:
    return Program(kling.text2video.create, kling.text2video.wait, kling.download)


def async_program(kling: AsyncKling, loop: asyncio.AbstractEventLoop) -> Program:
    def run(call: Callable[..., Awaitable[Any]]) -> Callable[..., Any]:
        return lambda *args, **kwargs: loop.run_until_complete(call(*args, **kwargs))

    resource = kling.text2video
    return Program(run(resource.create), run(resource.wait), run(kling.download))


@pytest.fixture(params=["sync", "async", "relay", "async relay"])
def program(request: pytest.FixtureRequest, mock: KlingMock) -> Iterator[Program]:
    kind: str = request.param
    if not kind.startswith("async"):
        with mock.relay_client() if kind == "relay" else mock.client() as kling:
            yield sync_program(kling)
        return
    with asyncio.Runner() as runner:
        client = mock.async_relay_client if kind.endswith("relay") else mock.async_client
        async_kling = client()
        yield async_program(async_kling, runner.get_loop())
        runner.run(async_kling.close())


def creates(mock: KlingMock) -> list[str]:
    """Return the paths of the creates that Kling has accepted."""
    return [
        entry.path
        for entry in mock.journal
        if entry.method == "POST" and entry.path != "/tasks" and entry.code == 0
    ]


def request(model: str, **more: Any) -> dict[str, Any]:
    parameters: dict[str, Any] = {
        "prompt": "a kitten on the grass",
        "model_name": model,
        "resolution": "1080p",
        "audio": "native",
        "duration": 5,
    }
    return parameters | more


def test_a_video_is_created_waited_for_and_downloaded(
    mock: KlingMock, program: Program, model: str, tmp_path: Path
) -> None:
    """The path on the wire is the only difference; the units are the same."""
    task = program.wait(program.create(**request(model)))

    assert task.is_succeed
    assert program.download(task.videos[0], tmp_path / "kitten.mp4").size > 1000
    path = "/v1/videos/text2video" if model == "kling-v3" else "/text-to-video/kling-3.0"
    assert creates(mock) == [path]
    mock.ledger.assert_balanced()


def test_a_lost_answer_buys_nothing_twice(mock: KlingMock, program: Program, model: str) -> None:
    """Kling accepts the create, and its answer never comes."""
    mock.faults.add("response-lost", "POST *", times=1)

    task = program.wait(program.create(**request(model, external_task_id="order-1")))

    assert task.is_succeed
    assert len(creates(mock)) == 1
    mock.ledger.assert_balanced()


def test_a_repeated_id_returns_the_first_task(
    mock: KlingMock, program: Program, model: str
) -> None:
    """The same request with the same id of ours is the same task."""
    first = program.create(**request(model, external_task_id="order-1"))
    again = program.create(**request(model, external_task_id="order-1"))

    assert again.task_id == first.task_id
    assert len(creates(mock)) == 1


def test_a_failed_task_raises_with_kling_s_reason(
    mock: KlingMock, program: Program, model: str
) -> None:
    """A failed task is not charged."""
    mock.content.add("gore", "fail", message="the result was withheld")
    task = program.create(**request(model, prompt="gore"))

    with pytest.raises(TaskFailedError) as caught:
        program.wait(task)

    assert "the result was withheld" in str(caught.value)
    mock.ledger.assert_balanced()


def test_callbacks_of_either_form_are_read_alike(
    mock: KlingMock, model: str, receiver: Receiver
) -> None:
    """Signed, with the same task in it."""
    secret = mock.account.add_webhook_secret()
    with mock.client() as kling:
        task = kling.text2video.create(**request(model, callback_url=receiver.url))
        mock.complete(task)

    last = receiver.received[-1]
    event = parse_callback(last.body, last.headers, secrets=secret, now=mock.clock.now())
    assert event.verified
    assert event.task.task_id == task.task_id
    assert event.task.is_succeed
    assert event.task.videos[0].url.startswith(mock.kling_url)
    assert event.task.units is not None
    assert (event.generation == "new") == (model == "kling-3.0")


def test_the_relay_charges_what_kling_deducts(mock: KlingMock) -> None:
    """A callback, a poll or a query charges once, the same units for both names of the model."""
    charged: list[int] = []
    with mock.relay_client() as relay:
        for name in MODELS.values():
            before = mock.ledger.user().quota
            relay.text2video.run(**request(name))
            charged.append(before - mock.ledger.user().quota)

    assert charged[0] == charged[1] > 0
    mock.ledger.assert_balanced()


def test_what_the_interface_has_no_place_for_is_refused_by_both(mock: KlingMock) -> None:
    """The relay names the parameter, holds nothing in the end, and Kling is not called."""
    parameters = request("kling-3.0", negative_prompt="dogs")
    with mock.client() as kling, pytest.raises(RequestValidationError, match="negative_prompt"):
        kling.text2video.create(**parameters)
    quota = mock.ledger.user().quota
    with (
        mock.relay_client() as relay,
        pytest.raises(InvalidRequestError, match="negative_prompt") as caught,
    ):
        relay.text2video.submit(TextToVideo(**parameters, check=False))

    assert caught.value.http_status == 400
    assert creates(mock) == []
    assert mock.ledger.user().quota == quota
    mock.ledger.assert_balanced()


def test_tasks_of_both_interfaces_are_waited_for_together(mock: KlingMock) -> None:
    """One batch, any order."""
    with mock.client() as kling:
        tasks = [kling.text2video.create(**request(name)) for name in list(MODELS.values()) * 3]
        done = kling.wait_all(tasks)

    assert [outcome.result().is_succeed for outcome in done] == [True] * 6

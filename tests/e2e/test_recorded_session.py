"""One program of the SDK: against the emulator through a recorder, and against what was recorded.

Both must come to the same, as far as it is not private; and the emulator must not differ from what
it has said itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest

from kling_mock import KlingMock, RecordedKling
from kling_mock.recording.comparison import compare
from kling_mock.recording.media import placeholder
from kling_mock.recording.recorder import Recorder
from kling_mock.recording.session import read_session
from kling_sdk import (
    AsyncKling,
    Kling,
    NotFoundError,
    Task,
    TaskFailedError,
    TextToVideo,
    parse_callback,
)
from tests.mock.receiver import Receiver, receiver

__all__ = ["receiver"]

pytestmark = pytest.mark.slow

PICTURE = placeholder("image/png", 4000, (400, 300))
REQUESTS = [TextToVideo(prompt=f"kitten {number} on the grass", duration=5) for number in range(6)]


def program(kling: Kling, folder: Path) -> list[Any]:
    """Return what an app would see: a wait, a failure, a repeat, a list, many, a download."""
    seen: list[Any] = []
    task = kling.text2video.create(prompt="a kitten on the grass", external_task_id="first-17")
    seen.append(task.status)
    task = kling.text2video.wait(task)
    seen += [task.status, len(task.videos), task.videos[0].duration, task.external_task_id]
    again = kling.text2video.create(prompt="a kitten on the grass", external_task_id="first-17")
    seen += [again.reused, again.task_id == task.task_id]
    with pytest.raises(TaskFailedError) as failed:
        kling.image2video.run(image=PICTURE, prompt="it explodes", model_name="kling-v2-6")
    seen += [failed.value.task.status]
    with pytest.raises(NotFoundError):
        kling.text2video.get("nothing-of-this-name")
    seen.append([listed.status for listed in kling.text2video.list(page_size=5)])
    seen.append(sorted(outcome.task.status for outcome in kling.run_many(REQUESTS) if outcome.task))
    seen.append(kling.download(task.videos[0], folder / "kitten.mp4").size > 1000)
    return seen


async def async_program(kling: AsyncKling) -> list[Any]:
    task = await kling.text2video.run(prompt="a kitten swims", duration=5)
    outcomes = [outcome async for outcome in kling.run_many(REQUESTS[:3])]
    return [
        task.status,
        len(task.videos),
        sorted(outcome.task.status for outcome in outcomes if outcome.task),
    ]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "session.jsonl"


def test_a_program_sees_the_same_in_a_replay(path: Path, tmp_path: Path) -> None:
    """Created, waited for, failed, repeated, listed, many at once, downloaded."""
    with KlingMock(relay=False) as mock:
        mock.content.add("explodes", "fail")
        with (
            Recorder(mock.kling_url, path, Decimal(100)) as recorder,
            mock.client(base_url=recorder.url) as kling,
        ):
            real = program(kling, tmp_path)
    with RecordedKling(path) as recorded, recorded.client() as kling:
        played = program(kling, tmp_path)
        assert recorded.unrecorded == ()
    assert played == real
    assert real[1] == "succeed"


def test_an_async_program_sees_the_same_in_a_replay(path: Path) -> None:
    """The async client shares the clock with the server that plays back."""
    with KlingMock(relay=False) as mock, Recorder(mock.kling_url, path, Decimal(100)) as recorder:

        async def record() -> list[Any]:
            async with mock.async_client(base_url=recorder.url) as kling:
                return await async_program(kling)

        real = asyncio.run(record())
    with RecordedKling(path) as recorded:

        async def play() -> list[Any]:
            async with recorded.async_client() as kling:
                return await async_program(kling)

        assert asyncio.run(play()) == real


def test_the_emulator_does_not_differ_from_what_it_said_to_the_sdk(
    path: Path, tmp_path: Path
) -> None:
    """The whole program's session, compared."""
    with KlingMock(relay=False) as mock:
        mock.content.add("explodes", "fail")
        with (
            Recorder(mock.kling_url, path, Decimal(100)) as recorder,
            mock.client(base_url=recorder.url) as kling,
        ):
            program(kling, tmp_path)
    comparison = compare(read_session(path))
    assert comparison.differences == ()
    assert comparison.skipped == ()
    assert comparison.compared > 20


def sounds(kling: Kling, folder: Path) -> list[Any]:
    """Return what an app would see of sounds: of a task, of a video, and of a text at once."""
    rain = kling.text_to_audio.run(prompt="rain on a tin roof", duration=3.5).audios[0]
    steps = kling.video_to_audio.run(video_url="https://example.com/a.mp4", bgm_prompt="a piano")
    speech = kling.tts.call(text="Hello there", voice_id="oversea_male1", voice_language="en")
    files = [
        kling.download(output, folder / name)
        for output, name in (
            (rain, "a.mp3"),
            (rain, "a.wav"),
            (speech.audio, "b.mp3"),
            (steps.videos[0], "c.mp4"),
        )
    ]
    starts = [file.path.read_bytes()[:8].removeprefix(b"\0\0\0")[:3] for file in files]
    return [rain.duration, len(steps.outputs), speech.units, speech.audio.duration, starts]


def test_sounds_are_played_back_as_they_were(path: Path, tmp_path: Path) -> None:
    """Files of the right type, and an emulator that does not differ from what it has said."""
    with (
        KlingMock(relay=False) as mock,
        Recorder(mock.kling_url, path, Decimal(9)) as recorder,
        mock.client(base_url=recorder.url) as kling,
    ):
        real = sounds(kling, tmp_path)
    with RecordedKling(path) as recorded, recorded.client() as kling:
        assert sounds(kling, tmp_path) == real
    assert compare(read_session(path)).differences == ()


def test_an_app_in_another_process_finds_the_session(path: Path) -> None:
    """It is found by the environment that `Kling()` reads; any key is accepted, at any time."""
    with KlingMock(relay=False) as mock, Recorder(mock.kling_url, path, Decimal(9)) as recorder:
        headers = {"Authorization": f"Bearer {mock.api_key}"}
        url = f"{recorder.url}/v1/videos/text2video"
        reply = httpx.post(url, json={"prompt": "a"}, headers=headers, trust_env=False).json()
    with RecordedKling(path) as recorded:
        url = f"{recorded.environment['KLING_BASE_URL']}/v1/videos/text2video"
        played = httpx.post(url, json={"prompt": "a"}, trust_env=False)
    assert played.json()["data"]["task_status"] == reply["data"]["task_status"]
    assert "task_id" in json.dumps(played.json())


def ended_by_callback(kling: Kling, receiver: Receiver, model: str) -> list[Any]:
    """Create two tasks with a callback URL and ask for both; return their last callbacks."""
    callbacks = list[Any]()
    for prompt in ("a kitten on the grass", "it explodes"):
        task = kling.text2video.create(
            prompt=prompt, model_name=model, external_task_id=prompt[:4], callback_url=receiver.url
        )
        with contextlib.suppress(TaskFailedError):
            kling.text2video.wait(task)
        callbacks.append(last_callback(receiver, task))
    return callbacks


def last_callback(receiver: Receiver, task: Task) -> Any:
    """Return the callback about the end of a task, once it has come."""
    waiting = threading.Event()
    for _ in range(1000):
        for received in receiver.received:
            event = parse_callback(received.body, received.headers, verify=False)
            if event.task.task_id == task.task_id and event.task.is_done:
                return received.task
        waiting.wait(0.005)
    raise AssertionError(f"no callback about {task.task_id}")


def shape(value: Any) -> Any:
    """Return which members there are."""
    if isinstance(value, dict):
        return {name: shape(member) for name, member in value.items()}
    return [shape(element) for element in value] if isinstance(value, list) else type(value)


@pytest.mark.parametrize("model", ["kling-v3", "kling-3.0"])
def test_the_callbacks_of_a_replay_are_those_of_the_service(
    path: Path, receiver: Receiver, model: str
) -> None:
    """The callbacks of a success and a failure have the same members on either interface, and go to
    the new address.

    The recorder has not seen these callbacks.
    """
    with KlingMock(relay=False) as mock:
        mock.account.clear_webhook_secrets()
        mock.content.add("explodes", "fail")
        with (
            Recorder(mock.kling_url, path, Decimal(100)) as recorder,
            mock.client(base_url=recorder.url) as kling,
        ):
            real = ended_by_callback(kling, receiver, model)
    receiver.received.clear()
    with RecordedKling(path) as recorded, recorded.client() as kling:
        played = ended_by_callback(kling, receiver, model)
        assert recorded.unrecorded == ()
    assert [shape(callback) for callback in played] == [shape(callback) for callback in real]
    assert len(receiver.received) == 2
    external = "task_info" if model == "kling-v3" else "external_id"
    assert [callback[external] for callback in played] == [callback[external] for callback in real]

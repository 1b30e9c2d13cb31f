"""`kling.solutions` against the emulator: what is particular to it."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from operator import attrgetter
from pathlib import Path
from typing import Any

import pytest
from PIL import Image as Picture

from kling_mock import KlingMock
from kling_sdk import (
    ENDPOINTS,
    ConflictError,
    Kling,
    OutcomeUnknownError,
    Request,
    Task,
    TextToVideo,
    parse_callback,
)
from kling_sdk.cli import main
from kling_sdk.endpoints import request_class
from tests.endpoints import BODIES
from tests.ffmpeg import probe
from tests.mock.receiver import Receiver, receiver

__all__ = ["receiver"]

NAMES = [name for name in BODIES if name.startswith("solutions-")]


@pytest.fixture
def mock() -> Iterator[KlingMock]:
    with KlingMock(seed=7) as server:
        yield server


@pytest.fixture
def kling(mock: KlingMock) -> Iterator[Kling]:
    with mock.client() as client:
        yield client


def create(kling: Kling, name: str, **more: Any) -> Task:
    task: Task = attrgetter(ENDPOINTS[name].attribute)(kling).create(**BODIES[name], **more)
    return task


def test_a_mixed_batch_is_watched_in_one_query(mock: KlingMock, kling: Kling) -> None:
    """Solutions share a query, 20 ids in a call; a video goes its own way."""
    requests: list[Request] = [request_class(name)(**BODIES[name]) for name in NAMES]
    requests.append(TextToVideo(prompt="a cat"))
    mock.progress.add("after", seconds=60)
    outcomes = [*kling.run_many(requests)]
    assert {outcome.result().endpoint for outcome in outcomes} == {*NAMES, "text2video"}
    queries = [
        entry for entry in mock.journal if (entry.method, entry.path) == ("GET", "/solutions")
    ]
    assert queries
    assert max(entry.query.count("%2C") + entry.query.count(",") for entry in queries) == 4


def test_the_list_and_a_query_do_not_say_which_product_it_is(mock: KlingMock, kling: Kling) -> None:
    """Each resource finds all products' tasks, so `endpoint` is empty; `wait` keeps its own."""
    tasks = [create(kling, name) for name in NAMES]
    listed = [*kling.solutions.goods_studio.iter(page_size=2)]
    assert [task.task_id for task in listed] == [task.task_id for task in tasks[::-1]]
    assert {task.endpoint for task in listed} == {""}
    for task in tasks:
        mock.complete(task)
    other = kling.solutions.drama_subtitle.get(tasks[0].task_id)
    assert (other.task_id, other.endpoint, other.interface) == (tasks[0].task_id, "", "solutions")
    assert kling.solutions.drama_subtitle.wait(tasks[1]).endpoint == tasks[1].endpoint
    by_id = kling.tasks.get_many([tasks[2].task_id, "nobody"])
    assert [*by_id] == [tasks[2].task_id]
    assert kling.tasks.wait(tasks[3].task_id).interface == "solutions"
    assert [
        outcome.result().task_id for outcome in kling.wait_all([tasks[4].task_id, tasks[4]])
    ] == [tasks[4].task_id] * 2


def test_a_task_of_a_callback_is_waited_for_by_its_resource(
    mock: KlingMock, kling: Kling, receiver: Receiver
) -> None:
    """The report does not say that it is of /solutions; the resource does."""
    task = create(kling, "solutions-talking-agent", callback_url=receiver.url)
    mock.clock.advance(1)
    reported = parse_callback(receiver.received[0].body, verify=False).task
    assert (reported.task_id, reported.interface) == (task.task_id, "model-path")
    mock.complete(task)
    assert kling.solutions.talking_agent.wait(reported).is_succeed


def test_an_id_belongs_to_one_task_of_the_account(mock: KlingMock) -> None:
    """Over all interfaces; between two solutions it counts as an earlier one of the same job."""
    kling = mock.client(api_key=mock.api_key)  # a key pair could not ask /solutions
    first = create(kling, "solutions-goods-studio", external_task_id="order-1")
    again = create(kling, "solutions-drama-subtitle", external_task_id="order-1")
    assert (again.task_id, again.reused) == (first.task_id, True)
    with pytest.raises(ConflictError, match="belongs to a task of /solutions"):
        kling.text2video.create(prompt="a cat", external_task_id="order-1")
    kling.text2video.create(prompt="a cat", external_task_id="order-2")
    with pytest.raises(ConflictError, match="belongs to a task of text2video"):
        create(kling, "solutions-goods-studio", external_task_id="order-2")
    assert mock.account.open_tasks == 2
    kling.close()


def test_an_answer_that_stays_lost_names_the_id_to_ask_with(mock: KlingMock, kling: Kling) -> None:
    """`get` of the resource takes it."""
    mock.faults.add("response-lost", match="* /solutions*")
    with pytest.raises(OutcomeUnknownError) as unknown:
        create(kling, "solutions-talking-agent")
    mock.faults.clear()
    external_id = unknown.value.external_task_id or ""
    assert kling.solutions.talking_agent.get(external_id).external_task_id == external_id
    assert mock.account.open_tasks == 1


async def test_the_async_twin_does_the_same(mock: KlingMock) -> None:
    """Its methods are awaited."""
    async with mock.async_client() as kling:
        submitted = await kling.solutions.talking_agent.create(**BODIES["solutions-talking-agent"])
        mock.complete(submitted)
        done = await kling.solutions.talking_agent.wait(submitted)
        assert [task.task_id async for task in kling.solutions.goods_studio.iter()] == [
            submitted.task_id
        ]
    assert done.videos[0].duration is not None
    assert repr(kling.solutions) == "<AsyncSolutions>"


@pytest.mark.slow
def test_the_command_line_has_them(
    mock: KlingMock,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Create, get, list, wait and download by the same records."""
    monkeypatch.setenv("KLING_BASE_URL", mock.kling_url)
    monkeypatch.setenv("KLING_API_KEY", mock.api_key)
    mock.progress.add("instant")
    name, video = "solutions-drama-subtitle", "https://example.com/a.mp4"
    arguments = ["create", name, "--source-video", video, "--target-cps", "15"]
    term = json.dumps({"source": "a", "target": "b"})
    place = tmp_path / "drama.mp4"
    assert main([*arguments, "--glossary", term, "--download", str(place), "--json"]) == 0
    task = json.loads(capsys.readouterr().out)
    assert [subtitle["format"] for subtitle in task["subtitles"]] == ["srt", "ass"]
    assert {path.name for path in tmp_path.iterdir()} == {
        *("drama.mp4", "drama-1.srt", "drama-2.ass"),
    }
    for command in ("get", "wait", "download"):
        folder = [str(tmp_path)] if command == "download" else []
        assert main([command, name, task["task_id"], *folder]) == 0
    assert main(["list", name]) == 0
    assert task["task_id"] in capsys.readouterr().out
    agent = ["create", "solutions-talking-agent", "--speech-script", "Hello."]
    assert main([*agent, "--avatar-id", "avatar_mia_female", "--estimate"]) == 0
    assert main([*agent, "--avatar-id", "avatar_mia_female", "--max-units", "5"]) != 0


@pytest.mark.programs("ffmpeg", "ffprobe")
@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_decoders_that_are_not_ours_take_each_file(
    mock: KlingMock, kling: Kling, name: str
) -> None:
    """ffprobe takes videos and subtitles, and Pillow pictures."""
    submitted = create(kling, name)
    mock.complete(submitted)
    done = attrgetter(ENDPOINTS[name].attribute)(kling).get(submitted.task_id)
    for video in done.videos:
        media = probe(kling.download(video))
        assert {stream["codec_type"] for stream in media["streams"]} == {"video", "audio"}
        if video.duration is not None:
            assert float(media["format"]["duration"]) == pytest.approx(
                float(video.duration), abs=0.1
            )
    for image in done.images:
        with Picture.open(io.BytesIO(kling.download(image))) as picture:
            picture.load()
            assert min(picture.size) > 300
    for subtitles in done.subtitles:
        (stream,) = probe(kling.download(subtitles))["streams"]
        assert stream["codec_type"] == "subtitle"
    assert len(done.files) == {"clothing-dupe": 3, "drama-subtitle": 3}.get(
        name.removeprefix("solutions-"), 1
    )

"""The public types, checked by mypy and pyright and never executed.

A line that must be an error carries an ignore with its code: both checkers report an
ignore that is not needed, so a type that gets looser fails here.
"""

import sys
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from io import BytesIO, StringIO
from pathlib import Path
from typing import Any, assert_type

from kling_sdk import (
    AsyncKling,
    AsyncTaskResource,
    CallbackEvent,
    ChargePage,
    Download,
    Estimate,
    FaceSession,
    FrameSelection,
    ImageToVideo,
    Kling,
    Outcome,
    Page,
    RecognizedImage,
    Request,
    ResourcePack,
    Selection,
    SelectionPreview,
    Task,
    TaskResource,
    TextToVideo,
    Video,
    VideoExtend,
    parse_callback,
)
from kling_sdk.results.task import TaskStatus


def sync_client(kling: Kling) -> None:
    task = kling.text2video.create(prompt="a kitten", model_name="kling-v2-6", duration=5)
    assert_type(task, Task)
    assert_type(task.status, TaskStatus | str)
    assert_type(task.is_done, bool)
    assert_type(task.is_succeed, bool)
    str(task.url)  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]
    assert_type(kling.text2video.submit(TextToVideo(prompt="a kitten")), Task)
    assert_type(kling.text2video.get("1"), Task)
    assert_type(kling.text2video.list(page=1, page_size=30), Page)
    assert_type(kling.text2video.iter(), Iterator[Task])
    assert_type(kling.text2video.wait(task, timeout=1800, on_update=print), Task)
    assert_type(kling.text2video.run(prompt="a kitten", duration="5"), Task)
    assert_type(kling.text2video.run(prompt="a", timeout=5.0, extra_headers={"x-a": "b"}), Task)
    assert_type(kling.text2video.create(prompt="a", extra_body={"frames": 60}, check=False), Task)
    assert_type(kling.text2video.get("1", timeout=5), Task)
    assert_type(kling.text2video.list(timeout=5), Page)
    any_request: Request = VideoExtend(video_id="1")
    assert_type(kling.submit(any_request), Task)
    assert_type(kling.submit(TextToVideo(prompt="a"), timeout=5, extra_headers={"a": "b"}), Task)
    assert_type(kling.estimate(any_request), Estimate)
    assert_type(kling.estimate(any_request).units, Decimal | None)
    by_endpoint = {"text2video": kling.text2video, "video-extend": kling.video_extend}
    assert_type(by_endpoint["text2video"].submit(TextToVideo(prompt="a")), Task)
    assert_type(by_endpoint["text2video"].get("1"), Task)
    resources: Mapping[str, TaskResource] = by_endpoint
    assert_type(resources["text2video"].wait("1"), Task)
    assert_type(kling.image2video.create(image=Path("cat.png"), mode="pro", sound=True), Task)
    assert_type(kling.image2video.run(image=b"...", image_tail="https://example.com/a.png"), Task)
    assert_type(kling.omni_video.create(prompt="a kitten", image_list=[b"..."]), Task)
    assert_type(kling.omni_video.run(prompt="a kitten"), Task)
    assert_type(kling.multi_image2video.create(image_list=[b"..."], prompt="a kitten"), Task)
    assert_type(kling.multi_image2video.run(image_list=[b"..."], prompt="a kitten"), Task)
    assert_type(kling.wait_all([task]), list[Outcome])
    assert_type(kling.wait_all([task, "1"], timeout=60), list[Outcome])
    assert_type(kling.as_completed([task]), Iterator[Outcome])
    assert_type(kling.as_completed(iter(["1"])), Iterator[Outcome])
    assert_type(
        kling.run_many([TextToVideo(prompt="a"), ImageToVideo(image=b"")]), Iterator[Outcome]
    )
    requests = (TextToVideo(prompt=prompt) for prompt in "abc")
    assert_type(
        kling.run_many(requests, max_concurrent=2, timeout=60, on_update=print, max_units=100),
        Iterator[Outcome],
    )
    assert_type(kling.account.costs(0, 1), tuple[ResourcePack, ...])
    assert_type(kling.request("GET", "/v1/videos/lip-sync/1"), Any)
    assert_type(kling.request_raw("GET", "/v1/videos/lip-sync/1").status, int)
    assert_type(kling.with_options(timeout=3.0, retries=2, on_update=print), Kling)
    assert_type(Kling("AK|SK", region="cn"), Kling)
    assert_type(kling.with_options(extra_headers={"x-a": "b"}), Kling)
    assert_type(kling.with_options(trace=False, traceparent=True), Kling)
    assert_type(Kling.relay("http://localhost:3000", token="sk-1"), Kling)
    assert_type(kling.close(), None)
    with kling as entered:
        assert_type(entered, Kling)


def sync_downloads(kling: Kling, video: Video) -> None:
    assert_type(kling.download(video, "kitten.mp4"), Download)
    assert_type(kling.download(video, Path(), on_progress=print), Download)
    assert_type(kling.download(video), bytes)
    assert_type(kling.download("https://example.com/a.mp4", BytesIO()), int)
    with Path("kitten.mp4").open("wb") as file:
        assert_type(kling.download(video, file), int)
    assert_type(kling.download(video, sys.stdout.buffer), int)


def sync_client_of_files(kling: Kling) -> None:
    assert_type(kling.identify_face.call(video_id="1"), FaceSession)
    assert_type(kling.recognize_image.call(image=b"..."), RecognizedImage)
    selection = kling.multi_elements.init_selection(video_id="1")
    assert_type(selection, Selection)
    points = [(0.5, 0.25)]
    frame = kling.multi_elements.add_selection(session_id=selection, frame_index=0, points=points)
    assert_type(frame, FrameSelection)
    assert_type(kling.multi_elements.preview_selection(session_id="1"), SelectionPreview)
    edit = kling.multi_elements.create(session_id=selection, edit_mode="removal", prompt="a boat")
    assert_type(edit, Task)
    assert_type(kling.account.balance(0, 1), ChargePage)
    assert_type(kling.account.packages(cursor="c", product_types=["image"]), ChargePage)
    assert_type(kling.avatar.create(image=b"...", sound_file=Path("a.mp3")), Task)
    speech = {"mode": "text2video", "video_id": "1", "text": "a"}
    assert_type(kling.lip_sync.create(input=speech), Task)
    assert_type(kling.effects.create(effect_scene="hug_pro", input={"images": [b""] * 2}), Task)


async def _jobs() -> AsyncIterator[TextToVideo]:
    yield TextToVideo(prompt="a")


async def async_client(kling: AsyncKling) -> None:
    task = await kling.text2video.create(prompt="a kitten", model_name="kling-v2-6", duration=5)
    assert_type(task, Task)
    assert_type(await kling.text2video.submit(TextToVideo(prompt="a kitten")), Task)
    assert_type(await kling.text2video.get("1"), Task)
    assert_type(await kling.text2video.list(page=1, page_size=30), Page)
    assert_type(kling.text2video.iter(), AsyncIterator[Task])
    assert_type(await kling.text2video.wait(task, timeout=1800, on_update=print), Task)
    assert_type(await kling.text2video.run(prompt="a kitten", duration="5"), Task)
    assert_type(await kling.image2video.create(image=Path("cat.png"), mode="pro"), Task)
    assert_type(await kling.omni_video.create(prompt="a kitten", image_list=[b"..."]), Task)
    assert_type(await kling.multi_image2video.create(image_list=[b"..."], prompt="a"), Task)
    assert_type(await kling.identify_face.call(video_url="1", timeout=5), FaceSession)
    assert_type(await kling.multi_elements.clear_selection(session_id="1"), Selection)
    assert_type(await kling.account.balance(cursor="c"), ChargePage)
    any_request: Request = VideoExtend(video_id="1")
    assert_type(await kling.submit(any_request, timeout=5), Task)
    assert_type(await kling.text2video.get("1", timeout=5), Task)
    assert_type(kling.estimate(any_request), Estimate)
    by_endpoint: Mapping[str, AsyncTaskResource] = {"text2video": kling.text2video}
    assert_type(await by_endpoint["text2video"].submit(TextToVideo(prompt="a")), Task)
    assert_type(await kling.wait_all([task]), list[Outcome])
    assert_type(kling.as_completed([task]), AsyncIterator[Outcome])
    assert_type(kling.run_many([TextToVideo(prompt="a")]), AsyncIterator[Outcome])
    assert_type(kling.run_many(_jobs(), timeout=60, on_update=print), AsyncIterator[Outcome])
    assert_type(await kling.download(task.videos[0], "kitten.mp4"), Download)
    assert_type(await kling.download(task.videos[0]), bytes)
    assert_type(await kling.download(task.videos[0], BytesIO()), int)
    assert_type(await kling.account.costs(0, 1), tuple[ResourcePack, ...])
    assert_type(await kling.request("GET", "/v1/videos/lip-sync/1"), Any)
    assert_type((await kling.request_raw("GET", "/v1/videos/lip-sync/1")).status, int)
    assert_type(kling.with_options(timeout=3.0), AsyncKling)
    assert_type(AsyncKling.relay("http://localhost:3000", token="sk-1"), AsyncKling)
    async with kling as entered:
        assert_type(entered, AsyncKling)


def results(task: Task, video: Video, outcome: Outcome, page: Page) -> None:
    assert_type(task.created_at, datetime | None)
    assert_type(task.units, Decimal | None)
    assert_type(task.videos, tuple[Video, ...])
    assert_type(task.is_done, bool)
    assert_type(task.to_dict(), dict[str, Any])
    assert_type(Task.from_dict({}), Task)
    assert_type(video.duration, Decimal | None)
    assert_type(outcome.result(), Task)
    assert_type(list(page), list[Task])
    assert_type(parse_callback(b"{}", verify=False), CallbackEvent)
    assert_type(parse_callback(b"{}", {}, ["whsec_"], 0.0).task, Task)
    assert_type(parse_callback(b"{}", [(b"webhook-id", b"1")], "whsec_", 0.0).verified, bool)


def task_video() -> Video:
    return Video("1", "https://example.com/a.mp4")


def mistakes(kling: Kling, async_kling: AsyncKling) -> None:
    kling.text2video.create(promt="x")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    kling.text2video.run(prompt="x", seconds=5)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    kling.text2video.create(prompt=5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    kling.text2video.create(prompt="x", duration=5.5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    kling.text2video.create("x")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    kling.multi_image2video.create(prompt="x")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    kling.download(task_video(), StringIO())  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue, reportArgumentType]
    kling.submit({"prompt": "x"})  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    kling.estimate("x")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    Kling("AK|SK", region="eu")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    kling.with_options(retires=3)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    TextToVideo(prompt="x").prompt = "y"  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue]
    async_kling.text2video.create(promt="x")  # type: ignore[call-arg, unused-coroutine]  # pyright: ignore[reportCallIssue]


handler: Callable[[Task], object] = print

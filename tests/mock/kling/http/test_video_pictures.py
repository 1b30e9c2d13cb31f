"""The videos that a server sends say what they are, for every endpoint."""

from __future__ import annotations

import asyncio
import base64
import gc
import io
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from PIL import Image

from kling_mock import KlingMock
from kling_mock.kling.endpoints.registry import ENDPOINTS
from kling_mock.kling.media import clip
from kling_mock.kling.media.sizes import frame_size
from tests.endpoints import BODIES, vendor_body, with_sources
from tests.mock.admin_client import Admin
from tests.mock.conftest import Api
from tests.mock.kling.endpoints.model_path import body
from tests.mock.kling.http.path_client import PathClient
from tests.mock.kling.media.frames import BOLD, Frame, decoded

MODES = {"720p": "std", "1080p": "pro", "4k": "4k"}
PREFIX = "model-path-"
MODEL_PATH = [
    name
    for name, record in ENDPOINTS.items()
    if name.startswith(PREFIX) and body(name.removeprefix(PREFIX)) and record.models
]


@pytest.fixture
def admin(mock: KlingMock) -> Iterator[Admin]:
    with Admin(mock) as admin:
        yield admin


def check(admin: Admin, api: Api, endpoint: str, task_id: str) -> int:
    """Check what the first pictures of a task's videos show; return how many videos it has."""
    task = admin.ask("GET", f"/tasks/{task_id}")
    paths = [result["path"] for result in task["results"] if result["type"] == "video"]
    for path in paths:
        frame = first_frame(api, f"/media/{path}", task)
        facts = (
            f"{frame.width}\N{MULTIPLICATION SIGN}{frame.height} \N{MIDDLE DOT} {task['seconds']} s"
        )
        short = frame.shows(endpoint, 96, pen=BOLD)
        assert short or len(endpoint) > 15  # a long name is smaller
        assert frame.shows(task["model"], 58) or not task["model"]
        assert frame.shows(facts, 44, luma=170)
        assert frame.shows(f"task {task_id}", 44, luma=170)
    return len(paths)


def first_frame(api: Api, path: str, task: dict[str, Any]) -> Frame:
    width, height = frame_size(MODES[task["resolution"]], task["aspect_ratio"])
    return decoded(api.http.get(path).content, width, height, "-frames:v", "1")[0]


@pytest.mark.slow
@pytest.mark.programs("ffmpeg", "ffprobe")
@pytest.mark.parametrize("endpoint", BODIES)
def test_every_endpoint_says_what_it_has_made(
    mock: KlingMock, admin: Admin, api: Api, endpoint: str
) -> None:
    """Endpoint, model, size, length and task are in the picture of each of its videos."""
    task_id = api.new(endpoint, **with_sources(mock, vendor_body(endpoint)))
    mock.complete(task_id)
    check(admin, api, endpoint, task_id)


@pytest.mark.slow
@pytest.mark.programs("ffmpeg", "ffprobe")
@pytest.mark.parametrize("endpoint", MODEL_PATH)
def test_so_does_the_interface_with_the_model_in_the_path(
    mock: KlingMock, admin: Admin, api: Api, client: PathClient, endpoint: str
) -> None:
    """The same facts, with the model of the path."""
    product = endpoint.removeprefix(PREFIX)
    task_id = client.new(f"/{product}/{next(iter(ENDPOINTS[endpoint].models))}")
    mock.complete(task_id)
    assert check(admin, api, endpoint, task_id) == 1


@pytest.mark.slow
@pytest.mark.programs("ffmpeg", "ffprobe")
def test_the_file_with_a_watermark_shows_it(mock: KlingMock, admin: Admin, api: Api) -> None:
    """The other one does not."""
    task_id = api.new(watermark_info={"enabled": True})
    mock.complete(task_id)
    task = admin.ask("GET", f"/tasks/{task_id}")
    (video,) = api.task(task_id)["task_result"]["videos"]
    plain, marked = (first_frame(api, video[name], task) for name in ("url", "watermark_url"))
    assert marked.on(172).shows("watermark", 36, luma=24, pen=BOLD)
    assert not plain.on(172).shows("watermark", 36, luma=24, pen=BOLD)


@pytest.mark.slow
@pytest.mark.programs("ffmpeg", "ffprobe")
def test_the_picture_of_the_request_is_in_its_video(
    mock: KlingMock, admin: Admin, api: Api
) -> None:
    """A red one makes a part of it red."""
    file = io.BytesIO()
    noise = Image.effect_noise((400, 300), 60)  # so that the file has some size
    black = Image.new("L", noise.size)
    red = noise.point([255 - value // 8 for value in range(256)])
    Image.merge("RGB", (red, black, black)).save(file, "PNG")
    picture = base64.b64encode(file.getvalue()).decode()
    task_id = api.new("image2video", image=picture, model_name="kling-v2-6")
    mock.complete(task_id)
    task = admin.ask("GET", f"/tasks/{task_id}")
    (video,) = api.task(task_id, "image2video")["task_result"]["videos"]
    frame = first_frame(api, video["url"], task)
    cr = frame.samples[-frame.width * frame.height // 4 :]
    assert sum(value > 220 for value in cr) > len(cr) * 0.05


@pytest.mark.slow
@pytest.mark.programs("ffmpeg", "ffprobe")
def test_a_video_of_a_call_without_a_task_says_whose_it_is(mock: KlingMock, api: Api) -> None:
    """It names the endpoint."""
    with mock.client() as kling:
        selection = kling.multi_elements.init_selection(video_url="https://example.com/pond.mp4")
    content = api.http.get(str(selection.raw["normalized_video"])).content
    assert (selection.width, selection.height) == (1280, 720)
    frame = decoded(content, 1280, 720, "-frames:v", "1")[0]
    assert frame.shows("multi-elements", 96, pen=BOLD)


def test_the_same_task_has_the_same_bytes(mock: KlingMock, api: Api) -> None:
    """This holds in another server with the same seed; another seed makes other bytes."""

    def file_of(server: KlingMock, own: Api) -> bytes:
        task_id = own.new()
        server.complete(task_id)
        (video,) = own.task(task_id)["task_result"]["videos"]
        return own.http.get(video["url"]).content

    contents = [file_of(mock, api)]
    for seed in (1, 2):
        with KlingMock(seed=seed) as server:
            other = Api(server)
            contents.append(file_of(server, other))
            other.http.close()
    assert contents[0] == contents[1] != contents[2]


@pytest.mark.slow
def test_a_server_loads_what_draws_when_a_file_is_fetched() -> None:
    """Until then, neither the encoder nor Pillow is loaded."""
    program = """
import json, sys, urllib.request
from kling_mock import KlingMock

with KlingMock() as mock:
    with mock.client() as kling:
        task = kling.text2video.create(prompt="a kitten")
        mock.complete(task)
        url = kling.text2video.get(task.task_id).videos[0].url
    names = ["kling_mock.kling.media.h264", "kling_mock.kling.media.lettering", "PIL"]
    before = [name in sys.modules for name in names]
    urllib.request.urlopen(url).read()
    print(json.dumps([before, [name in sys.modules for name in names]]))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert json.loads(done.stdout) == [[False, False, False], [True, True, False]]


def test_what_makes_files_ends_with_its_server() -> None:
    """It is one thread, however many files are fetched at a time, and it ends with the server."""

    def makers() -> set[threading.Thread]:
        names = (
            thread for thread in threading.enumerate() if thread.name.startswith("kling-mock-files")
        )
        return set(names)

    before = makers()
    with KlingMock(seed=3) as server:
        api = Api(server)
        tasks = [api.new() for _ in range(3)]
        for task_id in tasks:
            server.complete(task_id)
        urls = [api.task(task)["task_result"]["videos"][0]["url"] for task in tasks]
        with ThreadPoolExecutor(3) as readers:
            assert {reply.status_code for reply in readers.map(api.http.head, urls)} == {200}
        (maker,) = makers() - before
        api.http.close()
    del server, api
    gc.collect()
    maker.join(60)
    assert not maker.is_alive()


async def test_requests_do_not_wait_for_a_video(
    mock: KlingMock, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While one is being made, the server answers."""
    clip._cache.clear()  # another test may have fetched the same file
    task_id = api.new()
    mock.complete(task_id)
    (video,) = api.task(task_id)["task_result"]["videos"]
    started, may_end = threading.Event(), threading.Event()
    make = clip._make

    def slowly(new_clip: Any) -> Any:
        started.set()
        assert may_end.wait(60)
        return make(new_clip)

    monkeypatch.setattr(clip, "_make", slowly)
    fetching = asyncio.create_task(asyncio.to_thread(api.http.get, video["url"]))
    try:
        assert await asyncio.to_thread(started.wait, 60)
        assert api.task(task_id)["task_status"] == "succeed"
        assert not fetching.done()
    finally:
        may_end.set()
    assert (await fetching).status_code == 200

"""Results and input pictures, for whoever looks at a task."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator

import pytest
from PIL import Image

from kling_mock import KlingMock
from tests.endpoints import BODIES, vendor_body, with_sources
from tests.mock.admin_client import Admin
from tests.mock.conftest import Api

#: What an item is -> how its media type begins.
TYPES: dict[str, tuple[str, ...]] = {
    "video": ("video/",),
    "image": ("image/",),
    "audio": ("audio/",),
    "voice": ("audio/",),
    "subtitles": ("application/x-subrip", "text/x-ssa"),
}


@pytest.fixture
def admin(mock: KlingMock) -> Iterator[Admin]:
    with Admin(mock) as admin:
        yield admin


def picture() -> bytes:
    """Return a PNG file that is large enough to be kept."""
    file = io.BytesIO()
    Image.effect_noise((320, 320), 90).save(file, "PNG")
    return file.getvalue()


def test_a_picture_of_the_request_can_be_seen_again(admin: Admin, api: Api) -> None:
    """Byte for byte, under the name of its field."""
    content = picture()
    task = api.new("image2video", image=base64.b64encode(content).decode())
    view = admin.ask("GET", f"/tasks/{task}")
    assert view["inputs"] == [{"field": "image", "content_type": "image/png"}]
    reply = admin.send("GET", f"/tasks/{task}/inputs/0")
    assert (reply.content, reply.headers["content-type"]) == (content, "image/png")
    assert reply.headers["x-content-type-options"] == "nosniff"
    assert admin.refused("GET", f"/tasks/{task}/inputs/1", status=404) == "unknown_input"


def test_a_result_is_served_when_there_is_one(mock: KlingMock, admin: Admin, api: Api) -> None:
    """Pictures as well as videos, each as the task names it."""
    task = api.new("image-generation", prompt="a kitten", n=2)
    assert admin.ask("GET", f"/tasks/{task}")["results"] == []
    mock.complete(task)
    results = admin.ask("GET", f"/tasks/{task}")["results"]
    assert [result["type"] for result in results] == ["image", "image"]
    for result in results:
        assert admin.send("GET", f"/media/{result['path']}").content.startswith(b"\x89PNG")
    assert admin.refused("GET", "/media/videos/1.mp4", status=404) == "unknown_result"


@pytest.mark.parametrize("endpoint", BODIES)
def test_each_file_of_a_task_is_served(
    mock: KlingMock, admin: Admin, api: Api, endpoint: str
) -> None:
    """Every endpoint except elements has files: videos, pictures, sounds, subtitles and voices."""
    task = api.new(endpoint, **with_sources(mock, vendor_body(endpoint)))
    mock.complete(task)
    results = admin.ask("GET", f"/tasks/{task}")["results"]
    assert bool(results) is (endpoint != "elements")
    for result in results:
        reply = admin.send("GET", f"/media/{result['path']}")
        assert reply.status_code == 200
        assert reply.headers["content-type"].startswith(TYPES[result["type"]])


def test_both_need_the_token(mock: KlingMock, api: Api) -> None:
    """What an app has sent is not for every page on this computer."""
    task = api.new()
    mock.complete(task)
    with Admin(mock, "wrong") as other:
        for path in (f"/tasks/{task}/inputs/0", f"/media/videos/{int(task) + 1}.mp4"):
            assert other.send("GET", path).status_code == 401

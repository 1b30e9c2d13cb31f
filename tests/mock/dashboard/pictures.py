"""Takes the pictures of the dashboard and of a video that the documentation shows.

`python -m` this module; the video's needs ffmpeg.

The server has a seed and a clock that stands still, so that only what the browser draws can differ
from one run to the next.
"""

from __future__ import annotations

import base64
import contextlib
import io
import shutil
import sys
from pathlib import Path

from PIL import Image, ImageDraw

from kling_mock import KlingMock
from tests.ffmpeg import decode
from tests.mock.conftest import Api
from tests.mock.dashboard.chromium import NAMES, Chromium, Page
from tests.mock.receiver import Receiver

FOLDER = Path(__file__).parents[3] / "docs" / "pictures"
LARGEST = 200_000  # bytes
PROMPTS = {
    "en": ("a kitten on the grass", "a lighthouse in a storm", "a red balloon over the sea"),
    "zh": ("草地上的小猫", "暴风雨中的灯塔", "海面上的红气球"),
}
#: Name, language, colours and view of each picture.
PICTURES = (
    ("dashboard-tasks-light-en", "en", "light", "tasks"),
    ("dashboard-tasks-dark-zh", "zh", "dark", "tasks"),
    ("dashboard-task-dark-en", "en", "dark", "task"),
    ("dashboard-task-light-zh", "zh", "light", "task"),
)


def fill(mock: KlingMock, language: str, receiver: Receiver) -> str:
    """Make everything that the pictures show; return the task with a story."""
    api = Api(mock)
    account = mock.accounts["default"]
    account.add_pack(units=100, slots=5)
    account.add_pack(units=100, type="image")
    account.add_webhook_secret()
    first, second, third = PROMPTS[language]
    receiver.answers = [500]
    task = api.new(prompt=first, callback_url=receiver.url, external_task_id="order-1001")
    api.task(task)
    api.task(task)
    mock.clock.advance(400)
    failed = api.new(prompt=second, external_task_id="order-1002")
    mock.fail(failed)
    image = api.new("image-generation", prompt=third, external_task_id="order-1003")
    mock.complete(image)
    api.new(prompt=second, external_task_id="order-1004")
    mock.clock.advance(30)
    api.new(prompt=third, external_task_id="order-1005")
    mock.faults.add("response-lost", "POST *", times=3)
    api.http.close()
    return task


def take(page: Page) -> bytes:
    """Return what the page shows, in as few colours as it has."""
    page.run("document.querySelectorAll('video').forEach((one) => { one.pause(); })")
    return written(Image.open(io.BytesIO(page.picture())).convert("RGB"))


def written(image: Image.Image) -> bytes:
    small = io.BytesIO()
    image.quantize(128, dither=Image.Dither.NONE).save(small, "PNG", optimize=True)
    return small.getvalue()


def balloon() -> str:
    """Draw what a request could be about; return the file in base64."""
    image = Image.linear_gradient("L").resize((960, 720))
    sky = Image.merge(
        "RGB", [image.point([low + v // 3 for v in range(256)]) for low in (90, 140, 170)]
    )
    draw = ImageDraw.Draw(sky)
    draw.rectangle((0, 540, 960, 720), (30, 84, 120))
    draw.line((480, 420, 470, 620), (60, 60, 60), 4)
    draw.polygon((455, 440, 505, 440, 480, 405), (150, 24, 32))
    draw.ellipse((350, 100, 610, 425), (204, 36, 44))
    draw.ellipse((405, 150, 460, 230), (236, 120, 124))
    buffer = io.BytesIO()
    sky.save(buffer, "PNG")
    return base64.b64encode(buffer.getvalue()).decode()


def video_frame() -> bytes:
    """Return a picture of a video in its fourth second, as ffmpeg decodes it."""
    with KlingMock(seed=7) as mock:
        api = Api(mock)
        task = api.new("image2video", model_name="kling-v2-6", image=balloon(), duration="5")
        mock.complete(task)
        (video,) = api.task(task, "image2video")["task_result"]["videos"]
        content = api.http.get(video["url"]).content
        api.http.close()
    frame = decode(
        content, "-ss", "3.5", "-map", "0:v", "-frames:v", "1", "-f", "image2pipe", "-c:v", "png"
    )
    return written(Image.open(io.BytesIO(frame)).convert("RGB").resize((960, 540)))


def save(name: str, content: bytes) -> None:
    assert len(content) <= LARGEST, (name, len(content))
    (FOLDER / f"{name}.png").write_bytes(content)
    print(f"{name}.png: {len(content)} bytes")  # noqa: T201 - a command


def main() -> int:
    """Write all pictures; return 1 if no browser is found."""
    program = next(filter(None, map(shutil.which, NAMES)), None)
    if program is None:
        print("no Chromium; see CONTRIBUTING.md", file=sys.stderr)  # noqa: T201 - a command
        return 1
    FOLDER.mkdir(exist_ok=True)
    with Chromium(program) as browser:
        for name, language, colours, view in PICTURES:
            with contextlib.closing(Receiver()) as receiver, KlingMock(seed=7) as mock:
                task = fill(mock, language, receiver)
                assert mock.dashboard_url is not None
                where = f"{mock.dashboard_url}&view={view}&id={task}"
                locale = "zh-CN" if language == "zh" else "en"
                dark = colours == "dark"
                height = 760 if view == "tasks" else 1200
                with browser.page(
                    where, width=1100, height=height, dark=dark, still=True, languages=locale
                ) as page:
                    page.wait("document.querySelector('video')?.readyState >= 2")
                    page.run("document.querySelector('video').currentTime = 2")
                    page.wait("!document.querySelector('video').seeking")
                    page.wait("document.querySelector('video').readyState === 4")
                    if view == "task":
                        page.wait("document.querySelectorAll('.story li').length > 8")
                    content = take(page)
            save(name, content)
    save("video-picture", video_frame())
    return 0


if __name__ == "__main__":
    sys.exit(main())

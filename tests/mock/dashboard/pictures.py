"""Takes the pictures of the dashboard that the documentation shows: `python -m` this module.

The server has a seed and a clock that stands still, so that only what the browser draws can differ
from one run to the next.
"""

from __future__ import annotations

import contextlib
import io
import shutil
import sys
from pathlib import Path

from PIL import Image

from kling_mock import KlingMock
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
    """Make what there is to see; return the task with a story."""
    api = Api(mock)
    account = mock.accounts["default"]
    account.add_pack(units=100, slots=5)
    account.add_pack(units=100, type="image")
    account.add_webhook_secret()
    first, second, third = PROMPTS[language]
    receiver.answers = [500]
    told = api.new(prompt=first, callback_url=receiver.url, external_task_id="order-1001")
    api.task(told)
    api.task(told)
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
    return told


def take(page: Page) -> bytes:
    """Return what the page shows, in as few colours as it has."""
    page.run("document.querySelectorAll('video').forEach((one) => { one.pause(); })")
    image = Image.open(io.BytesIO(page.picture())).convert("RGB")
    small = io.BytesIO()
    image.quantize(128, dither=Image.Dither.NONE).save(small, "PNG", optimize=True)
    return small.getvalue()


def main() -> int:
    """Write all pictures; return 1 if there is no browser."""
    program = next(filter(None, map(shutil.which, NAMES)), None)
    if program is None:
        print("no Chromium; see CONTRIBUTING.md", file=sys.stderr)  # noqa: T201 - a command
        return 1
    FOLDER.mkdir(exist_ok=True)
    with Chromium(program) as browser:
        for name, language, colours, view in PICTURES:
            with contextlib.closing(Receiver()) as receiver, KlingMock(seed=7) as mock:
                told = fill(mock, language, receiver)
                assert mock.dashboard_url is not None
                where = f"{mock.dashboard_url}&view={view}&id={told}"
                locale = "zh-CN" if language == "zh" else "en"
                dark = colours == "dark"
                height = 760 if view == "tasks" else 1200
                with browser.page(
                    where, width=1100, height=height, dark=dark, still=True, languages=locale
                ) as page:
                    page.wait("document.querySelector('video')?.readyState >= 2")
                    page.run("document.querySelector('video').currentTime = 2")
                    page.wait("!document.querySelector('video').seeking")
                    if view == "task":
                        page.wait("document.querySelectorAll('.story li').length > 8")
                    content = take(page)
            assert len(content) <= LARGEST, (name, len(content))
            (FOLDER / f"{name}.png").write_bytes(content)
            print(f"{name}.png: {len(content)} bytes")  # noqa: T201 - a command
    return 0


if __name__ == "__main__":
    sys.exit(main())

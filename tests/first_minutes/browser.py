"""The dashboard after the first video: what it says, and its pictures for the pages."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from tests.first_minutes.page import PICTURES
from tests.mock.dashboard.chromium import Chromium, Page
from tests.mock.dashboard.pictures import take

PROMPT = "a kitten on the grass"


@contextlib.contextmanager
def dashboard(browser: Chromium, url: str, language: str, colours: str) -> Iterator[Page]:
    """Open the dashboard, and wait until it shows the video of the prompt."""
    locale = "en" if language == "en" else "zh-CN"
    dark = colours == "dark"
    with browser.page(url, width=1100, height=620, dark=dark, still=True, languages=locale) as page:
        page.wait_text(PROMPT)
        page.wait("document.querySelector('video')?.readyState >= 2")
        yield page


def pictures(browser: Chromium, url: str, folder: Path) -> None:
    """Write the pictures of the dashboard."""
    for language, (name, colours) in PICTURES.items():
        with dashboard(browser, url, language, colours) as page:
            page.run("document.querySelector('video').currentTime = 2")
            page.wait("!document.querySelector('video').seeking")
            (folder / name).write_bytes(take(page))

"""Results in a notebook: readable, whole, and without secrets."""

from __future__ import annotations

import base64
import re
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from kling_mock import KlingMock
from kling_sdk import Download, Image, Page, Task, Video
from kling_sdk.results.notebook import download_html

SIGNED = "https://files.test/c.mp4?token=SECRET"
TASK = Task(
    "809175680223863330",
    "succeed",
    external_task_id="job-7",
    videos=(Video("1", SIGNED, Decimal(5)),),
    created_at=datetime(2026, 11, 28, 20, 31, tzinfo=UTC),
    updated_at=datetime(2026, 11, 28, 20, 33, tzinfo=UTC),
    units=Decimal("2.5"),
    endpoint="text2video",
)


def cells(html: str) -> list[str]:
    return re.findall(r"<t[hd]>(.*?)</t[hd]>", html)


def test_a_task_is_a_table() -> None:
    """The table has what is known, including when the results are deleted."""
    texts = cells(TASK._repr_html_())
    assert dict(zip(texts[::2], texts[1::2], strict=True)) == {
        "task": "809175680223863330",
        "endpoint": "text2video",
        "status": "succeed",
        "results": "1 video",
        "units": "2.5",
        "created": "2026-11-28 20:31 UTC",
        "expires": "2026-12-28 20:33 UTC",
        "external id": "job-7",
    }


def test_a_page_of_tasks_is_a_table_with_a_row_for_each() -> None:
    pictures = Task("2", "succeed", images=(Image(SIGNED), Image(SIGNED)))
    html = Page((TASK, pictures), 1, 30)._repr_html_()
    assert html.count("<tr>") == 3
    assert "2 images" in cells(html)


@pytest.mark.parametrize(
    "task", [TASK, Task("1", "failed", status_msg="<script>alert(1)</script>", endpoint="<b>")]
)
def test_nothing_secret_and_nothing_of_others_runs(task: Task) -> None:
    """A notebook is saved and passed on; texts of the server are texts."""
    for html in (task._repr_html_(), Page((task,), 1, 30)._repr_html_()):
        assert "SECRET" not in html
        assert "<script" not in html
        assert "<b>" not in html


def test_a_repr_is_short() -> None:
    """A field without information is left out; a price of 0 is information."""
    assert repr(Task("1", "submitted")) == "Task(task_id='1', status='submitted')"
    assert repr(Task("1", "failed", units=Decimal(0))).endswith("units=0)")
    assert "created_at=2026-11-28 20:31:00+00:00" in repr(TASK)
    assert "SECRET" not in repr(TASK)


@pytest.mark.parametrize(
    ("name", "element"),
    [
        ("a.mp4", "video"),
        ("a.png", "img"),
        ("a.jpeg", "img"),
        ("a.mp3", "audio"),
        ("a.wav", "audio"),
    ],
)
def test_a_file_is_shown_itself(tmp_path: Path, name: str, element: str) -> None:
    """It is embedded, so that the notebook shows it wherever it is opened."""
    path = tmp_path / name
    path.write_bytes(b"bytes")
    html = Download(path, 5, "0" * 64)._repr_html_()
    assert f"<{element} " in html
    assert f"base64,{base64.b64encode(b'bytes').decode()}" in html
    assert f"{name}, 5 bytes" in html


def test_a_file_that_cannot_be_shown_is_named(tmp_path: Path) -> None:
    """One that is gone, of another kind, or too large for a notebook."""
    gone, other, large = (tmp_path / name for name in ("<gone>.mp4", "a.bin", "large.mp4"))
    other.write_bytes(b"x")
    large.write_bytes(b"x" * 11)
    for path in (gone, other, large):
        html = download_html(Download(path, 11, "0" * 64), max_bytes=10)
        assert "src=" not in html
        assert "<gone>" not in html
        assert "11 bytes" in html


def test_a_video_of_the_emulated_kling(tmp_path: Path) -> None:
    """The last line of a cell shows it."""
    with KlingMock(relay=False) as mock, mock.client() as kling:
        task = kling.text2video.run(model_name="kling-v2-6", prompt="a kitten", duration=5)
        saved = kling.download(task.videos[0], tmp_path / "kitten.mp4")
    assert "1 video" in cells(task._repr_html_())
    assert saved._repr_html_().startswith("<p><video controls")

"""The tests of `my_app`: an emulated Kling, no key, no waiting.

Run them with `python -m pytest examples/test_my_app.py`.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from examples.my_app import NoVideoError, VideoShelf
from kling_mock import Call, KlingMock
from kling_sdk import Kling, WaitTimeoutError

CREATE = "POST /v1/videos/text2video"


@pytest.fixture
def shelf(kling: Kling, tmp_path: Path) -> VideoShelf:
    """An empty shelf."""
    return VideoShelf(kling, tmp_path)


def test_a_video_is_made_once_and_kept(shelf: VideoShelf, kling_mock: KlingMock) -> None:
    """The second customer is served from the shelf."""
    first = shelf.video("A red mug")
    assert first.name == "a-red-mug.mp4"
    assert first.read_bytes()[4:8] == b"ftyp"

    calls = kling_mock.journal.total
    assert shelf.video("a red mug") == first
    assert kling_mock.journal.total == calls
    kling_mock.journal.assert_called(CREATE, times=1, body={"duration": "5"})


def test_an_app_that_was_stopped_goes_on(
    shelf: VideoShelf, kling: Kling, kling_mock: KlingMock, tmp_path: Path
) -> None:
    """A second start waits for the first one's task; nothing is paid twice."""
    impatient = VideoShelf(kling.with_options(wait_timeout=5), tmp_path)
    with pytest.raises(WaitTimeoutError):
        impatient.video("a red mug")

    shelf.video("a red mug")
    kling_mock.journal.assert_called(CREATE, code=0, times=1)
    kling_mock.journal.assert_sequence([Call(CREATE, code=0), Call(CREATE, code=1201)])


@pytest.mark.kling_mock(faults=[{"kind": "response-lost", "match": CREATE, "times": 1}])
def test_a_lost_answer_costs_nothing(shelf: VideoShelf, kling_mock: KlingMock) -> None:
    """Kling has accepted the task and the connection broke: the task is found again."""
    shelf.video("a red mug")
    kling_mock.journal.assert_called(CREATE, code=0, times=1)


@pytest.mark.parametrize("when", ["refuse", "fail"])
def test_a_customer_is_told_why_there_is_no_video(
    shelf: VideoShelf, kling_mock: KlingMock, when: str
) -> None:
    """Whether Kling refuses at once or after a minute."""
    kling_mock.content.add("knife", "refuse" if when == "refuse" else "fail")
    with pytest.raises(NoVideoError, match="a sharp knife"):
        shelf.video("a sharp knife")

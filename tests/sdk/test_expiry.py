"""The time at which the results of a task are deleted."""

from __future__ import annotations

from datetime import UTC, datetime

import attrs
import pytest

from kling_mock import KlingMock
from kling_sdk import DownloadError, Image, Kling, Task, Video

ENDED = datetime(2026, 1, 1, 12, 30, tzinfo=UTC)
DONE = Task("1", "succeed", videos=(Video("v", "https://cdn.example.com/v.mp4"),), updated_at=ENDED)


def test_results_are_kept_for_thirty_days() -> None:
    """They are kept from the end of the task, whatever they are."""
    assert DONE.expires_at == datetime(2026, 1, 31, 12, 30, tzinfo=UTC)
    picture = Image("https://cdn.example.com/0.png")
    assert attrs.evolve(DONE, videos=(), images=(picture,)).expires_at == DONE.expires_at


@pytest.mark.parametrize(
    "task",
    [
        Task("1", "processing", updated_at=ENDED),
        Task("1", "failed", updated_at=ENDED),
        attrs.evolve(DONE, updated_at=None),
        attrs.evolve(DONE, updated_at=datetime.max.replace(tzinfo=UTC)),
    ],
)
def test_what_cannot_be_said_is_none(task: Task) -> None:
    """No results, no time of the end, or one at the end of the calendar."""
    assert task.expires_at is None


def test_the_file_can_be_had_until_then_and_not_after(kling_mock: KlingMock, kling: Kling) -> None:
    """The emulated service does the same."""
    task = kling.text2video.run(prompt="a kitten")
    assert task.expires_at is not None
    left = task.expires_at.timestamp() - kling_mock.clock.now()
    assert left > 0

    kling_mock.clock.advance(left - 1)
    assert kling.download(task.videos[0])
    kling_mock.clock.advance(1)
    with pytest.raises(DownloadError, match="has expired"):
        kling.download(task.videos[0])

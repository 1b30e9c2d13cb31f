"""The test hook of the relay in front of the emulated Kling."""

from __future__ import annotations

from kling_mock.kling.model.lifecycle import IllegalTransitionError
from kling_mock.kling.model.tasks import GivenVideo
from kling_mock.kling.world import World
from kling_mock.storage.values import VideoRow
from kling_sdk import CallbackEvent

__all__ = ["settle_emulated_task"]


def settle_emulated_task(world: World, row: VideoRow, event: CallbackEvent) -> None:
    """End a task of the emulated Kling as a test's unsigned callback says.

    The guide's internal test posts a callback by hand and expects it to count. The relay does
    not believe it; so the task itself gets this result, and the relay reads it from Kling.
    """
    task = world.tasks.peek(world.account, row.kling_task_id or row.task_id)
    if task is None or task.is_done or not event.task.is_done:
        return
    try:
        if event.task.is_succeed:
            for video in event.task.videos[:1]:
                task.given = GivenVideo(
                    video.id, video.url, f"{video.duration or task.plan.seconds}"
                )
            world.complete(task)
        else:
            world.fail(task, 5000, event.task.status_msg or None)
    except IllegalTransitionError:
        return  # it has ended meanwhile

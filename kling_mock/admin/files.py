"""Results and input pictures for whoever looks at a task: no request of the app under test.

So nothing of it is in the journal, and no fault happens to it.
"""

from __future__ import annotations

from aiohttp import web

from kling_mock.kling.http.media import find_result, made_aside
from kling_mock.kling.media.urls import MEDIA
from kling_mock.kling.world import World
from kling_mock.web.errors import ApiError

__all__ = ["input_picture", "result_file"]


async def result_file(world: World, name: str) -> web.Response:
    """Return the reply with the file that `results` of a task names.

    Raises:
        ApiError: 404, there is none.
    """
    found = find_result(world, f"{MEDIA}{name}")
    if found is None:
        text = "There is no such result: its task has not succeeded, or it is over 30 days old."
        raise ApiError(404, "unknown_result", text)
    file = await made_aside(found)
    return _reply(file.read(), file.content_type)


def input_picture(world: World, task_id: str, place: int) -> web.Response:
    """Return the reply with a picture that came inline with the request of a task.

    Raises:
        ApiError: 404, there is none.
    """
    pictures = world.inputs.of(task_id)
    content = pictures[place].read() if place < len(pictures) else b""
    if not content:
        raise ApiError(404, "unknown_input", "There is no such picture, or it is no longer kept.")
    return _reply(content, pictures[place].content_type)


def _reply(content: bytes, content_type: str) -> web.Response:
    headers = {
        "Content-Type": content_type,
        "Cache-Control": "no-store",  # after a reset the same name may be another file
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "default-src 'none'; sandbox",
    }
    return web.Response(body=content, headers=headers)

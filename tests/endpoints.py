"""One request per endpoint: what the tests of all endpoints send, in the vendor's form.

A new endpoint is one row of `BODIES`.
"""

from __future__ import annotations

from typing import Any, Final

from kling_mock import KlingMock

__all__ = ["BODIES", "SOURCE", "SOURCE_VIDEO", "body", "source_video"]

URL: Final = "https://example.com/a.png"
#: Stands for the id of a finished video, which the request works on.
SOURCE_VIDEO: Final = "<the id of a video>"
#: A text2video request whose video the others can work on.
SOURCE: Final = {"prompt": "a cat", "model_name": "kling-v1-6", "mode": "std", "duration": "5"}

BODIES: Final[dict[str, dict[str, Any]]] = {
    "text2video": {"prompt": "a cat"},
    "image2video": {"prompt": "a cat", "image": URL},
    "omni-video": {"prompt": "a cat"},
    "multi-image2video": {"prompt": "a cat", "image_list": [{"image": URL}]},
    "video-extend": {"video_id": SOURCE_VIDEO, "prompt": "the cat walks on"},
}


def body(endpoint: str, source_video: str = SOURCE_VIDEO) -> dict[str, Any]:
    """Return the request of an endpoint; *source_video* is the id of a video made by `SOURCE`."""
    return {
        name: source_video if value == SOURCE_VIDEO else value
        for name, value in BODIES[endpoint].items()
    }


def source_video(mock: KlingMock) -> str:
    """Make a video that other requests can work on; return its id."""
    with mock.client() as kling:
        task = kling.text2video.submit(SOURCE)
        mock.complete(task)
        return kling.text2video.get(task.task_id).videos[0].id

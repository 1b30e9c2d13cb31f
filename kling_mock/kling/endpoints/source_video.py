"""The input video of a request, given as `video_id` or as `video_url`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from kling_mock.kling.endpoints.images import check_reachable
from kling_mock.kling.endpoints.record import CallContext
from kling_mock.kling.service_codes import invalid, refusal
from kling_mock.web.facts import assumed

#: The assumed length of a video that is given by its URL, in seconds.
ASSUMED_SECONDS = 5
UNKNOWN_LENGTH = assumed("files are never fetched, so their length is not known")


class SourceVideo(NamedTuple):
    """The video.

    Attributes:
        video_id: Its id; "" if it was given by its URL.
        url: Its URL; "" if it was given by its id.
        seconds: Its length.
        resolution: `720p`, `1080p` or `4k`.
        aspect_ratio: A key of `plan.ASPECT_RATIOS`.
        fps: Frames per second.
    """

    video_id: str
    url: str
    seconds: int
    resolution: str
    aspect_ratio: str
    fps: int


def read_source(
    fields: Mapping[str, Any],
    context: CallContext,
    max_seconds: int,
    path: str = "",
    *,
    min_seconds: int = 0,
    takes_4k: bool = False,
) -> SourceVideo:
    """Return the video of a request that has either `video_id` or `video_url`.

    Args:
        fields: The object that has them.
        context: Finds a video of the account.
        max_seconds: The maximum length in seconds.
        path: The prefix of a field's name in a message.
        min_seconds: The minimum length in seconds.
        takes_4k: Whether it may be larger than 1080p.

    Raises:
        Refusal: 400/1201, there is not exactly one of them, or the video cannot be used.
    """
    video_id, url = str(fields.get("video_id", "")), str(fields.get("video_url", ""))
    if not video_id and not url:
        raise refusal("no_video", field=f"{path}video_id", note="one of the two is required")
    if video_id and url:
        raise invalid(f"{path}video_id", "not possible together with video_url")
    if url:
        check_reachable(url, context.reader.noticed)
        return SourceVideo("", url, ASSUMED_SECONDS, "720p", "16:9", 30)
    plan = context.find_video(video_id)
    if plan is None:
        raise invalid(f"{path}video_id", "must be the id of a video of this account", video_id)
    if plan.resolution == "4k" and not takes_4k:
        raise invalid(f"{path}video_id", "must be a video in 720p or 1080p", video_id)
    if plan.seconds > max_seconds:
        text = f"must be a video of at most {max_seconds} s, got one of {plan.seconds} s"
        raise invalid(f"{path}video_id", text)
    if plan.seconds < min_seconds:
        text = f"must be a video of at least {min_seconds} s, got one of {plan.seconds} s"
        raise invalid(f"{path}video_id", text)
    return SourceVideo(video_id, "", plan.seconds, plan.resolution, plan.aspect_ratio, plan.fps)

"""`POST /v1/audio/video-to-audio`: sounds for a video, and the video with them."""

from __future__ import annotations

from typing import ClassVar, Final

import attrs

from kling_sdk.endpoints.base import Request, Rules
from kling_sdk.endpoints.common_rules import exactly_one
from kling_sdk.endpoints.from_facts import from_facts
from kling_sdk.endpoints.record import EndpointRecord
from kling_sdk.facts.products.video_to_audio import REQUEST

__all__ = ["VideoToAudio"]

_RECORD: Final = EndpointRecord(
    name="video-to-audio",
    path=REQUEST.path,
    fields=REQUEST.fields,
    result="audios",
)


@attrs.frozen(kw_only=True, field_transformer=from_facts)
class VideoToAudio(Request):
    """Sounds for a video, and the video with them: `POST /v1/audio/video-to-audio`.

    The result has the video in `Task.videos` and its sound alone in `Task.audios`, as MP3 and as
    WAV. Source: the vendor's page (two copies agree).

    Attributes:
        video_id: Id of a video of this account (`Video.id`), 3 to 20 s long and less than 30
            days old. Either this or `video_url`.
        video_url: Public URL of an mp4 or mov: at most 100 MB, 3 to 20 s.
        sound_effect_prompt: What is heard, at most 200 characters.
        bgm_prompt: The music behind it, at most 200 characters.
        asmr_mode: True for sounds as in ASMR videos. None: off.
        external_task_id: Your own id of the task, unique in the account; None generates one.
        callback_url: Where the vendor posts each change of status: an http(s) URL.
        extra_body: Further fields of the body, by the vendor's names, merged in last.
        interface: Only `v1` has this endpoint.
        check: False to check nothing before it is sent; see `Request`.

    Raises:
        RequestValidationError: a field is unknown, missing, of a wrong type, or breaks a limit.
    """

    record: ClassVar[EndpointRecord] = _RECORD
    rules: ClassVar[Rules] = (exactly_one("video_id", "video_url"),)

    video_id: str | None = None
    video_url: str | None = None
    sound_effect_prompt: str | None = None
    bgm_prompt: str | None = None
    asmr_mode: bool | None = None

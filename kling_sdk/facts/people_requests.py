"""Requests that make people in pictures and videos speak: paths and fields."""

from __future__ import annotations

from typing import Final

from kling_sdk.facts.fields import COMMON, PROMPT, FieldFacts, RequestFacts
from kling_sdk.facts.sources import TWO_COPIES, Fact

_LIP_SYNC: Final = Fact(
    "observed",
    ("clients", "probe-2026-10"),
    "2026-09-28",
    "medium",
    "its page is older; the path was seen alive",
)


#: By endpoint.
REQUESTS: Final[dict[str, RequestFacts]] = {
    "avatar": RequestFacts(
        "/v1/videos/avatar/image2video",
        TWO_COPIES,
        (
            FieldFacts("image", "image", required=True),
            FieldFacts("audio_id", "string"),
            FieldFacts("sound_file", "sound"),
            PROMPT,
            FieldFacts("mode", "string", enum=("std", "pro")),
            *COMMON,
        ),
    ),
    "lip-sync": RequestFacts(
        "/v1/videos/lip-sync",
        _LIP_SYNC,
        (
            FieldFacts(
                "input",
                "object",
                required=True,
                members=(
                    FieldFacts("mode", "string", enum=("text2video", "audio2video")),
                    FieldFacts("video_id", "string"),
                    FieldFacts("video_url", "url"),
                    FieldFacts("text", "string", high=120, private=True),
                    FieldFacts("voice_id", "string"),
                    FieldFacts("voice_language", "string", enum=("zh", "en")),
                    FieldFacts("voice_speed", "number", low=0.8, high=2.0),
                    FieldFacts("audio_type", "string", enum=("file", "url")),
                    FieldFacts("audio_file", "sound", fact=TWO_COPIES),
                    FieldFacts("audio_url", "url", fact=TWO_COPIES),
                ),
            ),
            FieldFacts("callback_url", "url"),
            FieldFacts("external_task_id", "string"),
        ),
    ),
    "identify-face": RequestFacts(
        "/v1/videos/identify-face",
        TWO_COPIES,
        (
            FieldFacts("video_id", "string"),
            FieldFacts("video_url", "url"),
        ),
    ),
    "advanced-lip-sync": RequestFacts(
        "/v1/videos/advanced-lip-sync",
        TWO_COPIES,
        (
            FieldFacts("session_id", "string", required=True),
            FieldFacts(
                "face_choose",
                "array",
                required=True,
                low=1,
                high=1,
                members=(
                    FieldFacts("face_id", "string", required=True),
                    FieldFacts("audio_id", "string"),
                    FieldFacts("sound_file", "sound"),
                    FieldFacts("sound_start_time", "integer", required=True, low=0),
                    FieldFacts("sound_end_time", "integer", required=True, low=0),
                    FieldFacts("sound_insert_time", "integer", required=True, low=0),
                    FieldFacts("sound_volume", "number", low=0, high=2),
                    FieldFacts("original_audio_volume", "number", low=0, high=2),
                ),
            ),
            *COMMON,
        ),
    ),
}

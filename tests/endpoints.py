"""One request per endpoint: what the tests of all endpoints send, in the vendor's form.

An endpoint that has no row here is asked by the plain example of the emulator's record.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import kling_sdk
from kling_mock import KlingMock
from kling_mock.kling.endpoints.example_parts import (
    AUDIO_ID,
    SELECTION_ID,
    SESSION_ID,
    VIDEO_ID,
)
from kling_mock.kling.endpoints.registry import ENDPOINTS as EMULATED
from kling_sdk.wire import WIRES

URL: Final = "https://example.com/a.png"
#: Stands for the id of a finished video, which the request works on.
SOURCE_VIDEO: Final = "<the id of a video>"
#: Stands for a session of identify-face.
SOURCE_SESSION: Final = "<the id of a session>"
#: Stands for a selection in a video; the middle of its first frame was added ten times.
SOURCE_SELECTION: Final = "<the id of a selection>"
#: A text2video request whose video the others can work on.
SOURCE: Final = {"prompt": "a cat", "model_name": "kling-v1-6", "mode": "std", "duration": "5"}

#: The endpoints of the client that make tasks.
MAKERS: Final = tuple(
    name for name, record in kling_sdk.ENDPOINTS.items() if record.returns is None
)
BODIES: Final[dict[str, dict[str, Any]]] = {
    "text2video": {"prompt": "a cat"},
    "image2video": {"prompt": "a cat", "image": URL},
    "omni-video": {"prompt": "a cat"},
    "multi-image2video": {"prompt": "a cat", "image_list": [{"image": URL}]},
    "image-generation": {"prompt": "a cat", "n": 2},
    "omni-image": {"prompt": "a cat"},
    "multi-image2image": {"subject_image_list": [{"subject_image": URL}]},
    "image-expand": {
        "image": URL,
        "up_expansion_ratio": 0,
        "down_expansion_ratio": 0,
        "left_expansion_ratio": 0.5,
        "right_expansion_ratio": 0.5,
    },
    "virtual-try-on": {"human_image": URL, "cloth_image": URL},
    "motion-control": {
        "image_url": URL,
        "video_url": "https://example.com/a.mp4",
        "character_orientation": "video",
        "mode": "std",
    },
    "effects": {"effect_scene": "hug_pro", "input": {"images": [URL, URL]}},
    "avatar": {"image": URL, "sound_file": "https://example.com/a.mp3"},
    "lip-sync": {
        "input": {
            "mode": "text2video",
            "video_id": SOURCE_VIDEO,
            "text": "Hello there",
            "voice_id": "oversea_male1",
            "voice_language": "en",
        }
    },
    "advanced-lip-sync": {
        "session_id": SOURCE_SESSION,
        "face_choose": [
            {
                "face_id": "0",
                "sound_file": "https://example.com/a.mp3",
                "sound_start_time": 0,
                "sound_end_time": 3000,
                "sound_insert_time": 500,
            }
        ],
    },
    "text-to-audio": {"prompt": "rain on tin", "duration": 5.0},
    "video-to-audio": {"video_id": SOURCE_VIDEO, "sound_effect_prompt": "steps on gravel"},
    "voices": {"voice_name": "Mara", "voice_url": "https://example.com/a.mp3"},
    "elements": {
        "element_name": "Mara",
        "element_description": "a woman in a red coat",
        "reference_type": "image_refer",
        "element_image_list": {"frontal_image": URL, "refer_images": [{"image_url": URL}]},
    },
    "ai-multi-shot": {"element_frontal_image": URL},
    "multi-elements": {
        "session_id": SOURCE_SELECTION,
        "edit_mode": "removal",
        "prompt": "Remove the cat from <<<video_1>>>.",
    },
    # In the client's words: the vendor's body is made of them.
    "solutions-virtual-try-on": {"product_image": URL, "person_image": URL},
    "solutions-clothing-dupe": {
        "product_info": "A light shirt.",
        "source_video": "https://example.com/a.mp4",
        "product_image_list": [URL],
        "model_image_list": [URL],
    },
    "solutions-goods-studio": {
        "ref_image_list": [URL],
        "goods_title": "Umbrella",
        "resolution": "720p",
        "aspect_ratio": "9:16",
        "duration": 15,
    },
    "solutions-talking-agent": {
        "speech_script": "Here is my tip.",
        "avatar_id": "avatar_mia_female",
    },
    "solutions-drama-subtitle": {"source_video": "https://example.com/a.mp4"},
}
#: The same for the calls that answer at once and make no task.
CALLS: Final[dict[str, dict[str, Any]]] = {
    "identify-face": {"video_id": SOURCE_VIDEO},
    "tts": {"text": "Good morning", "voice_id": "oversea_male1", "voice_language": "en"},
    "recognize-image": {"image": URL},
    "init-selection": {"video_id": SOURCE_VIDEO},
    "add-selection": {
        "session_id": SOURCE_SELECTION,
        "frame_index": 1,
        "points": [{"x": 0.25, "y": 0.5}],
    },
    "delete-selection": {
        "session_id": SOURCE_SELECTION,
        "frame_index": 0,
        "points": [{"x": 0.5, "y": 0.5}],
    },
    "clear-selection": {"session_id": SOURCE_SELECTION},
    "preview-selection": {"session_id": SOURCE_SELECTION},
}


def body(
    endpoint: str, source_video: str = SOURCE_VIDEO, session: str = SOURCE_SESSION
) -> dict[str, Any]:
    """Return the request of an endpoint.

    Args:
        endpoint: Its name.
        source_video: The id of a video made by `SOURCE`.
        session: The id of a session of identify-face.
    """
    ids = {SOURCE_VIDEO: source_video, SOURCE_SESSION: session}
    request: dict[str, Any] = _replaced((BODIES | CALLS)[endpoint], ids)
    return request


def vendor_body(endpoint: str) -> dict[str, Any]:
    """Return the request of an endpoint that makes tasks, as it goes over the wire."""
    record = kling_sdk.ENDPOINTS[endpoint]
    if record.solution is None:
        return BODIES[endpoint]
    request = kling_sdk.endpoints.request_class(endpoint)(**BODIES[endpoint])
    wire_body: dict[str, Any] = WIRES[record.interface].create(request, "").json
    return wire_body


def source_video(mock: KlingMock) -> str:
    """Make a video that other requests can work on; return its id."""
    with mock.client() as kling:
        task = kling.text2video.submit(SOURCE)
        mock.complete(task)
        return kling.text2video.get(task.task_id).videos[0].id


def face_session(mock: KlingMock) -> str:
    """Find the face of a video; return the session's id."""
    with mock.client() as kling:
        return kling.identify_face.call(video_url="https://example.com/a.mp4").session_id


def speech(mock: KlingMock) -> str:
    """Speak a text; return the sound's id."""
    with mock.client() as kling:
        arguments = CALLS["tts"] | {"text": "Good morning, everybody, and welcome to this show."}
        return kling.tts.call(**arguments).audio.id


def selection(mock: KlingMock) -> str:
    """Select the middle of a video's first frame; return the session's id."""
    with mock.client() as kling:
        session = kling.multi_elements.init_selection(video_url="https://example.com/a.mp4")
        # Ten times, so that a test can take it back more than once.
        points = [(0.5, 0.5)] * 10
        kling.multi_elements.add_selection(session_id=session, frame_index=0, points=points)
        return session.session_id


def with_sources(mock: KlingMock, request: dict[str, Any]) -> dict[str, Any]:
    """Return a request, or an example of a record, with the ids of what is there."""
    text = repr(request)
    ids: dict[str, str] = {}
    if SOURCE_VIDEO in text or VIDEO_ID in text:
        ids |= dict.fromkeys((SOURCE_VIDEO, VIDEO_ID), source_video(mock))
    if SOURCE_SESSION in text or SESSION_ID in text:
        ids |= dict.fromkeys((SOURCE_SESSION, SESSION_ID), face_session(mock))
    if AUDIO_ID in text:
        ids[AUDIO_ID] = speech(mock)
    if SOURCE_SELECTION in text or SELECTION_ID in text:
        ids |= dict.fromkeys((SOURCE_SELECTION, SELECTION_ID), selection(mock))
    with_ids: dict[str, Any] = _replaced(request, ids)
    return with_ids


def _replaced(value: Any, ids: Mapping[str, str]) -> Any:
    if isinstance(value, dict):
        return {name: _replaced(item, ids) for name, item in value.items()}
    if isinstance(value, list):
        return [_replaced(item, ids) for item in value]
    return ids.get(value, value) if isinstance(value, str) else value


_SOURCES: Final = {
    VIDEO_ID: SOURCE_VIDEO,
    SESSION_ID: SOURCE_SESSION,
    SELECTION_ID: SOURCE_SELECTION,
}
for _name, _record in kling_sdk.ENDPOINTS.items():
    _rows = BODIES if _record.returns is None else CALLS
    if _name not in _rows and _name in EMULATED:
        _rows[_name] = _replaced(EMULATED[_name].examples["plain"], _SOURCES)

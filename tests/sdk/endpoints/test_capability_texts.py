"""The texts of a model's limits: the field, what is wrong, what would work."""

from __future__ import annotations

from typing import Any

import pytest

from kling_sdk import (
    ENDPOINTS,
    ImageToVideo,
    MultiImageToVideo,
    OmniVideo,
    TextToVideo,
    VideoRequest,
)
from kling_sdk.endpoints.capabilities import Problem, check
from tests.sdk.endpoints.test_requests import MASK

URL = "https://example.com/a.png"
VIDEO = "https://example.com/v.mp4"
CAMERA = {"type": "simple", "config": {"zoom": 1}}
SHOTS = {"multi_shot": True, "shot_type": "intelligence"}
OWN = {
    "multi_shot": True,
    "shot_type": "customize",
    "multi_prompt": [{"prompt": "x", "duration": 5}],
}
FEATURE = {"video_url": VIDEO, "refer_type": "feature"}
FIRST = {"image_url": URL, "type": "first_frame"}
LAST = {"image_url": URL, "type": "end_frame"}
TEXT_MODELS = (
    "kling-v1, kling-v1-6, kling-v2-master, kling-v2-1-master, kling-v2-5-turbo, kling-v2-6,"
    " kling-v3, kling-2.5-turbo, kling-2.6, kling-3.0, kling-3.0-turbo"
)
NEGATIVE = (
    "models kling-v1, kling-v1-6, kling-v2-master, kling-v2-1-master, kling-v2-5-turbo,"
    " kling-v2-6, kling-v3"
)
TO_10 = "3, 4, 5, 6, 7, 8, 9, 10 s"
TO_15 = "3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15 s"


def text(model: str, **fields: Any) -> TextToVideo:
    return TextToVideo(**{"prompt": "x", "model_name": model, **fields})


def image(model: str, **fields: Any) -> ImageToVideo:
    return ImageToVideo(**{"image": URL, "model_name": model, **fields})


def omni(model: str, **fields: Any) -> OmniVideo:
    return OmniVideo(**{"prompt": "x", "model_name": model, **fields})


def makers_of(model: str) -> list[str]:
    """Return the endpoints for videos that have a model."""
    return sorted(
        record.attribute
        for record in ENDPOINTS.values()
        if model in record.model_names and record.result == "videos"
    )


PROBLEMS: list[tuple[VideoRequest, list[Problem]]] = [
    # ------------------------------------------------------------ the model
    (
        text("kling-v2-1"),
        [
            Problem(
                "model_name",
                "kling-v2-1 has no text2video",
                f"{TEXT_MODELS} (nearest: kling-v2-1-master);"
                " kling-v2-1 goes with kling.image2video",
            )
        ],
    ),
    (
        MultiImageToVideo(prompt="x", image_list=[URL], model_name="kling-v3"),
        [
            Problem(
                "model_name",
                "kling-v3 has no multi-image2video",
                "kling-v1-6 (nearest: kling-v1-6); kling-v3 goes with "
                + " or ".join(f"kling.{name}" for name in makers_of("kling-v3")),
            )
        ],
    ),
    (
        MultiImageToVideo(prompt="x", image_list=[URL], model_name="kling-2.5-turbo"),
        [
            Problem(
                "model_name",
                "kling-2.5-turbo has no multi-image2video",
                "kling-v1-6; kling-2.5-turbo goes with kling.image2video or kling.text2video",
            )
        ],
    ),
    (text("kling-v9", mode="4k", duration=3), []),
    # ------------------------------------------------------------ the mode
    (text("kling-v2-6", mode="4k"), [Problem("mode", "kling-v2-6 has no mode 4k", "std, pro")]),
    (
        text("kling-2.6", resolution="4k"),
        [Problem("resolution", "kling-2.6 has no resolution 4k", "720p, 1080p")],
    ),
    (
        text("kling-v2-master", mode="pro"),
        [Problem("mode", "kling-v2-master has no modes", "no `mode`", certain=False)],
    ),
    (
        text("kling-v2-master", resolution="1080p"),
        [
            Problem(
                "resolution", "kling-v2-master has no resolutions", "no `resolution`", certain=False
            )
        ],
    ),
    (text("kling-v2-master"), []),
    # ------------------------------------------------------------ sound
    (
        text("kling-3.0-turbo", audio="off"),
        [Problem("audio", "every video of kling-3.0-turbo has sound", "no `audio`")],
    ),
    (
        image("kling-3.0-turbo", sound=False),
        [Problem("sound", "every video of kling-3.0-turbo has sound", "no `sound`")],
    ),
    (text("kling-3.0", sound=False), []),
    (text("kling-2.5-turbo", audio="off"), []),
    (
        text("kling-v2-6", sound=True),
        [
            Problem(
                "sound", "kling-v2-6 in mode std does not support sound on text2video", "mode pro"
            )
        ],
    ),
    (
        text("kling-v2-master", sound=True),
        [
            Problem(
                "sound",
                "kling-v2-master does not support sound on text2video",
                "models kling-v2-6, kling-v3, kling-2.6, kling-3.0",
            )
        ],
    ),
    # ------------------------------------------------------------ features
    (
        text("kling-3.0", negative_prompt="rain"),
        [
            Problem(
                "negative_prompt",
                "kling-3.0 in mode std does not support negative_prompt on text2video",
                NEGATIVE,
            )
        ],
    ),
    (
        text("kling-3.0", audio="original"),
        [
            Problem(
                "audio",
                "kling-3.0 in mode std does not support keep_original_sound on text2video",
                "no keep_original_sound on this endpoint",
            )
        ],
    ),
    (
        text("kling-v2-6", cfg_scale=0.0),
        [
            Problem(
                "cfg_scale",
                "kling-v2-6 in mode std does not support cfg_scale on text2video",
                "models kling-v1, kling-v1-6",
            )
        ],
    ),
    (
        text("kling-v3", cfg_scale=0.5, negative_prompt="rain"),
        [
            Problem(
                "cfg_scale",
                "kling-v3 in mode std does not support cfg_scale on text2video",
                "models kling-v1, kling-v1-6",
                certain=False,
            )
        ],
    ),
    (
        image("kling-v1-5", mode="pro", camera_control={"type": "down_back"}),
        [
            Problem(
                "camera_control",
                "kling-v1-5 in mode pro does not support camera_move on image2video",
                "type simple with a config",
            )
        ],
    ),
    (
        image("kling-v1-6", camera_control={"type": "down_back"}),
        [
            Problem(
                "camera_control",
                "kling-v1-6 in mode std does not support camera_control on image2video",
                "models kling-v1-5",
            ),
            Problem(
                "camera_control",
                "kling-v1-6 in mode std does not support camera_move on image2video",
                "no camera_move on this endpoint",
            ),
        ],
    ),
    (
        image("kling-v3", dynamic_masks=[MASK]),
        [
            Problem(
                "dynamic_masks",
                "kling-v3 in mode std does not support motion_brush on image2video",
                "models kling-v1, kling-v1-5",
                certain=False,
            )
        ],
    ),
    (
        image("kling-v3", mode="4k", static_mask=URL),
        [
            Problem(
                "dynamic_masks",
                "kling-v3 in mode 4k does not support motion_brush on image2video",
                "models kling-v1, kling-v1-5",
            )
        ],
    ),
    (
        image("kling-2.5-turbo", image_tail=URL),
        [
            Problem(
                "image_tail",
                "kling-2.5-turbo in mode std does not support first_last_frame on image2video",
                "mode pro",
            )
        ],
    ),
    (
        image("kling-v3", image=None, image_tail=URL),
        [
            Problem(
                "image_tail",
                "kling-v3 in mode std does not support last_frame_only on image2video",
                "models kling-v1-5, kling-v1-6",
            )
        ],
    ),
    (image("kling-v1-6", mode="pro", image=None, image_tail=URL), []),
    # ------------------------------------------------------------ what goes together
    (
        image("kling-v2-6", mode="pro", image_tail=URL, sound="on"),
        [
            Problem(
                "image_tail",
                "kling-v2-6 does not take it together with sound",
                "first_last_frame or sound",
            )
        ],
    ),
    (
        image("kling-v2-6", mode="pro", voice_list=["a"]),
        [Problem("voice_list", "kling-v2-6 needs sound for it", "voice_list with sound")],
    ),
    (
        text("kling-3.0-turbo", **SHOTS),
        [
            Problem(
                "multi_shot",
                "kling-3.0-turbo needs shot_type customize for it",
                "multi_shot with shot_type customize",
            )
        ],
    ),
    (text("kling-3.0-turbo", **OWN), []),
    (
        omni("kling-3.0-omni", audio="original", video_list=[FEATURE]),
        [
            Problem(
                "audio",
                "kling-3.0-omni needs a base video for it",
                "audio original with a base video",
            )
        ],
    ),
    (omni("kling-3.0-omni", audio="original", video_list=[VIDEO]), []),
    (
        omni("kling-v3-omni", sound=True, video_list=[VIDEO]),
        [
            Problem(
                "sound",
                "kling-v3-omni does not take it together with video_base",
                "sound or video_base",
            )
        ],
    ),
    (
        omni("kling-v3-omni", sound=True, video_list=[FEATURE]),
        [
            Problem(
                "sound",
                "kling-v3-omni does not take it together with video_feature",
                "sound or video_feature",
            )
        ],
    ),
    (
        omni("kling-v3-omni", video_list=[VIDEO], **SHOTS),
        [
            Problem(
                "multi_shot",
                "kling-v3-omni does not take it together with video_base",
                "multi_shot or video_base",
            )
        ],
    ),
    (omni("kling-v3-omni", video_list=[FEATURE], **SHOTS), []),
    (
        omni("kling-v3-omni", video_list=[FEATURE], **OWN),
        [
            Problem(
                "shot_type",
                "kling-v3-omni does not take it together with video_feature",
                "own_shots or video_feature",
            )
        ],
    ),
    (
        omni("kling-video-o1", image_list=[FIRST, LAST], element_list=[1]),
        [
            Problem(
                "image_list",
                "kling-video-o1 does not take it together with element_list",
                "first_last_frame or element_list",
            )
        ],
    ),
    (
        omni("kling-video-o1", image_list=[FIRST, LAST, URL]),
        [
            Problem(
                "image_list",
                "kling-video-o1 does not take it together with more_than_two_images",
                "first_last_frame or more_than_two_images",
            )
        ],
    ),
    (
        omni("kling-video-o1", image_list=[FIRST, URL, URL]),
        [
            Problem(
                "image_list",
                "kling-video-o1 does not take it together with more_than_two_images",
                "first_frame or more_than_two_images",
            )
        ],
    ),
    (omni("kling-video-o1", image_list=[FIRST, URL]), []),
    (omni("kling-video-o1", image_list=[URL, URL, URL]), []),
    (
        omni("kling-o1", image_list=[FIRST, LAST], video_list=[FEATURE]),
        [
            Problem(
                "image_list",
                "kling-o1 does not take it together with video_feature",
                "first_last_frame or video_feature",
            )
        ],
    ),
    # ------------------------------------------------------------ seconds
    (
        text("kling-v2-6", duration=7),
        [Problem("duration", "kling-v2-6 does not make 7 s videos", "5, 10 s")],
    ),
    (
        omni("kling-o1", duration=11, image_list=[URL]),
        [Problem("duration", "kling-o1 does not make 11 s videos", TO_10)],
    ),
    (
        text("kling-v1", camera_control=CAMERA, duration=10),
        [Problem("duration", "kling-v1 does not make 10 s videos with camera_control", "5 s")],
    ),
    (image("kling-v1", image_tail=URL, duration=5), []),
    (
        image("kling-v1", image_tail=URL, duration=10),
        [Problem("duration", "kling-v1 does not make 10 s videos with first_last_frame", "5 s")],
    ),
    (
        omni("kling-o1", image_list=[FIRST], duration=7),
        [Problem("duration", "kling-o1 does not make 7 s videos with first_frame_only", "5, 10 s")],
    ),
    (omni("kling-o1", image_list=[FIRST], video_list=[FEATURE], duration=7), []),
    (omni("kling-o1", image_list=[FIRST], element_list=[1], duration=7), []),
    (
        omni("kling-o1", duration=7),
        [
            Problem(
                "duration",
                "kling-o1 does not make 7 s videos with text_only",
                "5, 10 s",
                certain=False,
            )
        ],
    ),
    *(
        (omni("kling-o1", duration=7, **inputs), [])
        for inputs in ({"image_list": [URL]}, {"element_list": [1]}, {"video_list": [FEATURE]})
    ),
    (omni("kling-v3-omni", video_list=[VIDEO], duration=15), []),
    (omni("kling-o1", video_list=[VIDEO], duration=15), []),
    (
        omni("kling-o1", video_list=[FEATURE], duration=15),
        [Problem("duration", "kling-o1 does not make 15 s videos", TO_10)],
    ),
]


@pytest.mark.parametrize(("request_", "problems"), PROBLEMS)
def test_what_a_model_does_not_do_reads(request_: VideoRequest, problems: list[Problem]) -> None:
    """The field, what is wrong, what would work, and how sure that is."""
    assert list(check(request_.record, request_.parameters())) == problems

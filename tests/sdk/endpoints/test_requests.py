"""The checks of a request before anything is sent."""

from __future__ import annotations

import base64
import inspect
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kling_sdk import (
    AdvancedLipSync,
    Avatar,
    IdentifyFace,
    ImageExpand,
    ImageGeneration,
    ImageToVideo,
    KlingError,
    LipSync,
    MotionControl,
    MultiImageToImage,
    MultiImageToVideo,
    OmniImage,
    OmniImageGeneration,
    OmniVideo,
    RequestValidationError,
    TextToVideo,
    VideoEffects,
    VideoExtend,
    VideoRequest,
    VirtualTryOn,
)
from kling_sdk.endpoints import ENDPOINTS, request_class
from kling_sdk.endpoints.values import ImageResolution, QualityMode
from kling_sdk.wire import V1Wire
from tests.endpoints import URL, body

ALL = tuple(request_class(name) for name in ENDPOINTS)
SIDES = dict.fromkeys((f"{side}_expansion_ratio" for side in ("up", "down", "left", "right")), 0.1)
OWN: dict[str, dict[str, Any]] = {
    "image2video": {"image": "https://example.com/a.png", "model_name": "kling-v1-6"},
}
PLAINEST: list[tuple[Any, dict[str, Any]]] = [
    (request_class(name), OWN.get(name) or body(name)) for name in ENDPOINTS
]
WITH_SCALE = {TextToVideo, ImageToVideo, VideoExtend}


def png(width: int, height: int) -> bytes:
    size = width.to_bytes(4, "big") + height.to_bytes(4, "big")
    return b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + size + b"\x08\x02\x00\x00\x00"


def jpeg(width: int, height: int, before: bytes = b"") -> bytes:
    frame = b"\xff\xc0\x00\x11\x08" + height.to_bytes(2, "big") + width.to_bytes(2, "big")
    return b"\xff\xd8" + before + frame + b"\x03" + bytes(9)


PNG = png(400, 400)
SHOTS: list[dict[str, Any]] = [{"prompt": "one", "duration": 2}, {"prompt": "two", "duration": "3"}]
V3 = {"model_name": "kling-v3", "prompt": "x"}
OWN_SHOTS = {**V3, "multi_shot": True, "shot_type": "customize"}
MASK = {"mask": PNG, "trajectories": [{"x": 0, "y": 0}, {"x": 9, "y": 9}]}
REF = {"video_url": "https://example.com/v.mp4"}

EDGES = {"image": PNG, **SIDES}
V2 = {"prompt": "x", "model_name": "kling-v2-1"}
TEN = list(range(1, 11))

# class, arguments, the field named, words of the message
REFUSED_PICTURES: list[tuple[Callable[..., Any], dict[str, Any], str, str]] = [
    (ImageGeneration, {}, "prompt", "is missing"),
    (ImageGeneration, {"prompt": "x" * 2501}, "prompt", "at most 2500 characters"),
    (ImageGeneration, {"prompt": "x", "n": 0}, "n", "is 0; expected a whole number from 1 to 9"),
    (ImageGeneration, {"prompt": "x", "n": "10"}, "n", "is 10; expected a whole number from 1"),
    (ImageGeneration, {"prompt": "x", "n": 1.5}, "n", "is a float"),
    (ImageGeneration, {"prompt": "x", "n": True}, "n", "is a bool"),
    (ImageGeneration, {"prompt": "x", "n": "two"}, "n", "is a str"),
    (ImageGeneration, {"prompt": "x", "resolution": "1080p"}, "resolution", "1k, 2k, 4k"),
    (ImageGeneration, {"prompt": "x", "aspect_ratio": "auto"}, "aspect_ratio", "21:9"),
    (ImageGeneration, {"prompt": "x", "image": png(299, 400)}, "image", "300"),
    (ImageGeneration, {**V2, "image_reference": "body"}, "image_reference", "subject, face"),
    (ImageGeneration, {**V2, "image": PNG, "image_fidelity": 1.1}, "image_fidelity", "0 to 1"),
    (ImageGeneration, {"prompt": "x", "element_list": []}, "element_list", "1 to 10 items"),
    (
        ImageGeneration,
        {"prompt": "x", "image": PNG, "element_list": TEN},
        "element_list",
        "and image are 11 references; expected at most 10",
    ),
    (OmniImageGeneration, {"prompt": "x", "result_type": "both"}, "result_type", "single, series"),
    (OmniImageGeneration, {"prompt": "x", "series_amount": 1}, "series_amount", "2 to 9 or auto"),
    (OmniImageGeneration, {"prompt": "x", "series_amount": "all"}, "series_amount", "or auto"),
    (OmniImageGeneration, {"prompt": "x", "aspect_ratio": "auto"}, "aspect_ratio", "a reference"),
    (OmniImageGeneration, {"prompt": "x", "image_list": [PNG] * 11}, "image_list", "11 references"),
    (OmniImageGeneration, {"prompt": "x", "image_list": [png(9, 9)]}, "image_list.image", "300"),
    (MultiImageToImage, {"subject_image_list": []}, "subject_image_list", "1 to 4 items"),
    (MultiImageToImage, {"subject_image_list": [PNG] * 5}, "subject_image_list", "1 to 4 items"),
    (
        MultiImageToImage,
        {"subject_image_list": [png(9, 9)]},
        "subject_image_list.subject_image",
        "300",
    ),
    (MultiImageToImage, {"subject_image_list": [PNG], "scene_image": 5}, "scene_image", "is a int"),
    (MultiImageToImage, {"subject_image_list": [PNG], "style_image": 5}, "style_image", "is a int"),
    (ImageExpand, {**EDGES, "image": None}, "image", "is a NoneType"),
    (ImageExpand, {**EDGES, "up_expansion_ratio": None}, "up_expansion_ratio", "is missing"),
    (ImageExpand, {**EDGES, "up_expansion_ratio": 2.1}, "up_expansion_ratio", "from 0 to 2"),
    (ImageExpand, {**EDGES, "up_expansion_ratio": "1"}, "up_expansion_ratio", "is a str"),
    (ImageExpand, {**EDGES, "left_expansion_ratio": 2}, "up_expansion_ratio", "3.72 times"),
    (VirtualTryOn, {"human_image": PNG}, "cloth_image", "is missing"),
    (VirtualTryOn, {"human_image": 5, "cloth_image": PNG}, "human_image", "is a int"),
    (VirtualTryOn, {"human_image": PNG, "cloth_image": png(9, 9)}, "cloth_image", "300"),
]
MOTION: dict[str, Any] = body("motion-control")
MOTION_ELEMENT = {**MOTION, "model_name": "kling-v3", "element_list": [7]}
AVATAR: dict[str, Any] = body("avatar")
SPOKEN: dict[str, Any] = body("lip-sync")["input"]
PLAYED = {"mode": "audio2video", "video_id": "1", "audio_type": "file", "audio_file": b"ID3"}
FACE: dict[str, Any] = body("advanced-lip-sync")["face_choose"][0]


def lip_sync(**change: Any) -> dict[str, Any]:
    return {"input": {**SPOKEN, **change}}


def one_face(**change: Any) -> dict[str, Any]:
    return {"session_id": "1", "face_choose": [{**FACE, **change}]}


#: The same for the endpoints that work on pictures, sounds and videos.
MORE_REFUSED: list[tuple[Callable[..., Any], dict[str, Any], str, str]] = [
    (IdentifyFace, {}, "video_id", "is missing, and so is video_url"),
    (IdentifyFace, {"video_id": "1", "video_url": URL}, "video_id", "either video_id or video_url"),
    (IdentifyFace, {"video_url": "a.mp4"}, "video_url", "is not a URL"),
    (MotionControl, {**MOTION, "video_url": "a.mp4"}, "video_url", "is not a URL"),
    (MotionControl, {**MOTION, "video_url": None}, "video_url", "is missing"),
    (MotionControl, {**MOTION, "image_url": 5}, "image_url", "is a int"),
    (MotionControl, {**MOTION, "character_orientation": "up"}, "character_orientation", "image, "),
    (MotionControl, {**MOTION, "character_orientation": None}, "character_orientation", "missing"),
    (MotionControl, {**MOTION, "audio": "native"}, "audio", "original, off"),
    (MotionControl, {**MOTION, "audio": "off", "keep_original_sound": True}, "audio", "one of the"),
    (MotionControl, {**MOTION, "resolution": "1080p"}, "resolution", "contradicts mode 'std'"),
    (MotionControl, {**MOTION_ELEMENT, "element_list": [7, 8]}, "element_list", "1 to 1 items"),
    (
        MotionControl,
        {**MOTION_ELEMENT, "character_orientation": "image"},
        "character_orientation",
        "is 'image' with element_list; expected video",
    ),
    (Avatar, {"image": URL}, "audio_id", "is missing, and so is sound_file"),
    (Avatar, {**AVATAR, "audio_id": "1"}, "audio_id", "is given with sound_file"),
    (Avatar, {**AVATAR, "mode": "4k"}, "mode", "std, pro"),
    (Avatar, {"image": URL, "sound_file": bytes(5 * 1024 * 1024 + 1)}, "sound_file", "(5 MB)"),
    (Avatar, {"image": URL, "sound_file": 5}, "sound_file", "MP3, WAV, M4A or AAC"),
    (Avatar, {**AVATAR, "image": png(299, 300)}, "image", "at least 300 px"),
    (LipSync, {"input": {"text": "x"}}, "input.mode", "is missing"),
    (LipSync, {"input": "x"}, "input", "LipSyncInput or a mapping of mode"),
    (LipSync, lip_sync(mode="both"), "input.mode", "text2video, audio2video"),
    (LipSync, lip_sync(video_id=None), "input.video_id", "is missing, and so is video_url"),
    (LipSync, lip_sync(video_url=URL), "input.video_id", "is given with video_url"),
    (LipSync, lip_sync(text=""), "input.text", "is missing with text2video"),
    (LipSync, lip_sync(text="x" * 121), "input.text", "has 121 characters"),
    (LipSync, lip_sync(voice_id=None), "input.voice_id", "is missing with text2video"),
    (LipSync, lip_sync(voice_language="fr"), "input.voice_language", "zh, en"),
    (LipSync, lip_sync(voice_speed=2.1), "input.voice_speed", "from 0.8 to 2.0"),
    (LipSync, lip_sync(voice_speed=0.7), "input.voice_speed", "from 0.8 to 2.0"),
    (LipSync, lip_sync(voice_speed="1"), "input.voice_speed", "is a str"),
    (LipSync, {"input": {**PLAYED, "audio_type": None}}, "input.audio_type", "with audio2video"),
    (LipSync, {"input": {**PLAYED, "audio_type": "cd"}}, "input.audio_type", "file, url"),
    (LipSync, {"input": {**PLAYED, "audio_file": None}}, "input.audio_file", "missing with file"),
    (LipSync, {"input": {**PLAYED, "audio_type": "url"}}, "input.audio_url", "missing with url"),
    (LipSync, {"input": {**PLAYED, "audio_url": "x"}}, "input.audio_url", "is not a URL"),
    (
        LipSync,
        {"input": {**PLAYED, "audio_file": bytes(5 * 1024 * 1024 + 1)}},
        "input.audio_file",
        "(5 MB)",
    ),
    (AdvancedLipSync, {"session_id": "1", "face_choose": []}, "face_choose", "1 to 1 items"),
    (AdvancedLipSync, {"session_id": "", "face_choose": [FACE]}, "session_id", "is empty"),
    (AdvancedLipSync, one_face(sound_file=None), "face_choose.audio_id", "so is sound_file"),
    (AdvancedLipSync, one_face(audio_id="1"), "face_choose.audio_id", "given with sound_file"),
    (AdvancedLipSync, one_face(face_id=None), "face_choose.face_id", "is missing"),
    (AdvancedLipSync, one_face(sound_end_time=1999), "face_choose.sound_end_time", "2000 ms"),
    (AdvancedLipSync, one_face(sound_start_time=-1), "face_choose.sound_start_time", "0 or more"),
    (AdvancedLipSync, one_face(sound_insert_time=-1), "face_choose.sound_insert_time", "0 or more"),
    (AdvancedLipSync, one_face(sound_insert_time=0.5), "face_choose.sound_insert_time", "whole"),
    (AdvancedLipSync, one_face(sound_volume=2.1), "face_choose.sound_volume", "from 0 to 2"),
    (
        AdvancedLipSync,
        one_face(original_audio_volume=-1),
        "face_choose.original_audio_volume",
        "from 0 to 2",
    ),
    (
        AdvancedLipSync,
        one_face(sound_file=bytes(5 * 1024 * 1024 + 1)),
        "face_choose.sound_file",
        "(5 MB)",
    ),
    (VideoEffects, {"effect_scene": "", "input": {"image": URL}}, "effect_scene", "is empty"),
    (VideoEffects, {"effect_scene": "x", "input": {}}, "input.image", "and so is images"),
    (VideoEffects, {"effect_scene": "x", "input": {"images": [URL]}}, "input.images", "exactly 2"),
    (
        VideoEffects,
        {"effect_scene": "x", "input": {"images": [URL, png(299, 300)]}},
        "input.images",
        "at least 300 px",
    ),
    (
        VideoEffects,
        {"effect_scene": "x", "input": {"image": URL, "images": [URL, URL]}},
        "input.image",
        "is given with images",
    ),
]

REFUSED: list[tuple[Callable[..., Any], dict[str, Any], str, str]] = [
    (TextToVideo, {"promt": "x"}, "promt", "did you mean 'prompt'?"),
    (TextToVideo, {}, "prompt", "is missing"),
    (TextToVideo, {"prompt": ""}, "prompt", "is missing"),
    (TextToVideo, {"prompt": 5}, "prompt", "is a int; expected text"),
    (TextToVideo, {"prompt": "x" * 2501}, "prompt", "2501 characters; expected at most 2500"),
    (TextToVideo, {"prompt": "x", "negative_prompt": "x" * 2501}, "negative_prompt", "2500"),
    (TextToVideo, {"prompt": "x", "model_name": ""}, "model_name", "is empty"),
    (TextToVideo, {"prompt": "x", "model_name": None}, "model_name", "is missing"),
    (TextToVideo, {"prompt": "x", "duration": 2}, "duration", "3 to 15 s"),
    (TextToVideo, {"prompt": "x", "duration": "16"}, "duration", "3 to 15 s"),
    (TextToVideo, {"prompt": "x", "duration": 5.5}, "duration", "whole seconds"),
    (TextToVideo, {"prompt": "x", "duration": True}, "duration", "whole seconds"),
    (TextToVideo, {"prompt": "x", "duration": "five"}, "duration", "whole seconds"),
    (TextToVideo, {"prompt": "x", "mode": "best"}, "mode", "std, pro, 4k"),
    (TextToVideo, {"prompt": "x", "mode": 1}, "mode", "std, pro, 4k"),
    (TextToVideo, {"prompt": "x", "aspect_ratio": "4:3"}, "aspect_ratio", "16:9, 9:16, 1:1"),
    (TextToVideo, {"prompt": "x", "sound": "loud"}, "sound", "on, off"),
    (TextToVideo, {"prompt": "x", "cfg_scale": 1.1}, "cfg_scale", "from 0 to 1"),
    (TextToVideo, {"prompt": "x", "cfg_scale": float("nan")}, "cfg_scale", "from 0 to 1"),
    (TextToVideo, {"prompt": "x", "cfg_scale": "1"}, "cfg_scale", "is a str"),
    (TextToVideo, {"prompt": "x", "multi_shot": 1}, "multi_shot", "True or False"),
    (TextToVideo, {**V3, "multi_shot": True}, "shot_type", "customize, intelligence"),
    (TextToVideo, {**V3, "multi_shot": True, "shot_type": "customize"}, "multi_prompt", "1 to 6"),
    (
        TextToVideo,
        {**V3, "multi_shot": True, "shot_type": "customize", "multi_prompt": SHOTS, "duration": 6},
        "multi_prompt.duration",
        "adds up to 5 s; expected the video's duration, 6 s",
    ),
    (
        TextToVideo,
        {**OWN_SHOTS, "multi_prompt": [{"prompt": "x" * 513, "duration": 5}]},
        "multi_prompt.prompt",
        "has 513 characters; expected 1 to 512 characters",
    ),
    (
        TextToVideo,
        {**OWN_SHOTS, "multi_prompt": [{"prompt": "", "duration": 5}]},
        "multi_prompt.prompt",
        "has 0 characters",
    ),
    (
        TextToVideo,
        {**OWN_SHOTS, "multi_prompt": [{"prompt": "x", "duration": n} for n in (5, 0)]},
        "multi_prompt.duration",
        "is 0 s; expected at least 1 s",
    ),
    (TextToVideo, {**V3, "multi_prompt": SHOTS * 4}, "multi_prompt", "1 to 6 items"),
    (TextToVideo, {**V3, "multi_prompt": [{"prompt": "x"}]}, "multi_prompt.duration", "missing"),
    (TextToVideo, {**V3, "multi_prompt": [{"text": "x"}]}, "multi_prompt.text", "unknown"),
    (TextToVideo, {**V3, "multi_prompt": "x"}, "multi_prompt", "a list"),
    (TextToVideo, {"prompt": "x", "camera_control": "simple"}, "camera_control", "a mapping of"),
    (
        TextToVideo,
        {"prompt": "x", "camera_control": {"type": "simple"}},
        "camera_control.config",
        "exactly one axis",
    ),
    (
        TextToVideo,
        {"prompt": "x", "camera_control": {"type": "simple", "config": {"zoom": 1, "pan": 1}}},
        "camera_control.config",
        "moves 2 axes",
    ),
    (
        TextToVideo,
        {"prompt": "x", "camera_control": {"type": "simple", "config": {"zoom": 11}}},
        "camera_control.config.zoom",
        "-10 to 10",
    ),
    (
        TextToVideo,
        {"prompt": "x", "camera_control": {"type": "forward_up", "config": {"zoom": 1}}},
        "camera_control.config",
        "no config",
    ),
    (TextToVideo, {"prompt": "x", "external_task_id": ""}, "external_task_id", "URL path"),
    (TextToVideo, {"prompt": "x", "external_task_id": "a/b"}, "external_task_id", "URL path"),
    (
        TextToVideo,
        {"prompt": "x", "model_name": "kling-v9", "external_task_id": "x" * 201},
        "external_task_id",
        "at most 200 characters",
    ),
    (TextToVideo, {"prompt": "x", "callback_url": 5}, "callback_url", "text"),
    (TextToVideo, {"prompt": "x", "watermark_info": {"on": True}}, "watermark_info", "enabled"),
    (TextToVideo, {"prompt": "x", "watermark_info": "yes"}, "watermark_info", "True or False"),
    (ImageToVideo, {"prompt": "x"}, "image", "image, image_tail or both"),
    (ImageToVideo, {"image": png(299, 400)}, "image", "299 x 400 px; expected at least 300 px"),
    (ImageToVideo, {"image": png(1000, 399)}, "image", "1:2.5 to 2.5:1"),
    (ImageToVideo, {"image": b"GIF89a" + bytes(99)}, "image", "neither a JPEG nor a PNG"),
    (ImageToVideo, {"image": PNG + bytes(10 * 1024 * 1024)}, "image", "10 MB"),
    (ImageToVideo, {"image": "cat.png"}, "image", "pathlib.Path"),
    (ImageToVideo, {"image": Path("no/such/cat.png")}, "image", "a file that cannot be read"),
    (ImageToVideo, {"image": 5}, "image", "is a int"),
    (ImageToVideo, {"image": ""}, "image", "is empty"),
    (ImageToVideo, {"image": "data:image/png,abc"}, "image", "data-URI without base64"),
    (ImageToVideo, {"image": PNG, "image_tail": png(9, 9)}, "image_tail", "at least 300 px"),
    (
        ImageToVideo,
        {"image": PNG, "image_tail": PNG, "dynamic_masks": [MASK]},
        "dynamic_masks",
        "with image_tail",
    ),
    (
        ImageToVideo,
        {"image": PNG, "static_mask": PNG, "camera_control": {"type": "simple"}},
        "camera_control",
        "with static_mask",
    ),
    (
        ImageToVideo,
        {"image": PNG, "voice_list": ["a"], "element_list": [1]},
        "voice_list",
        "with element_list",
    ),
    (ImageToVideo, {"image": PNG, "voice_list": ["a", "b", "c"]}, "voice_list", "1 to 2 items"),
    (ImageToVideo, {"image": PNG, "element_list": [1, 2, 3, 4]}, "element_list", "1 to 3 items"),
    (
        ImageToVideo,
        {"image": PNG, "dynamic_masks": [{**MASK, "trajectories": [{"x": 1, "y": 1}]}]},
        "dynamic_masks.trajectories",
        "2 to 77 points",
    ),
    (OmniVideo, {}, "prompt", "is missing"),
    (
        OmniVideo,
        {"prompt": "x", "image_list": [{"image_url": PNG, "type": "end_frame"}]},
        "image_list.type",
        "an end_frame without a first_frame",
    ),
    (
        OmniVideo,
        {"prompt": "x", "image_list": [OmniImage(PNG, "first_frame")], "video_list": [REF]},
        "image_list.type",
        "with a base video",
    ),
    (OmniVideo, {"prompt": "x", "image_list": [PNG] * 8}, "image_list", "at most 7 without"),
    (OmniVideo, {"prompt": "x", "image_list": [png(9, 9)]}, "image_list.image_url", "300 px"),
    (
        OmniVideo,
        {"prompt": "x", "image_list": [PNG] * 5, "video_list": [{**REF, "refer_type": "feature"}]},
        "image_list",
        "at most 4 with a video",
    ),
    (OmniVideo, {"prompt": "x", "video_list": [REF, REF]}, "video_list", "1 to 1 items"),
    (
        OmniVideo,
        {
            "prompt": "x",
            "image_list": [{"image_url": PNG, "type": "first_frame"}],
            "element_list": [1, 2, 3, 4],
        },
        "element_list",
        "at most 3",
    ),
    (MultiImageToVideo, {"prompt": "x"}, "image_list", "is missing"),
    (MultiImageToVideo, {"image_list": [PNG]}, "prompt", "is missing"),
    (MultiImageToVideo, {"image_list": [], "prompt": "x"}, "image_list", "1 to 4 items"),
    (MultiImageToVideo, {"image_list": [PNG] * 5, "prompt": "x"}, "image_list", "1 to 4 items"),
    (MultiImageToVideo, {"image_list": [png(1, 1)], "prompt": "x"}, "image_list.image", "300 px"),
    (MultiImageToVideo, {"image_list": PNG, "prompt": "x"}, "image_list", "a list"),
    (MultiImageToVideo, {"image_list": [PNG], "prompt": "x" * 2501}, "prompt", "at most 2500"),
    (MultiImageToVideo, {"image_list": [PNG], "prompt": 5}, "prompt", "is a int; expected text"),
    (MultiImageToVideo, {"image_list": [PNG], "prompt": ""}, "prompt", "is empty"),
    (TextToVideo, {"prompt": "x", "model_name": 5}, "model_name", "is a int; expected text"),
    (VideoExtend, {"video_id": "1" * 101}, "video_id", "at most 100 characters"),
    (TextToVideo, {"prompt": "x", "cfg_scale": True}, "cfg_scale", "is a bool"),
    (TextToVideo, {"prompt": "x", "cfg_scale": -0.01}, "cfg_scale", "from 0 to 1"),
    (
        TextToVideo,
        {"prompt": "x", "model_name": "kling-v9", "cfg_scale": float("nan")},
        "cfg_scale",
        "is nan",
    ),
]


@pytest.mark.parametrize(
    ("make", "arguments", "field", "words"), [*REFUSED, *REFUSED_PICTURES, *MORE_REFUSED]
)
def test_a_bad_request_names_the_field_the_limit_and_what_is_accepted(
    make: Callable[..., Any], arguments: dict[str, Any], field: str, words: str
) -> None:
    """A mistake is found before it costs a call, and the message says how to mend it."""
    with pytest.raises(RequestValidationError) as caught:
        make(**arguments)

    assert caught.value.field == field
    assert words in str(caught.value)
    assert caught.value.limit
    assert caught.value.expected
    assert isinstance(caught.value, ValueError)
    assert isinstance(caught.value, KlingError)


def test_a_positional_argument_is_refused_by_name() -> None:
    """`TextToVideo("a kitten")` says that parameters go by name."""
    with pytest.raises(RequestValidationError, match=r'by name: TextToVideo\(prompt="\.\.\."\)'):
        TextToVideo("a kitten")  # type: ignore[call-arg]  # the mistake under test


UNKNOWN: list[tuple[Callable[..., Any], dict[str, Any]]] = [
    (TextToVideo, {"prompt": "x" * 9000, "duration": 60, "mode": "8k", "cfg_scale": 3.0}),
    (TextToVideo, {"aspect_ratio": "21:9", "sound": "native"}),
    (ImageToVideo, {"image": png(10, 2000), "voice_list": ["a"] * 9, "element_list": [1] * 9}),
    (ImageToVideo, {"prompt": "no image"}),
    (OmniVideo, {"image_list": [PNG] * 20}),
    (MultiImageToVideo, {"image_list": [PNG] * 9, "prompt": "x", "duration": 8}),
]


@pytest.mark.parametrize(("make", "arguments"), UNKNOWN)
def test_a_model_we_do_not_know_is_sent_as_it_is(
    make: Callable[..., Any], arguments: dict[str, Any]
) -> None:
    """A model of tomorrow is never blocked by limits of today."""
    request = make(model_name="kling-v9-omega", **arguments)

    call = V1Wire().create(request, "id")
    for name in arguments:
        assert name in call.json
    assert call.json["model_name"] == "kling-v9-omega"


def test_the_body_is_spelled_as_the_vendor_documents_it() -> None:
    """Durations go out as text, shots with an index, None not at all."""
    request = TextToVideo(
        model_name="kling-v3",
        multi_shot=True,
        shot_type="customize",
        multi_prompt=SHOTS,
        duration=5,
        sound=True,
        watermark_info=True,
        callback_url="https://example.com/hook",
    )

    call = V1Wire().create(request, "mine")

    assert (call.method, call.path) == ("POST", "/v1/videos/text2video")
    assert call.json == {
        "model_name": "kling-v3",
        "multi_shot": True,
        "shot_type": "customize",
        "multi_prompt": [
            {"prompt": "one", "duration": "2", "index": 1},
            {"prompt": "two", "duration": "3", "index": 2},
        ],
        "duration": "5",
        "sound": "on",
        "watermark_info": {"enabled": True},
        "callback_url": "https://example.com/hook",
        "external_task_id": "mine",
    }


@pytest.mark.parametrize(
    "source",
    [
        PNG,
        bytearray(PNG),
        io.BytesIO(PNG),
        base64.b64encode(PNG).decode(),
        "data:image/png;base64," + base64.b64encode(PNG).decode(),
        "\n".join([base64.b64encode(PNG).decode()[:20], base64.b64encode(PNG).decode()[20:]]),
    ],
    ids=["bytes", "bytearray", "file", "base64", "data-URI", "wrapped base64"],
)
def test_a_picture_may_come_in_any_usual_form(source: Any) -> None:
    """The vendor gets raw base64 without a prefix, whatever the caller had."""
    assert ImageToVideo(image=source).image == base64.b64encode(PNG).decode()


def test_a_picture_may_be_a_file_or_a_url(tmp_path: Path) -> None:
    """A path object is read once, when the request is made; a URL is passed on."""
    file = tmp_path / "cat.png"
    file.write_bytes(PNG)
    request = ImageToVideo(image=file, image_tail="https://example.com/tail.png")
    file.unlink()

    assert request.image == base64.b64encode(PNG).decode()
    assert request.image_tail == "https://example.com/tail.png"


def test_a_plain_string_never_opens_a_file(tmp_path: Path) -> None:
    """A string that a stranger sent to a server cannot make it read a local file."""
    file = tmp_path / "cat.png"
    file.write_bytes(PNG)

    with pytest.raises(RequestValidationError):
        ImageToVideo(image=str(file))


@given(width=st.integers(1, 65535), height=st.integers(1, 65535), before=st.binary(max_size=300))
def test_the_size_of_a_jpeg_is_found_behind_any_other_segment(
    width: int, height: int, before: bytes
) -> None:
    """The limits hold for photographs with metadata in front of the picture."""
    segment = b"\xff\xe1" + (len(before) + 2).to_bytes(2, "big") + before
    allowed = min(width, height) >= 300 and max(width, height) <= 2.5 * min(width, height)
    try:
        ImageToVideo(image=jpeg(width, height, segment))
    except RequestValidationError as error:
        assert not allowed
        assert f"{width} x {height}" in str(error)
    else:
        assert allowed


@given(st.binary(max_size=200))
def test_no_picture_makes_the_check_fail_in_another_way(content: bytes) -> None:
    """Damaged picture data is refused by name, never by a crash."""
    for start in (b"", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"):
        try:
            ImageToVideo(image=start + content)
        except RequestValidationError as error:
            assert error.field == "image"


def test_every_field_is_documented_in_its_class() -> None:
    """Each parameter has a line in the class's documentation, and so in `help(create)`."""
    for cls in ALL:
        for name in inspect.signature(cls).parameters:
            assert f"\n    {name}: " in (inspect.getdoc(cls) or ""), (cls, name)


def test_requests_are_values() -> None:
    """A request is frozen, equal to its like, and changed by `attrs.evolve`."""
    request = TextToVideo(prompt="x", duration="5")
    assert request == TextToVideo(prompt="x", duration=5)
    assert attrs.evolve(request, duration=10).duration == 10
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        request.prompt = "y"  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue]


def test_the_modes_of_the_table_are_the_modes_of_the_field() -> None:
    """Every mode the capability table grants can be written in a request."""
    for field, values in (("mode", QualityMode), ("resolution", ImageResolution)):
        records = [cls.record for cls in ALL if cls.record.size_field == field]
        known = {mode for record in records for model in record.models for mode in model.modes}
        assert known - {""} == set(get_args(values))


def test_the_default_model_of_each_endpoint_is_in_the_table() -> None:
    """A request that names no model names one that the endpoint has."""
    for cls in ALL:
        if not cls.record.models:
            assert "model_name" not in attrs.fields_dict(cls)
            continue
        default = attrs.fields_dict(cls)["model_name"].default
        assert default == cls.record.default_model
        assert default in cls.record.model_names
        assert issubclass(cls, VideoRequest) is (cls.record.result == "videos")


@pytest.mark.parametrize("make", ALL, ids=lambda make: make.__name__)
def test_a_request_takes_no_parameter_by_its_place(make: Any) -> None:
    """An order of parameters would be one more promise."""
    with pytest.raises(RequestValidationError, match="by name"):
        make("a kitten")


def test_a_picture_that_is_none_is_named_by_its_parameter() -> None:
    """This includes one of several pictures."""
    with pytest.raises(RequestValidationError) as refused:
        OmniVideo(prompt="x", image_list=[{"picture": "https://example.com/a.png"}])
    assert refused.value.field.startswith("image_list")


def test_both_kinds_of_masks_are_one_control() -> None:
    """They go together, and with nothing else."""
    moved = [{"mask": png(400, 400), "trajectories": [{"x": 0, "y": 0}, {"x": 1, "y": 1}]}]
    both: dict[str, Any] = {"static_mask": png(400, 400), "dynamic_masks": moved}
    request = ImageToVideo(image=png(400, 400), **both)
    assert request.static_mask
    assert request.dynamic_masks
    with pytest.raises(RequestValidationError) as refused:
        ImageToVideo(image=png(400, 400), image_tail=png(400, 400), **both)
    assert refused.value.field == "static_mask"


@pytest.mark.parametrize(
    "make", [make for make in ALL if make.record.takes_external_id], ids=lambda make: make.__name__
)
def test_the_longest_id_of_the_caller_s_own(make: Any) -> None:
    """200 characters are taken, and one more is refused by its name, unchecked requests too."""
    fields = next(plainest for cls, plainest in PLAINEST if cls is make)
    assert make(**fields, external_task_id="x" * 200).external_task_id == "x" * 200
    for check in (True, False):
        with pytest.raises(RequestValidationError) as refused:
            make(**fields, external_task_id="x" * 201, check=check)
        assert refused.value.field == "external_task_id"


@pytest.mark.parametrize(("make", "fields"), [case for case in PLAINEST if case[0] in WITH_SCALE])
def test_cfg_scale_is_from_0_to_1(make: Any, fields: dict[str, Any]) -> None:
    """Both ends are allowed."""
    for scale in (0.0, 1.0):
        assert make(**fields, cfg_scale=scale).cfg_scale == scale
    for scale in (-0.01, 1.01):
        with pytest.raises(RequestValidationError) as refused:
            make(**fields, cfg_scale=scale)
        assert refused.value.field == "cfg_scale"


def test_every_class_has_a_plainest_request() -> None:
    """Otherwise the tests above would leave one out."""
    assert {make for make, _ in PLAINEST} == set(ALL)


@pytest.mark.parametrize("make", ALL, ids=lambda make: make.__name__)
def test_every_field_of_a_request_goes_by_its_name(make: Any) -> None:
    """Its own constructor, which type checkers read, uses the name as well."""
    assert [field.name for field in attrs.fields(make) if not field.kw_only] == []

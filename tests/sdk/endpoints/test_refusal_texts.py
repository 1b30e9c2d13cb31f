"""The exact texts of refused requests, rule by rule."""

from __future__ import annotations

from typing import Any

import pytest

from kling_sdk import (
    ImageToVideo,
    KlingError,
    MultiImageToVideo,
    OmniVideo,
    RequestValidationError,
    TextToVideo,
    VideoExtend,
)
from tests.sdk.endpoints.test_requests import MASK, PNG

URL = "https://example.com/a.png"
VIDEO = "https://example.com/v.mp4"
TEXT = {"prompt": "x"}
SHOT = {"prompt": "x", "duration": 5}
V3 = {"prompt": "x", "model_name": "kling-v3", "multi_shot": True}
MOVES = "simple, down_back, forward_up, right_turn_forward, left_turn_forward"
AXES = "horizontal, vertical, pan, tilt, roll, zoom"
ONE_AXIS = "exactly one axis other than 0"
NO_TYPE = "expected no type with a base video, or refer_type feature"
CONTROLS = "one of image_tail, static_mask/dynamic_masks, camera_control"
COMMON = "external_task_id, callback_url, extra_body, interface, check"
EXTEND = f"video_id, prompt, negative_prompt, cfg_scale, watermark_info, {COMMON}"


def simple(**config: Any) -> dict[str, Any]:
    return {**TEXT, "camera_control": {"type": "simple", "config": config}}


def omni_image(kind: Any) -> dict[str, Any]:
    return {"image_url": URL, "type": kind}


def omni_video(**fields: Any) -> dict[str, Any]:
    return {**TEXT, "video_list": [{"video_url": VIDEO, **fields}]}


REFUSED: list[tuple[Any, dict[str, Any], str]] = [
    # ------------------------------------------------------------ names of parameters
    (TextToVideo, {"promt": "x"}, "unknown parameter 'promt'; did you mean 'prompt'?"),
    (
        VideoExtend,
        {"zzzzzz": "x"},
        f"unknown parameter 'zzzzzz'; VideoExtend takes {EXTEND}",
    ),
    (VideoExtend, {}, "video_id is missing; expected a value"),
    (
        TextToVideo,
        {**V3, "multi_prompt": [{**SHOT, "promt": "x"}]},
        "unknown key 'promt' in multi_prompt; did you mean 'prompt'?",
    ),
    (
        TextToVideo,
        {**V3, "multi_prompt": [{**SHOT, "zzzzzz": "x"}]},
        "unknown key 'zzzzzz' in multi_prompt; multi_prompt takes prompt, duration, index",
    ),
    (
        TextToVideo,
        {**V3, "multi_prompt": [{"prompt": "x"}]},
        "multi_prompt.duration is missing; expected prompt, duration, index",
    ),
    (
        TextToVideo,
        {**V3, "multi_prompt": [5]},
        "multi_prompt holds a int; expected Shot or a mapping of prompt, duration, index",
    ),
    (TextToVideo, {**V3, "multi_prompt": "x"}, "multi_prompt is a str; expected a list"),
    (TextToVideo, {**V3, "multi_prompt": b"x"}, "multi_prompt is a bytes; expected a list"),
    (TextToVideo, {**V3, "multi_prompt": SHOT}, "multi_prompt is a dict; expected a list"),
    (TextToVideo, {**V3, "multi_prompt": 5}, "multi_prompt is a int; expected a list"),
    # ------------------------------------------------------------ rules between fields
    (TextToVideo, {}, "prompt is missing; expected text, or multi_shot with shots"),
    (OmniVideo, {}, "prompt is missing; expected text, or multi_shot with shots"),
    (TextToVideo, V3, "shot_type is missing with multi_shot; expected customize, intelligence"),
    (
        TextToVideo,
        {**V3, "shot_type": "customize"},
        "multi_prompt is missing while shot_type is customize; expected 1 to 6 shots",
    ),
    (
        TextToVideo,
        {**V3, "prompt": None, "shot_type": "intelligence"},
        "prompt is missing while shot_type is intelligence; expected text",
    ),
    (
        ImageToVideo,
        {**V3, "image": URL},
        "shot_type is missing with multi_shot; expected customize, intelligence",
    ),
    (
        TextToVideo,
        {**TEXT, "camera_control": {"type": "x" * 50}},
        f"camera_control.type is '{'x' * 40}'; expected {MOVES}",
    ),
    (
        TextToVideo,
        {**TEXT, "camera_control": {"type": 5}},
        f"camera_control.type is a int; expected {MOVES}",
    ),
    (
        TextToVideo,
        {**TEXT, "camera_control": {"type": "down_back", "config": {"zoom": 1}}},
        "camera_control.config is given with type down_back; expected no config",
    ),
    (
        TextToVideo,
        {**TEXT, "camera_control": {"type": "simple"}},
        f"camera_control.config moves 0 axes with type simple; expected {ONE_AXIS}",
    ),
    (
        TextToVideo,
        simple(zoom=1, pan=1),
        f"camera_control.config moves 2 axes with type simple; expected {ONE_AXIS}",
    ),
    (
        TextToVideo,
        simple(zoom="1"),
        "camera_control.config.zoom is a str; expected a number from -10 to 10",
    ),
    (
        TextToVideo,
        {**TEXT, "camera_control": "simple"},
        "camera_control holds a str; expected CameraControl or a mapping of type, config",
    ),
    (
        TextToVideo,
        {**TEXT, "camera_control": {"type": "simple", "config": 5}},
        f"camera_control.config holds a int; expected CameraConfig or a mapping of {AXES}",
    ),
    (ImageToVideo, TEXT, "image is missing; expected image, image_tail or both"),
    (
        ImageToVideo,
        {"image": URL, "image_tail": URL, "dynamic_masks": [MASK]},
        f"dynamic_masks is given with image_tail; expected {CONTROLS}",
    ),
    (
        ImageToVideo,
        {"image": URL, "image_tail": URL, "static_mask": PNG},
        f"static_mask is given with image_tail; expected {CONTROLS}",
    ),
    (
        ImageToVideo,
        {"image": URL, "dynamic_masks": [MASK], "camera_control": {"type": "down_back"}},
        f"camera_control is given with dynamic_masks; expected {CONTROLS}",
    ),
    (
        ImageToVideo,
        {"image": URL, "voice_list": ["a"], "element_list": [1]},
        "voice_list is given with element_list; expected voice_list or element_list",
    ),
    (
        OmniVideo,
        omni_video(video_url="file:///v.mp4"),
        "video_list.video_url is not a URL; expected the http(s) URL of an mp4 or mov file",
    ),
    (
        OmniVideo,
        omni_video(refer_type="x" * 50),
        f"video_list.refer_type is '{'x' * 40}'; expected base or feature, or None",
    ),
    (
        OmniVideo,
        omni_video(keep_original_sound="maybe"),
        "video_list.keep_original_sound is 'maybe'; expected yes or no, or None",
    ),
    (
        OmniVideo,
        {**TEXT, "image_list": [omni_image("middle")]},
        "image_list.type is 'middle'; expected first_frame or end_frame, or None",
    ),
    *(
        (
            OmniVideo,
            {**TEXT, "image_list": [omni_image("first_frame"), *[omni_image(kind)] * count]},
            f"image_list.type has 2 of type {kind}; expected at most one {kind}",
        )
        for kind, count in (("first_frame", 1), ("end_frame", 2))
    ),
    (
        OmniVideo,
        {**TEXT, "image_list": [omni_image("end_frame")]},
        "image_list.type has an end_frame without a first_frame; expected first_frame, or both",
    ),
    *(
        (
            OmniVideo,
            {**omni_video(**base), "image_list": [omni_image("first_frame")]},
            f"image_list.type is first_frame with a base video; {NO_TYPE}",
        )
        for base in ({}, {"refer_type": "base"})
    ),
    # ------------------------------------------------------------ two names for one thing
    (
        TextToVideo,
        {**TEXT, "mode": "std", "resolution": "1080p"},
        "resolution is '1080p', which contradicts mode 'std'; expected one of the two",
    ),
    (
        TextToVideo,
        {**TEXT, "sound": "on", "audio": "off"},
        "audio is 'off', which contradicts sound 'on'; expected one of the two",
    ),
    *(
        (
            OmniVideo,
            {**omni_video(keep_original_sound=keep), "audio": audio},
            (
                f"audio is '{audio}', which contradicts keep_original_sound {keep}; "
                "expected one of the two"
            ),
        )
        for audio, keep in (("off", "yes"), ("native", "yes"), ("original", "no"))
    ),
]


@pytest.mark.parametrize(("make", "fields", "words"), REFUSED)
def test_a_refusal_reads(make: Any, fields: dict[str, Any], words: str) -> None:
    """What is wrong, where, and what it must be instead."""
    with pytest.raises(RequestValidationError) as refused:
        make(**fields)
    assert str(refused.value) == words
    assert isinstance(refused.value, KlingError)


def test_a_parameter_without_its_name_is_shown_by_an_example() -> None:
    """The shortest call of the class."""
    for make, example in (
        (TextToVideo, 'TextToVideo(prompt="...")'),
        (VideoExtend, 'VideoExtend(video_id="...")'),
        (MultiImageToVideo, 'MultiImageToVideo(image_list=[...], prompt="...")'),
    ):
        with pytest.raises(RequestValidationError) as refused:
            make("x")  # type: ignore[call-arg]  # the mistake under test
        assert str(refused.value) == f"parameters are given by name: {example}"
        assert refused.value.field == "request"
        assert refused.value.limit == "has a positional argument"
        assert refused.value.expected == "parameters by name"


def test_an_unknown_name_is_cut_at_60_characters() -> None:
    """A key cannot fill a log with data."""
    for make, fields in (
        (TextToVideo, {"z" * 99: "x"}),
        (TextToVideo, {**V3, "multi_prompt": [{**SHOT, "z" * 99: "x"}]}),
    ):
        with pytest.raises(RequestValidationError) as refused:
            make(**fields)
        assert f"'{'z' * 59}" in str(refused.value)
        assert "z" * 60 not in str(refused.value)

"""Values of a wrong type, and words that no field knows: the exact refusal of each."""

from __future__ import annotations

from typing import Any

import pytest

from kling_sdk import (
    ImageToVideo,
    MultiImageToVideo,
    OmniVideo,
    RequestValidationError,
    TextToVideo,
)
from tests.sdk.endpoints.test_limits import image, omni, subjects, text
from tests.sdk.endpoints.test_requests import MASK

URL = "https://example.com/a.png"
VIDEO = "https://example.com/v.mp4"
TEXT = {"prompt": "x"}
SHOT = {"prompt": "x", "duration": 5}
V3 = {"prompt": "x", "model_name": "kling-v3", "multi_shot": True}
IN_A_PATH = "expected an id that can stand in a URL path"
IMAGE = (
    "an http(s) URL, a data-URI, raw base64 of a JPEG or PNG, bytes, a binary file, or a path as"
    " pathlib.Path"
)
JSON = "JSON values: text, finite numbers, True, False, None, lists, dicts"
MODES = "std, pro, 4k"
RATIOS = "16:9, 9:16, 1:1"
RESOLUTIONS = "720p, 1080p, 4k"


def omni_image(kind: Any) -> dict[str, Any]:
    return {"image_url": URL, "type": kind}


def omni_video(**fields: Any) -> dict[str, Any]:
    return {**TEXT, "video_list": [{"video_url": VIDEO, **fields}]}


REFUSED: list[tuple[Any, dict[str, Any], str]] = [
    (TextToVideo, {"prompt": 5}, "prompt is a int; expected text"),
    (TextToVideo, {**TEXT, "negative_prompt": 5}, "negative_prompt is a int; expected text"),
    (TextToVideo, {**TEXT, "model_name": None}, "model_name is missing; expected text"),
    (TextToVideo, {**TEXT, "model_name": ""}, "model_name is empty; expected text"),
    (TextToVideo, {**TEXT, "callback_url": 5}, "callback_url is a int; expected text"),
    (
        TextToVideo,
        {**TEXT, "callback_url": "ftp://example.com"},
        "callback_url is not a URL; expected an http(s) URL such as https://example.com/kling",
    ),
    (TextToVideo, {**TEXT, "external_task_id": 5}, "external_task_id is a int; expected text"),
    *(
        (
            TextToVideo,
            {**TEXT, "external_task_id": wrong},
            f"external_task_id is empty or contains one of / ? #; {IN_A_PATH}",
        )
        for wrong in ("", " ", ".", "..", ". .", "a/b", "a?b", "a#b")
    ),
    (
        TextToVideo,
        {**TEXT, "watermark_info": {"on": True}},
        "watermark_info has other keys; expected {'enabled': bool}",
    ),
    (
        TextToVideo,
        {**TEXT, "watermark_info": "yes"},
        "watermark_info is a str; expected True or False",
    ),
    (TextToVideo, {**TEXT, "multi_shot": 1}, "multi_shot is a int; expected True or False"),
    (TextToVideo, {**TEXT, "check": 1}, "check is a int; expected True or False"),
    (TextToVideo, {**TEXT, "interface": "v2"}, "interface is 'v2'; expected v1, model-path"),
    (TextToVideo, {**TEXT, "interface": 5}, "interface is a int; expected v1, model-path"),
    (
        TextToVideo,
        {**TEXT, "cfg_scale": True},
        "cfg_scale is a bool; expected a number from 0 to 1",
    ),
    (TextToVideo, {**TEXT, "extra_body": 5}, "extra_body is a int; expected a mapping of fields"),
    (
        TextToVideo,
        {**TEXT, "extra_body": {"external_task_id": "x"}},
        "extra_body contains external_task_id; expected the parameter external_task_id",
    ),
    (
        TextToVideo,
        {**TEXT, "extra_body": {"a": [1, {"b": object()}]}},
        f"extra_body.a[1].b is a object; expected {JSON}",
    ),
    (
        TextToVideo,
        {**TEXT, "extra_body": {"a": float("inf")}},
        f"extra_body.a is inf; expected {JSON}",
    ),
    (
        TextToVideo,
        {**TEXT, "extra_body": {"a": {5: 1}}},
        f"extra_body.a has a key that is a int or contains an unpaired surrogate; expected {JSON}",
    ),
    (
        TextToVideo,
        {**TEXT, "extra_body": {"a": "\ud800"}},
        f"extra_body.a contains an unpaired surrogate; expected {JSON}",
    ),
    (
        TextToVideo,
        {**TEXT, "extra_body": {"a": 2**1024}},
        f"extra_body.a has more than 300 digits; expected {JSON}",
    ),
    (
        ImageToVideo,
        {"image": URL, "voice_list": [{"voice_id": 5}]},
        "voice_list.voice_id is a int; expected text",
    ),
    (
        ImageToVideo,
        {"image": URL, "voice_list": [{"voice_id": None}]},
        "voice_list.voice_id is missing; expected text",
    ),
    *(
        (
            ImageToVideo,
            {"image": URL, "element_list": [wrong]},
            "element_list.element_id is a str; expected a whole number",
        )
        for wrong in ("1.5", "x", "", "1" * 20, "\u0661")
    ),
    (
        ImageToVideo,
        {"image": URL, "element_list": [True]},
        "element_list.element_id is a bool; expected a whole number",
    ),
    (
        ImageToVideo,
        {"image": URL, "dynamic_masks": [{"mask": URL, "trajectories": [{"x": 1.5, "y": 1}]}]},
        "dynamic_masks.trajectories.x is a float; expected a whole number of pixels",
    ),
    (
        ImageToVideo,
        {"image": URL, "dynamic_masks": [{"mask": URL, "trajectories": [{"x": 1, "y": None}]}]},
        "dynamic_masks.trajectories.y is missing; expected a whole number of pixels",
    ),
    (
        ImageToVideo,
        {"image": URL, "dynamic_masks": [{"mask": URL, "trajectories": 5}]},
        "dynamic_masks.trajectories is a int; expected a list",
    ),
    (
        ImageToVideo,
        {"image": URL, "dynamic_masks": [{"mask": URL, "trajectories": [5]}]},
        "dynamic_masks.trajectories holds a int; expected Point or a mapping of x, y",
    ),
    (
        TextToVideo,
        {**V3, "multi_prompt": [{"prompt": 5, "duration": 5}]},
        "multi_prompt.prompt is a int; expected text",
    ),
    (
        TextToVideo,
        {**V3, "multi_prompt": [{**SHOT, "index": "1"}]},
        "multi_prompt.index is a str; expected a whole number",
    ),
    (
        TextToVideo,
        {**V3, "multi_prompt": [{"prompt": "x", "duration": "x"}]},
        "multi_prompt.duration is a str; expected whole seconds, such as 5 or '5'",
    ),
    *(
        (make, {**fields, field: 5}, f"{field} is a int; expected {IMAGE}")
        for make, fields, field in (
            (ImageToVideo, {}, "image"),
            (ImageToVideo, {"image": URL}, "image_tail"),
            (ImageToVideo, {"image": URL}, "static_mask"),
        )
    ),
    (
        ImageToVideo,
        {"image": URL, "dynamic_masks": [{**MASK, "mask": 5}]},
        f"dynamic_masks.mask is a int; expected {IMAGE}",
    ),
    (
        MultiImageToVideo,
        {**TEXT, "image_list": [5]},
        f"image_list.image is a int; expected {IMAGE}",
    ),
    (OmniVideo, {**TEXT, "image_list": [5]}, f"image_list.image_url is a int; expected {IMAGE}"),
    (
        OmniVideo,
        {**TEXT, "image_list": [omni_image(5)]},
        "image_list.type is a int; expected first_frame, end_frame or None",
    ),
    (
        OmniVideo,
        omni_video(refer_type=5),
        "video_list.refer_type is a int; expected base or feature",
    ),
    (
        OmniVideo,
        omni_video(keep_original_sound=True),
        "video_list.keep_original_sound is a bool; expected yes or no",
    ),
    (
        OmniVideo,
        omni_video(video_url=5),
        "video_list.video_url is a int; expected an http(s) URL",
    ),
    # Whatever the model: the words of our own parameter are all there are.
    (
        TextToVideo,
        {**TEXT, "interface": "x" * 50},
        f"interface is '{'x' * 39}; expected v1, model-path",
    ),
]


@pytest.mark.parametrize(("make", "fields", "words"), REFUSED)
def test_a_value_of_a_wrong_type_is_named(make: Any, fields: dict[str, Any], words: str) -> None:
    """Its field, its type and what is accepted."""
    with pytest.raises(RequestValidationError) as refused:
        make(**fields)
    assert str(refused.value) == words


# Names of fields, the values that are accepted, the classes that have the field.
WORDS: list[tuple[str, str, tuple[Any, ...]]] = [
    ("mode", MODES, (text, image, omni, subjects)),
    ("resolution", RESOLUTIONS, (text, image, omni, subjects)),
    ("aspect_ratio", RATIOS, (text, omni, subjects)),
    ("sound", "on, off", (text, image, omni)),
    ("audio", "native, off, original", (text, image, omni)),
    ("shot_type", "customize, intelligence", (text, image, omni)),
]


@pytest.mark.parametrize(
    ("make", "field", "accepted"),
    [(make, field, accepted) for field, accepted, makers in WORDS for make in makers],
)
def test_a_word_is_one_of_a_few(make: Any, field: str, accepted: str) -> None:
    """Each of them is accepted; a refusal shows up to 40 characters of another word."""
    for word in accepted.split(", "):
        assert getattr(make(**{field: word}), field) == word
    for wrong, quoted in (("other", "'other'"), ("x" * 50, f"'{'x' * 40}'")):
        with pytest.raises(RequestValidationError) as refused:
            make(**{field: wrong})
        assert str(refused.value) == f"{field} is {quoted}; expected {accepted}"
    with pytest.raises(RequestValidationError) as refused:
        make(**{field: 5})
    assert str(refused.value) == f"{field} is a int; expected {accepted}"

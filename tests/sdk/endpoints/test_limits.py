"""Every limit of every endpoint, both sides of it, with the words of the refusal.

The numbers are the vendor's, written out here: they are not read from the code under test.
"""

from __future__ import annotations

from typing import Any

import pytest

from kling_sdk import (
    ImageToVideo,
    MultiImageToVideo,
    OmniVideo,
    Request,
    RequestValidationError,
    TextToVideo,
    VideoExtend,
)
from tests.sdk.endpoints.test_requests import jpeg, png

URL = "https://example.com/a.png"
VIDEO = "https://example.com/v.mp4"
SCALES = "a number from 0 to 1"


def text(**fields: Any) -> TextToVideo:
    return TextToVideo(**{"prompt": "x", **fields})


def image(**fields: Any) -> ImageToVideo:
    return ImageToVideo(**{"image": URL, **fields})


def omni(**fields: Any) -> OmniVideo:
    return OmniVideo(**{"prompt": "x", **fields})


def subjects(**fields: Any) -> MultiImageToVideo:
    return MultiImageToVideo(**{"prompt": "x", "image_list": [URL], **fields})


def extend(**fields: Any) -> VideoExtend:
    return VideoExtend(**{"video_id": "1", **fields})


def mask(points: int) -> dict[str, Any]:
    return {"mask": URL, "trajectories": [{"x": n, "y": n} for n in range(points)]}


def shots(*seconds: int, prompt: str = "x") -> dict[str, Any]:
    return {
        "model_name": "kling-v3",
        "multi_shot": True,
        "shot_type": "customize",
        "multi_prompt": [{"prompt": prompt, "duration": duration} for duration in seconds],
        "duration": sum(seconds),
    }


def camera(axis: str, value: float) -> dict[str, Any]:
    return {"camera_control": {"type": "simple", "config": {axis: value}}}


# A maker of requests, the last arguments that are taken, the first that are not, the refusal.
LIMITS: list[tuple[Any, dict[str, Any], dict[str, Any], str]] = [
    # ------------------------------------------------------------ lengths of texts
    *(
        (
            make,
            {"prompt": "x" * most, "model_name": model},
            {"prompt": "x" * (most + 1), "model_name": model},
            f"prompt has {most + 1} characters; expected at most {most} characters",
        )
        for make, model, most in (
            (text, "kling-v1", 2500),
            (text, "kling-v1-6", 2500),
            (text, "kling-v2-6", 2500),
            (text, "kling-v3", 2500),
            (text, "kling-2.5-turbo", 2500),
            (text, "kling-2.6", 2500),
            (text, "kling-3.0", 3072),
            (text, "kling-3.0-turbo", 3072),
            (image, "kling-v1-6", 2500),
            (image, "kling-v3", 2500),
            (image, "kling-2.6", 2500),
            (image, "kling-3.0", 3072),
            (image, "kling-3.0-turbo", 2500),
            (omni, "kling-v3-omni", 2500),
            (omni, "kling-video-o1", 2500),
            (omni, "kling-o1", 2500),
            (omni, "kling-3.0-omni", 3072),
            (subjects, "kling-v1-6", 2500),
        )
    ),
    (
        extend,
        {"prompt": "x" * 2500},
        {"prompt": "x" * 2501},
        "prompt has 2501 characters; expected at most 2500 characters",
    ),
    *(
        (
            make,
            {"negative_prompt": "x" * 2500},
            {"negative_prompt": "x" * 2501},
            "negative_prompt has 2501 characters; expected at most 2500 characters",
        )
        for make in (text, image, subjects, extend)
    ),
    (
        extend,
        {"video_id": "1" * 100},
        {"video_id": "1" * 101},
        "video_id has 101 characters; expected at most 100 characters",
    ),
    *(
        (
            make,
            {"external_task_id": "x" * 200},
            {"external_task_id": "x" * 201},
            "external_task_id has 201 characters; expected at most 200 characters",
        )
        for make in (text, image, omni, subjects, extend)
    ),
    (
        text,
        shots(5, prompt="x" * 512),
        shots(5, prompt="x" * 513),
        "multi_prompt.prompt has 513 characters; expected 1 to 512 characters",
    ),
    (
        text,
        shots(5, prompt="x"),
        shots(5, prompt=""),
        "multi_prompt.prompt has 0 characters; expected 1 to 512 characters",
    ),
    # ------------------------------------------------------------ seconds
    *(
        (make, {"duration": last}, {"duration": wrong}, f"duration is {wrong} s; expected {limits}")
        for make, low, high in (
            (text, 3, 15),
            (image, 3, 15),
            (omni, 3, 15),
            (subjects, 5, 10),
        )
        for last, wrong, limits in (
            (low, low - 1, f"{low} to {high} s"),
            (high, high + 1, f"{low} to {high} s"),
        )
    ),
    (
        text,
        shots(1, 4),
        shots(0, 5),
        "multi_prompt.duration is 0 s; expected at least 1 s",
    ),
    (
        text,
        shots(3, 2),
        {**shots(3, 2), "duration": 6},
        "multi_prompt.duration adds up to 5 s; expected the video's duration, 6 s",
    ),
    (
        image,
        {**shots(3, 2), "duration": None},
        {**shots(3, 3), "duration": None},
        "multi_prompt.duration adds up to 6 s; expected the video's duration, by default 5 s",
    ),
    (
        text,
        {"duration": "7"},
        {"duration": "7.5"},
        "duration is a str; expected whole seconds, such as 5 or '5'",
    ),
    (
        text,
        {"duration": "000000005"},
        {"duration": "0000000005"},
        "duration is a str; expected whole seconds, such as 5 or '5'",
    ),
    (
        text,
        {"duration": 5},
        {"duration": 5.0},
        "duration is 5.0; expected whole seconds, such as 5 or '5'",
    ),
    (
        text,
        {"duration": 5},
        {"duration": True},
        "duration is a bool; expected whole seconds, such as 5 or '5'",
    ),
    # ------------------------------------------------------------ numbers of items
    (
        image,
        {"voice_list": ["a", "b"]},
        {"voice_list": ["a", "b", "c"]},
        "voice_list has 3 items; expected 1 to 2 items",
    ),
    (
        image,
        {"voice_list": ["a"]},
        {"voice_list": []},
        "voice_list has 0 items; expected 1 to 2 items",
    ),
    (
        image,
        {"element_list": [1, 2, 3]},
        {"element_list": [1, 2, 3, 4]},
        "element_list has 4 items; expected 1 to 3 items",
    ),
    (
        image,
        {"element_list": [1]},
        {"element_list": []},
        "element_list has 0 items; expected 1 to 3 items",
    ),
    (
        image,
        {"dynamic_masks": [mask(2)] * 6},
        {"dynamic_masks": [mask(2)] * 7},
        "dynamic_masks has 7 items; expected 1 to 6 items",
    ),
    (
        image,
        {"dynamic_masks": [mask(2)]},
        {"dynamic_masks": []},
        "dynamic_masks has 0 items; expected 1 to 6 items",
    ),
    (
        image,
        {"dynamic_masks": [mask(77)]},
        {"dynamic_masks": [mask(78)]},
        "dynamic_masks.trajectories has 78 points; expected 2 to 77 points",
    ),
    (
        image,
        {"dynamic_masks": [mask(2)]},
        {"dynamic_masks": [mask(1)]},
        "dynamic_masks.trajectories has 1 points; expected 2 to 77 points",
    ),
    *(
        (
            make,
            {**shots(*[1] * 6), "model_name": model},
            {**shots(*[1] * 7), "model_name": model},
            "multi_prompt has 7 items; expected 1 to 6 items",
        )
        for make, model in ((text, "kling-v3"), (image, "kling-v3"), (omni, "kling-v3-omni"))
    ),
    *(
        (
            make,
            {"multi_prompt": [{"prompt": "x", "duration": 5}]},
            {"multi_prompt": []},
            "multi_prompt has 0 items; expected 1 to 6 items",
        )
        for make in (text, image, omni)
    ),
    (
        subjects,
        {"image_list": [URL] * 4},
        {"image_list": [URL] * 5},
        "image_list has 5 items; expected 1 to 4 items",
    ),
    (
        subjects,
        {"image_list": [URL]},
        {"image_list": []},
        "image_list has 0 items; expected 1 to 4 items",
    ),
    (
        omni,
        {"video_list": [VIDEO]},
        {"video_list": [VIDEO, VIDEO]},
        "video_list has 2 items; expected 1 to 1 items",
    ),
    (omni, {}, {"video_list": []}, "video_list has 0 items; expected 1 to 1 items"),
    (
        omni,
        {"image_list": [URL] * 7},
        {"image_list": [URL] * 8},
        "image_list and element_list hold 8 references; expected at most 7 without a video",
    ),
    (
        omni,
        {"image_list": [URL] * 3, "element_list": [1] * 4},
        {"image_list": [URL] * 3, "element_list": [1] * 5},
        "image_list and element_list hold 8 references; expected at most 7 without a video",
    ),
    (
        omni,
        {"image_list": [URL] * 4, "video_list": [VIDEO]},
        {"image_list": [URL] * 5, "video_list": [VIDEO]},
        "image_list and element_list hold 5 references; expected at most 4 with a video",
    ),
    (
        omni,
        {"image_list": [{"image_url": URL, "type": "first_frame"}], "element_list": [1] * 3},
        {"image_list": [{"image_url": URL, "type": "first_frame"}], "element_list": [1] * 4},
        "element_list has 4 elements with a frame; expected at most 3",
    ),
    # ------------------------------------------------------------ numbers
    *(
        (
            make,
            {"cfg_scale": last},
            {"cfg_scale": wrong},
            f"cfg_scale is {wrong}; expected {SCALES}",
        )
        for make in (text, image, extend)
        for last, wrong in ((0, -0.01), (1, 1.01))
    ),
    *(
        (
            make,
            camera(axis, last),
            camera(axis, wrong),
            f"camera_control.config.{axis} is {wrong}; expected a number from -10 to 10",
        )
        for make in (text, image)
        for axis in ("horizontal", "vertical", "pan", "tilt", "roll", "zoom")
        for last, wrong in ((10, 10.1), (-10, -10.1))
    ),
    # ------------------------------------------------------------ pictures
    *(
        (
            make,
            {name: png(300, 300)},
            {name: png(*size)},
            f"{name} is {size[0]} x {size[1]} px; expected at least 300 px on each side",
        )
        for make, name in ((image, "image"), (image, "image_tail"), (image, "static_mask"))
        for size in ((299, 300), (300, 299))
    ),
    *(
        (
            image,
            {"image": jpeg(*last)},
            {"image": jpeg(*wrong)},
            f"image is {wrong[0]} x {wrong[1]} px; expected an aspect ratio from 1:2.5 to 2.5:1",
        )
        for last, wrong in (((1000, 400), (1001, 400)), ((400, 1000), (400, 1001)))
    ),
    (
        subjects,
        {"image_list": [png(300, 300)]},
        {"image_list": [URL, png(299, 300)]},
        "image_list.image is 299 x 300 px; expected at least 300 px on each side",
    ),
    (
        omni,
        {"image_list": [png(300, 300)]},
        {"image_list": [URL, png(299, 300)]},
        "image_list.image_url is 299 x 300 px; expected at least 300 px on each side",
    ),
    (
        image,
        {"dynamic_masks": [{**mask(2), "mask": png(300, 300)}]},
        {"dynamic_masks": [{**mask(2), "mask": png(299, 300)}]},
        "dynamic_masks.mask is 299 x 300 px; expected at least 300 px on each side",
    ),
]


@pytest.mark.parametrize(("make", "last", "wrong", "words"), LIMITS)
def test_a_limit_belongs_to_what_is_accepted(
    make: Any, last: dict[str, Any], wrong: dict[str, Any], words: str
) -> None:
    """The last value is taken and the next is refused, in words that name both."""
    assert isinstance(make(**last), Request)
    with pytest.raises(RequestValidationError) as refused:
        make(**wrong)
    assert str(refused.value) == words

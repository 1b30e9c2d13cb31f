"""Requests that the emulated Kling refuses are refused before sending; types are not coerced."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from kling_mock import KlingMock
from kling_mock.kling.journal.notes import Note
from kling_sdk import (
    ImageToVideo,
    InvalidRequestError,
    OmniImage,
    OmniVideo,
    RequestValidationError,
    TextToVideo,
    VideoRequest,
)
from tests.sdk.endpoints.test_requests import PNG, REF

URL = "https://example.com/a.png"
OWN: dict[str, Any] = {"model_name": "kling-v3", "multi_shot": True, "shot_type": "customize"}
SHOT = {"prompt": "x", "duration": 3}
# The model with the most features, for what is sent unchecked.
NEWEST: dict[type[VideoRequest], str] = {
    TextToVideo: "kling-v3",
    ImageToVideo: "kling-v3",
    OmniVideo: "kling-v3-omni",
}

# class, arguments, the field named, words of the message
REFUSED_BY_BOTH: list[tuple[Callable[..., Any], dict[str, Any], str, str]] = [
    (
        TextToVideo,
        {**OWN, "multi_prompt": [SHOT, SHOT]},
        "multi_prompt.duration",
        "adds up to 6 s; expected the video's duration, by default 5 s",
    ),
    (
        TextToVideo,
        {**OWN, "multi_prompt": [SHOT, SHOT], "duration": 7},
        "multi_prompt.duration",
        "adds up to 6 s; expected the video's duration, 7 s",
    ),
    (
        TextToVideo,
        {"prompt": "x", "camera_control": {"type": "spin"}},
        "camera_control.type",
        "is 'spin'; expected simple, down_back",
    ),
    (
        TextToVideo,
        {"prompt": "x", "camera_control": {"type": 5}},
        "camera_control.type",
        "is a int; expected simple, down_back",
    ),
    (TextToVideo, {"prompt": "x", "callback_url": "not a url"}, "callback_url", "is not a URL"),
    (TextToVideo, {"prompt": "x", "callback_url": "ftp://example.com/a"}, "callback_url", "http"),
    (
        OmniVideo,
        {"prompt": "x", "image_list": [{"image_url": PNG, "type": "first_frame"}] * 2},
        "image_list.type",
        "has 2 of type first_frame; expected at most one first_frame",
    ),
    (
        OmniVideo,
        {"prompt": "x", "image_list": [{"image_url": PNG, "type": "middle_frame"}]},
        "image_list.type",
        "is 'middle_frame'; expected first_frame or end_frame, or None",
    ),
    (
        OmniVideo,
        {"prompt": "x", "image_list": [{"image_url": URL, "type": 1}]},
        "image_list.type",
        "is a int",
    ),
    (OmniVideo, {"prompt": "x", "element_list": ["abc"]}, "element_list.element_id", "is a str"),
    (
        OmniVideo,
        {"prompt": "x", "element_list": [{"element_id": 1.5}]},
        "element_list.element_id",
        "is a float; expected a whole number",
    ),
    (
        OmniVideo,
        {"prompt": "x", "element_list": [{"element_id": True}]},
        "element_list.element_id",
        "is a bool",
    ),
    (OmniVideo, {"prompt": "x", "video_list": ["AAAA"]}, "video_list.video_url", "is not a URL"),
    (
        OmniVideo,
        {"prompt": "x", "video_list": [{**REF, "refer_type": "style"}]},
        "video_list.refer_type",
        "is 'style'; expected base or feature, or None",
    ),
    (
        OmniVideo,
        {"prompt": "x", "video_list": [{**REF, "keep_original_sound": "maybe"}]},
        "video_list.keep_original_sound",
        "is 'maybe'; expected yes or no, or None",
    ),
    (
        OmniVideo,
        {"prompt": "x", "video_list": [{**REF, "keep_original_sound": True}]},
        "video_list.keep_original_sound",
        "is a bool; expected yes or no",
    ),
    (
        ImageToVideo,
        {"image": URL, "dynamic_masks": [{"mask": URL, "trajectories": [{"x": 0.5, "y": 0}] * 2}]},
        "dynamic_masks.trajectories.x",
        "is a float; expected a whole number of pixels",
    ),
    (
        TextToVideo,
        {**OWN, "multi_prompt": [{"prompt": None, "duration": 5}]},
        "multi_prompt.prompt",
        "is missing; expected text",
    ),
]

COERCED: list[tuple[Callable[..., Any], dict[str, Any], str, str]] = [
    (
        TextToVideo,
        {"prompt": "x", "camera_control": {"type": "simple", "config": {"zoom": "5"}}},
        "camera_control.config.zoom",
        "is a str; expected a number from -10 to 10",
    ),
    (
        ImageToVideo,
        {"image": PNG, "voice_list": [{"voice_id": 5}], "sound": "on"},
        "voice_list.voice_id",
        "is a int; expected text",
    ),
    (
        TextToVideo,
        {**OWN, "multi_prompt": [{"prompt": "x", "duration": 5, "index": "1"}]},
        "multi_prompt.index",
        "is a str; expected a whole number",
    ),
]


@pytest.mark.parametrize(("make", "arguments", "field", "words"), REFUSED_BY_BOTH)
def test_a_field_is_refused_with_what_it_must_be(
    make: Callable[..., Any], arguments: dict[str, Any], field: str, words: str
) -> None:
    """A mistake is found before it costs a call."""
    with pytest.raises(RequestValidationError) as caught:
        make(**arguments)

    assert caught.value.field == field
    assert words in str(caught.value)


@pytest.mark.parametrize(("make", "arguments", "field", "words"), REFUSED_BY_BOTH)
def test_what_is_refused_here_would_be_refused_there(
    make: type[VideoRequest], arguments: dict[str, Any], field: str, words: str
) -> None:
    """Sent as it is, the emulated Kling refuses the same field: no check is stricter than it."""
    with KlingMock(seed=1) as mock, mock.client(check=False) as kling:
        with pytest.raises(InvalidRequestError) as caught:
            kling.submit(make(**with_model(make, arguments), check=False))
        (note, *_) = mock.journal[-1].notes or [Note("refused", "", "")]
        assert field.partition(".")[0] in f"{caught.value.message} {note}"
        assert caught.value.code == 1201


@pytest.mark.parametrize(("make", "arguments", "field", "words"), COERCED)
def test_a_value_of_another_type_is_refused_here_and_coerced_there(
    make: type[VideoRequest], arguments: dict[str, Any], field: str, words: str
) -> None:
    """A typed client takes one type; the real service, and so the emulated one, is lenient."""
    with pytest.raises(RequestValidationError) as caught:
        make(**arguments)
    assert caught.value.field == field
    assert words in str(caught.value)
    with KlingMock(seed=1) as mock, mock.client(check=False) as kling:
        kling.submit(make(**with_model(make, arguments), check=False))
        noted = mock.journal[-1].notes
        # Some of the models are retired, and the voice is not in a library: these get other notes.
        assert {note.kind for note in noted} - {"retired", "assumed"} == {"coerced"}
        assert field in {note.field.replace("[0]", "") for note in noted}


def with_model(make: type[VideoRequest], arguments: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments with a model that has all that they use."""
    fields: dict[str, Any] = {"model_name": NEWEST[make], **arguments}
    if "camera_control" in arguments:
        fields["model_name"] = "kling-v1"
    if "voice_list" in arguments:
        fields |= {"model_name": "kling-v2-6", "mode": "pro"}
    if "dynamic_masks" in arguments:
        fields["model_name"] = "kling-v1"
    return fields


def test_what_a_check_accepts_at_its_edges() -> None:
    """Edges are both ends of a range, digits as an id, shots in order, and the default length."""
    for cfg_scale in (0, 1, 0.0, 1.0):
        assert TextToVideo(prompt="x", cfg_scale=cfg_scale).cfg_scale == cfg_scale
    omni = OmniVideo(prompt="x", element_list=["829836802793406551", 7, {"element_id": "8"}])
    assert [item.element_id for item in omni.element_list or ()] == [829836802793406551, 7, 8]
    shots = [{"prompt": "x" * 512, "duration": 3}, {"prompt": "y", "duration": 2, "index": 7}]
    request = TextToVideo(**OWN, multi_prompt=shots)
    assert [shot.index for shot in request.multi_prompt or ()] == [1, 7]
    for url in ("http://localhost:8000/a?b=c", "https://example.com", "HTTPS://example.com/ä"):
        assert TextToVideo(prompt="x", callback_url=url).callback_url == url
    video = {**REF, "refer_type": "feature", "keep_original_sound": "no"}
    assert OmniVideo(prompt="x", video_list=[video]).aspect_ratio == "16:9"
    images: list[Any] = [OmniImage(PNG, "first_frame"), OmniImage(PNG, "end_frame"), PNG]
    assert OmniVideo(prompt="x", image_list=images).aspect_ratio is None


@pytest.mark.parametrize(
    "url", ["", " https://a.b", "https://", "https://a b", "https://[x", "http:/a", "https://a\n.b"]
)
def test_what_is_no_url_is_not_quoted(url: str) -> None:
    """It may still hold a secret."""
    with pytest.raises(RequestValidationError) as caught:
        TextToVideo(prompt="x", callback_url=url)
    assert str(caught.value) == (
        "callback_url is not a URL; expected an http(s) URL such as https://example.com/kling"
    )

"""Bodies that the caller wrote, in /v1's vocabulary: nothing is lost, added or guessed.

A request class completes and checks its fields; a body comes as it is, so each rule of the
translation is asked for here by itself.
"""

from __future__ import annotations

from typing import Any

import pytest

from kling_sdk import ENDPOINTS, RequestValidationError
from kling_sdk.endpoints.raw import RawRequest
from kling_sdk.wire import V1Wire
from kling_sdk.wire.model_path import MODEL_PATH

PICTURE = "https://example.com/a.png"
VIDEO = {"video_url": "https://example.com/v.mp4"}
FEATURE = {**VIDEO, "refer_type": "feature"}
FIRST_FRAME = {"image_url": PICTURE, "type": "first_frame"}
NO_FIELD = "expected no such field"
ONE_OF = "expected one of these"


def new(endpoint: str = "text2video", model: str = "kling-3.0", **fields: Any) -> dict[str, Any]:
    """Return the request to the interface with the model in the path."""
    request = RawRequest(ENDPOINTS[endpoint], {"model_name": model, **fields}, "model-path")
    sent: dict[str, Any] = MODEL_PATH.create(request, "").json
    return sent


def omni(**fields: Any) -> dict[str, Any]:
    return new("omni-video", "kling-3.0-omni", **fields)


def v1(endpoint: str = "text2video", **fields: Any) -> dict[str, Any]:
    """Return the request to /v1."""
    sent: dict[str, Any] = V1Wire().create(RawRequest(ENDPOINTS[endpoint], fields, "v1"), "").json
    return sent


# ---------------------------------------------------------------- /v1


@pytest.mark.parametrize(
    ("fields", "sent"),
    [
        ({"mode": "pro", "sound": "on", "seed": 5}, {"mode": "pro", "sound": "on", "seed": 5}),
        ({"resolution": "1080p", "seed": 5}, {"mode": "pro", "seed": 5}),
        ({"resolution": "", "audio": None, "seed": 5}, {"seed": 5}),
        ({"resolution": "4k", "mode": "4k"}, {"mode": "4k"}),
        ({"audio": "native"}, {"sound": "on"}),
        ({"audio": "off"}, {"sound": "off"}),
        ({"audio": "native", "video_list": [VIDEO]}, {"sound": "on", "video_list": [VIDEO]}),
        (
            {"audio": "off", "video_list": [VIDEO]},
            {"sound": "off", "video_list": [{**VIDEO, "keep_original_sound": "no"}]},
        ),
        (
            {"audio": "original", "video_list": [FEATURE]},
            {"video_list": [{**FEATURE, "keep_original_sound": "yes"}]},
        ),
    ],
)
def test_a_body_for_v1_has_its_own_words_alone(
    fields: dict[str, Any], sent: dict[str, Any]
) -> None:
    """`resolution` and `audio` are replaced, and the rest stays as it is."""
    assert v1("omni-video", **fields) == sent


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        (
            {"resolution": "1080p", "mode": "std"},
            "resolution is '1080p', which contradicts mode 'std'; expected one of the two",
        ),
        (
            {"audio": "off", "sound": "on"},
            "audio is 'off', which contradicts sound 'on'; expected one of the two",
        ),
        (
            {"audio": "off", "video_list": [{**VIDEO, "keep_original_sound": "yes"}]},
            "audio is 'off', which contradicts keep_original_sound yes; expected one of the two",
        ),
        (
            {"audio": "original"},
            "audio is original without a video; expected a video whose sound is kept",
        ),
        (
            {"resolution": "480p"},
            f"resolution is '480p'; /v1 has 720p, 1080p, 4k; {ONE_OF}",
        ),
        ({"resolution": 5}, f"resolution is a int; /v1 has 720p, 1080p, 4k; {ONE_OF}"),
        (
            {"resolution": "x" * 50},
            f"resolution is '{'x' * 39}; /v1 has 720p, 1080p, 4k; {ONE_OF}",
        ),
        ({"audio": "stereo"}, f"audio is 'stereo'; /v1 has native, off, original; {ONE_OF}"),
        (
            {"audio": "off", "video_list": [5]},
            "video_list is not a list of objects; expected a list of objects",
        ),
    ],
)
def test_what_v1_has_no_word_for_reads(fields: dict[str, Any], words: str) -> None:
    """The field, its value and the possible ones."""
    with pytest.raises(RequestValidationError) as refused:
        v1("omni-video", **fields)
    assert str(refused.value) == words


# ---------------------------------------------------------------- the model in the path


@pytest.mark.parametrize(
    ("sent", "body"),
    [
        # Nothing is made up: no prompt, no settings, no options.
        (new(model="kling-9.0"), {}),
        (
            new("image2video", "kling-9.0", image=PICTURE),
            {"contents": [{"type": "first_frame", "url": PICTURE}]},
        ),
        (new("image2video", "kling-9.0", prompt=""), {"contents": []}),
        (new(model="kling-9.0", prompt=None, duration="", seed=None), {}),
        # A picture goes to the contents, and nowhere else.
        (
            new("image2video", "kling-9.0", image=PICTURE, image_tail=PICTURE, prompt="a", seed=5),
            {
                "contents": [
                    {"type": "prompt", "text": "a"},
                    {"type": "first_frame", "url": PICTURE},
                    {"type": "last_frame", "url": PICTURE},
                ],
                "seed": 5,
            },
        ),
        # Each list does as well.
        (
            omni(
                image_list=[{"image_url": PICTURE}, {**FIRST_FRAME, "type": "end_frame"}],
                video_list=[FEATURE],
                element_list=[{"element_id": 160}],
                voice_list=[{"voice_id": "a"}],
                aspect_ratio="1:1",
            ),
            {
                "contents": [
                    {"type": "refer_image", "url": PICTURE, "id": "image_01"},
                    {"type": "last_frame", "url": PICTURE, "id": "image_02"},
                    {"type": "feature_video", "url": VIDEO["video_url"], "id": "video_01"},
                    {"type": "element", "element_id": "160", "id": "element_01"},
                    {"type": "voice", "voice_id": "a", "id": "voice_01"},
                ],
                "settings": {"resolution": "1080p", "aspect_ratio": "1:1"},
            },
        ),
        # A word of tomorrow goes as it is.
        (
            omni(
                image_list=[{**FIRST_FRAME, "type": "middle_frame"}],
                video_list=[{**VIDEO, "refer_type": "style"}],
            ),
            {
                "contents": [
                    {"type": "middle_frame", "url": PICTURE, "id": "image_01"},
                    {"type": "style", "url": VIDEO["video_url"], "id": "video_01"},
                ],
                "settings": {"resolution": "1080p"},
            },
        ),
        # A body in this interface's form is merged in: objects by their keys, contents at the end.
        (
            omni(
                prompt="a",
                contents=[{"type": "middle_frame", "url": PICTURE}],
                settings={"seed": 5, "resolution": "720p"},
                options={"callback_url": "https://example.com"},
                external_task_id="job-7",
            ),
            {
                "contents": [
                    {"type": "prompt", "text": "a"},
                    {"type": "middle_frame", "url": PICTURE},
                ],
                "settings": {
                    "resolution": "720p",
                    "aspect_ratio": "16:9",
                    "multi_shot": False,
                    "seed": 5,
                },
                "options": {"external_task_id": "job-7", "callback_url": "https://example.com"},
            },
        ),
        (
            new(model="kling-9.0", contents=[1], settings=5, options=[6], aspect_ratio="1:1"),
            {"contents": [1], "settings": 5, "options": [6]},
        ),
        # A value that is not text is not a prompt to search for references.
        (new(model="kling-9.0", prompt=5), {"prompt": 5}),
    ],
)
def test_a_body_for_the_newer_interface_is(sent: dict[str, Any], body: dict[str, Any]) -> None:
    """The whole body, field by field."""
    assert sent == body


@pytest.mark.parametrize(
    ("fields", "settings"),
    [
        ({}, {"resolution": "1080p", "aspect_ratio": "16:9", "multi_shot": False}),
        ({"mode": "std"}, {"resolution": "720p", "aspect_ratio": "16:9", "multi_shot": False}),
        ({"image_list": [FIRST_FRAME]}, {"resolution": "1080p", "multi_shot": False}),
        (
            {"image_list": [{"image_url": PICTURE}]},
            {"resolution": "1080p", "aspect_ratio": "16:9", "multi_shot": False},
        ),
        ({"video_list": [VIDEO]}, {"resolution": "1080p", "multi_shot": False}),
        (
            {"video_list": [{**VIDEO, "refer_type": "base"}], "duration": 5},
            {"resolution": "1080p", "multi_shot": False},
        ),
        (
            {"video_list": [FEATURE], "duration": 5},
            {"resolution": "1080p", "aspect_ratio": "16:9", "duration": 5},
        ),
        (
            {"video_list": [{**FEATURE, "keep_original_sound": "no"}]},
            {"resolution": "1080p", "aspect_ratio": "16:9", "audio": "off"},
        ),
        (
            {"video_list": [{**VIDEO, "keep_original_sound": "yes"}]},
            {"resolution": "1080p", "audio": "original", "multi_shot": False},
        ),
        (
            {"video_list": [{**VIDEO, "keep_original_sound": "no"}], "sound": "on"},
            {"resolution": "1080p", "audio": "native", "multi_shot": False},
        ),
        (
            {"video_list": [FEATURE], "multi_shot": True},
            {"resolution": "1080p", "aspect_ratio": "16:9", "multi_shot": True},
        ),
    ],
)
def test_the_settings_of_omni_video_are(fields: dict[str, Any], settings: dict[str, Any]) -> None:
    """What is not given is sent where the defaults of the two differ."""
    assert omni(**fields)["settings"] == settings


@pytest.mark.parametrize(
    ("fields", "settings"),
    [
        ({"sound": True}, {"audio": "native"}),
        ({"sound": False}, {"audio": "off"}),
        ({"sound": "on"}, {"audio": "native"}),
        ({"audio": "stereo"}, {"audio": "stereo"}),
        ({"duration": "7"}, {"duration": 7}),
        ({"duration": "123456789"}, {"duration": 123456789}),
        ({"duration": "1234567890"}, {"duration": "1234567890"}),
        ({"duration": "7.5"}, {"duration": "7.5"}),
        ({"duration": "\u0667"}, {"duration": "\u0667"}),
        ({"duration": 7.5}, {"duration": 7.5}),
        ({"mode": "4k"}, {"resolution": "4k"}),
        ({"resolution": "8k"}, {"resolution": "8k"}),
        ({"multi_shot": False}, {"multi_shot": False}),
        ({"multi_shot": "true"}, {"multi_shot": True}),
        ({"multi_shot": True}, {"multi_shot": True}),
        ({"aspect_ratio": "1:1"}, {"aspect_ratio": "1:1"}),
    ],
)
def test_the_settings_of_an_unknown_model_are_what_was_given(
    fields: dict[str, Any], settings: dict[str, Any]
) -> None:
    """Numbers of seconds become numbers; text that is not a number stays as it is."""
    assert new(model="kling-9.0", **fields)["settings"] == settings


@pytest.mark.parametrize(
    ("model", "fields", "settings"),
    [
        ("kling-2.5-turbo", {"sound": "off"}, None),
        ("kling-2.5-turbo", {"sound": "on"}, {"audio": "native"}),
        ("kling-2.6", {"sound": "off"}, {"audio": "off"}),
        ("kling-2.6", {"multi_shot": False}, None),
        ("kling-2.6", {"multi_shot": True}, None),
        ("kling-3.0", {}, {"multi_shot": False}),
        ("kling-3.0", {"multi_shot": True}, {"multi_shot": True}),
        ("kling-3.0-turbo", {"multi_shot": True}, None),
        # A name of /v1 has the limits of the same model.
        ("kling-v3", {}, {"multi_shot": False}),
        ("kling-v2-5-turbo", {"sound": "off"}, None),
    ],
)
def test_a_known_model_gets_the_settings_that_it_has(
    model: str, fields: dict[str, Any], settings: dict[str, Any] | None
) -> None:
    """No sound to switch off, no setting for shots: nothing is sent for it."""
    assert new(model=model, **fields).get("settings") == settings


# ---------------------------------------------------------------- what has no place


@pytest.mark.parametrize(
    ("make", "words"),
    [
        *(
            (
                lambda name=name: new(**{name: "x"}),
                (
                    f"{name}: the interface of model 'kling-3.0' does not support it; "
                    "leave it out, use a model of /v1, or send it as it is in extra_body"
                ),
            )
            for name in (
                "negative_prompt",
                "cfg_scale",
                "camera_control",
                "static_mask",
                "dynamic_masks",
                *("image", "image_tail", "image_list", "element_list", "video_list", "voice_list"),
            )
        ),
        *(
            (
                lambda name=name: omni(**{f"{name}_list": [{}] * 100}),
                f"{name}_list has 100 items; expected at most 99, so that ids are unique",
            )
            for name in ("image", "video", "element", "voice")
        ),
        *(
            (
                lambda name=name, wrong=wrong: omni(**{name: wrong}),
                f"{name} is not a list of objects; expected a list of objects",
            )
            for name in ("image_list", "video_list", "element_list", "voice_list")
            for wrong in ([5], 5, {"image_url": PICTURE})
        ),
        (
            lambda: new(multi_shot=True, multi_prompt=[5]),
            "multi_prompt is not a list of objects; expected a list of objects",
        ),
        (
            lambda: omni(image_list=[{"image_url": PICTURE, "type": 5}]),
            "image_list.type is a int; expected text",
        ),
        (
            lambda: omni(video_list=[{**VIDEO, "refer_type": 5}]),
            "video_list.refer_type is a int; expected text",
        ),
        (lambda: new(mode="ultra"), f"mode is 'ultra'; this interface has std, pro, 4k; {ONE_OF}"),
        (lambda: new(mode=5), f"mode is a int; this interface has std, pro, 4k; {ONE_OF}"),
        (lambda: new(sound="loud"), f"sound is 'loud'; it must be on, off; {ONE_OF}"),
        (lambda: new(sound=[]), f"sound is a list; it must be on, off; {ONE_OF}"),
        (
            lambda: omni(sound="on", video_list=[{**VIDEO, "keep_original_sound": "yes"}]),
            "sound is on with keep_original_sound yes; expected one of the two",
        ),
        (
            lambda: omni(audio="off", video_list=[{**VIDEO, "keep_original_sound": "yes"}]),
            "audio is 'off', which contradicts keep_original_sound yes; expected one of the two",
        ),
        (
            lambda: omni(multi_shot=False, video_list=[FEATURE]),
            "multi_shot is False with a feature video; expected True, or nothing",
        ),
        (
            lambda: new(mode="std", resolution="1080p"),
            "resolution is '1080p', which contradicts mode 'std'; expected one of the two",
        ),
    ],
)
def test_what_has_no_place_reads(make: Any, words: str) -> None:
    """Leaving it out would make another video than the one requested."""
    with pytest.raises(RequestValidationError) as refused:
        make()
    assert str(refused.value) == words

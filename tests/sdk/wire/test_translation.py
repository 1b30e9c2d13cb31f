"""One vocabulary, two bodies: the design's table, row by row, and fields without a place."""

from __future__ import annotations

import json
from itertools import permutations
from typing import Any

import attrs
import pytest
from hypothesis import given as drawn
from hypothesis import strategies as st

from kling_mock.kling.endpoints.registry import ENDPOINTS as EMULATED
from kling_sdk import (
    ENDPOINTS,
    ImageToVideo,
    MotionControl,
    OmniVideo,
    Request,
    RequestValidationError,
    TextToVideo,
)
from kling_sdk.endpoints.checks import is_json
from kling_sdk.endpoints.raw import RawRequest
from kling_sdk.facts.fields import FieldFacts
from kling_sdk.facts.tables import PATH_REQUESTS
from kling_sdk.wire import V1Wire
from kling_sdk.wire.model_path import MODEL_PATH
from kling_sdk.wire.relay import RelayWire

PICTURE = "https://example.com/a.png"
VIDEO = "https://example.com/a.mp4"
SHOTS = [{"prompt": "a cat walks", "duration": 3}, {"prompt": "it jumps", "duration": 2}]


def text(**fields: Any) -> TextToVideo:
    return TextToVideo(**{"prompt": "a cat", "model_name": "kling-3.0", **fields})


def picture(**fields: Any) -> ImageToVideo:
    return ImageToVideo(**{"image": PICTURE, "model_name": "kling-3.0", **fields})


def omni(**fields: Any) -> OmniVideo:
    return OmniVideo(**{"prompt": "a cat", "model_name": "kling-3.0-omni", **fields})


def body(request: Request | RawRequest) -> dict[str, Any]:
    sent: dict[str, Any] = MODEL_PATH.create(request, "").json
    return sent


def settings(request: Request | RawRequest) -> dict[str, Any]:
    sent: dict[str, Any] = body(request).get("settings", {})
    return sent


def contents(request: Request | RawRequest) -> list[dict[str, Any]]:
    sent: list[dict[str, Any]] = body(request)["contents"]
    return sent


def v1(request: Request) -> dict[str, Any]:
    sent: dict[str, Any] = V1Wire().create(request, "").json
    return sent


# ---------------------------------------------------------------- values


@pytest.mark.parametrize(("mode", "resolution"), [("std", "720p"), ("pro", "1080p"), ("4k", "4k")])
def test_a_mode_and_a_resolution_are_one_thing_on_both(mode: str, resolution: str) -> None:
    """Either name is written in the words of the interface."""
    names: list[dict[str, Any]] = [{"mode": mode}, {"resolution": resolution}]
    for named in names:
        assert settings(text(**named))["resolution"] == resolution
        assert v1(TextToVideo(prompt="a cat", model_name="kling-v3", **named))["mode"] == mode


@pytest.mark.parametrize(
    ("fields", "audio", "sound"),
    [
        ({"sound": True}, "native", "on"),
        ({"audio": "native"}, "native", "on"),
        ({"sound": "off"}, "off", "off"),
        ({"audio": "off"}, "off", "off"),
    ],
)
def test_sound_and_audio_are_one_thing_on_both(
    fields: dict[str, Any], audio: str, sound: str
) -> None:
    """Either name is written in the words of the interface."""
    assert settings(text(**fields))["audio"] == audio
    assert v1(TextToVideo(prompt="a cat", model_name="kling-v3", **fields))["sound"] == sound


@pytest.mark.parametrize(
    ("fields", "audio", "keep"),
    [
        ({"audio": "original", "video_list": [{"video_url": VIDEO}]}, "original", "yes"),
        (
            {"video_list": [{"video_url": VIDEO, "keep_original_sound": "yes"}]},
            "original",
            "yes",
        ),
        ({"audio": "off", "video_list": [{"video_url": VIDEO}]}, "off", "no"),
        ({"video_list": [{"video_url": VIDEO, "keep_original_sound": "no"}]}, "off", "no"),
    ],
)
def test_the_sound_of_a_video_is_kept_on_both(
    fields: dict[str, Any], audio: str, keep: str
) -> None:
    """`audio="original"` and `keep_original_sound` are one thing."""
    assert settings(omni(**fields))["audio"] == audio
    sent = v1(OmniVideo(prompt="a cat", **fields))
    assert [video["keep_original_sound"] for video in sent["video_list"]] == [keep]


MOTION: dict[str, Any] = {
    "image_url": PICTURE,
    "video_url": VIDEO,
    "character_orientation": "video",
}


def motion(model: str, **fields: Any) -> MotionControl:
    return MotionControl(**MOTION, model_name=model, **fields)


@pytest.mark.parametrize(
    ("fields", "audio", "keep"),
    [
        ({"audio": "original"}, "original", "yes"),
        ({"keep_original_sound": True}, "original", "yes"),
        ({"audio": "off"}, "off", "no"),
        ({"keep_original_sound": "no"}, "off", "no"),
    ],
)
def test_the_sound_of_a_motion_is_kept_on_both(
    fields: dict[str, Any], audio: str, keep: str
) -> None:
    """The video is not a list there: `keep_original_sound` is a parameter of its own."""
    assert settings(motion("kling-3.0", **fields))["audio"] == audio
    sent = v1(motion("kling-v3", **fields))
    assert (sent["keep_original_sound"], "audio" in sent) == (keep, False)


def test_a_motion_is_a_picture_and_a_video() -> None:
    """Both are contents, beside the element that the prompt names; /v1 is told the mode."""
    request = motion("kling-3.0", prompt="<<<element_1>>> dances", element_list=[7])
    assert contents(request) == [
        {"type": "prompt", "text": "@element_01 dances"},
        {"type": "image", "url": PICTURE},
        {"type": "video", "url": VIDEO},
        {"type": "element", "element_id": "7", "id": "element_01"},
    ]
    assert settings(request) == {"resolution": "720p", "character_orientation": "video"}
    assert set(body(request)) == {"contents", "settings"}
    assert v1(motion("kling-v3")) == {**MOTION, "model_name": "kling-v3", "mode": "std"}
    larger = motion("kling-v3", resolution="1080p")
    assert v1(larger) == {**MOTION, "model_name": "kling-v3", "mode": "pro"}
    assert v1(attrs.evolve(motion("kling-v3"), resolution="1080p")) == v1(larger)


@pytest.mark.parametrize(
    ("fields", "field"),
    [({"audio": "native"}, "audio"), ({"keep_original_sound": "maybe"}, "keep_original_sound")],
)
def test_what_a_motion_has_no_word_for_is_refused(fields: dict[str, Any], field: str) -> None:
    """Unchecked requests too: something else would be bought."""
    write, model = (v1, "kling-v3") if field == "audio" else (settings, "kling-3.0")
    with pytest.raises(RequestValidationError) as refused:
        write(motion(model, check=False, **fields))
    assert refused.value.field == field


def test_a_length_is_a_number() -> None:
    """/v1 has it as text."""
    assert settings(text(duration="7"))["duration"] == 7
    assert settings(raw(duration="7"))["duration"] == 7


def test_what_both_have_under_one_name_goes_to_its_place() -> None:
    """The rest of the request goes to `options`, under its own name."""
    request = text(
        aspect_ratio="9:16",
        callback_url="https://example.com/kling",
        external_task_id="job-7",
        watermark_info=True,
    )
    sent = MODEL_PATH.create(request, "job-7")
    assert (sent.method, sent.path, sent.needs_api_key) == (
        "POST",
        "/text-to-video/kling-3.0",
        True,
    )
    assert sent.json == {
        "prompt": "a cat",
        "settings": {"aspect_ratio": "9:16", "multi_shot": False},
        "options": {
            "callback_url": "https://example.com/kling",
            "external_task_id": "job-7",
            "watermark_info": {"enabled": True},
        },
    }


# ---------------------------------------------------------------- defaults


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        (text(), {"multi_shot": False}),
        (text(multi_shot=False), {"multi_shot": False}),
        (text(multi_shot=True, shot_type="intelligence"), {"multi_shot": True}),
        (text(model_name="kling-2.6"), {}),
        (text(model_name="kling-4.0"), {}),
        (text(model_name="kling-4.0", multi_shot=False), {"multi_shot": False}),
        (picture(), {"multi_shot": False}),
        (picture(model_name="kling-2.5-turbo", sound=False), {}),
        (omni(), {"resolution": "1080p", "aspect_ratio": "16:9", "multi_shot": False}),
        (omni(model_name="kling-o1"), {"resolution": "1080p", "aspect_ratio": "16:9"}),
        (
            omni(video_list=[{"video_url": VIDEO, "refer_type": "feature"}]),
            {"resolution": "1080p", "aspect_ratio": "16:9"},
        ),
        (omni(video_list=[VIDEO]), {"resolution": "1080p", "multi_shot": False}),
        (
            omni(image_list=[{"image_url": PICTURE, "type": "first_frame"}]),
            {"resolution": "1080p", "multi_shot": False},
        ),
        (
            OmniVideo(prompt="a cat", model_name="kling-v3-omni", interface="model-path"),
            {"resolution": "1080p", "aspect_ratio": "16:9", "multi_shot": False},
        ),
    ],
)
def test_what_is_not_given_means_what_it_means_on_v1(
    request_: Request, expected: dict[str, Any]
) -> None:
    """A default that differs is sent, so that another model's name changes nothing else."""
    assert settings(request_) == expected


# ---------------------------------------------------------------- prompts and contents


def test_a_picture_and_its_last_frame_are_contents() -> None:
    """`image` is the first frame, `image_tail` the last."""
    assert contents(picture(image_tail=PICTURE + "?2", prompt="a cat")) == [
        {"type": "prompt", "text": "a cat"},
        {"type": "first_frame", "url": PICTURE},
        {"type": "last_frame", "url": PICTURE + "?2"},
    ]


def test_references_have_ids_which_the_prompt_names() -> None:
    """`<<<image_1>>>` becomes `@image_01`; what refers to nothing stays as it is."""
    request = omni(
        prompt="<<<image_1>>>s and <<<image_2>>>, <<<element_1>>>; <<<video_1>>> <<<image_3>>>",
        image_list=[{"image_url": PICTURE, "type": "first_frame"}, {"image_url": PICTURE}],
        element_list=[160],
        video_list=[{"video_url": VIDEO, "refer_type": "feature"}],
    )
    assert contents(request) == [
        {
            "type": "prompt",
            "text": "@image_01 s and @image_02, @element_01; @video_01 <<<image_3>>>",
        },
        {"type": "first_frame", "url": PICTURE, "id": "image_01"},
        {"type": "refer_image", "url": PICTURE, "id": "image_02"},
        {"type": "feature_video", "url": VIDEO, "id": "video_01"},
        {"type": "element", "element_id": "160", "id": "element_01"},
    ]


def test_voices_have_ids() -> None:
    """They are required, and unique in the task."""
    request = picture(
        model_name="kling-2.6",
        mode="pro",
        sound=True,
        voice_list=["a", "b"],
        prompt="<<<voice_2>>>",
    )
    assert contents(request)[2:] == [
        {"type": "voice", "voice_id": "a", "id": "voice_01"},
        {"type": "voice", "voice_id": "b", "id": "voice_02"},
    ]
    assert contents(request)[0]["text"] == "@voice_02"


def test_no_id_is_the_beginning_of_another() -> None:
    """This covers as many ids as may be referred to: the server searches for `@id` in the text."""
    request = raw("omni-video", "kling-9.0", image_list=[{"image_url": PICTURE}] * 99)
    ids = [item["id"] for item in contents(request)[1:]]
    assert len(ids) == 99
    assert not [pair for pair in permutations(ids, 2) if pair[0].startswith(pair[1])]
    with pytest.raises(RequestValidationError, match="at most 99"):
        body(raw("omni-video", "kling-9.0", image_list=[{"image_url": PICTURE}] * 100))


def test_shots_stand_in_the_prompt() -> None:
    """They are in their order, as `shot n, s, words;`."""
    request = text(multi_shot=True, shot_type="customize", multi_prompt=SHOTS, prompt="not used")
    assert body(request)["prompt"] == "shot 1, 3, a cat walks; shot 2, 2, it jumps;"
    assert settings(request)["multi_shot"] is True
    backwards = [{"index": 2, **SHOTS[1]}, {"index": 1, **SHOTS[0]}]
    assert body(raw(multi_shot="true", shot_type="customize", multi_prompt=backwards)) == body(
        raw(multi_shot=True, shot_type="customize", multi_prompt=SHOTS)
    )


def test_a_model_that_takes_shots_in_the_prompt_alone_has_no_setting_for_them() -> None:
    """`kling-3.0-turbo` has no `settings.multi_shot`."""
    turbo = text(
        model_name="kling-3.0-turbo", multi_shot=True, shot_type="customize", multi_prompt=SHOTS
    )
    assert "settings" not in body(turbo)
    assert body(turbo)["prompt"].startswith("shot 1, 3,")


# ---------------------------------------------------------------- what has no place


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        (text(negative_prompt="rain", check=False), "negative_prompt"),
        (text(cfg_scale=0.5, check=False), "cfg_scale"),
        (text(camera_control={"type": "down_back"}, check=False), "camera_control"),
        (picture(static_mask=PICTURE, check=False), "static_mask"),
        (picture(dynamic_masks=[{"mask": PICTURE}], check=False), "dynamic_masks"),
        (text(mode="ultra", check=False), "mode"),
        (text(sound="loud", check=False), "sound"),
        (text(mode="std", resolution="1080p", check=False), "resolution"),
        (text(sound="on", audio="off", check=False), "audio"),
        (
            omni(
                check=False,
                multi_shot=False,
                video_list=[{"video_url": VIDEO, "refer_type": "feature"}],
            ),
            "multi_shot",
        ),
        (
            omni(
                check=False,
                sound="on",
                video_list=[{"video_url": VIDEO, "keep_original_sound": "yes"}],
            ),
            "sound",
        ),
        (omni(image_list=[1], check=False), "image_list"),
        (
            RawRequest(ENDPOINTS["text2video"], {"model_name": "kling-3.0", "image": PICTURE}),
            "image",
        ),
        (RawRequest(ENDPOINTS["text2video"], {"prompt": "a cat"}, "model-path"), "model_name"),
    ],
)
def test_what_has_no_place_is_refused_unchecked_as_well(request_: Any, field: str) -> None:
    """Leaving it out would make another video, at the price of the one requested."""
    with pytest.raises(RequestValidationError) as caught:
        body(request_)
    assert caught.value.field == field


@pytest.mark.parametrize(
    "fields",
    [
        {"mode": "std", "resolution": "1080p"},
        {"sound": "off", "audio": "native"},
        {"sound": True, "audio": "off"},
    ],
)
def test_two_names_that_disagree_are_refused_when_the_request_is_made(
    fields: dict[str, Any],
) -> None:
    """This holds on either interface, and for an unknown model."""
    for model in ("kling-3.0", "kling-v3", "kling-v9"):
        with pytest.raises(RequestValidationError, match="one of the two"):
            TextToVideo(prompt="a cat", model_name=model, **fields)


def test_a_video_s_sound_and_audio_that_disagree_are_refused() -> None:
    """`keep_original_sound` is a name for `audio`, too."""
    for audio, keep in (("off", "yes"), ("native", "yes"), ("original", "no")):
        with pytest.raises(RequestValidationError, match="keep_original_sound"):
            omni(audio=audio, video_list=[{"video_url": VIDEO, "keep_original_sound": keep}])


@pytest.mark.parametrize(
    ("fields", "field"), [({"resolution": "480p"}, "resolution"), ({"audio": "stereo"}, "audio")]
)
def test_what_v1_has_no_word_for_is_refused(fields: dict[str, Any], field: str) -> None:
    """A value of tomorrow goes to the interface that has it, and not to this one."""
    request = TextToVideo(prompt="a cat", model_name="kling-v9", check=False, **fields)
    with pytest.raises(RequestValidationError) as caught:
        v1(request)
    assert caught.value.field == field
    assert settings(text(model_name="kling-9.0", **fields))[field] == fields[field]


def test_the_original_sound_needs_a_video() -> None:
    """/v1 has it as a property of the video."""
    with pytest.raises(RequestValidationError, match="without a video"):
        v1(OmniVideo(prompt="a cat", audio="original"))


# ---------------------------------------------------------------- every product, by its facts


def sample(field: FieldFacts) -> Any:
    """Return a value of a field."""
    nested = {member.name: sample(member) for member in field.members}
    number = field.numbers[0] if field.numbers else int(field.low or 1)
    samples: dict[str, Any] = {
        "string": field.enum[0] if field.enum else "words",
        "boolean": True,
        "integer": number,
        "number": number,
        "object": nested,
        "array": [nested],
        "texts": ["words"],
    }
    return samples.get(field.type, PICTURE)


PRODUCTS = [name for name, record in ENDPOINTS.items() if record.product]
PLACES = [
    pytest.param(name, field, id=f"{name}-{field.name}")
    for name in PRODUCTS
    for field in ENDPOINTS[name].fields
    if not field.ignored
]


@pytest.mark.parametrize("field", ["video_id", "session_id"])
def test_a_field_of_another_product_is_refused(field: str) -> None:
    """It has no place in this body, whatever the product that it is of."""
    request = RawRequest(
        ENDPOINTS["text2video"], {"model_name": "kling-3.0", field: "7"}, "model-path"
    )
    with pytest.raises(RequestValidationError, match="does not support it"):
        body(request)


@pytest.mark.parametrize(("name", "field"), PLACES)
def test_a_field_goes_where_the_facts_have_one(name: str, field: FieldFacts) -> None:
    """Under a name that the product's page has, or it is refused: never beside the others."""
    record = ENDPOINTS[name]
    fields = {field.name: sample(field)} | {"model_name": record.models[0].name}
    try:
        sent = body(RawRequest(record, fields, "model-path"))
    except RequestValidationError as refused:
        assert refused.field == field.name
        assert not field.required
        return
    known = {member.name: member for member in PATH_REQUESTS[record.product].fields}
    assert sent.keys() <= known.keys()
    for part in ("settings", "options"):
        assert sent.get(part, {}).keys() <= {member.name for member in known[part].members}
    for item in sent.get("contents", ()):
        members = {member.name: member for member in known["contents"].members}
        assert item.keys() <= members.keys()
        assert item["type"] in members["type"].enum


@pytest.mark.parametrize("name", PRODUCTS)
def test_what_the_example_says_and_shows_is_all_sent(name: str) -> None:
    """All words and files are sent: none is refused, or lost."""
    example = next(iter(EMULATED[name].examples.values()))
    fields = {field: value for field, value in example.items() if value != ""}
    model = {"model_name": ENDPOINTS[name].models[0].name}
    sent = json.dumps(body(RawRequest(ENDPOINTS[name], model | fields, "model-path")))
    names = {"model_name", "mode"}
    texts = [
        value for name, value in fields.items() if isinstance(value, str) and name not in names
    ]
    texts = [value for value in texts if len(value) > 12]
    assert texts
    assert not [value for value in texts if value not in sent]


# ---------------------------------------------------------------- the way past the table


def test_extra_body_is_merged_in_last() -> None:
    """Objects by their keys, contents at the end; so a field of tomorrow has a place."""
    extra = {
        "settings": {"seed": 5, "duration": 10},
        "contents": [{"type": "middle_frame", "url": PICTURE}],
        "negative_prompt": "rain",
    }
    sent = body(picture(duration=5, extra_body=extra))
    assert sent["settings"] == {"duration": 10, "multi_shot": False, "seed": 5}
    assert sent["contents"][-1] == {"type": "middle_frame", "url": PICTURE}
    assert sent["negative_prompt"] == "rain"


def raw(endpoint: str = "text2video", model: str = "kling-3.0", **fields: Any) -> RawRequest:
    return RawRequest(ENDPOINTS[endpoint], {"model_name": model, "prompt": "a cat", **fields})


def test_a_body_of_the_caller_s_is_translated_too() -> None:
    """It is /v1's vocabulary; null and empty text are absent, and the rest is passed on."""
    request = raw(mode="pro", negative_prompt="", cfg_scale=None, model="kling-3.0", seed=5)
    assert body(request) == {
        "prompt": "a cat",
        "seed": 5,
        "settings": {"resolution": "1080p", "multi_shot": False},
    }
    own = raw(settings={"audio": "native"}, options={"callback_url": "https://example.com"})
    assert body(own) == {
        "prompt": "a cat",
        "settings": {"multi_shot": False, "audio": "native"},
        "options": {"callback_url": "https://example.com"},
    }


def test_what_v1_does_not_use_is_left_out() -> None:
    """An aspect ratio of image2video is ignored there, and so is a length beside a base video."""
    request = raw("image2video", aspect_ratio="16:9", image=PICTURE)
    assert settings(request) == {"multi_shot": False}
    assert "duration" not in settings(omni(duration=15, video_list=[VIDEO]))
    feature = {"video_url": VIDEO, "refer_type": "feature"}
    assert settings(omni(duration=15, video_list=[feature]))["duration"] == 15


WORDS = st.sampled_from(["", "std", "on", "native", "yes", "base", "customize", "<<<image_1>>>"])
LEAF = st.none() | st.booleans() | st.integers() | WORDS
KEYS = st.sampled_from(["video_url", "refer_type", "type", "keep_original_sound", "index"])
ITEM = LEAF | st.dictionaries(KEYS, LEAF | st.lists(LEAF, max_size=2), max_size=3)
JSON = ITEM | st.lists(ITEM, max_size=3)
NAMES = st.sampled_from(
    [
        "prompt",
        "duration",
        "aspect_ratio",
        "mode",
        "resolution",
        "sound",
        "audio",
        "multi_shot",
        "shot_type",
        "multi_prompt",
        "image",
        "image_list",
        "element_list",
        "video_list",
        "voice_list",
        "contents",
        "settings",
        "options",
        "seed",
    ]
)


@drawn(st.sampled_from(["text2video", "image2video", "omni-video"]), st.dictionaries(NAMES, JSON))
def test_any_body_is_translated_or_refused(endpoint: str, fields: dict[str, Any]) -> None:
    """No value of any type, in any field, makes the translation fail otherwise."""
    for model, write in (("kling-3.0", MODEL_PATH.create), ("kling-v3", V1Wire().create)):
        request = RawRequest(ENDPOINTS[endpoint], {**fields, "model_name": model})
        try:
            assert is_json(write(request, "").json)
        except RequestValidationError as error:
            assert error.field


def test_a_relay_gets_our_vocabulary_for_every_model() -> None:
    """Nothing is translated for it except fields with another form in the vendor's /v1 body."""
    request = text(resolution="1080p", audio="native", duration=5)
    call = RelayWire().create(request, "job-7")
    assert call.path == "/kling/v1/videos/text2video"
    assert call.json == {
        "prompt": "a cat",
        "model_name": "kling-3.0",
        "duration": "5",
        "resolution": "1080p",
        "audio": "native",
        "external_task_id": "job-7",
    }

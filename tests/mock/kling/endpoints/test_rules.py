"""The rules between fields, each with a request that keeps it and one that breaks it."""

from __future__ import annotations

import base64
import re
import struct
import zlib
from typing import Any

import pytest

from kling_mock.kling.endpoints.images import check_length, inspect
from kling_mock.kling.endpoints.noticing import Noticed
from kling_mock.kling.journal.notes import NotePolicy
from kling_mock.kling.service_codes import Refusal
from tests.mock.kling.endpoints.requests import URL, plan

VIDEO = {"video_url": "https://example.com/a.mp4"}
FIRST = {"image_url": URL, "type": "first_frame"}
END = {"image_url": URL, "type": "end_frame"}
IMAGE = {"image_url": URL}


def png(width: int, height: int, padding: int = 0) -> str:
    """Return the beginning of a PNG of this size, in base64; only that is read."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return base64.b64encode(b"\x89PNG\r\n\x1a\n" + head + b"\0" * padding).decode()


def jpeg(width: int, height: int) -> str:
    frame = b"\xff\xc0" + struct.pack(">HBHHB", 11, 8, height, width, 1) + b"\x01\x11\x00"
    return base64.b64encode(b"\xff\xd8\xff\xe0\x00\x04\x00\x00" + frame + b"\xff\xd9").decode()


def elements(count: int, first: int = 1) -> list[dict[str, int]]:
    return [{"element_id": number} for number in range(first, first + count)]


def shots(*lengths: str, **change: Any) -> dict[str, Any]:
    rows = [{"index": n, "prompt": "a", "duration": s} | change for n, s in enumerate(lengths, 1)]
    return {"multi_shot": True, "shot_type": "customize", "multi_prompt": rows}


T2V = {"model_name": "kling-v3", "prompt": "a cat"}
V1 = {"model_name": "kling-v1", "prompt": "a cat"}
I2V = {"model_name": "kling-v3", "image": URL}
BRUSH = {"model_name": "kling-v1", "image": URL}
TAIL = {"model_name": "kling-v2-6", "mode": "pro", "image": URL, "image_tail": URL}
OMNI = {"model_name": "kling-v3-omni", "prompt": "a cat"}
O1 = {"model_name": "kling-video-o1", "prompt": "a cat"}
MULTI = {"prompt": "a cat", "image_list": [{"image": URL}]}
DOTS = [{"x": 1, "y": 1}, {"x": 2, "y": 2}]
SMART = {"multi_shot": True, "shot_type": "intelligence"}

ACCEPTED: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("text2video", T2V, shots("2", "3")),
    ("text2video", {"model_name": "kling-v3"}, shots("5")),  # customize needs no prompt
    ("text2video", T2V, SMART),
    ("text2video", T2V, {"multi_shot": False, "shot_type": "customize"}),  # ignored
    ("text2video", T2V, {"multi_shot": False, "multi_prompt": shots("9")["multi_prompt"]}),
    ("text2video", T2V, {"negative_prompt": None, "external_task_id": ""}),
    ("text2video", T2V, {"image_tail": None, "promt": "", "seed": None}),  # absent, known or not
    ("text2video", V1, {"camera_control": {"type": "down_back"}}),
    ("text2video", V1, {"camera_control": {"type": "down_back", "config": None}}),
    ("text2video", V1, {"camera_control": {"type": "simple", "config": {"pan": -10, "roll": 0}}}),
    ("text2video", {"prompt": "a cat"}, {}),
    ("text2video", T2V, {"cfg_scale": 1}),
    ("text2video", T2V, {"watermark_info": {"enabled": True}, "callback_url": "http://a/b"}),
    ("image2video", I2V, {}),  # the prompt is optional
    ("image2video", I2V, {"image_tail": URL} | shots("5")),
    ("image2video", I2V, {"element_list": elements(3)}),
    (
        "image2video",
        BRUSH,
        {"static_mask": URL, "dynamic_masks": [{"mask": URL, "trajectories": DOTS}]},
    ),
    ("image2video", {"image": png(400, 400)}, {"static_mask": png(600, 600)}),
    ("image2video", TAIL, {"sound": "off"}),
    ("image2video", {"image": png(300, 750)}, {}),
    ("image2video", {"image": jpeg(300, 300)}, {}),
    ("omni-video", OMNI, {"image_list": [FIRST, END], "element_list": elements(3)}),
    ("omni-video", OMNI, {"image_list": [IMAGE] * 4, "element_list": elements(3)}),
    ("omni-video", OMNI, {"image_list": [IMAGE] * 4, "element_list": elements(3, 100)}),
    ("omni-video", OMNI, {"image_list": [IMAGE] * 4, "video_list": [VIDEO]}),
    ("omni-video", OMNI, {"mode": "4k", "video_list": [VIDEO]}),
    ("omni-video", OMNI, {"video_list": [VIDEO | {"refer_type": "feature"}]} | SMART),
    ("omni-video", O1, {"duration": "10"}),
    ("omni-video", O1, {"duration": "7", "image_list": [IMAGE]}),
    ("omni-video", O1, {"duration": "3", "video_list": [VIDEO]}),
    ("omni-video", O1, {"duration": "15", "video_list": [VIDEO]}),  # ignored with a base video
    ("omni-video", O1, {"image_list": [FIRST, IMAGE], "duration": "7"}),
    ("multi-image2video", MULTI, {"image_list": [{"image": URL}] * 4}),
]

REFUSED: list[tuple[str, dict[str, Any], dict[str, Any], str]] = [
    ("text2video", T2V, {"prompt": None}, "prompt"),
    ("text2video", T2V, {"prompt": ""}, "prompt"),
    ("text2video", T2V, {"prompt": "a" * 2501}, "prompt"),
    ("text2video", T2V, {"duration": "16"}, "duration"),
    ("text2video", T2V, {"cfg_scale": 1.1}, "cfg_scale"),
    ("text2video", T2V, {"cfg_scale": True}, "cfg_scale"),
    ("text2video", T2V, {"aspect_ratio": "4:3"}, "aspect_ratio"),
    ("text2video", T2V, {"sound": True}, "sound"),
    ("text2video", T2V, {"callback_url": "ftp://a/b"}, "callback_url"),
    ("text2video", T2V, {"callback_url": 1}, "callback_url"),
    ("text2video", T2V, {"watermark_info": {"enabled": "yes"}}, "watermark_info.enabled"),
    ("text2video", T2V, {"watermark_info": True}, "watermark_info"),
    ("text2video", T2V, {"multi_shot": True}, "shot_type"),
    ("text2video", T2V, {"multi_shot": True, "shot_type": "customize"}, "multi_prompt"),
    ("text2video", {"model_name": "kling-v3"}, SMART, "prompt"),
    ("text2video", T2V, shots("2", "2"), "multi_prompt"),
    ("text2video", T2V, shots("2", "3", index=1), "multi_prompt"),
    ("text2video", T2V, shots("5", index=0), "multi_prompt[0].index"),
    ("text2video", T2V, shots("5", index=1.5), "multi_prompt[0].index"),
    ("text2video", T2V, shots("5", index=True), "multi_prompt[0].index"),
    ("text2video", T2V, shots("0", "5"), "multi_prompt[0].duration"),
    ("text2video", T2V, shots("+5"), "multi_prompt[0].duration"),
    ("text2video", T2V, shots("9" * 5000), "multi_prompt"),
    ("text2video", T2V, shots("5", prompt=None), "multi_prompt[0].prompt"),
    ("text2video", T2V, shots("5", prompt="a" * 513), "multi_prompt[0].prompt"),
    ("text2video", T2V | {"duration": "7"}, shots(*"1111111"), "multi_prompt"),
    ("text2video", T2V, {"multi_shot": True, "multi_prompt": {}}, "multi_prompt"),
    ("text2video", T2V, {"multi_shot": True, "multi_prompt": [1]}, "multi_prompt[0]"),
    ("text2video", T2V, {"multi_shot": True, "multi_prompt": []}, "multi_prompt"),
    ("text2video", V1, {"camera_control": {}}, "camera_control.type"),
    ("text2video", V1, {"camera_control": {"type": "spin"}}, "camera_control.type"),
    ("text2video", V1, {"camera_control": {"type": "simple"}}, "camera_control.config"),
    (
        "text2video",
        V1,
        {"camera_control": {"type": "simple", "config": {}}},
        "camera_control.config",
    ),
    (
        "text2video",
        V1,
        {"camera_control": {"type": "simple", "config": {"pan": 1, "tilt": 1}}},
        "camera_control.config",
    ),
    (
        "text2video",
        V1,
        {"camera_control": {"type": "simple", "config": {"pan": 11}}},
        "camera_control.config.pan",
    ),
    (
        "text2video",
        V1,
        {"camera_control": {"type": "down_back", "config": {"pan": 1}}},
        "camera_control.config",
    ),
    ("image2video", {"model_name": "kling-v3"}, {}, "image"),
    ("image2video", I2V, {"image": 5}, "image"),
    ("image2video", I2V, {"image": "data:image/png;base64,AAAA"}, "image"),
    ("image2video", I2V, {"image": "not base64!"}, "image"),
    ("image2video", I2V, {"image": base64.b64encode(b"GIF89a").decode()}, "image"),
    ("image2video", I2V, {"image": base64.b64encode(b"\xff\xd8\xff").decode()}, "image"),
    ("image2video", I2V, {"image": png(400, 400, 10 * 1024 * 1024)}, "image"),
    ("image2video", I2V, {"element_list": elements(4)}, "element_list"),
    ("image2video", TAIL, {"sound": "on"}, "sound"),
    ("image2video", TAIL, {"image": None}, "image_tail"),
    ("image2video", BRUSH, {"image_tail": URL, "static_mask": URL}, "image_tail"),
    ("image2video", BRUSH, {"image": None, "image_tail": None}, "image"),
    ("image2video", BRUSH, {"static_mask": png(400, 400), "image": png(400, 800)}, "static_mask"),
    (
        "image2video",
        BRUSH,
        {
            "static_mask": png(400, 400),
            "dynamic_masks": [{"mask": png(500, 500), "trajectories": DOTS}],
        },
        "dynamic_masks[0].mask",
    ),
    (
        "image2video",
        BRUSH,
        {"dynamic_masks": [{"mask": URL, "trajectories": DOTS[:1]}]},
        "dynamic_masks[0].trajectories",
    ),
    (
        "image2video",
        BRUSH,
        {"dynamic_masks": [{"mask": URL, "trajectories": [{"x": 1, "y": 1}] * 78}]},
        "dynamic_masks[0].trajectories",
    ),
    (
        "image2video",
        BRUSH,
        {"dynamic_masks": [{"mask": URL, "trajectories": DOTS}] * 7},
        "dynamic_masks",
    ),
    (
        "image2video",
        {"model_name": "kling-v1-5", "mode": "pro", "image": URL},
        {"camera_control": {"type": "down_back"}},
        "camera_control.type",
    ),
    (
        "image2video",
        {"model_name": "kling-v2-6", "mode": "pro", "image": URL},
        {"voice_list": [{"voice_id": "a"}]},
        "sound",
    ),
    (
        "image2video",
        {"model_name": "kling-v2-6", "mode": "pro", "image": URL, "sound": "on"},
        {"voice_list": [{"voice_id": "a"}] * 3},
        "voice_list",
    ),
    (
        "image2video",
        I2V | {"sound": "on"},
        {"voice_list": [{"voice_id": "a"}], "element_list": elements(1)},
        "element_list",
    ),
    ("omni-video", OMNI, {"image_list": [END]}, "image_list"),
    ("omni-video", OMNI, {"image_list": [FIRST, FIRST]}, "image_list"),
    (
        "omni-video",
        OMNI,
        {"image_list": [{"image_url": URL, "type": "last"}]},
        "image_list[0].type",
    ),
    ("omni-video", OMNI, {"image_list": [{"type": "first_frame"}]}, "image_list[0].image_url"),
    ("omni-video", OMNI, {"image_list": [FIRST], "video_list": [VIDEO]}, "image_list"),
    ("omni-video", OMNI, {"image_list": [FIRST], "element_list": elements(4)}, "element_list"),
    ("omni-video", OMNI, {"image_list": [IMAGE] * 8}, "image_list"),
    ("omni-video", OMNI, {"image_list": [IMAGE] * 5, "element_list": elements(3)}, "element_list"),
    ("omni-video", OMNI, {"image_list": [IMAGE] * 5, "video_list": [VIDEO]}, "image_list"),
    (
        "omni-video",
        OMNI,
        {"image_list": [IMAGE] * 5, "element_list": elements(1, 100)},
        "image_list",
    ),
    ("omni-video", OMNI, {"element_list": elements(4, 100)}, "element_list"),
    ("omni-video", OMNI, {"element_list": elements(1, 100), "video_list": [VIDEO]}, "element_list"),
    ("omni-video", O1, {"element_list": elements(1, 100)}, "element_list"),
    ("omni-video", OMNI, {"video_list": [VIDEO, VIDEO]}, "video_list"),
    ("omni-video", OMNI, {"video_list": [{"video_url": "AAAA"}]}, "video_list[0].video_url"),
    ("omni-video", OMNI, {"video_list": [VIDEO], "sound": "on"}, "sound"),
    ("omni-video", OMNI, {"video_list": [VIDEO]} | SMART, "multi_shot"),
    (
        "omni-video",
        OMNI,
        {"video_list": [VIDEO | {"refer_type": "feature"}]} | shots("5"),
        "shot_type",
    ),
    ("omni-video", O1, {"sound": "on"}, "sound"),
    ("omni-video", O1, {"duration": "7"}, "duration"),
    ("omni-video", O1, {"duration": "7", "image_list": [FIRST]}, "duration"),
    ("omni-video", O1, {"image_list": [FIRST, IMAGE, IMAGE]}, "image_list"),
    ("omni-video", O1, {"image_list": [FIRST, END], "element_list": elements(1)}, "element_list"),
    ("multi-image2video", MULTI, {"image_list": None}, "image_list"),
    ("multi-image2video", MULTI, {"image_list": [{"image": URL}] * 5}, "image_list"),
    ("multi-image2video", MULTI, {"prompt": None}, "prompt"),
    ("multi-image2video", MULTI, {"duration": "6"}, "duration"),
]

# What the real service still accepts: the kind of the note, and its field.
NOTICED: list[tuple[str, dict[str, Any], dict[str, Any], str, str]] = [
    ("text2video", T2V, {"promt": "a"}, "unknown", "promt"),
    ("text2video", T2V, {"seed": 0}, "unknown", "seed"),
    ("text2video", T2V, shots("5", more=1), "unknown", "multi_prompt[0].more"),
    ("text2video", T2V, {"image": URL}, "inapplicable", "image"),
    ("text2video", T2V, {"model": "kling-v3"}, "inapplicable", "model"),
    ("image2video", I2V, {"aspect_ratio": "1:1"}, "inapplicable", "aspect_ratio"),
    ("image2video", I2V, {"aspect_ratio": 5}, "inapplicable", "aspect_ratio"),
    *(
        (
            "image2video",
            I2V | {"model_name": "kling-v2-1-master"},
            {name: value},
            "inapplicable",
            name,
        )
        for name, value in (
            ("sound", "on"),
            ("multi_shot", True),
            ("element_list", [{"element_id": 1}]),
            ("voice_list", [{"voice_id": "1"}]),
        )
    ),
    ("omni-video", OMNI, {"negative_prompt": "rain"}, "inapplicable", "negative_prompt"),
    ("multi-image2video", MULTI, {"cfg_scale": 0.5}, "inapplicable", "cfg_scale"),
    (
        "text2video",
        T2V | {"model_name": "kling-v2-6"},
        {"cfg_scale": 0.5},
        "inapplicable",
        "cfg_scale",
    ),
    ("text2video", T2V, {"duration": 5}, "coerced", "duration"),
    ("text2video", T2V, {"duration": 5.0}, "coerced", "duration"),
    ("text2video", T2V, {"prompt": 5}, "coerced", "prompt"),
    ("text2video", T2V, {"cfg_scale": "0.5"}, "coerced", "cfg_scale"),
    ("text2video", T2V, shots("5") | {"multi_shot": "true"}, "coerced", "multi_shot"),
    (
        "text2video",
        T2V,
        {"watermark_info": {"enabled": "false"}},
        "coerced",
        "watermark_info.enabled",
    ),
    ("text2video", T2V, shots("5", index="1"), "coerced", "multi_prompt[0].index"),
    (
        "image2video",
        I2V,
        {"element_list": [{"element_id": "1"}]},
        "coerced",
        "element_list[0].element_id",
    ),
]

GONE = "http://pictures.invalid/a.png"
UNREACHABLE = "Something went wrong when we tried to get the contents of the file."
PIXELS = "Image pixel is invalid"
SHAPE = (
    "The resolution or aspect ratio of the input image is invalid. Please ensure it meets the "
    "required specifications."
)
CFG_SCALE = "cfgScale: must be less than or equal to 1"
CAMERA = {"type": "simple", "config": {"zoom": 1}}
TAILLESS = ("kling-v2-1-master", "kling-v2-master")
CAMERALESS = (*TAILLESS, "kling-v2-5-turbo", "kling-v3")
# What the real service takes, and fails later: with this reason.
FAILS_LATER: list[tuple[str, dict[str, Any], dict[str, Any], str]] = [
    ("image2video", I2V, {"image": png(299, 400)}, PIXELS),
    ("image2video", I2V, {"image": png(300, 751)}, SHAPE),
    ("image2video", I2V, {"image": GONE}, UNREACHABLE),
    ("image2video", I2V, {"image": "https://a.Pictures.INVALID.:8080/a.png?b"}, UNREACHABLE),
    ("image2video", TAIL, {"image_tail": GONE}, UNREACHABLE),
    ("omni-video", OMNI, {"image_list": [{"image_url": png(1, 1)}]}, PIXELS),
    ("omni-video", OMNI, {"image_list": [{"image_url": GONE}]}, UNREACHABLE),
    ("omni-video", OMNI, {"video_list": [VIDEO | {"video_url": GONE}]}, UNREACHABLE),
    ("multi-image2video", MULTI, {"image_list": [{"image": png(10, 10)}]}, PIXELS),
]

CHARACTERS = range(100, 200)


@pytest.mark.parametrize(("endpoint", "base", "change"), ACCEPTED)
def test_accepted(endpoint: str, base: dict[str, Any], change: dict[str, Any]) -> None:
    """A request that keeps all rules is accepted."""
    plan(endpoint, base | change, characters=CHARACTERS)


@pytest.mark.parametrize(("endpoint", "base", "change", "reason"), FAILS_LATER)
def test_accepted_and_failed_later(
    endpoint: str, base: dict[str, Any], change: dict[str, Any], reason: str
) -> None:
    """A defect that only the file itself shows fails the task, with the text that was seen."""
    assert plan(endpoint, base).failure is None
    failure = plan(endpoint, base | change).failure
    assert failure is not None
    assert (failure.code, failure.message) == (1201, reason)


@pytest.mark.parametrize(("endpoint", "base", "change", "field"), REFUSED)
def test_refused(endpoint: str, base: dict[str, Any], change: dict[str, Any], field: str) -> None:
    """A request that breaks one rule is 400/1201, and the text or its note names the field."""
    with pytest.raises(Refusal) as caught:
        plan(endpoint, base | change, characters=CHARACTERS)
    assert (caught.value.http, caught.value.code) == (400, 1201)
    assert field in f"{caught.value.message} {caught.value.note}"
    assert len(caught.value.message) < 500


@pytest.mark.parametrize(("endpoint", "base", "change", "kind", "field"), NOTICED)
def test_accepted_with_a_note(
    endpoint: str, base: dict[str, Any], change: dict[str, Any], kind: str, field: str
) -> None:
    """What the real service ignores or coerces makes the same task, and one note."""
    noticed = Noticed()
    task_plan = plan(endpoint, base | change, noticed, characters=CHARACTERS)

    # Some of the models are retired, which has a note of its own.
    notes = [(note.kind, note.field) for note in noticed.notes if note.kind != "retired"]
    assert notes == [(kind, field)]
    if kind != "coerced":
        assert task_plan == plan(endpoint, base | {k: v for k, v in change.items() if k != field})


@pytest.mark.parametrize(("endpoint", "base", "change", "kind", "field"), NOTICED)
def test_what_would_be_ignored_can_be_refused(
    endpoint: str, base: dict[str, Any], change: dict[str, Any], kind: str, field: str
) -> None:
    """For clients that must not send ignored fields; a coerced value is not an ignored one."""
    noticed = Noticed(NotePolicy(refuses=True))
    if kind == "coerced":
        assert plan(endpoint, base | change, noticed, characters=CHARACTERS)
        return
    with pytest.raises(Refusal, match=re.escape(f"{field}: ")) as caught:
        plan(endpoint, base | change, noticed, characters=CHARACTERS)
    assert (caught.value.http, caught.value.code) == (400, 1201)


@pytest.mark.parametrize(
    ("change", "duration", "prompt"),
    [({"duration": 10}, 10, "a cat"), ({"duration": 10.0}, 10, "a cat"), ({"prompt": 7}, 5, "7")],
)
def test_a_number_is_taken_for_a_text(change: dict[str, Any], duration: int, prompt: str) -> None:
    """The text is the number as it would be written."""
    task_plan = plan("text2video", T2V | change)
    assert (task_plan.seconds, task_plan.prompt) == (duration, prompt)


def test_a_text_is_taken_for_a_number_or_a_truth() -> None:
    """Their values count, not only their types."""
    task_plan = plan("text2video", T2V | {"watermark_info": {"enabled": "true"}})
    assert task_plan.watermark
    with pytest.raises(Refusal, match=CFG_SCALE):
        plan("text2video", T2V | {"cfg_scale": "1.5"})


@pytest.mark.parametrize(
    ("endpoint", "request_body", "text"),
    [
        (
            "image2video",
            {"model_name": "kling-v2-1", "image": URL, "image_tail": URL},
            "model/mode/duration(kling-v2-1/std/5) is not supported with image_tail",
        ),
        (
            "text2video",
            {"model_name": "kling-v2-6", "prompt": "a", "sound": "on"},
            "model/mode(kling-v2-6/std) is not supported with sound on",
        ),
        (
            "image2video",
            {"model_name": "kling-v1-6", "image": URL, "static_mask": URL},
            "kling-v1-6 is not supported with motion brush",
        ),
        *(
            (
                "image2video",
                {"model_name": model, "image": URL} | fields,
                f"{label} by the current model",
            )
            for label, models, fields in (
                ("Image tail is not supported", TAILLESS, {"image_tail": URL}),
                ("Camera control is not supported", CAMERALESS, {"camera_control": CAMERA}),
                ("Motion brush is not supported", TAILLESS, {"static_mask": URL}),
            )
            for model in models
        ),
        (
            "image2video",
            {"model_name": "kling-v2-1-master", "image": URL, "mode": "4k"},
            "4k mode is not supported by the current model: kling-v2-1-master",
        ),
        (
            "image2video",
            {"model_name": "kling-v1-6", "image_tail": URL},
            "model/mode/duration(kling-v1-6/std/5) is not supported with only image_tail",
        ),
        *(
            ("image2video", {"model_name": model, "image": URL, "cfg_scale": 5}, CFG_SCALE)
            for model in ("kling-v1-6", "kling-v1")
        ),
        (
            "text2video",
            {"model_name": "kling-v1-6", "prompt": "a", "camera_control": {"type": "down_back"}},
            "camera_control is only supported in std mode with 5s duration and kling-v1",
        ),
        ("text2video", T2V | {"mode": "professional"}, "mode value 'professional' is invalid"),
        (
            "omni-video",
            {"model_name": "kling-video-o3", "prompt": "a"},
            "model_name value 'kling-video-o3' is invalid",
        ),
        ("text2video", {"model_name": "kling-video-o1", "prompt": "a"}, "model is not supported"),
        ("text2video", T2V | {"sound": True}, "Failed to resolve the request body"),
        ("text2video", T2V | {"watermark_info": 5}, "Failed to resolve the request body"),
        ("image2video", {"model_name": "kling-v3"}, "image can not be null"),
        (
            "image2video",
            I2V | {"image": "data:image/png;base64,AAAA"},
            "File is not in a valid base64 format",
        ),
        ("image2video", I2V | {"image": "no base64!"}, "File is not in a valid base64 format"),
    ],
)
def test_words_that_were_seen(endpoint: str, request_body: dict[str, Any], text: str) -> None:
    """If Kling's own text is known, it is the whole message: clients compare it."""
    with pytest.raises(Refusal) as caught:
        plan(endpoint, request_body)
    assert (caught.value.http, caught.value.code) == (400, 1201)
    assert caught.value.message == text
    assert caught.value.note is not None
    assert caught.value.note.text


@pytest.mark.parametrize(
    ("size", "shape"), [((1000, 500), "16:9"), ((400, 390), "1:1"), ((400, 900), "9:16")]
)
def test_a_result_has_the_shape_of_its_first_image(size: tuple[int, int], shape: str) -> None:
    """image2video and a first frame give the result their nearest aspect ratio."""
    image = png(*size)
    assert plan("image2video", {"image": image}).aspect_ratio == shape
    tail = {"model_name": "kling-v1-6", "mode": "pro", "image_tail": image}
    assert plan("image2video", tail).aspect_ratio == shape
    first = OMNI | {"image_list": [{"image_url": image, "type": "first_frame"}]}
    assert plan("omni-video", first).aspect_ratio == shape


@pytest.mark.parametrize(
    ("endpoint", "request_body", "units"),
    [
        ("text2video", {"model_name": "kling-v2-6", "prompt": "a", "duration": "10"}, "3"),
        ("text2video", {"model_name": "kling-v3", "prompt": "a", "sound": "on"}, "4.5"),
        ("image2video", {"image": URL, "mode": "pro"}, "3.5"),
        (
            "image2video",
            {
                "model_name": "kling-v2-6",
                "image": URL,
                "mode": "pro",
                "sound": "on",
                "voice_list": [{"voice_id": "a"}],
            },
            "6",
        ),
        ("omni-video", O1 | {"video_list": [VIDEO], "mode": "std"}, "4.5"),
        ("multi-image2video", MULTI, "2"),
    ],
)
def test_prices(endpoint: str, request_body: dict[str, Any], units: str) -> None:
    """Units by model, mode, length, sound, voice and video, as the price list has them."""
    assert str(plan(endpoint, request_body).units.normalize()) == units


@pytest.mark.parametrize("duration", [{}, {"duration": "3"}, {"duration": "15"}])
@pytest.mark.parametrize("use", [{"refer_type": "base"}, {}])
def test_a_base_video_decides_the_length(duration: dict[str, Any], use: dict[str, Any]) -> None:
    """With a video to be edited `duration` changes neither the result's length nor its price."""
    task_plan = plan("omni-video", OMNI | {"video_list": [{"video_url": URL} | use]} | duration)
    assert (task_plan.seconds, str(task_plan.units.normalize())) == (5, "6")


def test_a_video_to_refer_to_leaves_the_length_to_the_request() -> None:
    """With a reference video, the result has the requested length, and is priced by it."""
    video: dict[str, Any] = {
        "video_list": [VIDEO | {"refer_type": "feature"}],
        "duration": "15",
    }
    task_plan = plan("omni-video", OMNI | video)
    assert (task_plan.seconds, str(task_plan.units.normalize())) == (15, "18")


def test_a_plan_keeps_what_later_steps_need() -> None:
    """External id, callback, watermark and the prompts of the shots."""
    task_plan = plan(
        "text2video",
        {"model_name": "kling-v3", "external_task_id": "e", "callback_url": "http://a/"}
        | {"watermark_info": {"enabled": True}}
        | shots("2", "3"),
    )
    assert (task_plan.external_task_id, task_plan.callback_url, task_plan.watermark) == (
        "e",
        "http://a/",
        True,
    )
    assert task_plan.prompt == "a\na"


def test_an_image_is_measured_by_its_head(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the head of a large image is decoded: eight whole ones would delay other requests."""
    sizes: list[int] = []
    decode = base64.b64decode

    def counting(text: str) -> bytes:
        sizes.append(len(text))
        return decode(text)

    large = png(640, 480, 9 * 1024 * 1024)
    monkeypatch.setattr(base64, "b64decode", counting)
    assert inspect(large, "image", Noticed()) == (640, 480)
    assert sizes
    assert max(sizes) < 3 * 1024 * 1024


def test_a_size_behind_a_long_header_is_found() -> None:
    """A JPEG may begin with megabytes of other segments."""
    segment = b"\xff\xe2" + struct.pack(">H", 65_535) + bytes(65_533)
    start = base64.b64decode(jpeg(640, 480))
    long = base64.b64encode(start[:2] + segment * 40 + start[2:]).decode()
    assert inspect(long, "image", Noticed()) == (640, 480)


def test_an_image_that_is_too_large_is_not_decoded() -> None:
    """Its length decides; the refusal states its size."""
    with pytest.raises(Refusal, match="at most 10 MB, got 11534337 bytes"):
        check_length("A" * (11 * 1024 * 1024 // 3 * 4 + 4), "image")

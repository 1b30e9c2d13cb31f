"""The features of a request, in the words of a model's limits, and its repr."""

from __future__ import annotations

from typing import Any

import pytest

from kling_sdk import (
    ENDPOINTS,
    ImageToVideo,
    MultiImageToVideo,
    OmniVideo,
    RequestValidationError,
    TextToVideo,
    VideoExtend,
    VideoRequest,
)
from kling_sdk.endpoints import checks
from kling_sdk.endpoints.interfaces import (
    check_agreement,
    interface_for,
    mode_of,
    model_path_name_of,
    one_vocabulary,
    v1_name_of,
)
from kling_sdk.endpoints.raw import RawRequest
from kling_sdk.endpoints.values import hidden, media
from tests.endpoint_files.model_table import _seconds
from tests.endpoint_files.table_words import WORDS
from tests.sdk.endpoints.test_requests import MASK

URL = "https://example.com/a.png"
VIDEO = "https://example.com/v.mp4"
FEATURE = {"video_url": VIDEO, "refer_type": "feature"}
BASE = {"video_url": VIDEO, "refer_type": "base"}
FIRST = {"image_url": URL, "type": "first_frame"}
LAST = {"image_url": URL, "type": "end_frame"}
SHOT = {"prompt": "x", "duration": 5}
OWN = {"multi_shot": True, "shot_type": "customize", "multi_prompt": [SHOT]}


def text(**fields: Any) -> TextToVideo:
    return TextToVideo(**{"prompt": "x", **fields})


def image(**fields: Any) -> ImageToVideo:
    return ImageToVideo(**{"image": URL, **fields})


def omni(**fields: Any) -> OmniVideo:
    return OmniVideo(**{"prompt": "x", **fields})


@pytest.mark.parametrize(
    ("request_", "features"),
    [
        (text(), ""),
        (text(negative_prompt="", cfg_scale=0.0), "cfg_scale"),
        (text(negative_prompt="y", aspect_ratio="1:1"), "negative_prompt aspect_ratio"),
        (text(sound=True), "sound"),
        (text(sound=False), ""),
        (text(audio="original"), "keep_original_sound"),
        (text(camera_control={"type": "down_back"}), "camera_control camera_move"),
        (
            text(camera_control={"type": "simple", "config": {"zoom": 1}}),
            "camera_control",
        ),
        (text(model_name="kling-v3", **OWN), "multi_shot own_shots"),
        (
            text(model_name="kling-v3", multi_shot=True, shot_type="intelligence"),
            "multi_shot",
        ),
        (text(multi_shot=False, shot_type="customize"), ""),
        (image(), ""),
        (image(voice_list=["a"]), "voice_list"),
        (image(element_list=[1]), "element_list"),
        (image(image_tail=URL), "first_last_frame"),
        (image(image=None, image_tail=URL), "last_frame_only"),
        (image(static_mask=URL), "motion_brush"),
        (image(dynamic_masks=[MASK]), "motion_brush"),
        (omni(aspect_ratio="1:1"), "aspect_ratio text_only"),
        (omni(), "aspect_ratio text_only"),
        (omni(image_list=[URL]), "aspect_ratio image_list"),
        (omni(image_list=[URL] * 2), "aspect_ratio image_list"),
        (omni(image_list=[URL] * 3), "aspect_ratio image_list more_than_two_images"),
        (omni(image_list=[FIRST]), "image_list first_frame first_frame_only"),
        (omni(image_list=[FIRST, URL]), "image_list first_frame"),
        (omni(image_list=[FIRST, LAST]), "image_list first_last_frame"),
        (omni(image_list=[FIRST], element_list=[1]), "element_list image_list first_frame"),
        (
            omni(image_list=[FIRST], video_list=[FEATURE]),
            "image_list first_frame video_feature",
        ),
        (omni(element_list=[1]), "aspect_ratio element_list"),
        (omni(video_list=[VIDEO]), "video_base"),
        (omni(video_list=[BASE]), "video_base"),
        (omni(video_list=[FEATURE]), "aspect_ratio video_feature"),
    ],
)
def test_a_request_asks_for(request_: VideoRequest, features: str) -> None:
    """A request has exactly these features, by name."""
    names = list(request_.record.features(one_vocabulary(request_.parameters())))
    assert sorted(names) == sorted(features.split())


@pytest.mark.parametrize(
    ("fields", "ratio"),
    [
        ({}, "16:9"),
        ({"aspect_ratio": "1:1"}, "1:1"),
        ({"image_list": [URL]}, "16:9"),
        ({"image_list": [FIRST]}, None),
        ({"video_list": [VIDEO]}, None),
        ({"video_list": [BASE]}, None),
        ({"video_list": [FEATURE]}, "16:9"),
        ({"image_list": (1,), "check": False}, None),
        ({"video_list": 5, "check": False}, None),
    ],
)
def test_a_ratio_is_filled_in_where_nothing_decides_it(
    fields: dict[str, Any], ratio: str | None
) -> None:
    """Neither a frame nor a base video decides it; an unchecked value that is not a list stays."""
    assert omni(**fields).aspect_ratio == ratio


# ---------------------------------------------------------------- two vocabularies


@pytest.mark.parametrize(
    ("fields", "translated"),
    [
        ({"resolution": "1080p"}, {"resolution": "1080p", "mode": "pro"}),
        ({"resolution": "8k"}, {"resolution": "8k", "mode": "8k"}),
        ({"resolution": "1080p", "mode": "std"}, {"resolution": "1080p", "mode": "std"}),
        ({"resolution": 5}, {"resolution": 5}),
        ({"audio": "native"}, {"audio": "native", "sound": "on"}),
        ({"audio": "original"}, {"audio": "original", "sound": "off"}),
        ({"audio": "native", "sound": "off"}, {"audio": "native", "sound": "off"}),
        ({"audio": 5}, {"audio": 5}),
        ({}, {}),
    ],
)
def test_either_name_says_the_same(fields: dict[str, Any], translated: dict[str, Any]) -> None:
    """What is given under the classic name stays."""
    assert one_vocabulary(fields) == translated


@pytest.mark.parametrize(
    ("fields", "keeps"),
    [
        ({"mode": "pro", "resolution": "1080p"}, []),
        ({"mode": "8k", "resolution": "8k"}, []),
        ({"mode": "pro"}, []),
        ({"resolution": "1080p"}, []),
        ({"sound": "on", "audio": "native"}, ["no"]),
        ({"sound": "off", "audio": "off"}, ["no"]),
        ({"sound": "off", "audio": "original"}, ["yes"]),
        ({"audio": "original"}, ["yes", None]),
        ({"audio": "off"}, ["no", None]),
        ({}, ["yes", "no"]),
    ],
)
def test_names_that_agree_are_taken(fields: dict[str, Any], keeps: list[Any]) -> None:
    """They are accepted in each combination."""
    check_agreement(fields, keeps)


def test_a_model_has_a_name_on_each_interface() -> None:
    """It is the same model; one that is not served there, or not known, has no name."""
    names = {
        "kling-2.5-turbo": "kling-v2-5-turbo",
        "kling-2.6": "kling-v2-6",
        "kling-3.0": "kling-v3",
        "kling-3.0-omni": "kling-v3-omni",
        "kling-o1": "kling-video-o1",
    }
    assert {new: v1_name_of(new) for new in names} == names
    assert {old: model_path_name_of(old) for old in names.values()} == {
        old: new for new, old in names.items()
    }
    assert v1_name_of("kling-3.0-turbo") is None
    assert model_path_name_of("kling-3.0-turbo") == "kling-3.0-turbo"
    assert [mode_of(resolution) for resolution in ("720p", "1080p", "4k", "8k")] == [
        "std",
        "pro",
        "4k",
        None,
    ]


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        (
            VideoExtend(video_id="1", interface="model-path"),
            "interface is model-path, which has no video-extend; expected v1",
        ),
        (
            RawRequest(ENDPOINTS["text2video"], {}, "v2"),  # type: ignore[arg-type]  # a mistake
            "interface is unknown; expected v1 or model-path",
        ),
    ],
)
def test_an_interface_that_cannot_serve_a_request_reads(request_: Any, words: str) -> None:
    """Its value, and the possible ones."""
    with pytest.raises(RequestValidationError) as refused:
        interface_for(request_)
    assert str(refused.value) == words


# ---------------------------------------------------------------- small things


@pytest.mark.parametrize(
    ("value", "text_", "media_"),
    [
        ("abc", "<3 characters>", "<3 characters>"),
        ("", "<0 characters>", "<0 characters>"),
        (None, "None", "None"),
        (5, "<int>", "<int>"),
        ((1,), "<tuple>", "<tuple>"),
        ("http://a.test/x?sign=1", "<22 characters>", "'http://a.test/x?<hidden>'"),
        ("https://a.test/x?sign=1", "<23 characters>", "'https://a.test/x?<hidden>'"),
    ],
)
def test_a_repr_shows_no_private_text(value: Any, text_: str, media_: str) -> None:
    """Its length, its type, or a URL without its signature."""
    assert (hidden(value), media(value)) == (text_, media_)


def test_a_body_of_the_caller_s_shows_its_id_and_its_model() -> None:
    """They are shown if the body has them."""
    record = ENDPOINTS["text2video"]
    raw = RawRequest(record, {"external_task_id": "job-7", "model_name": "kling-3.0"})
    assert (raw.external_task_id, raw.model, raw.endpoint) == ("job-7", "kling-3.0", "text2video")
    bare = RawRequest(record, {"model_name": 5})
    assert (bare.external_task_id, bare.model, bare.interface) == (None, "", None)
    assert TextToVideo(prompt="x", model_name=5, check=False).model == ""  # type: ignore[arg-type]  # a mistake
    for wrong, words in ((5, "external_task_id is a int; expected text"), ("x/y", "URL path")):
        with pytest.raises(RequestValidationError, match=words):
            RawRequest(record, {"external_task_id": wrong})


def nested(depth: int, make: Any = list) -> Any:
    value: Any = 5
    for _ in range(depth):
        value = [value] if make is list else {"a": value}
    return value


@pytest.mark.parametrize("make", [list, dict])
def test_a_value_is_nested_at_most_100_levels_deep(make: Any) -> None:
    """Readers of JSON have limits of their own."""
    checks.require_json("x", nested(100, make))
    assert checks.is_json(nested(100, make))
    assert not checks.is_json(nested(101, make))
    with pytest.raises(RequestValidationError, match="is nested more than 100 levels deep"):
        checks.require_json("x", nested(101, make))


@pytest.mark.parametrize(
    ("value", "is_json"),
    [
        ("\xe9\U0001f431", True),
        ("\udc00", False),
        (2**1024 - 1, True),
        (-(2**1024), False),
        (1.5, True),
        (float("nan"), False),
        (None, True),
        (True, True),
        ((1, [2, {"a": None}]), True),
        ({1, 2}, False),
        ({"\udc00": 1}, False),
        ({"\xe9": 1}, True),
    ],
)
def test_json_can_carry(*, value: Any, is_json: bool) -> None:
    """Texts of Unicode, finite numbers of at most 1024 bits, lists and objects with text keys."""
    assert checks.is_json(value) is is_json


def test_a_place_without_a_name_is_the_body() -> None:
    """A dot stands between names only."""
    for value, field in ((object(), "the body"), ({"a": object()}, "a"), ([object()], "[0]")):
        with pytest.raises(RequestValidationError) as refused:
            checks.require_json("", value)
        assert refused.value.field == field


@pytest.mark.parametrize(
    ("url", "is_url"),
    [
        ("https://example.com", True),
        ("http://localhost:3000/a?b=c", True),
        ("HTTPS://EXAMPLE.COM", True),
        ("ftp://example.com", False),
        ("https://", False),
        ("https://[", False),
        ("example.com", False),
        ("https://example.com/a b", False),
        ("https://example.com/\x00", False),
        ("https://example.com/\u3000", False),
    ],
)
def test_a_url_of_the_web_has_a_host_and_no_space(*, url: str, is_url: bool) -> None:
    """Its case does not matter."""
    assert checks.is_web_url(url) is is_url


def test_looser_spellings_are_taken() -> None:
    """They are those of the vendor's documentation."""
    for watermark, is_on in ((True, True), ({"enabled": True}, True), ({"enabled": False}, False)):
        assert text(watermark_info=watermark).watermark_info is is_on
    assert text(external_task_id="X").external_task_id == "X"
    assert [element.element_id for element in image(element_list=["7", 8]).element_list or ()] == [
        7,
        8,
    ]
    unchecked: Any = omni(image_list=(1,), check=False).image_list
    assert unchecked == [1]
    assert [
        _seconds(seconds, WORDS[".md"]) for seconds in ((5, 10), (5, 6), (3, 4, 5), (3, 5, 7))
    ] == [
        "5, 10",
        "5, 6",
        "3 to 5",
        "3, 5, 7",
    ]
    request = MultiImageToVideo(prompt="x", image_list=[{"image": URL}, URL])
    assert [subject.image for subject in request.image_list] == [URL, URL]


def test_a_record_is_shown_by_its_name() -> None:
    """It has hundreds of limits."""
    assert repr(ENDPOINTS["omni-video"]) == "<endpoint omni-video>"
    assert ENDPOINTS["omni-video"].attribute == "omni_video"

"""The model-path interface: what goes together in a request, and what each part of it needs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, Final, NamedTuple

import pytest

from kling_mock.kling.endpoints.noticing import Noticed
from kling_mock.kling.model.plan import Plan
from tests.mock.kling.endpoints.model_path import URL, add, body, items, plan, refused
from tests.mock.kling.endpoints.requests import context
from tests.mock.kling.endpoints.test_rules import png

SHORT: Final = (5, 10)

# ---------------------------------------------------------------- omni-video

V3: Final = "kling-3.0-omni"
O1: Final = "kling-o1"
FIRST, LAST = items("first_frame"), items("last_frame")
FEATURE, BASE = items("feature_video"), items("base_video")
CHARACTERS: Final = (100, 101, 102, 103)


def pictures(count: int) -> list[dict[str, Any]]:
    return items("refer_image", count)


def characters(count: int) -> list[dict[str, Any]]:
    return [
        {"type": "element", "element_id": str(number), "id": f"c{number}"}
        for number in CHARACTERS[:count]
    ]


class Pair(NamedTuple):
    """Contents and settings that are taken, and their nearest neighbour that is not."""

    model: str
    accepted: list[dict[str, Any]]
    refused: list[dict[str, Any]]
    text: str
    accepted_settings: Mapping[str, Any] = MappingProxyType({})
    refused_settings: Mapping[str, Any] | None = None


UNSUPPORTED = "audio mode '{}' is not supported by the current model"
PAIRS: Final = [
    Pair(V3, [*FIRST, *LAST], LAST, "content item of type 'first_frame' is required"),
    Pair(
        V3,
        [*FIRST, *items("element", 3)],
        [*FIRST, *items("element", 4)],
        "content items of type 'element' cannot exceed 3",
    ),
    Pair(
        V3,
        BASE,
        [*BASE, *FIRST],
        "content item of type 'first_frame' is not supported with base_video",
    ),
    Pair(
        V3,
        FEATURE,
        [*FEATURE, *BASE],
        "content item of type 'feature_video' is not supported with base_video",
    ),
    Pair(
        V3,
        [*pictures(4), *items("element", 3)],
        [*pictures(5), *items("element", 3)],
        "content items of type of images and elements cannot exceed 7",
    ),
    Pair(
        V3,
        [*FEATURE, *pictures(4)],
        [*FEATURE, *pictures(5)],
        "content items of type of images and elements cannot exceed 4",
    ),
    Pair(
        V3,
        [*characters(3), *pictures(4)],
        [*characters(3), *pictures(5)],
        "content items of type of images and elements cannot exceed 4",
    ),
    Pair(V3, characters(3), characters(4), "content items of type 'element' cannot exceed 3"),
    Pair(
        V3,
        [*FEATURE, *characters(1)],
        [*FEATURE, *characters(2)],
        "content items of type 'element' cannot exceed 1",
    ),
    Pair(
        V3,
        [*FEATURE, *characters(1)],
        [*FEATURE, *characters(1), *pictures(1)],
        "content item of type 'element' is not supported with refer_image",
    ),
    Pair(V3, BASE, FEATURE, UNSUPPORTED.format("original"), {"audio": "original"}),
    Pair(V3, BASE, [], UNSUPPORTED.format("original"), {"audio": "original"}),
    Pair(V3, pictures(1), FEATURE, UNSUPPORTED.format("native"), {"audio": "native"}),
    Pair(V3, pictures(1), BASE, UNSUPPORTED.format("native"), {"audio": "native"}),
    Pair(
        V3,
        FEATURE,
        FEATURE,
        "settings.multi_shot value 'false' is invalid",
        {"multi_shot": True},
        {"multi_shot": False},
    ),
    Pair(
        V3,
        BASE,
        BASE,
        "settings.multi_shot value 'true' is invalid",
        {"multi_shot": False},
        {"multi_shot": True},
    ),
    Pair(
        O1,
        [*FIRST, *LAST],
        [*FIRST, *LAST, *pictures(1)],
        "content item of type 'refer_image' is not supported with last_frame",
    ),
    Pair(
        O1,
        [*FIRST, *items("element")],
        [*FIRST, *LAST, *items("element")],
        "content item of type 'element' is not supported with last_frame",
    ),
    Pair(
        O1,
        [*FIRST, *FEATURE],
        [*FIRST, *LAST, *FEATURE],
        "content item of type 'feature_video' is not supported with last_frame",
    ),
    Pair(
        O1,
        items("element"),
        characters(1),
        "content item of type 'element' is not supported by the current model",
    ),
]


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: f"{pair.model}: {pair.text}")
def test_what_goes_together_on_omni_video(pair: Pair) -> None:
    """Each rule about combinations: one request that keeps it, and one that just does not."""
    right = add(body("omni-video", **pair.accepted_settings), *pair.accepted)
    assert plan("omni-video", pair.model, right, characters=CHARACTERS).failure is None
    settings = pair.accepted_settings if pair.refused_settings is None else pair.refused_settings
    wrong = add(body("omni-video", **settings), *pair.refused)
    assert refused("omni-video", pair.model, wrong, characters=CHARACTERS) == pair.text


@pytest.mark.parametrize("model", [V3, O1])
def test_when_an_aspect_ratio_must_be_there(model: str) -> None:
    """It is needed without a first frame and a video to edit; a reference video is not enough."""
    text = (
        "Aspect ratio must be specified unless a first frame is provided or the task is video "
        "editing"
    )
    for contents in (FIRST, BASE):
        plan("omni-video", model, {"contents": contents})
    for contents in (items("prompt"), pictures(1), FEATURE):
        assert refused("omni-video", model, {"contents": contents}) == text


@pytest.mark.parametrize("seconds", range(3, 11))
def test_kling_o1_makes_5_or_10_seconds_of_a_first_frame(seconds: int) -> None:
    """Any other length is refused; with another picture beside it is possible."""
    request = add(body("omni-video", duration=seconds), *FIRST)
    if seconds in SHORT:
        assert plan("omni-video", O1, request).failure is None
    else:
        text = "Duration only supports 5 or 10 seconds when no refer_image is provided"
        assert refused("omni-video", O1, request) == text
    assert plan("omni-video", O1, add(request, *pictures(1))).failure is None
    assert plan("omni-video", V3, request).failure is None


@pytest.mark.parametrize(
    ("contents", "settings", "units"),
    [
        (items("prompt"), {"resolution": "720p", "duration": 5}, "3"),
        (items("prompt"), {"resolution": "1080p", "duration": 10}, "8"),
        (items("prompt"), {"resolution": "4k", "duration": 3}, "9"),
        (items("prompt"), {"audio": "native"}, "4"),
        (FEATURE, {"duration": 3}, "2.7"),
        (BASE, {"audio": "original"}, "4.5"),  # for 5 s, as every input video; 3 s cost 2.7
        (BASE, {"resolution": "1080p"}, "6"),
    ],
)
def test_what_an_omni_video_costs(
    contents: list[dict[str, Any]], settings: dict[str, Any], units: str
) -> None:
    """The price is that of the price list, also with an input video."""
    request = {"contents": contents, "settings": {"aspect_ratio": "16:9", **settings}}
    assert f"{plan('omni-video', V3, request).units.normalize():f}" == units


# ---------------------------------------------------------------- image-to-video with kling-2.6


@pytest.mark.parametrize(
    ("audio", "more", "text"),
    [
        (
            "native",
            items("last_frame"),
            "content item of type 'last_frame' is not supported with audio mode 'native'",
        ),
        (
            "off",
            items("voice"),
            "content item of type 'voice' is not supported with audio mode 'off'",
        ),
    ],
)
def test_what_goes_together_with_kling_2_6(
    audio: str, more: list[dict[str, Any]], text: str
) -> None:
    """A last frame is silent, and a voice is heard; a voice has a price of its own."""
    other = {"native": "off", "off": "native"}[audio]
    right = add(body("image-to-video", resolution="1080p", audio=other), *more)
    task_plan = plan("image-to-video", "kling-2.6", right)
    assert f"{task_plan.units.normalize():f}" == {"off": "2.5", "native": "6"}[other]
    wrong = add(body("image-to-video", resolution="1080p", audio=audio), *more)
    assert refused("image-to-video", "kling-2.6", wrong) == text


# ---------------------------------------------------------------- what an item needs


def wrong_items() -> Iterator[tuple[dict[str, Any], str]]:
    yield {"type": "x"}, "contents[1].type value 'x' is invalid"
    yield {"type": 7}, "contents[1].type value '7' is invalid"
    for text in ("", " ", None):
        name = "prompt"
        yield (
            {"type": name, "text": text},
            f"content item of type '{name}' must have non-blank text",
        )
    for url in ("", " ", None):
        name = "first_frame"
        yield {"type": name, "url": url}, f"content item of type '{name}' must have a non-blank url"
    for url in ("x", "AAAA", "ftp://example.com/a.mp4"):
        yield {"type": "base_video", "url": url}, "Video URL is invalid"
    yield {"type": "first_frame", "url": "x"}, "File is not in a valid base64 format"
    for element_id in ("", "x", None):
        item = {"type": "element", "element_id": element_id, "id": "a"}
        yield item, f"Invalid element id: {element_id or ''}"
    item = {"type": "element", "element_id": "1"}
    yield item, "content item of type 'element' must have a unique id"
    yield item | {"id": "taken"}, "content item of type 'element' must have a unique id"


@pytest.mark.parametrize(("item", "text"), list(wrong_items()))
def test_what_an_item_needs(item: dict[str, Any], text: str) -> None:
    """Each defect of an item is refused in the words that were seen, or in assumed ones."""
    image = {"type": "refer_image", "url": URL, "id": "taken"}
    request = {"contents": [image, item], "settings": {"aspect_ratio": "1:1"}}
    assert refused("omni-video", V3, request) == text


def test_pictures_in_base64() -> None:
    """One may be larger than on /v1; the result has its shape; one that is small fails later."""
    name = "image-to-video"

    def plan_for(picture: str) -> Plan:
        item = {"type": "first_frame", "url": picture}
        return plan(name, "kling-3.0", add(body(name), item))

    large = plan_for(png(400, 900, 11 * 1024 * 1024))
    assert (large.aspect_ratio, large.failure) == ("9:16", None)
    small = plan_for(png(400, 299))
    assert small.failure is not None
    assert small.failure.message == "Image pixel is invalid"
    assert plan_for(URL).aspect_ratio == "16:9"
    item = {"type": "first_frame", "url": png(400, 400, 50 * 1024 * 1024)}
    assert "at most 50 MB" in refused(name, "kling-3.0", add(body(name), item))


@pytest.mark.parametrize(
    ("contents", "text"),
    [
        (None, "contents cannot be empty"),
        ([], "contents cannot be empty"),
        ("x", "contents value type is invalid, expected array"),
        ({}, "contents value type is invalid, expected array"),
        (["x"], "contents[0] value type is invalid, expected object"),
    ],
)
def test_contents_that_are_none(contents: Any, text: str) -> None:
    """No items, or something else than a list of objects."""
    assert refused("omni-video", V3, {"contents": contents}) == text


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"seed": "x"}, "settings.seed value 'x' is invalid"),
        ({"seed": 1.5}, "settings.seed value '1.5' is invalid"),
        ({"duration": "five"}, "settings.duration value 'five' is invalid"),
        ({"multi_shot": "maybe"}, "settings.multi_shot value 'maybe' is invalid"),
        ("x", "settings value type is invalid, expected object"),
    ],
)
def test_settings_of_a_wrong_type(settings: Any, text: str) -> None:
    """Text that is not a number, and settings that are not an object."""
    request = {"prompt": "a cat", "settings": settings}
    assert refused("text-to-video", "kling-3.0", request) == text


@pytest.mark.parametrize("prompt", [None, "", "  "])
def test_a_prompt_is_needed(prompt: str | None) -> None:
    """Text-to-video needs one; the text of the refusal is assumed."""
    assert refused("text-to-video", "kling-3.0", {"prompt": prompt}) == "prompt cannot be empty"


def test_unknown_models_in_a_path() -> None:
    """This holds for any body, and for a model of another product; kling-v3-omni is one by name."""
    for model in ("kling-v3-1-omni", "kling-3.0", "kling-video-o1", "x"):
        assert refused("omni-video", model, {}) == "model is not supported"
    task_plan = plan("omni-video", "kling-v3-omni", body("omni-video"))
    assert (task_plan.model, task_plan.path) == ("kling-3.0-omni", "/omni-video/kling-v3-omni")


def test_names_of_the_other_interface_are_unknown() -> None:
    """A key of /v1 has no effect here, so no client may rely on it; the reverse also holds."""
    noticed = Noticed()
    request = {"prompt": "a cat", "negative_prompt": "rain", "callback_url": URL}
    task_plan = plan("text-to-video", "kling-3.0", request, noticed=noticed)
    assert task_plan.callback_url == ""
    kinds = [(note.kind, note.field) for note in noticed.notes]
    assert kinds == [("unknown", "negative_prompt"), ("inapplicable", "callback_url")]
    assert "settings" not in context().reader.known

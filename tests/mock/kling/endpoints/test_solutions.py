"""`/solutions` of the emulator: what its pages allow, and in what words they refuse the rest."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from kling_mock.kling.endpoints.noticing import Noticed
from kling_mock.kling.endpoints.registry import ENDPOINTS
from kling_mock.kling.model.plan import Plan
from kling_mock.kling.service_codes import Refusal
from tests.mock.kling.endpoints.requests import plan

SITE = "https://example.com"
PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + (400).to_bytes(4, "big") * 2 + bytes(13)
SMALL = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + (299).to_bytes(4, "big") * 2 + bytes(13)
WEBP = b"RIFF\x16\x00\x00\x00WEBPVP8X\x0a" + bytes(7) + b"\x8f\x01\x00\x8f\x01\x00" + bytes(20)


def item(kind: str, text: str = "", **more: Any) -> dict[str, Any]:
    """Return an item of `contents`: a text, or a URL."""
    return {"type": kind} | ({"text": text} if text else {}) | more


def url(kind: str, address: str = f"{SITE}/a.png") -> dict[str, Any]:
    return {"type": kind, "url": address}


def file(kind: str, content: bytes) -> dict[str, Any]:
    return url(kind, base64.b64encode(content).decode())


TRY_ON = [url("product_image"), url("person_image")]
DUPE = [item("product_info", "A shirt."), url("source_video"), url("product_image")]
GOODS = [url("ref_image"), item("goods_title", "Umbrella")]
GOODS_SETTINGS = {"resolution": "720p", "aspect_ratio": "9:16", "duration": 15}
SAID = item("speech_script", "Here is my tip.")
AGENT = [item("avatar_id", "avatar_mia_female"), SAID]
OWN_AGENT = [url("avatar_image"), SAID]
VOICE = {"voice_id": "female_warm_rich"}
DRAMA = [url("source_video")]


def plan_for(endpoint: str, contents: list[Any], settings: Any = None, **more: Any) -> Plan:
    body = {"contents": contents} | ({"settings": settings} if settings else {}) | more
    return plan(f"solutions-{endpoint}", body)


REFUSED: list[tuple[str, list[Any], Any, str]] = [
    ("virtual-try-on", TRY_ON[1:], None, "Product image is missing. Please upload a product"),
    ("virtual-try-on", TRY_ON[:1], None, "Person image is missing"),
    ("virtual-try-on", [*TRY_ON, TRY_ON[0]], None, "items of type 'product_image' cannot exceed 1"),
    ("virtual-try-on", [url("product_image", "x"), TRY_ON[1]], None, "must have a non-blank url"),
    ("virtual-try-on", TRY_ON, {"keep_face": "x"}, "settings.keep_face value 'x' is invalid"),
    ("clothing-dupe", [DUPE[0], DUPE[2]], None, "Reference video is missing. Please upload a ref"),
    ("clothing-dupe", DUPE[:2], None, "Product image is missing. Please upload a product image."),
    ("clothing-dupe", DUPE[1:], None, "Product description is missing. Please provide a product"),
    ("clothing-dupe", [*DUPE, *[url("bgm")] * 2], None, "Only one bgm item is allowed in contents"),
    ("clothing-dupe", [*DUPE, item("bgm")], None, "bgm is provided but url is empty. Please prov"),
    (
        "clothing-dupe",
        [*DUPE, item("voice", voice_id="x")],
        None,
        "Invalid voice_id. Please select",
    ),
    ("clothing-dupe", [*DUPE, item("voice")], None, "Invalid voice_id. Please select a valid voi"),
    (
        "clothing-dupe",
        [*DUPE, *[item("voice", voice_id="calm_sales_man")] * 2],
        None,
        "Only one voice item is allowed in contents.",
    ),
    ("clothing-dupe", [*DUPE, *[url("model_image")] * 6], None, "'model_image' cannot exceed 5"),
    ("clothing-dupe", [item("product_info", "x" * 2501), *DUPE[1:]], None, "at most 2500 charact"),
    ("clothing-dupe", DUPE, {"resolution": "4k"}, "Only 720P and 1080P are supported."),
    ("clothing-dupe", DUPE, {"aspect_ratio": "5:4"}, "aspect_ratio only supports 9:16, 2:3, 3:4,"),
    ("clothing-dupe", [*DUPE, item("song")], None, "contents[3].type value 'song' is invalid"),
    ("goods-studio", GOODS[1:], GOODS_SETTINGS, "Product image is missing. Please upload a prod"),
    ("goods-studio", GOODS[:1], GOODS_SETTINGS, "Product title is missing. Please provide a prod"),
    ("goods-studio", [*GOODS, *GOODS[:1] * 5], GOODS_SETTINGS, "At most 5 ref_image items are all"),
    ("goods-studio", [*GOODS, GOODS[1]], GOODS_SETTINGS, "Only one goods_title item is allowed in"),
    (
        "goods-studio",
        [GOODS[0], item("goods_title", "x" * 201)],
        GOODS_SETTINGS,
        "goods_title exceeds the 200-character limit.",
    ),
    (
        "goods-studio",
        [*GOODS, *[item("goods_description", "x")] * 2],
        GOODS_SETTINGS,
        "Only one goods_description item is allowed in contents.",
    ),
    (
        "goods-studio",
        [*GOODS, item("goods_description", "x" * 2001)],
        GOODS_SETTINGS,
        "goods_description exceeds the 2000-character limit.",
    ),
    ("goods-studio", GOODS, GOODS_SETTINGS | {"resolution": "4k"}, "Only 720p and 1080p are supp"),
    (
        "goods-studio",
        GOODS,
        GOODS_SETTINGS | {"aspect_ratio": "4:3"},
        "only supports 9:16, 1:1 and",
    ),
    ("goods-studio", GOODS, GOODS_SETTINGS | {"duration": 20}, "Only 15, 30 and 60 seconds are su"),
    ("goods-studio", GOODS, GOODS_SETTINGS | {"duration": "x"}, "Only 15, 30 and 60 seconds are s"),
    ("goods-studio", GOODS, None, "settings: required"),
    (
        "goods-studio",
        [file("ref_image", SMALL), GOODS[1]],
        GOODS_SETTINGS,
        "Unsupported product image. Please check the image format, size and dimensions.",
    ),
    (
        "goods-studio",
        [url("ref_image", "no base64"), GOODS[1]],
        GOODS_SETTINGS,
        "Unsupported product image.",
    ),
    ("talking-agent", [SAID], None, "Exactly one avatar source is required: provide avatar_image"),
    ("talking-agent", [*AGENT, url("avatar_image")], VOICE, "Exactly one avatar source is requir"),
    ("talking-agent", OWN_AGENT, None, "voiceId is required when uploading an avatar_image."),
    ("talking-agent", AGENT, VOICE, "Exactly one avatar source is required"),
    ("talking-agent", OWN_AGENT, {"voice_id": "x"}, "settings.voice_id value 'x' is invalid"),
    ("talking-agent", AGENT[:1], None, "speech_script is required for single-person videos."),
    (
        "talking-agent",
        [AGENT[0], item("speech_script", " ")],
        None,
        "speech_script is required for",
    ),
    ("talking-agent", [*AGENT, item("goods_price", "9")], None, "Please upload at least one prod"),
    ("talking-agent", [*AGENT, url("ref_image")], None, "goods_title is required when product con"),
    ("talking-agent", AGENT, {"speech_rate": 1.1}, "speechRate only supports 0.8, 1.0 and 1.2."),
    ("talking-agent", AGENT, {"speechRate": "fast"}, "speechRate only supports 0.8, 1.0 and 1.2."),
    (
        "talking-agent",
        [*AGENT, *GOODS],
        {"speech_rate": 1.0},
        "Speech rate adjustment not supported in Video Commerce.",
    ),
    ("talking-agent", AGENT, {"resolution": "4k"}, "Only 720p and 1080p are supported."),
    ("talking-agent", AGENT, {"aspect_ratio": "1:1"}, "aspect_ratio only supports 9:16 and 16:9."),
    (
        "talking-agent",
        [file("avatar_image", b"GIF89a" + bytes(30)), SAID],
        VOICE,
        "Unsupported image. Please check the image format, size and dimensions.",
    ),
    ("drama-subtitle", [], None, "Source video is missing. Please provide a source video URL."),
    ("drama-subtitle", DRAMA * 2, None, "Only one source_video item is allowed in contents."),
    ("drama-subtitle", [url("source_video", "x")], None, "Please provide exactly one source_video"),
    (
        "drama-subtitle",
        [*DRAMA, *[item("glossary", source="a", target="b")] * 201],
        None,
        "Glossary exceeds the limit of 200 entries.",
    ),
    (
        "drama-subtitle",
        [*DRAMA, item("glossary", source="a", target=" ")],
        None,
        "Each glossary entry must be non-empty and no longer than 100 characters.",
    ),
    ("drama-subtitle", DRAMA, {"font_size": 0}, "margin_v, font_size and target_cps must be posit"),
    ("drama-subtitle", DRAMA, {"margin_v": 1.5}, "margin_v, font_size and target_cps must be posi"),
    (
        "drama-subtitle",
        DRAMA,
        {"target_cps": 21},
        "target_cps out of range. Please provide a value between 10 and 20.",
    ),
    ("drama-subtitle", DRAMA, {"target_language": "fr"}, "settings.target_language value 'fr' is"),
]


@pytest.mark.parametrize(("endpoint", "contents", "settings", "text"), REFUSED)
def test_what_a_page_forbids_is_refused_in_its_words(
    endpoint: str, contents: list[Any], settings: Any, text: str
) -> None:
    """400 with 1201, and the text of the page where it has one."""
    with pytest.raises(Refusal) as refused:
        plan_for(endpoint, contents, settings)
    assert (refused.value.http, refused.value.code) == (400, 1201)
    assert text in refused.value.message


@pytest.mark.parametrize("content", [PNG, WEBP], ids=["png", "webp"])
def test_pictures_may_be_base64_where_the_page_says_so(content: bytes) -> None:
    """This holds for pictures of goods and of persons; a WebP is accepted as well."""
    goods = [file("ref_image", content), GOODS[1]]
    assert plan_for("goods-studio", goods, GOODS_SETTINGS).seconds == 15
    assert plan_for("talking-agent", [file("avatar_image", content), SAID], VOICE).sound
    with pytest.raises(Refusal, match="must have a non-blank url"):
        plan_for("virtual-try-on", [file("product_image", content), TRY_ON[1]])


def test_settings_may_have_names_in_camel_case() -> None:
    """Beside the usual name they do not count."""
    both = {"aspectRatio": "16:9", "speechRate": 0.8, "resolution": "1080p"}
    assert plan_for("talking-agent", AGENT, both).aspect_ratio == "16:9"
    assert plan_for("talking-agent", AGENT, {"speech_rate": 1.2, "speechRate": 0.8}).seconds == 1
    assert plan_for("talking-agent", AGENT).aspect_ratio == "9:16"


def test_a_speech_decides_the_length_and_the_price() -> None:
    """1.4 units a second with goods; without them the price is assumed, and so is every other."""
    long = [AGENT[0], item("speech_script", "x" * 140)]
    assert (
        plan_for("talking-agent", long).seconds,
        int(plan_for("talking-agent", long).units),
    ) == (10, 14)
    chinese = [AGENT[0], item("speech_script", "\u4f60" * 40)]
    assert plan_for("talking-agent", chinese).seconds == 10
    endless = [AGENT[0], item("speech_script", "\u4f60" * 2000)]
    assert plan_for("talking-agent", endless).seconds == 300
    prices = {
        (name, use): price.fact.kind
        for name, record in ENDPOINTS.items()
        for (_, _, use), price in record.prices.items()
        if name.startswith("solutions-")
    }
    known = [key for key, kind in prices.items() if kind != "assumed"]
    assert known == [("solutions-talking-agent", "goods")]


def test_what_a_solution_makes_is_called_as_on_its_page() -> None:
    """Pictures of the person only where there is one."""
    words = [result_list.words for result_list in plan_for("clothing-dupe", DUPE).result.lists]
    assert words == [("product_image",), ("product_video",)]
    with_model = plan_for("clothing-dupe", [*DUPE, url("model_image")], {"aspect_ratio": "2:3"})
    assert with_model.result.lists[0].words == ("product_image", "model_images")
    assert (with_model.aspect_ratio, with_model.shows_duration) == ("9:16", False)
    subtitled = plan_for("drama-subtitle", DRAMA)
    assert [result_list.words for result_list in subtitled.result.lists] == [
        ("subbed_video",),
        ("srt", "ass"),
    ]
    assert subtitled.watermark is None


def test_a_file_that_nobody_can_fetch_lets_the_task_fail() -> None:
    """The other interfaces do the same."""
    drama = plan_for("drama-subtitle", [url("source_video", "https://x.invalid/a.mp4")])
    assert drama.failure is not None
    assert "contents of the file" in drama.failure.message


def test_the_watermark_has_the_name_of_the_page() -> None:
    """A different name has no effect."""
    on = {"enabled": True}
    assert plan_for("clothing-dupe", DUPE, options={"watermark_info": on}).watermark is True
    assert plan_for("virtual-try-on", TRY_ON, options={"watermark": on}).watermark is True
    noticed = Noticed()
    body = {"contents": TRY_ON, "options": {"watermark_info": on}}
    assert plan("solutions-virtual-try-on", body, noticed=noticed).watermark is False
    assert [note.kind for note in noticed.notes] == ["inapplicable"]

"""Requests of `/solutions`: what is refused before anything is sent."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from kling_sdk import (
    ClothingDupe,
    DramaSubtitle,
    GlossaryTerm,
    GoodsStudio,
    Kling,
    RequestValidationError,
    SolutionVirtualTryOn,
    TalkingAgent,
)
from tests.endpoints import BODIES
from tests.sdk.endpoints.test_requests import PNG, png

URL = "https://example.com/a.png"
SMALL = png(299, 400)
TRY_ON = BODIES["solutions-virtual-try-on"]
DUPE = BODIES["solutions-clothing-dupe"]
GOODS = BODIES["solutions-goods-studio"]
AGENT = BODIES["solutions-talking-agent"]
OWN_AGENT: dict[str, Any] = {
    "speech_script": "Hello.",
    "avatar_image": URL,
    "voice_id": "female_warm_rich",
}
DRAMA = BODIES["solutions-drama-subtitle"]
SOLD: dict[str, Any] = {"ref_image_list": [URL], "goods_title": "x"}

REFUSED: list[tuple[Any, dict[str, Any], str]] = [
    (SolutionVirtualTryOn, TRY_ON | {"product_image": PNG}, "product_image is a bytes"),
    (SolutionVirtualTryOn, TRY_ON | {"person_image": "a.png"}, "person_image is not a URL"),
    (SolutionVirtualTryOn, TRY_ON | {"keep_pose": "yes"}, "keep_pose is a str"),
    (SolutionVirtualTryOn, {"product_image": URL}, "person_image is missing"),
    (SolutionVirtualTryOn, TRY_ON | {"interface": "v1"}, "unknown parameter 'interface'"),
    (ClothingDupe, DUPE | {"product_info": ""}, "product_info is empty"),
    (ClothingDupe, DUPE | {"product_info": "x" * 2501}, "at most 2500 characters"),
    (ClothingDupe, DUPE | {"source_video": "a.mp4"}, "source_video is not a URL"),
    (ClothingDupe, DUPE | {"product_image_list": [URL] * 6}, "product_image_list has 6 items"),
    (ClothingDupe, DUPE | {"model_image_list": [SMALL]}, "model_image_list is 299 x 400 px"),
    (ClothingDupe, DUPE | {"bgm": "a.mp3"}, "bgm is not a URL"),
    (ClothingDupe, DUPE | {"resolution": "4k"}, "resolution is '4k'; expected 720p, 1080p"),
    (ClothingDupe, DUPE | {"aspect_ratio": "5:4"}, "aspect_ratio is '5:4'"),
    (GoodsStudio, GOODS | {"goods_title": "x" * 201}, "goods_title has 201 characters"),
    (GoodsStudio, GOODS | {"goods_description": "x" * 2001}, "at most 2000 characters"),
    (GoodsStudio, GOODS | {"duration": 20}, "duration is 20; expected 15, 30, 60"),
    (GoodsStudio, GOODS | {"aspect_ratio": "4:3"}, "expected 9:16, 1:1, 16:9"),
    (GoodsStudio, GOODS | {"resolution": None}, "resolution is missing"),
    (TalkingAgent, {"speech_script": "x"}, "avatar_image is missing, and so is avatar_id"),
    (TalkingAgent, OWN_AGENT | AGENT, "avatar_image is given with avatar_id"),
    (TalkingAgent, OWN_AGENT | {"voice_id": None}, "voice_id is missing with avatar_image"),
    (TalkingAgent, AGENT | {"voice_id": "x"}, "voice_id is given with avatar_id"),
    (TalkingAgent, AGENT | {"speech_script": "x" * 2001}, "at most 2000 characters"),
    (TalkingAgent, AGENT | {"speech_rate": 1.1}, "speech_rate is 1.1; expected 0.8, 1.0, 1.2"),
    (TalkingAgent, AGENT | {"speech_rate": True}, "speech_rate is a bool"),
    (TalkingAgent, AGENT | SOLD | {"speech_rate": 1}, "speech_rate is given with ref_image_list"),
    (TalkingAgent, AGENT | {"goods_price": "9"}, "ref_image_list is missing with goods_price"),
    (TalkingAgent, AGENT | {"ref_image_list": [URL]}, "goods_title is missing with"),
    (
        TalkingAgent,
        AGENT | SOLD | {"goods_selling_point_list": ["x" * 501]},
        "goods_selling_point_list has 501 characters",
    ),
    (
        TalkingAgent,
        AGENT | SOLD | {"goods_target_audience_list": ["x"] * 21},
        "goods_target_audience_list has 21 items",
    ),
    (TalkingAgent, AGENT | {"aspect_ratio": "1:1"}, "expected 9:16, 16:9"),
    (DramaSubtitle, DRAMA | {"glossary": {"a": " "}}, "glossary.target has 0 characters"),
    (DramaSubtitle, DRAMA | {"glossary": {"a" * 101: "b"}}, "glossary.source has 101 characters"),
    (DramaSubtitle, DRAMA | {"glossary": [{"source": "a"}]}, "glossary.target is missing"),
    (DramaSubtitle, DRAMA | {"target_cps": 21}, "target_cps is 21"),
    (DramaSubtitle, DRAMA | {"font_size": 0}, "font_size is 0"),
    (DramaSubtitle, DRAMA | {"watermark_info": True}, "unknown parameter 'watermark_info'"),
    (
        DramaSubtitle,
        DRAMA | {"extra_body": {"options": {"external_task_id": "x"}}},
        "extra_body contains external_task_id; expected the parameter external_task_id",
    ),
]


@pytest.mark.parametrize(("cls", "fields", "text"), REFUSED)
def test_what_a_page_forbids_is_refused(cls: Any, fields: dict[str, Any], text: str) -> None:
    """The error has the name of the parameter."""
    with pytest.raises(RequestValidationError) as refused:
        cls(**fields)
    assert text in str(refused.value)


def test_pictures_may_be_a_webp() -> None:
    """Each of its three forms (RFC 9649) is accepted; on /v1 it is refused."""
    size = (399).to_bytes(3, "little") * 2
    bits = (399 | 399 << 14).to_bytes(4, "little")
    forms = {
        b"VP8X": bytes(4) + size,
        b"VP8L": b"\x2f" + bits + bytes(5),
        b"VP8 ": b"\x00\x00\x00\x9d\x01\x2a" + (400).to_bytes(2, "little") * 2,
    }
    webp = {
        kind: b"RIFF\x16\x00\x00\x00WEBP" + kind + b"\x0a\x00\x00\x00" + data
        for kind, data in forms.items()
    }
    for content in webp.values():
        request = GoodsStudio(**GOODS | {"ref_image_list": [content]})
        assert request.ref_image_list == (base64.b64encode(content).decode(),)
    lossy = webp[b"VP8 "]
    for wrong, text in (
        (lossy[:26] + (299).to_bytes(2, "little") * 2, "is 299 x 299 px"),
        (lossy[:12] + b"ABCD" + lossy[16:], "is not a JPEG, PNG or WebP"),
        (b"RIFF", "is not a JPEG, PNG or WebP"),
    ):
        with pytest.raises(RequestValidationError, match=text):
            GoodsStudio(**GOODS | {"ref_image_list": [wrong]})


def test_a_glossary_is_a_mapping_or_objects() -> None:
    """Objects are the form of the vendor's page."""
    term = GlossaryTerm("a", "b")
    for glossary in ({"a": "b"}, [term], [{"source": "a", "target": "b"}]):
        assert DramaSubtitle(**DRAMA | {"glossary": glossary}).glossary == (term,)


def test_persons_and_voices_of_tomorrow_are_sent() -> None:
    """The vendor says that the lists will change."""
    assert TalkingAgent(**AGENT | {"avatar_id": "avatar_new"}).avatar_id == "avatar_new"
    assert ClothingDupe(**DUPE, voice_id="new_voice").voice_id == "new_voice"


def test_nothing_private_is_shown() -> None:
    """The repr has neither texts nor pictures."""
    request = TalkingAgent(**OWN_AGENT | SOLD | {"goods_selling_point_list": ["SECRET"]})
    assert "SECRET" not in repr(request)
    assert "SECRET" in request.prompts()


def test_a_key_pair_is_refused_before_anything_is_sent() -> None:
    """The error has the path; the vendor's older server, which has only /v1, is refused as well."""
    drama = DramaSubtitle(**DRAMA)
    with Kling("a|b") as kling:
        with pytest.raises(RequestValidationError) as refused:
            kling.solutions.drama_subtitle.submit(drama)
        assert str(refused.value) == (
            "/solutions/drama_subtitle takes an API key, not a key pair; expected an API key"
        )
        with pytest.raises(RequestValidationError, match="/solutions takes an API key"):
            kling.solutions.drama_subtitle.get("7")
    with (
        Kling(api_key="k", base_url="https://api.klingai.com") as old,
        pytest.raises(RequestValidationError, match="drama_subtitle is not served by api"),
    ):
        old.submit(drama)
    with (
        Kling.relay("http://localhost:1", "sk-1") as relay,
        pytest.raises(RequestValidationError, match="is not served by a relay; expected a client"),
    ):
        relay.submit(drama)

"""`/solutions` on the wire: the body of each request, and what replies are read as."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from kling_sdk import (
    ENDPOINTS,
    ClothingDupe,
    DramaSubtitle,
    GoodsStudio,
    Image,
    Request,
    RequestValidationError,
    SolutionVirtualTryOn,
    Subtitles,
    TalkingAgent,
    Video,
    parse_callback,
)
from kling_sdk.endpoints.raw import RawRequest
from kling_sdk.flows.asking import SOLUTIONS
from kling_sdk.wire import WIRES, Reply
from kling_sdk.wire.solutions import SOLUTIONS_WIRE
from tests.sdk.fake_kling import answer
from tests.sdk.scripted import reply

URL = "https://example.com/a.png"
VIDEO = "https://example.com/a.mp4"
CALLBACK = "https://example.com/callback"
MARK = {"enabled": True}

#: A request with every parameter, and its body.
BODIES: list[tuple[Request, dict[str, Any]]] = [
    (
        SolutionVirtualTryOn(
            product_image=URL,
            person_image=URL,
            keep_face=False,
            keep_pose=True,
            keep_background=False,
            callback_url=CALLBACK,
            watermark_info=True,
        ),
        {
            "contents": [
                {"type": "product_image", "url": URL},
                {"type": "person_image", "url": URL},
            ],
            "settings": {"keep_face": False, "keep_pose": True, "keep_background": False},
            "options": {
                "callback_url": CALLBACK,
                "external_task_id": "mine",
                "watermark": MARK,
            },
        },
    ),
    (
        ClothingDupe(
            product_info="A shirt.",
            source_video=VIDEO,
            product_image_list=[URL, URL],
            model_image_list=[URL],
            bgm=VIDEO,
            voice_id="calm_sales_man",
            resolution="1080p",
            aspect_ratio="2:3",
            watermark_info=True,
        ),
        {
            "contents": [
                {"type": "product_info", "text": "A shirt."},
                {"type": "source_video", "url": VIDEO},
                {"type": "product_image", "url": URL},
                {"type": "product_image", "url": URL},
                {"type": "model_image", "url": URL},
                {"type": "bgm", "url": VIDEO},
                {"type": "voice", "voice_id": "calm_sales_man"},
            ],
            "settings": {"resolution": "1080p", "aspect_ratio": "2:3"},
            "options": {"external_task_id": "mine", "watermark_info": MARK},
        },
    ),
    (
        GoodsStudio(
            ref_image_list=[URL],
            goods_title="Umbrella",
            goods_description="Red.",
            resolution="720p",
            aspect_ratio="1:1",
            duration="30",
        ),
        {
            "contents": [
                {"type": "ref_image", "url": URL},
                {"type": "goods_title", "text": "Umbrella"},
                {"type": "goods_description", "text": "Red."},
            ],
            "settings": {"resolution": "720p", "aspect_ratio": "1:1", "duration": 30},
            "options": {"external_task_id": "mine"},
        },
    ),
    (
        TalkingAgent(
            speech_script="Never without it.",
            avatar_image=URL,
            voice_id="female_warm_rich",
            ref_image_list=[URL],
            goods_title="Loudspeaker",
            goods_price="49",
            goods_target_audience_list=["Campers", "Swimmers"],
            goods_selling_point_list=["It swims."],
            resolution="720p",
            aspect_ratio="16:9",
            allow_polish=True,
            action_prompt="He lifts it.",
            bgm_enabled=False,
        ),
        {
            "contents": [
                {"type": "avatar_image", "url": URL},
                {"type": "ref_image", "url": URL},
                {"type": "goods_title", "text": "Loudspeaker"},
                {"type": "goods_price", "text": "49"},
                {"type": "goods_target_audience", "text": "Campers"},
                {"type": "goods_target_audience", "text": "Swimmers"},
                {"type": "goods_selling_point", "text": "It swims."},
                {"type": "speech_script", "text": "Never without it."},
            ],
            "settings": {
                "voice_id": "female_warm_rich",
                "resolution": "720p",
                "aspect_ratio": "16:9",
                "allow_polish": True,
                "action_prompt": "He lifts it.",
                "bgm_enabled": False,
            },
            "options": {"external_task_id": "mine"},
        },
    ),
    (
        DramaSubtitle(
            source_video=VIDEO,
            glossary={"a": "b"},
            target_cps=15,
            target_language="en",
            margin_v="80",
            font_size=56,
        ),
        {
            "contents": [
                {"type": "source_video", "url": VIDEO},
                {"type": "glossary", "source": "a", "target": "b"},
            ],
            "settings": {
                "target_cps": 15,
                "target_language": "en",
                "margin_v": 80,
                "font_size": 56,
            },
            "options": {"external_task_id": "mine"},
        },
    ),
]


def ok(data: Any) -> Reply:
    return reply(answer(200, 0, "SUCCEED", data))


@pytest.mark.parametrize(("request_", "body"), BODIES, ids=lambda argument: type(argument).__name__)
def test_each_parameter_has_its_place(request_: Request, body: dict[str, Any]) -> None:
    """A content, a setting or an option, in the vendor's words."""
    call = SOLUTIONS_WIRE.create(request_, "mine")
    assert (call.method, call.path, call.json) == ("POST", request_.record.path, body)
    assert call.needs_api_key


def test_what_is_not_given_is_not_sent() -> None:
    """So the vendor's own defaults apply."""
    request = TalkingAgent(speech_script="Hello.", avatar_id="avatar_mia_female")
    assert SOLUTIONS_WIRE.create(request, "").json == {
        "contents": [
            {"type": "avatar_id", "text": "avatar_mia_female"},
            {"type": "speech_script", "text": "Hello."},
        ]
    }


def test_further_fields_are_merged_in() -> None:
    """Objects by their keys, and contents at the end."""
    extra = {
        "contents": [{"type": "new"}],
        "settings": {"seed": 7},
        "options": {"priority": 1},
        "more": True,
    }
    request = DramaSubtitle(source_video=VIDEO, target_cps=15, extra_body=extra)
    assert SOLUTIONS_WIRE.create(request, "mine").json == {
        "contents": [{"type": "source_video", "url": VIDEO}, {"type": "new"}],
        "settings": {"target_cps": 15, "seed": 7},
        "options": {"external_task_id": "mine", "priority": 1},
        "more": True,
    }


def test_a_body_may_be_the_vendor_s_own() -> None:
    """Its external id is the one that is asked for; a body in our words is translated."""
    record = ENDPOINTS["solutions-drama-subtitle"]
    own = {"contents": [{"type": "source_video", "url": VIDEO}], "options": {"callback_url": "x"}}
    call = SOLUTIONS_WIRE.create(RawRequest(record, own), "mine")
    assert call.json == own | {"options": {"callback_url": "x", "external_task_id": "mine"}}
    ours = RawRequest(record, {"source_video": VIDEO, "target_cps": 15})
    assert SOLUTIONS_WIRE.create(ours, "").json == {
        "contents": [{"type": "source_video", "url": VIDEO}],
        "settings": {"target_cps": 15},
    }
    named = RawRequest(record, {"options": {"external_task_id": "theirs"}})
    assert named.external_task_id == "theirs"


def test_the_query_and_the_list_have_a_path_of_their_own() -> None:
    """20 ids in a call, pages behind cursors."""
    calls = [
        *SOLUTIONS_WIRE.get(SOLUTIONS, "order-1"),
        SOLUTIONS_WIRE.get_many(["1", "2"], "task_id"),
        SOLUTIONS_WIRE.list(SOLUTIONS, 1, 30, None),
        SOLUTIONS_WIRE.list(SOLUTIONS, 2, 30, "c"),
    ]
    assert [(call.method, call.path, call.params or call.json) for call in calls] == [
        ("GET", "/solutions", {"external_task_ids": "order-1"}),
        ("GET", "/solutions", {"task_ids": "order-1"}),
        ("GET", "/solutions", {"task_ids": "1,2"}),
        ("POST", "/solutions", {"limit": 30}),
        ("POST", "/solutions", {"cursor": "c", "limit": 30}),
    ]
    assert all(call.needs_api_key for call in calls)
    assert WIRES["solutions"] is SOLUTIONS_WIRE
    with pytest.raises(RequestValidationError, match="page is 2 at /solutions"):
        SOLUTIONS_WIRE.list(SOLUTIONS, 2, 30, None)
    with pytest.raises(RequestValidationError, match="/solutions takes lists of ids"):
        SOLUTIONS_WIRE.create(DramaSubtitle(source_video=VIDEO), "a,b")


@pytest.mark.parametrize("id_key", ["id", "task_id"])
@pytest.mark.parametrize("word", ["succeed", "succeeded"])
def test_both_forms_of_the_pages_are_read(id_key: str, word: str) -> None:
    """One page has `task_id` and `succeed` where the others have `id` and `succeeded`."""
    data = {id_key: "7", "status": word, "external_id": "mine"}
    for task in (
        SOLUTIONS_WIRE.created(ok(data), SOLUTIONS),
        SOLUTIONS_WIRE.task(ok([data]), SOLUTIONS),
        SOLUTIONS_WIRE.page(ok({"result": [data]}), SOLUTIONS, 1, 30).tasks[0],
    ):
        assert (task.task_id, task.status, task.external_task_id) == ("7", "succeed", "mine")
        assert (task.interface, task.endpoint) == ("solutions", "")


def test_results_are_read_by_what_they_are_called() -> None:
    """Other members are in `raw`."""
    outputs = [
        {"type": "product_image", "url": "https://a.test/p.png", "watermark_url": "https://m"},
        {"type": "model_images", "url": "https://a.test/m.png"},
        {"type": "product_video", "url": "https://a.test/v.mp4"},
        {"type": "subbed_video", "url": "https://a.test/s.mp4", "duration": "5.041"},
        {"type": "srt", "url": "https://a.test/s.srt"},
        {"type": "ass", "url": "https://a.test/s.ass"},
        {"type": "ass"},
        {"type": "hologram", "url": "https://a.test/h"},
    ]
    task = SOLUTIONS_WIRE.created(ok({"id": "7", "status": "x", "outputs": outputs}), SOLUTIONS)
    assert task.images == (
        Image("https://a.test/p.png", 0, "https://m"),
        Image("https://a.test/m.png", 1),
    )
    assert [image.raw["type"] for image in task.images] == ["product_image", "model_images"]
    assert task.videos == (
        Video("", "https://a.test/v.mp4"),
        Video("", "https://a.test/s.mp4", Decimal("5.041")),
    )
    assert task.subtitles == (
        Subtitles("https://a.test/s.srt", "srt"),
        Subtitles("https://a.test/s.ass", "ass"),
    )
    assert task.files == (*task.videos, *task.images, *task.subtitles)


def test_a_callback_of_either_form_is_read() -> None:
    """It does not say that the task is one of /solutions."""
    for body in (b'{"id": "7", "status": "succeeded"}', b'{"task_id": "7", "status": "succeed"}'):
        task = parse_callback(body, verify=False).task
        assert (task.task_id, task.status, task.interface) == ("7", "succeed", "model-path")

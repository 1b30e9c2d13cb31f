"""Tasks of pictures on the relay: what they cost, and what its replies and webhooks show."""

from __future__ import annotations

import json
from typing import Any

import pytest

from kling_mock import KlingMock
from kling_mock.relay.domain.other_results import other_results
from kling_sdk import parse_callback
from tests.endpoints import URL, body
from tests.mock.receiver import Receiver, receiver
from tests.mock.relay.http_calls import VIDEOS, Caller, guide_members

__all__ = ["receiver"]

IMAGE, TRY_ON = 1_750, 35_000  # quota per unit

# endpoint, fields, quota that is held and charged
PRICES: list[tuple[str, dict[str, Any], int]] = [
    ("image-generation", {"n": 1}, 8 * IMAGE),
    ("image-generation", {"n": "9", "resolution": "2k"}, 72 * IMAGE),
    ("image-generation", {"n": 1, "model": "kling-v2-1"}, 4 * IMAGE),
    ("image-generation", {"n": 1, "model": "kling-v2-1", "image": URL}, 8 * IMAGE),
    ("omni-image", {"n": 2, "model": "kling-v3-omni", "resolution": "4k"}, 32 * IMAGE),
    ("omni-image", {"model": "kling-v3-omni", "result_type": "series"}, 32 * IMAGE),
    ("multi-image2image", {"n": 2}, 32 * IMAGE),
    ("image-expand", {"n": 2}, 16 * IMAGE),
    ("virtual-try-on", {}, TRY_ON),
    ("ai-multi-shot", {}, 20 * IMAGE),
]


@pytest.mark.parametrize(("endpoint", "fields", "price"), PRICES)
def test_what_is_held_is_what_is_charged(
    caller: Caller, endpoint: str, fields: dict[str, Any], price: int
) -> None:
    """The price list of the relay and what the emulated Kling deducts agree, picture by picture."""
    before = caller.mock.ledger.user()
    reply = caller.call("POST", f"{VIDEOS}/{endpoint}", json=body(endpoint) | fields)
    assert reply.status_code == 200, reply.text
    held = caller.mock.ledger.user()
    assert (held.quota, held.held_quota) == (before.quota, price)

    caller.mock.clock.advance(3600)
    assert caller.query(reply.json()["task_id"])["status"] == "succeed"
    after = caller.mock.ledger.user()
    assert (after.quota, after.held_quota) == (before.quota - price, 0)
    caller.mock.ledger.assert_balanced()


def test_a_series_whose_length_kling_decides_holds_the_longest(caller: Caller) -> None:
    """No charge can exceed what is held; the rest is released."""
    fields = {"model": "kling-v3-omni", "result_type": "series", "series_amount": "auto"}
    before = caller.mock.ledger.user()
    reply = caller.call("POST", f"{VIDEOS}/omni-image", json=body("omni-image") | fields)
    assert caller.mock.ledger.user().held_quota == 9 * 8 * IMAGE
    caller.mock.clock.advance(3600)
    assert len(caller.query(reply.json()["task_id"])["series_images"]) == 4
    after = caller.mock.ledger.user()
    assert (after.quota, after.held_quota) == (before.quota - 4 * 8 * IMAGE, 0)
    caller.mock.ledger.assert_balanced()


@pytest.mark.parametrize("count", [0, 10, "x", 1.5, True])
def test_a_number_of_pictures_that_is_none_is_refused(caller: Caller, count: object) -> None:
    """The price depends on it."""
    reply = caller.call(
        "POST", f"{VIDEOS}/image-generation", json=body("image-generation") | {"n": count}
    )
    assert reply.status_code == 400
    assert "n: must be a whole number from 1 to 9" in reply.json()["error"]["message"]


@pytest.mark.parametrize(
    ("endpoint", "fields", "key", "count"),
    [
        ("image-generation", {"n": 3}, "images", 3),
        (
            "omni-image",
            {"model": "kling-v3-omni", "result_type": "series", "series_amount": 2},
            "series_images",
            2,
        ),
        ("virtual-try-on", {}, "images", 1),
    ],
)
def test_replies_and_webhooks_have_every_picture(
    caller: Caller, receiver: Receiver, endpoint: str, fields: dict[str, Any], key: str, count: int
) -> None:
    """Beside the keys that a video has; `video_url` is the first one."""
    request = body(endpoint) | fields | {"callback_url": receiver.url}
    name = caller.call("POST", f"{VIDEOS}/{endpoint}", json=request).json()["task_id"]
    assert key not in caller.query(name)
    caller.mock.clock.advance(3600)
    reply = caller.query(name)

    assert [image["index"] for image in reply[key]] == list(range(count))
    assert reply["video_url"] == reply[key][0]["url"]
    assert reply["duration"] == ""
    assert caller.call("GET", VIDEOS).json()["data"][0] == guide_members(reply)
    task = parse_callback(receiver.received[-1].body, verify=False).task
    assert [file.url for file in task.files] == [image["url"] for image in reply[key]]
    assert task.videos == ()


def test_replies_have_every_view(caller: Caller) -> None:
    """`ai-multi-shot` has three pictures of each index, and no `url`."""
    name = caller.call("POST", f"{VIDEOS}/ai-multi-shot", json=body("ai-multi-shot"))
    caller.mock.clock.advance(3600)
    reply = caller.query(name.json()["task_id"])

    assert [set(image) for image in reply["images"]] == [{"index", "url_1", "url_2", "url_3"}] * 3
    assert reply["video_url"] == reply["images"][0]["url_1"]
    with caller.mock.relay_client() as relay:
        task = relay.ai_multi_shot.run(element_frontal_image=URL)
    assert [(image.index, image.view) for image in task.images[:4]] == [
        (0, 1),
        (0, 2),
        (0, 3),
        (1, 1),
    ]


def test_the_client_of_a_relay_sees_pictures(mock: KlingMock) -> None:
    """They are those of Kling itself, in order."""
    with mock.relay_client() as relay:
        task = relay.image_generation.run(prompt="a cat", n=2)
        series = relay.omni_image.run(prompt="a cat", result_type="series", series_amount=3)
        assert [image.index for image in task.images] == [0, 1]
        assert len(series.series_images) == len(series.outputs) == 3
        assert task.videos == ()
        assert relay.download(task.images[1]).startswith(b"\x89PNG")


def test_a_report_that_is_none_has_no_pictures() -> None:
    """One that was too large to be stored, one of another form, and that of a video."""
    whole = {"task_result": {"images": [{"index": 0, "url": "https://x.test/0.png"}]}}
    assert other_results("image-generation", json.dumps(whole)) == whole["task_result"]
    assert other_results("text2video", json.dumps(whole)) == {}
    for report in ("", "[]", "{", '{"task_result":5}', '{"task_result":{"images":5}}', "[" * 10**5):
        assert other_results("image-generation", report) == {}
    odd = {"task_result": {"images": [5, {"index": True, "url": 5, "more": 1}]}}
    assert other_results("image-generation", json.dumps(odd)) == {"images": [{}]}

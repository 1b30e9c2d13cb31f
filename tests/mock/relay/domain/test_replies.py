"""The queries of lists, and the replies about tasks: the guide's members and Kling's."""

from __future__ import annotations

from typing import Any

import attrs
import pytest

from kling_mock.relay.domain import replies
from kling_mock.relay.domain.errors import RelayError
from kling_mock.relay.storage.values import VideoRow
from tests.mock.relay.http_calls import guide_members


def row(**changes: Any) -> VideoRow:
    fields: dict[str, Any] = dict.fromkeys(attrs.fields_dict(VideoRow), "")
    numbers = ("id", "created_at", "updated_at", "channel_id", "user_id", "quota", "n", "legacy")
    fields |= dict.fromkeys(numbers, 0)
    fields |= {"task_id": "kling_1", "status": "submitted", "duration": "5", "kling_task_id": None}
    return VideoRow(**fields | changes)


def test_replies_have_the_guide_s_keys() -> None:
    """A reply to create and to query has the keys of the guide, empty where nothing is known."""
    assert guide_members(replies.create_reply(row())) == {
        "task_id": "kling_1",
        "kling_task_id": "",
        "status": "submitted",
    }
    assert guide_members(replies.task_reply(row(kling_task_id="873", status="processing"))) == {
        "task_id": "kling_1",
        "kling_task_id": "873",
        "status": "processing",
        "video_url": "",
        "duration": "",
        "fail_reason": "",
    }
    done = replies.task_reply(
        row(kling_task_id="873", status="succeed", store_url="https://v", duration="5.1")
    )
    assert (done["video_url"], done["duration"]) == ("https://v", "5.1")
    listed = guide_members(replies.task_reply(row()))
    assert replies.list_reply([row()], 7) == {"data": [listed], "next_before": 7}


def test_replies_have_kling_s_envelope() -> None:
    """Its task has the relay's id, the user's own, and times in milliseconds."""
    new = replies.create_reply(row(kling_task_id="873", external_task_id="order-1"))
    assert (new["code"], new["message"]) == (0, "SUCCEED")
    assert new["data"] == {
        "task_id": "kling_1",
        "task_status": "submitted",
        "task_info": {"external_task_id": "order-1"},
        "created_at": row().created_at * 1000,
        "updated_at": row().updated_at * 1000,
    }
    failed = replies.task_reply(row(status="failed", fail_reason="too dark"))["data"]
    assert (failed["task_status_msg"], "task_result" in failed) == ("too dark", False)


@pytest.mark.parametrize(
    ("fields", "result"),
    [
        (
            {"type": "text2video", "video_id": "9", "store_url": "https://v", "duration": "5.1"},
            {"videos": [{"id": "9", "url": "https://v", "duration": "5.1"}]},
        ),
        (
            {"type": "image-generation", "store_url": "https://p"},
            {"images": [{"index": 0, "url": "https://p"}]},
        ),
        (
            {"type": "text-to-audio", "store_url": "https://s", "duration": "3"},
            {"audios": [{"id": "", "url_mp3": "https://s", "duration_mp3": "3"}]},
        ),
        (
            {
                "type": "image-generation",
                "store_url": "https://p",
                "json_data": '{"task_result": {"images": [{"index": 0, "url": "https://p"},'
                ' {"index": 1, "url": "https://q", "new": 1}]}}',
            },
            {"images": [{"index": 0, "url": "https://p"}, {"index": 1, "url": "https://q"}]},
        ),
    ],
)
def test_the_envelope_has_the_results(fields: dict[str, Any], result: dict[str, Any]) -> None:
    """They are those of the stored report or, without it, the one that the row has."""
    task = replies.task_reply(row(status="succeed", **fields))["data"]
    assert task["task_result"] == result


def test_a_page_is_asked_for_by_key() -> None:
    """A list is asked for by limit, key and status."""
    assert replies.read_list({}) == (20, None, None)
    assert replies.read_list({"limit": "100", "before": "12", "status": "succeed"}) == (
        100,
        12,
        "succeed",
    )


@pytest.mark.parametrize(
    "query",
    [{"limit": "0"}, {"limit": "101"}, {"limit": "-1"}, {"limit": "٣"}, {"before": "9" * 19}],
)
def test_a_wrong_page_is_a_400(query: dict[str, str]) -> None:
    """A page with a wrong number is refused, with the accepted range."""
    (name,) = query
    with pytest.raises(RelayError, match=rf"^{name}: must be a whole number from 1 to"):
        replies.read_list(query)


@pytest.mark.parametrize(
    ("query", "page"),
    [
        ({"limit": "1"}, (1, None, None)),
        ({"limit": "", "before": "", "status": ""}, (20, None, None)),
        ({"before": "1"}, (20, 1, None)),
        ({"before": f"{2**63 - 1}"}, (20, 2**63 - 1, None)),
        ({"limit": "0" * 17 + "10"}, (10, None, None)),
    ],
)
def test_a_page_at_its_limits(query: dict[str, str], page: tuple[int, Any, Any]) -> None:
    assert replies.read_list(query) == page


@pytest.mark.parametrize(
    ("name", "value", "most"),
    [
        ("limit", "0", 100),
        ("limit", "101", 100),
        ("limit", "1.0", 100),
        ("limit", "0" * 18 + "10", 100),
        ("before", "0", 2**63 - 1),
        ("before", f"{2**63}", 2**63 - 1),
        ("before", "²", 2**63 - 1),
    ],
)
def test_a_page_beyond_its_limits(name: str, value: str, most: int) -> None:
    with pytest.raises(RelayError) as caught:
        replies.read_list({name: value})
    assert caught.value.message == f"{name}: must be a whole number from 1 to {most}"


def test_replies_are_written_in_utf_8() -> None:
    assert replies.to_json({"message": "小猫"}) == '{"message": "小猫"}'.encode()


def test_a_result_is_shown_after_a_success_only() -> None:
    """A failed row keeps the requested length, which is not a result."""
    for status in ("submitted", "processing", "failed"):
        reply = replies.task_reply(row(status=status, store_url="https://v", fail_reason="why"))
        assert (reply["video_url"], reply["duration"], reply["fail_reason"]) == ("", "", "why")

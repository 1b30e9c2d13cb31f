"""The differences between two responses, of either interface."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kling_mock.recording.differences import Ids, differences
from kling_mock.recording.session import RecordedReply

TASK: dict[str, Any] = {
    "code": 0,
    "message": "SUCCEED",
    "request_id": "aaaa",
    "data": {
        "id": "811",
        "status": "succeeded",
        "message": "",
        "create_time": 1_700_000_000_000,
        "update_time": 1_700_000_100_000,
        "external_id": "job-1",
        "outputs": [{"type": "video", "id": "812", "url": "https://media.test/1.mp4"}],
        "billing": [{"charge_type": "unit", "amount": "3", "package_type": "video"}],
    },
}
#: The same from another service: other ids, times and URLs.
OTHER: dict[str, Any] = {
    "code": 0,
    "message": "SUCCEED",
    "request_id": "bbbb",
    "data": {
        "id": "922",
        "status": "succeeded",
        "message": "",
        "create_time": 1_600_000_000_000,
        "update_time": 1_600_000_100_000,
        "external_id": "job-1",
        "outputs": [{"type": "video", "id": "923", "url": "http://127.0.0.1:1/2.mp4"}],
        "billing": [{"charge_type": "unit", "amount": "3.0", "package_type": "video"}],
    },
}


def between(recorded: Any, emulated: Any, ids: Ids | None = None) -> list[tuple[str, str]]:
    mismatches = differences(
        RecordedReply(200, recorded), RecordedReply(200, emulated), ids or Ids()
    )
    return [(mismatch.kind, mismatch.at) for mismatch in mismatches]


def test_other_ids_times_and_urls_are_no_difference() -> None:
    """A difference between "3.0" and "3" does not count either."""
    assert between(TASK, OTHER) == []


def change(at: str, value: Any) -> Callable[[Any], None]:
    def work(body: Any) -> None:
        *path, last = [int(part) if part.isdigit() else part for part in at.split(".")]
        for part in path:
            body = body[part]
        if value is DELETED:
            del body[last]
        else:
            body[last] = value

    return work


DELETED = object()


@pytest.mark.parametrize(
    ("at", "value", "kind", "place"),
    [
        ("code", 1201, "code", "code"),
        ("message", "no", "message", "message"),
        ("data.status", "succeed", "value", "data.status"),
        ("data.status", "unheard-of", "value", "data.status"),
        ("data.id", 922, "type", "data.id"),
        ("data.external_id", DELETED, "missing key", "data.external_id"),
        ("data.external_id", "", "value", "data.external_id"),
        ("data.more", None, "new key", "data.more"),
        ("data.outputs", {}, "type", "data.outputs"),
        ("data.outputs", [], "length", "data.outputs"),
        ("data.outputs.0.type", "image", "value", "data.outputs[0].type"),
        ("data.outputs.0.url", None, "type", "data.outputs[0].url"),
        ("data.outputs.0.url", "", "value", "data.outputs[0].url"),
        ("data.billing.0.amount", "2.7", "value", "data.billing[0].amount"),
        ("data.create_time", "1600000000000", "type", "data.create_time"),
        ("data", DELETED, "missing key", "data"),
        ("data", [], "type", "data"),
    ],
)
def test_each_difference(at: str, value: Any, kind: str, place: str) -> None:
    """One at a time, with its place."""
    changed = copy.deepcopy(OTHER)
    change(at, value)(changed)
    assert between(TASK, changed) == [(kind, place)]


def test_the_http_status_and_what_is_no_json() -> None:
    """A page instead of an envelope."""
    page = RecordedReply(404, text="<html>")
    mismatches = differences(RecordedReply(200, TASK), page, Ids())
    assert [(mismatch.kind, mismatch.at) for mismatch in mismatches] == [
        ("status", "http"),
        ("type", ""),
    ]
    assert differences(page, RecordedReply(404, text="other"), Ids()) == []


def test_one_id_stands_for_one_id() -> None:
    """A reply that names another task than before is a difference, and so is one for two."""
    ids = Ids()
    assert between({"task_id": "1"}, {"task_id": "a"}, ids) == []
    assert between({"task_id": "1"}, {"task_id": "a"}, ids) == []
    assert between({"task_id": "1"}, {"task_id": "b"}, ids) == [("id", "task_id")]
    assert between({"task_id": "2"}, {"task_id": "a"}, ids) == [("id", "task_id")]
    assert between({"element_id": 7}, {"element_id": 8}, ids) == []
    assert between({"element_id": 7}, {"element_id": 9}, ids) == [("id", "element_id")]


def test_ids_in_messages() -> None:
    """The recorded text has the recorded id, the emulator's has its own."""
    ids = Ids()
    ids.learn("811111", "922222")
    recorded, emulated = (
        {"message": f"Task not found: {task_id}"} for task_id in ("811111", "922222")
    )
    assert between(recorded, emulated, ids) == []
    assert between(recorded, {"message": "Task not found: 933333"}, ids) == [("message", "message")]


def test_a_list_leaves_out_the_tasks_of_others() -> None:
    """What was made before the session, and what only the emulator has made."""
    ids = Ids()
    ids.learn("1", "a")
    ids.learn("2", "b")

    def page(*names: str) -> dict[str, Any]:
        return {"data": [{"task_id": name, "task_status": "failed"} for name in names]}

    assert between(page("2", "old", "1"), page("b", "a"), ids) == []
    assert between(page("2", "1"), page("b", "extra", "a"), ids) == []
    assert between(page("2", "1"), page("b"), ids) == [("length", "data")]
    assert between(page("2", "1"), page("a", "b"), ids) == [
        ("id", "data[0].task_id"),
        ("id", "data[1].task_id"),
    ]


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["status", "message", "id", "data", "code", "url"]), inner
            )
        ),
        max_leaves=10,
    )
)
def test_nothing_differs_from_itself(body: Any) -> None:
    """This holds for any value."""
    assert between(body, copy.deepcopy(body)) == []

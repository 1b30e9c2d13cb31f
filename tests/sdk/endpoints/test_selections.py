"""Selections of `multi_elements`: what is sent, and what a reply means."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from kling_sdk import (
    FrameSelection,
    MultiElements,
    RequestValidationError,
    Selection,
    SelectionPoint,
    SelectionPreview,
    TransportError,
)
from kling_sdk.endpoints import request_class
from kling_sdk.wire.v1 import wire_body

ADD: Any = request_class("add-selection")


def body(**fields: Any) -> dict[str, Any]:
    return wire_body(ADD(session_id="7", frame_index=0, **fields), "")


def test_a_selection_stands_for_its_session() -> None:
    """It does so in the calls of the selection, and in the request."""
    selection = Selection("7", raw={"session_id": "7"})
    request = MultiElements(session_id=selection, edit_mode="removal", prompt="the boat")
    assert request.session_id == "7"
    addition = ADD(session_id=selection, frame_index=0, points=[(0, 1)])
    assert addition.parameters()["session_id"] == "7"


@pytest.mark.parametrize(
    "point", [(0.5, 1), [0.5, 1], {"x": 0.5, "y": 1}, SelectionPoint(0.5, 1)], ids=str
)
def test_a_point_is_a_pair_a_mapping_or_an_object(point: Any) -> None:
    """The vendor's body has objects of x and y."""
    assert body(points=[point])["points"] == [{"x": 0.5, "y": 1}]


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({"points": []}, "points"),
        ({"points": [(0, 0)] * 11}, "points"),
        ({"points": [(0, 1.1)]}, "points.y"),
        ({"points": [(float("nan"), 1)]}, "points.x"),
        ({"points": [("0", 1)]}, "points.x"),
        ({"points": [(True, 1)]}, "points.x"),
        ({"points": [(1, 2, 3)]}, "points"),
        ({"points": [(0, 0)], "frame_index": -1}, "frame_index"),
        ({"points": [(0, 0)], "frame_index": 1.0}, "frame_index"),
        ({"points": [(0, 0)], "frame_index": None}, "frame_index"),
        ({"points": [(0, 0)], "session_id": ""}, "session_id"),
    ],
)
def test_a_point_or_frame_that_cannot_be_is_refused(fields: dict[str, Any], name: str) -> None:
    """Before anything is sent."""
    with pytest.raises(RequestValidationError) as raised:
        ADD(**{"session_id": "7", "frame_index": 0, **fields})
    assert raised.value.field == name


@pytest.mark.parametrize(
    ("way", "number", "expected"),
    [
        ("addition", 0, "1 to 2 pictures"),
        ("swap", 2, "1 picture"),
        ("removal", 1, "no pictures"),
    ],
)
def test_the_number_of_pictures_depends_on_the_way_of_editing(
    way: str, number: int, expected: str
) -> None:
    """The refusal says how many."""
    images = ["https://example.com/a.png"] * number or None
    with pytest.raises(RequestValidationError, match=expected):
        MultiElements(session_id="7", edit_mode=way, prompt="x", image_list=images)


def test_a_rejected_video_is_no_lost_reply() -> None:
    """It may have no session; a response without any content is a lost one."""
    rejected = Selection.from_data({"status": 3})
    assert (rejected.is_rejected, rejected.session_id) == (True, "")
    nothing: list[Any] = [None, [], {}, {"status": 0}]
    for data in nothing:
        with pytest.raises(TransportError, match="has no session_id"):
            Selection.from_data(data)


def test_a_reply_with_odd_members_is_read_as_far_as_it_goes() -> None:
    """A member that is missing or of another type is None, empty, or left out."""
    assert SelectionPreview.from_data({"session_id": "7", "res": 5}).video_url == ""
    for result in (5, {"rle_mask_list": 5}, {"rle_mask_list": [5]}):
        assert FrameSelection.from_data({"session_id": "7", "res": result}).masks == ()
    odd = {"object_id": 3, "rle_mask": {"size": [1], "counts": 5}, "png_mask": {"base64": "%"}}
    (mask,) = FrameSelection.from_data({"session_id": 7, "res": {"rle_mask_list": [odd]}}).masks
    assert (mask.object_id, mask.width, mask.counts, mask.png) == ("3", None, "5", b"")


def test_a_frame_has_masks() -> None:
    """Height comes before width on the wire."""
    mask_data = {
        "object_id": 0,
        "rle_mask": {"size": [3, 4], "counts": "<"},
        "png_mask": {"size": [3, 4], "base64": "UE5H"},
    }
    data = {
        "status": 0,
        "session_id": "7",
        "res": {"frame_index": 2, "rle_mask_list": [mask_data]},
        "final_unit_deduction": "0",
    }
    selection = FrameSelection.from_data(data)
    (mask,) = selection.masks
    assert (selection.frame_index, selection.units) == (2, Decimal(0))
    assert (mask.width, mask.height, mask.counts, mask.png) == (4, 3, "<", b"PNG")

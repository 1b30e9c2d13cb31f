"""`multi-elements`: a selection in a video, its masks, and the task that works on it."""

from __future__ import annotations

import io
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import httpx
import pytest
from PIL import Image

from kling_mock import KlingMock
from kling_mock.kling.endpoints.multi_elements_selection import SESSION_SECONDS, SelectedVideo
from kling_mock.kling.endpoints.source_video import SourceVideo
from kling_mock.kling.model.accounts import Account
from kling_mock.kling.model.sessions import CallSession
from kling_mock.kling.service_codes import Refusal
from kling_sdk import InvalidRequestError, Kling, Selection
from tests.endpoints import URL
from tests.mock.kling.endpoints.requests import plan
from tests.mock.kling.media.test_mask import decoded, from_png, from_runs

VIDEO = "https://example.com/pond.mp4"
MIDDLE = (0.5, 0.5)


@pytest.fixture
def kling(mock: KlingMock) -> Iterator[Kling]:
    with mock.client() as kling:
        yield kling


@pytest.fixture
def selection(kling: Kling) -> Selection:
    return kling.multi_elements.init_selection(video_url=VIDEO)


def refused(kling: Kling, call: str, body: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidRequestError, match=message):
        kling.request("POST", f"/v1/videos/multi-elements/{call}", json=body)


def at_first(selection: Selection) -> dict[str, Any]:
    """Return the parameters of a call about the first frame."""
    return {"session_id": selection, "frame_index": 0}


def make_video(mock: KlingMock, model: str, seconds: int) -> str:
    """Make a video; return its id."""
    with mock.client() as kling:
        task = kling.text2video.create(prompt="a pond", model_name=model, duration=seconds)
        mock.complete(task)
        return kling.text2video.get(task.task_id).videos[0].id


# ------------------------------------------------------------ the video


def test_a_selection_says_what_the_video_is_like(kling: Kling, selection: Selection) -> None:
    """The selection has a file, which is a video."""
    about = (selection.duration, selection.width, selection.height)
    assert about == (5000, 1280, 720)
    assert selection.fps == 30
    assert (selection.total_frames, selection.status) == (150, 0)
    assert selection.units == 0
    assert not selection.is_rejected
    assert kling.download(selection.video_url)[4:8] == b"ftyp"


@pytest.mark.parametrize("seconds", [3, 5, 7, 10])
def test_a_video_of_this_account(mock: KlingMock, kling: Kling, seconds: int) -> None:
    """A video of 2 to 5 seconds, or of 7 to 10 seconds."""
    video_selection = kling.multi_elements.init_selection(
        video_id=make_video(mock, "kling-v3", seconds)
    )
    assert video_selection.duration == seconds * 1000
    assert video_selection.total_frames == seconds * 24


@pytest.mark.parametrize(("seconds", "message"), [(6, "2 to 5 s or 7 to 10 s"), (11, "at most 10")])
def test_a_video_of_another_length_is_refused(
    mock: KlingMock, kling: Kling, seconds: int, message: str
) -> None:
    """Six seconds are between the two lengths of a result."""
    refused(kling, "init-selection", {"video_id": make_video(mock, "kling-v3", seconds)}, message)


def test_a_session_is_good_for_a_day(mock: KlingMock, kling: Kling, selection: Selection) -> None:
    """It is found by its own account only."""
    body = {"session_id": selection.session_id}
    assert SESSION_SECONDS == 24 * 3600
    with Kling(api_key=mock.accounts.add("other").api_key, base_url=mock.kling_url) as other:
        refused(other, "clear-selection", body, "session_id: must be the id of a session")
    mock.clock.advance(SESSION_SECONDS - 1)
    assert kling.multi_elements.clear_selection(session_id=selection).session_id
    mock.clock.advance(1)
    refused(kling, "clear-selection", body, "session_id: must be the id of a session")


# ------------------------------------------------------------ points and masks


def test_both_forms_of_a_mask_are_the_same(kling: Kling, selection: Selection) -> None:
    """The run lengths and the picture, by decoders of the tests' own: a disc around each point."""
    frame = kling.multi_elements.add_selection(
        session_id=selection, frame_index=3, points=[(0.1, 0.2), {"x": 0.7, "y": 1}]
    )
    (mask,) = frame.masks
    assert (frame.frame_index, mask.object_id, mask.width, mask.height) == (3, "0", 1280, 720)

    pixels = from_png(mask.png)
    assert pixels == from_runs(decoded(mask.counts), 1280, 720)
    assert {(128, 144), (896, 719)} <= pixels
    assert (640, 360) not in pixels


def test_points_add_up_and_are_taken_back(kling: Kling, selection: Selection) -> None:
    """They are taken back only exactly as they were added; a frame without points has no mask."""
    calls, at = kling.multi_elements, at_first(selection)
    calls.add_selection(**at, points=[MIDDLE])
    both = calls.add_selection(**at, points=[(0.25, 0.5)]).masks[0].counts
    body = {"session_id": selection.session_id, "frame_index": 0}
    for point, frame in (({"x": 0.5, "y": 0.500001}, 0), ({"x": 0.5, "y": 0.5}, 1)):
        wrong = {**body, "frame_index": frame, "points": [point]}
        refused(kling, "delete-selection", wrong, r"points\[0\]: must be a point that was added")

    remaining = calls.delete_selection(**at, points=[MIDDLE]).masks[0].counts
    assert remaining != both
    assert calls.delete_selection(**at, points=[(0.25, 0.5)]).masks == ()
    again = {**body, "points": [{"x": 0.25, "y": 0.5}]}
    refused(kling, "delete-selection", again, "must be a point that was added")


def test_a_refused_deletion_changes_nothing(kling: Kling, selection: Selection) -> None:
    """This holds also if some of its points were added."""
    calls, at = kling.multi_elements, at_first(selection)
    calls.add_selection(**at, points=[MIDDLE])
    points = [{"x": 0.5, "y": 0.5}, {"x": 0.1, "y": 0.1}]
    body = {"session_id": selection.session_id, "frame_index": 0, "points": points}
    refused(kling, "delete-selection", body, r"points\[1\]")
    assert calls.delete_selection(**at, points=[MIDDLE]).masks == ()


def test_ten_points_a_frame_and_ten_frames(kling: Kling, selection: Selection) -> None:
    """More of either are refused; clearing makes room."""
    calls, body = kling.multi_elements, {"session_id": selection.session_id}
    for frame in range(10):
        calls.add_selection(session_id=selection, frame_index=frame, points=[MIDDLE] * 9)
    calls.add_selection(session_id=selection, frame_index=0, points=[MIDDLE])
    point = {"points": [{"x": 0.5, "y": 0.5}]}
    refused(kling, "add-selection", {**body, **point, "frame_index": 0}, "points: must not be more")
    refused(kling, "add-selection", {**body, **point, "frame_index": 10}, "one of the 10 frames")
    refused(kling, "add-selection", {**body, **point, "frame_index": 150}, "less than the video")

    calls.clear_selection(session_id=selection)
    assert calls.add_selection(session_id=selection, frame_index=10, points=[MIDDLE]).masks


def test_a_preview_is_real_files(kling: Kling, selection: Selection) -> None:
    """Two videos, and a cover that is the mask of the first frame with points."""
    calls = kling.multi_elements
    frame = calls.add_selection(session_id=selection, frame_index=7, points=[MIDDLE])
    preview = calls.preview_selection(session_id=selection)

    assert (
        len({preview.video_url, preview.cover_url, preview.tracking_url, selection.video_url}) == 4
    )
    for url in (preview.video_url, preview.tracking_url):
        assert httpx.get(url).content[4:8] == b"ftyp"
    cover: Any = Image.open(io.BytesIO(kling.download(preview.cover_url)))
    mask: Any = Image.open(io.BytesIO(frame.masks[0].png))
    assert (cover.size, cover.tobytes()) == ((1280, 720), mask.tobytes())


# ------------------------------------------------------------ the task


def session(seconds: int) -> CallSession:
    video = SelectedVideo(SourceVideo("", VIDEO, seconds, "1080p", "9:16", 30), {})
    return CallSession("7", Account("account", [], []), "multi-elements", 1.0, video)


def planned(seconds: int = 5, **fields: Any) -> Any:
    body = {"session_id": "7", "edit_mode": "removal", "prompt": "the boat", **fields}
    call_session = session(seconds)
    return plan("multi-elements", body, find_session=lambda _kind, _id: call_session)


@pytest.mark.parametrize(
    ("seconds", "duration", "is_taken"),
    [(2, "5", True), (5, None, True), (5, "10", False), (7, "10", True), (10, "5", False)],
)
def test_the_length_is_tied_to_the_video(
    seconds: int, duration: str | None, *, is_taken: bool
) -> None:
    """5 for a video of 2 to 5 s, 10 for one of 7 to 10 s; 5 without `duration`."""
    fields: dict[str, Any] = {} if duration is None else {"duration": duration}
    if is_taken:
        assert planned(seconds, **fields).seconds == int(duration or 5)
    else:
        with pytest.raises(Refusal, match="duration: must be"):
            planned(seconds, **fields)


@pytest.mark.parametrize(
    ("way", "numbers"), [("addition", {1, 2}), ("swap", {1}), ("removal", {0})]
)
def test_each_way_of_editing_has_its_number_of_pictures(way: str, numbers: set[int]) -> None:
    """Adding takes 1 or 2, an exchange takes 1, and a removal takes none."""
    for number in range(3):
        fields: dict[str, Any] = {"image_list": [{"image": URL}] * number} if number else {}
        if number in numbers:
            assert planned(edit_mode=way, **fields).mode == "std"
        else:
            with pytest.raises(Refusal, match="image_list: must have"):
                planned(edit_mode=way, **fields)


@pytest.mark.parametrize(
    ("mode", "seconds", "units"), [("std", 5, 3), ("std", 10, 6), ("pro", 5, 5), ("pro", 10, 10)]
)
def test_what_it_costs(mode: str, seconds: int, units: int) -> None:
    """Weak: one unofficial list has it."""
    task_plan = planned(seconds, mode=mode, duration=str(seconds))
    assert (task_plan.units, task_plan.aspect_ratio) == (units, "9:16")


def test_a_video_of_the_result_names_its_session(
    mock: KlingMock, kling: Kling, selection: Selection
) -> None:
    """Beside its own id."""
    task = kling.multi_elements.create(
        session_id=selection, edit_mode="swap", image_list=[URL], prompt="a duck for the boat"
    )
    mock.complete(task)
    (video,) = kling.multi_elements.get(task.task_id).videos
    assert (video.raw["session_id"], video.duration) == (selection.session_id, Decimal(5))

"""Calls that return a result at once, without a task: their permissions, prices and traces."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from kling_mock import KlingMock
from kling_mock.kling.endpoints.identify_face import SESSION_SECONDS
from kling_mock.kling.endpoints.registry import ENDPOINTS
from kling_mock.kling.model.accounts import Account
from kling_mock.kling.model.plan import PackType
from kling_mock.kling.model.sessions import KEPT, Sessions
from kling_sdk import AccountError, InvalidRequestError, Kling, PermissionDeniedError
from tests.endpoints import CALLS, speech, with_sources

#: Those that have a price.
PAID = [name for name in CALLS if ENDPOINTS[name].units_per_call]


@pytest.fixture
def kling(mock: KlingMock) -> Iterator[Kling]:
    with mock.client() as kling:
        yield kling


def call(kling: Kling, name: str, body: dict[str, Any]) -> Any:
    return kling.request("POST", ENDPOINTS[name].path, json=body)


def left(kling: Kling) -> Decimal | None:
    (pack,) = kling.account.costs(0, 10**13)
    return pack.remaining


@pytest.mark.parametrize("name", PAID)
def test_it_is_charged_once_and_only_for_an_answer(
    mock: KlingMock, kling: Kling, name: str
) -> None:
    """A refused body is not charged, and every successful response is."""
    body = with_sources(mock, CALLS[name])
    price = ENDPOINTS[name].units_per_call
    mock.account.add_pack(units=price * 2 - price / 2)

    with pytest.raises(InvalidRequestError):
        call(kling, name, {})
    assert call(kling, name, body)
    assert left(kling) == price / 2
    with pytest.raises(AccountError, match="balance not enough"):
        call(kling, name, body)
    assert left(kling) == price / 2


@pytest.mark.parametrize("name", PAID)
def test_it_is_paid_by_a_pack_of_its_own_type(mock: KlingMock, kling: Kling, name: str) -> None:
    """Units of an image pack buy no call that a video pack pays for."""
    body = with_sources(mock, CALLS[name])
    other: PackType = "image" if ENDPOINTS[name].pack == "video" else "video"
    mock.account.add_pack(units=100, type=other)

    with pytest.raises(AccountError, match="balance not enough"):
        call(kling, name, body)
    assert left(kling) == 100


@pytest.mark.parametrize("name", CALLS)
def test_an_endpoint_can_be_denied(mock: KlingMock, kling: Kling, name: str) -> None:
    """It is denied like one that makes tasks; slots are not needed."""
    body = with_sources(mock, CALLS[name])
    mock.account.slots = 0
    assert call(kling, name, body)
    mock.account.denied = [name]
    with pytest.raises(PermissionDeniedError):
        call(kling, name, body)


def account(name: str) -> Account:
    return Account(name, [], [])


def test_a_session_is_of_one_account_and_kind_and_ends() -> None:
    """Other accounts do not find it, and its own does not find it after its end."""
    ids = iter("123")
    sessions, mine = Sessions(lambda: next(ids)), account("mine")
    session = sessions.open(mine, "identify-face", 10.0, "what it remembers")

    assert sessions.find(mine, "identify-face", "1", 9.9) is session
    assert sessions.find(account("other"), "identify-face", "1", 9.9) is None
    assert sessions.find(mine, "multi-elements", "1", 9.9) is None
    assert sessions.find(mine, "identify-face", "1", 10.0) is None
    assert len(sessions) == 0


def test_the_oldest_session_makes_room() -> None:
    """No client can fill the server's memory."""
    numbers = iter(range(KEPT + 1))
    sessions, mine = Sessions(lambda: str(next(numbers))), account("mine")
    for _ in range(KEPT + 1):
        sessions.open(mine, "identify-face", 10.0, None)
    assert len(sessions) == KEPT
    assert sessions.find(mine, "identify-face", "0", 0.0) is None
    assert sessions.find(mine, "identify-face", "1", 0.0) is not None


def test_a_face_is_found_from_the_beginning_to_the_end_of_the_video(
    mock: KlingMock, kling: Kling
) -> None:
    """Both kinds of sources work, each with its own session."""
    identified = kling.identify_face.call(**with_sources(mock, CALLS["identify-face"]))
    other = kling.identify_face.call(video_url="https://example.com/a.mp4")

    assert identified.units == Decimal("0.05")
    assert [(face.face_id, face.start_time, face.end_time) for face in identified.faces] == [
        ("0", 0, 5000)
    ]
    assert identified.session_id != other.session_id
    assert kling.download(identified.faces[0].image_url).startswith(b"\x89PNG")
    assert SESSION_SECONDS == 24 * 3600


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({}, "video_id or video_url is required"),
        ({"video_id": "1", "video_url": "https://a.test/a.mp4"}, "not possible together"),
        ({"video_id": "1"}, "must be the id of a video of this account"),
        ({"video_url": "https://media.invalid/a.mp4"}, "get the contents of the file"),
    ],
)
def test_a_video_that_cannot_be_used_is_refused(
    kling: Kling, body: dict[str, Any], message: str
) -> None:
    """It is refused at once, so no task can fail later."""
    with pytest.raises(InvalidRequestError, match=message):
        call(kling, "identify-face", body)


def test_a_session_is_in_a_snapshot_and_not_behind_a_reset(mock: KlingMock, kling: Kling) -> None:
    """Sessions are kept and reset like all other state."""
    face = {"face_id": "0", "audio_id": speech(mock), "sound_start_time": 0, "sound_end_time": 3000}
    session = kling.identify_face.call(video_url="https://example.com/a.mp4")
    body = {"session_id": session.session_id, "face_choose": [{**face, "sound_insert_time": 0}]}
    snapshot = mock.snapshot()

    mock.restore(snapshot)
    assert kling.advanced_lip_sync.submit(body).status == "submitted"
    mock.reset()
    with mock.client() as again, pytest.raises(InvalidRequestError, match="session_id"):
        again.advanced_lip_sync.submit(body)

"""The record of requests: complete, bounded, and without credentials."""

from __future__ import annotations

from typing import Any

from kling_mock.control.journal import BODY_KEPT, Entry, Journal

LIST = "/v1/videos/text2video"


def test_what_was_asked_and_answered(api: Any, mock: Any) -> None:
    """One entry per request, with the mock's time, the codes, the account and both bodies."""
    task_id = api.new(external_task_id="mine")
    mock.clock.advance(5)
    api.get(f"{LIST}?pageSize=1")
    api.http.get(f"{LIST}/nothing")

    create, listing, refused = mock.journal
    assert (create.method, create.path, create.status, create.code) == ("POST", LIST, 200, 0)
    assert b'"external_task_id":"mine"' in create.request.replace(b" ", b"")
    assert task_id.encode() in create.response
    assert create.request_id.encode() in create.response
    assert (create.account, refused.account) == ("default", "")
    assert (listing.path, listing.query, listing.at) == (LIST, "pageSize=1", create.at + 5)
    assert (refused.status, refused.code) == (401, 1001)


def test_no_credential_is_kept(api: Any, mock: Any) -> None:
    """Neither a token nor a key is anywhere in the journal."""
    token = api.token()
    api.http.get(LIST, headers=api.headers(token))
    api.get(LIST)
    shown = repr(list(mock.journal)) + repr(mock.journal)
    assert token not in shown
    assert mock.api_key not in shown
    assert mock.secret_key not in shown


def test_it_is_bounded(api: Any, mock: Any) -> None:
    """A large body is cut, and old entries make room."""
    api.create(prompt="a" * 100_000)
    assert len(mock.journal[-1].request) == BODY_KEPT

    journal = Journal(size=3)
    for number in range(5):
        journal.add(Entry(float(number), "GET", "/", "", 200, 0, "", "", b"", b""))
    assert [entry.at for entry in journal] == [2, 3, 4]
    assert (len(journal), journal.total, journal[0].at) == (3, 5, 2)

"""Downloads of result files: entries of their own kind, not calls of the API."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from kling_mock import Call, IncompleteJournalError, KlingMock
from kling_mock.kling.journal.entries import Entry
from kling_mock.kling.journal.journal import Journal
from kling_mock.testing.report import sections
from tests.mock.admin_client import Admin

CREATE = "POST /v1/videos/text2video"
QUERY = "GET /v1/videos/text2video/*"


@pytest.fixture
def fetched(mock: KlingMock, api: Any) -> KlingMock:
    """A server of which a video was made, asked for and fetched twice."""
    task_id = api.new()
    mock.complete(task_id)
    url = api.task(task_id)["task_result"]["videos"][0]["url"]
    api.http.get(url)
    api.http.get(url, headers={"Range": "bytes=0-9"})
    return mock


def test_they_are_listed(fetched: KlingMock) -> None:
    """They have their status, and are numbered like any other entry."""
    assert [(download.status, download.kind) for download in fetched.journal.downloads] == [
        (200, "download"),
        (206, "download"),
    ]
    assert [call.kind for call in fetched.journal] == ["api", "api", "download", "download"]
    assert (fetched.journal.total, fetched.journal.downloads_total) == (4, 2)
    fetched.journal.clear()
    assert fetched.journal.downloads == []


def test_patterns_do_not_take_them_for_calls(fetched: KlingMock) -> None:
    """A pattern of calls counts no downloads, whatever it leaves open."""
    journal = fetched.journal
    journal.assert_called("GET", times=1)
    journal.assert_called(times=2)
    journal.assert_not_called("GET *", account="")
    assert [call.method for call in journal.where()] == ["POST", "GET"]
    with pytest.raises(AssertionError, match=r"GET \*, did not come after #2"):
        journal.assert_sequence([CREATE, "GET", "GET"])


def test_they_are_found_by_their_path_or_kind(fetched: KlingMock, api: Any) -> None:
    """They are found by a fault as well, which may happen to them."""
    journal = fetched.journal
    assert journal.where("GET /media/*") == journal.downloads
    assert journal.where(kind="download") == journal.downloads
    assert journal.where(kind="*") == list(journal)
    journal.assert_called("/media/videos/*", times=1, status=206)
    journal.assert_sequence([CREATE, QUERY, "GET /media/*", Call(kind="download")], exact=True)
    fetched.faults.add("wrong-length", by=1)
    with pytest.raises(httpx.RemoteProtocolError):
        api.http.get(journal.downloads[0].path)
    assert journal.where(fault="wrong-length") == journal.downloads[-1:]


def test_they_may_come_between_the_calls_of_an_exact_sequence(fetched: KlingMock, api: Any) -> None:
    """Which is of calls alone, if it names no download."""
    journal = fetched.journal
    assert journal.assert_sequence([CREATE, QUERY], exact=True) == journal.where()
    api.create()
    assert len(journal.assert_sequence([CREATE, QUERY, CREATE], exact=True)) == 3
    with pytest.raises(AssertionError, match=r"call 3 of the sequence, GET .*, did not come as #5"):
        journal.assert_sequence([CREATE, QUERY, "GET"], exact=True)
    with pytest.raises(AssertionError, match="expected 2 calls in all, there were 3"):
        journal.assert_sequence([CREATE, QUERY], exact=True)


def test_one_of_a_file_that_is_gone_is_one_as_well(api: Any, mock: KlingMock) -> None:
    """Its status says so; a request with another method is an unexpected call."""
    api.http.get("/media/videos/100000000000000000.mp4")
    api.http.post("/media/videos/100000000000000000.mp4")
    assert [(call.kind, call.status) for call in mock.journal] == [("download", 404), ("api", 404)]


def test_a_wrong_kind_is_refused(mock: KlingMock) -> None:
    """The error lists the kinds."""
    wrong: Any = "file"
    with pytest.raises(ValueError, match=r"kind: must be 'api', 'download' or '\*', got 'file'"):
        mock.journal.where(kind=wrong)


# ------------------------------------------------------------ in a full journal


def entry(path: str, method: str = "GET", status: int = 200) -> Entry:
    return Entry(0.0, method, path, "", status, 0, "", "", b"", b"")


def full(*entries: Entry) -> Journal:
    journal = Journal(3, ["POST /v1/videos/text2video", "GET /v1/videos/text2video/*"])
    for call in entries:
        journal.add(call)
    return journal


def test_they_make_room_as_queries_do() -> None:
    """Whole or in parts; what is forgotten is one kind for all files."""
    files = [entry(f"/media/videos/{number}.mp4", status=206) for number in range(50)]
    creates = [entry("/v1/videos/text2video", "POST") for _ in range(2)]
    journal = full(*creates, *files)
    assert journal.where("POST *") == creates
    ((kind, count),) = journal.forgotten_kinds
    assert (kind.path, kind.kind, count) == ("/media/*", "download", 49)
    journal.assert_called(times=2)
    with pytest.raises(IncompleteJournalError):
        journal.assert_called("GET /media/videos/3.mp4")


def test_forgotten_ones_leave_open_where_they_were() -> None:
    """So it cannot be known whether two calls were consecutive, but how many there were can."""
    create, query = entry("/v1/videos/text2video", "POST"), entry("/v1/videos/text2video/1")
    journal = full(create, *[entry("/media/videos/1.mp4")] * 4, query)
    with pytest.raises(IncompleteJournalError, match="which calls came between these"):
        journal.assert_sequence([CREATE, QUERY], exact=True)
    with pytest.raises(AssertionError):
        journal.assert_sequence([CREATE], exact=True)


# ------------------------------------------------------------ in reports


def test_a_report_counts_them_apart(fetched: KlingMock) -> None:
    """They have lines among the calls, in the order in which all came."""
    ((title, text),) = sections("kling_mock", fetched.journal, (), 20)
    assert title == "kling_mock: journal of 2 calls and 2 downloads"
    assert "GET /media/videos/" in text.splitlines()[2]


def test_the_admin_api_lists_both(mock: KlingMock) -> None:
    """Each says what it is, and `kind` chooses."""
    kinds_by_query = {"": ["api", "download"], "?kind=download": ["download"], "?kind=api": ["api"]}
    with Admin(mock) as admin:
        admin.http.get("/media/videos/100000000000000000.mp4")
        admin.http.get("/v1/videos/text2video")
        for query, kinds in kinds_by_query.items():
            rows = admin.ask("GET", f"/journal{query}")["data"]
            assert [row["kind"] for row in rows] == kinds

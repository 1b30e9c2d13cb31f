"""The record of requests: complete, bounded, without credentials, and good to ask."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import httpx
import pytest

from kling_mock import Call
from kling_mock.kling.faults.kinds import KINDS
from kling_mock.kling.journal.entries import BODY_KEPT, Entry
from kling_mock.kling.journal.journal import Journal
from kling_mock.kling.service_codes import CODES

LIST = "/v1/videos/text2video"
CREATE = f"POST {LIST}"


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
    text = repr(list(mock.journal)) + repr(mock.journal)
    assert token not in text
    assert mock.api_key not in text
    assert mock.secret_key not in text


def test_it_is_bounded(api: Any, mock: Any) -> None:
    """Large bodies are shortened or cut, and old entries make room."""
    api.create(prompt="a" * 100_000)
    api.create(prompt="a kitten", extra=list(range(10_000)))
    api.http.post(LIST, content=b"x" * 10_000, headers=api.headers())
    assert all(len(entry.request) <= BODY_KEPT for entry in mock.journal)
    assert [entry.sent is None for entry in mock.journal] == [False, True, True]

    journal = Journal(size=3)
    for number in range(5):
        journal.add(Entry(float(number), "GET", "/", "", 200, 0, "", "", b"", b""))
    assert [entry.at for entry in journal] == [2, 3, 4]
    assert (len(journal), journal.total, journal[0].at) == (3, 5, 2)


def test_a_call_with_a_large_picture_is_found_by_its_members(api: Any, mock: Any) -> None:
    """Long texts are shortened, the rest of the body can still be asked for."""
    picture = "iVBO" * 30_000
    api.create("image2video", model_name="kling-v2-6", image=picture, prompt="it moves")

    [entry] = mock.journal.where(body={"prompt": "it moves"})
    assert entry.sent["image"].startswith("iVBO")
    assert mock.journal.where(body={"image": picture}) == [entry]
    assert mock.journal.where(body={"image": picture[:-4] + "iVBA"}) == []


def test_where_finds_calls_by_what_a_test_knows(api: Any, mock: Any) -> None:
    """It finds them by method, path, status, code, account, fault, body, and a task's ids."""
    first = api.new(external_task_id="order-1", duration="5", mode="std")
    second = api.new(duration="10")
    api.get(f"{LIST}/{first}")
    api.get(f"{LIST}/order-1")
    api.get(f"{LIST}/nothing")
    api.get(LIST)
    mock.faults.add("status", code=5001, times=1)
    api.get(f"{LIST}/{second}")

    def positions(*match: str, **filters: Any) -> list[int]:
        entries = list(mock.journal)
        return [entries.index(entry) for entry in mock.journal.where(*match, **filters)]

    assert positions() == [0, 1, 2, 3, 4, 5, 6]
    assert positions(CREATE) == [0, 1]
    assert (
        positions("POST")
        == positions(method="POST")
        == positions(path=LIST, method="POST")
        == [0, 1]
    )
    assert positions(f"{LIST}/*") == [2, 3, 4, 6]
    assert positions(status=503) == positions(code=5001) == positions(fault="status") == [6]
    assert positions(code=1201) == [4]
    assert positions(account="default", fault="", code=0) == [0, 1, 2, 3, 5]
    assert positions(task_id=first) == [0, 2, 3]
    assert positions(task_id=second) == [1, 6]
    assert positions(external_task_id="order-1") == [0, 2, 3]
    assert positions(body={"duration": "5"}) == [0]
    assert positions(body={"duration": 5}) == [0]
    assert positions(body={"mode": "std", "model_name": "kling-v2-6"}) == [0]


def test_what_cannot_be_a_filter_is_told() -> None:
    """A misspelt filter, or one given twice, is not silently ignored."""
    journal, misspelt = Journal(), {"stat": 1}
    with pytest.raises(TypeError, match="stat: no such filter; the filters are method, path"):
        journal.where(**misspelt)  # type: ignore[arg-type]  # that is the point
    with pytest.raises(ValueError, match="must be either 'POST /v1', or method= and path="):
        journal.where("POST /v1", method="GET")
    with pytest.raises(ValueError, match="match: must be a method, a path or both"):
        journal.where("post it")


def test_assert_called_returns_the_calls(api: Any, mock: Any) -> None:
    """The returned calls can be inspected."""
    task_id = api.new(duration="5")
    api.new(duration="10")

    first, _ = mock.journal.assert_called(CREATE)
    assert first.task_id == task_id
    assert mock.journal.assert_called(CREATE, body={"duration": "5"}, times=1) == [first]
    assert mock.journal.assert_called("GET", times=0) == []
    mock.journal.assert_not_called("GET")
    mock.journal.assert_not_called(CREATE, body={"duration": "15"})


def test_assert_called_shows_the_nearest_miss(api: Any, mock: Any) -> None:
    """The message names the call that came nearest, what differed, and the calls that were."""
    api.new(duration="10", prompt="a secret prompt", external_task_id="mine")
    api.get(f"{LIST}/mine")

    with pytest.raises(AssertionError) as failure:
        mock.journal.assert_called(CREATE, body={"duration": "5", "mode": "pro"})
    task_id = mock.journal[0].task_id
    assert str(failure.value).splitlines() == [
        f'expected a call of {CREATE} with body={{"duration": "5", "mode": "pro"}}, there was none',
        "nearest is #1, which differs in",
        '  body.duration: expected "5", got "10"',
        '  body.mode: expected "pro", got missing',
        "the journal has",
        f"  #1  +0.0s  {CREATE}  200/0  task {task_id}  submitted",
        f"  #2  +0.0s  GET {LIST}/mine  200/0  task {task_id}  submitted",
    ]


def test_a_wrong_number_of_calls_is_told(api: Any, mock: Any) -> None:
    """Too few calls count as a near miss; too many do not."""
    api.new()
    api.new()
    with pytest.raises(
        AssertionError, match=r"expected 1 call of POST .*, there were 2"
    ) as failure:
        mock.journal.assert_called(CREATE, times=1)
    assert "nearest" not in str(failure.value)
    with pytest.raises(AssertionError, match=r"expected no call of POST .*, there were 2"):
        mock.journal.assert_not_called(CREATE)
    with pytest.raises(AssertionError, match=r"there was 1\nnearest is #2"):
        mock.journal.assert_called(times=2, task_id=mock.journal[0].task_id)
    with pytest.raises(AssertionError, match=r"there was none\nthe journal has\n  no calls at all"):
        Journal().assert_called(CREATE)


def test_a_sequence_may_have_others_between(api: Any, mock: Any) -> None:
    """The calls have to come in this order; `exact` allows no others."""
    task_id = api.new()
    api.get(LIST)
    api.get(f"{LIST}/{task_id}")

    sequence = [Call(CREATE, code=0), f"GET {LIST}/{task_id}"]
    create, query = mock.journal.assert_sequence(sequence)
    assert (create, query) == (mock.journal[0], mock.journal[2])
    mock.journal.assert_sequence([CREATE, "GET", "GET"], exact=True)


def test_a_broken_sequence_names_the_missing_call(api: Any, mock: Any) -> None:
    """The message says which call did not come, after which one, and what came nearest."""
    task_id = api.new()
    api.get(LIST)
    api.get(f"{LIST}/{task_id}")

    query = f"GET {LIST}/{task_id}"
    with pytest.raises(AssertionError) as failure:
        mock.journal.assert_sequence([query, CREATE])
    assert str(failure.value).startswith(
        f"call 2 of the sequence, {CREATE}, did not come after #3\nthe journal has"
    )
    with pytest.raises(AssertionError, match=r"call 1 .* did not come at all\nnearest is #1"):
        mock.journal.assert_sequence([Call(CREATE, code=1301)])
    with pytest.raises(AssertionError, match=r"call 2 .* did not come as #2\nnearest is #2"):
        mock.journal.assert_sequence([CREATE, query, "GET"], exact=True)
    with pytest.raises(AssertionError, match="expected 2 calls in all, there were 3"):
        mock.journal.assert_sequence([CREATE, "GET"], exact=True)


def test_a_call_that_no_kling_knows_is_unexpected(api: Any, mock: Any) -> None:
    """A wrong path, method or credential is kept, with what comes nearest to it."""
    api.http.post("/v1/video/text2video", json={}, headers=api.headers())
    api.http.delete(f"{LIST}/1", headers=api.headers())
    api.http.get(LIST, headers={"Authorization": "Bearer nonsense"})

    assert mock.journal.unexpected == list(mock.journal)
    with pytest.raises(AssertionError) as failure:
        mock.journal.assert_no_unexpected()
    headline, path, method, credential = str(failure.value).splitlines()
    assert headline == "3 calls unexpected:"
    assert path == (
        f"  POST /v1/video/text2video: 404/404, nearest is {CREATE}; "
        f"differs in path: expected {LIST}, got /v1/video/text2video"
    )
    assert method == (
        f"  DELETE {LIST}/1: 404/1202, nearest is GET {LIST}/*; "
        "differs in method: expected GET, got DELETE"
    )
    assert credential == (
        f"  GET {LIST}: 401/1002 The token was expected to have 3 parts, but got 0"
    )


def test_what_a_kling_refuses_or_a_fault_breaks_is_not_unexpected(api: Any, mock: Any) -> None:
    """Refusals of what is asked, injected faults and results that are gone are answers."""
    mock.progress.add("instant")
    url = api.task(api.new())["task_result"]["videos"][0]["url"]
    mock.clock.advance(31 * 24 * 3600)
    mock.journal.clear()
    api.create(duration="7")
    api.create(model_name="kling-v99")
    api.get(f"{LIST}/nothing")
    api.http.get(url)
    mock.faults.add("status", code=1000, times=1)
    api.http.get(LIST)

    assert [entry.code for entry in mock.journal] == [1201, 1201, 1201, 404, 1000]
    assert mock.journal.unexpected == []
    mock.journal.assert_no_unexpected()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("wrong", ["path", "token"])
def test_a_fault_does_not_excuse_a_wrong_call(api: Any, mock: Any, kind: str, wrong: str) -> None:
    """The call is judged as it would have been without the fault, and a right one is not."""
    settings = {"seconds": 0} if kind in {"latency", "hang", "slow-body"} else {}
    times = None if kind == "status" else 1
    mock.faults.add(kind, times=times, **settings)
    path, headers = LIST, api.headers()
    if wrong == "path":
        path = "/v1/video/text2video"
    else:
        headers = api.headers("nonsense")
    with contextlib.suppress(httpx.TransportError):
        api.http.get(path, headers=headers)
    with pytest.raises(AssertionError, match=r"1 call unexpected:\n.*(nearest is|3 parts)"):
        mock.journal.assert_no_unexpected()

    mock.journal.clear()
    mock.faults.add(kind, times=1, **settings)
    with contextlib.suppress(httpx.TransportError):
        api.create()
    mock.journal.assert_no_unexpected()


def test_a_declared_refusal_excuses_its_own_status_only(api: Any, mock: Any) -> None:
    """A 401 of a fault may be what the test is about; a wrong path is not."""
    mock.faults.add("latency", seconds=0)
    mock.faults.add("status", code=1000)
    api.http.get(LIST, headers=api.headers("nonsense"))
    assert mock.journal[-1].fault == "latency+status"
    mock.journal.assert_no_unexpected()
    api.http.get("/v1/video/text2video", headers=api.headers())
    with pytest.raises(AssertionError, match="without the fault it is refused: 404/1203"):
        mock.journal.assert_no_unexpected()


def test_an_unexpected_call_is_not_forgotten_among_many() -> None:
    """It outlives its line in the journal, where refused calls are the last to make room."""
    journal = Journal(size=2)
    for code in (1203, 0, 1200, 1201, 0):
        account = "" if code == 1203 else "default"
        status = CODES[code].http
        journal.add(Entry(0.0, "GET", "/nowhere", "", status, code, "", account, b"", b""))
    assert [entry.code for entry in journal] == [1201, 0]
    assert [entry.code for entry in journal.unexpected] == [1203]


def test_the_tail_shows_no_bodies(api: Any, mock: Any) -> None:
    """A line has the time, the call and its outcome, and none of the text."""
    task_id = api.new(prompt="a secret prompt")
    mock.clock.advance(90)
    api.create(prompt="a secret prompt", duration="7")
    api.http.get("/v1/nothing")
    mock.faults.add("reset", times=1)
    with pytest.raises(Exception, match=r"disconnect|reset|closed"):
        api.get(f"{LIST}/{task_id}")

    lines = mock.journal.tail(4)
    assert lines[0] == f"#1  +0.0s  {CREATE}  200/0  task {task_id}  submitted"
    assert lines[1].startswith(f"#2  +90.0s  {CREATE}  400/1201  ")
    assert lines[2] == "#3  +90.0s  GET /v1/nothing  404/404  unexpected"
    assert lines[3] == f"#4  +90.0s  GET {LIST}/{task_id}  no answer  fault reset"
    assert mock.journal.tail(1) == lines[-1:]
    assert mock.journal.tail(0) == []
    assert "secret prompt" not in json.dumps(lines)


def test_calls_of_a_wait_share_a_line(api: Any, mock: Any) -> None:
    """Equal calls in a row are shown once, with how many there were and until when."""
    task_id = api.new()
    for _ in range(3):
        mock.clock.advance(10)
        api.task(task_id)
    mock.clock.advance(1800)
    api.task(task_id)
    api.create(duration="7")
    api.create(duration="7")

    create, waiting, done, refused = mock.journal.tail()
    query = f"GET {LIST}/{task_id}  200/0"
    assert create == f"#1  +0.0s  {CREATE}  200/0  task {task_id}  submitted"
    assert waiting == f"#2-#4  +10.0s  {query}  processing  3 times, until +30.0s"
    assert done == f"#5  +1830.0s  {query}  succeed"
    assert refused.startswith(f"#6-#7  +1830.0s  {CREATE}  400/1201  ")
    assert mock.journal.tail(1) == [refused]

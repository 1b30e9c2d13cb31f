"""The recorded response that belongs to a request."""

from __future__ import annotations

import json
from typing import Any

import pytest

from kling_mock.recording.mapping import Pseudonyms
from kling_mock.recording.playback import Callback, Playback, Played, Unrecorded
from kling_mock.recording.redaction import Redactor
from kling_mock.recording.session import (
    RecordedExchange,
    RecordedReply,
    RecordedSession,
    SessionHeader,
)

SALT = bytes(range(16))
T2V = "/v1/videos/text2video"
ORIGIN = "http://127.0.0.1:3010"


class Writing:
    """Writes a session of what a client would have said and got, as the recorder does."""

    def __init__(self) -> None:
        self.redactor = Redactor(Pseudonyms(SALT))
        self.exchanges: list[RecordedExchange] = []

    def add(
        self, method: str, target: str, body: Any, reply: Any, status: int = 200, **more: Any
    ) -> None:
        path, _, query = target.partition("?")
        answer = None if reply is None else RecordedReply(status, self.redactor.reply(reply))
        exchange = RecordedExchange(
            at=len(self.exchanges),
            ms=1,
            method=method,
            path=self.redactor.path(path),
            query=self.redactor.query(query),
            body=self.redactor.request(body),
            line=len(self.exchanges) + 2,
            reply=answer,
        )
        self.exchanges.append(exchange)

    def playback(self) -> Playback:
        header = SessionHeader("2026-11-27", "x.example", SALT.hex(), 1_700_000_000)
        return Playback(RecordedSession(header, tuple(self.exchanges), 0, 0, 0), ORIGIN)  # type: ignore[arg-type]  # nothing was spent


def task(task_id: str, external_id: str, status: str = "submitted", **more: Any) -> dict[str, Any]:
    info = {"external_task_id": external_id}
    return {
        "code": 0,
        "data": {"task_id": task_id, "task_status": status, "task_info": info} | more,
    }


def ask(playback: Playback, method: str, target: str, body: Any = None) -> Any:
    content = b"" if body is None else json.dumps(body).encode()
    answer = playback.answer(method, target, content)
    if isinstance(answer, Unrecorded):
        return answer
    assert isinstance(answer, Played)
    return None if answer.reply is None else answer.reply.body


def test_a_prompt_is_matched_and_the_clients_own_id_comes_back() -> None:
    """External ids are new in each run; the reply has the one that this run has sent."""
    writing = Writing()
    writing.add("POST", T2V, {"prompt": "a", "external_task_id": "run1-a"}, task("811", "run1-a"))
    writing.add("POST", T2V, {"prompt": "b", "external_task_id": "run1-b"}, task("822", "run1-b"))
    playback = writing.playback()
    second = ask(playback, "POST", T2V, {"prompt": "b", "external_task_id": "run2-b"})
    first = ask(playback, "POST", T2V, {"external_task_id": "run2-a", "prompt": "a"})
    assert first["data"]["task_info"] == {"external_task_id": "run2-a"}
    assert second["data"]["task_info"] == {"external_task_id": "run2-b"}
    assert first["data"]["task_id"] == writing.redactor.reply({"id": "811"})["id"]


def test_a_task_goes_through_its_states_and_stays_in_the_last() -> None:
    """It is found by its task id, and by the client's own id."""
    writing = Writing()
    writing.add("POST", T2V, {"prompt": "a", "external_task_id": "x1"}, task("811", "x1"))
    for status in ("processing", "processing", "succeed"):
        writing.add("GET", f"{T2V}/811", None, task("811", "x1", status))
    writing.add("GET", f"{T2V}/x1", None, task("811", "x1", "succeed"))
    playback = writing.playback()
    task_id = ask(playback, "POST", T2V, {"prompt": "a", "external_task_id": "mine"})["data"][
        "task_id"
    ]
    seen = [ask(playback, "GET", f"{T2V}/{task_id}")["data"]["task_status"] for _ in range(5)]
    assert seen == ["processing", "processing", "succeed", "succeed", "succeed"]
    assert ask(playback, "GET", f"{T2V}/mine")["data"]["task_info"]["external_task_id"] == "mine"


def test_a_duplicate_id_is_told_from_another_create_with_the_same_body() -> None:
    """The second request with an id gets the second reply of that id, in any order of ids."""
    writing = Writing()
    body = {"prompt": "a"}
    writing.add("POST", T2V, body | {"external_task_id": "r1"}, task("811", "r1"))
    refusal = {"code": 1201, "message": "External_task_id r1 already exists"}
    writing.add("POST", T2V, body | {"external_task_id": "r1"}, refusal, 400)
    writing.add("POST", T2V, body | {"external_task_id": "r2"}, task("822", "r2"))
    playback = writing.playback()
    assert ask(playback, "POST", T2V, body | {"external_task_id": "c1"})["code"] == 0
    other = ask(playback, "POST", T2V, body | {"external_task_id": "c2"})
    assert other["data"]["task_info"] == {"external_task_id": "c2"}
    again = ask(playback, "POST", T2V, body | {"external_task_id": "c1"})
    assert again["message"] == "External_task_id c1 already exists"
    used_up = ask(playback, "POST", T2V, body | {"external_task_id": "c1"})
    assert "all of its recorded responses have been played back" in used_up.message


def test_ids_that_are_the_same_in_each_run_are_matched_by_themselves() -> None:
    """They match also if the requests come in another order."""
    writing = Writing()
    for name, number in (("job-1", "811"), ("job-2", "822")):
        body = {"prompt": "a", "external_task_id": name}
        writing.add("POST", T2V, body, task(number, name))
    playback = writing.playback()
    reply = ask(playback, "POST", T2V, {"prompt": "a", "external_task_id": "job-2"})
    assert reply["data"]["task_id"] == writing.redactor.reply({"id": "822"})["id"]


def test_what_a_client_makes_anew_is_not_compared() -> None:
    """Callback URLs with another port, and the times of a list."""
    writing = Writing()
    writing.add("POST", T2V, {"prompt": "a", "callback_url": "http://127.0.0.1:1/"}, {"code": 0})
    writing.add("GET", "/account/costs?start_time=1700000000000&end_time=5", None, {"code": 0})
    writing.add("POST", "/tasks", {"start_time": 1700000000000, "limit": 5}, {"code": 0})
    playback = writing.playback()
    assert ask(playback, "POST", T2V, {"prompt": "a", "callback_url": "http://127.0.0.1:2/"})
    assert ask(playback, "GET", "/account/costs?end_time=7&start_time=1800000000000") == {"code": 0}
    assert ask(playback, "POST", "/tasks", {"limit": 5, "start_time": 1}) == {"code": 0}


def test_several_ids_in_one_query() -> None:
    """The ids are of the interface with `/tasks`, in any order."""
    writing = Writing()
    reply = {"code": 0, "data": [{"id": "8111111", "status": "succeeded"}]}
    writing.add("GET", "/tasks?task_ids=8111111,8222222", None, reply)
    known = writing.exchanges[0].query.partition("=")[2].replace("%2C", ",").split(",")
    playback = writing.playback()
    assert ask(playback, "GET", f"/tasks?task_ids={known[1]},{known[0]}")["code"] == 0


def test_the_result_of_one_task_in_the_request_of_another() -> None:
    """A URL of this server stands for the recorded one."""
    writing = Writing()
    url = "https://cdn.example.com/a.mp4?sig=1"
    videos = {"videos": [{"id": "8333333", "url": url, "duration": "5"}]}
    writing.add("GET", f"{T2V}/8111111", None, task("8111111", "x", task_result=videos))
    omni = {"prompt": "a", "video_list": [{"video_url": url}]}
    writing.add("POST", "/v1/videos/omni-video", omni, {"code": 0})
    playback = writing.playback()
    reply = ask(playback, "GET", writing.exchanges[0].path)
    played_url = reply["data"]["task_result"]["videos"][0]["url"]
    assert played_url.startswith(f"{ORIGIN}/media/")
    omni["video_list"] = [{"video_url": played_url}]
    assert ask(playback, "POST", "/v1/videos/omni-video", omni) == {"code": 0}


def test_a_prompt_that_is_a_word_of_the_service() -> None:
    """Only ids and URLs stand for themselves, since only these are sent again."""
    writing = Writing()
    writing.add("POST", T2V, {"prompt": "processing"}, task("8111111", "x", "processing"))
    playback = writing.playback()
    assert ask(playback, "POST", T2V, {"prompt": "processing"})["code"] == 0


def test_a_reply_that_did_not_come() -> None:
    """It does not come again."""
    writing = Writing()
    writing.add("GET", T2V, None, {})
    exchange = writing.exchanges[0]
    writing.exchanges[0] = RecordedExchange(
        at=0, ms=0, method="GET", path=exchange.path, reply=None, line=2
    )
    assert ask(writing.playback(), "GET", T2V) is None


@pytest.mark.parametrize(
    ("method", "target", "body", "words"),
    [
        ("POST", T2V, {"prompt": "a", "duration": "10"}, 'duration: recorded "5", got "10"'),
        ("POST", T2V, {"prompt": "wilhelmina", "duration": "5"}, "differs in prompt: recorded"),
        ("POST", T2V, {"duration": "5"}, "prompt: missing"),
        ("POST", T2V, {"prompt": "a", "duration": "5", "mode": "pro"}, "mode: not recorded"),
        ("POST", "/v1/videos/text2vide", {"prompt": "a"}, f"line 2, POST {T2V}"),
        ("GET", f"{T2V}?pageNum=2", None, "method: recorded POST"),
        ("POST", T2V, None, "body: recorded"),
    ],
)
def test_what_was_not_recorded_names_the_nearest(
    method: str, target: str, body: Any, words: str
) -> None:
    """The refusal shows what differs, without values."""
    writing = Writing()
    writing.add("POST", T2V, {"prompt": "a", "duration": "5"}, {"code": 0})
    unrecorded = ask(writing.playback(), method, target, body)
    assert isinstance(unrecorded, Unrecorded)
    assert words in unrecorded.message
    assert "wilhelmina" not in unrecorded.message


def test_an_empty_session() -> None:
    """No recorded request is near."""
    unrecorded = ask(Writing().playback(), "GET", T2V)
    assert "neither was anything else" in unrecorded.message


URL = "http://127.0.0.1:9/hook?token=mine"


def callbacks(playback: Playback, target: str, body: Any, times: int = 1) -> list[Callback | None]:
    """Return what follows the reply to a create, which is sent a number of times."""
    answers = [playback.answer("POST", target, json.dumps(body).encode()) for _ in range(times)]
    return [answer.callback if isinstance(answer, Played) else None for answer in answers]


def test_a_create_with_a_callback_url_is_followed_by_the_end_of_its_task() -> None:
    """The callback has the form of /v1, the client's address and id, and this server's URLs."""
    writing = Writing()
    body = {"prompt": "a", "callback_url": "https://app.example/hook"}
    writing.add("POST", T2V, body | {"external_task_id": "x1"}, task("811", "x1"))
    result = {"videos": [{"url": "https://cdn.example/1.mp4"}]}
    writing.add("GET", f"{T2V}/811", None, task("811", "x1", "succeed", task_result=result))
    mine = {"prompt": "a", "callback_url": URL, "external_task_id": "mine"}
    (callback,) = callbacks(writing.playback(), T2V, mine)
    assert callback is not None
    assert callback.url == URL
    assert callback.body["task_status"] == "succeed"
    assert callback.body["task_info"] == {"external_task_id": "mine"}
    assert callback.body["task_result"]["videos"][0]["url"].startswith(f"{ORIGIN}/media/")


def test_a_callback_with_the_model_in_the_path() -> None:
    """It has the form of /tasks."""
    writing = Writing()
    new = "/text-to-video/kling-3.0"
    options = {"callback_url": "https://app.example/hook", "external_task_id": "x1"}
    submitted = {"id": "811", "status": "submitted", "external_id": "x1"}
    writing.add("POST", new, {"prompt": "a", "options": options}, {"code": 0, "data": submitted})
    ended = submitted | {"status": "succeeded", "outputs": []}
    writing.add("GET", "/tasks?task_ids=811", None, {"code": 0, "data": [ended]})
    own = {"callback_url": URL, "external_task_id": "mine"}
    (callback,) = callbacks(writing.playback(), new, {"prompt": "a", "options": own})
    assert callback is not None
    assert callback.url == URL
    assert callback.body == {
        "id": writing.redactor.reply({"id": "811"})["id"],
        "status": "succeeded",
        "external_id": "mine",
        "outputs": [],
    }


def test_what_was_reported_is_what_queries_of_the_task_show() -> None:
    """A query after a callback shows the same; lists continue as they were recorded."""
    writing = Writing()
    body = {"prompt": "a", "callback_url": "https://app.example/hook"}
    writing.add("POST", T2V, body, task("811", "x1"))
    for status in ("submitted", "processing", "succeed"):
        writing.add("GET", f"{T2V}/811", None, task("811", "x1", status))
        first, other = task("811", "x1", status)["data"], task("822", "x2")["data"]
        writing.add("GET", T2V, None, {"code": 0, "data": [first, other]})
    playback = writing.playback()
    (callback,) = callbacks(playback, T2V, body)
    assert callback is not None
    name = callback.body["task_id"]
    seen = [ask(playback, "GET", f"{T2V}/{name}")["data"]["task_status"] for _ in range(2)]
    assert seen == ["succeed", "succeed"]
    assert ask(playback, "GET", T2V)["data"][0]["task_status"] == "submitted"


@pytest.mark.parametrize("url", [None, "", "not a url", 7, "ftp://127.0.0.1/"])
def test_without_a_url_nothing_is_called(url: Any) -> None:
    """With any other `callback_url` of the client, no callback is sent."""
    writing = Writing()
    body = {"prompt": "a", "callback_url": url}
    writing.add("POST", T2V, body, task("811", "x1"))
    writing.add("GET", f"{T2V}/811", None, task("811", "x1", "succeed"))
    playback = writing.playback()
    assert callbacks(playback, T2V, body) == [None]
    assert ask(playback, "GET", f"{T2V}/{_name(writing)}")["data"]["task_status"] == "succeed"


def _name(writing: Writing) -> str:
    name: str = writing.redactor.reply({"id": "811"})["id"]
    return name


def test_one_task_is_reported_once() -> None:
    """A create that was repeated after no reply made one task."""
    writing = Writing()
    body = {"prompt": "a", "callback_url": "https://app.example/", "external_task_id": "x1"}
    refused = {"code": 1201, "message": "External_task_id x1 already exists"}
    writing.add("POST", T2V, body, None)
    writing.add("POST", T2V, body, None)
    writing.add("POST", T2V, body, refused, 400)
    writing.add("GET", f"{T2V}/x1", None, task("811", "x1", "succeed"))
    reports = callbacks(writing.playback(), T2V, body, times=3)
    assert [report and report.body["task_id"] for report in reports] == [_name(writing), None, None]

"""Clients of Kling's own API, and of other relays, at this relay."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest

import kling_sdk
from kling_mock import KlingMock
from kling_mock.relay.domain.wire import ENDPOINTS
from kling_mock.relay.http.kling_paths import PATHS
from kling_mock.relay.http.routes import OTHER, template
from kling_sdk import AsyncKling, Kling, NotFoundError
from tests.endpoints import body, with_sources
from tests.mock.relay.http_calls import VIDEOS, Caller, error_of, guide_members

IMAGE = "https://a.example/a.png"


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_each_path_of_kling_s_creates_and_queries(caller: Caller, endpoint: str) -> None:
    """It takes Kling's body, and its task is the relay's own, by either id, on all its paths."""
    paths = [path for path, name in PATHS.items() if name == endpoint]
    assert kling_sdk.ENDPOINTS[endpoint].path in paths
    assert len(paths) >= 3
    request = with_sources(caller.mock, body(endpoint)) | {"external_task_id": "order/1"}
    created = [caller.call("POST", path, json=request) for path in paths]
    tasks = [reply.json()["data"] for reply in created]
    assert [reply.status_code for reply in created] == [200] * len(paths)
    assert {task["task_id"] for task in tasks} == {created[0].json()["task_id"]}
    assert tasks[0]["task_info"] == {"external_task_id": "order/1"}
    caller.mock.clock.advance(3600)
    for path in paths:
        for name in (tasks[0]["task_id"], "order%2F1"):
            done = caller.call("GET", f"{path}/{name}").json()["data"]
            assert (done["task_status"], done["task_id"]) == ("succeed", tasks[0]["task_id"])
            assert done["task_result"]
    caller.mock.ledger.assert_balanced()


def test_kling_itself_is_the_client(tmp_path: Path) -> None:
    """Nothing but the key and the address of a program changes."""
    with (
        KlingMock(clock=1000) as mock,
        Kling(api_key=mock.relay_token, base_url=mock.relay_url) as kling,
    ):
        task = kling.text2video.create(prompt="a kitten", external_task_id="order-1")
        again = kling.text2video.create(prompt="a kitten", external_task_id="order-1")
        assert (again.task_id, task.task_id.startswith("kling_")) == (task.task_id, True)
        done = kling.text2video.wait(task)
        assert done.external_task_id == "order-1"
        assert kling.download(done.videos[0], tmp_path).size > 1000
        picture = kling.image_generation.run(prompt="a kitten", n=2)
        assert len(picture.images) == 2
        with pytest.raises(NotFoundError, match="/v1/videos/text2video"):
            kling.text2video.create(prompt="a kitten", model_name="kling-3.0")
        assert kling.text2video.create(
            prompt="a kitten", model_name="kling-3.0", interface="v1"
        ).task_id.startswith("kling_")
        assert mock.ledger.user().used_quota > 0
        mock.ledger.assert_balanced()


async def test_kling_itself_is_the_async_client() -> None:
    """The same, awaited."""
    with KlingMock(clock=1000) as mock:
        async with AsyncKling(api_key=mock.relay_token, base_url=mock.relay_url) as kling:
            task = await kling.image2video.run(image="https://a.example/a.png", prompt="it moves")
        assert task.videos[0].url
        mock.ledger.assert_balanced()


def test_a_request_of_both_clients_is_one_task() -> None:
    """Each writes it in the words of its own form, and the id of the user joins them."""
    model = {"model_name": "kling-v2-6"}
    requests: dict[str, dict[str, Any]] = {
        "text2video": {"resolution": "1080p", "duration": 10, **model},
        "image2video": {"image": IMAGE, "mode": "pro", "audio": "native", **model},
        "omni_video": {"resolution": "720p", "image_list": [{"image_url": IMAGE}]},
    }
    with (
        KlingMock(clock=1000) as mock,
        Kling(api_key=mock.relay_token, base_url=mock.relay_url) as ours,
        mock.relay_client() as theirs,
    ):
        for name, arguments in requests.items():
            tasks = {
                getattr(kling, name)
                .create(prompt="a kitten", external_task_id=f"order-{name}", **arguments)
                .task_id
                for kling in (ours, theirs, ours)
            }
            assert len(tasks) == 1, name
        assert len(mock.journal.where("POST /v1/*")) == 3
        mock.ledger.assert_balanced()


def test_kling_s_list_has_the_tasks_of_one_endpoint(caller: Caller) -> None:
    """At Kling's path and at the relay's own, in pages that are counted from 1."""
    ids = [caller.created(external_task_id=f"order-{number}") for number in range(3)][::-1]
    assert caller.create("image2video", image=IMAGE).status_code == 200
    caller.mock.clock.advance(3600)
    for path in ("/v1/videos/text2video", f"{VIDEOS}/text2video"):
        listed = caller.call("GET", path).json()
        assert (listed["code"], listed["message"]) == (0, "SUCCEED")
        assert [task["task_id"] for task in listed["data"]] == ids
        first = listed["data"][0]
        assert (first["task_status"], first["task_info"]) == (
            "succeed",
            {"external_task_id": "order-2"},
        )
        assert first["task_result"]["videos"][0]["url"]
        for number, expected in ((1, ids[:2]), (2, ids[2:]), (3, [])):
            page = caller.call("GET", f"{path}?pageNum={number}&pageSize=2").json()["data"]
            assert [task["task_id"] for task in page] == expected
        for wrong in ("pageNum=0", "pageNum=1001", "pageSize=501", "pageSize=x"):
            name = wrong.partition("=")[0]
            answer = caller.call("GET", f"{path}?{wrong}")
            assert error_of(answer) == (400, "invalid_request_error", "invalid_request")
            assert answer.json()["message"].startswith(f"{name}: must be")


def test_an_id_that_is_an_endpoint_s_name_is_found_unless_a_page_is_asked_for(
    caller: Caller,
) -> None:
    """It was legal before there was a list, and stays so."""
    task_id = caller.created(external_task_id="text2video")
    assert caller.query("text2video")["task_id"] == task_id
    page = caller.call("GET", f"{VIDEOS}/text2video?pageNum=1").json()
    assert [task["task_id"] for task in page["data"]] == [task_id]
    assert [task["task_id"] for task in caller.call("GET", "/v1/videos/text2video").json()["data"]]


def test_a_client_of_kling_s_lists_its_tasks() -> None:
    """The client reads the pages of a relay as it reads Kling's."""
    with KlingMock() as mock, Kling(api_key=mock.relay_token, base_url=mock.relay_url) as kling:
        ids = [kling.text2video.create(prompt="a kitten").task_id for _ in range(5)][::-1]
        assert [task.task_id for task in kling.text2video.list(page_size=2)] == ids[:2]
        assert [task.task_id for task in kling.text2video.iter(page_size=2)] == ids


def test_the_header_of_other_clients_is_the_id_of_the_user(caller: Caller) -> None:
    """A repeat under it is the first task, which is read by it, and a new body a conflict."""

    def create(**fields: str) -> httpx.Response:
        caller.http.headers["Idempotency-Key"] = "order-1"
        try:
            return caller.create(**fields)
        finally:
            del caller.http.headers["Idempotency-Key"]

    first = create().json()
    assert first["data"]["task_info"] == {"external_task_id": "order-1"}
    assert create().json()["task_id"] == first["task_id"]
    assert caller.create(external_task_id="order-1").json()["task_id"] == first["task_id"]
    assert caller.query("order-1")["task_id"] == first["task_id"]
    other = create(prompt="a dog")
    assert error_of(other) == (409, "conflict_error", "external_task_id_conflict")
    both = create(external_task_id="order-2")
    assert error_of(both) == (400, "invalid_request_error", "invalid_request")


def test_a_task_of_another_endpoint_is_not_found(caller: Caller) -> None:
    """A client that asks at the wrong path is told so, as by Kling."""
    task_id = caller.created(external_task_id="order-1")
    for path in ("/v1/videos/image2video", f"{VIDEOS}/image2video"):
        for name in (task_id, "order-1"):
            answer = caller.call("GET", f"{path}/{name}")
            assert error_of(answer) == (404, "not_found_error", "not_found")
            assert answer.json()["code"] == 1203


@pytest.mark.parametrize(
    ("method", "path", "status", "words"),
    [
        ("POST", "/text-to-video/kling-3.0", 404, "/v1/videos/text2video"),
        ("POST", "/image-to-video/kling-3.0-turbo", 404, "/v1/videos/image2video"),
        ("GET", "/tasks", 404, "/v1/videos/text2video/{id}"),
        ("POST", "/v1/videos/identify-face", 404, "call Kling itself"),
        ("POST", "/v1/videos/multi-elements/init-selection", 404, "call Kling itself"),
        ("POST", "/solutions/drama_subtitle", 404, "call Kling itself"),
        ("POST", "/kling/v1/audio/tts", 404, "call Kling itself"),
        ("POST", "/kling/v1/videos/multi-elements/init-selection", 404, "call Kling itself"),
        ("POST", "/kling/image-to-video/kling-3.0-turbo", 404, "at /v1/videos/image2video"),
        ("GET", "/proxy/kling/tasks", 404, "/v1/videos/text2video/{id}"),
        ("GET", "/proxy/tasks", 404, "there is no path /proxy/tasks"),
        ("POST", f"{VIDEOS}/text4video", 405, "use GET"),
        ("POST", "/v1/videos/text4video", 404, "there is no path"),
        ("DELETE", "/v1/videos/text2video", 405, "use POST or GET"),
        ("POST", "/v1/videos/text2video/1", 405, "use GET"),
        ("POST", f"{VIDEOS}/text2video/1", 405, "use GET"),
    ],
)
def test_a_path_that_is_not_served_names_the_one_to_use(
    caller: Caller, method: str, path: str, status: int, words: str
) -> None:
    """Which saves the search for a mistake in the key or the id."""
    answer = caller.call(method, path, json={})
    assert error_of(answer)[0] == status
    assert words in answer.json()["message"]


def test_paths_of_kling_s_need_a_token(caller: Caller) -> None:
    """A stranger learns nothing, and the error has Kling's number."""
    caller.token = "sk-wrong"
    for method, path in (("POST", "/v1/videos/text2video"), ("GET", "/v1/videos/text2video/1")):
        answer = caller.call(method, path, json={})
        assert error_of(answer) == (401, "authentication_error", "invalid_token")
        assert answer.json()["code"] == 1002


def test_the_guide_s_members_stay_beside_the_envelope(caller: Caller) -> None:
    """The two say the same of one task."""
    reply = caller.create().json()
    caller.mock.clock.advance(3600)
    task = caller.query(reply["task_id"])
    video = task["data"]["task_result"]["videos"][0]
    assert guide_members(task)["video_url"] == video["url"]
    assert guide_members(task)["duration"] == video["duration"]


def test_requests_are_counted_by_a_fixed_set_of_paths() -> None:
    """An id in a path does not become a label of a metric."""
    assert template("/v1/videos/text2video") == "/v1/videos/text2video"
    assert template("/v1/images/editing/expand/7") == "/v1/images/editing/expand/{task_id}"
    assert template(f"{VIDEOS}/avatar/7") == f"{VIDEOS}/avatar/{{task_id}}"
    assert template(f"{VIDEOS}/nothing/7") == f"{VIDEOS}/{{task_id}}"
    assert template("/v1/videos/nothing/7") == OTHER
    assert template("/proxy/kling/v1/audio/text-to-audio/7").endswith("text-to-audio/{task_id}")
    assert set(PATHS.values()) == set(ENDPOINTS)

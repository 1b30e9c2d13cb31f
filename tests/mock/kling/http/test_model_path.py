"""The interface with the model in the path, over HTTP: from create to result, on each path."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
from standardwebhooks import Webhook

from kling_mock import KlingMock
from tests.mock.kling.endpoints.model_path import body
from tests.mock.kling.endpoints.test_model_path_table import TABLE
from tests.mock.kling.http.path_client import T2V, PathClient
from tests.mock.receiver import Receiver

PATHS = [f"/{product}/{model}" for product, model in TABLE]


# ---------------------------------------------------------------- the whole way


@pytest.mark.parametrize("path", PATHS)
def test_a_task_from_create_to_download(
    mock: KlingMock, api: Any, client: PathClient, receiver: Receiver, path: str
) -> None:
    """Create, duplicate, query, list, signed callbacks in its own form, result: on each path."""
    secret = mock.account.add_webhook_secret()
    mock.callbacks.timestamps = "real"
    options = {"external_task_id": "job-7", "callback_url": receiver.url}
    reply = client.post(path, **body(path.split("/")[1]), options=options)
    assert reply.status_code == 200
    created = reply.json()
    assert (created["code"], created["message"]) == (0, "SUCCEED")
    data = created["data"]
    assert list(data) == ["id", "status", "message", "create_time", "update_time", "external_id"]
    assert (data["status"], data["message"], data["external_id"]) == ("submitted", "", "job-7")

    again = client.post(path, **body(path.split("/")[1]), options=options)
    assert (again.status_code, again.json()["code"]) == (400, 1201)
    assert again.json()["message"] == "External_task_id job-7 already exists"

    mock.clock.advance(2)
    assert client.task(data["id"])["status"] == "processing"
    mock.clock.advance(3600)
    task = client.get("external_task_ids=job-7").json()["data"][0]
    assert task["status"] == "succeeded"
    assert client.search()["result"] == [task]
    (billed,) = task["billing"]
    assert list(billed) == ["charge_type", "amount", "package_type"]
    assert float(billed["amount"]) > 0
    (video,) = task["outputs"]
    assert (video["type"], video["duration"]) == ("video", "5.041")
    file = api.http.get(video["url"])
    assert (file.status_code, file.content[4:8]) == (200, b"ftyp")

    statuses = [received.task["status"] for received in receiver.received]
    assert statuses == ["submitted", "processing", "succeeded"]
    assert receiver.received[-1].task == task
    for received in receiver.received:
        Webhook(secret).verify(received.body, received.headers)
    assert mock.journal.where("GET /tasks", external_task_id="job-7", task_id=data["id"])
    assert mock.journal.where(f"POST {path}", external_task_id="job-7", code=1201)
    assert [entry.notes for entry in mock.journal if entry.notes] == []


def test_a_task_that_fails(mock: KlingMock, client: PathClient, receiver: Receiver) -> None:
    """Its reason is its message, and it costs nothing."""
    task_id = client.new(callback_url=receiver.url)
    mock.fail(task_id, 1301, "withheld")
    task = client.task(task_id)
    assert (task["status"], task["message"]) == ("failed", "withheld")
    assert task["billing"] == [{"amount": "0"}]
    assert "outputs" not in task
    assert receiver.received[-1].task == task


def test_without_an_external_id(client: PathClient) -> None:
    """The responses do not name one, neither at the create nor later."""
    reply = client.post(T2V, prompt="a cat").json()["data"]
    assert list(reply) == ["id", "status", "message", "create_time", "update_time"]
    assert "external_id" not in client.task(reply["id"])


# ---------------------------------------------------------------- who may call


@pytest.mark.parametrize("path", [*PATHS, "/tasks"])
def test_a_token_is_refused(api: Any, path: str) -> None:
    """Only API keys are taken: a token of a key pair is 401/1002, and so is anything else."""
    for credential in (api.token(), "garbage"):
        reply = api.http.post(path, json={}, headers=api.headers(credential))
        assert (reply.status_code, reply.json()["code"]) == (401, 1002)
        assert reply.json()["message"] == (
            "Authentication error. The current API does not support AK/SK; please go to the "
            "console (https://kling.ai/dev/api-key) to create API key."
        )
    reply = api.http.get("/tasks?task_ids=1", headers=api.headers(api.token()))
    assert (reply.status_code, reply.json()["code"]) == (401, 1002)
    assert api.http.post(path, json={}).json()["code"] == 1001


def test_a_key_pair_still_does_for_v1(api: Any) -> None:
    """The same token is good there."""
    reply = api.http.get("/v1/videos/text2video", headers=api.headers(api.token()))
    assert reply.status_code == 200


# ---------------------------------------------------------------- one world


def test_an_external_id_is_taken_once_over_both_interfaces(api: Any, client: PathClient) -> None:
    """Either interface may have taken it first."""
    api.new(external_task_id="one")
    client.new(external_task_id="two")
    options = {"external_task_id": "one"}
    reply = client.post(T2V, prompt="a cat", options=options)
    assert reply.json()["message"] == "External_task_id one already exists"
    assert api.create(external_task_id="two").json()["message"] == (
        "External_task_id two already exists"
    )


def test_tasks_of_v1_are_shown_in_the_new_form(
    mock: KlingMock, api: Any, client: PathClient
) -> None:
    """Normalised: names, status word, results and units; /v1 does not show the new ones."""
    old = api.new(external_task_id="old", watermark_info={"enabled": True})
    new = client.new()
    mock.complete(old)
    task = client.task(old)
    assert (task["status"], task["external_id"]) == ("succeeded", "old")
    assert task["outputs"][0]["watermark_url"].endswith("-watermark.mp4")
    v1_task = api.task(old)
    assert task["outputs"][0]["url"] == v1_task["task_result"]["videos"][0]["url"]
    assert task["billing"][0]["amount"] == v1_task["final_unit_deduction"]
    assert task["create_time"] == v1_task["created_at"]
    assert {row["id"] for row in client.search()["result"]} == {old, new}
    assert api.get(f"/v1/videos/text2video/{new}").json()["code"] == 1201


def test_slots_and_units_are_of_the_account(mock: KlingMock, api: Any, client: PathClient) -> None:
    """Both interfaces share them."""
    mock.account.slots = 1
    api.new()
    full = client.post(T2V, prompt="a cat")
    assert (full.status_code, full.json()["code"]) == (429, 1303)
    mock.account.slots = None
    mock.account.units = 4
    assert client.post(T2V, prompt="a cat").json()["code"] == 1102  # 3 more than 1.5 reserved


# ---------------------------------------------------------------- paths and faults


def test_paths_that_are_none(api: Any, client: PathClient) -> None:
    """No such product, more behind the model, a method that a path does not have."""
    for path in ("/text-to-video", f"{T2V}/5", "/text-to-image/kling-3.0"):
        assert client.post(path, prompt="a").json()["error"] == "Not Found"
    for method, path in (("GET", T2V), ("DELETE", "/tasks")):
        reply = api.http.request(method, path, headers=client.key)
        assert (reply.status_code, reply.json()["code"]) == (404, 1202)


def test_a_lost_answer(mock: KlingMock, client: PathClient) -> None:
    """The task exists, and is found by its external id; the fault reads the options."""
    fault = mock.faults.add("response-lost", "POST *", external_id="job-*", prompt="cat", times=1)
    with pytest.raises(httpx.TransportError):
        client.new(external_task_id="job-1")
    assert fault.acted == 1
    assert len(client.get("external_task_ids=job-1").json()["data"]) == 1


@pytest.mark.parametrize("match", ["POST /omni-video/*", "POST /omni-video/kling-3.0-omni"])
def test_faults_by_path_and_prompt(mock: KlingMock, client: PathClient, match: str) -> None:
    """The prompt in the contents is that of the task."""
    mock.faults.add("status", match, prompt="a CAT", code=5000, times=1)
    mock.faults.add("stuck", match, prompt="a cat", times=1)
    path = "/omni-video/kling-3.0-omni"
    assert client.post(path, **body("omni-video")).status_code == 500
    task_id = client.new(path)
    mock.clock.advance(24 * 3600)
    assert client.task(task_id)["status"] == "processing"


def test_a_fault_of_the_query_of_one_task(mock: KlingMock, client: PathClient) -> None:
    """The fault names the external id of a task, and strikes queries by either id."""
    task_id = client.new(external_task_id="job-1")
    client.new(external_task_id="job-2")
    fault = mock.faults.add("status", "GET /tasks", external_id="job-1", code=5000)
    assert client.get("external_task_ids=job-2").status_code == 200
    assert client.get("external_task_ids=job-1").status_code == 500
    assert client.get(f"task_ids={task_id}").status_code == 500
    assert client.get("external_task_ids=job-1,job-2").status_code == 200
    assert fault.acted == 2


def test_replies_and_reports_without_the_external_id(
    mock: KlingMock, client: PathClient, receiver: Receiver
) -> None:
    """What lets a client find out whose reply it is can be left out."""
    mock.faults.add("omit-task-info")
    mock.faults.add("callback-omit-task-info")
    options = {"external_task_id": "job-1", "callback_url": receiver.url}
    reply = client.post(T2V, prompt="a cat", options=options).json()["data"]
    assert "external_id" not in reply
    assert "external_id" not in client.task(reply["id"])
    assert "external_id" not in client.search()["result"][0]
    mock.complete(reply["id"])
    assert ["external_id" in received.task for received in receiver.received] == [False] * 3


def test_a_late_acceptance(mock: KlingMock, client: PathClient) -> None:
    """A create that is served after its connection was reset makes a task of its model."""
    mock.faults.add("delayed-acceptance", "POST /text-to-video/*", seconds=5)
    with pytest.raises(httpx.TransportError):
        client.new(external_task_id="job-1")
    assert client.get("external_task_ids=job-1").json()["data"] == []
    mock.clock.advance(5)
    assert len(client.get("external_task_ids=job-1").json()["data"]) == 1


def test_a_contradicting_report(mock: KlingMock, client: PathClient, receiver: Receiver) -> None:
    """It has the interface's own words, too."""
    mock.faults.add("callback-contradicting")
    task_id = client.new(callback_url=receiver.url)
    mock.complete(task_id)
    last = [received.task["status"] for received in receiver.received][-2:]
    assert last == ["succeeded", "failed"]
    assert receiver.received[-1].task["billing"] == [{"amount": "0"}]


def test_a_snapshot_has_the_tasks_of_both_interfaces(
    mock: KlingMock, api: Any, client: PathClient
) -> None:
    """The same responses come after a restore."""
    api.new()
    task_id = client.new(external_task_id="job-1")
    before = client.search()["result"]
    snapshot = mock.snapshot()
    mock.clock.advance(3600)
    assert client.task(task_id)["status"] == "succeeded"
    mock.restore(snapshot)
    assert client.search()["result"] == before


def test_results_end_after_30_days(mock: KlingMock, api: Any, client: PathClient) -> None:
    """The rule is that of /v1."""
    task_id = client.new()
    mock.complete(task_id)
    url = client.task(task_id)["outputs"][0]["url"]
    assert api.http.get(url).status_code == 200
    mock.clock.advance(30 * 24 * 3600 + 1)
    assert api.http.get(url).status_code == 404


def test_the_form_of_a_body_of_bytes(client: PathClient, api: Any) -> None:
    """A body that is not a JSON object is refused with 1200, as on /v1."""
    for content in (b"", b"[]", b"{", json.dumps("x").encode()):
        reply = api.http.post(T2V, content=content, headers=client.key)
        assert (reply.status_code, reply.json()["code"]) == (400, 1200)

"""Observations of the real service in 2026: request and response, row by row of the evidence."""

from __future__ import annotations

from typing import Any

import pytest

from kling_mock import KlingMock
from tests.mock.kling.endpoints.model_path import body
from tests.mock.kling.http.path_client import T2V, PathClient
from tests.mock.receiver import Receiver

# ---------------------------------------------------------------- what was seen of the real one


def test_d7_retired_models_and_endpoint(mock: KlingMock, api: Any, client: PathClient) -> None:
    """Before: all served, with a note. From 2026-09-28 on: refused in the words that were seen."""
    multi = {"prompt": "a cat", "image_list": [{"image": "https://example.com/a.png"}]}
    gone = ["kling-v1", "kling-v1-6", "kling-v2-master", "kling-v2-1-master"]
    for model in gone:
        reply = api.create(model_name=model)
        assert (reply.status_code, reply.headers["x-kling-mock-note"]) == (
            200,
            "retired=model_name",
        )
    assert api.create("multi-image2video", **multi).headers["x-kling-mock-note"] == (
        "retired=path,model_name"
    )
    assert "2026-09-28" in str(mock.journal[-1].notes[0])

    mock.retired = "2026-09-19"
    assert mock.retired == frozenset()
    mock.retired = "2026-09-20"
    assert mock.retired == {"kling-v1"}
    mock.retired = "2026-09-28"
    for model in gone:
        reply = api.create(model_name=model)
        assert (reply.status_code, reply.json()["code"]) == (400, 1201)
        text = f"The model '{model}' has been discontinued and is no longer available."
        assert reply.json()["message"] == text
    reply = api.create("multi-image2video", **multi)
    assert (reply.status_code, reply.json()["code"]) == (400, 1201)
    assert reply.json()["message"] == "This API is no longer available"
    for model in ("kling-v2-5-turbo", "kling-v2-6", "kling-v3"):
        assert api.create(model_name=model).status_code == 200
    assert client.post(T2V, prompt="a cat").status_code == 200
    assert api.get("/v1/videos/multi-image2video").status_code == 200  # existing ones stay
    mock.retired = None
    assert api.create(model_name="kling-v1").status_code == 200


@pytest.mark.parametrize("url", ["https://gone.invalid/a.png", "http://invalid./a.png"])
def test_d8_media_that_cannot_be_had(
    mock: KlingMock, client: PathClient, receiver: Receiver, url: str
) -> None:
    """The create is accepted; the task fails when it would have been done, and costs nothing."""
    mock.account.units = 100
    sent = body("image-to-video")
    sent["contents"][-1]["url"] = url
    options = {"callback_url": receiver.url}
    reply = client.post("/image-to-video/kling-3.0", **sent, options=options)
    assert reply.status_code == 200
    mock.clock.advance(2)
    assert client.task(reply.json()["data"]["id"])["status"] == "processing"
    mock.clock.advance(3600)
    task = client.task(reply.json()["data"]["id"])
    assert task["status"] == "failed"
    assert task["message"] == "Something went wrong when we tried to get the contents of the file."
    assert task["billing"] == [{"amount": "0"}]
    assert receiver.received[-1].task == task
    assert mock.account.units == 100


def test_d8_by_a_fault(mock: KlingMock, api: Any, client: PathClient) -> None:
    """This holds for any URL, on either interface, and is in the journal."""
    mock.faults.add("unreachable-media", external_id="gone-*")
    text = "Something went wrong when we tried to get the contents of the file."
    new = client.new("/image-to-video/kling-3.0", external_task_id="gone-1")
    assert mock.journal[-1].fault == "unreachable-media"
    old = api.new(external_task_id="gone-2")
    well = client.new()
    mock.clock.advance(3600)
    assert client.task(new)["message"] == text
    task = api.task(old)
    assert (task["task_status"], task["task_status_msg"]) == ("failed", text)
    assert task["final_unit_deduction"] == "0"
    assert client.task(well)["status"] == "succeeded"


@pytest.mark.parametrize("duration", [0, 1, 20, "5"])
def test_d9_any_duration_passes_at_create(
    mock: KlingMock, client: PathClient, duration: int | str
) -> None:
    """What the job then does is not known; here one that cannot be fails, and costs nothing."""
    reply = client.post(T2V, prompt="a cat", settings={"duration": duration})
    assert reply.status_code == 200
    assert reply.headers.get("x-kling-mock-note") == (
        "coerced=settings.duration" if duration == "5" else None
    )
    mock.clock.advance(3600)
    task = client.task(reply.json()["data"]["id"])
    assert task["status"] == ("succeeded" if duration == "5" else "failed")
    if duration != "5":
        assert task["message"] == f"settings.duration value '{duration}' is invalid"
        assert task["billing"] == [{"amount": "0"}]

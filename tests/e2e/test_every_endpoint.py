"""The properties of every endpoint that makes tasks: through the client, against the emulator."""

from __future__ import annotations

from collections.abc import Iterator
from operator import attrgetter
from pathlib import Path
from typing import Any

import pytest

from kling_mock import KlingMock
from kling_sdk import ENDPOINTS, Kling, NotFoundError, Request, parse_callback
from kling_sdk.endpoints import request_class
from tests.endpoints import MAKERS, body, with_sources
from tests.mock.receiver import Receiver, receiver

__all__ = ["receiver"]

#: The first bytes of a file, behind some of another meaning.
MAGIC = {
    "mp4": (4, b"ftyp"),
    "png": (0, b"\x89PNG"),
    "mp3": (0, b"ID3"),
    "srt": (0, b"1\n00:00:00,000"),
    "ass": (0, b"[Script Info]"),
}

pytestmark = [
    pytest.mark.parametrize("endpoint", MAKERS),
    pytest.mark.filterwarnings("ignore::kling_sdk.CapabilityWarning"),  # of models that may be gone
]


@pytest.fixture
def mock() -> Iterator[KlingMock]:
    with KlingMock(seed=7) as server:
        yield server


def request(mock: KlingMock, endpoint: str, **more: Any) -> Request:
    return request_class(endpoint)(**with_sources(mock, body(endpoint)), **more)


def resource(kling: Kling, endpoint: str) -> Any:
    return attrgetter(ENDPOINTS[endpoint].attribute)(kling)


def test_a_task_is_got_and_listed(mock: KlingMock, endpoint: str) -> None:
    """It is found by its own id, by yours, and on the endpoint's list."""
    with mock.client() as kling:
        tasks = resource(kling, endpoint)
        submitted = tasks.submit(request(mock, endpoint, external_task_id="order-17"))
        mock.complete(submitted)
        by_id, by_name = tasks.get(submitted.task_id), tasks.get("order-17")

        assert by_id == by_name
        assert by_id.is_succeed
        assert by_id.outputs
        assert [task for task in tasks.list() if task.external_task_id == "order-17"] == [by_id]
        with pytest.raises(NotFoundError):
            tasks.get("order-18")


def test_a_repeat_under_your_id_returns_the_first_task(mock: KlingMock, endpoint: str) -> None:
    """A job that runs twice pays once."""
    with mock.client() as kling:
        tasks = resource(kling, endpoint)
        create = request(mock, endpoint, external_task_id="order-17")
        first, again = tasks.submit(create), tasks.submit(create)

    assert (again.task_id, first.reused, again.reused) == (first.task_id, False, True)


def test_a_create_whose_answer_is_lost_makes_one_task(mock: KlingMock, endpoint: str) -> None:
    """It is repeated under its id, and finds the task that the first attempt has made."""
    with mock.client() as kling:
        create = request(mock, endpoint)
        mock.faults.add("response-lost", match=f"POST {ENDPOINTS[endpoint].path}", times=1)
        before = mock.account.open_tasks
        task = resource(kling, endpoint).submit(create)

    assert mock.account.open_tasks == before + 1
    assert not task.reused
    mock.faults.assert_used()


def test_a_callback_has_the_task(mock: KlingMock, endpoint: str, receiver: Receiver) -> None:
    """The results in a report are those that a query shows."""
    with mock.client() as kling:
        tasks = resource(kling, endpoint)
        submitted = tasks.submit(request(mock, endpoint, callback_url=receiver.url))
        mock.complete(submitted)
        task = tasks.get(submitted.task_id)
    reported = parse_callback(receiver.received[-1].body, verify=False).task

    assert (reported.task_id, reported.status, reported.units) == (
        task.task_id,
        "succeed",
        task.units,
    )
    assert reported.outputs == task.outputs


def test_every_result_is_a_file(mock: KlingMock, endpoint: str, tmp_path: Path) -> None:
    """Each has a name of its own, is what its name says, and differs from the rest."""
    with mock.client() as kling:
        tasks = resource(kling, endpoint)
        submitted = tasks.submit(request(mock, endpoint))
        mock.complete(submitted)
        done = tasks.get(submitted.task_id)
        files = [kling.download(output, tmp_path) for output in done.files]

    assert bool(files) is (ENDPOINTS[endpoint].library is None)
    assert len({file.path for file in files}) == len(done.files)
    assert len({file.sha256 for file in files}) == len(done.files)
    for file in files:
        start, magic = MAGIC[file.path.suffix.removeprefix(".")]
        assert file.path.read_bytes()[start:].startswith(magic)

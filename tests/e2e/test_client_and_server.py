"""The client and the emulated Kling, over real HTTP: the main job, as a user does it."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from typing import Any

import aiohttp
import httpx
import httpx2
import pytest

from kling_mock import KlingMock
from kling_sdk import (
    AsyncKling,
    AuthenticationError,
    ImageToVideo,
    InvalidRequestError,
    Kling,
    KlingError,
    MultiImageToVideo,
    NotFoundError,
    OmniVideo,
    OutcomeUnknownError,
    Request,
    RequestValidationError,
    Task,
    TaskFailedError,
    TextToVideo,
    VideoRequest,
    WaitCancelledError,
    WaitTimeoutError,
)
from kling_sdk.client.attributes import make_resource
from kling_sdk.endpoints import request_class
from tests.endpoints import CALLS, MAKERS, body, with_sources

PNG = (
    b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + (400).to_bytes(4, "big") * 2 + b"\x08\x02\x00\x00\x00"
)
REQUESTS: list[VideoRequest] = [
    TextToVideo(prompt="a kitten", duration=5),
    ImageToVideo(image=PNG, prompt="it wakes"),
    OmniVideo(prompt="a lighthouse", duration=3, sound=True),
    MultiImageToVideo(image_list=[PNG, PNG], prompt="they meet"),
]


# The model that multi-image2video has is one that may be gone.
pytestmark = pytest.mark.filterwarnings("ignore::kling_sdk.CapabilityWarning")


@pytest.fixture
def mock() -> Any:
    with KlingMock(seed=7) as server:
        yield server


def resource(kling: Kling, request: Request) -> Any:
    return make_resource(kling, type(request))


@pytest.mark.parametrize("request_", REQUESTS, ids=lambda request: request.endpoint)
def test_each_endpoint_makes_a_video_that_downloads(
    mock: KlingMock, request_: VideoRequest, tmp_path: Path
) -> None:
    """Create, wait, download: one line each, on every endpoint."""
    with mock.client() as kling:
        endpoint = resource(kling, request_)
        seen: list[str] = []
        task = endpoint.submit(request_)
        task = endpoint.wait(task, on_update=lambda task: seen.append(task.status))
        file = kling.download(task.videos[0], tmp_path)

    assert seen[-1] == "succeed"
    assert task.units is not None
    assert task.units > 0
    assert file.path == tmp_path / f"{task.videos[0].id}.mp4"
    assert file.size == file.path.stat().st_size
    assert sorted(tmp_path.iterdir()) == [file.path]


@pytest.mark.parametrize("name", MAKERS)
def test_the_plainest_request_of_each_endpoint_is_made(mock: KlingMock, name: str) -> None:
    """The SDK's class and the emulator's record of an endpoint agree on a request."""
    request = request_class(name)(**with_sources(mock, body(name)))
    with mock.client() as kling:
        submitted = resource(kling, request).submit(request)
        mock.complete(submitted)
        task = resource(kling, request).wait(submitted)

    assert task.outputs
    assert task.units > 0 or name == "elements"  # which was seen to cost nothing


@pytest.mark.parametrize("name", CALLS)
def test_the_plainest_call_of_each_endpoint_without_a_task_is_answered(
    mock: KlingMock, name: str
) -> None:
    """The call returns at once, with a result of the record's type, and is charged."""
    request = request_class(name)(**with_sources(mock, body(name)))
    mock.account.add_pack(units=10)
    with mock.client() as kling:
        result = resource(kling, request).submit(request)
        with pytest.raises(TypeError, match="does not make a task"):
            kling.submit(request)
        (outcome,) = kling.run_many([request])

        (pack,) = kling.account.costs(0, 10**13)
        assert pack.remaining == 10 - (kling.estimate(request).units or 0)
    assert isinstance(result, request.record.result_type)
    with pytest.raises(RequestValidationError, match="does not make a task"):
        outcome.result()


@pytest.mark.parametrize("name", CALLS)
def test_a_call_whose_answer_is_lost_is_not_repeated(mock: KlingMock, name: str) -> None:
    """It may have been charged, and Kling cannot be asked whether it was."""
    request = request_class(name)(**with_sources(mock, body(name)))
    mock.faults.add("response-lost", match=f"POST {request.record.path}")
    before = len(mock.journal.where(path=request.record.path))
    with (
        mock.client() as kling,
        pytest.raises(OutcomeUnknownError, match="its outcome cannot be looked up"),
    ):
        resource(kling, request).submit(request)
    assert len(mock.journal.where(path=request.record.path)) == before + 1


def test_a_task_is_found_by_its_own_and_by_your_id(mock: KlingMock) -> None:
    """Either id reads the task, and the reply knows both."""
    with mock.client() as kling:
        task = kling.text2video.create(prompt="a kitten", external_task_id="order-17")

        assert task.external_task_id == "order-17"
        assert kling.text2video.get(task.task_id) == kling.text2video.get("order-17")
        with pytest.raises(NotFoundError, match="no-such-id"):
            kling.text2video.get("no-such-id")
        # With an API key, /tasks shows the tasks of all products.
        assert kling.image2video.get(task.task_id).task_id == task.task_id
    with (
        mock.client(access_key=mock.access_key, secret_key=mock.secret_key) as pair,
        pytest.raises(NotFoundError),
    ):
        pair.image2video.get(task.task_id)


def test_a_repeat_under_your_id_returns_the_first_task(mock: KlingMock) -> None:
    """A job that runs twice pays once."""
    with mock.client() as kling:
        first = kling.text2video.create(prompt="a kitten", external_task_id="order-17")
        again = kling.text2video.create(prompt="a kitten", external_task_id="order-17")

        assert again.task_id == first.task_id
        assert len(kling.text2video.list()) == 1


def test_all_tasks_are_listed_page_by_page(mock: KlingMock) -> None:
    """`iter` reads every page; `list` reads one."""
    with mock.client() as kling:
        task_ids = {kling.text2video.create(prompt=f"kitten {n}").task_id for n in range(7)}
        page = kling.text2video.list(page=2, page_size=3)

        assert (len(page), page.page, page.has_next) == (3, 2, True)
        assert {task.task_id for task in kling.text2video.iter(page_size=3)} == task_ids
        assert len(list(kling.image2video.iter())) == 0


def test_a_failed_task_raises_with_the_reason(mock: KlingMock) -> None:
    """The error of a failed task carries the task and the vendor's words."""
    with mock.client() as kling:
        task = kling.text2video.create(prompt="a kitten")
        mock.fail(task, 1301, "the picture is not allowed")

        with pytest.raises(TaskFailedError, match="the picture is not allowed") as caught:
            kling.text2video.wait(task)
    assert caught.value.task.status == "failed"
    assert caught.value.task_id == task.task_id


def test_a_wait_that_ran_out_is_resumed_by_id(mock: KlingMock) -> None:
    """Nothing is lost when a wait ends too early: the id is enough to go on."""
    with mock.client() as kling:
        task = kling.text2video.create(prompt="a kitten")
        with pytest.raises(WaitTimeoutError) as caught:
            kling.text2video.wait(task, timeout=5)

        assert isinstance(caught.value, TimeoutError)
        assert kling.text2video.wait(caught.value.task.task_id).is_succeed


def test_a_sync_wait_ends_when_its_event_is_set(mock: KlingMock) -> None:
    """Another thread can call a wait off."""
    cancel = threading.Event()
    with mock.client() as kling:
        task = kling.text2video.create(prompt="a kitten")
        cancel.set()
        with pytest.raises(WaitCancelledError):
            kling.with_options(cancel=cancel).text2video.wait(task)
        assert not kling.text2video.get(task.task_id).is_done


def test_many_requests_end_in_any_order_and_keep_their_places(mock: KlingMock) -> None:
    """One failure does not hide the others, and each outcome names its request."""
    broken = TextToVideo(prompt="x", model_name="no-such-model")
    work = [REQUESTS[0], broken, *REQUESTS[1:]]
    with mock.client() as kling:
        outcomes = {outcome.index: outcome for outcome in kling.run_many(work)}

    assert sorted(outcomes) == [0, 1, 2, 3, 4]
    assert isinstance(outcomes[1].error, KlingError)
    assert all(outcomes[index].result().videos for index in (0, 2, 3, 4))


def test_tasks_that_exist_are_waited_for_together(mock: KlingMock) -> None:
    """`wait_all` keeps the order of the tasks, `as_completed` the order of their ends."""
    with mock.client() as kling:
        tasks = [resource(kling, request).submit(request) for request in REQUESTS]
        mock.complete(tasks[2])

        first = next(iter(kling.as_completed(tasks)))
        outcomes = kling.wait_all(tasks)

    assert first.index == 2
    assert [outcome.result().task_id for outcome in outcomes] == [task.task_id for task in tasks]


async def test_the_async_client_does_the_same(mock: KlingMock, tmp_path: Path) -> None:
    """The twin makes, lists, watches and downloads."""
    async with mock.async_client() as kling:
        task = await kling.text2video.run(prompt="a kitten", duration=5)
        file = await kling.download(task.videos[0], tmp_path / "kitten.mp4")
        tasks = [await kling.omni_video.create(prompt="a lighthouse") for _ in range(3)]
        outcomes = await kling.wait_all(tasks)
        listed = [item async for item in kling.omni_video.iter(page_size=2)]
        ends = [item.index async for item in kling.run_many([REQUESTS[0]])]

    assert file.size > 1000
    assert [outcome.result().task_id for outcome in outcomes] == [task.task_id for task in tasks]
    assert len(listed) == 3
    assert ends == [0]


async def test_waits_at_the_same_time_share_the_mocks_clock(mock: KlingMock) -> None:
    """Many waits under one event loop take the time of the longest."""
    async with mock.async_client() as kling:
        started = mock.clock.time()
        tasks = await asyncio.gather(
            *(kling.text2video.run(prompt=f"kitten {number}") for number in range(20))
        )
        assert all(task.is_succeed for task in tasks)
        assert mock.clock.time() - started < 900


async def test_a_cancelled_wait_leaves_the_task_and_the_clock_alone(mock: KlingMock) -> None:
    """`asyncio` cancellation ends a wait at once; the task goes on and can be waited for again."""
    async with mock.async_client(clock=None) as kling:
        task = await kling.text2video.create(prompt="a kitten")
        waiting = asyncio.create_task(kling.text2video.wait(task))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert not (await kling.text2video.get(task.task_id)).is_done


@pytest.mark.parametrize("library", [httpx, httpx2], ids=["httpx", "httpx2"])
def test_a_client_of_your_own_is_used_and_left_open(mock: KlingMock, library: Any) -> None:
    """`http_client=` takes either library's client, and closing ours does not close yours."""
    with library.Client() as http_client:
        with mock.client(http_client=http_client) as kling:
            assert kling.text2video.create(prompt="a kitten").task_id
        assert not http_client.is_closed


async def test_an_aiohttp_session_is_used_and_left_open(mock: KlingMock, tmp_path: Path) -> None:
    """The async client runs on aiohttp as well."""
    async with aiohttp.ClientSession() as session:
        async with mock.async_client(http_client=session) as kling:
            task = await kling.text2video.run(prompt="a kitten")
            assert (await kling.download(task.videos[0], tmp_path)).size > 1000
        assert not session.closed


def test_an_api_key_works_as_well_as_a_key_pair(mock: KlingMock) -> None:
    """Both ways to authenticate reach the same account."""
    with mock.client() as pair, Kling(api_key=mock.api_key, base_url=mock.kling_url) as static:
        task = pair.text2video.create(prompt="a kitten")
        assert static.text2video.get(task.task_id).task_id == task.task_id


def test_a_wrong_secret_is_an_authentication_error(mock: KlingMock) -> None:
    """A refused key raises at once, with Kling's code and the request id."""
    with mock.client(secret_key="wrong") as kling, pytest.raises(AuthenticationError) as caught:
        kling.text2video.create(prompt="a kitten")
    assert caught.value.code == 1000
    assert caught.value.http_status == 401
    assert caught.value.request_id
    assert "wrong" not in str(caught.value)


def test_a_second_key_takes_over_when_the_first_is_refused(mock: KlingMock) -> None:
    """A key can be replaced while programs run."""
    keys = f"old|gone\n{mock.access_key}|{mock.secret_key}"
    with Kling(keys, base_url=mock.kling_url) as kling:
        assert kling.text2video.create(prompt="a kitten").task_id


def test_what_the_check_lets_through_the_server_refuses_by_name(mock: KlingMock) -> None:
    """With the check off, the server's own words reach the caller."""
    with mock.client(check=False) as kling, pytest.raises(InvalidRequestError) as caught:
        kling.text2video.create(prompt="a kitten", sound="on")
    assert caught.value.code == 1201
    assert "sound" in caught.value.message


def test_what_is_not_wrapped_can_be_called(mock: KlingMock) -> None:
    """`request` signs, sends and unwraps; `request_raw` shows the reply as it came."""
    with mock.client() as kling:
        task = kling.text2video.create(prompt="a kitten")
        path = f"/v1/videos/text2video/{task.task_id}"

        assert kling.request("GET", path)["task_id"] == task.task_id
        raw = kling.request_raw("GET", path)
        assert raw.status == 200
        assert b"SUCCEED" in raw.body
        for elsewhere in ("https://example.com/x", "//example.com/x", "x"):
            with pytest.raises(KlingError, match="path"):
                kling.request("GET", elsewhere)


def test_a_closed_client_says_so(mock: KlingMock) -> None:
    """A call after `close` is a mistake, and the message names it."""
    with mock.client() as kling:
        kling.text2video.list()
    with pytest.raises(RuntimeError, match="closed"):
        kling.text2video.list()


def test_two_servers_share_nothing() -> None:
    """A task of one server is unknown to the other."""
    with (
        KlingMock() as server,
        KlingMock() as other,
        server.client() as first,
        other.client() as second,
    ):
        task = first.text2video.create(prompt="a kitten")
        with pytest.raises(NotFoundError):
            second.text2video.get(task.task_id)


async def test_the_twins_meet_the_same_task(mock: KlingMock) -> None:
    """A task made by one client is read by the other."""
    async with AsyncKling(api_key=mock.api_key, base_url=mock.kling_url) as other:
        task: Task = await other.text2video.create(prompt="a kitten")
    with mock.client() as kling:
        assert kling.text2video.get(task.task_id).task_id == task.task_id

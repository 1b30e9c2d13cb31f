"""The client against an emulated Kling where things go wrong, over real HTTP."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from kling_mock import KlingMock, RateLimit
from kling_sdk import (
    AccountError,
    CallbackVerificationError,
    ContentPolicyError,
    DownloadError,
    KlingAPIError,
    NotFoundError,
    OutcomeUnknownError,
    TaskFailedError,
    TextToVideo,
    WaitTimeoutError,
    parse_callback,
)
from tests.mock.receiver import Receiver, receiver

__all__ = ["receiver"]

CREATE = "POST /v1/videos/text2video"


@pytest.fixture
def mock() -> Iterator[KlingMock]:
    with KlingMock(seed=11) as server:
        yield server


@pytest.fixture(autouse=True)
def _in_no_time() -> Iterator[None]:
    """Backoff, queueing and generation happen on the mock's clock: no test takes real seconds."""
    started = time.monotonic()
    yield
    assert time.monotonic() - started < 20


def creates(mock: KlingMock) -> list[Any]:
    return [entry for entry in mock.journal if entry.method == "POST"]


# ------------------------------------------------------------ one create, one task


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("reset", {}),
        ("response-lost", {}),
        ("truncated-body", {}),
        ("malformed-body", {}),
        ("slow-body", {"seconds": 0.01}),
        ("latency", {"seconds": 0.01}),
        ("status", {"code": 5000}),
        ("status", {"http": 502, "body": "<html>Bad Gateway</html>"}),
        ("status", {"code": 1302, "retry_after": 30}),
        ("status", {"code": 1303}),
        ("delayed-acceptance", {"seconds": 0}),
        ("delayed-acceptance", {"seconds": 100}),
        ("delayed-acceptance", {"seconds": 100, "http": 504}),
    ],
)
def test_a_create_makes_one_task_whatever_happens_to_it(
    mock: KlingMock, kind: Any, options: Any
) -> None:
    """After any single failure the create still returns its task, and there is only one."""
    fault = mock.faults.add(kind, CREATE, times=1, **options)
    with mock.client() as kling:
        task = kling.text2video.create(prompt="a kitten", external_task_id="order-1")
        mock.clock.advance(1000)
        assert [listed.task_id for listed in kling.text2video.iter()] == [task.task_id]
        assert kling.text2video.get("order-1").is_succeed
    assert fault.acted == 1


def test_a_lost_answer_is_looked_up(mock: KlingMock) -> None:
    """The repeat of a create is refused since its id is taken, and reads the task that it made."""
    mock.faults.add("response-lost", CREATE, times=1)
    with mock.client() as kling:
        task = kling.text2video.create(prompt="a kitten")
        assert kling.text2video.get(task.task_id).external_task_id == task.external_task_id
    first, repeat, lookup, _ = mock.journal
    assert (first.fault, first.code, repeat.code) == ("response-lost", 0, 1201)
    assert lookup.path.endswith(f"/{task.external_task_id}")


def test_an_outcome_that_stays_unknown_is_found_out_later(mock: KlingMock) -> None:
    """If no answer ever comes, the error names the id, and the id finds the task in the end."""
    mock.faults.add("delayed-acceptance", CREATE, seconds=600)
    with mock.client() as kling:
        with pytest.raises(OutcomeUnknownError) as caught:
            kling.text2video.create(prompt="a kitten")
        external_id = caught.value.external_task_id
        assert external_id
        with pytest.raises(NotFoundError):
            kling.text2video.get(external_id)
        mock.clock.advance(1000)
        assert kling.text2video.get(external_id).external_task_id == external_id
        assert len(list(kling.text2video.iter())) == 1


@pytest.mark.slow
async def test_a_hundred_creates_over_a_bad_network_make_a_hundred_tasks(mock: KlingMock) -> None:
    """Three requests in ten are lost before, during or after: no task is made twice or missing."""
    for kind in ("reset", "response-lost", "truncated-body", "status"):
        mock.faults.add(kind, CREATE, probability=0.1)
    prompts = [f"intent {number}" for number in range(100)]
    async with mock.async_client() as kling:
        tasks = await asyncio.gather(*(kling.text2video.create(prompt=text) for text in prompts))
        listed = [task async for task in kling.text2video.iter(page_size=500)]
    assert Counter(task.task_id for task in listed) == Counter(task.task_id for task in tasks)
    assert mock.account.open_tasks == 100
    assert sum(1 for entry in creates(mock) if entry.fault) > 20


# ------------------------------------------------------------ limits of the account


@pytest.mark.slow
def test_more_requests_than_slots_are_queued(mock: KlingMock) -> None:
    """`run_many` waits for free slots: all end well, and never more than two are open."""
    mock.account.slots = 2
    requests = [TextToVideo(prompt=f"kitten {number}") for number in range(7)]
    most = 0
    with mock.client() as kling:
        outcomes = []
        for outcome in kling.run_many(requests):
            most = max(most, mock.account.open_tasks)
            outcomes.append(outcome)
    assert all(outcome.result().is_succeed for outcome in outcomes)
    assert len({outcome.result().task_id for outcome in outcomes}) == 7
    assert most <= 2
    assert {entry.code for entry in creates(mock)} == {0, 1303}


async def test_single_creates_wait_for_a_slot(mock: KlingMock) -> None:
    """Three calls at once on an account with one slot: each gets its turn."""
    mock.account.slots = 1
    mock.progress.add("after", seconds=5)
    async with mock.async_client() as kling:
        tasks = await asyncio.gather(*(kling.text2video.run(prompt=str(n)) for n in range(3)))
    assert all(task.is_succeed for task in tasks)


@pytest.mark.parametrize("retry_after", [False, True])
def test_a_rate_limit_is_waited_out(mock: KlingMock, *, retry_after: bool) -> None:
    """1302 is waited out, as long as the server says if it says so."""
    mock.account.rate_limit = RateLimit(1, seconds=20, retry_after=retry_after, creates_only=True)
    with mock.client() as kling:
        for number in range(3):
            kling.text2video.create(prompt=f"kitten {number}")
    assert mock.account.open_tasks == 3
    refused = [entry for entry in creates(mock) if entry.code == 1302]
    assert refused
    assert not retry_after or len(refused) == 2


@pytest.mark.parametrize(
    ("setting", "value", "code"),
    [("units", 1, 1102), ("in_arrears", True, 1101), ("disabled", True, 1100)],
)
def test_what_waiting_does_not_help_is_not_repeated(
    mock: KlingMock, setting: str, value: Any, code: int
) -> None:
    """An account that cannot pay gets its error after one request, though its status is 429."""
    setattr(mock.account, setting, value)
    with mock.client() as kling, pytest.raises(AccountError) as caught:
        kling.text2video.create(prompt="a kitten")
    assert (caught.value.code, caught.value.http_status) == (code, 429)
    assert len(mock.journal) == 1


@pytest.mark.parametrize(
    ("setting", "value", "code"),
    [("denied", ["kling-v2-6"], 1103), ("allowed_ips", ["192.0.2.0/24"], 1304)],
)
def test_what_is_forbidden_is_not_repeated(
    mock: KlingMock, setting: str, value: Any, code: int
) -> None:
    """A model that is not for this account, or a call from elsewhere, is one request as well."""
    setattr(mock.account, setting, value)
    with mock.client() as kling, pytest.raises(KlingAPIError) as caught:
        kling.text2video.create(prompt="a kitten")
    assert (caught.value.code, caught.value.retryable) == (code, False)
    assert len(mock.journal) == 1


def test_the_clients_view_of_the_packs(mock: KlingMock) -> None:
    """`account.costs` unwraps both envelopes; a second call waits for its second to pass."""
    mock.account.add_pack(10, name="ten", lasts=1000)
    with mock.client() as kling:
        kling.text2video.run(prompt="a kitten")
        first = kling.account.costs(0, 9_999_999_999_999)
        assert kling.account.costs(0, 9_999_999_999_999) == first
    (pack,) = first
    assert (pack.name, pack.status, pack.total) == ("ten", "online", Decimal(10))
    assert pack.remaining == Decimal("8.5")
    assert pack.invalid_at is not None


# ------------------------------------------------------------ content and progress


def test_content_is_refused_or_fails_later(mock: KlingMock) -> None:
    """Both ways of the review have their own error, each with Kling's words."""
    mock.content.add("blood")
    mock.content.add("gore", "fail", message="the result was withheld")
    with mock.client() as kling:
        with pytest.raises(ContentPolicyError) as refused:
            kling.text2video.create(prompt="blood")
        with pytest.raises(TaskFailedError, match="the result was withheld"):
            kling.text2video.run(prompt="gore")
    assert refused.value.code == 1301


@pytest.mark.slow
def test_a_stuck_task_runs_into_the_time_limit(mock: KlingMock) -> None:
    """Waiting ends after its timeout on the mock's clock, and the task can be taken up again."""
    mock.faults.add("stuck", times=1)
    with mock.client() as kling:
        with pytest.raises(WaitTimeoutError) as caught:
            kling.text2video.wait(kling.text2video.create(prompt="a kitten"))
        assert caught.value.task.status == "processing"
        mock.complete(caught.value.task)
        assert kling.text2video.wait(caught.value.task).is_succeed


def test_a_task_that_ends_when_looked_at(mock: KlingMock) -> None:
    """With `polls`, the number of requests of a wait is known beforehand."""
    mock.progress.add("polls", polls=3)
    with mock.client() as kling:
        assert kling.text2video.run(prompt="a kitten").is_succeed
    assert len(mock.journal) == 4


def test_waiting_goes_on_through_failing_queries(mock: KlingMock) -> None:
    """Errors, resets and garbage while polling delay the end and do not change it."""
    queries = "GET /v1/videos/*"
    mock.faults.add("status", queries, times=2)
    mock.faults.add("reset", queries, times=2)
    mock.faults.add("malformed-body", queries, times=2)
    with mock.client() as kling:
        assert kling.text2video.run(prompt="a kitten").is_succeed


# ------------------------------------------------------------ results


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("truncated-body", {"keep": 0.5}),
        ("status", {"http": 503}),
        ("reset", {}),
        ("slow-body", {"seconds": 0.01}),
    ],
)
def test_a_download_ends_whole(mock: KlingMock, tmp_path: Path, kind: Any, options: Any) -> None:
    """A file that breaks off, or is announced wrongly, is fetched until it is whole."""
    with mock.client() as kling:
        task = kling.text2video.run(prompt="a kitten")
        whole = kling.download(task.videos[0], tmp_path / "whole.mp4").path.read_bytes()
        fault = mock.faults.add(kind, "GET /media/*", times=1, **options)
        file = kling.download(task.videos[0], tmp_path / "broken.mp4")
    assert fault.acted == 1
    assert file.path.read_bytes() == whole


def test_a_download_of_a_wrong_length_is_an_error(mock: KlingMock, tmp_path: Path) -> None:
    """A file that is announced longer than it is raises, and leaves nothing that looks whole."""
    mock.faults.add("wrong-length", "GET /media/*", by=10)
    with mock.client() as kling:
        task = kling.text2video.run(prompt="a kitten")
        with pytest.raises(DownloadError):
            kling.download(task.videos[0], tmp_path / "kitten.mp4")
    assert not list(tmp_path.glob("*.mp4"))


def test_a_download_recovers_from_one_wrong_length(mock: KlingMock, tmp_path: Path) -> None:
    """A length that was wrong once costs another transfer; the file is whole."""
    mock.faults.add("wrong-length", "GET /media/*", by=10, times=1)
    with mock.client() as kling:
        task = kling.text2video.run(prompt="a kitten")
        file = kling.download(task.videos[0], tmp_path / "kitten.mp4")
    assert file.size == file.path.stat().st_size
    assert file.path.read_bytes()[4:8] == b"ftyp"


# ------------------------------------------------------------ callbacks


def test_a_signed_callback_is_verified_and_an_old_one_is_not(
    mock: KlingMock, receiver: Receiver
) -> None:
    """What the server signs the client accepts, with either secret; a late replay it refuses."""
    old = mock.account.add_webhook_secret()
    new = mock.account.add_webhook_secret()
    with mock.client() as kling:
        task = kling.text2video.run(prompt="a kitten", callback_url=receiver.url)
    for secrets in (old, new, [old, new]):
        for received in receiver.received:
            headers = received.headers
            when = int(headers["webhook-timestamp"])
            event = parse_callback(received.body, headers, secrets, when)
            assert event.verified
            assert event.task.task_id == task.task_id
    end = parse_callback(receiver.received[-1].body, verify=False).task
    assert (end.videos, end.units) == (task.videos, task.units)
    mock.clock.advance(400)
    mock.deliveries.replay(mock.deliveries[-1])
    late = receiver.received[-1]
    with pytest.raises(CallbackVerificationError, match="s before now"):
        parse_callback(late.body, late.headers, new, mock.clock.time())


def test_a_contradicting_callback_is_told_by_asking(mock: KlingMock, receiver: Receiver) -> None:
    """A signed report may be wrong: a query with the caller's own key shows the truth."""
    mock.faults.add("callback-contradicting", times=1)
    with mock.client() as kling:
        task = kling.text2video.run(prompt="a kitten", callback_url=receiver.url)
        event = parse_callback(receiver.received[-1].body, verify=False)
        assert event.task.status == "failed"
        assert kling.text2video.get(event.task.task_id) == task


def test_a_wait_needs_no_callback(mock: KlingMock, receiver: Receiver) -> None:
    """When all callbacks are lost, waiting still finds the end."""
    mock.faults.add("callback-dropped")
    with mock.client() as kling:
        assert kling.text2video.run(prompt="a kitten", callback_url=receiver.url).is_succeed
    assert receiver.received == []


def test_a_callback_may_come_before_the_task_id(mock: KlingMock, receiver: Receiver) -> None:
    """An app can get the whole story before its create call returns; the ids still agree."""
    mock.faults.add("callback-before-create-returns")
    mock.progress.add("instant")
    with mock.client() as kling:
        task = kling.text2video.create(
            prompt="a kitten", callback_url=receiver.url, external_task_id="order-1"
        )
    assert receiver.statuses == ["submitted", "processing", "succeed"]
    event = parse_callback(receiver.received[0].body, verify=False)
    assert (event.task.task_id, event.task.external_task_id) == (task.task_id, "order-1")


async def test_a_receiver_beside_the_client_on_one_loop(mock: KlingMock) -> None:
    """An async app waits by callback only, with `aadvance` for time, on its own loop."""
    ended: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    async def receive(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
        body = await reader.readexactly(length)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        writer.close()
        if parse_callback(body, verify=False).task.is_done:
            ended.set_result(body)

    server = await asyncio.start_server(receive, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    async with server, mock.async_client() as kling:
        task = await kling.text2video.create(prompt="a kitten", callback_url=url)
        await mock.clock.aadvance(600)
        assert parse_callback(await ended, verify=False).task.task_id == task.task_id

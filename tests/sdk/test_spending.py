"""What a client may spend: a ceiling of units, and a question before each purchase."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from types import NoneType
from typing import Any

import httpx
import pytest

from kling_mock import KlingMock
from kling_sdk import (
    Estimate,
    IdentifyFace,
    InvalidRequestError,
    Kling,
    OutcomeUnknownError,
    Request,
    SpendingError,
    TaskFailedError,
    TextToVideo,
    VideoExtend,
)

#: Units of one request below.
COST = Decimal("2.5")
FIELDS: dict[str, Any] = {
    "prompt": "a kitten",
    "model_name": "kling-v2-6",
    "mode": "pro",
    "duration": 5,
}
ROOM_FOR_TEN = COST * 10


@pytest.fixture
def mock() -> Iterator[KlingMock]:
    with KlingMock() as mock:
        mock.account.slots = 100
        yield mock


def created(mock: KlingMock) -> int:
    return len(mock.journal.where("POST /v1/*", status=200))


def test_a_ceiling_holds_over_threads(mock: KlingMock) -> None:
    """Fifty threads with units for ten make ten tasks, and the rest know what theirs cost."""
    with mock.client(max_units=ROOM_FOR_TEN) as kling, ThreadPoolExecutor(50) as threads:
        assert kling.estimate(TextToVideo(**FIELDS)).units == COST
        start = threading.Barrier(50)

        def create() -> Exception | None:
            start.wait()
            try:
                kling.text2video.create(**FIELDS)
            except SpendingError as error:
                return error
            return None

        errors = [error for error in threads.map(lambda _: create(), range(50)) if error]
    assert (len(errors), created(mock)) == (40, 10)
    for error in errors:
        assert isinstance(error, SpendingError)
        assert error.units == COST
        assert "text2video request costs 2.5 units, and 25.0 of max_units=25.0" in str(error)


async def test_a_ceiling_holds_over_tasks(mock: KlingMock) -> None:
    """The same for fifty tasks of one event loop."""
    async with mock.async_client(max_units=ROOM_FOR_TEN) as kling:
        creates = (kling.text2video.create(**FIELDS) for _ in range(50))
        outcomes = await asyncio.gather(*creates, return_exceptions=True)
    errors = [outcome for outcome in outcomes if isinstance(outcome, SpendingError)]
    assert (len(errors), created(mock)) == (40, 10)


def test_what_buys_nothing_costs_nothing(mock: KlingMock) -> None:
    """A refusal, and a task that an earlier create has made, also when nothing is left."""
    with mock.client(max_units=COST, check=False) as kling:
        for _ in range(3):
            with pytest.raises(InvalidRequestError):
                kling.text2video.create(**FIELDS | {"aspect_ratio": "7:1"})
        first = kling.text2video.create(**FIELDS, external_task_id="order-1")
        again = kling.text2video.create(**FIELDS, external_task_id="order-1")
        assert (again.task_id, again.reused) == (first.task_id, True)
        with pytest.raises(SpendingError):
            kling.text2video.create(**FIELDS, external_task_id="order-2")
    with mock.client(max_units=COST) as kling:
        assert kling.text2video.create(**FIELDS, external_task_id="order-1").reused
        assert not kling.text2video.create(**FIELDS).reused  # the units are still there


def test_an_unknown_outcome_keeps_its_units(mock: KlingMock) -> None:
    """It may have been paid for."""
    mock.faults.add("response-lost", "POST *")
    with mock.client(max_units=COST, look_up=False, create_deadline=1) as kling:
        with pytest.raises(OutcomeUnknownError):
            kling.text2video.create(**FIELDS)
        with pytest.raises(SpendingError):
            kling.text2video.create(**FIELDS)


def test_a_price_that_is_not_known_is_refused_below_a_ceiling(mock: KlingMock) -> None:
    """Of a model of tomorrow, a raw body, a video of unknown length; the error says what to do."""
    with mock.client(max_units=1000) as kling:
        requests: list[Any] = [
            TextToVideo(prompt="a", model_name="kling-v99"),
            {"model_name": "kling-v2-6", "prompt": "a"},
        ]
        for request in requests:
            with pytest.raises(SpendingError, match=r"with_options\(max_units=None\)") as refused:
                kling.text2video.submit(request)
            assert refused.value.units is None
        with pytest.raises(SpendingError, match="by the model and mode of the source video"):
            kling.video_extend.create(video_id="1")
        assert created(mock) == 0
        free = kling.with_options(max_units=None)
        assert free.text2video.submit({"model_name": "kling-v2-6", "prompt": "a"}).task_id


def test_clients_of_with_options_share_what_is_spent(mock: KlingMock) -> None:
    """A ceiling that is raised or lowered counts what was spent before."""
    with mock.client(max_units=COST) as kling:
        kling.text2video.create(**FIELDS)
        with pytest.raises(SpendingError):
            kling.with_options(timeout=9).text2video.create(**FIELDS)
        assert kling.with_options(max_units=2 * COST).text2video.create(**FIELDS).task_id
        with pytest.raises(SpendingError):
            kling.text2video.create(**FIELDS)


def test_a_batch_buys_nothing_above_the_ceiling(mock: KlingMock) -> None:
    """What it has bought is fetched; what it has made before is found."""
    with mock.client(max_units=2 * COST) as kling:
        kling.text2video.create(**FIELDS, external_task_id="order-9")
        requests = [TextToVideo(**FIELDS, external_task_id=f"order-{n}") for n in (1, 2, 3, 9)]
        outcomes = sorted(kling.run_many(requests, max_concurrent=1), key=lambda o: o.index)
    assert [outcome.task is not None for outcome in outcomes] == [True, False, False, True]
    assert isinstance(outcomes[1].error, SpendingError)
    assert isinstance(outcomes[2].error, SpendingError)
    assert created(mock) == 2


def test_an_exception_of_the_program_does_not_give_units_back(mock: KlingMock) -> None:
    """The server may have accepted the create that it has interrupted."""

    class TimeLimitError(Exception):
        """Of the program's task queue."""

    def interrupt(_response: httpx.Response) -> None:
        raise TimeLimitError

    with (
        httpx.Client(event_hooks={"response": [interrupt]}) as http_client,
        mock.client(max_units=2 * COST, http_client=http_client) as kling,
    ):
        for _ in range(2):
            with pytest.raises(TimeLimitError):
                kling.text2video.create(**FIELDS)
        with pytest.raises(SpendingError):
            kling.text2video.create(**FIELDS)
        assert kling.spent == 2 * COST
    assert created(mock) == 2


def test_a_failed_task_gives_its_units_back(mock: KlingMock) -> None:
    """It is not charged, as each way to look at it finds out; `spent` shows what counts."""
    mock.content.add("kitten", "fail")
    with mock.client(max_units=COST) as kling:
        assert kling.spent == 0
        for look in (
            lambda task: kling.tasks.get(task.task_id),
            kling.text2video.get,
            lambda task: next(iter(kling.wait_all([task]))),
        ):
            task = kling.text2video.create(**FIELDS)
            assert kling.spent == COST
            mock.clock.advance(1000)
            look(task)
            assert kling.spent == 0
        with pytest.raises(TaskFailedError):
            kling.text2video.run(**FIELDS)
        assert kling.spent == 0
    with mock.client() as kling:
        assert kling.spent is None


def test_a_request_waits_for_the_units_of_creates_in_flight(mock: KlingMock) -> None:
    """Eight jobs were made before; the ninth is bought, although the eight are reserved first."""
    requests = {f"job-{n}": TextToVideo(**FIELDS) for n in range(9)}
    with mock.client() as kling:
        for outcome in kling.run_many(list(requests.items())[:8]):
            assert outcome.result().is_succeed
    with mock.client(max_units=COST) as kling:
        outcomes = list(kling.run_many(requests))
        assert kling.spent == COST
    assert [outcome.error for outcome in outcomes] == [None] * 9
    assert created(mock) == 9


def test_the_spending_error_of_a_request_is_its_own(mock: KlingMock) -> None:
    """Whether its price is unknown, too high or not confirmed: the others are made."""
    answers = iter([True, False, True, True, True])
    requests = [TextToVideo(**FIELDS) for _ in range(5)]
    with mock.client(confirm=lambda _: next(answers)) as kling:
        outcomes = sorted(kling.run_many(requests, max_concurrent=1), key=lambda o: o.index)
    refused = [outcome.index for outcome in outcomes if isinstance(outcome.error, SpendingError)]
    assert (refused, created(mock)) == ([1], 4)
    with mock.client(max_units=2 * COST) as kling:
        mixed: list[Request] = [VideoExtend(video_id="1"), requests[0], requests[1]]
        outcomes = sorted(kling.run_many(mixed, max_concurrent=1), key=lambda o: o.index)
    assert [type(outcome.error) for outcome in outcomes] == [SpendingError, NoneType, NoneType]


def test_confirm_is_asked_before_anything_is_sent(mock: KlingMock) -> None:
    """It gets the estimate; its no sends nothing, and what it raises is raised."""
    estimates: list[Estimate] = []
    answers: list[bool] = [True, False]

    def confirm(estimate: Estimate) -> bool:
        estimates.append(estimate)
        return answers.pop(0)

    with mock.client(confirm=confirm, max_units=2 * COST) as kling:
        assert kling.text2video.create(**FIELDS).task_id
        with pytest.raises(SpendingError, match=r"would have cost 2\.5 units") as refused:
            kling.text2video.create(**FIELDS)
        assert refused.value.units == COST
        with pytest.raises(IndexError):
            kling.text2video.create(**FIELDS)
        assert ([estimate.units for estimate in estimates], created(mock)) == ([COST] * 3, 1)
        answers.append(True)
        assert kling.text2video.create(**FIELDS).task_id  # a no has given its units back
        with pytest.raises(SpendingError, match="max_units"):
            kling.text2video.create(**FIELDS)
        assert len(estimates) == 4  # not asked where it could not be sent


def test_a_call_without_a_task_is_asked_about_too(mock: KlingMock) -> None:
    """It is paid for as well."""
    request = IdentifyFace(video_url="https://a.example/a.mp4")
    for options in ({"confirm": lambda _: False}, {"max_units": 0}):
        with mock.client(**options) as kling, pytest.raises(SpendingError) as refused:
            kling.identify_face.submit(request)
        assert refused.value.units == kling.estimate(request).units
    assert mock.journal.where("POST *") == []


@pytest.mark.slow
def test_a_request_that_waits_for_a_slot_is_confirmed_once() -> None:
    """A batch sends it again after each 1303."""
    estimates: list[Estimate] = []

    def confirm(estimate: Estimate) -> bool:
        estimates.append(estimate)
        return True

    with KlingMock() as mock, mock.client(confirm=confirm) as kling:
        mock.account.slots = 1
        requests = [TextToVideo(**FIELDS) for _ in range(3)]
        assert all(outcome.task for outcome in kling.run_many(requests))
        assert len(mock.journal.where("POST /v1/*", code=1303)) > 0
    assert len(estimates) == 3


async def test_an_async_client_awaits_confirm(mock: KlingMock) -> None:
    """Of a create, and of each create of a batch; a plain client refuses such a function."""
    estimates: list[Estimate] = []

    async def confirm(estimate: Estimate) -> bool:
        await asyncio.sleep(0)
        estimates.append(estimate)
        return len(estimates) != 2

    async with mock.async_client(confirm=confirm) as kling:
        assert (await kling.text2video.create(**FIELDS)).task_id
        with pytest.raises(SpendingError):
            await kling.text2video.create(**FIELDS)
        requests = [TextToVideo(**FIELDS) for _ in range(3)]
        outcomes = [outcome async for outcome in kling.run_many(requests)]
    assert (len(estimates), len(outcomes)) == (5, 3)
    with pytest.raises(TypeError, match="confirm is asynchronous"):
        Kling("AK|SK", confirm=confirm)


def test_the_environment_sets_the_ceiling(mock: KlingMock, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of each client, also of a relay's; an argument wins, and a mistake is named."""
    monkeypatch.setenv("KLING_MAX_UNITS", " 2.5 ")
    for kling in (mock.client(), mock.relay_client()):
        with kling:
            assert kling.text2video.create(**FIELDS).task_id
            with pytest.raises(SpendingError):
                kling.text2video.create(**FIELDS)
    with mock.client(max_units=None) as kling:
        assert [kling.text2video.create(**FIELDS).task_id for _ in range(2)]
    for wrong in ("many", "-1", "NaN"):
        monkeypatch.setenv("KLING_MAX_UNITS", wrong)
        with pytest.raises(ValueError, match=r"KLING_MAX_UNITS is .*; it must be a number"):
            Kling("AK|SK")


def test_a_relay_is_not_bound_by_the_ceiling_of_a_program(
    mock: KlingMock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It sends what its users pay for, although it uses the client."""
    monkeypatch.setenv("KLING_MAX_UNITS", "0")
    with mock.relay_client(max_units=None) as kling:
        task = kling.text2video.create(**FIELDS)
    assert created(mock) == 1
    assert task.task_id.startswith("kling_")


@pytest.mark.parametrize("wrong", [-1, 3.5, "3", True, Decimal(-1), Decimal("NaN")])
def test_a_ceiling_is_a_number_of_units(wrong: Any) -> None:
    """A float would not be exact."""
    with pytest.raises((TypeError, ValueError), match="max_units"):
        Kling("AK|SK", max_units=wrong)
    with Kling("AK|SK") as kling, pytest.raises((TypeError, ValueError), match="max_units"):
        kling.run_many([], max_units=wrong)

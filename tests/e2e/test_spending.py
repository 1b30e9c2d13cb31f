"""A ceiling of units holds for all requests of a `run_many`, against the emulated Kling."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from kling_mock import KlingMock
from kling_sdk import NotCreatedError, RequestValidationError, TextToVideo


def requests(count: int) -> Iterator[TextToVideo]:
    for number in range(count):
        yield TextToVideo(prompt=f"kitten {number}")  # 1.5 units


def test_creating_ends_before_the_ceiling_is_passed() -> None:
    with KlingMock() as mock, mock.client() as kling:
        outcomes = sorted(
            kling.run_many(list(requests(10)), max_units=Decimal("4.6")),
            key=lambda outcome: outcome.index,
        )
        bought = mock.journal.where("POST /v1/videos/*")
        assert [outcome.error is None for outcome in outcomes] == [True] * 3 + [False] * 7
        assert {type(outcome.error) for outcome in outcomes[3:]} == {NotCreatedError}
        assert len(bought) == 3


async def test_creating_ends_before_the_ceiling_is_passed_async() -> None:
    with KlingMock() as mock:
        async with mock.async_client() as kling:
            outcomes = [outcome async for outcome in kling.run_many(list(requests(5)), max_units=3)]
        assert sum(outcome.error is None for outcome in outcomes) == 2
        assert len(mock.journal.where("POST /v1/videos/*")) == 2


def test_what_has_no_price_is_not_sent_under_a_ceiling() -> None:
    with KlingMock() as mock, mock.client() as kling:
        unknown = TextToVideo(prompt="x", model_name="kling-v9")
        outcomes = list(kling.run_many([unknown], max_units=1000))
        assert isinstance(outcomes[0].error, RequestValidationError)
        assert not mock.journal.where("POST /v1/videos/*")

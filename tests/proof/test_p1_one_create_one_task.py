"""P1: one create, one task, over a network that breaks three requests in ten.

Each proof runs over both interfaces of the vendor. Every intent has a prompt of its own, so the
server's books show what each one bought.
The checker compares the books with what the callers were told. Three naive clients, which
do what many programs do, must fail the same check: else it would prove nothing.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from typing import Any

import aiohttp
import httpx
import pytest

from kling_sdk import (
    AsyncKling,
    Kling,
    NotFoundError,
    Outcome,
    OutcomeUnknownError,
    TextToVideo,
)
from tests.proof.intents import (
    SIDES,
    Create,
    Side,
    Told,
    everybody,
    judge,
    prompts,
    show,
    with_sdk,
)
from tests.sdk.fake_kling import HonestKling
from tests.sdk.faulty_server import Fault, FaultyKling
from tests.sdk.scripted import ClockPerTask, FakeClock

pytestmark = pytest.mark.slow

RATE = 0.3


def breaking(seed: int) -> Iterator[Fault | None]:
    """Yield faults at random points for three requests in ten, before, during and after."""
    dice = random.Random(seed)  # noqa: S311 - the same faults each time
    kinds = ("unread", "torn", "accepted", "mid-reply")
    while True:
        fault = Fault(dice.choice(kinds), at=dice.random())  # type: ignore[arg-type]
        yield fault if dice.random() < RATE else None


@pytest.fixture
def server(request: pytest.FixtureRequest) -> Iterator[FaultyKling]:
    with FaultyKling(HonestKling(takes=None)) as server:
        server.plan = breaking(seed=20260921)
        yield server


@pytest.fixture(params=SIDES)
def side(request: pytest.FixtureRequest) -> Side:
    return SIDES[request.param]


async def test_two_thousand_creates_make_two_thousand_tasks(
    server: FaultyKling, side: Side
) -> None:
    """With 30 % of requests reset at random bytes, each video is bought once and none is lost."""
    started = time.monotonic()
    async with AsyncKling(side.key, base_url=server.url, clock=ClockPerTask()) as kling:
        outcomes = await everybody(with_sdk(kling, **side.extra), prompts(2000))

        verdict = judge(outcomes, server.kling)
        show(f"httpx, 32 in flight, {side.name}", verdict, server, time.monotonic() - started)
        assert verdict.is_sound
        assert verdict.tasks >= verdict.intents - verdict.unknown
        assert server.unread > 200


async def test_creates_over_aiohttp_make_one_task_each(server: FaultyKling, side: Side) -> None:
    """The promise does not depend on the HTTP library."""
    started = time.monotonic()
    async with aiohttp.ClientSession() as session:
        kling = AsyncKling(side.key, base_url=server.url, clock=ClockPerTask(), http_client=session)
        outcomes = await everybody(with_sdk(kling, **side.extra), prompts(500))

    verdict = judge(outcomes, server.kling)
    show(f"aiohttp, 32 in flight, {side.name}", verdict, server, time.monotonic() - started)
    assert verdict.is_sound


async def test_a_client_that_never_repeats_still_loses_nothing(
    server: FaultyKling, side: Side
) -> None:
    """With retries off, each answer that was lost is an error whose id finds out the truth."""
    started = time.monotonic()
    async with AsyncKling(side.key, base_url=server.url, clock=ClockPerTask(), retries=0) as kling:
        outcomes = await everybody(with_sdk(kling, **side.extra), prompts(300))

        verdict = judge(outcomes, server.kling)
        show(f"httpx, no repeats, {side.name}", verdict, server, time.monotonic() - started)
        assert verdict.is_sound
        assert verdict.unknown > 20
        server.heal()
        for word in outcomes.values():
            if word.unknown is not None:
                try:
                    task_id = (await kling.text2video.get(word.unknown)).task_id
                except NotFoundError:
                    task_id = None
                assert task_id == server.kling.by_external.get(word.unknown)


def test_creates_one_after_the_other_make_one_task_each(server: FaultyKling, side: Side) -> None:
    """The sync client keeps the same promise."""
    started, outcomes = time.monotonic(), dict[str, Told]()
    with Kling(side.key, base_url=server.url, clock=ClockPerTask()) as kling:
        for prompt in prompts(300):
            try:
                outcomes[prompt] = Told(
                    kling.text2video.create(prompt=prompt, **side.extra).task_id
                )
            except OutcomeUnknownError as error:
                outcomes[prompt] = Told(unknown=error.external_task_id)

    verdict = judge(outcomes, server.kling)
    show(f"sync httpx, {side.name}", verdict, server, time.monotonic() - started)
    assert verdict.is_sound


#: The clock moves while one create pauses, and so ages all: no deadline may end them.
PATIENT: Any = {"create_deadline": 1e9, "wait_timeout": 1e9}


def requests_of(side: Side, count: int) -> list[TextToVideo]:
    return [TextToVideo(prompt=text, **side.extra) for text in prompts(count)]


def told_by(outcomes: list[Outcome], requests: list[TextToVideo]) -> dict[str, Told]:
    """Return the outcomes of a batch for each request."""
    by_prompt = dict[str, Told]()
    for outcome in outcomes:
        unknown = outcome.error.external_task_id if outcome.error is not None else None
        task_id = outcome.task.task_id if outcome.task is not None else None
        by_prompt[requests[outcome.index].prompt or ""] = Told(task_id, unknown)
    return by_prompt


async def test_a_batch_of_an_async_client_makes_one_task_per_request(
    server: FaultyKling, side: Side
) -> None:
    """`run_many` creates at the same time, and keeps the promise for each request."""
    started, requests = time.monotonic(), requests_of(side, 500)
    server.kling.takes = 0.0
    async with AsyncKling(side.key, base_url=server.url, clock=FakeClock(), **PATIENT) as kling:
        batch = kling.run_many(requests, max_concurrent=32)
        outcomes = told_by([outcome async for outcome in batch], requests)

    verdict = judge(outcomes, server.kling)
    show(f"run_many, 32 in flight, {side.name}", verdict, server, time.monotonic() - started)
    assert verdict.is_sound
    assert verdict.tasks == verdict.intents == 500


def test_a_batch_of_a_sync_client_makes_one_task_per_request(
    server: FaultyKling, side: Side
) -> None:
    """The same, in threads."""
    started, requests = time.monotonic(), requests_of(side, 300)
    server.kling.takes = 0.0
    with Kling(side.key, base_url=server.url, clock=FakeClock(), **PATIENT) as kling:
        outcomes = told_by(list(kling.run_many(requests, max_concurrent=16)), requests)

    verdict = judge(outcomes, server.kling)
    show(f"sync run_many, 16 in flight, {side.name}", verdict, server, time.monotonic() - started)
    assert verdict.is_sound
    assert verdict.tasks == verdict.intents == 300


# ---------------------------------------------------------------- negative controls


def bodies(prompt: str, again: str) -> Iterator[dict[str, str]]:
    """Yield what a naive client sends for one intent until a reply comes."""
    yield {"prompt": prompt, "external_task_id": prompt}
    for attempt in range(8):
        if again == "as new":
            yield {"prompt": prompt, "external_task_id": f"{prompt} attempt {attempt}"}
        elif again == "without an id":
            yield {"prompt": prompt}


def naive(http: httpx.AsyncClient, server: FaultyKling, again: str) -> Create:
    """Return the create of a client that sends a lost one again otherwise, or reports failure."""

    async def create(prompt: str) -> Told:
        for body in bodies(prompt, again):
            try:
                reply = await http.post(f"{server.url}/v1/videos/text2video", json=body)
                return Told(reply.json()["data"]["task_id"])
            except httpx.HTTPError:
                continue
        return Told()

    return create


@pytest.mark.parametrize("again", ["never", "as new", "without an id"])
async def test_the_check_catches_a_naive_client(server: FaultyKling, again: str) -> None:
    """A client that gives up loses tasks, one that changes or omits the id pays twice."""
    started = time.monotonic()
    async with httpx.AsyncClient() as http:
        outcomes = await everybody(naive(http, server, again), prompts(200))

    verdict = judge(outcomes, server.kling)
    show(f"naive, sends again {again}", verdict, server, time.monotonic() - started)
    if again == "never":
        assert verdict.lost > 10
    else:
        assert verdict.duplicates > 10

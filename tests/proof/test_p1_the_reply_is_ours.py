"""P1: a create is answered with its own task, however replies get out of step.

Over both interfaces of the vendor: connections that are one reply behind, replies that do not name
their task, forks that share sockets, pages of gateways, and callers that are cancelled at every
await. Each check is tried on a naive client, which it must catch.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import random
import re
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any, Final, Literal

import aiohttp
import httpx
import httpx2
import pytest

from kling_sdk import AsyncKling, Kling, KlingAPIError, OutcomeUnknownError
from tests.proof.intents import (
    KEY,
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
from tests.sdk.fake_kling import Answer, HonestKling, answer
from tests.sdk.faulty_server import Fault, FaultyKling
from tests.sdk.scripted import ClockPerTask

RATE: Final = 0.2


def out_of_step(seed: int, *, mixed: bool = True) -> Iterator[Fault | None]:
    """Yield faults that put one connection in five one reply behind.

    *mixed* has also new connections answer with another's reply, as a proxy does whose own
    connections are out of step. Only a reply that names its task can be told apart then.
    """
    dice = random.Random(seed)  # noqa: S311 - the same faults each time
    kinds: list[Literal["mixed", "behind", "extra"]] = ["behind", "extra"]
    if mixed:
        kinds.append("mixed")
    while True:
        yield Fault(dice.choice(kinds)) if dice.random() < RATE else None


#: Statuses of gateways and firewalls that do not come from Kling; each with two bodies.
PAGES: Final = [
    (status, body)
    for status in (302, 400, 401, 402, 403, 404, 405, 407, 408, 409, 411, 413, 422, 425, 429, 451)
    for body in (b"<html>no</html>", b'{"message":"forbidden"}', b'{"code":"Denied"}', b"")
]


def pages(seed: int) -> Iterator[Fault | None]:
    """Yield pages for three requests in ten, sent before or after the request was carried out."""
    dice = random.Random(seed)  # noqa: S311 - the same faults each time
    while True:
        status, body = dice.choice(PAGES)
        kind: Literal["says", "mangled"] = dice.choice(("says", "mangled"))
        fault = Fault(kind, reply=Answer(status, body + b" " * dice.randrange(5)))
        yield fault if dice.random() < 0.3 else None


@pytest.fixture
def server() -> Iterator[FaultyKling]:
    with FaultyKling(HonestKling(takes=None)) as server:
        yield server


@pytest.fixture(params=SIDES)
def side(request: pytest.FixtureRequest) -> Side:
    return SIDES[request.param]


@asynccontextmanager
async def over(client: str, url: str, key: str, **options: Any) -> AsyncIterator[AsyncKling]:
    """Yield a client of *url* over the default connections, or over a library's own client."""
    makers: dict[str, Callable[[], AbstractAsyncContextManager[Any]]] = {
        "default": contextlib.nullcontext,
        "httpx": httpx.AsyncClient,
        "httpx2": httpx2.AsyncClient,
        "aiohttp": aiohttp.ClientSession,
    }
    async with (
        makers[client]() as http,
        AsyncKling(key, base_url=url, clock=ClockPerTask(), http_client=http, **options) as kling,
    ):
        yield kling


CLIENTS: Final = [
    "default",
    *(pytest.param(name, marks=pytest.mark.slow) for name in ("httpx", "httpx2", "aiohttp")),
]


@pytest.mark.parametrize("names", [True, False], ids=["named", "unnamed"])
@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.slow
async def test_no_create_gets_the_task_of_another(
    server: FaultyKling,
    side: Side,
    client: str,
    names: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    """Over connections that are one reply behind, each caller gets its own task or an error."""
    started = time.monotonic()
    server.kling.names = names
    server.plan = out_of_step(seed=1, mixed=names)
    async with over(client, server.url, side.key) as kling:
        outcomes = await everybody(with_sdk(kling, **side.extra), prompts(200))

    verdict = judge(outcomes, server.kling)
    show(
        f"{client}, {side.name}, out of step, names={names}",
        verdict,
        server,
        time.monotonic() - started,
    )
    assert verdict.is_sound
    assert verdict.tasks == 200


@pytest.mark.parametrize("names", [True, False], ids=["named", "unnamed"])
@pytest.mark.slow
def test_no_create_of_the_sync_client_gets_the_task_of_another(
    server: FaultyKling,
    side: Side,
    names: bool,  # noqa: FBT001 - as above
) -> None:
    """The sync client keeps the same promise."""
    started, outcomes = time.monotonic(), dict[str, Told]()
    server.kling.names = names
    server.plan = out_of_step(seed=2, mixed=names)
    with Kling(side.key, base_url=server.url, clock=ClockPerTask()) as kling:
        for prompt in prompts(300):
            try:
                outcomes[prompt] = Told(
                    kling.text2video.create(prompt=prompt, **side.extra).task_id
                )
            except OutcomeUnknownError as error:
                outcomes[prompt] = Told(unknown=error.external_task_id)

    verdict = judge(outcomes, server.kling)
    show(
        f"sync, {side.name}, out of step, names={names}",
        verdict,
        server,
        time.monotonic() - started,
    )
    assert verdict.is_sound
    assert verdict.tasks == 300


class HalfRefusing(HonestKling):
    """An account that refuses every prompt with an odd number."""

    def _create_task(self, endpoint: str, external: str | None, prompt: Any, form: Any) -> Answer:
        if int(str(prompt).split()[-1]) % 2:
            return answer(400, 1301, "the prompt is refused")
        return super()._create_task(endpoint, external, prompt, form)


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.slow
async def test_no_refusal_of_another_request_hides_a_task(
    server: FaultyKling, side: Side, client: str
) -> None:
    """A refusal names no task; one that came for another request is not believed."""
    started = time.monotonic()
    server.kling = HalfRefusing(takes=None)
    server.plan = out_of_step(seed=3, mixed=False)
    async with over(client, server.url, side.key) as kling:
        outcomes = await everybody(with_sdk(kling, **side.extra), prompts(200))

    verdict = judge(outcomes, server.kling)
    show(
        f"{client}, {side.name}, refusals out of step", verdict, server, time.monotonic() - started
    )
    assert verdict.is_sound
    assert verdict.tasks == 100


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.slow
async def test_no_page_of_a_gateway_says_that_nothing_was_created(
    server: FaultyKling, side: Side, client: str
) -> None:
    """A 4xx without an envelope proves nothing, whether it came before or after acceptance."""
    started = time.monotonic()
    server.plan = pages(seed=4)
    async with over(client, server.url, side.key) as kling:
        outcomes = await everybody(with_sdk(kling, **side.extra), prompts(250))

    verdict = judge(outcomes, server.kling)
    show(f"{client}, {side.name}, pages", verdict, server, time.monotonic() - started)
    assert verdict.is_sound
    assert verdict.tasks >= 250 - verdict.unknown


# ---------------------------------------------------------------- forks

#: Uses a client, forks, and creates in the parent and in each child at once.
FORKING: Final = Path(__file__).with_name("forking.py")


@pytest.mark.parametrize("how", ["preload", "multiprocessing"])
@pytest.mark.parametrize("client", ["sync", "async"])
@pytest.mark.slow
def test_a_fork_shares_no_connection(
    server: FaultyKling, side: Side, client: str, how: str
) -> None:
    """A client that was used before a fork gives the parent and each child their own tasks."""
    outcomes = forked(server, client, how, side)

    verdict = judge(outcomes, server.kling)
    show(f"{client}, {side.name}, {how}", verdict, server, 0.0)
    assert verdict.intents == 200
    assert verdict.is_sound
    assert verdict.tasks == 200


def forked(server: FaultyKling, client: str, how: str, side: Side) -> dict[str, Told]:
    # The first answers after the fork come when all processes have asked.
    server.breaks(*[None] * 5, *[Fault("waits")] * 10)
    done = subprocess.run(
        [
            sys.executable,
            str(FORKING),
            server.url,
            client,
            how,
            side.key,
            side.extra.get("model_name", ""),
        ],
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    )
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    return {prompt: Told(task_id) for prompt, task_id in lines}


# ---------------------------------------------------------------- cancelled


@pytest.mark.slow
async def test_a_create_that_is_cancelled_at_any_await_leaves_its_id(
    server: FaultyKling, side: Side, caplog: pytest.LogCaptureFixture
) -> None:
    """A caller that is cancelled can find out what was bought: the id is in a warning."""
    started, outcomes = time.monotonic(), dict[str, Told]()
    dice = random.Random(5)  # noqa: S311 - the same faults each time
    faults = [None, Fault("accepted"), Fault("mixed"), Fault("mangled", reply=Answer(403, b"no"))]
    async with AsyncKling(side.key, base_url=server.url, clock=ClockPerTask()) as kling:
        for number, prompt in enumerate(prompts(600)):
            server.breaks(dice.choice(faults), dice.choice(faults))
            caplog.clear()
            with caplog.at_level(logging.WARNING, "kling_sdk"):
                outcomes[prompt] = await cancelled_after(
                    with_sdk(kling, **side.extra)(prompt), number % 40
                )
            if outcomes[prompt] == Told():
                named = re.findall(r"sdk-[0-9a-f]{32}", caplog.text)
                outcomes[prompt] = Told(unknown=named[0] if named else None)

    await settled(server)
    verdict = judge(outcomes, server.kling)
    show(f"cancelled at every await, {side.name}", verdict, server, time.monotonic() - started)
    assert verdict.is_sound
    assert verdict.unknown > 100
    assert verdict.unknown < 600


async def cancelled_after(create: Any, steps: int) -> Told:
    """Cancel a create after *steps* turns of the event loop."""
    task = asyncio.ensure_future(create)
    for _ in range(steps):
        await asyncio.sleep(0)
    task.cancel()
    try:
        outcome: Told = await task
    except asyncio.CancelledError:
        return Told()
    return outcome


async def settled(server: FaultyKling) -> None:
    """Wait until the server has carried out what it had received."""
    server.heal()
    async with httpx.AsyncClient() as http:
        await http.get(f"{server.url}/v1/videos/text2video/none")


# ---------------------------------------------------------------- negative controls


def naive(http: httpx.AsyncClient, server: FaultyKling) -> Create:
    """Return the create of a client that believes every reply to be its own."""

    async def create(prompt: str) -> Told:
        body = {"prompt": prompt, "external_task_id": f"id of {prompt}"}
        for _ in range(20):
            try:
                reply = await http.post(f"{server.url}/v1/videos/text2video", json=body)
            except httpx.HTTPError:
                continue
            if reply.status_code >= 300:
                return Told()  # refused, so nothing was created
            return Told(reply.json()["data"]["task_id"])
        return Told(unknown=f"id of {prompt}")

    return create


@pytest.mark.slow
async def test_the_check_catches_a_client_that_believes_every_reply(server: FaultyKling) -> None:
    """Over a connection that is out of step it returns the tasks of other callers."""
    server.plan = out_of_step(seed=1)
    # One connection: how many faults strike a connection that is in use is then no matter of time.
    limits = httpx.Limits(max_connections=1)
    async with httpx.AsyncClient(limits=limits, timeout=None) as http:  # noqa: S113 - they queue
        outcomes = await everybody(naive(http, server), prompts(200))

    verdict = judge(outcomes, server.kling)
    show("naive, out of step", verdict, server, 0.0)
    assert verdict.mixed_up > 10


@pytest.mark.slow
async def test_the_check_catches_a_client_that_believes_every_page(server: FaultyKling) -> None:
    """It takes a gateway's 403 for a refusal, and loses what was bought."""
    server.plan = pages(seed=4)
    async with httpx.AsyncClient() as http:
        outcomes = await everybody(naive(http, server), prompts(200))

    verdict = judge(outcomes, server.kling)
    show("naive, pages", verdict, server, 0.0)
    assert verdict.lost > 5


@pytest.mark.slow
def test_the_check_catches_a_client_that_is_forked_with_its_connection(
    server: FaultyKling,
) -> None:
    """Parent and children read each other's replies from the socket that they share."""
    verdict = judge(forked(server, "naive", "preload", SIDES["v1"]), server.kling)
    show("naive, preload", verdict, server, 0.0)
    assert verdict.mixed_up + verdict.lost > 0


@pytest.mark.slow
async def test_the_check_catches_a_client_that_is_cancelled_in_silence(
    server: FaultyKling,
) -> None:
    """Without the id in a log or a note, what a cancelled call has bought is lost."""
    outcomes = dict[str, Told]()
    async with httpx.AsyncClient() as http:
        for number, prompt in enumerate(prompts(200)):
            outcomes[prompt] = await cancelled_after(naive(http, server)(prompt), number % 40)

    await settled(server)
    verdict = judge(outcomes, server.kling)
    show("naive, cancelled", verdict, server, 0.0)
    assert verdict.lost > 10


@pytest.mark.slow
def test_a_client_of_the_callers_own_is_refused_after_a_fork(server: FaultyKling) -> None:
    """It cannot be opened again, so the child is told to make its own."""
    code = f"""
import os, httpx
from kling_sdk import Kling
http = httpx.Client()
kling = Kling({KEY!r}, base_url={server.url!r}, http_client=http)
kling.text2video.create(prompt="intent 0")
if os.fork() == 0:
    try:
        kling.text2video.create(prompt="intent 1")
    except RuntimeError as error:
        os.write(1, str(error).encode())
    os._exit(0)
os.wait()
"""
    done = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, timeout=60
    )

    assert "make a new http_client" in done.stdout
    assert len(server.kling.tasks) == 1


def test_an_error_of_the_api_is_still_a_refusal(server: FaultyKling) -> None:
    """The check does not pass because nothing is ever refused: an envelope's code is."""
    server.breaks(then=Fault.code(400, 1301))
    with (
        Kling(KEY, base_url=server.url, clock=ClockPerTask()) as kling,
        pytest.raises(KlingAPIError) as caught,
    ):
        kling.text2video.create(prompt="intent 0")

    assert caught.value.is_refusal
    assert not server.kling.tasks

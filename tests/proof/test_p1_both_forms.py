"""P1, P2: clients of Kling's own API and of the relay, at one relay, over a bad network.

Half of the creates come in each form, and one id in ten comes in both. A network that loses one
answer in four must show in the control, whose client sends a lost create without an id again.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from random import Random

import httpx
import pytest

from kling_mock import KlingMock, RelaySettings
from kling_sdk import AsyncKling, TextToVideo
from tests.mock.relay.http_calls import VIDEOS

pytestmark = pytest.mark.slow

TASKS = 300
IN_BOTH = 30


class Lossy(httpx.AsyncHTTPTransport):
    """Loses one answer in four, after the server has sent it."""

    def __init__(self) -> None:
        super().__init__()
        self.lost = 0
        self._random = Random(4)  # noqa: S311 - the same losses each time

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        response = await super().handle_async_request(request)
        await response.aread()
        if self._random.random() < 0.25:
            self.lost += 1
            raise httpx.ReadError("the answer was lost", request=request)
        return httpx.Response(
            response.status_code, headers=response.headers, content=response.content
        )


@asynccontextmanager
async def relay(folder: Path) -> AsyncIterator[tuple[KlingMock, Lossy, httpx.AsyncClient]]:
    settings = RelaySettings(database=f"sqlite:///{folder / 'relay.db'}")
    transport = Lossy()
    async with (
        KlingMock(relay=settings) as mock,
        httpx.AsyncClient(transport=transport, timeout=60) as http,
    ):
        yield mock, transport, http


async def test_a_task_is_charged_once_whichever_form_created_it(tmp_path: Path) -> None:
    """300 creates, 30 of them in both forms: 300 tasks, 300 charges, none lost."""
    async with AsyncExitStack() as stack:
        mock, network, http = await stack.enter_async_context(relay(tmp_path))
        forms = [
            await stack.enter_async_context(kling)
            for kling in (
                mock.async_client(
                    api_key=mock.relay_token, base_url=mock.relay_url, http_client=http
                ),
                mock.async_relay_client(http_client=http),
            )
        ]
        work = [
            (forms[form], number)
            for number in range(TASKS)
            for form in ((0, 1) if number < IN_BOTH else (number % 2,))
        ]
        Random(1).shuffle(work)  # noqa: S311 - an order
        at_once = asyncio.Semaphore(20)

        async def order(kling: AsyncKling, number: int) -> tuple[int, str]:
            request = TextToVideo(prompt=f"kitten {number}", external_task_id=f"o-{number}")
            async with at_once:
                task = await kling.submit(request)
                done = await kling.text2video.wait(task)
            assert done.videos[0].url
            assert done.external_task_id == f"o-{number}"
            return number, done.task_id

        results = await asyncio.gather(*(order(*item) for item in work))
        assert network.lost > TASKS / 4
        assert len(set(results)) == len({task for _, task in results}) == TASKS
        charges = [entry for entry in mock.ledger.entries() if entry.kind == "charge"]
        assert sorted(entry.reference for entry in charges) == sorted({t for _, t in results})
        assert mock.ledger.user().used_quota == -sum(entry.amount for entry in charges)
        created = Counter(
            e.external_task_id for e in mock.journal if e.method == "POST" and not e.code
        )
        assert (len(created), set(created.values())) == (TASKS, {1})
        mock.ledger.assert_balanced()


async def test_a_client_that_sends_no_id_pays_twice(tmp_path: Path) -> None:
    """The control: the same network and relay, and a client that repeats what got no answer."""
    async with relay(tmp_path) as (mock, network, http):
        headers = {"Authorization": f"Bearer {mock.relay_token}"}
        for number in range(20):
            body = {"model": "kling-v1-6", "prompt": f"kitten {number}"}
            while True:
                try:
                    await http.post(
                        f"{mock.relay_url}{VIDEOS}/text2video", json=body, headers=headers
                    )
                except httpx.ReadError:
                    continue
                break
        assert network.lost > 0
        assert sum(entry.method == "POST" for entry in mock.journal) > 20

"""P2-P6: one charge per task under a storm of callbacks and polls, and after a crash.

Real sockets, a real relay on SQLite, and a naive one, which reads, charges and writes as the
guide's relay does, and which the same storm must catch.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from kling_mock import KlingMock, RelaySettings
from kling_mock.relay.storage.values import Attempt, NewTask
from tests.mock.relay.http_calls import GUIDE, PRICE, VIDEOS

pytestmark = pytest.mark.slow

TASKS, COPIES = 10, 10

Act = Callable[[str], Awaitable[None]]


async def storm(task_ids: list[str], callback: Act, poll: Act) -> None:
    """Bring each callback and each poll several times, all at once and in any order."""
    work = [act(task_id) for task_id in task_ids for act in (callback, poll) for _ in range(COPIES)]
    random.Random(1).shuffle(work)  # noqa: S311 - an order
    await asyncio.gather(*work)


class NaiveRelay:
    """Checks whether the task is done, charges, and then writes that it is done."""

    def __init__(self) -> None:
        self.done: set[str] = set()
        self.charges: Counter[str] = Counter()

    async def settle(self, task_id: str) -> None:
        is_done = task_id in self.done
        await asyncio.sleep(0)  # the database answers
        if not is_done:
            self.charges[task_id] += 1
            await asyncio.sleep(0)
            self.done.add(task_id)


async def test_a_storm_charges_every_task_once(tmp_path: Path) -> None:
    """10 tasks x 10 duplicate callbacks x 10 polls: charged 10, extra 0, lost 0."""
    async with (
        KlingMock(relay=RelaySettings(database=f"sqlite:///{tmp_path}/relay.db")) as mock,
        httpx.AsyncClient(base_url=mock.relay_url, timeout=60) as http,
    ):
        headers = {"Authorization": f"Bearer {mock.relay_token}"}
        mock.faults.add("callback-dropped")
        ids: list[str] = []
        for _ in range(TASKS):
            reply = await http.post(f"{VIDEOS}/text2video", json=GUIDE, headers=headers)
            ids.append(reply.json()["task_id"])
            await mock.acomplete(reply.json()["kling_task_id"])

        async def callback(task_id: str) -> None:
            body = {"task_id": "1", "task_status": "succeed"}
            reply = await http.post(f"/kling/callback/{task_id}", json=body)
            assert reply.status_code == 200

        async def poll(task_id: str) -> None:
            reply = await http.get(f"{VIDEOS}/{task_id}", headers=headers)
            assert reply.status_code == 200

        await storm(ids, callback, poll)
        await mock.clock.aadvance(6)
        await storm(ids, callback, poll)
        ledger = await asyncio.to_thread(mock.ledger.entries)
        charges = Counter(entry.reference for entry in ledger if entry.kind == "charge")
        assert charges == Counter(ids)
        user = await asyncio.to_thread(mock.ledger.user)
        assert (user.used_quota, user.held_quota) == (TASKS * PRICE, 0)
        await asyncio.to_thread(mock.ledger.assert_balanced)

    naive = NaiveRelay()
    await storm(ids, naive.settle, naive.settle)
    assert sum(naive.charges.values()) > TASKS  # the negative control: the same storm catches it


@pytest.mark.parametrize("sent", [False, True])
def test_a_crash_around_the_call_to_kling_is_repaired(sent: bool, tmp_path: Path) -> None:  # noqa: FBT001 - a case
    """A relay that was killed after it wrote the row finds out the task's outcome.

    If the call was never made, the hold is released; if it was, the task is found and charged.
    """
    with KlingMock(relay=RelaySettings(database=f"sqlite:///{tmp_path}/relay.db")) as mock:
        now = int(mock.clock.now())
        user = mock.ledger.user()
        (channel,) = mock._existing_relay().run(lambda storage: storage.list_channels())
        fingerprint = _fingerprint(mock)
        task = NewTask(
            task_id="kling_" + "0" * 32,
            user_id=user.id,
            request_hash="0" * 64,
            price=PRICE,
            type="text2video",
            model="kling-v1-6",
            attempt=Attempt(channel.id, fingerprint, now + 120),
        )

        async def write(storage: Any) -> Any:
            return await storage.create_task(task, now=now, next_poll_at=now + 185)

        mock._existing_relay().run(write)
        if sent:
            with mock.client() as kling:
                kling.text2video.create(prompt="x", external_task_id=task.task_id)
        assert mock.ledger.user().held_quota == PRICE
        mock.clock.advance(3600)
        after = mock.ledger.user()
        assert (after.held_quota, after.request_count) == (0, 1 if sent else 0)
        mock.ledger.assert_balanced()


def _fingerprint(mock: KlingMock) -> str:
    from kling_mock.relay.domain.credentials import parse_keys

    return parse_keys(f"{mock.access_key}|{mock.secret_key}")[0].fingerprint

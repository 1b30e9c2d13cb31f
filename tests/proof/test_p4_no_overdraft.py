"""P4: the ledger explains every balance, and no balance is overdrawn.

Over real HTTP, on SQLite, in one process; `test_p2_many_processes` does the same with four. Each
negative control is the relay with one naive transaction in place of its own.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import attrs
import httpx
import pytest

from kling_mock import KlingMock, RelaySettings
from kling_mock.relay.service.tasks import RelayService
from kling_mock.relay.storage import statements
from kling_mock.relay.storage.steps import Transaction, read, write
from kling_mock.relay.storage.transactions import lifecycle, settlement
from tests.mock.relay.http_calls import GUIDE, PRICE, VIDEOS, Caller

FULL: Final = os.environ.get("KLING_PROOF_SIZE") == "full"
AFFORDABLE: Final = 10
CREATES: Final = 1000 if FULL else 50


@attrs.frozen
class Sold:
    """The outcome of many creates at a time for a balance of `AFFORDABLE` videos."""

    answers: Counter[int]
    left: int


async def sell(mock: KlingMock) -> Sold:
    """Let one user create at once; return the answers, and what is left when all have ended."""
    async with httpx.AsyncClient(base_url=mock.relay_url, timeout=60) as http:
        operator = {"Authorization": f"Bearer {mock.admin_token}"}
        body: dict[str, Any] = {"username": "ann", "quota": AFFORDABLE * PRICE}
        path = "/__kling/relay/users"
        user = (await http.post(path, json=body, headers=operator)).json()
        token_reply = await http.post(f"{path}/{user['id']}/tokens", json={}, headers=operator)
        headers = {"Authorization": f"Bearer {token_reply.json()['token']}"}
        replies = await asyncio.gather(
            *(
                http.post(f"{VIDEOS}/text2video", json=GUIDE, headers=headers)
                for _ in range(CREATES)
            )
        )
    await mock.clock.aadvance(900)
    after = await asyncio.to_thread(mock.ledger.user, "ann")
    return Sold(Counter(reply.status_code for reply in replies), after.quota - after.held_quota)


def overdrawn(sold: Sold) -> bool:
    """The checker: whether more was sold than there was money for."""
    return sold.answers[200] > AFFORDABLE or sold.left < 0


@pytest.mark.slow
async def test_a_balance_for_ten_videos_sells_ten(tmp_path: Path) -> None:
    """However many creates come at a time, ten are accepted, and the balance is exactly used up."""
    async with KlingMock(relay=RelaySettings(database=f"sqlite:///{tmp_path}/relay.db")) as mock:
        sold = await sell(mock)
        assert sold == Sold(Counter({200: AFFORDABLE, 402: CREATES - AFFORDABLE}), 0)
        assert not overdrawn(sold)
        await asyncio.to_thread(mock.ledger.assert_balanced)


@pytest.mark.slow
async def test_the_checker_catches_check_then_write(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Negative control: with the guide's plain check, which holds nothing, all are sold."""
    plain: Callable[..., Any] = RelayService._new_task

    def unheld(self: Any, *arguments: Any) -> Any:
        return attrs.evolve(plain(self, *arguments), overdraft=True)

    monkeypatch.setattr(RelayService, "_new_task", unheld)
    async with KlingMock(relay=RelaySettings(database=f"sqlite:///{tmp_path}/relay.db")) as mock:
        sold = await sell(mock)
        assert sold.answers[200] == CREATES
        assert sold.left < 0
        assert overdrawn(sold)


# ------------------------------------------------------------ holds


@pytest.fixture
def caller() -> Iterator[Caller]:
    with (
        KlingMock(relay=RelaySettings(database="sqlite://"), seed=7) as mock,
        httpx.Client(base_url=mock.relay_url, timeout=20) as http,
    ):
        yield Caller(http, mock)


def fail_in_every_way(caller: Caller) -> None:
    """Let tasks fail at Kling, by its refusal, and because it never got them."""
    mock = caller.mock
    reply = caller.create().json()
    mock.fail(reply["kling_task_id"])
    mock.faults.add("status", "POST /v1/*", code=1301, times=1)
    assert caller.create().status_code == 400
    mock.faults.add("reset", "POST /v1/*", times=1)
    caller.created()
    mock.clock.advance(600)


def test_a_failure_leaves_nothing_held(caller: Caller) -> None:
    """However a task fails, its hold is given back."""
    before = caller.mock.ledger.user()
    fail_in_every_way(caller)
    assert caller.mock.ledger.user() == before
    caller.mock.ledger.assert_balanced()


def test_the_checker_catches_a_hold_that_leaks(
    caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Negative control: a relay that forgets the release holds money for failed tasks."""

    def forget(*_: Any) -> Transaction[None]:
        yield statements.SCHEMA_VERSION, ()

    monkeypatch.setattr(settlement, "_release", forget)
    fail_in_every_way(caller)
    assert caller.mock.ledger.user().held_quota == 3 * PRICE
    with pytest.raises(AssertionError):
        caller.mock.ledger.assert_balanced()


# ------------------------------------------------------------ rows of a migration

LEGACY: Final = "legacy_1"


def live_with_a_legacy_row(folder: Path) -> Counter[str]:
    """Meet a row of a migration, open, whose task succeeds; return the charges of each task.

    The sweeper looks for an hour, its user asks, and Kling reports it.
    """
    path = folder / "relay.db"
    with (
        KlingMock(relay=RelaySettings(database=f"sqlite:///{path}")) as mock,
        httpx.Client(base_url=mock.relay_url, timeout=20) as http,
    ):
        caller = Caller(http, mock)
        task_id = caller.created()
        with mock.client() as kling:
            old = kling.text2video.create(prompt="x", external_task_id=LEGACY).task_id
        with closing(sqlite3.connect(path, timeout=30)) as raw, raw:
            columns = [row[1] for row in raw.execute("PRAGMA table_info(videos)")][1:]
            new = {"task_id": f"'{LEGACY}'", "kling_task_id": f"'{old}'", "legacy": "1"}
            new |= {"next_poll_at": "NULL", "held_quota": "0", "external_task_id": "NULL"}
            expressions = ", ".join(new.get(name, name) for name in columns)
            raw.execute(
                f"INSERT INTO videos ({', '.join(columns)}) SELECT {expressions} FROM videos"
            )
            raw.execute("INSERT INTO old_users (number, user_id) SELECT id, id FROM users")
        mock.complete(old)
        mock.clock.advance(3600)
        assert caller.report(LEGACY).status_code == 200
        caller.query(LEGACY)
        assert caller.query(task_id)["status"] == "succeed"
        charged = Counter(
            entry.reference for entry in mock.ledger.entries() if entry.kind.value == "charge"
        )
        return Counter({"own": charged[task_id], "legacy": charged[LEGACY]})


def test_a_row_of_a_migration_is_never_charged(tmp_path: Path) -> None:
    """Neither sweeper nor query nor callback charges for a row that this relay did not create."""
    assert live_with_a_legacy_row(tmp_path) == Counter({"own": 1, "legacy": 0})


def test_the_checker_catches_a_sweeper_that_charges_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Negative control: a sweeper that takes every open row, and settles it as its own, charges."""
    due = read("""
        SELECT id, task_id, channel_id, created_at, COALESCE(next_poll_at, 0) FROM videos
        WHERE status NOT IN ('succeed', 'failed') AND COALESCE(next_poll_at, 0) <= ?
            AND (lease_until <= ? OR lease_until > ?) AND (? + ? + ? >= 0 OR id > 0) LIMIT ?""")
    claim = write("""
        UPDATE videos SET lease_until = ?
        WHERE task_id = ? AND COALESCE(next_poll_at, 0) <= ?
            AND (lease_until <= ? OR lease_until > ?)""")
    plain = lifecycle.video

    def own(task_id: str) -> Transaction[Any]:
        return attrs.evolve((yield from plain(task_id)), legacy=False)

    monkeypatch.setattr(statements, "DUE_TASKS", due)
    monkeypatch.setattr(statements, "CLAIM_DUE", claim)
    monkeypatch.setattr(settlement, "video", own)
    assert live_with_a_legacy_row(tmp_path)["legacy"] == 1

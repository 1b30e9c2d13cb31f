"""P5: every accepted task ends, also when one source of results is lost.

Many tasks over real sockets, with the time in the test's hands. Each negative control is the relay
without the source that is left.
"""

from __future__ import annotations

import os
from collections import Counter
from typing import Any, Final

import httpx
import pytest

from kling_mock import KlingMock, RelaySettings
from kling_mock.relay.service.callbacks import DONE, CallbackReceiver
from kling_mock.relay.service.sweeper import Sweeper

TASKS: Final = 100 if os.environ.get("KLING_PROOF_SIZE") == "full" else 40
LOST: Final = ("callbacks", "polls", "half of each")


def ends(lost: str, tasks: int = TASKS) -> Counter[str]:
    """Create tasks, lose *lost*, let time pass; return how they have ended."""
    with (
        KlingMock(relay=RelaySettings(database="sqlite://"), seed=3) as mock,
        mock.relay_client() as relay,
    ):
        mock.account.slots = None
        _sign(mock)
        if lost == "callbacks":
            mock.faults.add("callback-dropped")
        elif lost == "polls":
            mock.faults.add("reset", "GET /v1/*")
        else:
            mock.faults.add("callback-dropped", probability=0.5)
            mock.faults.add("reset", "GET /v1/*", probability=0.5)
        for _ in range(tasks):
            relay.text2video.create(prompt="a kitten")
        mock.clock.advance(1800)
        rows = mock._existing_relay().run(lambda storage: storage.list_tasks(1, limit=tasks))
        statuses = Counter(row.status for row in rows)
        assert mock.ledger.user().request_count == statuses["succeed"]
        mock.ledger.assert_balanced()
        return statuses


def _sign(mock: KlingMock) -> None:
    channel = {
        "name": "Kling AI",
        "base_url": mock.kling_url,
        "key": f"{mock.access_key}|{mock.secret_key}",
        "webhook_secrets": mock.account.add_webhook_secret(),
    }
    url = f"{mock.relay_url}/__kling/relay/channels/1"
    operator = {"Authorization": f"Bearer {mock.admin_token}"}
    assert httpx.put(url, json=channel, headers=operator, timeout=60).status_code == 200


@pytest.mark.parametrize("lost", LOST)
@pytest.mark.slow
def test_every_task_ends_by_the_other_way(lost: str) -> None:
    """All callbacks dropped, all polls failing, or half of each: all end, charged."""
    assert ends(lost) == Counter(succeed=TASKS)


async def _no_sweep(self: Any) -> None:
    """Look after nothing."""


async def _no_callback(self: Any, *_: Any, **__: Any) -> dict[str, str]:
    return DONE


@pytest.mark.parametrize("lost", ["callbacks", "polls"])
def test_the_checker_catches_a_relay_with_one_way_only(
    lost: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Negative control: without the sweeper, or without callbacks, the same tasks stay open."""
    if lost == "callbacks":
        monkeypatch.setattr(Sweeper, "run", _no_sweep)
    else:
        monkeypatch.setattr(CallbackReceiver, "receive", _no_callback)
    assert ends(lost, tasks=5)["succeed"] == 0

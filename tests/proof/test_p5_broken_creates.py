"""P5: a create that breaks off anywhere after its hold ends by the relay's usual ways.

Each call that a create makes after the row is written fails in turn, before it does anything or
after it has, with what a database raises, what this program would raise by mistake, and what
Python raises of its own. Then time passes. The checker looks that the row has ended, that nothing
is held, and that at most one charge was made, for a task that exists.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

import httpx
import pytest

from kling_mock import KlingMock
from kling_mock.relay.domain.channels import FailoverDecision
from kling_mock.relay.metrics.counters import Metrics
from kling_mock.relay.service import dispatch as sending
from kling_mock.relay.service.dispatch import Dispatcher
from kling_mock.relay.service.upstream import Upstream
from kling_mock.relay.storage.errors import StorageUnavailableError
from kling_mock.relay.storage.memory import MemoryStorage
from tests.mock.relay.http_calls import PRICE, Caller

pytestmark = pytest.mark.slow

DAY: Final = 24 * 3600

#: What a create calls after its row is written.
CALLS: Final[dict[str, tuple[type, str]]] = {
    "Kling": (Upstream, "create"),
    "accept": (MemoryStorage, "accept"),
    "bind": (MemoryStorage, "bind_attempt"),
    "close": (MemoryStorage, "close_attempt"),
    "schedule": (MemoryStorage, "schedule_poll"),
    "settle": (MemoryStorage, "settle"),
    "count": (Metrics, "create"),
}
ERRORS: Final[dict[str, Callable[[], Exception]]] = {
    "database away": lambda: StorageUnavailableError("gone"),
    "mistake": lambda: RuntimeError("a mistake"),
    "too deep": lambda: RecursionError("too deep"),
}
#: How Kling answers the create: it takes it, refuses it, or its answer is lost.
ANSWERS: Final[dict[str, dict[str, Any] | None]] = {
    "accepted": None,
    "refused": {"kind": "status", "code": 1301},
    "lost": {"kind": "response-lost"},
    "never arrived": {"kind": "reset"},
}


@pytest.fixture
def caller() -> Iterator[Caller]:
    with KlingMock(seed=7) as mock, httpx.Client(base_url=mock.relay_url, timeout=60) as http:
        mock.faults.add("callback-dropped")
        yield Caller(http, mock)


def break_off(
    patch: pytest.MonkeyPatch, call: str, error: Callable[[], Exception], *, done: bool, times: int
) -> None:
    """Let the first *times* runs of a call fail, before or after it has done its work."""
    owner, name = CALLS[call]
    whole, left = getattr(owner, name), [times]

    def fails() -> bool:
        left[0] -= 1
        return left[0] >= 0

    async def run(self: Any, *args: Any, **options: Any) -> Any:
        broken = fails()
        if broken and not done:
            raise error()
        result = await whole(self, *args, **options)
        if broken:
            raise error()
        return result

    def count(self: Any, *args: Any) -> None:
        if fails():
            raise error()
        whole(self, *args)

    patch.setattr(owner, name, count if call == "count" else run)


def wrong(caller: Caller) -> list[str]:
    """The checker: create, let two days pass, and return what is not as it must be."""
    status = caller.create(external_task_id="mine").status_code
    caller.mock.clock.advance(2 * DAY + 3600)
    rows = caller.call("GET", "/kling/v1/videos").json()["data"]
    user, faults = caller.mock.ledger.user(), list[str]()
    if len(rows) != 1 or rows[0]["status"] not in {"succeed", "failed"}:
        faults.append(f"{rows}: not one row that has ended")
    if user.held_quota:
        faults.append(f"{user.held_quota} held")
    exists = [row for row in rows if row["kling_task_id"]]
    if user.used_quota != PRICE * len(exists):
        faults.append(f"{user.used_quota} charged for {exists}")
    if status == 500:
        faults.append("the user gets a failure, and may pay twice")
    if not all(account.is_explained for account in caller.mock.ledger.reconcile()):
        faults.append("the ledger does not explain the balance")
    return faults


@pytest.mark.parametrize("done", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("error", ERRORS)
@pytest.mark.parametrize("call", CALLS)
def test_a_create_that_breaks_off_ends(call: str, error: str, done: bool) -> None:  # noqa: FBT001 - drawn
    """Whatever fails after the hold, and however Kling answered: row, hold and charge agree."""
    for answer in ANSWERS.values():
        for times in (1, 3):
            with (
                KlingMock(seed=7) as mock,
                httpx.Client(base_url=mock.relay_url, timeout=60) as http,
                pytest.MonkeyPatch.context() as patch,
            ):
                mock.faults.add("callback-dropped")
                if answer is not None:
                    fault = dict(answer)
                    mock.faults.add(fault.pop("kind"), "POST /v1/*", times=1, **fault)
                break_off(patch, call, ERRORS[error], done=done, times=times)
                assert wrong(Caller(http, mock)) == [], (answer, times)


def test_the_checker_catches_a_create_that_is_told_to_have_failed(
    caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Negative control: a relay that answers 500 after it has held, and perhaps sent, shows."""
    monkeypatch.setattr(Dispatcher, "send", Dispatcher._send)
    break_off(monkeypatch, "accept", ERRORS["mistake"], done=False, times=1)
    assert wrong(caller) == ["the user gets a failure, and may pay twice"]


def test_the_checker_catches_a_row_that_nobody_looks_after(
    caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Negative control: a row that no sweep is to read keeps its hold forever.

    A sweep also looks for rows that a wrong clock has put off by years, so it must not find it.
    """

    async def none(*_: object, **__: object) -> list[str]:
        return []

    monkeypatch.setattr(MemoryStorage, "list_far_tasks", none)
    monkeypatch.setattr(Dispatcher, "schedule_check", lambda *_: 2**40)
    monkeypatch.setattr(Dispatcher, "_interrupted", Dispatcher._refused)
    break_off(monkeypatch, "Kling", ERRORS["mistake"], done=False, times=1)
    assert any("held" in fault for fault in wrong(caller))


def test_the_checker_catches_a_mistake_that_is_taken_for_a_refusal(
    caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Negative control: a relay that releases the hold after a lost reply gives a video away."""
    monkeypatch.setattr(sending, "failover_decision", lambda _: FailoverDecision.REFUSED)
    caller.mock.faults.add("response-lost", "POST /v1/*", times=1)
    caller.create()
    caller.mock.clock.advance(DAY)
    assert caller.mock.ledger.user().used_quota == 0
    assert caller.mock._proxy.call(lambda world: len(world.tasks)) == 1

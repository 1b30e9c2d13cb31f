"""Worlds: nothing survives a reset, nothing is shared, and a seed decides everything."""

from __future__ import annotations

import contextlib
import copy
import os
import subprocess
import sys
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from kling_mock import KlingMock, RateLimit
from kling_mock.kling.faults.declaring import make_fault
from kling_mock.kling.model.lifecycle import IllegalTransitionError
from kling_mock.server.emulator import Emulator
from tests.mock.conftest import Api
from tests.mock.receiver import Receiver

LIST = "/v1/videos/text2video"
ROOT = Path(__file__).parents[3]
SCRIPT = """
import sys
from kling_mock import KlingMock
from tests.mock.kling.test_world import PUBLIC, story
with KlingMock(seed=5, public_url=PUBLIC) as mock:
    entries, deliveries, *rest = story(mock, sys.argv[1])
    print([tuple(entry) for entry in entries], [tuple(one) for one in deliveries], rest)
"""
PUBLIC = "http://kling.test"  # result URLs without a port, which differs from server to server


def story(mock: KlingMock, url: str) -> list[Any]:
    """Use everything once, in a fixed order; return all that can be seen."""
    api = Api(mock)
    mock.account.add_webhook_secret()
    mock.account.units = 50
    mock.account.slots = 4
    mock.accounts.add("other").rate_limit = RateLimit(1)
    mock.content.add("blood", "fail")
    mock.progress.add("after", seconds=30, prompt="slow")
    faults = [
        mock.faults.add("status", "POST *", probability=0.3),
        mock.faults.add("callback-duplicate", probability=0.5),
        mock.faults.add("callback-shuffled", probability=0.5),
        mock.faults.add("callback-contradicting", probability=0.5),
    ]
    for number in range(8):
        prompt = ("a kitten", "slow", "blood")[number % 3]
        api.create(prompt=prompt, callback_url=url, external_task_id=f"order-{number}")
        mock.clock.advance(40)
    mock.clock.advance(1000)
    api.get(LIST)
    api.get("/account/costs?start_time=0&end_time=9999999999999")
    api.http.close()
    return [
        list(mock.journal),
        list(mock.deliveries),
        [(fault.seen, fault.acted) for fault in faults],
        [mock.account.units, mock.account.open_tasks, len(mock.account.packs)],
        [mock.access_key, mock.secret_key, mock.api_key, mock.account.webhook_secrets],
        mock.clock.now(),
    ]


def test_the_same_seed_makes_the_same_journal_and_callbacks(receiver: Receiver) -> None:
    """Two servers of one seed are equal to the byte, in what they log and in what they send."""
    runs: list[Any] = []
    for seed in (5, 5, 6):
        del receiver.received[:]
        with KlingMock(seed=seed, public_url=PUBLIC) as mock:
            seen = story(mock, receiver.url)
        # Copies of one report are sent at the same time, and so are equal.
        runs.append((seen, [received.body for received in receiver.received]))
    assert runs[0] == runs[1]
    assert runs[0] != runs[2]
    assert len(runs[0][1]) > 10
    assert {entry.status for entry in runs[0][0][0]} == {200, 500}


@pytest.mark.slow
def test_another_process_tells_the_same_story(receiver: Receiver) -> None:
    """A seed means the same in every process, whatever order its sets and hashes have."""
    runs: list[Any] = []
    for hash_seed in ("1", "2"):
        del receiver.received[:]
        printed = subprocess.run(
            [sys.executable, "-c", SCRIPT, receiver.url],
            cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            check=True,
            capture_output=True,
        ).stdout
        runs.append((printed, [received.body for received in receiver.received]))
    assert runs[0] == runs[1]
    assert len(runs[0][0]) > 10_000


def test_a_reset_makes_the_story_new(receiver: Receiver) -> None:
    """The same story twice on one server, with a reset between, is the same story."""
    with KlingMock(seed=5, public_url=PUBLIC) as mock:
        first = story(mock, receiver.url)
        mock.reset()
        assert story(mock, receiver.url) == first


def test_a_busy_server_changes_nothing_for_another(receiver: Receiver) -> None:
    """What a server of the same seed does meanwhile does not change a story's outcome."""
    with KlingMock(seed=5, public_url=PUBLIC) as alone:
        undisturbed = story(alone, receiver.url)
    with KlingMock(seed=5) as other, KlingMock(seed=5, public_url=PUBLIC) as mock:
        api = Api(other)
        for number in range(8):  # the very ids that the story uses
            api.create(external_task_id=f"order-{number}", callback_url=receiver.url)
        other.clock.advance(10**6)
        other.faults.add("reset", "GET *")
        other.account.disabled = True
        other.content.add("")
        assert story(mock, receiver.url) == undisturbed
        other.reset()
        mock.reset()
        assert story(mock, receiver.url) == undisturbed
        assert len(other.journal) == 0
        api.http.close()


def global_containers() -> dict[str, Any]:
    """Return every list, dict, set and deque at the top of a loaded module, by its name."""
    return {
        f"{module.__name__}.{name}": value
        for module in tuple(sys.modules.values())
        if module.__name__.partition(".")[0] == "kling_mock"
        for name, value in vars(module).items()
        if isinstance(value, list | dict | set | deque) and not name.startswith("__")
    }


def test_no_module_keeps_state(receiver: Receiver) -> None:
    """What a server remembers is in the server: a story leaves no trace at the top of a module."""
    with KlingMock(seed=5, public_url=PUBLIC) as mock:
        story(mock, receiver.url)  # everything is loaded now
    before = {name: copy.copy(value) for name, value in global_containers().items()}
    assert "kling_mock.kling.service_codes.CODES" in before
    with KlingMock(seed=6, public_url=PUBLIC) as mock:
        story(mock, receiver.url)
    changed = {name for name, value in global_containers().items() if value != before.get(name)}
    # The text of the current second, a function of the second alone.
    assert changed <= {"kling_mock.web.replies._dates"}


def test_two_servers_share_nothing(receiver: Receiver) -> None:
    """Settings, faults, rules, deliveries and accounts of one server are not another's."""
    with KlingMock(seed=1) as first, KlingMock(seed=1) as second:
        first.account.slots = 0
        first.account.disabled = True
        first.accounts.add("other")
        first.faults.add("reset")
        first.content.add("")
        first.progress.add("stuck")
        first.callbacks.retries = ()
        first.callbacks.timeout = 1
        first.callbacks.timestamps = "real"
        first.account.add_webhook_secret()
        with second.client() as kling:
            task = kling.text2video.run(prompt="a kitten", callback_url=receiver.url)
        assert task.is_succeed
        assert (len(first.deliveries), len(second.deliveries)) == (0, 3)
        assert "webhook-id" not in receiver.received[0].headers
        assert list(second.callbacks.retries) == [10, 30, 60]
        assert [second.callbacks.timeout, second.callbacks.timestamps] == [5, "clock"]
        assert (list(second.accounts), len(second.faults), len(second.content)) == (
            ["default"],
            0,
            0,
        )


KINDS = ["status", "latency", "malformed-body", "stuck", "callback-dropped", "callback-shuffled"]


class Resetting(RuleBasedStateMachine):
    """Anything is done to a server; after a reset it has to be like a new one."""

    receiver: ClassVar[Receiver]
    fresh: ClassVar[Any]
    mock: KlingMock
    api: Api

    @initialize()
    def begin(self) -> None:
        self.mock = KlingMock(seed=9, public_url=PUBLIC).start()
        self.api = Api(self.mock)
        self.tasks: list[str] = []

    def teardown(self) -> None:
        try:
            self.reset()
        finally:
            self.api.http.close()
            self.mock.stop()

    @rule(
        prompt=st.sampled_from(["a kitten", "blood", "slow"]),
        external_id=st.sampled_from(["", "order-1", "order-2"]),
        calls=st.booleans(),
    )
    def create(self, prompt: str, external_id: str, *, calls: bool) -> None:
        more = {"callback_url": self.receiver.url} if calls else {}
        reply = self.api.create(prompt=prompt, external_task_id=external_id, **more)
        if reply.status_code == 200 and reply.content[-1:] == b"}":
            self.tasks.append(reply.json()["data"]["task_id"])

    @rule(number=st.integers(0, 5))
    def count_query(self, number: int) -> None:
        self.api.get(f"{LIST}/{self.tasks[number] if number < len(self.tasks) else number}")

    @rule(seconds=st.sampled_from([0, 2, 50, 1000, 10**6]))
    def advance(self, seconds: float) -> None:
        self.mock.clock.advance(seconds)

    @rule(number=st.integers(0, 5), well=st.booleans())
    def end(self, number: int, *, well: bool) -> None:
        if number < len(self.tasks):
            with contextlib.suppress(IllegalTransitionError):
                (self.mock.complete if well else self.mock.fail)(self.tasks[number])

    @rule(
        kind=st.sampled_from(KINDS),
        times=st.sampled_from([None, 1]),
        probability=st.sampled_from([0.5, 1.0]),
    )
    def break_something(self, kind: Any, times: int | None, probability: float) -> None:
        options: Any = {"seconds": 0} if kind == "latency" else {}
        if times is not None:
            options["times"] = times
        self.mock.faults.add(kind, "* /v1/*", probability=probability, **options)

    @rule(data=st.data())
    def set_up(self, data: st.DataObject) -> None:
        account: Any = self.mock.account
        name, value = data.draw(
            st.sampled_from(
                [
                    ("slots", 1),
                    ("units", 3),
                    ("disabled", True),
                    ("in_arrears", True),
                    ("denied", ["kling-v2-6"]),
                    ("allowed_ips", ["10.0.0.0/8"]),
                    ("slots", None),
                    ("disabled", False),
                ]
            )
        )
        setattr(account, name, value)
        account.add_webhook_secret()
        account.disable_key(account.add_api_key())

    @rule(kind=st.sampled_from(["instant", "stuck", "by-hand", "polls"]))
    def pace(self, kind: Any) -> None:
        self.mock.progress.add(kind, polls=2 if kind == "polls" else None)
        self.mock.content.add("blood", "fail" if kind == "polls" else "refuse")
        self.mock.callbacks.retries = (1,)

    @rule()
    def more_accounts(self) -> None:
        self.mock.accounts.add(f"account-{len(self.mock.accounts)}").rate_limit = RateLimit(1)
        self.mock.account.rate_limit = RateLimit(2, creates_only=True)

    @rule()
    def reset(self) -> None:
        self.mock.reset()
        self.tasks.clear()
        assert story(self.mock, self.receiver.url) == self.fresh
        self.mock.reset()


@pytest.fixture
def machine(receiver: Receiver) -> Iterator[type[Resetting]]:
    with KlingMock(seed=9, public_url=PUBLIC) as new:
        Resetting.fresh = story(new, receiver.url)
    Resetting.receiver = receiver
    yield Resetting
    del Resetting.fresh, Resetting.receiver


def run(machine: Any, phases: tuple[Phase, ...]) -> None:
    test = machine.TestCase
    test.settings = settings(
        max_examples=25,
        stateful_step_count=12,
        deadline=None,
        derandomize=True,
        database=None,
        phases=phases,
        suppress_health_check=list(HealthCheck),
    )
    test("runTest").debug()


@pytest.mark.slow
def test_after_a_reset_nobody_can_tell_the_server_from_a_new_one(machine: Any) -> None:
    """After any use, a reset makes a server like one that has just been started."""
    run(machine, tuple(Phase))


@pytest.mark.slow
def test_a_reset_that_keeps_something_is_noticed(
    machine: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that keeps a fault over a reset does not pass for a new one."""
    reset = Emulator.reset

    def forgetful(self: Emulator, seed: int | None) -> None:
        faults = list(self.world.faults)
        reset(self, seed)
        for fault in faults[:1]:
            self.world.faults.add([make_fault(fault.kind.name, "*", {"times": 1})])

    monkeypatch.setattr(Emulator, "reset", forgetful)
    with pytest.raises(AssertionError):
        run(machine, (Phase.generate,))

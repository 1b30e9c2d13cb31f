"""The breakers of one process: which channels are called, which are skipped, and for how long."""

from __future__ import annotations

import pytest

from kling_mock.relay.domain.breaker import FAILURES, FIRST_PAUSE, BreakerState
from kling_mock.relay.service.breakers import Breakers

CLOSED, OPEN, HALF_OPEN = BreakerState.CLOSED, BreakerState.OPEN, BreakerState.HALF_OPEN
#: Seconds until a call may be made of what has too many calls to answer.
FULL = 1.0
REMEMBERED = 10_000


class Scene:
    def __init__(self, max_waiting: int = 0) -> None:
        self.now = 100.0
        self.changes: list[BreakerState] = []
        self.breakers = Breakers(lambda: self.now, self.changes.append, max_waiting)

    def fail(self, key: str, times: int = FAILURES) -> None:
        for _ in range(times):
            assert self.breakers.begin(key)
            self.breakers.failed(key)


def test_who_does_not_answer_is_left_alone_and_then_probed() -> None:
    """One call is made after the pause; its reply closes the breaker, and both are reported."""
    scene = Scene()
    breakers = scene.breakers
    scene.fail("a", FAILURES - 1)
    assert (breakers.is_closed("a"), breakers.wait("a")) == (True, 0.0)
    scene.fail("a", 1)
    assert (breakers.is_closed("a"), breakers.is_pausing("a")) == (False, True)
    assert (breakers.is_admitted("a"), breakers.begin("a")) == (False, False)
    assert (breakers.wait("a"), breakers.wait("b")) == (FIRST_PAUSE, 0.0)
    assert not breakers.is_pausing("b")
    scene.now += FIRST_PAUSE - 1
    assert (breakers.wait("a"), breakers.is_pausing("a")) == (1.0, True)
    scene.now += 3
    assert (breakers.wait("a"), breakers.is_pausing("a")) == (0.0, False)
    assert breakers.begin("a")
    assert breakers.states() == {"a": HALF_OPEN}
    assert not breakers.is_pausing("a")  # soon it is known
    assert not breakers.begin("a")
    breakers.replied("a")
    assert scene.changes == [OPEN, CLOSED]
    assert breakers.states() == {}


def test_a_probe_that_shows_nothing_lets_the_next_one_try_at_once() -> None:
    """Such a probe was cancelled, or never sent."""
    scene = Scene()
    scene.fail("a")
    scene.now += FIRST_PAUSE
    assert scene.breakers.begin("a")
    scene.breakers.abandoned("a")
    assert scene.breakers.states() == {"a": OPEN}
    assert scene.breakers.wait("a") == 0.0
    assert scene.breakers.begin("a")
    assert scene.changes == [OPEN, OPEN]


@pytest.mark.parametrize("end", [Breakers.replied, Breakers.failed, Breakers.abandoned])
def test_so_many_calls_wait_for_a_reply_and_no_more(end: object) -> None:
    """Each call that ends, in any way, makes room for one; a full channel has not failed."""
    scene = Scene(max_waiting=2)
    breakers = scene.breakers
    assert [breakers.begin("a") for _ in range(3)] == [True, True, False]
    assert (breakers.is_admitted("a"), breakers.wait("a")) == (False, FULL)
    assert (breakers.is_closed("a"), breakers.is_pausing("a")) == (True, False)
    assert breakers.is_admitted("b")
    end(breakers, "a")  # type: ignore[operator]  # one of three methods
    assert breakers.wait("a") == 0.0
    assert [breakers.begin("a") for _ in range(2)] == [True, False]
    for _ in range(2):
        breakers.replied("a")
    assert not breakers._under_way  # what ends takes no memory


def test_a_pause_is_longer_than_the_wait_for_room() -> None:
    """If there are two reasons to wait, the later time counts."""
    scene = Scene(max_waiting=FAILURES + 1)
    for _ in range(FAILURES + 1):
        assert scene.breakers.begin("a")
    for _ in range(FAILURES):
        scene.breakers.failed("a")
    assert scene.breakers.wait("a") == FIRST_PAUSE


def test_without_a_limit_no_calls_are_counted() -> None:
    """This is the default, and takes no memory."""
    breakers = Breakers(lambda: 100.0, print)
    assert all(breakers.begin("a") for _ in range(1000))
    assert not breakers._under_way


def test_so_many_are_remembered_and_no_more() -> None:
    """The one that has failed first is forgotten; one that fails again takes no other's place."""
    scene = Scene()
    for number in range(REMEMBERED):
        scene.fail(str(number), 1)
    scene.fail("1", 1)
    assert len(scene.breakers.states()) == REMEMBERED
    assert "0" in scene.breakers.states()
    scene.fail("another", 1)
    assert len(scene.breakers.states()) == REMEMBERED
    assert {"0", "1", "another"} & set(scene.breakers.states()) == {"1", "another"}
    assert scene.breakers.count() == {CLOSED: REMEMBERED}

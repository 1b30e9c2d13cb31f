"""Wrong tokens: an address that guesses is slowed down, and others are not."""

from __future__ import annotations

import pytest

from kling_mock.web import access
from kling_mock.web.access import FREE, MAX_PAUSE, AccessPolicy, Damper
from kling_mock.web.errors import ApiError

HERE = {"Host": "127.0.0.1"}


class Time:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_the_pause_doubles_with_each_wrong_token() -> None:
    """The first few cost nothing; then 1, 2, 4 seconds and so on, at most a minute."""
    time = Time()
    damper = Damper(time)
    for _ in range(FREE):
        damper.wrong("192.0.2.1")
        assert damper.wait("192.0.2.1") == 0.0
    pauses: list[float] = []
    for _ in range(9):
        damper.wrong("192.0.2.1")
        pauses.append(damper.wait("192.0.2.1"))
        time.now += pauses[-1]
        assert damper.wait("192.0.2.1") == 0.0
    assert pauses == [1, 2, 4, 8, 16, 32, MAX_PAUSE, MAX_PAUSE, MAX_PAUSE]


def test_other_addresses_notice_nothing() -> None:
    """Only an IPv6 network is one address, since its owner has all of its addresses."""
    damper = Damper(Time())
    for last in range(FREE + 1):
        damper.wrong("192.0.2.1")
        damper.wrong(f"2001:db8:1:2::{last:x}")
    assert damper.wait("192.0.2.1") > 0
    assert damper.wait("::ffff:192.0.2.1") > 0
    assert damper.wait("2001:db8:1:2:ffff::1") > 0
    for other in ("192.0.2.2", "2001:db8:1:3::1", None, "no address"):
        assert damper.wait(other) == 0.0


def test_time_forgives() -> None:
    """An address starts again after a while."""
    time = Time()
    damper = Damper(time)
    for _ in range(FREE + 3):
        damper.wrong("192.0.2.1")
    time.now += 601
    damper.wrong("192.0.2.1")
    assert damper.wait("192.0.2.1") == 0.0


def test_addresses_do_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """The one whose last wrong token is the longest ago is forgotten."""
    monkeypatch.setattr(access, "_REMEMBERED", 3)
    damper = Damper(Time())
    for number in range(50):
        damper.wrong("192.0.2.99")
        damper.wrong(f"192.0.2.{number}")
        assert len(damper._wrong) <= 3
    assert damper.wait("192.0.2.99") > 0


def refusal(policy: AccessPolicy, peer: str, token: str) -> tuple[int, str]:
    """Return status and code of the refusal; (200, "") if the call is let through."""
    try:
        policy.check(peer, HERE | ({"Authorization": f"Bearer {token}"} if token else {}))
    except ApiError as error:
        return error.status, error.headers.get("Retry-After", "")
    return 200, ""


def test_during_a_pause_wrong_tokens_wait_and_the_right_one_does_not() -> None:
    """Behind a proxy the operator and Prometheus share their address with a guesser."""
    time = Time()
    policy = AccessPolicy("remote", "right", damper=Damper(time))
    for _ in range(50):
        assert refusal(policy, "192.0.2.1", "") == (401, "")  # a missing token is not a wrong one
    for _ in range(FREE + 1):
        assert refusal(policy, "192.0.2.1", "wrong") == (401, "")
    assert refusal(policy, "192.0.2.1", "right") == (200, "")
    assert refusal(policy, "192.0.2.1", "wrong") == (429, "1")
    assert refusal(policy, "192.0.2.2", "wrong") == (401, "")
    time.now += 1
    assert refusal(policy, "192.0.2.1", "wrong") == (401, "")


def test_this_computer_alone_is_not_damped() -> None:
    """Other computers cannot call a local server, so they cannot guess either."""
    policy = AccessPolicy("local", "right")
    for _ in range(50):
        assert refusal(policy, "127.0.0.1", "wrong") == (401, "")
    assert refusal(policy, "127.0.0.1", "right") == (200, "")

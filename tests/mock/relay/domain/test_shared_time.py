"""The time that processes share: what it follows, and when it can be trusted."""

from __future__ import annotations

import pytest

from kling_mock.relay.domain.shared_time import (
    INTERVAL,
    LIMIT,
    ClockFault,
    ClockReading,
    ClockStatus,
    Peers,
    SharedTime,
)

NOW = 1_700_000_000.0
DAY = 86_400.0
DIFFERS, JUMPED, APART = ClockFault.DIFFERS, ClockFault.JUMPED, ClockFault.APART


def reading(
    seconds: float, *, wall: float = 0.0, database: float | None = 0.0, node: str = "db1"
) -> ClockReading:
    """Return a reading so many *seconds* after the first; clocks are as far ahead as given."""
    own = None if database is None else NOW + seconds + database
    return ClockReading(NOW + seconds + wall, 50.0 + seconds, own, node)


def after(*readings: ClockReading) -> SharedTime:
    known = SharedTime.begin(readings[0])
    for clock_reading in readings[1:]:
        known = known.after(clock_reading)
    return known


def seen(known: SharedTime, seconds: float, *, wall: float = 0.0) -> ClockStatus:
    return known.status(NOW + seconds + wall, 50.0 + seconds)


def now(known: SharedTime, seconds: float) -> float:
    """Return how far ahead of the true time the shared one is."""
    return known.now(50.0 + seconds) - NOW - seconds


@pytest.mark.parametrize("wall", [0.0, 5.0, -LIMIT, 25 * 3600.0, -2 * 3600.0])
def test_the_databases_time_is_the_shared_one(wall: float) -> None:
    """This computer's clock does not matter."""
    known = after(reading(0, wall=wall))
    assert now(known, 0) == now(known, 59) == 0.0
    assert seen(known, 59, wall=wall).ahead == wall


@pytest.mark.parametrize(
    ("wall", "fault"),
    [
        (0.0, None),
        (LIMIT, None),
        (-LIMIT, None),
        (LIMIT + 1, DIFFERS),
        (-LIMIT - 1, DIFFERS),
        (25 * 3600.0, DIFFERS),
    ],
)
def test_clocks_agree_within_a_minute(wall: float, fault: ClockFault | None) -> None:
    """The limit applies to both directions."""
    assert seen(after(reading(0, wall=wall)), 30, wall=wall).fault is fault


def test_a_wall_clock_that_jumps_is_noticed_before_the_next_reading() -> None:
    """If one of two clocks that agreed moves, the shared time does not."""
    known = after(reading(0))
    assert seen(known, 1, wall=DAY) == ClockStatus(DIFFERS, DAY, 0.0)
    assert now(known, 1) == 0.0
    assert seen(known, 2).fault is None  # it is back


def test_a_clock_that_is_set_right_agrees_at_once() -> None:
    """One that was wrong from the start, too."""
    known = after(reading(0, wall=DAY))
    assert seen(known, 30, wall=DAY).fault is DIFFERS
    assert seen(known, 31).fault is None
    assert seen(known.after(reading(60)), 61).fault is None


def test_a_database_that_jumps_is_followed_and_not_trusted() -> None:
    """All processes follow it, so that they agree; tasks do not fail by it until it is back."""
    jumped = after(reading(0), reading(60, database=DAY))
    assert now(jumped, 61) == DAY
    assert seen(jumped, 61).fault is DIFFERS
    on_one_computer = after(reading(0), reading(60, wall=DAY, database=DAY))
    assert seen(on_one_computer, 61, wall=DAY) == ClockStatus(JUMPED, 0.0, DAY)
    for_long = on_one_computer.after(reading(3600, wall=DAY, database=DAY))
    assert seen(for_long, 3601, wall=DAY).fault is JUMPED
    back = for_long.after(reading(3660))
    assert seen(back, 3661) == ClockStatus(None, 0.0, 0.0)
    assert now(back, 3661) == 0.0


def test_slow_differences_are_followed() -> None:
    """Clocks that drift against the monotonic one, a little at each reading, do not jump."""
    readings = [reading(60.0 * turn, wall=turn * 10.0, database=turn * 10.0) for turn in range(20)]
    known = after(*readings)
    assert seen(known, 60.0 * 19, wall=190.0) == ClockStatus(None, 0.0, 0.0)


def test_without_a_database_the_time_begins_at_the_wall_clock() -> None:
    """It follows the wall clock at each reading, as long as that does not jump."""
    known = after(reading(0, wall=7.0, database=None))
    assert now(known, 0) == 7.0
    assert seen(known, 0, wall=7.0) == ClockStatus(None, 0.0, 0.0)
    assert now(known.after(reading(60, wall=9.0, database=None)), 61) == 9.0


@pytest.mark.parametrize("jump", [DAY, -DAY, LIMIT + 1])
def test_without_a_database_a_jump_moves_nothing(jump: float) -> None:
    """The time goes on by the monotonic clock, and is not trusted until the wall clock is back."""
    known = after(reading(0, database=None))
    assert seen(known, 1, wall=jump) == ClockStatus(JUMPED, jump, 0.0)
    known = known.after(reading(60, wall=jump, database=None))
    assert now(known, 61) == 0.0
    assert seen(known, 61, wall=jump).fault is JUMPED
    known = known.after(reading(120, database=None))
    assert seen(known, 121) == ClockStatus(None, 0.0, 0.0)


@pytest.mark.parametrize(("seconds", "agrees"), [(60.0, True), (60.5, False)])
@pytest.mark.parametrize("sign", [1, -1])
def test_a_minute_is_the_limit_of_everything(seconds: float, sign: int, *, agrees: bool) -> None:
    """It applies to clocks that differ, to jumps, without a database, and to the interval."""
    ahead = sign * seconds
    assert (seen(after(reading(0)), 1, wall=ahead).fault is None) is agrees
    alone = after(reading(0, database=None))
    assert (seen(alone, 1, wall=ahead).fault is None) is agrees
    moved = after(reading(0), reading(60, wall=ahead, database=ahead))
    assert (seen(moved, 61, wall=ahead).fault is None) is agrees
    assert INTERVAL == LIMIT == 60.0


def test_a_status_of_clocks_that_agree_is_all_zero() -> None:
    assert ClockStatus(None) == ClockStatus(None, 0.0, 0.0)


def test_the_faults_are_words_of_health_and_metrics() -> None:
    """Alert rules ask for them."""
    assert [fault.value for fault in ClockFault] == ["unread", "differs", "jumped", "apart"]


# ------------------------------------------------------------ several servers of a database


def test_after_a_failover_the_new_servers_time_is_followed() -> None:
    """Clocks that differ by less than a minute are not a fault: nothing has jumped."""
    known = after(reading(0), reading(30, database=59.0, node="db2"))
    assert now(known, 31) == 59.0
    assert seen(known, 31, wall=59.0) == ClockStatus(None, 0.0, 0.0, 59.0)


@pytest.mark.parametrize("sign", [1, -1])
def test_servers_whose_clocks_do_not_agree_are_a_fault(sign: int) -> None:
    """This holds also where this computer's clock agrees with the one in use."""
    ahead = sign * (LIMIT + 1)
    known = after(reading(0), reading(30, wall=ahead, database=ahead, node="db2"))
    assert seen(known, 31, wall=ahead) == ClockStatus(APART, 0.0, 0.0, ahead)
    back = known.after(reading(60, wall=ahead))
    assert seen(back, 61, wall=0.0) == ClockStatus(APART, 0.0, 0.0, -ahead)


def test_of_several_the_one_that_differs_most_is_named() -> None:
    known = after(
        reading(0, node="db2", database=-70.0), reading(10, node="db3", database=90.0), reading(20)
    )
    assert seen(known, 21) == ClockStatus(APART, 0.0, 0.0, -90.0)


def test_a_server_that_was_set_right_is_no_fault_any_more() -> None:
    """Once it is read again, or has not been read for three minutes."""
    wrong = reading(0, database=DAY, node="db2")
    known = after(wrong, reading(60))
    assert seen(known, 61).fault is APART
    # Read again it has jumped, as any clock that is set; a day ago it was trusted.
    assert seen(after(wrong, *(reading(60.0 * n) for n in (1, 2, 3))), 181).fault is APART
    assert seen(after(wrong, *(reading(60.0 * n) for n in (1, 2, 3, 4))), 241).fault is None


def test_a_jump_is_one_of_the_same_server() -> None:
    """Its last trusted reading is remembered while another one is used."""
    known = after(reading(0), reading(60, node="db2"), reading(120, wall=DAY, database=DAY))
    assert seen(known, 121, wall=DAY).fault is JUMPED
    assert seen(known, 121, wall=DAY).jumped == DAY


# ---------------------------------------------------------------- other processes of a SQLite file


def test_a_process_that_lives_by_another_clock_is_seen() -> None:
    """It is seen once it has written again; until then it is not known whether it lives."""
    peers = Peers()
    peers.meet({"other": (7, int(NOW))}, NOW + DAY, 0.0)
    assert (peers.apart, peers.is_open) == (0.0, True)
    peers.meet({"other": (7, int(NOW))}, NOW + DAY + 50, 50.0)
    assert (peers.apart, peers.is_open) == (0.0, True)
    peers.meet({"other": (8, int(NOW) + 60)}, NOW + DAY + 61, 61.0)
    assert (peers.apart, peers.is_open) == (DAY + 1, False)
    peers.meet({"other": (9, int(NOW + DAY) + 130)}, NOW + DAY + 130, 130.0)  # it was set
    assert (peers.apart, peers.is_open) == (0.0, False)


@pytest.mark.parametrize("at", [-DAY, DAY])
def test_a_process_that_has_ended_says_nothing(at: float) -> None:
    """Its last sign of life is of its own past, or of a clock that was wrong."""
    peers = Peers()
    peers.meet({"other": (7, int(NOW + at))}, NOW, 0.0)
    assert peers.is_open
    peers.meet({"other": (7, int(NOW + at))}, NOW + 103, 103.0)
    assert (peers.apart, peers.is_open) == (0.0, False)
    peers.meet({}, NOW + 163, 163.0)
    assert (peers.apart, peers.is_open) == (0.0, False)


def test_a_process_with_the_same_time_is_no_fault() -> None:
    """Its last sign is up to a minute old."""
    peers = Peers()
    for passed in (0, 61, 122):
        peers.meet({"other": (passed, int(NOW) + passed - 59)}, NOW + passed, float(passed))
        assert (peers.apart, peers.is_open) == (0.0, False)


def test_without_a_database_a_clock_that_was_ahead_is_followed_back() -> None:
    """After it has stayed there for a minute, as when NTP sets it after the start; never ahead."""
    known = after(reading(0, wall=DAY, database=None), reading(61, database=None))
    assert seen(known, 61).fault is JUMPED
    known = known.after(reading(122, database=None))
    assert seen(known, 122) == ClockStatus(None, 0.0, 0.0)
    assert now(known, 122) == 0.0
    ahead = [reading(at, wall=DAY, database=None) for at in (61, 122)]
    assert seen(after(reading(0, database=None), *ahead), 122, wall=DAY).fault is JUMPED

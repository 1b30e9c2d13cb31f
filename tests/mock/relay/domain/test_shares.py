"""Work that takes turns: a user with much to do does not keep others waiting."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from kling_mock.relay.domain.shares import Path, Shares

Item = tuple[str, str]


def path_of(item: Item) -> Path:
    return item


def test_a_backlog_of_one_leaves_room_for_the_others() -> None:
    """200 are due for A's dead receiver, and one for B's: B's begins at once."""
    shares = Shares(16, (8, 4))
    dead: list[Item] = [("A", "dead")] * 200
    chosen = shares.choose([*dead, ("B", "alive")], path_of)
    assert Counter(chosen) == {("A", "dead"): 4, ("B", "alive"): 1}
    assert shares.choose(dead, path_of) == []
    assert shares.choose([("A", "other")], path_of) == [("A", "other")]
    shares.end(("A", "dead"))
    assert shares.choose(dead, path_of) == [("A", "dead")]


def test_many_receivers_of_one_user_are_one_user() -> None:
    """A user who invents a host for each webhook does not get more turns."""
    shares = Shares(100, (8, 4))
    hosts: list[Item] = [("A", f"host-{number}") for number in range(200)]
    assert len(shares.choose(hosts, path_of)) == 8


def test_places_go_round() -> None:
    """If places are few, each user gets one before any user gets a second one."""
    shares = Shares(5, (9, 9))
    waiting: list[Item] = [("A", "1")] * 9 + [("A", "2")] * 9 + [("B", "1")] * 9 + [("C", "1")]
    assert Counter(user for user, _ in shares.choose(waiting, path_of)) == {"A": 2, "B": 2, "C": 1}
    assert shares.is_full
    for path in (("A", "1"), ("B", "1"), ("C", "1")):
        shares.end(path)
    # The user with the fewest under way comes first.
    assert shares.choose([("A", "1"), ("B", "1"), ("D", "1")], path_of) == [
        ("D", "1"),
        ("A", "1"),
        ("B", "1"),
    ]


def test_the_order_of_one_owner_stays() -> None:
    """What has been due for longest begins first."""
    numbered = [(number, ("A", "1")) for number in range(10)]
    chosen = Shares(9, (9, 3)).choose(numbered, lambda pair: pair[1])
    assert [number for number, _ in chosen] == [0, 1, 2]


def test_what_has_ended_leaves_nothing_behind() -> None:
    """Owners come and go; a count of 0 takes no memory."""
    shares = Shares(9, (9, 9))
    for number in range(100):
        (path,) = shares.choose([(str(number), "x")], path_of)
        assert shares.under_way() == shares.under_way(path) == 1
        shares.end(path)
    assert not shares._active


ITEMS = st.lists(st.tuples(st.sampled_from("ABCDE"), st.sampled_from("xyz")), max_size=60)


@given(ITEMS, ITEMS, st.integers(1, 12), st.integers(1, 6), st.integers(1, 4))
def test_no_limit_is_exceeded_and_no_place_left_empty(
    first: list[Item], second: list[Item], total: int, of_user: int, of_receiver: int
) -> None:
    """Work is left behind only without room, whatever was started before."""
    shares = Shares(total, (of_user, of_receiver))
    chosen = shares.choose(first, path_of)
    chosen += shares.choose(second, path_of)
    users, receivers = Counter(user for user, _ in chosen), Counter(chosen)
    assert len(chosen) <= total
    assert max(users.values(), default=0) <= of_user
    assert max(receivers.values(), default=0) <= of_receiver
    left = Counter(first) + Counter(second) - receivers
    for item in left:
        full = len(chosen) == total or users[item[0]] == of_user or receivers[item] == of_receiver
        assert full


@given(ITEMS.filter(bool), st.integers(1, 12))
def test_nobody_with_work_gets_less_than_a_turn(waiting: list[Item], total: int) -> None:
    """While there are places, every user has one."""
    users = {user for user, _ in waiting}
    chosen = Shares(total, (60, 60)).choose(waiting, path_of)
    counts = Counter(user for user, _ in chosen)
    assert len(counts) == min(len(users), total)
    waits = Counter(user for user, _ in waiting)
    for user in users:
        for other in users:
            assert counts[user] + 1 >= min(counts[other], waits[user])

"""The order in which servers are tried."""

from __future__ import annotations

from kling_mock.relay.storage.adapters.hosts import PUT_OFF, HostOrder


def test_the_order_of_the_url_is_kept() -> None:
    """So all processes use the same server."""
    assert HostOrder(3).at(0.0) == [0, 1, 2]


def test_one_that_could_not_be_used_is_tried_last_for_a_while() -> None:
    """Then first again."""
    order = HostOrder(3)
    order.put_off(0, 100.0)
    assert order.at(100.0) == order.at(100.0 + PUT_OFF - 0.1) == [1, 2, 0]
    assert order.at(100.0 + PUT_OFF) == [0, 1, 2]


def test_if_none_could_be_used_each_is_tried() -> None:
    """The order is that of the URL."""
    order = HostOrder(3)
    for host in (2, 0, 1):
        order.put_off(host, 5.0)
    assert order.at(5.0) == [0, 1, 2]
    order.put_off(0, 14.0)
    assert order.at(15.0) == [1, 2, 0]

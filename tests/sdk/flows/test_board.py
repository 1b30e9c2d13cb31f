"""The choice of the wait that reads the list for several waits."""

from __future__ import annotations

from kling_sdk.flows.board import ENOUGH, LOST_AFTER, Board, Waiting

PLACE = "/v1/a"


def board_of(count: int) -> tuple[Board, list[Waiting]]:
    board, waits = Board(), [Waiting(str(number)) for number in range(count)]
    for wait in waits:
        board.join(PLACE, wait)
    return board, waits


def test_the_numbers_are() -> None:
    """Four waits make a page cheaper; a reader is lost after two minutes."""
    assert (ENOUGH, LOST_AFTER) == (4, 120.0)


def test_a_list_that_cannot_be_read_is_avoided_for_a_time() -> None:
    """Up to the moment that was said; other lists are read."""
    board, _ = board_of(4)
    board.avoid(PLACE, 10.0)
    assert not board.is_worth_a_page(PLACE, 9.9)
    assert board.is_worth_a_page(PLACE, 10.0)
    board.avoid("/v1/b", 99.0)
    assert board.is_worth_a_page(PLACE, 11.0)


def test_one_wait_reads_at_a_time() -> None:
    """It may claim again; another may when it has released, or left."""
    board, (first, second, *_) = board_of(4)
    assert board.claim(PLACE, first, 0.0)
    assert board.claim(PLACE, first, 1.0)
    assert not board.claim(PLACE, second, 1.0)
    board.release(PLACE, second)  # it does not read
    assert not board.claim(PLACE, second, 1.0)
    board.release(PLACE, first)
    assert board.claim(PLACE, second, 1.0)
    board.leave(PLACE, second)
    assert board.claim(PLACE, first, 1.0)
    assert board.claim("/v1/b", second, 1.0)


def test_a_reader_that_is_lost_is_replaced() -> None:
    """Its thread may be in another process; it is given two minutes from its claim."""
    board, (first, second, third, _) = board_of(4)
    assert board.claim(PLACE, first, 10.0)
    assert not board.claim(PLACE, second, 130.0)
    assert board.claim(PLACE, second, 130.1)
    assert not board.claim(PLACE, first, 130.1)
    assert not board.claim(PLACE, third, 250.1)
    assert board.claim(PLACE, third, 250.2)


def test_who_has_left_does_not_count() -> None:
    """It counts neither as a wait nor as a reader."""
    board, waits = board_of(4)
    assert set(board.waits(PLACE)) == set(waits)
    board.leave(PLACE, waits[0])
    assert set(board.waits(PLACE)) == set(waits[1:])
    assert not board.is_worth_a_page(PLACE, 0.0)
    assert board.waits("/v1/b") == []
    board.release("/v1/b", waits[0])  # no wait reads there

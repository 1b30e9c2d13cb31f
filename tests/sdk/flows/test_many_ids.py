"""The ids of a batch: whose task an outcome has, names instead of ids, and what is found again."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import attrs
import pytest

from kling_sdk import (
    Kling,
    NotCreatedError,
    Outcome,
    RequestValidationError,
    TextToVideo,
    TransportError,
    VideoRequest,
    external_id_for,
)
from kling_sdk.flows.many import RunLimits
from tests.sdk.batches import creates, errors, requests
from tests.sdk.scripted import Played, Scene
from tests.sdk.simulated import run, watch

CAT = TextToVideo(prompt="a cat", external_task_id="shot-1")
CAT_WITHOUT_ID = TextToVideo(prompt="a cat")
DOG = TextToVideo(prompt="a dog", external_task_id="shot-1")


def in_order(played: Played[Any]) -> list[Outcome]:
    return sorted(played.items, key=lambda outcome: outcome.index)


def reused(played: Played[Any]) -> list[bool]:
    return [outcome.task.reused for outcome in in_order(played) if outcome.task is not None]


def one_unit(limit: int, slots: int = 4) -> RunLimits:
    return RunLimits(slots, max_units=Decimal(limit), cost_of=lambda _: Decimal(1))


def test_each_outcome_says_whether_its_own_request_made_the_task() -> None:
    """One request twice under one id is one task, which only one of the two has made."""
    scene = Scene()
    played = run(scene, [CAT, CAT])
    assert sorted(reused(played)) == [False, True]
    assert len(scene.kling.tasks) == 1

    task = scene.existing(1)[0]
    waited = watch(scene, [task, attrs.evolve(task, reused=True), task.task_id])
    assert reused(waited) == [False, True, False]


def test_two_requests_of_a_list_under_one_id_are_refused_before_anything_is_sent() -> None:
    """Kling would return the same video for both, and not say so."""
    with Kling(api_key="key", base_url="http://127.0.0.1:9") as kling:
        for batch in ([CAT, DOG], {"a": CAT, "b": DOG}):
            with pytest.raises(RequestValidationError, match="request 1 is also that of request 0"):
                kling.run_many(batch)
        with pytest.raises(RequestValidationError, match="1 to 180 characters"):
            kling.run_many({"": TextToVideo(prompt="a")})


def test_of_an_iterator_the_second_request_under_an_id_ends_alone() -> None:
    """Its input is not known beforehand; the same request again is found, as in a list."""
    scene = Scene()
    played = run(scene, iter([CAT, DOG, CAT, TextToVideo(prompt="a bird")]))
    kinds = [type(error) for error in errors(played)]
    assert kinds == [type(None), RequestValidationError, type(None), type(None)]
    assert len(scene.kling.tasks) == 2


def named() -> Iterator[tuple[str, VideoRequest]]:
    yield from zip(("first", "second"), requests(2), strict=True)


@pytest.mark.parametrize("batch", [dict(named()), list(named()), named()])
def test_a_batch_with_names_is_started_again_as_it_is(batch: Any) -> None:
    """Each outcome has the name, and the id is made of name and request."""
    scene = Scene()
    outcomes = in_order(run(scene, batch))
    assert [outcome.name for outcome in outcomes] == ["first", "second"]
    ids = [outcome.task.external_task_id for outcome in outcomes if outcome.task]
    assert ids == [external_id_for(request, name) for name, request in named()]

    again = run(scene, dict(named()))
    assert (reused(again), len(scene.kling.tasks)) == ([True, True], 2)


def test_an_id_of_its_own_counts_more_than_a_name() -> None:
    """A caller that has already made the id need not change it."""
    (outcome,) = run(Scene(), {"name": CAT}).items
    assert (outcome.name, outcome.task.external_task_id) == ("name", "shot-1")


@pytest.mark.parametrize("entry", ["text", ("name", "text"), (CAT, "name"), ("a", CAT, CAT), None])
def test_what_is_neither_a_request_nor_a_pair_is_refused(entry: Any) -> None:
    """The error says what it must be."""
    with (
        Kling(api_key="key", base_url="http://127.0.0.1:9") as kling,
        pytest.raises(TypeError, match="pairs of a name and a Request"),
    ):
        kling.run_many([entry])


# ---------------------------------------------------------------- a ceiling of units


@pytest.mark.parametrize("limit", [0, 3, 9])
def test_what_an_earlier_run_has_bought_costs_a_ceiling_nothing(limit: int) -> None:
    """Ten paid tasks, started again with fewer units than they cost: all ten come back."""
    scene = Scene()
    batch = {f"job-{number}": request for number, request in enumerate(requests(10))}
    run(scene, batch)

    again = run(scene, batch, limits=one_unit(limit))

    assert errors(again) == [None] * 10
    assert reused(again) == [True] * 10
    assert len(scene.kling.tasks) == 10


def test_a_spent_ceiling_bounds_no_number_of_requests() -> None:
    """Each of a large restarted batch is looked up, however many there are."""
    batch = {f"job-{number}": CAT_WITHOUT_ID for number in range(1_100)}

    played = run(Scene(), batch, limits=one_unit(0))

    assert played.is_complete(1_100)
    assert creates(played) == 0


def test_beyond_the_ceiling_nothing_is_bought_and_only_what_exists_is_found() -> None:
    """Found ones leave the units to new ones, and each refusal is true."""
    scene = Scene()
    old = {f"old-{number}": request for number, request in enumerate(requests(3))}
    run(scene, old)
    new = {f"new-{number}": TextToVideo(prompt=f"dog {number}") for number in range(4)}

    played = run(scene, {**new, **old}, limits=one_unit(2))

    outcomes = {outcome.name: outcome.error for outcome in played.items}
    refused = {name: error for name, error in outcomes.items() if error is not None}
    assert sorted(refused) == ["new-2", "new-3"]
    assert len(scene.kling.tasks) == 5
    for error in refused.values():
        assert isinstance(error, NotCreatedError)
        assert str(error).startswith("nothing was created for this request: request 2 costs")


def test_a_batch_that_is_called_off_asks_for_no_more() -> None:
    """Its outcomes come at once, and say what is not known."""
    scene = Scene()
    batch = {f"job-{number}": request for number, request in enumerate(requests(30))}
    limits = RunLimits(4, timeout=5.0, max_units=Decimal(0), cost_of=lambda _: Decimal(1))

    played = run(scene, batch, limits=limits, takes=lambda _effect: 2.0)

    texts = [str(error) for error in errors(played)]
    assert len(texts) == 30
    assert all(text.startswith(("nothing was created", "this call created")) for text in texts)
    assert sum("whether an earlier call did" in text for text in texts) >= 5
    assert scene.clock.monotonic() < 10


def test_looking_up_what_exists_ends_with_the_batch() -> None:
    """A server that does not answer does not hold it for the time of a call."""
    scene = Scene()
    batch = {f"job-{number}": request for number, request in enumerate(requests(3))}
    limits = RunLimits(4, timeout=5.0, max_units=Decimal(0), cost_of=lambda _: Decimal(1))

    played = run(scene, batch, lambda _effect: TransportError("reset"), limits)

    assert played.is_complete(3)
    assert scene.clock.monotonic() <= 5.0


def test_nothing_was_created_is_said_only_where_it_is_known() -> None:
    """A batch that stops for another reason has not asked what an earlier one did."""
    scene = Scene()
    played = run(scene, [CAT, TextToVideo(prompt="a bird")], limits=RunLimits(timeout=0.0))
    own, other = (str(error) for error in errors(played))
    assert own == (
        "this call created nothing for this request: the timeout of 0 s has expired; "
        "get('shot-1') shows whether an earlier call did"
    )
    assert other == "nothing was created for this request: the timeout of 0 s has expired"
    assert creates(played) == 0

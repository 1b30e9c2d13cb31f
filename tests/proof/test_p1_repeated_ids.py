"""P1: one id, one task, and it is yours, also when a batch has the id several times.

Batches of either interface, in which ids repeat, over a network that loses requests and replies.
A batch that does not compare its requests must fail the same check: else it would prove nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

import pytest

from kling_sdk import OutcomeUnknownError, RequestValidationError, TextToVideo, VideoRequest
from kling_sdk.flows import Send, batch_input
from kling_sdk.wire import Reply
from tests.sdk.batches import LOST
from tests.sdk.scripted import Played, Scene, reply_of
from tests.sdk.simulated import run

pytestmark = pytest.mark.slow

SEEDS = 60
REQUESTS = 12


def dice(seed: int) -> Random:
    return Random(seed)  # noqa: S311 - the same storm each time


def storm(scene: Scene, requests: list[VideoRequest], random: Random) -> Played[None]:
    """Return the results of a batch in which three of ten calls are lost, in either direction."""

    def respond(effect: Send) -> Reply | Exception:
        luck = random.random()
        if luck < 0.15:
            return LOST
        reply = reply_of(scene.kling, effect)
        return LOST if luck < 0.3 else reply

    requests_of = iter(requests)
    return run(scene, requests_of, respond, takes=lambda _: random.random(), with_tasks=True)


def mixed_up(scene: Scene, requests: list[VideoRequest], played: Played[None]) -> Iterator[str]:
    """Yield each outcome that shows another request's task."""
    for outcome in played.items:
        prompt = requests[outcome.index].parameters()["prompt"]
        if outcome.error is None and scene.kling.tasks[outcome.task.task_id]["prompt"] != prompt:
            yield f"{prompt} got the video of another request"


def batch(random: Random, model: str, *, prompts: int = 1) -> list[VideoRequest]:
    """Return requests with four ids; *prompts* says how many different ones an id may have."""
    requests: list[VideoRequest] = []
    for _ in range(REQUESTS):
        name = f"job-{random.randrange(4)}"
        prompt = f"a kitten of {name}, {random.randrange(prompts)}"
        requests.append(TextToVideo(prompt=prompt, model_name=model, external_task_id=name))
    return requests


@pytest.mark.parametrize("model", ["kling-v2-6", "kling-3.0"])
def test_a_repeated_id_is_one_task_in_any_storm(model: str) -> None:
    """Nothing twice, nothing lost, nothing mixed up; what is not known says how to find out."""
    bought = 0
    for seed in range(SEEDS):
        random, scene = dice(seed), Scene()
        requests = batch(random, model)
        played = storm(scene, requests, random)
        assert len(played.items) == REQUESTS
        assert list(mixed_up(scene, requests, played)) == []
        for outcome in played.items:
            if outcome.error is not None:
                assert isinstance(outcome.error, OutcomeUnknownError)
                assert outcome.error.external_task_id in scene.kling.by_external
        assert len(scene.kling.tasks) == len({request.external_task_id for request in requests})
        bought += len(scene.kling.tasks)
    assert bought > 3 * SEEDS


def test_another_request_under_an_id_gets_no_video_of_the_first() -> None:
    """It is refused by name."""
    refused = 0
    for seed in range(SEEDS):
        random, scene = dice(seed), Scene()
        requests = batch(random, "kling-v2-6", prompts=2)
        played = storm(scene, requests, random)
        assert list(mixed_up(scene, requests, played)) == []
        refused += sum(
            isinstance(outcome.error, RequestValidationError) for outcome in played.items
        )
    assert refused > SEEDS


def test_a_batch_that_compares_nothing_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The negative control."""
    monkeypatch.setattr(batch_input, "_check", lambda _job, _users: None)
    random, scene = dice(0), Scene()
    requests = batch(random, "kling-v2-6", prompts=2)
    assert list(mixed_up(scene, requests, storm(scene, requests, random))) != []

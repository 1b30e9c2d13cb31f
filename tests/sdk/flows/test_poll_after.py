"""Pauses of a wait that an emulator shortens: only it, only pauses, and never below a minimum."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs
import pytest

from kling_sdk import Kling, Task, TextToVideo, TransportError, UnreachableError
from kling_sdk.flows import Emit, Next, Spawn
from kling_sdk.flows.context import Context
from kling_sdk.flows.look import Look
from kling_sdk.flows.many import wait_many
from kling_sdk.flows.wait import wait
from kling_sdk.flows.watch import Watch
from kling_sdk.text.scalars import instant
from kling_sdk.wire import Reply
from kling_sdk.wire.messages import MIN_POLL_AFTER, POLL_AFTER, poll_after
from tests.sdk.fake_kling import answer
from tests.sdk.flows.test_wait import DONE, NEW, task_reply
from tests.sdk.scripted import FakeClock, Played, Scene, context, in_turn, play, reply, reply_of
from tests.sdk.simulated import Simulation

LOOKS = (task_reply("submitted"), task_reply("processing"), task_reply("processing"), DONE)


def asking(response: Reply, value: str = "80") -> Reply:
    """Return a reply with the emulator's header."""
    return response._replace(headers={**response.headers, POLL_AFTER: value})


def real(clock: FakeClock, **options: Any) -> Context:
    """Return what flows of a client get whose clock is the computer's."""
    return attrs.evolve(context(clock, **options), is_real_time=True)


def waited(
    respond: Callable[[Any], Reply | Exception], ctx: Context, clock: FakeClock
) -> Played[Task]:
    task = attrs.evolve(NEW, created_at=instant(clock.now * 1000))
    return play(wait(ctx, TextToVideo.record, task), clock, respond)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("80", 0.08),
        ("10", 0.01),
        ("9", MIN_POLL_AFTER),
        ("0", MIN_POLL_AFTER),
        ("999999999", 999_999.999),
        ("", None),
        ("-1", None),
        ("1e3", None),
        ("0.5", None),
        (" 80", None),
        ("٣", None),
        ("9" * 10, None),
    ],
)
def test_the_header_is_a_whole_number_of_milliseconds(value: str, seconds: float | None) -> None:
    """Only ASCII digits count; anything else is ignored, and 10 ms is the minimum."""
    assert poll_after({POLL_AFTER: value}) == seconds
    assert poll_after({}) is None


def test_a_wait_asks_again_when_the_emulator_says() -> None:
    """The pause runs from the reply that asks for it; the create bounds the first poll."""
    clock = FakeClock()
    ctx = real(clock)
    played = waited(in_turn([asking(response) for response in LOOKS]), ctx, clock)
    assert played.result.is_succeed
    assert played.pauses == pytest.approx([30.0, 0.08, 0.08, 0.08])
    again = waited(in_turn([asking(response) for response in LOOKS]), ctx, clock)
    assert again.pauses == pytest.approx([0.08] * 4)


def test_it_makes_no_pause_longer() -> None:
    """This holds for any value of the header."""
    clock = FakeClock()
    played = waited(
        in_turn([asking(response, "999999999") for response in LOOKS]), real(clock), clock
    )
    plain = FakeClock()
    assert played.pauses == waited(in_turn(LOOKS), real(plain), plain).pauses


def test_a_server_cannot_make_a_wait_spin() -> None:
    """10 ms is the least."""
    clock = FakeClock()
    played = waited(in_turn([asking(response, "0") for response in LOOKS]), real(clock), clock)
    assert played.pauses[1:] == pytest.approx([0.01] * 3)


def test_a_client_with_a_clock_of_its_own_does_not_listen() -> None:
    """Its clock is the emulator's, and as fast; or a test's, which knows better."""
    clock, plain = FakeClock(), FakeClock()
    played = waited(in_turn([asking(response) for response in LOOKS]), context(clock), clock)
    assert played.pauses == waited(in_turn(LOOKS), context(plain), plain).pauses


def test_the_clock_of_a_client_decides() -> None:
    """None means the computer's clock."""
    for clock, is_real in ((None, True), (FakeClock(), False)):
        with Kling(api_key="k", clock=clock) as kling:
            assert kling._settings.ctx.is_real_time is is_real


def test_what_a_refusal_asks_for_is_kept() -> None:
    """`Retry-After` is longer, and counts."""
    clock = FakeClock()
    busy = asking(reply(answer(503, 5001, "busy", retry_after="40")))
    played = waited(in_turn([busy, asking(DONE)]), real(clock), clock)
    assert played.pauses == pytest.approx([30.0, 40.0])


def test_it_holds_until_the_server_is_gone() -> None:
    """A lost response or one without the header does not change it; an unreachable server does."""
    clock = FakeClock()
    lost, gone = TransportError("reset"), UnreachableError("refused", maybe_sent=False)
    replies: list[Reply | Exception] = [
        asking(task_reply("processing")),
        lost,
        task_reply("processing"),
        gone,
        DONE,
    ]
    played = waited(in_turn(replies), real(clock), clock)
    assert played.pauses[1:4] == pytest.approx([0.08] * 3)
    assert played.pauses[4] > 3


def test_tasks_that_are_watched_together() -> None:
    """Their polls follow each other as fast, up to the deadline."""
    clock = FakeClock()
    watch = Watch(real(clock))
    watch.ctx.server.poll_after = 0.08
    watch.add(0, NEW, 600.0)
    assert watch.next_look() == pytest.approx(0.08)
    watch.finish_look(Look(0.0, requests=3, retry_after=5.0))
    assert watch.next_look() == 5.0
    watch.finish_look(Look(0.0, requests=3))
    assert watch.next_look() == pytest.approx(0.08)
    clock.now += 599.5
    watch.finish_look(Look(0.0))
    assert watch.next_look() == pytest.approx(599.58)
    clock.now += 0.45
    watch.finish_look(Look(0.0))
    assert watch.next_look() == pytest.approx(600.03)


def hurried(scene: Scene) -> Simulation:
    """Return what plays flows against the scene's account, whose replies have the header."""
    return Simulation(scene.clock, lambda effect: asking(reply_of(scene.kling, effect)))


def test_a_batch_is_over_soon() -> None:
    """Its last poll comes a pause after the end of its last task."""
    scene = Scene()
    scene.kling.takes = 32.0
    played = hurried(scene).play(wait_many(real(scene.clock), scene.existing(6)))
    assert all(outcome.task.is_succeed for outcome in played.items)
    assert 32 <= scene.clock.monotonic() <= 32.2


def test_waits_that_share_their_looks_are_over_soon() -> None:
    """What another wait has seen counts only if it is as new as one's own look would be."""
    scene = Scene()
    scene.kling.takes = 32.0
    ctx, tasks = real(scene.clock), scene.existing(8)

    def all_at_once() -> Any:
        for task in tasks:
            yield Spawn(task.task_id, wait(ctx, TextToVideo.record, task))
        for _ in tasks:
            yield Emit((yield Next(None)))

    played = hurried(scene).play(all_at_once())
    assert all(ended.value.is_succeed for ended in played.items)
    assert 32 <= scene.clock.monotonic() <= 32.2

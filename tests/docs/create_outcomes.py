"""Creates that end in every way, for the table of their outcomes in docs/client.md."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import attrs
import pytest

from kling_sdk import (
    OutcomeUnknownError,
    Task,
    TextToVideo,
    TransportError,
    UnreachableError,
)
from kling_sdk.auth import Keyring
from kling_sdk.endpoints.raw import RawRequest
from kling_sdk.flows import Send
from kling_sdk.flows.create import create
from kling_sdk.wire import Reply
from kling_sdk.wire.relay import RelayWire
from tests.sdk.fake_kling import HonestKling, answer
from tests.sdk.fake_relay import IN_PROGRESS, FakeRelay
from tests.sdk.scripted import FakeClock, context, play, reply, reply_of

REQUEST: Final = TextToVideo(prompt="a kitten", external_task_id="order-1")

Server = HonestKling | FakeRelay
#: The fate of one request, given a function that carries it out and returns the reply.
Act = Callable[[Callable[[], Reply]], Reply | Exception]


@attrs.frozen
class Ended:
    """The outcome of a create.

    Attributes:
        task: The task that the caller got, or None.
        error: What was raised, or None.
        bought: Tasks that this create has made.
    """

    task: Task | None
    error: BaseException | None
    bought: int


# ---------------------------------------------------------------- what happens


def ok(honest: Callable[[], Reply]) -> Reply:
    return honest()


def not_sent(_: Callable[[], Reply]) -> Exception:
    return TransportError("refused", maybe_sent=False)


def lost(_: Callable[[], Reply]) -> Exception:
    return TransportError("reset")


def lost_after(honest: Callable[[], Reply]) -> Exception:
    honest()
    return TransportError("reset")


def says(answered: Reply | Exception, *, after: bool = False) -> Act:
    """Answer with something else, after the request was carried out or instead."""

    def act(honest: Callable[[], Reply]) -> Reply | Exception:
        if after:
            honest()
        return answered

    return act


def code(http: int, code: int) -> Act:
    return says(reply(answer(http, code, "no")))


PAGE_403: Final = Reply(403, {"content-type": "text/html"}, b"<html>blocked</html>")
ANOTHERS: Final = reply(
    answer(
        200,
        0,
        "SUCCEED",
        {
            "task_id": "666",
            "task_status": "submitted",
            "task_info": {"external_task_id": "another"},
        },
    )
)
REDIRECT: Final = Reply(307, {"location": "https://other.test/"}, b"")
UNREACHABLE: Final = says(UnreachableError("cannot connect", maybe_sent=False))
EXISTS: Final = says(reply(answer(400, 1201, "External_task_id order-1 already exists")))
NOT_FOUND: Final = says(reply(answer(400, 1201, "Task not found by id/external id: order-1")))


def run(
    server: Server,
    *posts: Act,
    then: Act = ok,
    looks: Act = ok,
    request: Any = REQUEST,
    keys: Keyring | None = None,
    **options: Any,
) -> Ended:
    """Create with *posts* in turn, then *then* forever; *looks* are the outcomes of look-ups."""
    clock, left, before = FakeClock(), iter(posts), len(server.tasks)

    def respond(effect: Send) -> Reply | Exception:
        act = looks if effect.call.method == "GET" else next(left, then)
        if isinstance(server, FakeRelay):
            return act(lambda: server.reply_to(effect))
        return act(lambda: reply_of(server, effect))

    ctx = context(clock, keys=keys, **options)
    if isinstance(server, FakeRelay):
        ctx = attrs.evolve(ctx, wire=RelayWire())
    played = play(create(ctx, request), clock, respond)
    return Ended(played.value, played.error, len(server.tasks) - before)


def kling(*posts: Act, **more: Any) -> Callable[[], Ended]:
    return lambda: run(HonestKling(names=more.pop("names", True)), *posts, **more)


def relay(*posts: Act, **more: Any) -> Callable[[], Ended]:
    return lambda: run(FakeRelay(), *posts, **more)


def used_before(endpoint: str = "text2video", **options: Any) -> Callable[[], Ended]:
    """Create under an id that an earlier create has used."""

    def ended() -> Ended:
        server = HonestKling()
        body = {"external_task_id": "order-1"}
        server.answer("POST", f"/v1/videos/{endpoint}", {}, {}, body)
        outcome = run(server, **options)
        assert outcome.task is None or outcome.task.reused
        return outcome

    return ended


def repeated_on_a_relay(*posts: Act, request: Any = REQUEST) -> Ended:
    """Create under an id that a relay knows of an earlier create."""
    server = FakeRelay()
    run(server)
    return run(server, *posts, request=request)


def in_progress() -> Ended:
    """Create while a relay is still sending the same create: the task is there all the time."""
    server = FakeRelay()
    run(server)
    outcome = run(server, then=says(IN_PROGRESS))
    return attrs.evolve(outcome, bought=outcome.bought + 1)  # by the first create


def accepted_late(*posts: Act) -> Ended:
    """Create; then the server carries out a request whose reply was given up."""
    server = HonestKling()
    outcome = run(server, *posts)
    body = {"external_task_id": "order-1"}
    server.answer("POST", "/v1/videos/text2video", {}, {}, body)
    return attrs.evolve(outcome, bought=len(server.tasks))


def interrupted(*, accepted: bool) -> Callable[[], Ended]:
    def ended() -> Ended:
        server, clock = HonestKling(), FakeClock()
        flow = create(context(clock), REQUEST)
        effect = flow.send(None)
        assert isinstance(effect, Send)
        if accepted:
            reply_of(server, effect)
        with pytest.raises(KeyboardInterrupt) as caught:
            flow.throw(KeyboardInterrupt())
        assert "order-1" in caught.value.__notes__[0]
        return Ended(None, caught.value, len(server.tasks))

    return ended


def without_an_id(*, done: bool) -> Callable[[], Ended]:
    """Create at an endpoint that takes no external id."""

    def ended() -> Ended:
        record = attrs.evolve(TextToVideo.record, takes_external_id=False)
        bought: list[object] = []

        def respond(effect: Send) -> Exception:
            bought.extend([effect] * done)
            return TransportError("reset")

        clock = FakeClock()
        flow = create(context(clock), RawRequest(record, {"prompt": "a kitten"}))
        played = play(flow, clock, respond)
        assert isinstance(played.error, OutcomeUnknownError)
        assert played.error.external_task_id == ""
        return Ended(None, played.error, len(bought))

    return ended

"""A response that is not about the requested task does not count."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Final

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kling_sdk import (
    Kling,
    NotFoundError,
    Task,
    TextToVideo,
    TransportError,
    UnreachableError,
    WaitTimeoutError,
)
from kling_sdk.errors import MismatchedReplyError, UnnamedReplyError
from kling_sdk.flows import Send
from kling_sdk.flows.core import repeat
from kling_sdk.flows.identity import ExpectedTask, Server
from kling_sdk.flows.wait import wait
from kling_sdk.wire import Reply
from tests.sdk.clients import CLIENTS, over
from tests.sdk.fake_kling import HonestKling, answer
from tests.sdk.faulty_server import Fault, FaultyKling
from tests.sdk.scripted import FakeClock, Scene, context, play, reply, reply_of
from tests.sdk.simulated import watch

IDS: Final = st.sampled_from(["1", "2", "order-1", "order-2"])
MAYBE: Final = st.none() | IDS


def naive_named_by(expected: ExpectedTask, task: Task) -> bool | None:
    """Return what a client that checks nothing takes a reply for."""
    return True


def rule_holds(
    named_by: Callable[[ExpectedTask, Task], bool | None], expected: ExpectedTask, task: Task
) -> bool:
    """Return whether the verdict is what the ids say, by the words of the promise."""
    verdict = named_by(expected, task)
    if expected.either is not None:
        ours = expected.either in {task.task_id, task.external_task_id, task.kling_task_id}
        return verdict is (True if ours else False if task.external_task_id else None)
    known = [
        (expected_id, got)
        for expected_id, got in (
            (expected.task_id, task.task_id),
            (expected.external_task_id, task.external_task_id),
        )
        if expected_id is not None and got
    ]
    if any(expected_id != got for expected_id, got in known):
        return verdict is False
    return verdict is (True if known else None)


@given(
    expected=st.builds(ExpectedTask, task_id=MAYBE, external_task_id=MAYBE)
    | st.builds(ExpectedTask, either=IDS),
    task=st.builds(Task, task_id=IDS, status=st.just("succeed"), external_task_id=MAYBE),
)
def test_a_task_is_ours_when_an_id_agrees_and_none_differs(
    expected: ExpectedTask, task: Task
) -> None:
    """One id that differs makes it another's; without a common id the owner is not known."""
    assert rule_holds(ExpectedTask.named_by, expected, task)


def test_the_rule_catches_a_client_that_takes_every_reply() -> None:
    """The check above fails for code that compares nothing."""
    another = Task("2", "succeed", external_task_id="order-2")
    assert not rule_holds(naive_named_by, ExpectedTask(task_id="1"), another)
    assert not rule_holds(naive_named_by, ExpectedTask(external_task_id="order-1"), another)
    assert not rule_holds(naive_named_by, ExpectedTask(either="order-1"), another)


@pytest.mark.parametrize(("fresh", "matched"), [(True, False), (False, True)])
def test_a_reply_that_names_nothing_needs_a_connection_of_its_own(
    fresh: bool,  # noqa: FBT001 - a parameter of the test
    matched: bool,  # noqa: FBT001 - as above
) -> None:
    """Over a used connection it may be the reply to an earlier request."""
    task = Task("1", "succeed")
    with pytest.raises(UnnamedReplyError):
        ExpectedTask(either="order-1").check(task, Reply(200, {}, b""))

    assert (
        ExpectedTask(either="order-1").check(task, Reply(200, {}, b"", "", fresh, matched)) is task
    )


# ---------------------------------------------------------------- single polls


def other(task_id: str = "666", external: str | None = "strange") -> Reply:
    """Return a response that shows the finished task of another caller."""
    data: dict[str, Any] = {
        "task_id": task_id,
        "task_status": "succeed",
        "task_result": {"videos": [{"id": "v", "url": "https://cdn.test/not-ours.mp4"}]},
    }
    if external is not None:
        data["task_info"] = {"external_task_id": external}
    return reply(answer(200, 0, "SUCCEED", data))


@pytest.mark.parametrize("external", ["strange", None])
def test_a_wait_never_returns_the_task_of_another(external: str | None) -> None:
    """A poll that shows another task has failed; the wait continues for its own."""
    scene = Scene()
    (task,) = scene.existing(1)
    replies = iter([other(external=external)] * 5)
    ctx = context(scene.clock)

    played = play(
        wait(ctx, TextToVideo.record, task),
        scene.clock,
        lambda effect: next(replies, None) or reply_of(scene.kling, effect),
    )

    assert played.result.task_id == task.task_id
    assert len(played.sent) == 6


def test_a_wait_that_is_shown_only_others_times_out() -> None:
    """Nothing that is about another task ends it, however often it comes."""
    clock = FakeClock()
    played = play(
        wait(context(clock), TextToVideo.record, Task("1", "submitted")), clock, lambda _: other()
    )

    assert isinstance(played.error, WaitTimeoutError)
    assert played.error.task.task_id == "1"


def test_waiting_for_many_never_gives_one_the_video_of_another() -> None:
    """A query that shows another task is a failed poll; no result is put under our id."""
    scene = Scene()
    tasks = scene.existing(3)
    confused = iter([other()] * 4)

    def respond(effect: Send) -> Reply:
        return next(confused, None) or reply_of(scene.kling, effect)

    played = watch(scene, tasks, respond)

    assert played.is_complete(3)
    assert {outcome.result().task_id for outcome in played.items} == {
        task.task_id for task in tasks
    }
    assert not any(
        "not-ours" in video.url for outcome in played.items for video in outcome.result().videos
    )


def test_a_look_up_by_external_id_that_names_none_is_asked_again_on_a_new_connection() -> None:
    """The second reply cannot have been waiting there; it is taken."""
    clock, kling = FakeClock(), HonestKling(names=False)
    kling.answer("POST", "/v1/videos/text2video", {}, {}, {"external_task_id": "order-1"})
    ctx = context(clock)
    look = ExpectedTask(either="order-1")
    flow = repeat(
        ctx,
        ctx.wire.get(TextToVideo.record, "order-1")[0],
        lambda got: look.check(ctx.wire.task(got, TextToVideo.record), got),
    )

    played = play(flow, clock, lambda effect: reply_of(kling, effect))

    assert played.result.task_id == next(iter(kling.tasks))
    assert [send.fresh for send in played.sends] == [False, True]


def test_a_task_that_is_not_found_on_a_used_connection_is_asked_for_again() -> None:
    """A caller that is told that a task is missing may buy it again, so the client makes sure."""
    clock, kling = FakeClock(), HonestKling()
    kling.answer("POST", "/v1/videos/text2video", {}, {}, {"external_task_id": "order-1"})
    stale = reply(answer(400, 1201, "Task not found by id/external id: another"))
    replies = iter([stale])
    ctx = context(clock)
    look = ExpectedTask(either="order-1")
    flow = repeat(
        ctx,
        ctx.wire.get(TextToVideo.record, "order-1")[0],
        lambda got: look.check(ctx.wire.task(got, TextToVideo.record), got),
    )

    played = play(flow, clock, lambda effect: next(replies, None) or reply_of(kling, effect))

    assert played.result.external_task_id == "order-1"


# ---------------------------------------------------------------- connections


@pytest.mark.parametrize("kind", ["mixed", "behind", "extra"])
@pytest.mark.parametrize("client", CLIENTS)
def test_a_connection_that_is_out_of_step_is_closed(client: str, kind: Any) -> None:
    """After the reply that showed it, nothing else is read from it, and each poll is right."""
    with FaultyKling(HonestKling(takes=None)) as server:
        for number in (1, 2):
            body = {"external_task_id": f"order-{number}"}
            server.kling.answer("POST", "/v1/videos/text2video", {}, {}, body)

        server.breaks(None, Fault(kind))

        orders = over(client, _looks(client), server.url, FakeClock())

    assert orders == ORDERS
    assert server.connections > 1


ORDERS: Final = ["order-1", "order-2", "order-1", "order-2", "order-1"]


def _looks(client: str) -> Callable[[Any], Any]:
    def looks(kling: Any) -> list[str]:
        return [kling.text2video.get(name).external_task_id for name in ORDERS]

    async def looks_awaited(kling: Any) -> list[str]:
        return [(await kling.text2video.get(name)).external_task_id for name in ORDERS]

    return looks_awaited if client.startswith("async") else looks


# ---------------------------------------------------------------- x-request-id


class Relay:
    """A relay in the process that answers a look-up, with any `x-request-id`."""

    def __init__(self, echo: Callable[[str], str | None]) -> None:
        self.echo = echo
        self.ids: list[str] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        sent = request.headers["x-request-id"]
        self.ids.append(sent)
        echoed_id = self.echo(sent)
        headers = {} if echoed_id is None else {"x-request-id": echoed_id}
        body = {"task_id": "kling_1", "status": "submitted", "kling_task_id": "9"}
        return httpx.Response(200, headers=headers, content=json.dumps(body))


@pytest.mark.parametrize("echo", [lambda sent: sent, lambda _: None], ids=["repeated", "absent"])
def test_a_relay_may_repeat_the_request_id_or_leave_it_out(
    echo: Callable[[str], str | None],
) -> None:
    """Each attempt has an id of its own."""
    relay = Relay(echo)
    with httpx.Client(transport=httpx.MockTransport(relay)) as http:
        kling = Kling.relay("http://relay.test", "sk-1", http_client=http)
        assert kling.text2video.get("order-1").task_id == "kling_1"
        assert kling.text2video.get("order-1").task_id == "kling_1"

    assert len(set(relay.ids)) == len(relay.ids) >= 2


def test_a_reply_with_another_request_id_is_no_answer() -> None:
    """It belongs to another request, or a proxy replaces the header; the error says both."""
    relay = Relay(lambda _: "another")
    with httpx.Client(transport=httpx.MockTransport(relay)) as http:
        kling = Kling.relay("http://relay.test", "sk-1", http_client=http, retries=0)
        with pytest.raises(TransportError, match="x-request-id") as caught:
            kling.text2video.get("order-1")

    assert isinstance(caught.value, MismatchedReplyError)


def test_kling_itself_is_sent_no_request_id() -> None:
    """The vendor documents no such header."""
    seen: list[httpx.Request] = []

    def kling(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(400, content=b'{"code":1201,"message":"Task not found by id: 1"}')

    with httpx.Client(transport=httpx.MockTransport(kling)) as http, pytest.raises(NotFoundError):
        Kling("AK|SK", http_client=http).text2video.get("1")

    assert all("x-request-id" not in request.headers for request in seen)


@pytest.mark.parametrize(
    ("status", "answered"),
    [(200, True), (299, True), (300, False), (399, False), (400, True), (503, True)],
)
def test_any_reply_but_a_redirect_is_an_answer(*, status: int, answered: bool) -> None:
    """Whatever the response is, the server was reached."""
    server = Server()
    server.failed(UnreachableError("no such host"))
    server.replied(Reply(status, {}, b""))
    assert server.answered is answered
    assert server.trouble is None


@pytest.mark.parametrize(
    ("error", "reached", "trouble"),
    [
        (TransportError("reset"), True, False),
        (TransportError("refused", maybe_sent=False), False, False),
        (UnreachableError("HTTP 302 redirects", maybe_sent=True), False, True),
        (UnreachableError("no such host", maybe_sent=False), False, True),
    ],
)
def test_a_request_that_was_sent_reached_the_server(
    *, error: TransportError, reached: bool, trouble: bool
) -> None:
    """The exception is an address that belongs to another server."""
    server = Server()
    server.failed(error)
    assert (server.reached, server.answered) == (reached, False)
    assert (server.trouble is error) is trouble
    server.failed(TransportError("reset"))
    assert server.reached
    assert server.trouble is None

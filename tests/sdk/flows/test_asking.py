"""The places where a task is asked for, their order, and the proof that it is not known."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import attrs
import pytest

from kling_sdk import (
    ENDPOINTS,
    AuthenticationError,
    KlingAPIError,
    NotFoundError,
    ServerError,
    Task,
    TextToVideo,
    TransportError,
)
from kling_sdk.flows import Context, Send, repeat
from kling_sdk.flows.asking import TASKS, find_anywhere, find_task, read_task
from kling_sdk.flows.core import WRONG_ADDRESS, ask
from kling_sdk.flows.identity import ExpectedTask
from kling_sdk.wire import Reply
from kling_sdk.wire.relay import RelayWire
from tests.endpoints import MAKERS
from tests.sdk.fake_kling import answer
from tests.sdk.scripted import FakeClock, Played, context, in_turn, play, reply

RECORD = TextToVideo.record
MISSING = reply(answer(400, 1201, "Task not found by id/external id: 7"))
NOBODY = reply(answer(200, 0, "SUCCEED", []))
AT_TASKS = reply(answer(200, 0, "SUCCEED", [{"id": "7", "status": "submitted"}]))
AT_V1 = reply(answer(200, 0, "SUCCEED", {"task_id": "7", "task_status": "submitted"}))
REFUSED = reply(answer(403, 1103, "not for you"))
BROKE = reply(answer(401, 1002, "no"))
BUSY = reply(answer(503, 5001, "busy"))
PAGE = Reply(404, {"content-type": "text/html"}, b"<html>")
LOST = TransportError("reset")
PLACES = [ENDPOINTS[name].path for name in MAKERS if ENDPOINTS[name].solution is None]


def once(ctx: Context) -> Any:
    return partial(ask, ctx, until=1e9)


def find(
    answers: Callable[[Any], Reply | Exception], *, with_tasks: bool = True, again: bool = False
) -> Played[Task]:
    clock = FakeClock()
    ctx = context(clock, with_tasks=with_tasks)
    asking = partial(repeat, ctx) if again else once(ctx)
    return play(find_task(ctx, RECORD, "7", asking), clock, answers)


def anywhere(
    answers: Callable[[Any], Reply | Exception],
    *,
    with_tasks: bool = True,
    **options: Any,
) -> Played[tuple[str, Task]]:
    clock = FakeClock()
    ctx = context(clock, with_tasks=with_tasks)
    return play(find_anywhere(ctx, "7", once(ctx), **options), clock, answers)


def at(paths: dict[str, Reply | Exception], other: Reply = MISSING) -> Callable[[Send], Any]:
    """Answer by the path that is asked."""
    return lambda effect: next(
        (response for path, response in paths.items() if effect.call.path.startswith(path)), other
    )


# ---------------------------------------------------------------- one place


def test_a_name_that_may_be_either_is_asked_for_as_both() -> None:
    """Both are asked for at `/tasks`, the likelier first; the second response counts."""
    for name, kinds in (
        ("7", ["external_task_ids", "task_ids"]),
        ("8" * 18, ["task_ids", "external_task_ids"]),
    ):
        clock = FakeClock()
        ctx = context(clock, with_tasks=True)
        known = reply(answer(200, 0, "SUCCEED", [{"id": name, "status": "submitted"}]))
        flow = read_task(ctx, TASKS, ExpectedTask(either=name), once(ctx))
        played = play(flow, clock, in_turn([NOBODY, NOBODY, known]))
        sent = [next(iter(send.call.params or {})) for send in played.sends]
        assert list(dict.fromkeys(sent)) == kinds
        assert played.result.task_id == name


def test_what_neither_knows_is_not_found() -> None:
    """Each is asked once over a separate connection."""
    clock = FakeClock()
    ctx = context(clock, with_tasks=True)
    flow = read_task(ctx, TASKS, ExpectedTask(either="7"), once(ctx), fresh=True)
    played = play(flow, clock, in_turn([NOBODY, NOBODY]))
    assert isinstance(played.error, NotFoundError)
    assert [send.fresh for send in played.sends] == [True, True]


# ---------------------------------------------------------------- the endpoint, then /tasks


def test_a_bare_id_is_asked_for_at_the_endpoint_and_then_at_tasks() -> None:
    """There it uses a separate connection, which proves that the task is not known."""
    played = find(in_turn([MISSING, MISSING, NOBODY, AT_TASKS]))
    assert played.result.interface == "model-path"
    assert [send.fresh for send in played.sends][-2:] == [True, True]
    assert find(in_turn([AT_V1])).result.interface == "v1"


def test_without_an_api_key_the_endpoint_alone_is_asked() -> None:
    """`/tasks` takes no key pair."""
    played = find(in_turn([MISSING, MISSING]), with_tasks=False)
    assert isinstance(played.error, NotFoundError)
    assert [send.fresh for send in played.sends] == [False, True]


@pytest.mark.parametrize("refusal", [NOBODY, REFUSED])
def test_what_tasks_does_not_know_or_show_is_what_the_endpoint_said(refusal: Reply) -> None:
    """A key that may not ask there changes nothing."""
    played = find(at({"/tasks": refusal}))
    assert isinstance(played.error, NotFoundError)
    assert str(played.error).startswith("Task not found by id/external id: 7")


@pytest.mark.parametrize(("trouble", "error"), [(BUSY, ServerError), (LOST, TransportError)])
def test_a_call_without_an_answer_proves_nothing(
    trouble: Reply | Exception, error: type[Exception]
) -> None:
    """The task may be there."""
    assert isinstance(find(at({"/tasks": trouble})).error, error)


def test_the_same_page_each_time_says_that_there_is_no_tasks() -> None:
    """A server with /v1 alone; then the endpoint's response counts. One page is not proof."""
    assert isinstance(find(at({"/tasks": PAGE}), again=True).error, NotFoundError)
    assert isinstance(find(at({"/tasks": PAGE})).error, TransportError)
    noted = TransportError("a page")
    noted.add_note("something else")
    assert find(at({"/tasks": noted})).error is noted
    noted.add_note(WRONG_ADDRESS)
    assert isinstance(find(at({"/tasks": noted})).error, NotFoundError)


# ---------------------------------------------------------------- anywhere


def test_tasks_is_asked_first_and_then_each_endpoint_in_its_order() -> None:
    """Over connections of their own; `/solutions` once for all its products."""
    played = anywhere(at({"/tasks": NOBODY, "/solutions": NOBODY}))
    paths = [send.call.path.removesuffix("/7") for send in played.sends]
    assert list(dict.fromkeys(paths)) == ["/tasks", "/solutions", *PLACES]
    assert all(send.fresh for send in played.sends)
    assert isinstance(played.error, NotFoundError)


def test_the_endpoint_that_knew_the_last_one_is_asked_first() -> None:
    """The others in their order."""
    played = anywhere(in_turn([AT_V1]), first="video-extend", at_tasks=False)
    assert played.sent == ["GET /v1/videos/video-extend/7"]
    assert played.result[0] == "video-extend"
    at_another = anywhere(at({"/solutions": AT_TASKS}), first="video-extend", at_tasks=False)
    assert [send.call.path for send in at_another.sends] == [
        "/v1/videos/video-extend/7",
        "/solutions",
    ]
    assert (at_another.result[0], at_another.result[1].interface) == ("", "solutions")


@pytest.mark.parametrize(("with_tasks", "at_tasks"), [(False, True), (True, False)])
def test_tasks_is_not_asked_without_a_key_or_twice(*, with_tasks: bool, at_tasks: bool) -> None:
    """It takes API keys alone."""
    played = anywhere(at({}), with_tasks=with_tasks, at_tasks=at_tasks)
    newer = ["/solutions"] if with_tasks else []
    paths = list(dict.fromkeys(send.call.path for send in played.sends))
    assert paths == [*newer, *(f"{path}/7" for path in PLACES)]


def test_a_place_that_refuses_hides_no_other_and_is_named_when_none_knows_it() -> None:
    """Whether it was asked before or after one that does not know the task."""
    for path in PLACES:
        played = anywhere(at({path + "/": BROKE}), at_tasks=False)
        assert isinstance(played.error, AuthenticationError), path
        assert len({send.call.path for send in played.sends}) == len(PLACES) + 1
    knows = anywhere(at({PLACES[0]: REFUSED, PLACES[-1]: AT_V1}), at_tasks=False)
    assert knows.result[1].task_id == "7"


@pytest.mark.parametrize("path", ["/tasks", PLACES[0]])
@pytest.mark.parametrize(("trouble", "error"), [(BUSY, ServerError), (LOST, TransportError)])
def test_a_call_without_an_answer_ends_the_search(
    path: str, trouble: Reply | Exception, error: type[Exception]
) -> None:
    """The task may be at that place."""
    answers: dict[str, Reply | Exception] = {"/tasks": NOBODY}
    played = anywhere(at({**answers, path: trouble}))
    assert isinstance(played.error, error)
    assert not isinstance(played.error, NotFoundError)


def test_a_page_ends_the_search_unless_it_comes_from_tasks() -> None:
    """From `/tasks` and `/solutions`, it may mean that the server does not have the path."""
    played = anywhere(at({"/tasks": PAGE, "/solutions": PAGE, PLACES[-1]: AT_V1}))
    assert played.result[1].task_id == "7"
    nobody = anywhere(at({"/tasks": PAGE}))
    assert isinstance(nobody.error, TransportError)
    assert nobody.error.page is not None
    ended = anywhere(at({"/tasks": NOBODY, PLACES[0]: PAGE, PLACES[-1]: AT_V1}))
    assert isinstance(ended.error, TransportError)


def test_a_relay_has_one_path_for_all_endpoints() -> None:
    """It is asked once."""
    clock = FakeClock()
    ctx = attrs.evolve(context(clock, with_tasks=True), wire=RelayWire())
    refusal = b'{"error": {"message": "no", "type": "t", "code": "not_found"}}'

    def respond(effect: Send) -> Reply:
        sent = effect.call.headers["x-request-id"]
        return Reply(404, {"x-request-id": sent}, refusal)

    played = play(find_anywhere(ctx, "7", once(ctx)), clock, respond)
    assert isinstance(played.error, KlingAPIError)
    assert played.sent == ["GET /kling/v1/videos/7"]

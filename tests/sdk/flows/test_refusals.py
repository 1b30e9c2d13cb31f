"""Refusals that prove that nothing was created, and pages of gateways, which do not."""

from __future__ import annotations

import json
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kling_sdk import (
    AlreadyExistsError,
    InvalidRequestError,
    KlingAPIError,
    KlingError,
    NotFoundError,
    OutcomeUnknownError,
    ServerError,
    Task,
    TaskFailedError,
    TextToVideo,
    TransportError,
    external_id_for,
)
from kling_sdk.errors import RequestValidationError
from kling_sdk.flows import Send
from kling_sdk.flows.core import repeat
from kling_sdk.flows.create import create
from kling_sdk.flows.wait import run_task, wait
from kling_sdk.wire import Reply, V1Wire
from kling_sdk.wire.relay import RelayWire
from tests.sdk.fake_kling import HonestKling, answer
from tests.sdk.scripted import FakeClock, Scene, context, play, reply, reply_of
from tests.sdk.simulated import watch

REQUEST: Final = TextToVideo(prompt="a kitten", external_task_id="order-1")
PATH: Final = "/v1/videos/text2video"
JSON: Final = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)
KNOWN: Final = [*range(1000, 1005), *range(1100, 1104), 1200, 1201, 1202, 1203, 1300, 1301]
KNOWN_BUSY: Final = [1302, 1303, 1304]


def received(status: int, body: bytes) -> Reply:
    return Reply(status, {}, body, path=PATH, fresh=True)


def judged(dialect: V1Wire | RelayWire, got: Reply) -> KlingError:
    with pytest.raises(KlingError) as caught:
        dialect.task(got, TextToVideo.record)
    return caught.value


def proves_a_refusal(error: KlingError) -> bool:
    return isinstance(error, KlingAPIError) and error.is_refusal


# ---------------------------------------------------------------- bodies


@given(
    status=st.integers(300, 499),
    body=st.binary(max_size=50) | JSON.map(lambda value: json.dumps(value).encode()),
)
def test_a_page_without_an_envelope_is_no_refusal(status: int, body: bytes) -> None:
    """A response of a gateway, a firewall or a proxy says nothing about the create."""
    for dialect in (V1Wire(), RelayWire()):
        error = judged(dialect, received(status, body))
        assert isinstance(error, TransportError)
        assert not proves_a_refusal(error)


@pytest.mark.parametrize("status", [200, 400, 401, 403, 429])
@pytest.mark.parametrize("code", KNOWN + KNOWN_BUSY)
def test_an_envelope_with_a_documented_code_is_a_refusal(status: int, code: int) -> None:
    """Nothing was created, and the error says so."""
    body = json.dumps({"code": code, "message": "no", "request_id": "r"}).encode()
    assert proves_a_refusal(judged(V1Wire(), received(status, body)))


@pytest.mark.parametrize(
    ("status", "body", "proof"),
    [
        (403, {"code": 1399, "message": "new", "request_id": "r"}, True),
        (403, {"code": 1020, "message": "Access denied"}, False),
        (500, {"code": 5000, "message": "oops", "request_id": "r"}, False),
        (502, {"code": 1399, "message": "new", "request_id": "r"}, False),
        (200, {"code": 7, "message": "new", "request_id": "r"}, False),
    ],
)
def test_an_unknown_code_is_a_refusal_only_in_a_complete_envelope(
    status: int,
    body: dict[str, Any],
    proof: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    """A firewall's JSON may have a code too; Kling's own errors have a request id."""
    error = judged(V1Wire(), received(status, json.dumps(body).encode()))
    assert isinstance(error, KlingAPIError)
    assert error.code == body["code"]
    assert error.is_refusal is proof


def spring(path: str, status: int = 404) -> bytes:
    body = {
        "timestamp": "2025-06-14T08:13:14.793+0000",
        "status": status,
        "error": "Not Found",
        "message": "No message available",
        "path": path,
    }
    return json.dumps(body).encode()


@pytest.mark.parametrize(
    ("body", "proof"),
    [
        (spring(PATH), True),
        (spring(f"/prefix{PATH}"), True),
        (spring("/v1/videos/image2video"), False),
        (spring(""), False),
        (spring(PATH, status=200), False),
    ],
)
def test_the_vendor_s_own_404_proves_that_the_path_does_not_exist(
    body: bytes,
    proof: bool,  # noqa: FBT001 - as above
) -> None:
    """It repeats the path that was asked; the 404 of anything in between does not."""
    for dialect in (V1Wire(), RelayWire()):
        error = judged(dialect, received(404, body))
        assert proves_a_refusal(error) is proof
        assert isinstance(error, NotFoundError if proof else TransportError)


@pytest.mark.parametrize(
    ("error", "proof"),
    [
        ({"message": "no", "type": "invalid_request_error", "code": "bad"}, True),
        ({"message": "no", "type": "new_api_error", "code": ""}, True),
        ({"message": "no", "type": "upstream_error", "code": 1301}, True),
        ({"message": "no", "type": "new_api_error"}, False),
        ({"message": "no", "code": "bad"}, False),
        ({}, False),
        ("forbidden", False),
    ],
)
def test_a_relay_refuses_with_a_type_and_a_code(
    error: Any,
    proof: bool,  # noqa: FBT001 - as above
) -> None:
    """Any other error object may be that of a proxy in front of it."""
    body = json.dumps({"error": error}).encode()
    assert proves_a_refusal(judged(RelayWire(), received(400, body))) is proof


def test_a_server_s_error_is_uncertain_whatever_its_body() -> None:
    """An HTTP 5xx is repeated, and never proves anything."""
    for dialect in (V1Wire(), RelayWire()):
        for body in (b"", b"<html>", b"{}", spring(PATH, status=500)):
            error = judged(dialect, received(503, body))
            assert isinstance(error, ServerError)
            assert not error.is_refusal


# ---------------------------------------------------------------- calls

PAGE: Final = Reply(403, {"content-type": "text/html"}, b"<html>blocked</html>")


def test_the_same_page_three_times_ends_a_create_at_once() -> None:
    """The address is probably another server's; two minutes of repeats would not help."""
    clock = FakeClock()
    played = play(create(context(clock), REQUEST), clock, lambda _: PAGE)

    assert isinstance(played.error, OutcomeUnknownError)
    assert "base_url is probably wrong" in str(played.error)
    assert len(played.sent) == 3
    assert clock.monotonic() < 5


def test_the_same_page_three_times_ends_a_read_with_the_reason() -> None:
    """A get does not repeat a wrong address for a minute either."""
    scene = Scene()
    (task,) = scene.existing(1)
    clock = FakeClock()
    ctx = context(clock)
    flow = repeat(
        ctx,
        ctx.wire.get(TextToVideo.record, task.task_id)[0],
        lambda got: ctx.wire.task(got, TextToVideo.record),
    )

    played = play(flow, clock, lambda _: PAGE)

    assert isinstance(played.error, TransportError)
    assert "base_url is probably wrong" in played.error.__notes__[0]
    assert len(played.sent) == 3


def test_pages_that_change_are_a_passing_trouble() -> None:
    """A create survives a gateway that restarts."""
    clock, kling = FakeClock(), HonestKling()
    pages = iter([PAGE, PAGE, PAGE._replace(body=b"<html>still blocked</html>"), PAGE])

    played = play(
        create(context(clock), REQUEST),
        clock,
        lambda effect: next(pages, None) or reply_of(kling, effect),
    )

    assert [played.result.task_id] == list(kling.tasks)


@pytest.mark.parametrize("status", [401, 403, 404, 407, 408, 425, 429, 451, 499])
def test_pages_do_not_end_a_wait(status: int) -> None:
    """Half an hour of waiting is not lost to one page of a gateway, or to ten."""
    scene = Scene()
    (task,) = scene.existing(1)
    pages = iter([PAGE._replace(status=status)] * 10)

    played = play(
        wait(context(scene.clock), TextToVideo.record, task),
        scene.clock,
        lambda effect: next(pages, None) or reply_of(scene.kling, effect),
    )

    assert played.result.task_id == task.task_id


def test_a_gateway_that_asks_to_wait_is_obeyed() -> None:
    """`Retry-After` counts on a page as well."""
    clock, kling = FakeClock(), HonestKling()
    page = Reply(429, {"retry-after": "9"}, b"slow down")
    pages = iter([page])

    played = play(
        create(context(clock), REQUEST),
        clock,
        lambda effect: next(pages, None) or reply_of(kling, effect),
    )

    assert played.result.external_task_id == "order-1"
    assert played.pauses[0] >= 9


# ---------------------------------------------------------------- ids used before


def used_before(kling: HonestKling, endpoint: str = "text2video") -> str:
    kling.answer("POST", f"/v1/videos/{endpoint}", {}, {}, {"external_task_id": "order-1"})
    return next(iter(kling.tasks))


def created(kling: HonestKling, request: TextToVideo = REQUEST, **options: Any) -> Any:
    clock = FakeClock()
    ctx = context(clock, **options)
    return play(create(ctx, request), clock, lambda effect: reply_of(kling, effect))


def test_a_task_of_an_earlier_create_is_marked() -> None:
    """Kling does not compare requests: the caller learns that this is an earlier task."""
    kling = HonestKling()
    before = used_before(kling)

    assert created(kling).result == attrs_of(before, reused=True)
    assert not created(HonestKling()).result.reused


class attrs_of:  # noqa: N801 - reads as a value in an assertion
    """Equal to a task with this id and mark."""

    def __init__(self, task_id: str, *, reused: bool) -> None:
        self.key = (task_id, reused)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Task) and (other.task_id, other.reused) == self.key

    __hash__ = None  # type: ignore[assignment]  # a matcher is not a key


def test_an_answer_that_was_lost_is_no_reuse() -> None:
    """The task that is found after our own attempt is ours."""
    kling, clock = HonestKling(), FakeClock()
    lost = iter([TransportError("reset")])

    def respond(effect: Send) -> Reply | Exception:
        got = reply_of(kling, effect)
        return next(lost, None) or got

    assert not play(create(context(clock), REQUEST), clock, respond).result.reused


def test_if_exists_error_refuses_an_id_that_was_used() -> None:
    """The error names the earlier task."""
    kling = HonestKling()
    before = used_before(kling)

    played = created(kling, if_exists="error")

    assert isinstance(played.error, AlreadyExistsError)
    assert isinstance(played.error, InvalidRequestError)
    assert played.error.task_id == before
    assert len(kling.tasks) == 1


def test_a_run_that_finds_an_old_failure_says_so() -> None:
    """Each run under the id of a failed task raises that failure; the note says what to do."""
    kling = HonestKling()
    before = used_before(kling)
    failed = {"task_id": before, "task_status": "failed", "task_status_msg": "too dark"}
    failed["task_info"] = {"external_task_id": "order-1"}  # type: ignore[assignment]

    def respond(effect: Send) -> Reply:
        if effect.call.method == "POST":
            return reply_of(kling, effect)
        return reply(answer(200, 0, "SUCCEED", failed))

    clock = FakeClock()
    played = play(run_task(context(clock), REQUEST), clock, respond)

    assert isinstance(played.error, TaskFailedError)
    assert "use another id to try again" in played.error.__notes__[0]


@given(
    first=st.fixed_dictionaries(
        {"prompt": st.text("ab", min_size=1), "duration": st.sampled_from([5, 10])}
    ),
    second=st.fixed_dictionaries(
        {"prompt": st.text("ab", min_size=1), "duration": st.sampled_from([5, 10])}
    ),
)
def test_an_id_for_a_request_changes_with_the_request(
    first: dict[str, Any], second: dict[str, Any]
) -> None:
    """The same request gets the same id in each process; another one never does."""
    ids = [external_id_for(TextToVideo(**fields), "job-7") for fields in (first, second)]

    assert (ids[0] == ids[1]) == (first == second)
    assert TextToVideo(prompt="a", external_task_id=ids[0]).external_task_id == ids[0]
    named = TextToVideo(**first, external_task_id="other")
    assert external_id_for(named, "job-7") == ids[0]


def test_an_id_for_a_request_is_the_same_in_every_release() -> None:
    """A restart after an upgrade must not buy again."""
    request = TextToVideo(prompt="a kitten", model_name="kling-v2-6", duration=5)
    assert external_id_for(request, "job-7") == "job-7-5c86660072cb968a"


@pytest.mark.parametrize("name", ["", "a/b", "x" * 181, 7])
def test_a_name_that_makes_no_id_is_refused(name: Any) -> None:
    """The error comes before anything is sent."""
    with pytest.raises(RequestValidationError):
        external_id_for(TextToVideo(prompt="a kitten"), name)


# ---------------------------------------------------------------- slow callers


def test_a_slow_caller_does_not_make_a_finished_task_time_out() -> None:
    """A caller that takes an hour over the first result still gets the second."""
    scene = Scene()
    scene.kling.takes = 30.0
    tasks = [*scene.existing(1), *scene.existing(1, "image2video")]

    def take_an_hour(_item: object) -> None:
        scene.clock.now += 3600

    played = watch(scene, tasks, on_item=take_an_hour, wait_timeout=60.0)

    assert [outcome.error for outcome in played.items] == [None, None]


def test_a_slow_on_update_does_not_make_a_finished_task_time_out() -> None:
    """A last poll is made at the deadline or after it, before a wait gives up."""
    scene = Scene()
    scene.kling.takes = 3.0
    (task,) = scene.existing(1)
    unfinished = reply(
        answer(200, 0, "SUCCEED", {"task_id": task.task_id, "task_status": "processing"})
    )
    looks = iter([unfinished])

    def slow(_task: Task) -> None:
        scene.clock.now += 3600

    ctx = context(scene.clock, wait_timeout=60.0, on_update=slow, first_look=0.0)
    played = play(
        wait(ctx, TextToVideo.record, task),
        scene.clock,
        lambda effect: next(looks, None) or reply_of(scene.kling, effect),
    )

    assert played.result.is_succeed

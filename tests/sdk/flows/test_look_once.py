"""One poll: its requests, what it reads of a response, and what it keeps, exactly."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from kling_sdk import (
    Task,
    TextToVideo,
    TransportError,
)
from kling_sdk.flows import Send
from kling_sdk.flows.asking import TASKS
from kling_sdk.flows.identity import ExpectedTask
from kling_sdk.flows.look import Look, Wanted, _elsewhere, look, look_at_pages
from kling_sdk.flows.look_by_ids import (
    groups_of_names,
    look_at_ids,
    look_for_names,
    read_tasks,
)
from kling_sdk.wire import Reply
from tests.endpoints import MAKERS
from tests.sdk.fake_kling import answer
from tests.sdk.scripted import FakeClock, Scene, context, in_turn, play, reply, reply_of

RECORD = TextToVideo.record
OPEN = Task("1", "submitted", endpoint="text2video", external_task_id="a")
LOST = TransportError("reset")
REFUSED = reply(answer(403, 1103, "not for you"))
PAGE = Reply(404, {"content-type": "text/html"}, b"<html>")


def listed(*names: str) -> Reply:
    return reply(answer(200, 0, "SUCCEED", [{"id": name, "status": "submitted"} for name in names]))


def due(_key: str) -> bool:
    return True


# ---------------------------------------------------------------- what is remembered


def test_a_look_has_found_nothing_at_first() -> None:
    """Each of its facts is empty."""
    empty = Look(5.0)
    assert (empty.started, empty.tasks, empty.failed, empty.unchanged) == (5.0, {}, {}, set())
    assert (empty.requests, empty.rows, empty.watched, empty.found_at) == (0, 0, 0, "")
    assert (empty.has_stumbled, empty.retry_after, empty.without_list) == (False, 0.0, set())


@pytest.mark.parametrize(
    ("errors", "longest"),
    [
        ([LOST], 0.0),
        ([TransportError("503", retry_after=0.5)], 0.5),
        ([TransportError("503", retry_after=7.0), LOST], 7.0),
        ([LOST, TransportError("503", retry_after=7.0)], 7.0),
    ],
)
def test_the_longest_pause_that_was_asked_for_counts(
    errors: list[TransportError], longest: float
) -> None:
    """An error without a pause does not change it."""
    poll = Look(0.0)
    for error in errors:
        poll.stumbled(error)
    assert (poll.has_stumbled, poll.retry_after) == (True, longest)


def test_a_task_is_recognized_by_its_ids_and_a_name_by_either() -> None:
    """Only the ids that are known count."""
    known = Wanted("1", OPEN, RECORD, 9.0)
    assert known.expected == ExpectedTask("1", "a")
    assert Wanted("a", None, None, 9.0).expected == ExpectedTask(either="a")


def test_open_tasks_of_the_classic_interface_may_be_shown_elsewhere() -> None:
    """Tasks that are known to have ended, bare ids, and tasks of the newer interface are not."""
    waits = {
        "0": Wanted("1", OPEN, RECORD, 9.0),
        "1": Wanted("2", Task("2", "failed"), RECORD, 9.0),
        "2": Wanted("3", None, RECORD, 9.0),
        "3": Wanted("4", Task("4", "submitted"), TASKS, 9.0),
        "4": Wanted("5", Task("5", "processing"), None, 9.0),
    }
    assert _elsewhere(waits) == {"1": "submitted", "5": "processing"}


def test_a_single_query_counts_as_a_request() -> None:
    """Each query of a bare id, at each place, counts as well."""
    for task, requests in ((OPEN, 1), (None, 2)):
        clock = FakeClock()
        waits = {"0": Wanted("1", task, RECORD, 9.0)}
        missing = reply(answer(400, 1201, "Task not found by id/external id: 1"))
        data = {
            "task_id": "1",
            "task_status": "submitted",
            "task_info": {"external_task_id": "a"},
        }
        present = reply(answer(200, 0, "SUCCEED", data))
        answers = [present] if task else [missing, present]
        if task is None:
            waits = {"0": Wanted("1", None, None, 9.0)}
        seen = play(look(context(clock), waits, 1), clock, in_turn(answers)).result
        assert (seen.requests, list(seen.tasks), seen.watched) == (requests, ["0"], 1)
        assert seen.found_at == ("" if task else MAKERS[1])


@pytest.mark.parametrize(
    ("task", "trouble", "stumbled"),
    [
        (OPEN, reply(answer(400, 1201, "Task not found by id/external id: 1")), True),
        (OPEN, LOST, True),
        (OPEN, REFUSED, False),
        (None, REFUSED, False),
        (None, LOST, True),
    ],
)
def test_what_may_pass_is_no_end_of_a_wait(
    *, task: Task | None, trouble: Any, stumbled: bool
) -> None:
    """A task that was seen exists; a refusal names what was asked for."""
    clock = FakeClock()
    waits = {"0": Wanted("1", task, RECORD, 9.0)}
    seen = play(look(context(clock), waits, 1), clock, lambda _: trouble).result
    assert seen.has_stumbled is stumbled
    assert list(seen.failed) == ([] if stumbled else ["0"])
    if not stumbled:
        assert seen.failed["0"].task_id == "1"


def test_a_task_whose_deadline_passed_while_others_were_asked_for_is_not_asked_for() -> None:
    """A poll has the time of one call for those whose deadline has passed."""
    clock = FakeClock()
    tasks = [Task(str(number), "submitted", endpoint="text2video") for number in range(5)]
    ctx = context(clock, timeout=30.0)
    waits = {
        str(place): Wanted(task.task_id, task, RECORD, 9.0 if place < 4 else 500.0)
        for place, task in enumerate(tasks)
    }
    calls = list[str]()

    def respond(effect: Send) -> Reply | Exception:
        if effect.call.params:
            return REFUSED
        clock.now += 15.0
        calls.append(effect.call.path[-1])
        return LOST

    seen = play(look(ctx, waits, 5), clock, respond).result
    assert calls == ["0", "1", "2", "4"]
    assert seen.without_list == {RECORD.path}


# ---------------------------------------------------------------- pages


def pages(
    scene: Scene, unseen: list[Task], rows: int, respond: Callable[[Send], Any] | None = None
) -> tuple[Look, list[int], dict[str, str]]:
    """Return what was found, the sizes of the pages that were read, and what is left."""
    poll = Look(0.0)
    left = {task.task_id: task.task_id for task in unseen}
    flow = look_at_pages(context(scene.clock), RECORD, left, rows, poll)
    played = play(flow, scene.clock, respond or partial(reply_of, scene.kling))
    sizes = [int((send.call.params or {})["pageSize"]) for send in played.sends]
    assert poll.requests == len(sizes)
    return poll, sizes, left


@pytest.mark.parametrize(
    ("rows", "sizes"), [(2, [100]), (100, [100]), (101, [101]), (500, [500]), (501, [500])]
)
def test_a_page_has_as_many_rows_as_are_expected(rows: int, sizes: list[int]) -> None:
    """The number is from 100 to 500."""
    scene = Scene()
    assert pages(scene, scene.existing(2), rows)[1] == sizes


def test_a_single_task_is_no_reason_to_read_a_page() -> None:
    """A query costs as much."""
    scene = Scene()
    assert pages(scene, scene.existing(1), 1)[1] == []
    assert pages(scene, [], 1)[1] == []


def test_pages_are_read_while_each_may_save_queries() -> None:
    """One that is left is queried; the rows that showed ours are remembered."""
    scene = Scene()
    ours = scene.existing(1)
    scene.existing(97)
    ours += scene.existing(2)
    poll, sizes, left = pages(scene, ours, 100)
    assert (sizes, len(poll.tasks), left, poll.rows) == ([100], 3, {}, 100)

    scene = Scene()
    ours = scene.existing(1)
    scene.existing(99)
    ours += scene.existing(2)
    poll, sizes, left = pages(scene, ours, 100)
    assert (sizes, len(poll.tasks), list(left), poll.rows) == ([100], 2, [ours[0].task_id], 2)


def test_a_page_that_shows_some_of_ours_is_followed_by_the_next() -> None:
    """Both pages have the same size."""
    scene = Scene()
    assert pages(scene, scene.existing(150), 100)[1] == [100, 100]


def test_pages_of_strangers_lead_to_one_of_the_largest() -> None:
    """If more than two are missing, the rest may be far down, or at the other end."""
    for count, sizes in ((2, [100]), (3, [100, 500]), (9, [100, 500])):
        scene = Scene()
        ours = scene.existing(count)
        scene.existing(700)
        assert pages(scene, ours, 100)[1] == sizes


def test_a_page_of_the_largest_size_is_not_read_twice() -> None:
    """It is read as far as our tasks reach, and no further."""
    scene = Scene()
    ours = scene.existing(9)
    scene.existing(1700)
    assert pages(scene, ours, 500)[1] == [500]
    assert pages(scene, ours, 501)[1] == [500, 500]
    assert pages(scene, ours, 1001)[1] == [500] * 3


def test_a_list_that_ends_is_read_to_its_end() -> None:
    """What it does not show is left."""
    scene = Scene()
    strangers = [Task(str(number), "submitted") for number in range(5)]
    scene.existing(30)
    poll, sizes, left = pages(scene, strangers, 5)
    assert (sizes, poll.tasks, len(left)) == ([100], {}, 5)


@pytest.mark.parametrize(
    ("trouble", "stumbled", "left", "rows"), [(LOST, True, 0, 80), (REFUSED, False, 3, 0)]
)
def test_a_list_that_cannot_be_read_now_is_read_later_and_one_that_is_refused_is_not(
    *, trouble: Any, stumbled: bool, left: int, rows: int, caplog: pytest.LogCaptureFixture
) -> None:
    """After a failed poll no task is asked for singly; after a refused list every task is."""
    scene = Scene()
    with caplog.at_level(logging.INFO, "kling_sdk"):
        poll, sizes, unseen = pages(scene, scene.existing(3), 100, lambda _: trouble)
    refusal = f"the list at {RECORD.path} cannot be read (PermissionDeniedError)"
    assert caplog.messages == ([] if stumbled else [refusal])
    assert (poll.has_stumbled, len(unseen), poll.rows) == (stumbled, left, rows)
    assert poll.without_list == (set() if stumbled else {RECORD.path})
    assert sizes == [100]


# ---------------------------------------------------------------- by their ids


def test_names_are_asked_for_by_20_by_the_kind_that_they_look_like() -> None:
    """One with a comma cannot be asked for in a list."""
    ids = [str(10**17 + number) for number in range(21)]
    first, second = ("task_id", "external_id"), ("external_id", "task_id")
    assert [(kinds, len(group)) for kinds, group in groups_of_names([*ids, "a", "b,c", "d"])] == [
        (first, 20),
        (first, 1),
        (second, 2),
    ]
    assert list(groups_of_names([])) == []


def test_a_task_is_found_by_the_names_that_were_asked_for() -> None:
    """Either of its ids; what was not asked for is not taken."""
    data = [{"id": "1", "status": "x", "external_id": "a"}, {"id": "2", "status": "x"}]
    response = reply(answer(200, 0, "SUCCEED", data))
    tasks = read_tasks(["1", "a", "9"], response)
    assert [(name, task.task_id) for name, task in tasks.items()] == [("1", "1"), ("a", "1")]


def at_ids(
    names: list[str], answers: Any, is_due: Callable[[str], bool] = due
) -> tuple[Look, list[list[str]], dict[str, str]]:
    clock, seen = FakeClock(), Look(0.0)
    unseen = {name: f"key-{name}" for name in names}
    flow = look_at_ids(context(clock, with_tasks=True), unseen, is_due, seen)
    played = play(flow, clock, answers)
    assert played.error is None
    calls = [str((send.call.params or {})["task_ids"]).split(",") for send in played.sends]
    assert seen.requests == len(calls)
    assert not any(send.fresh for send in played.sends)
    return seen, calls, unseen


def test_known_tasks_are_asked_for_by_20() -> None:
    """All that are due are asked for, also if a group in between is empty or fails."""
    names = [str(number) for number in range(61)]
    seen, calls, unseen = at_ids(
        names, lambda effect: listed(*effect.call.params["task_ids"].split(","))
    )
    assert [len(call) for call in calls] == [20, 20, 20, 1]
    assert (len(seen.tasks), seen.has_stumbled, unseen) == (61, False, {})
    assert seen.tasks["key-7"].task_id == "7"

    seen, calls, _ = at_ids(
        names,
        lambda effect: listed(*effect.call.params["task_ids"].split(",")),
        lambda key: not 20 <= int(key[4:]) < 40 and key != "key-3",
    )
    assert [len(call) for call in calls] == [19, 20, 1]
    assert len(seen.tasks) == 40

    answers = iter([LOST, listed(*names[20:40]), REFUSED, listed("60")])
    seen, calls, _ = at_ids(names, lambda _: next(answers))
    assert (len(calls), len(seen.tasks), len(seen.failed)) == (4, 21, 20)
    assert seen.has_stumbled


def test_a_known_task_that_a_list_leaves_out_is_the_server_s_hiccup() -> None:
    """It was seen before."""
    seen, _, _ = at_ids(["1", "2"], in_turn([listed("1")]))
    assert (list(seen.tasks), seen.failed, seen.has_stumbled) == (["key-1"], {}, True)


def test_each_task_of_a_refused_list_has_an_error_of_its_own() -> None:
    """Which names it."""
    seen, _, _ = at_ids(["1", "2"], lambda _: REFUSED)
    first, second = seen.failed["key-1"], seen.failed["key-2"]
    assert (first.task_id, second.task_id) == ("1", "2")
    assert first is not second


def for_names(
    names: list[str], answers: Any, is_due: Callable[[str], bool] = due
) -> tuple[Look, list[str], dict[str, str], set[str] | None]:
    clock, seen = FakeClock(), Look(0.0)
    unseen = {name: f"key-{name}" for name in names}
    flow = look_for_names(context(clock, with_tasks=True), unseen, is_due, seen)
    played = play(flow, clock, answers)
    assert played.error is None
    calls = [
        f"{kind}={value}"
        for send in played.sends
        for kind, value in (send.call.params or {}).items()
    ]
    assert seen.requests == len(calls)
    return seen, calls, unseen, played.value


def test_a_bare_name_is_asked_for_as_both_kinds_until_it_is_found() -> None:
    """The likelier first; what is left is another's to judge."""
    task_id = "8" * 18
    seen, calls, unseen, unsure = for_names(
        [task_id, "a", "b"],
        in_turn([listed(task_id), listed(), listed("a")]),
    )
    assert calls == [
        f"task_ids={task_id}",
        "external_task_ids=a,b",
        "task_ids=a,b",
    ]
    assert (sorted(seen.tasks), list(unseen), unsure) == (
        ["key-8" + "8" * 17, "key-a"],
        ["b"],
        set(),
    )


@pytest.mark.parametrize(
    ("trouble", "unsure", "left", "stumbled"),
    [
        (LOST, set(), [], True),
        (PAGE, {"a", "b"}, ["a", "b"], False),
        (REFUSED, set(), ["a", "b"], False),
    ],
)
def test_names_that_could_not_be_asked_for_are(
    *, trouble: Any, unsure: set[str], left: list[str], stumbled: bool
) -> None:
    """After a lost call the next poll asks again; a page says that the path may not exist."""
    seen, calls, unseen, doubtful = for_names(["a", "b"], lambda _: trouble)
    assert (doubtful, list(unseen), seen.has_stumbled) == (unsure, left, stumbled)
    assert len(set(calls)) == 1


def test_a_name_that_is_not_due_is_not_asked_for() -> None:
    """Without a due name, its group is not asked for either."""
    _, calls, unseen, _ = for_names(["a", "b"], in_turn([]), lambda _key: False)
    assert (calls, list(unseen)) == ([], ["a", "b"])

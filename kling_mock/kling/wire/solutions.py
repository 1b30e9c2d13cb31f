"""`/solutions`: its paths, and a task in its replies.

A task is written as on the interface with the model in the path, except for its results, which
the vendor's pages show without ids and partly with types of their own.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from kling_mock.kling.media.urls import NamedFile, OutputType, file_url
from kling_mock.kling.model.accounts import Account
from kling_mock.kling.model.lifecycle import Status
from kling_mock.kling.model.plan import OUTPUT_TYPES, ResultList
from kling_mock.kling.model.tasks import EmulatedTask, Tasks
from kling_mock.kling.wire.interface import EndpointRoute, Interface
from kling_mock.kling.wire.model_path import (
    named_ids,
    shown_task,
    tasks_by_ids,
    urls_of,
    video_seconds,
    without_external_id,
)
from kling_mock.kling.wire.model_path_schemas import STATUSES
from kling_mock.kling.wire.solutions_schemas import PAGE_OF, PATH, SCHEMAS
from kling_mock.kling.wire.v1 import envelope
from kling_mock.web.facts import Fact, assumed

#: This endpoint's page shows another id in the reply to a create, and another word for success.
_OTHER_WORDS = "/solutions/virtual_try_on"

BEHAVIOURS: tuple[tuple[str, Fact], ...] = (
    (
        "`GET /solutions` and `POST /solutions` show the tasks of all of these, and no others.",
        PAGE_OF,
    ),
    (
        "`/tasks` does not show them.",
        assumed("no page says whether it does", "solutions-2026-09"),
    ),
    (
        "virtual_try_on creates with `task_id` and has `succeed`, the others `id` and `succeeded`.",
        PAGE_OF,
    ),
    (
        "Either word for a success chooses both in a list.",
        assumed("the pages differ; what a list of both takes is not known", "solutions-2026-09"),
    ),
    (
        "External ids are unique over all interfaces, and refused in the words of the others.",
        assumed("the pages want them unique in the account", "solutions-2026-09"),
    ),
)

_quote = json.JSONEncoder().encode


def _task_routes(path: str) -> tuple[EndpointRoute, ...]:
    return (EndpointRoute("POST", path, "create"), EndpointRoute("GET", PATH, "list"))


def _select(
    tasks: Tasks, account: Account, _endpoint: str, query: str, _max_page_size: int
) -> Sequence[EmulatedTask]:
    """Return the tasks that the query names, in its order.

    Raises:
        Refusal: 400/1201, it names none, too many, or both kinds of ids.
    """
    return [task for task in tasks_by_ids(tasks, account, query) if task.is_solution]


def words_of(task: EmulatedTask) -> tuple[str, ...]:
    """Return the words for the status of a task, that of its page first."""
    if task.status != "succeed":
        return (STATUSES[task.status],)
    return ("succeed", "succeeded") if task.plan.path == _OTHER_WORDS else ("succeeded", "succeed")


def _created(task: EmulatedTask) -> str:
    id_key = "task_id" if task.plan.path == _OTHER_WORDS else "id"
    return shown_task(task, task.status, STATUSES[task.status], "", (), id_key)


def _queried(task: EmulatedTask, origin: str) -> str:
    return _task(task, task.status, task.message, origin)


def _reported(task: EmulatedTask, status: Status, message: str, origin: str) -> bytes:
    return _task(task, status, message, origin).encode("ascii")


def _listed(tasks: Iterable[EmulatedTask], origin: str) -> str:
    return f"[{','.join(_queried(task, origin) for task in tasks)}]"


def _task(task: EmulatedTask, status: Status, message: str, origin: str) -> str:
    is_other = status == "succeed" and task.plan.path == _OTHER_WORDS
    word = "succeed" if is_other else STATUSES[status]
    return shown_task(task, status, word, message, _outputs(task, origin))


def _outputs(task: EmulatedTask, origin: str) -> Iterator[str]:
    for result_list in task.plan.result.lists:
        kind = OUTPUT_TYPES[result_list.key]
        for index in range(max(result_list.files, len(result_list.words))):
            word = result_list.words[index] if result_list.words else kind
            yield f'{{"type":"{word}",{_ITEMS[kind](task, result_list, origin, index)}}}'


def _video(task: EmulatedTask, _result: ResultList, origin: str, _index: int) -> str:
    plan = task.plan
    if task.test_video is not None:
        length = f',"duration":{_quote(task.test_video.duration)}' if plan.shows_duration else ""
        return f'"url":{_quote(task.test_video.url)},"watermark_url":""{length}'
    file = NamedFile("video", task.result_id("video"))
    length = f',"duration":"{video_seconds(task)}"' if plan.shows_duration else ""
    if plan.watermark is None:  # there is no such option
        return f'"url":{_quote(file_url(origin, file))}{length}'
    return f"{urls_of(task, origin, file)}{length}"


def _image(task: EmulatedTask, _result: ResultList, origin: str, index: int) -> str:
    return urls_of(task, origin, NamedFile("image", task.result_id("image"), index))


def _subtitles(task: EmulatedTask, result: ResultList, origin: str, index: int) -> str:
    file = NamedFile("subtitles", task.result_id("subtitles"), suffix=result.words[index])
    return f'"url":{_quote(file_url(origin, file))}'


_ITEMS: Mapping[OutputType, Callable[[EmulatedTask, ResultList, str, int], str]] = {
    "video": _video,
    "image": _image,
    "subtitles": _subtitles,
}


SOLUTIONS = Interface(
    name="solutions",
    task_routes=_task_routes,
    envelope=envelope,
    select=_select,
    created=_created,
    queried=_queried,
    listed=_listed,
    reported=_reported,
    without_external_id=without_external_id,
    named=named_ids,
    api_key_only=True,
    schemas=SCHEMAS,
)

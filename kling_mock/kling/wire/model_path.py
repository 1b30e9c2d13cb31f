"""The interface with the model in the path: its paths, and a task in its replies.

One form of a task serves every reply and report, including those of tasks that were made on /v1.
The JSON is written out here, as in the module `v1`, and for the same reason.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from json.encoder import encode_basestring_ascii as _quote
from urllib.parse import parse_qsl

from kling_mock.kling.media.urls import FILES, NamedFile, OutputType, file_url
from kling_mock.kling.model.accounts import Account
from kling_mock.kling.model.lifecycle import TERMINAL, Status
from kling_mock.kling.model.plan import OUTPUT_TYPES
from kling_mock.kling.model.tasks import EmulatedTask, Tasks
from kling_mock.kling.service_codes import refusal
from kling_mock.kling.wire.interface import EndpointRoute, Interface
from kling_mock.kling.wire.model_path_schemas import (
    MAX_IDS,
    SCHEMAS,
    STATUSES,
    TASKS,
)
from kling_mock.kling.wire.v1 import element_item, envelope, voice_item
from kling_mock.web.facts import assumed, documented, observed

CREATES = documented(
    "pages-2026-09", "probe-2026-09", "probe-2026-10", as_of="2026-10-07", confidence="high"
)
TASK = observed("probe-2026-10", "probe-2026-09", as_of="2026-10-07", confidence="medium")
BILLING = observed("probe-2026-10", as_of="2026-10-07", note="of a success and of a failure")
DURATION = observed(
    "probe-2026-10", "probe-2026-09", as_of="2026-10-07", note="5.041 and 3.041 were seen"
)
UNFINISHED = assumed("which members a task has before it ends", "pages-2026-09")
REPORT = documented(
    "pages-2026-09", as_of="2026-09-20", note="a task without an envelope, as queries show it"
)

_FREE = '[{"amount":"0"}]'  # a failed task
_EXTRA_MILLISECONDS = "041"  # a result is one frame longer than requested


def _task_routes(path: str) -> tuple[EndpointRoute, ...]:
    return (EndpointRoute("POST", path, "create"), EndpointRoute("GET", TASKS, "list"))


def _ids(query: str) -> tuple[list[str], list[str]]:
    """Return the task ids and the external ids that a query names, each once."""
    parameters = dict(parse_qsl(query)) if query else {}
    id_lists: list[list[str]] = []
    for name in ("task_ids", "external_task_ids"):
        names = (task_id.strip() for task_id in parameters.get(name, "").split(","))
        id_lists.append([*dict.fromkeys(task_id for task_id in names if task_id)])
    return id_lists[0], id_lists[1]


def named_ids(query: str) -> Sequence[str]:
    """Return all ids that a query names."""
    ids, external_ids = _ids(query)
    return ids + external_ids


def _select(
    tasks: Tasks, account: Account, _endpoint: str, query: str, _max_page_size: int
) -> Sequence[EmulatedTask]:
    """Return the tasks that the query names, in its order, except those of `/solutions`.

    Raises:
        Refusal: 400/1201, it names none, too many, or both kinds of ids.
    """
    return [task for task in tasks_by_ids(tasks, account, query) if not task.is_solution]


def tasks_by_ids(tasks: Tasks, account: Account, query: str) -> Iterator[EmulatedTask]:
    """Return the tasks that the query names, in its order, of any interface.

    Raises:
        Refusal: 400/1201, it names none, too many, or both kinds of ids.
    """
    ids, external_ids = _ids(query)
    if not ids and not external_ids:
        raise refusal("ids_required")
    if len(ids) + len(external_ids) > MAX_IDS:
        raise refusal("too_many_ids", MAX_IDS)
    if ids and external_ids:
        raise refusal("both_ids")
    by_name = [tasks.by_id(account, name) for name in ids]
    by_name += [tasks.by_external_id(account, name) for name in external_ids]
    return (task for task in by_name if task is not None)


def _created(task: EmulatedTask) -> str:
    """Return the `data` of the reply to a create request, as JSON."""
    return _task(task, task.status, "", "")


def _queried(task: EmulatedTask, origin: str) -> str:
    """Return a task as queries and lists show it, as JSON."""
    return _task(task, task.status, task.message, origin)


def _reported(task: EmulatedTask, status: Status, message: str, origin: str) -> bytes:
    """Return the body of a report (callback) of a status."""
    return _task(task, status, message, origin).encode("ascii")


def _listed(tasks: Iterable[EmulatedTask], origin: str) -> str:
    """Return tasks, as JSON."""
    return f"[{','.join(_queried(task, origin) for task in tasks)}]"


def _task(task: EmulatedTask, status: Status, message: str, origin: str) -> str:
    """Return a task in a status.

    Args:
        status: The status to show.
        message: Why it failed; "" otherwise.
        origin: Scheme, host and port that its result URLs begin with.
    """
    outputs = (
        _ITEMS[OUTPUT_TYPES[result_list.key]](task, origin, index)
        for result_list in task.plan.result.lists
        for index in range(result_list.files)
    )
    return shown_task(task, status, STATUSES[status], message, outputs)


def shown_task(
    task: EmulatedTask,
    status: Status,
    word: str,
    message: str,
    outputs: Iterable[str],
    id_key: str = "id",
) -> str:
    """Return a task in a status, as JSON.

    Args:
        status: The status to show.
        word: The word for that status.
        message: Why it failed; "" otherwise.
        outputs: Its results, if it has succeeded.
        id_key: The key of its id.
    """
    external_id = task.plan.external_task_id
    own = f',"external_id":{_quote(external_id)}' if external_id else ""
    ended = ""
    if status in TERMINAL:
        ended = f',"billing":{_FREE}' if status == "failed" else _result(task, outputs)
    return (
        f'{{"{id_key}":"{task.task_id}","status":"{word}","message":{_quote(message)},'
        f'"create_time":{task.created},"update_time":{task.updated}{own}{ended}}}'
    )


def _result(task: EmulatedTask, outputs: Iterable[str]) -> str:
    plan = task.plan
    return (
        f',"outputs":[{",".join(outputs)}],"billing":[{{"charge_type":"unit",'
        f'"amount":"{plan.units.normalize():f}","package_type":"{plan.pack}"}}]'
    )


def _video(task: EmulatedTask, origin: str, _index: int) -> str:
    if task.test_video is not None:
        video = task.test_video
        return (
            f'{{"type":"video","id":{_quote(video.id)},"url":{_quote(video.url)},'
            f'"watermark_url":"","duration":{_quote(video.duration)}}}'
        )
    file = NamedFile("video", task.result_id("video"))
    return (
        f'{{"type":"video","id":"{file.result_id}",{urls_of(task, origin, file)},'
        f'"duration":"{video_seconds(task)}"}}'
    )


def video_seconds(task: EmulatedTask) -> str:
    """Return the length of a video as replies show it."""
    return f"{task.plan.seconds}.{_EXTRA_MILLISECONDS}"


def _image(task: EmulatedTask, origin: str, index: int) -> str:
    file = NamedFile("image", task.result_id("image"), index)
    return f'{{"type":"image",{urls_of(task, origin, file)}}}'


def _audio(task: EmulatedTask, origin: str, index: int) -> str:
    audio = task.plan.result.of_type("audio")
    seconds = "0" if audio is None else audio.duration
    file = NamedFile("audio", task.result_id("audio"), index)
    members = "".join(
        f',"{suffix}_url":{_quote(file_url(origin, file._replace(suffix=suffix)))}'
        f',"{suffix}_duration":"{seconds}"'
        for suffix in FILES["audio"].media_types
    )
    return f'{{"type":"audio","id":"{file.result_id}"{members}}}'


def urls_of(task: EmulatedTask, origin: str, file: NamedFile) -> str:
    """Return the members with the URLs of a file."""
    marked = file_url(origin, file._replace(is_marked=True)) if task.plan.watermark else ""
    return f'"url":{_quote(file_url(origin, file))},"watermark_url":{_quote(marked)}'


def _typed(kind: str, item: str) -> str:
    """Return an item of /v1 with its type before it; other differences are not known."""
    return f'{{"type":"{kind}",{item[1:]}'


#: Writers of items by type; their arguments are task, origin of its URLs, and index in the list.
_ITEMS: Mapping[OutputType, Callable[[EmulatedTask, str, int], str]] = {
    "video": _video,
    "image": _image,
    "audio": _audio,
    "voice": lambda task, origin, _index: _typed("voice", voice_item(task, origin)),
    "element": lambda task, origin, _index: _typed("element", element_item(task, origin)),
}


def without_external_id(body: bytes) -> bytes:
    """Return *body*, a reply or a report, without the `external_id` of its tasks."""
    if b'"external_id"' not in body:
        return body
    read = json.loads(body)
    payload = read.get("data", read)
    if isinstance(payload, dict) and "result" in payload:
        payload = payload["result"]
    for task in payload if isinstance(payload, list) else [payload]:
        task.pop("external_id", None)
    return json.dumps(read, separators=(",", ":")).encode("ascii")


MODEL_PATH = Interface(
    name="model-path",
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

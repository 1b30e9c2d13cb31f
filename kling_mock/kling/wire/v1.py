"""The /v1 interface: its paths, the envelope, and a task in its replies.

The JSON is written out here instead of being encoded from dicts: otherwise encoding would be half
the work of a request, and here the shape of a reply can be seen. Whatever a client can choose
(external ids, messages) goes through `_quote`; ids, statuses and numbers are the server's own.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from json.encoder import encode_basestring_ascii as _quote
from urllib.parse import parse_qsl

from kling_mock.kling.media.urls import FILES, NamedFile, OutputType, file_url, video_url
from kling_mock.kling.model.accounts import Account
from kling_mock.kling.model.library import LibraryEntry, owner_of
from kling_mock.kling.model.lifecycle import TERMINAL, Status
from kling_mock.kling.model.plan import OUTPUT_TYPES, ResultList
from kling_mock.kling.model.tasks import EmulatedTask, Tasks
from kling_mock.kling.service_codes import invalid
from kling_mock.kling.wire.interface import EndpointRoute, Interface
from kling_mock.kling.wire.v1_schemas import PAGING, SCHEMAS
from kling_mock.web.facts import documented, observed
from kling_sdk.facts.elements import ELEMENT_TAGS

ENVELOPE = observed("wire", "probe-2026-09", as_of="2026-09-22", confidence="high")
TASK = documented("pages-2026-04", "pages-2026-09", as_of="2026-09-20")
# A failed task was returned with empty task_info and task_result; only the task has the reason.
FAILED = observed("wire", as_of="2025-12-26", note="seen in one published body of a failed task")

REPORT = documented(
    "pages-2026-09",
    "pages-2026-04",
    as_of="2026-09-20",
    note="a flat object without an envelope; one general page shows an envelope",
)

_FREE = Decimal(0)  # a failed task


def envelope(code: int, message: str, request_id: str, data: str | None) -> bytes:
    """Return the body of a reply.

    Args:
        code: The service code; 0 is success.
        message: Its text.
        request_id: The server's name for the request.
        data: JSON; `None` leaves it out, as was seen for a refusal.
    """
    head = f'{{"code":{code},"message":{_quote(message)},"request_id":"{request_id}"'
    return (f"{head}}}" if data is None else f'{head},"data":{data}}}').encode("ascii")


def unknown_path(path: str, now: float) -> bytes:
    """Return the body of the 404 for a path that does not exist, which is not an envelope.

    It is the web framework's own. Source: a sample of 2025-06; the status 404 was observed again
    in 2026-08.
    """
    at = datetime.fromtimestamp(now, UTC).isoformat(timespec="milliseconds")
    return json.dumps(
        {
            "timestamp": at.replace("+00:00", "+0000"),
            "status": 404,
            "error": "Not Found",
            "message": "No message available",
            "path": path,
        },
        separators=(",", ":"),
    ).encode("ascii")


def _task_routes(path: str) -> tuple[EndpointRoute, ...]:
    return (
        EndpointRoute("POST", path, "create"),
        EndpointRoute("GET", path, "list"),
        EndpointRoute("GET", f"{path}/{{id}}", "get"),
    )


def _select(
    tasks: Tasks, account: Account, endpoint: str, query: str, max_page_size: int
) -> Sequence[EmulatedTask]:
    """Return one page of tasks, newest first; parameters outside `PAGING` are ignored.

    Raises:
        Refusal: 400/1201, a number out of range.
    """
    return tasks.page(account, endpoint, *page_of(query, max_page_size))


def _page_number(name: str, text: str | None, high: int) -> int:
    low, _, default = PAGING[name]
    if text is None:
        return default
    readable = text.isascii() and text.isdigit() and len(text) <= len(str(high))
    if not (readable and low <= int(text) <= high):
        raise invalid(name, f"must be a whole number from {low} to {high}", text)
    return int(text)


def _created(task: EmulatedTask) -> str:
    """Return the `data` of the reply to a create request, as JSON."""
    return (
        f'{{"task_id":"{task.task_id}","task_status":"{task.status}","task_info":{_info(task)},'
        f'"created_at":{task.created},"updated_at":{task.updated}}}'
    )


def _queried(task: EmulatedTask, origin: str) -> str:
    """Return a task as queries and lists show it, as JSON.

    Args:
        origin: Scheme, host and port that its result URLs begin with.
    """
    status = task.status
    return (
        f'{{"task_id":"{task.task_id}","task_status":"{status}",'
        f'"task_status_msg":{_quote(task.message)},'
        f'"task_info":{"{}" if status == "failed" else _info(task, origin)},'
        f'"task_result":{_result(task, origin) if status == "succeed" else "{}"},'
        f"{_watermark_info(task)}"
        f'"created_at":{task.created},"updated_at":{task.updated}{_deduction(task)}}}'
    )


def _watermark_info(task: EmulatedTask) -> str:
    """Return the member about the watermark; "" where there never is one."""
    watermark = task.plan.watermark
    if watermark is None:
        return ""
    return f'"watermark_info":{{"enabled":{"true" if watermark else "false"}}},'


def _reported(task: EmulatedTask, status: Status, message: str, origin: str) -> bytes:
    """Return the body of a report (callback) of a status.

    Args:
        status: What is reported.
        message: Why it failed; "" otherwise.
        origin: Scheme, host and port that its result URLs begin with.
    """
    # The pages show the external id in every report. A query of a failed task was observed to
    # omit it; no report was observed.
    return (
        f'{{"task_id":"{task.task_id}","task_status":"{status}",'
        f'"task_status_msg":{_quote(message)},"task_info":{_info(task, origin)},'
        f'"task_result":{_result(task, origin) if status == "succeed" else "{}"},'
        f'"created_at":{task.created},"updated_at":{task.updated}{_deduction(task, status)}}}'
    ).encode("ascii")


def _listed(tasks: Iterable[EmulatedTask], origin: str) -> str:
    """Return a page of tasks, as JSON: a bare array without a total."""
    return f"[{','.join(_queried(task, origin) for task in tasks)}]"


def _without_task_info(body: bytes) -> bytes:
    """Return *body*, an envelope or a report, without the `task_info` of its tasks.

    Args:
        body: JSON that this module has written. A body without a task is returned unchanged.
    """
    if b'"task_info"' not in body:
        return body
    read = json.loads(body)
    payload = read.get("data", read)
    for task in payload if isinstance(payload, list) else [payload]:
        task.pop("task_info", None)
    return json.dumps(read, separators=(",", ":")).encode("ascii")


def _deduction(task: EmulatedTask, status: Status | None = None) -> str:
    """Return the member about units: taken when a task ends, and only for a success."""
    ended = task.status if status is None else status
    if ended not in TERMINAL:
        return ""
    units = task.plan.units if ended == "succeed" else _FREE
    return f',"final_unit_deduction":"{units.normalize():f}"'


def _info(task: EmulatedTask, origin: str | None = None) -> str:
    """Return `task_info`; without *origin*, for the reply to a create, it omits parent videos."""
    external_id, parent = task.plan.external_task_id, task.plan.parent_video
    own = f'"external_task_id":{_quote(external_id)}' if external_id else ""
    if parent is None or origin is None:
        return f"{{{own}}}"
    url = parent.url or video_url(origin, parent.id)
    parent_json = (
        f'"parent_video":{{"id":{_quote(parent.id)},"url":{_quote(url)},'
        f'"duration":"{parent.seconds}"}}'
    )
    return f"{{{own},{parent_json}}}" if own else f"{{{parent_json}}}"


def _result(task: EmulatedTask, origin: str) -> str:
    result = task.plan.result
    members = [f'"{name}":{_quote(value)}' for name, value in result.members]
    for result_list in result.lists:
        write = _ITEMS[OUTPUT_TYPES[result_list.key]]
        items = ",".join(
            [write(task, result_list, origin, index) for index in range(result_list.length)]
        )
        members.append(f'"{result_list.key}":[{items}]')
    return f"{{{','.join(members)}}}"


def _video(task: EmulatedTask, own: ResultList, origin: str, _index: int) -> str:
    if task.test_video is not None:
        video = task.test_video
        return (
            f'{{"id":{_quote(video.id)},"url":{_quote(video.url)},'
            f'"watermark_url":"","duration":{_quote(video.duration)}}}'
        )
    file = NamedFile("video", task.result_id("video"))
    length = f',"duration":"{task.plan.seconds}"' if task.plan.shows_duration else ""
    more = "".join([f',"{name}":{_quote(value)}' for name, value in own.members])
    return f'{{"id":"{file.result_id}"{more},{_urls(task, origin, file)}{length}}}'


def _image(task: EmulatedTask, own: ResultList, origin: str, index: int) -> str:
    first = NamedFile("image", task.result_id("image"), index * own.views)
    if own.views == 1:
        return f'{{"index":{index},{_urls(task, origin, first)}}}'
    urls = (
        f'"url_{view + 1}":{_quote(file_url(origin, first._replace(number=first.number + view)))}'
        for view in range(own.views)
    )
    return f'{{"index":{index},{",".join(urls)}}}'


def _audio(task: EmulatedTask, own: ResultList, origin: str, index: int) -> str:
    file = NamedFile("audio", task.result_id("audio"), index)
    members = "".join(
        f',"url_{suffix}":{_quote(file_url(origin, file._replace(suffix=suffix)))}'
        f',"duration_{suffix}":"{own.duration}"'
        for suffix in FILES["audio"].media_types
    )
    return f'{{"id":"{file.result_id}"{members}}}'


def _urls(task: EmulatedTask, origin: str, file: NamedFile) -> str:
    """Return the members with the URLs of an item; without a watermark where there never is one."""
    url, watermark = _quote(file_url(origin, file)), task.plan.watermark
    if watermark is None:
        return f'"url":{url}'
    marked = file_url(origin, file._replace(is_marked=True)) if watermark else ""
    return f'"url":{url},"watermark_url":{_quote(marked)}'


def voice_item(task: EmulatedTask, origin: str) -> str:
    """Return a voice; other interfaces show the same, unless something else was observed."""
    entry, voice_id = task.plan.entry, task.video_id
    name = "" if entry is None else entry.name
    return _named_voice(origin, voice_id, name, owner_of(task))


def _named_voice(origin: str, voice_id: str, name: str, owned_by: str) -> str:
    # An id that is not in a library does not have a sample to listen to.
    trial = file_url(origin, NamedFile("voice", voice_id)) if owned_by else ""
    return (
        f'{{"voice_id":{_quote(voice_id)},"voice_name":{_quote(name)},'
        f'"trial_url":{_quote(trial)},"owned_by":{_quote(owned_by)}}}'
    )


def element_item(task: EmulatedTask, origin: str) -> str:
    """Return an element; other interfaces show the same, unless something else was observed."""
    entry = task.plan.entry
    assert entry is not None  # noqa: S101 - what makes elements has one
    members = [
        f'"element_id":{task.video_id}',
        f'"element_name":{_quote(entry.name)}',
        f'"element_description":{_quote(entry.description)}',
        f'"reference_type":"{"video_refer" if entry.video else "image_refer"}"',
    ]
    if entry.images:
        frontal, *others = element_images(task, origin)
        refer = ",".join(f'{{"image_url":{_quote(url)}}}' for url in others)
        members.append(
            f'"element_image_list":{{"frontal_image":{_quote(frontal)},"refer_images":[{refer}]}}'
        )
    if entry.video:
        video = f'{{"refer_videos":[{{"video_url":{_quote(entry.video)}}}]}}'
        members.append(f'"element_video_list":{video}')
    if entry.voice is not None:
        members.append(f'"element_voice_info":{_named_voice(origin, *entry.voice)}')
    members += [
        f'"tag_list":{json.dumps(element_tags(entry), separators=(",", ":"))}',
        f'"owned_by":{_quote(owner_of(task))}',
        f'"status":"{"deleted" if task.deleted else "succeed"}"',
    ]
    return f"{{{','.join(members)}}}"


def element_images(task: EmulatedTask, origin: str) -> list[str]:
    """Return the URLs of an element's images, the frontal one first."""
    images = () if task.plan.entry is None else task.plan.entry.images
    return [
        url or file_url(origin, NamedFile("image", task.video_id, number))
        for number, url in enumerate(images)
    ]


def element_tags(entry: LibraryEntry) -> list[dict[str, str]]:
    """Return the tags of an element as replies show them."""
    return [{"id": tag, "name": ELEMENT_TAGS.get(tag, ""), "description": ""} for tag in entry.tags]


def listed_presets(tasks: Iterable[EmulatedTask], origin: str) -> str:
    """Return a page of items that every account has, as JSON: tasks without info or deductions."""
    presets = (
        f'{{"task_id":"{task.task_id}","task_status":"{task.status}","task_status_msg":"",'
        f'"task_result":{_result(task, origin)},'
        f'"created_at":{task.created},"updated_at":{task.updated}}}'
        for task in tasks
    )
    return f"[{','.join(presets)}]"


def page_of(query: str, max_page_size: int) -> tuple[int, int]:
    """Return number and size of the page that a query names.

    Args:
        query: The query string.
        max_page_size: The maximum size.

    Raises:
        Refusal: 400/1201, a number out of range.
    """
    parameters = dict(parse_qsl(query, keep_blank_values=True)) if query else {}
    return (
        _page_number("pageNum", parameters.get("pageNum"), PAGING["pageNum"][1]),
        _page_number("pageSize", parameters.get("pageSize"), max_page_size),
    )


#: Writers of items by type; their arguments: task, its list, origin of its URLs, index in the list.
_ITEMS: Mapping[OutputType, Callable[[EmulatedTask, ResultList, str, int], str]] = {
    "video": _video,
    "image": _image,
    "audio": _audio,
    "voice": lambda task, _own, origin, _index: voice_item(task, origin),
    "element": lambda task, _own, origin, _index: element_item(task, origin),
}

V1 = Interface(
    name="v1",
    task_routes=_task_routes,
    envelope=envelope,
    select=_select,
    created=_created,
    queried=_queried,
    listed=_listed,
    reported=_reported,
    without_external_id=_without_task_info,
    schemas=SCHEMAS,
)

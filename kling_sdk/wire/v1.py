"""The `/v1` interface of Kling: paths, bodies and replies.

Every reply is an envelope `{code, message, request_id, data}`. Source: the vendor's
endpoint pages and observed replies (several agree).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

import attrs

from kling_sdk.errors import RequestValidationError, TransportError
from kling_sdk.results.task import Image, Page, Response, Task, Video, audios_from
from kling_sdk.text.scalars import decimal, instant, object_of, objects_of, text
from kling_sdk.wire.messages import (
    HttpCall,
    NameKind,
    Reply,
    json_object,
    names_asked_path,
    no_answer,
    response_of,
    retry_after,
)
from kling_sdk.wire.refusals import api_error

if TYPE_CHECKING:
    from kling_sdk.endpoints.base import Request
    from kling_sdk.endpoints.raw import RawRequest
    from kling_sdk.endpoints.record import EndpointRecord, Library


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if attrs.has(type(value)):
        return _plain_fields(
            {field.name: getattr(value, field.name) for field in attrs.fields(type(value))}
        )
    return value


def _plain_fields(fields: Mapping[str, Any], *, is_text: bool = True) -> dict[str, Any]:
    body = {name: _plain(value) for name, value in fields.items() if value is not None}
    seconds = body.get("duration")
    if not is_text:
        return body
    # Text of videos, also within shots. A value that is not a number is sent unchecked.
    if type(seconds) is float or (type(seconds) is int and abs(seconds) < 10**9):
        body["duration"] = str(seconds)
    return body


def plain_body(
    request: Request | RawRequest, external_task_id: str
) -> tuple[dict[str, Any], Mapping[str, Any]]:
    """Return a request's fields in our vocabulary, and what it has in `extra_body`.

    An empty *external_task_id* is left out.
    """
    from kling_sdk.endpoints.raw import RawRequest  # a program that only reads needs none

    sent_id = {"external_task_id": external_task_id} if external_task_id else {}
    if isinstance(request, RawRequest):
        return {**request.body, **sent_id}, {}
    fields = request.parameters()
    extra = fields.pop("extra_body", {})
    is_text = request.record.duration_type == "text"
    body = {**_plain_fields(fields, is_text=is_text), **sent_id}
    if isinstance(body.get("watermark_info"), bool):
        body["watermark_info"] = {"enabled": body["watermark_info"]}
    return body, extra


def wire_body(request: Request | RawRequest, external_task_id: str) -> dict[str, Any]:
    """Return the JSON body of a create as relays take it: our vocabulary, whatever the model.

    Raises:
        RequestValidationError: JSON cannot carry a value.
    """
    from kling_sdk.endpoints.checks import require_json  # as above

    body, extra = plain_body(request, external_task_id)
    body |= extra
    require_json("", body)
    return body


#: The vendor's servers. Source: vendor pages and its own client (confidence high). The older
#: `api.klingai.com` was replaced by the one in Singapore.
REGIONS: Final = {
    "global": "https://api-singapore.klingai.com",
    "cn": "https://api-beijing.klingai.com",
}


class V1Wire:
    """Paths, bodies and replies of the vendor's servers; other interfaces differ in parts."""

    #: A name for logs and reprs.
    name: str = "kling"
    #: The interface's name, as in `Task.interface`.
    interface: str = "v1"
    #: Maximum number of tasks that one call queries by their ids.
    max_ids: int = 1
    #: The base URL when none is given.
    default_base_url: str = REGIONS["global"]
    #: Whether each attempt carries an `x-request-id`, which the server may repeat.
    sends_request_id: bool = False
    #: Maximum number of tasks on one page (vendor page).
    max_page_size: int = 500
    max_page: int = 1000
    #: Whether an id that another endpoint has used is looked up there, endpoint by endpoint.
    shares_external_ids: bool = True

    def create(self, request: Request | RawRequest, external_task_id: str) -> HttpCall:
        """Return the call that creates a task.

        Raises:
            RequestValidationError: JSON cannot carry a value, or /v1 has no word for one.
        """
        body = wire_body(request, external_task_id)
        is_ours = request.record.size_field == "mode"  # another name for it, unless it is theirs
        if is_ours and ("resolution" in body or "audio" in body):
            from kling_sdk.wire.translation import to_v1  # few requests need it

            body = to_v1(body, request.record)
        return HttpCall("POST", request.record.path, json=body)

    def get(
        self,
        record: EndpointRecord,
        task_id: str,
        kind: NameKind = "either",  # noqa: ARG002 - one path for ids of both kinds
    ) -> tuple[HttpCall, ...]:
        """Return the calls that read one task; the first that knows it counts. Here it is one."""
        path = f"{_known_path(record)}/{quote(checked_id(task_id), safe='')}"
        return (HttpCall("GET", path),)

    def list(
        self,
        record: EndpointRecord,
        page: int,
        page_size: int,
        after: str | None,  # noqa: ARG002 - its pages have numbers
    ) -> HttpCall:
        """Return the call that reads one page of tasks; *after* is a `Page.next_cursor`."""
        if not 1 <= page <= self.max_page:
            raise RequestValidationError("page", f"is {page}", f"1 to {self.max_page}")
        check_page_size(
            page_size, record.library.max_page_size if record.library else self.max_page_size
        )
        params: dict[str, str | int] = {"pageNum": page, "pageSize": page_size}
        return HttpCall("GET", _known_path(record), params=params)

    def delete(self, library: Library, item_id: str) -> HttpCall:
        """Return the call that deletes an item of a library."""
        return HttpCall("POST", library.delete, json={library.id_field: item_id})

    def account_costs(self, start_ms: int, end_ms: int, pack_name: str | None) -> HttpCall:
        """Return the call that reads the account's resource packs."""
        params: dict[str, str | int] = {"start_time": start_ms, "end_time": end_ms}
        if pack_name is not None:
            params["resource_pack_name"] = pack_name
        return HttpCall("GET", "/account/costs", params=params)

    def billing(self, kind: str, body: Mapping[str, Any]) -> HttpCall:
        """Return the call that reads the deductions from the `balance` or from a `package`."""
        return HttpCall("POST", f"/account/billing/{kind}", json=body)

    def data(self, reply: Reply) -> Any:
        """Return the envelope's `data`; see `payload`."""
        return self.payload(reply)[0]

    def payload(self, reply: Reply) -> tuple[Any, Response]:
        """Return the envelope's `data`, and the parts of the reply that are kept.

        Raises:
            KlingAPIError: the server refused, or failed (any HTTP 5xx).
            TransportError: the reply is not an envelope with a code. Such a page of a gateway says
                nothing about the request, whatever its HTTP status.
        """
        try:
            envelope = json_object(reply)
        except TransportError:
            if reply.status < 500:
                raise
            envelope = {}
        code = _code(envelope.get("code"))
        if reply.status < 300 and code == 0:
            return envelope.get("data"), response_of(reply, envelope)
        unknown_path = names_asked_path(reply, envelope)
        if reply.status < 500 and not code and not unknown_path:
            raise no_answer(reply, "without the code of an envelope")
        request_id = text(envelope.get("request_id"))
        error = api_error(
            text(envelope.get("message")) or f"HTTP {reply.status} without a message",
            code=code if code is not None and abs(code) < 10**9 else 0,
            http_status=reply.status,
            request_id=request_id,
            retry_after=retry_after(reply),
            complete=bool(request_id) or unknown_path,
        )
        envelope = {}  # it may quote a prompt, and a frame of the error would show it
        raise error

    def read(self, data: object, endpoint: str, response: Response) -> Task:
        """Return a task from the interface's object; see `task_from`."""
        return task_from(data, endpoint, response)

    def created(self, reply: Reply, record: EndpointRecord) -> Task:
        """Return the task in a reply to create."""
        data, response = self.payload(reply)
        return self.read(data, record.name, response)

    def task(self, reply: Reply, record: EndpointRecord) -> Task:
        """Return the task in a reply to get."""
        return self.created(reply, record)

    def read_all(
        self, reply: Reply, record: EndpointRecord, data: object, response: Response
    ) -> tuple[Task, ...]:
        """Return the tasks of a page."""
        if not isinstance(data, list):
            raise TransportError(f"HTTP {reply.status}: a page without a list of tasks")
        return tuple(self.read(item, record.name, response) for item in data)

    def page(self, reply: Reply, record: EndpointRecord, page: int, page_size: int) -> Page:
        """Return the tasks in a reply to list.

        The reply has no total, so a full page means that another may follow.
        """
        tasks = self.read_all(reply, record, *self.payload(reply))
        more = len(tasks) >= page_size and page < self.max_page
        return Page(tasks, page, page_size, has_next=more)


def _code(value: object) -> int | None:
    """Return a service code, which gateways also send as text."""
    if isinstance(value, str) and re.fullmatch("[0-9]{1,9}", value):
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def check_page_size(page_size: int, maximum: int) -> None:
    """Raise `RequestValidationError` unless a page may have this many items."""
    if not 1 <= page_size <= maximum:
        raise RequestValidationError("page_size", f"is {page_size}", f"1 to {maximum}")


def _known_path(record: EndpointRecord) -> str:
    if not record.path:
        raise RequestValidationError(
            "task.endpoint", f"is {record.name!r}, which is not known here", "a known endpoint"
        )
    return record.path


#: Halves of surrogate pairs, which no text that was read from a server or a file has.
_HALVES: Final = "[\ud800-\udfff]"


def checked_id(task_id: str, field: str = "task_id") -> str:
    """Return an id that can stand in a URL path, or raise `RequestValidationError`."""
    argument: object = task_id  # a caller may not run a type checker
    is_text = isinstance(argument, str) and (argument.isascii() or not re.search(_HALVES, argument))
    if not is_text or not task_id.strip(". ") or len(task_id) > 200:
        expected = "a task id or external id as text" if field == "task_id" else "its name"
        raise RequestValidationError(field, "is empty, too long or not text", expected)
    return task_id


def task_from(data: object, endpoint: str = "", response: Response | None = None) -> Task:
    """Return a task from the vendor's object, whatever else it holds.

    Raises:
        TransportError: it lacks a task id or a status, so it does not identify a task.
    """
    if not isinstance(data, dict):
        raise TransportError(f"a task that is a {type(data).__name__}, not an object")
    raw: dict[str, Any] = data
    task_id, status = text(raw.get("task_id")), text(raw.get("task_status"))
    if not task_id or not status:
        raise TransportError("a task without task_id or task_status")
    external = object_of(raw.get("task_info")).get("external_task_id")
    result = raw.get("task_result")
    return Task(
        task_id=task_id,
        status=status,
        # The documents put it inside task_info; some replies carry it at the top.
        external_task_id=text(external) or text(raw.get("external_task_id")) or None,
        status_msg=text(raw.get("task_status_msg")),
        **(_results_from(object_of(result)) if result else {}),  # a new task has none
        created_at=instant(raw.get("created_at")),
        updated_at=instant(raw.get("updated_at")),
        units=decimal(raw.get("final_unit_deduction")),
        endpoint=endpoint,
        interface="v1",
        raw=raw,
        response=response,
    )


def _results_from(result: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a `Task` that a `task_result` has."""
    return {
        "videos": videos_from(objects_of(result.get("videos"))),
        "images": images_from(result),
        "series_images": images_from(result, "series_images"),
        "audios": audios_from(result.get("audios")),
        **library_items(result.get("voices"), result.get("elements")),
    }


def videos_from(items: Iterable[Mapping[str, Any]]) -> tuple[Video, ...]:
    """Return the videos of a reply; entries without a URL are left out."""
    return tuple(
        Video(
            id=text(item.get("id")),
            url=url,
            duration=decimal(item.get("duration")),
            watermark_url=text(item.get("watermark_url")) or None,
            raw=item,
        )
        for item in items
        if (url := text(item.get("url")))
    )


def images_from(result: object, key: str = "images") -> tuple[Image, ...]:
    """Return the pictures of a `task_result`; entries without a URL are left out.

    Args:
        result: The object.
        key: The key of one of its lists.
    """
    items = objects_of(object_of(result).get(key))
    if not items:  # as of most tasks
        return ()
    return tuple(
        Image(
            url=url,
            index=index if isinstance(index := item.get("index"), int) else None,
            watermark_url=text(item.get("watermark_url")) or None,
            raw=item,
            view=view,
        )
        for item in items
        for name, view in _URLS
        if (url := text(item.get(name)))
    )


#: The keys of a picture's URLs, and the view of each: ai-multi-shot has three of an index.
_URLS: Final = (("url", None), *((f"url_{view}", view) for view in range(1, 4)))


def library_items(voices: object, elements: object) -> dict[str, Any]:
    """Return the fields of a `Task` that are items of a library, from the lists of a reply."""
    if not voices and not elements:
        return {}
    from kling_sdk.results.library_items import elements_from, voices_from  # most tasks have none

    return {"voices": voices_from(voices), "elements": elements_from(elements)}

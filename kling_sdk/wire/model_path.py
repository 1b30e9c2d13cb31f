"""The interface with the model in the path: `POST /text-to-video/kling-3.0`, and `/tasks`.

Envelope and codes are those of `/v1`. A task is `{id, status, message, create_time, update_time,
external_id, outputs, billing}` whatever the product, and is read at `/tasks`. Source: the vendor's
pages as copied 2026-09-20, and what one account observed until 2026-10 (confidence medium).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Context, Decimal
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from kling_sdk.errors import NotFoundError, RequestValidationError, TransportError
from kling_sdk.results.task import Image, Page, Response, Subtitles, Task, audios_from
from kling_sdk.text.scalars import decimal, instant, objects_of, text
from kling_sdk.wire.messages import HttpCall, NameKind, Reply
from kling_sdk.wire.v1 import (
    V1Wire,
    check_page_size,
    checked_id,
    library_items,
    plain_body,
    videos_from,
)

if TYPE_CHECKING:
    from kling_sdk.endpoints.base import Request
    from kling_sdk.endpoints.raw import RawRequest
    from kling_sdk.endpoints.record import EndpointRecord

#: Statuses that have another word than on /v1.
_STATUSES: Final = {"succeeded": "succeed"}
# Exact for any sum of the numbers in a body, whatever the program's own context rounds to.
_EXACT: Final = Context(prec=100)


class ModelPathWire(V1Wire):
    """Paths, bodies and replies of the interface with the model in the path."""

    name: str = "kling"
    interface: str = "model-path"
    #: The path at which tasks of every product are queried and listed.
    path: str = "/tasks"
    #: Maximum number of tasks that one call queries by their ids (observed: a 21st is refused).
    max_ids: int = 20

    def create(self, request: Request | RawRequest, external_task_id: str) -> HttpCall:
        """Return the call that creates a task.

        Raises:
            RequestValidationError: the body has no place for a field, or the id contains a comma
                and could not be queried.
        """
        from kling_sdk.endpoints.checks import require_json  # a program that only reads needs none
        from kling_sdk.endpoints.interfaces import model_path_name_of
        from kling_sdk.wire.translation import to_model_path

        if not request.model:
            raise RequestValidationError(
                "model_name", "is missing", "the model, which the path contains"
            )
        if "," in external_task_id:
            raise RequestValidationError(
                "external_task_id", "has a comma", "an id without one: /tasks takes lists of ids"
            )
        record = request.record
        limits = record.limits_of(model_path_name_of(request.model))
        body, extra = plain_body(request, external_task_id)
        body = to_model_path(body, record, limits, extra)
        require_json("", body)
        model = quote(checked_id(request.model, "model_name"), safe="")
        return HttpCall("POST", f"/{record.product}/{model}", json=body, needs_api_key=True)

    def get(
        self,
        record: EndpointRecord,  # noqa: ARG002 - one path for all products
        task_id: str,
        kind: NameKind = "either",
    ) -> tuple[HttpCall, ...]:
        """Return the calls that read one task, the likelier first."""
        checked_id(task_id)
        if kind == "either":
            # A task id has 18 digits; an external id may have 18 too, so both kinds are tried.
            kinds: tuple[NameKind, ...] = ("external_id", "task_id")
            if looks_like_task_id(task_id):
                kinds = ("task_id", "external_id")
        else:
            kinds = (kind,)
        return tuple(self.get_many([task_id], name_kind) for name_kind in kinds)

    def get_many(self, names: Iterable[str], kind: NameKind) -> HttpCall:
        """Return the call that reads up to 20 tasks, all named by the same kind of id."""
        parameter = "external_task_ids" if kind == "external_id" else "task_ids"
        return HttpCall("GET", self.path, params={parameter: ",".join(names)}, needs_api_key=True)

    def list(
        self,
        record: EndpointRecord,  # noqa: ARG002 - one list for all products
        page: int,
        page_size: int,
        after: str | None,
    ) -> HttpCall:
        """Return the call that reads the page behind the cursor *after* (None: the newest)."""
        if page > 1 and after is None:
            raise RequestValidationError(
                "page", f"is {page} at {self.path}", "page 1, or iter(): its pages have cursors"
            )
        return self.search({"cursor": after} if after is not None else {}, page_size)

    def search(self, body: Mapping[str, Any], page_size: int) -> HttpCall:
        """Return the call that reads a page of tasks of all products."""
        check_page_size(page_size, self.max_page_size)
        return HttpCall("POST", self.path, json={**body, "limit": page_size}, needs_api_key=True)

    def read(self, data: object, endpoint: str, response: Response) -> Task:
        """Return a task from the interface's object; see `task_from`."""
        return task_from(data, endpoint, self.interface, response)

    def task(self, reply: Reply, record: EndpointRecord) -> Task:
        """Return the only task in a reply to get.

        Raises:
            NotFoundError: the list is empty: ids that are not known are left out.
        """
        data, response = self.payload(reply)
        if not isinstance(data, list):
            raise TransportError(f"HTTP {reply.status} without a list of tasks")
        if not data:
            raise NotFoundError(
                "the server does not know a task with this id",
                code=0,
                http_status=reply.status,
                request_id=response.request_id,
                retryable=False,
                is_refusal=True,
            )
        return self.read(data[0], record.name, response)

    def tasks(self, reply: Reply, record: EndpointRecord) -> tuple[Task, ...]:
        """Return the tasks in a reply to `get_many`."""
        data, response = self.payload(reply)
        if not isinstance(data, list):
            raise TransportError(f"HTTP {reply.status} without a list of tasks")
        return tuple(self.read(item, record.name, response) for item in data)

    def page(self, reply: Reply, record: EndpointRecord, page: int, page_size: int) -> Page:
        """Return the tasks in a reply to list."""
        data, response = self.payload(reply)
        # A page without tasks was seen to have no list.
        items = data.get("result") or [] if isinstance(data, dict) else None
        tasks = self.read_all(reply, record, items, response)
        cursor = text(data.get("next_cursor")) or None
        more = cursor is not None and data.get("has_more") is not False
        return Page(tasks, page, page_size, has_next=more, next_cursor=cursor if more else None)


MODEL_PATH: Final = ModelPathWire()


def looks_like_task_id(name: str) -> bool:
    """Return whether a name has the form of the vendor's ids."""
    return len(name) >= 15 and name.isascii() and name.isdigit()


def task_from(
    data: object,
    endpoint: str = "",
    interface: str = "model-path",
    response: Response | None = None,
) -> Task:
    """Return a task from the vendor's object, whatever else it holds.

    Args:
        data: The object.
        endpoint: The endpoint that made the task; "" when that is not known.
        interface: The interface at which it is queried.
        response: The reply that has it.

    Raises:
        TransportError: it lacks an id or a status, so it does not identify a task.
    """
    if not isinstance(data, dict):
        raise TransportError(f"a task that is a {type(data).__name__}, not an object")
    raw: dict[str, Any] = data
    # One page of `/solutions` shows `task_id` in the reply to a create.
    task_id, status = text(raw.get("id")) or text(raw.get("task_id")), text(raw.get("status"))
    if not task_id or not status:
        raise TransportError("a task without id or status")
    return Task(
        task_id=task_id,
        status=_STATUSES.get(status, status),
        external_task_id=text(raw.get("external_id")) or None,
        status_msg=text(raw.get("message")),
        videos=videos_from(_of_kind(raw.get("outputs"), "video")),
        images=tuple(_images(raw.get("outputs"))),
        audios=audios_from(_of_kind(raw.get("outputs"), "audio")),
        subtitles=tuple(_subtitles(raw.get("outputs"))),
        # For a task of /v1; it is assumed that they look as they do there.
        **library_items(
            _of_kind(raw.get("outputs"), "voice"), _of_kind(raw.get("outputs"), "element")
        ),
        created_at=instant(raw.get("create_time")),
        updated_at=instant(raw.get("update_time")),
        units=_package_units(raw.get("billing")),
        endpoint=endpoint,
        interface=interface,
        raw=raw,
        response=response,
    )


#: The kinds of the outputs of `/solutions` whose type is a word of their own.
_KINDS: Final = {
    "product_video": "video",
    "subbed_video": "video",
    "product_image": "image",
    "model_images": "image",
    "srt": "subtitles",
    "ass": "subtitles",
}


def _of_kind(outputs: object, kind: str) -> list[Mapping[str, Any]]:
    """Return the outputs of a kind; a video need not say that it is one."""
    return [item for item in objects_of(outputs) if _kind_of(item.get("type", "video")) == kind]


def _kind_of(word: object) -> object:
    return _KINDS.get(word, word) if isinstance(word, str) else word


def _outputs(outputs: object, kind: str) -> Iterable[tuple[str, Mapping[str, Any]]]:
    """Yield URL and object of each output of a kind."""
    for item in _of_kind(outputs, kind):
        if url := text(item.get("url")):
            yield url, item


def _images(outputs: object) -> Iterable[Image]:
    for number, (url, item) in enumerate(_outputs(outputs, "image")):
        yield Image(
            url=url,
            index=number,
            watermark_url=text(item.get("watermark_url")) or None,
            raw=item,
        )


def _subtitles(outputs: object) -> Iterable[Subtitles]:
    for url, item in _outputs(outputs, "subtitles"):
        yield Subtitles(url=url, format=text(item.get("type")), raw=item)


def _package_units(billing: object) -> Decimal | None:
    """Return the units that packages paid, summed; None unless they paid all of it.

    An item of another kind, such as one paid from the balance, has an amount of money and no
    units, so a sum over the rest would be too small.
    """
    amounts: list[Decimal] = []
    for item in objects_of(billing):
        amount = decimal(item.get("amount"))
        if item.get("package_type"):
            if amount is None:
                return None
            amounts.append(amount)
        elif item.get("amount") is not None and amount != 0:
            return None
    if not amounts:
        return None
    total = Decimal(0)
    for amount in amounts:
        total = _EXACT.add(total, amount)
    return total

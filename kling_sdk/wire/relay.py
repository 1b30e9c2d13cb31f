"""A one-api style relay in front of Kling: flat replies, keyset pages.

Bodies: `{"task_id", "kling_task_id", "status", "video_url", "duration", "fail_reason"}`,
empty text where unknown; also `images` or `series_images` for pictures, `audios` for sounds.
Errors: `{"error": {"message", "type", "code"}}`, with Kling's own code kept where Kling refused.
Source: this project's relay.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from kling_sdk.errors import RequestValidationError, TransportError
from kling_sdk.results.task import Page, Response, Task, Video, audios_from
from kling_sdk.text.scalars import decimal, instant, object_of, text
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
from kling_sdk.wire.v1 import V1Wire, check_page_size, checked_id, images_from, wire_body

if TYPE_CHECKING:
    from kling_sdk.endpoints.base import Request
    from kling_sdk.endpoints.raw import RawRequest
    from kling_sdk.endpoints.record import EndpointRecord, Library

_ROOT = "/kling/v1/videos"


class RelayWire(V1Wire):
    """Paths, bodies and replies of a relay."""

    name: str = "relay"
    interface: str = "relay"
    max_ids: int = 1
    default_base_url: str = "http://127.0.0.1:3000"
    max_page_size: int = 100
    sends_request_id: bool = True
    #: A relay finds an id whatever the endpoint, and reports a conflict itself.
    shares_external_ids: bool = False

    def create(self, request: Request | RawRequest, external_task_id: str) -> HttpCall:
        """Return the call that creates a task.

        Raises:
            RequestValidationError: JSON cannot carry a value, or a relay does not serve the
                endpoint.
        """
        _require_served(request.record)
        body = wire_body(request, external_task_id)
        return HttpCall("POST", f"{_ROOT}/{request.endpoint}", json=body)

    def get(
        self,
        record: EndpointRecord,
        task_id: str,
        kind: NameKind = "either",  # noqa: ARG002 - and for ids of both kinds
    ) -> tuple[HttpCall, ...]:
        """Return the calls that read one task, by task id or external id: here always one."""
        _require_served(record)
        return (HttpCall("GET", f"{_ROOT}/{quote(checked_id(task_id), safe='')}"),)

    def list(
        self,
        record: EndpointRecord,
        page: int,
        page_size: int,
        after: str | None,
    ) -> HttpCall:
        """Return the call that reads the page behind the key *after* (None: the newest).

        There is one list for all endpoints that a relay serves.
        """
        _require_served(record)
        if page > 1 and after is None:
            raise RequestValidationError(
                "page", f"is {page} on a relay", "page 1, or iter(): a relay's pages have keys"
            )
        return self.search({} if after is None else {"before": after}, page_size)

    def search(self, params: Mapping[str, str | int], page_size: int) -> HttpCall:
        """Return the call that reads a page of the tasks that *params* choose."""
        check_page_size(page_size, self.max_page_size)
        return HttpCall("GET", _ROOT, params={"limit": page_size, **params})

    def delete(self, library: Library, item_id: str) -> HttpCall:  # noqa: ARG002 - the protocol's signature
        """Raise an error: the libraries of a relay's accounts do not belong to its users."""
        raise _not_served(
            f"{library.item}s", "is a library of one account, and a relay may have several"
        )

    def account_costs(self, start_ms: int, end_ms: int, pack_name: str | None) -> HttpCall:  # noqa: ARG002 - the protocol's signature
        """Raise an error: a relay bills its own users and does not show an account of Kling."""
        raise _no_account("costs")

    def billing(self, kind: str, body: Mapping[str, Any]) -> HttpCall:  # noqa: ARG002 - the protocol's signature
        """Raise an error, as `account_costs` does."""
        raise _no_account("packages" if kind == "package" else kind)

    def payload(self, reply: Reply) -> tuple[Any, Response]:
        """Return the reply's object, and the parts of the reply that are kept.

        Raises:
            KlingAPIError: the relay, or Kling behind it, refused or failed (any HTTP 5xx).
            TransportError: the reply is neither a JSON object nor an error of a relay, which
                has a `type` and a `code`. Such a page says nothing about the request.
        """
        try:
            body = json_object(reply)
        except TransportError:
            if reply.status < 500:
                raise
            body = {}
        if reply.status < 300 and "error" not in body:
            return body, response_of(reply, body)
        detail = object_of(body.get("error"))
        complete = bool(text(detail.get("type"))) and isinstance(detail.get("code"), str | int)
        unknown_path = names_asked_path(reply, body)
        if reply.status < 500 and not complete and not unknown_path:
            raise no_answer(reply, "without an error's type and code")
        code = decimal(detail.get("code"))
        error = api_error(
            text(detail.get("message")) or f"HTTP {reply.status} without a message",
            code=int(code) if code is not None and abs(code) < 10**9 else 0,
            relay_code=text(detail.get("code")),
            http_status=reply.status,
            request_id=text(detail.get("request_id")) or reply.headers.get("x-request-id", ""),
            retry_after=retry_after(reply),
            complete=complete or unknown_path,
        )
        # They may quote a prompt, and a frame of the error would show it.
        body = detail = {}
        raise error

    def read(self, data: object, endpoint: str, response: Response) -> Task:
        """Return a task from a relay's object."""
        if not isinstance(data, dict):
            raise TransportError(f"a task that is a {type(data).__name__}, not an object")
        raw: dict[str, Any] = data
        task_id, status = text(raw.get("task_id")), text(raw.get("status"))
        if not task_id or not status:
            raise TransportError("a task without task_id or status")
        images, series = images_from(raw), images_from(raw, "series_images")
        audios = audios_from(raw.get("audios"))
        url = text(raw.get("video_url"))
        # Without a video it is the URL of the first other result.
        if images or series or any(audio.url == url for audio in audios):
            url = ""
        video = Video(id="", url=url, duration=decimal(raw.get("duration")), raw=raw)
        return Task(
            task_id=task_id,
            status=status,
            external_task_id=text(raw.get("external_task_id")) or None,
            status_msg=text(raw.get("fail_reason")),
            videos=(video,) if url else (),
            images=images,
            series_images=series,
            audios=audios,
            created_at=instant(raw.get("created_at"), per_second=1),
            updated_at=instant(raw.get("updated_at"), per_second=1),
            endpoint=endpoint,
            interface="relay",
            kling_task_id=text(raw.get("kling_task_id")) or None,
            raw=raw,
            response=response,
        )

    def page(self, reply: Reply, record: EndpointRecord, page: int, page_size: int) -> Page:
        """Return the tasks in a reply to list."""
        body, response = self.payload(reply)
        tasks = self.read_all(reply, record, body.get("data"), response)
        key = before if isinstance(before := body.get("next_before"), int) else None
        return Page(
            tasks,
            page,
            page_size,
            next_before=key,
            has_next=key is not None,
            next_cursor=None if key is None else str(key),
        )


RELAY: Final = RelayWire()


def _require_served(record: EndpointRecord) -> None:
    if not record.is_on_relays:
        raise _not_served(record.attribute, record.not_on_relays)


def _not_served(name: str, reason: str) -> RequestValidationError:
    return RequestValidationError(name, reason, "a client of Kling")


def _no_account(name: str) -> RequestValidationError:
    return RequestValidationError(
        f"account.{name}", "is not served by a relay", "a client of Kling"
    )

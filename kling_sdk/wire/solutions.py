"""`/solutions`: ready-made products, such as a video in which a person presents goods.

Envelope, codes and tasks are those of the interface with the model in the path; the query and the
list are its own. Source: one copy of each of the vendor's Chinese pages, undated, of 2026-09-15 or
later (confidence medium). No reply of theirs was observed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from kling_sdk.errors import RequestValidationError
from kling_sdk.wire.messages import HttpCall
from kling_sdk.wire.model_path import ModelPathWire
from kling_sdk.wire.translation import merged
from kling_sdk.wire.v1 import plain_body

if TYPE_CHECKING:
    from kling_sdk.endpoints.base import Request
    from kling_sdk.endpoints.raw import RawRequest
    from kling_sdk.endpoints.record import ContentItem, EndpointRecord

#: Parameters that are options, by the same name there.
_OPTIONS: Final = ("callback_url", "external_task_id")
#: Keys that a body written by the caller may have in the vendor's own form.
_OWN: Final = ("contents", "settings", "options")


class SolutionsWire(ModelPathWire):
    """Paths, bodies and replies of `/solutions`."""

    interface: str = "solutions"
    path: str = "/solutions"

    def create(self, request: Request | RawRequest, external_task_id: str) -> HttpCall:
        """Return the call that creates a task.

        Raises:
            RequestValidationError: the id contains a comma and could not be queried.
        """
        from kling_sdk.endpoints.checks import require_json  # a program that only reads needs none

        if "," in external_task_id:
            raise RequestValidationError(
                "external_task_id",
                "has a comma",
                "an id without one: /solutions takes lists of ids",
            )
        parameters, extra = plain_body(request, external_task_id)
        body = merged(_body(parameters, request.record), extra)
        require_json("", body)
        return HttpCall("POST", request.record.path, json=body, needs_api_key=True)


SOLUTIONS_WIRE: Final = SolutionsWire()


def _body(parameters: Mapping[str, Any], record: EndpointRecord) -> dict[str, Any]:
    """Return the body of a request of these *parameters*."""
    contents = [
        item
        for content in record.contents
        for item in _items(content, parameters.get(content.parameter))
    ]
    options = {name: parameters[name] for name in _OPTIONS if name in parameters}
    assert record.solution is not None  # noqa: S101 - every endpoint of this interface has one
    if record.solution.watermark and "watermark_info" in parameters:
        options[record.solution.watermark] = parameters["watermark_info"]
    placed = {content.parameter for content in record.contents}.union(
        _OPTIONS, _OWN, ("watermark_info",)
    )
    settings = {name: value for name, value in parameters.items() if name not in placed}
    body: dict[str, Any] = {"contents": contents}
    body |= {"settings": settings} if settings else {}
    body |= {"options": options} if options else {}
    return merged(body, {name: parameters[name] for name in _OWN if name in parameters})


def _items(content: ContentItem, value: Any) -> Iterator[dict[str, Any]]:
    """Yield the items of `contents` that a parameter becomes."""
    values: Iterable[Any] = value if isinstance(value, list | tuple) else [value]
    for member in values:
        if member is not None:
            own = member if isinstance(member, Mapping) else {content.key: member}
            yield {"type": content.type, **own}

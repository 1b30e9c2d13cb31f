"""A request whose body is written by the caller, in the vendor's form."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from kling_sdk.endpoints import request_class
from kling_sdk.endpoints._index import CLASSES
from kling_sdk.endpoints.base import check_external_id
from kling_sdk.endpoints.interfaces import Interface
from kling_sdk.endpoints.record import EndpointRecord
from kling_sdk.endpoints.values import hider_of
from kling_sdk.errors import RequestValidationError
from kling_sdk.text.hidden import public

__all__ = ["RawRequest"]


@attrs.frozen
class RawRequest:
    """A create's body as it goes over the wire; nothing in it is checked but its id.

    Attributes:
        record: The endpoint.
        body: The body's fields, by the vendor's names: those of /v1 for every model, with
            `resolution` and `audio` beside them, and those of the model's own interface.
        interface: Which interface takes it; None for the one that the model's name belongs to.
    """

    record: EndpointRecord
    body: Mapping[str, Any] = attrs.field(repr=False)
    interface: Interface | None = None

    def __attrs_post_init__(self) -> None:
        external_id: object = self.external_task_id
        if external_id is not None:
            if not isinstance(external_id, str):
                raise RequestValidationError(
                    "external_task_id", f"is a {type(external_id).__name__}", "text"
                )
            check_external_id(external_id)
        # All its texts are private, except those that a field of the endpoint shows.
        name = self.record.name
        fields = attrs.fields_dict(request_class(name)) if name in CLASSES else {}
        body = {
            key: hider_of(fields.get(key))(public(value) if key in fields else value)
            for key, value in self.body.items()
        }
        object.__setattr__(self, "body", body)  # attrs' own way to complete a frozen instance

    @property
    def external_task_id(self) -> str | None:
        """The caller's own id of the task, or None."""
        options = self.body.get("options")  # of the interfaces after /v1
        inner = options.get("external_task_id") if isinstance(options, Mapping) else None
        own: str | None = self.body.get("external_task_id")
        return inner if own is None else own

    @property
    def endpoint(self) -> str:
        """The endpoint's name, such as `text2video`."""
        return self.record.name

    @property
    def model(self) -> str:
        """The model, or "" when the body names none."""
        name = self.body.get("model_name")
        return name if isinstance(name, str) else ""

"""`POST /v1/images/kolors-virtual-try-on`: a person in other clothes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, Final

import attrs

from kling_sdk.endpoints import checks, converters
from kling_sdk.endpoints.base import Request
from kling_sdk.endpoints.from_facts import from_facts
from kling_sdk.endpoints.models import IMAGE_TIMEOUT, model_limits
from kling_sdk.endpoints.record import EndpointRecord
from kling_sdk.facts.products.virtual_try_on import MODELS, REQUEST

__all__ = ["VirtualTryOn"]


def _features(_parameters: Mapping[str, Any]) -> Iterator[str]:
    """Yield nothing: the models differ in what may be in a picture, which is not checked."""
    return iter(())


_RECORD: Final = EndpointRecord(
    name="virtual-try-on",
    path=REQUEST.path,
    fields=REQUEST.fields,
    result="images",
    wait_timeout=IMAGE_TIMEOUT,
    default_model="kolors-virtual-try-on-v1-5",
    models=model_limits(*MODELS),
    features=_features,
)


@attrs.frozen(kw_only=True, field_transformer=from_facts)
class VirtualTryOn(Request):
    """A person in other clothes: `POST /v1/images/kolors-virtual-try-on`.

    Source: the vendor's page, two copies (confidence high). Beta: it may be withdrawn. A partner
    says that it ends on 2026-09-15; the vendor's log of that day says that a newer engine takes
    its parameters; it still responded on 2026-09-28.

    Attributes:
        human_image: The person; sources and limits as `ImageToVideo.image`.
        cloth_image: The garment: upper, lower or a dress; `kolors-virtual-try-on-v1-5` takes an
            upper and a lower one in one picture too. Other pairs fail.
        model_name: Always sent. Known: `kolors-virtual-try-on-v1-5`, `kolors-virtual-try-on-v1`.
        external_task_id: Your own id of the task, unique in the account; None generates one.
        callback_url: Where the vendor posts each change of status: an http(s) URL.
        extra_body: Further fields of the body, by the vendor's names, merged in last.
        interface: `v1`; the other interface has no pictures.
        check: False to check nothing before it is sent; see `Request`.

    Raises:
        RequestValidationError: a field is unknown, missing, of a wrong type, or breaks a
            limit of a known model.
    """

    record: ClassVar[EndpointRecord] = _RECORD

    human_image: str = attrs.field(converter=converters.needed_image)
    cloth_image: str = attrs.field(converter=converters.needed_image)
    model_name: str = attrs.field(default=_RECORD.default_model, validator=checks.required_text())

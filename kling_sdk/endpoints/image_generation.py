"""`POST /v1/images/generations`: pictures from words, or from a picture."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, Final

import attrs

from kling_sdk.endpoints import checks, converters
from kling_sdk.endpoints.base import Request, Rules
from kling_sdk.endpoints.from_facts import from_facts
from kling_sdk.endpoints.models import IMAGE_TIMEOUT, model_limits
from kling_sdk.endpoints.record import EndpointRecord, common_features
from kling_sdk.endpoints.values import (
    ElementReference,
    ImageAspectRatio,
    ImageReference,
    ImageResolution,
)
from kling_sdk.facts.products.image_generation import MODELS, REQUEST

__all__ = ["ImageGeneration"]

MAX_REFERENCES: Final = 10  # pictures and elements


def _features(parameters: Mapping[str, Any]) -> Iterator[str]:
    """Yield what a request asks for: the common features, and what it does with a picture."""
    yield from common_features(parameters)
    for name in ("image", "image_reference", "image_fidelity", "human_fidelity"):
        if parameters.get(name) is not None:
            yield name
    if parameters.get("image_reference") == "subject":
        yield "subject_reference"


_RECORD: Final = EndpointRecord(
    name="image-generation",
    path=REQUEST.path,
    fields=REQUEST.fields,
    result="images",
    wait_timeout=IMAGE_TIMEOUT,
    default_model="kling-v3",
    default_mode="1k",
    size_field="resolution",
    models=model_limits(*MODELS),
    features=_features,
    situations=frozenset({"subject_reference"}),
)


def _references(request: Any) -> checks.Problems:
    """A picture and elements are 10 together at most."""
    elements = len(request.element_list or ())
    count = elements + (request.image is not None)
    if count > MAX_REFERENCES:
        yield "element_list", f"and image are {count} references", f"at most {MAX_REFERENCES}"


@attrs.frozen(kw_only=True, field_transformer=from_facts)
class ImageGeneration(Request):
    """Pictures from words, or from a picture: `POST /v1/images/generations`.

    Source: the vendor's page of 2026-09, two copies (confidence high where nothing else is
    said). `kling-v2`, `kling-v2-new`, `kling-v1-5` and `kling-v1` were dropped from it (beta: one
    condensed copy of older pages).

    Attributes:
        prompt: What to show, 1 to 2500 characters.
        model_name: Always sent. Known: `kling-v3`, `kling-v2-1`, `kling-v2`,
            `kling-v2-new` (another style of `image`), `kling-v1-5`, `kling-v1`.
        negative_prompt: What to avoid, at most 2500 characters; not with `image`.
        image: A picture to start from; sources and limits as `ImageToVideo.image`.
        image_reference: What to take from `image`: `subject` or `face` (exactly one face);
            `kling-v2-1`, `kling-v1-5` (which needs it with a picture; beta). None: the whole
            picture.
        image_fidelity: How close to stay to `image`, 0 to 1; `kling-v2-1` (older models: beta).
            None: 0.5.
        human_fidelity: How close to stay to the face, 0 to 1, with `image_reference` subject;
            `kling-v2-1` (older models: beta). None: 0.45.
        element_list: Elements, as ids or objects; with `image` at most 10. `kling-v3`.
        resolution: `1k` or `2k` (`kling-v2-new`, `kling-v1-5`, `kling-v1`: `1k`). None: `1k`.
        n: How many pictures, 1 to 9. None: 1.
        aspect_ratio: `16:9`, `9:16`, `1:1`, `4:3`, `3:4`, `3:2`, `2:3` or `21:9`. None: `16:9`.
        external_task_id: Your own id of the task, unique in the account; None generates one.
        callback_url: Where the vendor posts each change of status: an http(s) URL.
        extra_body: Further fields of the body, by the vendor's names, merged in last.
        interface: `v1`; the other interface has no pictures.
        check: False to check nothing before it is sent; see `Request`.
        watermark_info: True to get a second copy with a watermark.

    Raises:
        RequestValidationError: a field is unknown, missing, of a wrong type, or breaks a
            limit of a known model.
    """

    record: ClassVar[EndpointRecord] = _RECORD
    rules: ClassVar[Rules] = (_references,)

    prompt: str
    model_name: str = attrs.field(default=_RECORD.default_model, validator=checks.required_text())
    negative_prompt: str | None = None
    image: str | None = attrs.field(default=None, converter=converters.optional_image)
    image_reference: ImageReference | str | None = None
    image_fidelity: float | None = None
    human_fidelity: float | None = None
    element_list: tuple[ElementReference, ...] | None = attrs.field(
        default=None, converter=converters.to_elements, validator=checks.items(1, MAX_REFERENCES)
    )
    resolution: ImageResolution | str | None = attrs.field(
        default=None, validator=checks.one_of(ImageResolution)
    )
    n: int | None = attrs.field(default=None, converter=converters.to_count)
    aspect_ratio: ImageAspectRatio | str | None = None
    watermark_info: bool | None = attrs.field(
        default=None, converter=converters.to_watermark, validator=checks.flag
    )

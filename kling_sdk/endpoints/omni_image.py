"""`POST /v1/images/omni-image`: pictures from words and references."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, Final

import attrs

from kling_sdk.endpoints import checks, converters
from kling_sdk.endpoints.base import Request, Rules
from kling_sdk.endpoints.checks import picture_problems
from kling_sdk.endpoints.from_facts import from_facts
from kling_sdk.endpoints.models import IMAGE_TIMEOUT, model_limits
from kling_sdk.endpoints.record import EndpointRecord, common_features
from kling_sdk.endpoints.values import (
    ElementReference,
    ImageResolution,
    OmniAspectRatio,
    ReferenceImage,
    ResultType,
)
from kling_sdk.facts.products.omni_image import MODELS, REQUEST

__all__ = ["OmniImageGeneration"]

MAX_REFERENCES: Final = 10  # pictures and elements


def _features(parameters: Mapping[str, Any]) -> Iterator[str]:
    """Yield what a request asks for: the common features, pictures and a series."""
    yield from common_features(parameters)
    if parameters.get("image_list"):
        yield "image_list"
    if parameters.get("result_type") == "series":
        yield "series"


_RECORD: Final = EndpointRecord(
    name="omni-image",
    path=REQUEST.path,
    fields=REQUEST.fields,
    result="images",
    wait_timeout=IMAGE_TIMEOUT,
    default_model="kling-v3-omni",
    default_mode="1k",
    size_field="resolution",
    models=model_limits(*MODELS),
    features=_features,
    feature_fields={"series": "result_type"},
)


def _references(request: Any) -> checks.Problems:
    """Pictures keep the limits of a picture, and are 10 with the elements at most."""
    images, elements = request.image_list or (), request.element_list or ()
    yield from picture_problems(request, "image_list.image", *(item.image for item in images))
    if len(images) + len(elements) > MAX_REFERENCES:
        yield (
            "image_list",
            f"and element_list hold {len(images) + len(elements)} references",
            f"at most {MAX_REFERENCES}",
        )
    if request.aspect_ratio == "auto" and not (images or elements):
        yield "aspect_ratio", "is auto without a reference", "a ratio such as 16:9, or None"


@attrs.frozen(kw_only=True, field_transformer=from_facts)
class OmniImageGeneration(Request):
    """Pictures from words and references: `POST /v1/images/omni-image`.

    Separate pictures are in `Task.images`, those of a series in `Task.series_images`. Source: the
    vendor's page of 2026-09, two copies (confidence high where nothing else is said).

    Attributes:
        prompt: What to show, 1 to 2500 characters; `<<<image_1>>>` names a picture, counted
            from 1. How an element is named is not documented.
        model_name: Always sent. Known: `kling-v3-omni`, `kling-image-o1`.
        image_list: Pictures, as sources or objects; limits as `ImageToVideo.image`. With
            elements at most 10.
        element_list: Elements, as ids or objects.
        resolution: `1k`, `2k` or `4k` (`kling-image-o1`: `1k`, `2k`). None: `1k`.
        result_type: `single` for separate pictures; `series` for pictures that belong together
            (`kling-v3-omni`). None: `single`.
        n: How many separate pictures, 1 to 9. None: 1.
        series_amount: How many pictures the series has, 2 to 9, or `auto`. None: 4.
        aspect_ratio: `16:9`, `9:16`, `1:1`, `4:3`, `3:4`, `3:2`, `2:3`, `21:9`, or `auto` with a
            reference (confidence medium). None: `auto`.
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
    image_list: tuple[ReferenceImage, ...] | None = attrs.field(
        default=None, converter=converters.to_reference_images
    )
    element_list: tuple[ElementReference, ...] | None = attrs.field(
        default=None, converter=converters.to_elements
    )
    resolution: ImageResolution | str | None = None
    result_type: ResultType | str | None = None
    n: int | None = attrs.field(default=None, converter=converters.to_count)
    series_amount: int | str | None = attrs.field(
        default=None,
        converter=converters.to_count_or_word,
        validator=checks.whole_number(2, 9, "auto"),
    )
    aspect_ratio: OmniAspectRatio | str | None = None
    watermark_info: bool | None = attrs.field(
        default=None, converter=converters.to_watermark, validator=checks.flag
    )

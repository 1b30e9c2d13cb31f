"""`virtual-try-on`: a person in other clothes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kling_mock.kling.endpoints.example_parts import CALLBACK, SITE
from kling_mock.kling.endpoints.fields import COMMON, MODEL_NAME, Field, field_shape
from kling_mock.kling.endpoints.pictures import (
    BEHAVIOURS,
    check_images,
    no_length,
    per_picture,
    picture_rows,
    picture_times,
    pictures,
    shape_of,
)
from kling_mock.kling.endpoints.record import CreateRequest, EmulatedEndpoint
from kling_mock.kling.model.plan import Resulting
from kling_mock.kling.wire.v1 import V1
from kling_mock.web.facts import assumed, documented

__all__ = ["RECORD"]

_PAGES = documented(
    "pages-2026-09",
    "pages-2026-04",
    as_of="2026-09-20",
    note="a partner says that it ends on 2026-09-15; it still answered on 2026-09-28",
)
_LIST = documented("pages-2026-04", as_of="2026-09-20", confidence="medium")
_CAPABILITIES = picture_rows(
    (
        ("kolors-virtual-try-on-v1", "none", "", _PAGES),
        ("kolors-virtual-try-on-v1-5", "none", "", _PAGES),
    )
)

_EXAMPLES: Mapping[str, Any] = {
    "plain": {"human_image": f"{SITE}/h.jpg", "cloth_image": f"{SITE}/c.jpg"},
    "everything": {
        "model_name": "kolors-virtual-try-on-v1-5",
        "human_image": f"{SITE}/h.jpg",
        "cloth_image": f"{SITE}/c.jpg",
        "callback_url": CALLBACK,
        "external_task_id": "virtual-try-on-1",
    },
}


def _result(request: CreateRequest) -> Resulting:
    return pictures(request, shape_of(request, request.fields["human_image"], ratio=3 / 4), 1)


RECORD = EmulatedEndpoint(
    name="virtual-try-on",
    interface=V1,
    path="/v1/images/kolors-virtual-try-on",
    fact=_PAGES,
    summary="Show a person in other clothes",
    fields=field_shape(
        MODEL_NAME,
        Field("human_image", "image", required=True, fact=_PAGES),
        Field("cloth_image", "image", required=True, fact=_PAGES),
        *(field for field in COMMON if field.name != "watermark_info"),
    ),
    examples=_EXAMPLES,
    rules=(check_images("human_image", "cloth_image"),),
    capabilities=_CAPABILITIES,
    default_model="kolors-virtual-try-on-v1",
    fixed_seconds=no_length,
    shows_watermark=False,
    result=_result,
    pack="try_on",
    prices=per_picture((*((row.model, "none", "silent", "1", _LIST) for row in _CAPABILITIES),)),
    typical_seconds=picture_times(_CAPABILITIES),
    behaviours=(
        BEHAVIOURS[0],
        (
            "The result is 1K, in the shape of the person's image, or 3:4.",
            assumed("no page has the size"),
        ),
        (
            "A picture costs one unit of a try-on pack.",
            assumed("a price of 0.07 USD is documented; that it is one unit is not"),
        ),
    ),
)

"""`ai-multi-shot`: further views of an element, from its picture."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kling_mock.kling.endpoints.example_parts import CALLBACK, IMAGE
from kling_mock.kling.endpoints.fields import fields_of
from kling_mock.kling.endpoints.pictures import (
    BEHAVIOURS,
    PAGE,
    check_images,
    no_length,
    picture_rows,
    picture_times,
    pixels,
    shape_of,
)
from kling_mock.kling.endpoints.prices import listed_prices
from kling_mock.kling.endpoints.record import CreateRequest, EmulatedEndpoint
from kling_mock.kling.model.plan import Resulting, ResultList
from kling_mock.kling.wire.v1 import V1
from kling_mock.web.facts import assumed
from kling_sdk.facts.products.ai_multi_shot import REQUEST

_SETS, _VIEWS = 3, 3
_FRONT = "element_frontal_image"
_CAPABILITIES = picture_rows((("", "none", "", PAGE),))

_EXAMPLES: Mapping[str, Any] = {
    "plain": {_FRONT: IMAGE},
    "everything": {
        _FRONT: IMAGE,
        "callback_url": CALLBACK,
        "external_task_id": "ai-multi-shot-1",
    },
}


def _result(request: CreateRequest) -> Resulting:
    size = pixels("none", shape_of(request, request.fields[_FRONT], ratio=1))
    return Resulting((ResultList("images", _SETS, size, views=_VIEWS),))


RECORD = EmulatedEndpoint(
    name="ai-multi-shot",
    interface=V1,
    path=REQUEST.path,
    fact=REQUEST.fact,
    summary="Make further views of an element",
    fields=fields_of(REQUEST),
    examples=_EXAMPLES,
    rules=(check_images(_FRONT),),
    capabilities=_CAPABILITIES,
    fixed_seconds=no_length,
    shows_watermark=False,
    result=_result,
    pack="image",
    prices=listed_prices("ai-multi-shot"),
    typical_seconds=picture_times(_CAPABILITIES),
    behaviours=(
        BEHAVIOURS[0],
        ("There are three sets of three pictures, `url_1` to `url_3`.", PAGE),
        (
            "The pictures are 1K, in the shape of the element's; an image behind a URL is square.",
            assumed("the price list has 1K; images behind URLs are never fetched"),
        ),
        (
            "A task holds one slot of the image pack.",
            assumed("it has no `n`, and other pictures hold as many slots as their `n`"),
        ),
        (
            "A task can be asked for by its external id.",
            assumed("the page of the query names the task id only", "pages-2026-09"),
        ),
        (
            "`/tasks` shows nine pictures.",
            assumed("how the other interface shows the sets"),
        ),
    ),
)

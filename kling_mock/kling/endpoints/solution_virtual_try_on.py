"""`POST /solutions/virtual_try_on`: a person in other clothes."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from kling_mock.kling.endpoints.example_parts import CALLBACK, IMAGE, SITE
from kling_mock.kling.endpoints.pictures import no_length, pixels
from kling_mock.kling.endpoints.record import CreateRequest, EmulatedEndpoint, UnitPrice
from kling_mock.kling.endpoints.solution_parts import (
    BEHAVIOURS,
    VALUE,
    ItemTexts,
    SolutionBody,
    check_contents,
    flattened,
    one_row,
)
from kling_mock.kling.endpoints.typical_times import PICTURE_SECONDS
from kling_mock.kling.model.plan import Resulting, ResultList
from kling_mock.kling.wire.solutions import SOLUTIONS
from kling_mock.web.facts import assumed
from kling_sdk.facts.products.solution_virtual_try_on import REQUEST
from kling_sdk.facts.solutions import PAGE

_BODY: Final = SolutionBody(
    REQUEST,
    {
        "product_image": ItemTexts("no_product_image"),
        "person_image": ItemTexts("no_person_image"),
    },
    dict.fromkeys(("keep_face", "keep_pose", "keep_background"), VALUE),
)


def _result(_request: CreateRequest) -> Resulting:
    return Resulting((ResultList("images", 1, pixels("1k", 3 / 4)),))


RECORD = EmulatedEndpoint(
    name="solutions-virtual-try-on",
    interface=SOLUTIONS,
    path=REQUEST.path,
    fact=PAGE,
    summary="Show a person in other clothes",
    fields=_BODY.fields(),
    examples={
        "plain": {
            "contents": [
                {"type": "product_image", "url": IMAGE},
                {"type": "person_image", "url": f"{SITE}/person.jpg"},
            ]
        },
        "all-fields": {
            "contents": [
                {"type": "product_image", "url": IMAGE},
                {"type": "person_image", "url": f"{SITE}/person.jpg"},
            ],
            "settings": {"keep_face": True, "keep_pose": False, "keep_background": False},
            "options": {
                "callback_url": CALLBACK,
                "external_task_id": "try-on-1",
                "watermark": {"enabled": True},
            },
        },
    },
    prepare=flattened(_BODY, resolution="none"),
    rules=(check_contents(_BODY),),
    capabilities=one_row("none", 0),
    fixed_seconds=no_length,
    result=_result,
    pack="image",
    prices={
        ("", "none", "silent"): UnitPrice(
            Decimal(20),
            assumed(
                "no price of it is known; 20 units of an image pack cost 0.07 USD, as the older "
                "virtual try-on does",
                "solutions-2026-09",
            ),
            "result",
        )
    },
    typical_seconds={"": PICTURE_SECONDS},
    behaviours=(
        *BEHAVIOURS,
        ("An image pack pays for it.", PAGE),
        (
            "The picture has 3:4 at 1K.",
            assumed("the picture of the person is never fetched"),
        ),
    ),
)

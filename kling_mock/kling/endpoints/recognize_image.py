"""`recognize-image`: returns the parts of an image (an object, a head, a face, clothes)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from kling_mock.kling.endpoints.call_files import keep_file, refuse_what_would_fail
from kling_mock.kling.endpoints.example_parts import IMAGE
from kling_mock.kling.endpoints.fields import fields_of
from kling_mock.kling.endpoints.images import inspect
from kling_mock.kling.endpoints.prices import listed_prices
from kling_mock.kling.endpoints.record import DirectCall, EmulatedEndpoint
from kling_mock.kling.model.sessions import CallFile
from kling_mock.kling.wire.v1 import V1
from kling_mock.kling.wire.v1_schemas import closed
from kling_mock.web.facts import assumed
from kling_sdk.facts.products.recognize_image import REQUEST

if TYPE_CHECKING:
    from kling_mock.kling.media.mask import Disc

_UNKNOWN_SIZE = (1024, 1024)  # pixels, of a picture behind a URL
# type -> where its disc is, in parts of the width and height, and its radius in parts of the
# shorter side.
_PARTS = {
    "object_seg": (0.5, 0.5, 0.4),
    "head_seg": (0.5, 0.3, 0.18),
    "face_seg": (0.5, 0.32, 0.12),
    "cloth_seg": (0.5, 0.65, 0.25),
}


def _reply(call: DirectCall) -> str:
    """Return the reply's `data` as JSON: the parts, each with a mask.

    Raises:
        Refusal: 400/1201, the image cannot be used; the account may not call (1101 to 1103).
    """
    from kling_mock.kling.media.mask import MAX_SIDE  # most servers never make a mask

    size = inspect(call.fields["image"], "image", call.context.reader.noticed)
    refuse_what_would_fail(call)
    call.charge()
    width, height = _UNKNOWN_SIZE if size is None else (min(side, MAX_SIDE) for side in size)
    reply_data = {
        "task_result": {
            "images": [
                {
                    "type": name,
                    "is_contain": True,
                    "url": keep_file(call, CallFile("image", (width, height), (disc,))).url,
                }
                for name, disc in _discs(width, height)
            ]
        },
        "final_unit_deduction": f"{RECORD.units_per_call.normalize():f}",
    }
    return json.dumps(reply_data, separators=(",", ":"))


def _discs(width: int, height: int) -> list[tuple[str, Disc]]:
    from kling_mock.kling.media.mask import Disc  # as above

    side = min(width, height)
    return [
        (name, Disc(round(width * x), round(height * y), round(side * radius)))
        for name, (x, y, radius) in _PARTS.items()
    ]


RECORD = EmulatedEndpoint(
    name="recognize-image",
    interface=V1,
    path=REQUEST.path,
    fact=REQUEST.fact,
    summary="Find an object, a head, a face and clothes in a picture",
    fields=fields_of(REQUEST),
    examples={"plain": {"image": IMAGE}},
    prices=listed_prices("recognize-image"),
    reply=_reply,
    reply_schema=closed(
        task_result=closed(
            images={
                "type": "array",
                "minItems": 4,
                "maxItems": 4,
                "items": closed(
                    type={"enum": [*_PARTS]},
                    is_contain={"type": "boolean"},
                    url={"type": "string", "format": "uri"},
                ),
            }
        ),
        final_unit_deduction={"type": "string"},
    ),
    behaviours=(
        (
            "Every picture has all four: a disc each, at a place that depends on its size only.",
            assumed("pictures are not analysed"),
        ),
        (
            "A file is a mask as PNG, white on black, in the size of the picture.",
            assumed("the page does not say whether it is a mask or a cut-out"),
        ),
        (
            "A picture behind a URL has 1024x1024 pixels; a mask at most 8192 a side.",
            assumed("images behind URLs are never fetched"),
        ),
        (
            "The units are taken at once, and only when the call succeeds.",
            assumed("the page has the deduction in the response"),
        ),
    ),
)

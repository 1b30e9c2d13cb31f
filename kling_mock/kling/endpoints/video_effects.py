"""`effects`: video effects on the people in one or two images."""

from __future__ import annotations

from decimal import Decimal
from typing import get_args

from kling_mock.kling.endpoints.example_parts import CALLBACK, IMAGE
from kling_mock.kling.endpoints.field_checks import check_image
from kling_mock.kling.endpoints.fields import fields_of
from kling_mock.kling.endpoints.images import inspect
from kling_mock.kling.endpoints.models import HD24, rows
from kling_mock.kling.endpoints.record import CreateRequest, EmulatedEndpoint, UnitPrice
from kling_mock.kling.model.plan import nearest_aspect_ratio
from kling_mock.kling.service_codes import invalid
from kling_mock.kling.wire.v1 import V1
from kling_mock.web.facts import assumed
from kling_sdk.facts.effects import LISTED, UNLISTED, WITHDRAWN, DualScene, SingleScene
from kling_sdk.facts.products.video_effects import REQUEST

_PAIR = 2
_SINGLE = frozenset(get_args(SingleScene))
_DUAL = frozenset(get_args(DualScene))


def _pictures(request: CreateRequest) -> list[tuple[str, str]]:
    """Return the images with the paths of their fields."""
    brought = request.fields["input"]
    if "image" in brought:
        return [("input.image", brought["image"])]
    return [
        (f"input.images[{number}]", value) for number, value in enumerate(brought.get("images", ()))
    ]


def _check_pictures(request: CreateRequest) -> None:
    """Check that there are one or two images, as many as the scene takes."""
    brought, scene = request.fields["input"], request.fields["effect_scene"]
    if "image" in brought and "images" in brought:
        raise invalid("input.images", "not possible together with image")
    if "image" not in brought and len(brought.get("images", ())) != _PAIR:
        text = "must be a list of exactly 2 images, unless there is image"
        raise invalid("input.images", text, len(brought.get("images", ())))
    for path, value in _pictures(request):
        check_image(value, path)
    if scene in _SINGLE and "image" not in brought:
        raise invalid("input.image", "required with this effect_scene, which takes one image")
    if scene in _DUAL and "images" not in brought:
        raise invalid("input.images", "required with this effect_scene, which takes two images")


def _note_scene(request: CreateRequest) -> None:
    scene, noticed = request.fields["effect_scene"], request.context.reader.noticed
    if scene in WITHDRAWN:
        text = f"the scene was withdrawn on {WITHDRAWN[scene].seen}"
        noticed.retired("effect_scene", text)
    elif scene not in _SINGLE | _DUAL | UNLISTED.keys():
        noticed.assumed("effect_scene", "not a known scene; it is served, as the set is open")


def _aspect_ratio(request: CreateRequest) -> str:
    noticed = request.context.reader.noticed
    sizes = [inspect(value, path, noticed) for path, value in _pictures(request)]
    return "16:9" if sizes[0] is None else nearest_aspect_ratio(*sizes[0])


RECORD = EmulatedEndpoint(
    name="effects",
    interface=V1,
    path=REQUEST.path,
    fact=REQUEST.fact,
    summary="Make an effect with the people in one or two pictures",
    fields=fields_of(REQUEST),
    examples={
        "one-person": {"effect_scene": "bullet_time_360", "input": {"image": IMAGE}},
        "two-people": {
            "effect_scene": "hug_pro",
            "input": {"images": [IMAGE, IMAGE]},
            "callback_url": CALLBACK,
            "external_task_id": "effects-1",
        },
    },
    rules=(_check_pictures, _note_scene),
    capabilities=rows((("", "none", "", HD24, LISTED, (5,), ""),)),
    fixed_seconds=lambda _fields, _context: 5,
    aspect_ratio=_aspect_ratio,
    shows_duration=False,
    prices={
        ("", "none", "silent"): UnitPrice(
            Decimal(2), assumed("the price of each scene is on a page that is not public"), "call"
        )
    },
    typical_seconds={"": 120.0},
    behaviours=(
        (
            f"{len(_SINGLE)} scenes take one image, {len(_DUAL)} take two.",
            LISTED,
        ),
        (
            "A scene that is not known is served, with a note; so is one that was withdrawn.",
            assumed("the set is open, and its copies disagree"),
        ),
        (
            "The result is 5 s in 720p, and its query has no `duration`.",
            assumed(
                "the page shows a result without one, and says nothing of its size; a published "
                "reply may have one"
            ),
        ),
    ),
)

"""`POST /v1/videos/effects`: what happens to the people in one or two pictures."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, ClassVar, Final, get_args

import attrs

from kling_sdk.endpoints import checks
from kling_sdk.endpoints.base import Request, Rules
from kling_sdk.endpoints.capabilities import Problem
from kling_sdk.endpoints.checks import picture_problems
from kling_sdk.endpoints.common_rules import exactly_one
from kling_sdk.endpoints.from_facts import from_facts
from kling_sdk.endpoints.record import EndpointRecord
from kling_sdk.endpoints.values import build, media, media_list, sequence
from kling_sdk.facts.effects import UNLISTED, WITHDRAWN, DualScene, SingleScene
from kling_sdk.facts.products.video_effects import REQUEST
from kling_sdk.files import ImageSource, to_image
from kling_sdk.text.spelling import nearest

__all__ = ["EffectInput", "VideoEffects"]

_SINGLE: Final = frozenset(get_args(SingleScene))
_DUAL: Final = frozenset(get_args(DualScene))
_PAIR: Final = 2


def _problems(parameters: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield doubts about the scene: the set is open, so none of them is certain."""
    scene, brought = str(parameters.get("effect_scene")), parameters.get("input")
    has_pair = bool(getattr(brought, "images", None))
    if scene in WITHDRAWN:
        yield Problem(
            "effect_scene",
            f"{scene} was withdrawn on {WITHDRAWN[scene].seen}",
            "a scene that is offered",
            certain=False,
        )
    elif scene not in _SINGLE | _DUAL | UNLISTED.keys():
        near = nearest(scene, sorted(_SINGLE | _DUAL))
        yield Problem(
            "effect_scene",
            f"{scene!r:.60} is not among the {len(_SINGLE | _DUAL)} known scenes",
            f"one that the vendor offers{f' (nearest: {near})' if near else ''}",
            certain=False,
        )
    if (scene in _SINGLE and has_pair) or (scene in _DUAL and not has_pair):
        number = "one picture, in image" if has_pair else "two pictures, in images"
        yield Problem(
            "input",
            f"does not have the number of pictures that {scene} takes",
            number,
            certain=False,
        )


_RECORD: Final = EndpointRecord(
    name="effects", path=REQUEST.path, fields=REQUEST.fields, problems=_problems
)


def _to_picture(value: ImageSource | None) -> str | None:
    return None if value is None else to_image(value, field="input.image")


def _to_pictures(value: Iterable[ImageSource] | None) -> tuple[str, ...] | None:
    if value is None:
        return None
    field = "input.images"
    return tuple(to_image(item, field=field) for item in sequence(field, value))


@attrs.frozen
class EffectInput:
    """The people of an effect.

    Attributes:
        image: The picture of a scene with one; sources and limits as `ImageToVideo.image`.
        images: Exactly two pictures for a scene with two; the first is left.
    """

    image: str | None = attrs.field(default=None, converter=_to_picture, repr=media)
    images: tuple[str, ...] | None = attrs.field(
        default=None, converter=_to_pictures, repr=media_list
    )


def to_effect_input(value: EffectInput | Mapping[str, Any]) -> EffectInput:
    """Return the pictures, given as an object or a mapping."""
    return build(EffectInput, "input", value)


def _check_pictures(request: Any) -> checks.Problems:
    """`images` must be a pair; each picture keeps the usual limits."""
    effect: EffectInput = request.input
    if effect.images is not None and len(effect.images) != _PAIR:
        yield "input.images", f"has {len(effect.images)} items", "exactly 2 items"
    yield from picture_problems(request, "input.image", *filter(None, (effect.image,)))
    yield from picture_problems(request, "input.images", *(effect.images or ()))


@attrs.frozen(kw_only=True, field_transformer=from_facts)
class VideoEffects(Request):
    """An effect with the people in one or two pictures: `POST /v1/videos/effects`.

    Source: one official copy of the page (confidence medium). The set of scenes is open: one that
    is not known here is sent with a warning. The prices are not public. Beta: scenes come and go.

    Attributes:
        effect_scene: The scene. The known ones are those of the page of 2026-09-20; each takes
            either one or two pictures.
        input: The pictures: an `EffectInput`, or a mapping of its fields; at most two.
        external_task_id: Your own id of the task, unique in the account; None generates one.
        callback_url: Where the vendor posts each change of status: an http(s) URL.
        extra_body: Further fields of the body, by the vendor's names, merged in last.
        interface: Only `v1` has this endpoint.
        check: False to check nothing before it is sent; see `Request`.

    Raises:
        RequestValidationError: a field is unknown, missing, of a wrong type, or breaks a limit.
    """

    record: ClassVar[EndpointRecord] = _RECORD
    rules: ClassVar[Rules] = (exactly_one("image", "images", within="input"), _check_pictures)

    effect_scene: SingleScene | DualScene | str = attrs.field(validator=checks.required_text(100))
    input: EffectInput = attrs.field(converter=to_effect_input)

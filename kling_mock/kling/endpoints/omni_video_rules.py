"""The rules of omni-video: how frames, reference images, elements and a video go together."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from kling_mock.kling.endpoints.common_rules import Ask, require, video_use
from kling_mock.kling.endpoints.field_checks import refuse
from kling_mock.kling.endpoints.images import inspect
from kling_mock.kling.endpoints.plan import nearest_aspect_ratio

__all__ = ["aspect_ratio_of", "check_omni"]

_MAX_REFERENCES = 7  # images and multi-image elements
_MAX_REFERENCES_WITH = 4  # the same, beside a video or a video-character element
_MAX_CHARACTERS = 3
_MAX_ELEMENTS_WITH_FRAMES = 3
_O1_MAX_IMAGES_WITH_FRAMES = 2
_O1_PLAIN_SECONDS = (5, 10)


@dataclass(frozen=True, slots=True)
class _Inputs:
    """What the request brings: counted and sorted once, for all rules."""

    images: list[dict[str, Any]]
    first: bool
    end: bool
    elements: list[int]
    characters: list[int]
    video: str  # "", "base" or "feature"
    is_o1: bool


def check_omni(ask: Ask, characters: Collection[int] = ()) -> None:
    """Check what only omni-video has.

    Args:
        ask: The request.
        characters: Ids of the account's elements that are video characters; all others count
            as multi-image elements.

    Raises:
        Refusal: 400/1201, naming the field.
    """
    inputs = _read(ask, characters)
    _check_frames(inputs)
    _check_video(ask, inputs)
    _check_counts(ask, inputs)
    if inputs.is_o1:
        _check_o1_seconds(ask, inputs)


def aspect_ratio_of(ask: Ask) -> str:
    """Return the shape of the result: the first frame's if there is one, else as asked for.

    Whether aspect_ratio may be left out otherwise is unresolved: one page requires it, a newer
    table gives 16:9 as the default. It may (assumed).

    Raises:
        Refusal: 400/1201, an image is not one that Kling takes.
    """
    shape = str(ask.said.get("aspect_ratio", "16:9"))
    for number, row in enumerate(ask.said.get("image_list", ())):
        size = inspect(row["image_url"], f"image_list[{number}].image_url")
        if size is not None and row.get("type") == "first_frame":
            shape = nearest_aspect_ratio(size.width, size.height)
    return shape


def _read(ask: Ask, characters: Collection[int]) -> _Inputs:
    images: list[dict[str, Any]] = ask.said.get("image_list", [])
    ids = [int(row["element_id"]) for row in ask.said.get("element_list", ())]
    kinds = [row.get("type") for row in images]
    for kind in ("first_frame", "end_frame"):
        if kinds.count(kind) > 1:
            raise refuse("image_list", f"at most one {kind} is accepted", kinds.count(kind))
    return _Inputs(
        images=images,
        first="first_frame" in kinds,
        end="end_frame" in kinds,
        elements=ids,
        characters=[number for number in ids if number in characters],
        video=video_use(ask.said),
        is_o1=ask.capability.model == "kling-video-o1",
    )


def _check_frames(inputs: _Inputs) -> None:
    if inputs.end and not inputs.first:
        raise refuse("image_list", "an end_frame is accepted only with a first_frame")
    if not inputs.first:
        return
    if inputs.video == "base":
        raise refuse("image_list", "first_frame and end_frame are not accepted with a base video")
    if inputs.is_o1 and len(inputs.images) > _O1_MAX_IMAGES_WITH_FRAMES:
        raise refuse(
            "image_list",
            "kling-video-o1 accepts first_frame and end_frame only with at most "
            f"{_O1_MAX_IMAGES_WITH_FRAMES} images",
            len(inputs.images),
        )
    if inputs.is_o1 and inputs.end and inputs.elements:
        raise refuse("element_list", "kling-video-o1 accepts none with a first_frame and end_frame")
    if len(inputs.elements) > _MAX_ELEMENTS_WITH_FRAMES:
        raise refuse(
            "element_list",
            f"at most {_MAX_ELEMENTS_WITH_FRAMES} are accepted with a first_frame",
            len(inputs.elements),
        )


def _check_video(ask: Ask, inputs: _Inputs) -> None:
    if not inputs.video:
        return
    if ask.said.get("sound") == "on":
        raise refuse("sound", "must be off with video_list", "on")
    if ask.said.get("multi_shot") is True:
        # Since 2026-06-17, and for kling-v3-omni only; nobody else has multi_shot.
        if inputs.video == "base":
            raise refuse("multi_shot", "not accepted with a base video")
        if ask.said.get("shot_type") != "intelligence":
            raise refuse("shot_type", "must be intelligence with a feature video")


def _check_counts(ask: Ask, inputs: _Inputs) -> None:
    if inputs.characters:
        require(ask, "character_element", "element_list of video characters")
        if inputs.video:
            raise refuse("element_list", "video characters are not accepted with video_list")
        if len(inputs.characters) > _MAX_CHARACTERS:
            limit = f"at most {_MAX_CHARACTERS} video characters are accepted"
            raise refuse("element_list", limit, len(inputs.characters))
    references = len(inputs.images) + len(inputs.elements) - len(inputs.characters)
    crowded = bool(inputs.video or inputs.characters)
    most = _MAX_REFERENCES_WITH if crowded else _MAX_REFERENCES
    if references > most:
        where = " with a video or a video character" if crowded else ""
        limit = f"at most {most} images and elements together are accepted{where}"
        raise refuse("image_list and element_list", limit, references)


def _check_o1_seconds(ask: Ask, inputs: _Inputs) -> None:
    """kling-video-o1 makes 5 or 10 seconds from text alone, or from a first frame alone.

    The capability maps say so for both; one FAQ allows 3 to 10 for text.
    """
    references = len(inputs.images) - inputs.first + len(inputs.elements)
    plain = not inputs.video and references == 0
    if plain and ask.seconds not in _O1_PLAIN_SECONDS:
        accepted = ", ".join(map(str, _O1_PLAIN_SECONDS))
        raise refuse(
            "duration",
            f"kling-video-o1 accepts {accepted} with text or a first frame alone",
            str(ask.seconds),
        )

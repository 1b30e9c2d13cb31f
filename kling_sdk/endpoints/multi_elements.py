"""`POST /v1/videos/multi-elements`: something added to a video, exchanged in it, or removed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, Final, Literal, cast

import attrs

from kling_sdk.endpoints import checks, converters
from kling_sdk.endpoints.base import Request, Rules
from kling_sdk.endpoints.checks import picture_problems
from kling_sdk.endpoints.common_rules import exactly_one
from kling_sdk.endpoints.from_facts import from_facts
from kling_sdk.endpoints.record import EndpointRecord
from kling_sdk.endpoints.values import (
    SubjectImage,
    build,
    sequence,
)
from kling_sdk.errors import RequestValidationError
from kling_sdk.facts.products.multi_elements import PICTURES_OF_EDITING, REQUEST, SELECTION
from kling_sdk.files import ImageSource
from kling_sdk.results.answers import FrameSelection, Selection, SelectionPreview

__all__ = ["EditMode", "ElementsMode", "MultiElements", "SelectionPoint"]

EditMode = Literal["addition", "swap", "removal"]
ElementsMode = Literal["std", "pro"]

_RECORD: Final = EndpointRecord(name="multi-elements", path=REQUEST.path, fields=REQUEST.fields)


def _to_session(value: Selection | str) -> str:
    """Return the id of a selection's session."""
    return value.session_id if isinstance(value, Selection) else value


def _to_images(
    value: Iterable[SubjectImage | Mapping[str, Any] | ImageSource] | None,
) -> tuple[SubjectImage, ...] | None:
    """Return pictures given as objects, mappings or pictures."""
    return None if value is None else converters.to_subjects(value)


def _pictures(request: Any) -> checks.Problems:
    """Each way of editing has its number of pictures, and each keeps the limits of a picture."""
    images = request.image_list or ()
    yield from picture_problems(request, "image_list.image", *(item.image for item in images))
    low, high = PICTURES_OF_EDITING.get(request.edit_mode, (0, 2))
    if not low <= len(images) <= high:
        expected = f"{low} to {high}" if low != high else f"{low or 'no'}"
        yield (
            "image_list",
            f"has {len(images)} pictures with edit_mode {request.edit_mode}",
            f"{expected} {'picture' if high == 1 else 'pictures'}",
        )


@attrs.frozen(kw_only=True, field_transformer=from_facts)
class MultiElements(Request):
    """A video in which something is added, exchanged or removed: `POST /v1/videos/multi-elements`.

    What is exchanged or removed is selected before: `init_selection`, `add_selection` and their
    kin are methods of `kling.multi_elements`. Source: one official copy of the vendor's page of
    2026-09 (confidence medium). Beta: its price is in one unofficial list only, and no call of
    it was published.

    Attributes:
        session_id: The selection, as `init_selection` has returned it, or its session's id.
        edit_mode: `addition` takes 1 or 2 pictures, `swap` 1, `removal` none.
        prompt: What to do, 1 to 2500 characters; the video is `<<<video_1>>>` in it, and the
            pictures `<<<image_1>>>` and `<<<image_2>>>`.
        image_list: The pictures; sources and limits as `ImageToVideo.image`.
        negative_prompt: What to avoid, at most 2500 characters.
        mode: `std` (720p) or `pro` (1080p). None: `std`.
        duration: Length in seconds, as int or text: 5 for a video of 2 to 5 s, 10 for one of 7 to
            10 s. None: 5 s.
        external_task_id: Your own id of the task, unique in the account; None generates one.
        callback_url: Where the vendor posts each change of status: an http(s) URL.
        extra_body: Further fields of the body, by the vendor's names, merged in last.
        interface: Only `v1` has this endpoint.
        check: False to check nothing before it is sent; see `Request`.
        watermark_info: True to get a second copy with a watermark.

    Raises:
        RequestValidationError: a field is unknown, missing, of a wrong type, or breaks a limit.
    """

    record: ClassVar[EndpointRecord] = _RECORD
    rules: ClassVar[Rules] = (_pictures,)

    session_id: str = attrs.field(converter=_to_session)
    edit_mode: EditMode | str
    prompt: str
    image_list: tuple[SubjectImage, ...] | None = attrs.field(
        default=None, converter=_to_images, validator=checks.items(1, 2)
    )
    negative_prompt: str | None = None
    mode: ElementsMode | str | None = None
    duration: int | None = attrs.field(default=None, converter=converters.to_seconds)
    watermark_info: bool | None = attrs.field(
        default=None, converter=converters.to_watermark, validator=checks.flag
    )


# ---------------------------------------------------------------- the selection


def _call(name: str, returns: Any) -> EndpointRecord:
    facts = SELECTION[name]
    return EndpointRecord(
        name=name,
        path=facts.path,
        fields=facts.fields,
        returns=returns,
        method_of=_RECORD.name,
        takes_external_id=False,
    )


def _part(_instance: Any, attribute: Any, value: Any) -> None:
    place, expected = f"points.{attribute.name}", "a number from 0 to 1"
    if not checks.is_number(value):
        raise RequestValidationError(place, checks.is_a(value), expected)
    if not 0 <= value <= 1:
        raise RequestValidationError(place, f"is {value}", expected)


@attrs.frozen
class SelectionPoint:
    """A point of a frame that belongs to what is selected, in parts of its width and height.

    The vendor's page calls 0, 1 the top left corner, where others have 0, 0: look at the masks.

    Attributes:
        x: 0 to 1.
        y: 0 to 1.
    """

    x: float = attrs.field(validator=_part)
    y: float = attrs.field(validator=_part)


def _to_frame(value: int | str) -> int:
    """Return the number of a frame given as int or as digits."""
    return cast("int", converters.to_count(value))  # the validator names a non-number


def _to_points(
    value: Iterable[SelectionPoint | Mapping[str, float] | tuple[float, float]],
) -> tuple[SelectionPoint, ...]:
    """Return points given as objects, mappings or pairs."""
    return tuple(
        SelectionPoint(*cast("tuple[float, float]", item))
        if isinstance(item, tuple | list) and len(item) == 2
        else build(SelectionPoint, "points", item)
        for item in sequence("points", value)
    )


@attrs.frozen(kw_only=True, field_transformer=from_facts)
class InitSelection(Request):
    """Begin to select parts of a video: `POST /v1/videos/multi-elements/init-selection`.

    Attributes:
        video_id: Id of a video of this account (`Video.id`), 2 to 5 or 7 to 10 s long and less
            than 30 days old. Either this or `video_url`.
        video_url: Public URL of an mp4 or mov of 2 to 5 or 7 to 10 s, with sides of 720 to 2160
            px and 24, 30 or 60 frames per second.
        extra_body: Further fields of the body, by the vendor's names, merged in last.
        check: False to check nothing before it is sent; see `Request`.

    Raises:
        RequestValidationError: a field is unknown, missing, of a wrong type, or breaks a limit.
    """

    record: ClassVar[EndpointRecord] = _call("init-selection", Selection.from_data)
    rules: ClassVar[Rules] = (exactly_one("video_id", "video_url"),)

    video_id: str | None = None
    video_url: str | None = None


@attrs.frozen(kw_only=True)
class _PointsRequest(Request):
    """Base class of the requests that add points or remove them."""

    session_id: str = attrs.field(converter=_to_session)
    frame_index: int = attrs.field(converter=_to_frame, validator=checks.needed_count)
    points: tuple[SelectionPoint, ...] = attrs.field(converter=_to_points)


@attrs.frozen(kw_only=True, field_transformer=from_facts)
class AddSelection(_PointsRequest):
    """Select what is at points of a frame: `POST /v1/videos/multi-elements/add-selection`.

    Attributes:
        session_id: The selection, as `init_selection` has returned it, or its session's id.
        frame_index: The frame, from 0, as int or text. At most 10 frames of a video can have
            points.
        points: 1 to 10 points, as pairs or objects of x and y from 0 to 1; a frame has at most 10.
        extra_body: Further fields of the body, by the vendor's names, merged in last.
        check: False to check nothing before it is sent; see `Request`.

    Raises:
        RequestValidationError: a field is unknown, missing, of a wrong type, or breaks a limit.
    """

    record: ClassVar[EndpointRecord] = _call("add-selection", FrameSelection.from_data)


@attrs.frozen(kw_only=True, field_transformer=from_facts)
class DeleteSelection(_PointsRequest):
    """Take points of a frame back: `POST /v1/videos/multi-elements/delete-selection`.

    Attributes:
        session_id: The selection, as `init_selection` has returned it, or its session's id.
        frame_index: The frame, from 0, as int or text.
        points: The points, exactly as they were added, as pairs or objects of x and y.
        extra_body: Further fields of the body, by the vendor's names, merged in last.
        check: False to check nothing before it is sent; see `Request`.

    Raises:
        RequestValidationError: a field is unknown, missing, of a wrong type, or breaks a limit.
    """

    record: ClassVar[EndpointRecord] = _call("delete-selection", FrameSelection.from_data)


@attrs.frozen(kw_only=True, field_transformer=from_facts)
class ClearSelection(Request):
    """Take all points back: `POST /v1/videos/multi-elements/clear-selection`.

    Attributes:
        session_id: The selection, as `init_selection` has returned it, or its session's id.
        extra_body: Further fields of the body, by the vendor's names, merged in last.
        check: False to check nothing before it is sent; see `Request`.

    Raises:
        RequestValidationError: a field is unknown, missing, of a wrong type, or breaks a limit.
    """

    record: ClassVar[EndpointRecord] = _call("clear-selection", Selection.from_data)

    session_id: str = attrs.field(converter=_to_session)


@attrs.frozen(kw_only=True, field_transformer=from_facts)
class PreviewSelection(Request):
    """Show the selection over the whole video: `POST /v1/videos/multi-elements/preview-selection`.

    Attributes:
        session_id: The selection, as `init_selection` has returned it, or its session's id.
        extra_body: Further fields of the body, by the vendor's names, merged in last.
        check: False to check nothing before it is sent; see `Request`.

    Raises:
        RequestValidationError: a field is unknown, missing, of a wrong type, or breaks a limit.
    """

    record: ClassVar[EndpointRecord] = _call("preview-selection", SelectionPreview.from_data)

    session_id: str = attrs.field(converter=_to_session)

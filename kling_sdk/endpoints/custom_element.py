"""`POST /v1/general/advanced-custom-elements`: a person or a thing that videos can show again."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar, Final, Literal

import attrs

from kling_sdk.endpoints import checks
from kling_sdk.endpoints.base import Request, Rules
from kling_sdk.endpoints.converters import AnyMapping, to_voice_id
from kling_sdk.endpoints.from_facts import from_facts, maximum
from kling_sdk.endpoints.models import LIBRARY_TIMEOUT
from kling_sdk.endpoints.record import EndpointRecord, Library
from kling_sdk.endpoints.values import build, media, needed, objects
from kling_sdk.facts.products.custom_element import REQUEST
from kling_sdk.files import ImageSource, to_image

__all__ = ["CustomElement", "ElementImages", "ElementVideos", "ReferenceType"]

ReferenceType = Literal["image_refer", "video_refer"]

_IMAGES: Final = "element_image_list"
_VIDEOS: Final = "element_video_list"

#: Beside the frontal one.
_MAX_IMAGES: Final = maximum(REQUEST.fields, "element_image_list.refer_images")

_RECORD: Final = EndpointRecord(
    name="elements",
    path=REQUEST.path,
    fields=REQUEST.fields,
    result="elements",
    wait_timeout=LIBRARY_TIMEOUT,
    library=Library(
        "element",
        presets="/v1/general/advanced-presets-elements",
        # `/v1/general/delete-elements` was seen to delete the same elements (one account); by its
        # page it is also that of an older library. This one names the library that is meant.
        delete="/v1/general/delete-advanced-elements",
    ),
)


def _to_frontal(value: ImageSource) -> str:
    return to_image(value, field=f"{_IMAGES}.frontal_image")


def _to_refer(value: ImageSource) -> str:
    return to_image(value, field=f"{_IMAGES}.refer_images")


@attrs.frozen
class ReferImage:
    """A picture of an element beside the frontal one."""

    image_url: str = attrs.field(converter=_to_refer, repr=media)


@attrs.frozen
class ReferVideo:
    """A video of an element."""

    video_url: str = attrs.field(repr=media, validator=needed(str, _VIDEOS, "an http(s) URL"))


@attrs.frozen
class ElementTag:
    """The kind of thing that an element is."""

    tag_id: str = attrs.field(validator=needed(str, "tag_list", "text"))


def _to_refer_images(value: Iterable[ImageSource | AnyMapping]) -> tuple[ReferImage, ...]:
    return objects(ReferImage, f"{_IMAGES}.refer_images", value, ReferImage)


def _to_refer_videos(value: Iterable[str | AnyMapping]) -> tuple[ReferVideo, ...]:
    return objects(ReferVideo, f"{_VIDEOS}.refer_videos", value, ReferVideo, of=str)


@attrs.frozen
class ElementImages:
    """Pictures of an element.

    Attributes:
        frontal_image: It from the front; sources and limits as `ImageToVideo.image`.
        refer_images: 1 to 3 pictures of it from other sides or nearer, with the same limits; the
            vendor's objects `{"image_url": ...}` are taken too.
    """

    frontal_image: str = attrs.field(converter=_to_frontal, repr=media)
    refer_images: tuple[ReferImage, ...] = attrs.field(converter=_to_refer_images)


@attrs.frozen
class ElementVideos:
    """A video of an element.

    Attributes:
        refer_videos: Exactly one public URL of an mp4 or mov of a real person: 3 to 8 s, 1080p,
            16:9 or 9:16, at most 200 MB. If the person speaks, the voice is taken too. The
            vendor's object `{"video_url": ...}` is taken as well.
    """

    refer_videos: tuple[ReferVideo, ...] = attrs.field(converter=_to_refer_videos)


def to_images(value: ElementImages | AnyMapping | None) -> ElementImages | None:
    """Return the pictures of an element given as object or mapping."""
    return None if value is None else build(ElementImages, _IMAGES, value)


def to_videos(value: ElementVideos | AnyMapping | None) -> ElementVideos | None:
    """Return the video of an element given as object or mapping."""
    return None if value is None else build(ElementVideos, _VIDEOS, value)


def to_tags(value: Iterable[str | AnyMapping] | None) -> tuple[ElementTag, ...] | None:
    """Return tags given as ids or mappings."""
    return None if value is None else objects(ElementTag, "tag_list", value, ElementTag, of=str)


def _reference(request: Any) -> checks.Problems:
    """Pictures or a video, as the type of the reference says."""
    images, videos = request.element_image_list, request.element_video_list
    parameter = _IMAGES if request.reference_type == "image_refer" else _VIDEOS
    if getattr(request, parameter) is None:
        yield parameter, f"is missing with {request.reference_type}", "what it looks like"
    if images is not None:
        if not 1 <= len(images.refer_images) <= _MAX_IMAGES:
            yield (
                f"{_IMAGES}.refer_images",
                f"has {len(images.refer_images)} items",
                f"1 to {_MAX_IMAGES} items",
            )
        frontal, others = images.frontal_image, (image.image_url for image in images.refer_images)
        yield from checks.picture_problems(request, f"{_IMAGES}.frontal_image", frontal)
        yield from checks.picture_problems(request, f"{_IMAGES}.refer_images", *others)
    if videos is not None:
        if len(videos.refer_videos) != 1:
            yield (
                f"{_VIDEOS}.refer_videos",
                f"has {len(videos.refer_videos)} items",
                "exactly one video",
            )
        if not checks.is_web_url(videos.refer_videos[0].video_url):
            yield f"{_VIDEOS}.refer_videos", "is not a URL", "an http(s) URL"


@attrs.frozen(kw_only=True, field_transformer=from_facts)
class CustomElement(Request):
    """A person or a thing that videos can show again: `POST /v1/general/advanced-custom-elements`.

    The finished task has it in `elements`, and it stays in the account's library until it is
    deleted. Source: the vendor's page of 2026-09 (two copies agree).

    Attributes:
        element_name: Its name, 1 to 20 characters.
        element_description: What it is, 1 to 100 characters.
        reference_type: Whether pictures or a video show it. None: as what is given.
        element_image_list: What shows it in pictures: an `ElementImages`, or a mapping of its
            fields. Either this or `element_video_list`.
        element_video_list: What shows it in a video: an `ElementVideos`, or a mapping of its
            fields.
        element_voice_id: How it speaks: a `Voice` or its id.
        tag_list: What kind of thing it is, as ids; known are `o_101` to `o_108`.
        external_task_id: Your own id of the task, unique in the account; None generates one.
        callback_url: Where the vendor posts each change of status: an http(s) URL.
        extra_body: Further fields of the body, by the vendor's names, merged in last.
        interface: Only `v1` has this endpoint.
        check: False to check nothing before it is sent; see `Request`.

    Raises:
        RequestValidationError: a field is unknown, missing, of a wrong type, or breaks a limit.
    """

    record: ClassVar[EndpointRecord] = _RECORD
    rules: ClassVar[Rules] = (_reference,)

    element_name: str
    element_description: str
    reference_type: ReferenceType | str | None = None
    element_image_list: ElementImages | None = attrs.field(default=None, converter=to_images)
    element_video_list: ElementVideos | None = attrs.field(default=None, converter=to_videos)
    element_voice_id: str | None = attrs.field(default=None, converter=to_voice_id)
    tag_list: tuple[ElementTag, ...] | None = attrs.field(
        default=None, converter=to_tags, validator=checks.items(1, 8)
    )

    def _complete(self) -> None:
        if self.reference_type is None:
            kind = "image_refer" if self.element_image_list is not None else "video_refer"
            object.__setattr__(self, "reference_type", kind)  # attrs' own way in a frozen class

"""`POST /v1/general/advanced-custom-elements`: a person or a thing that videos can show again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, Final, Literal

import attrs

from kling_sdk.endpoints import checks
from kling_sdk.endpoints.base import Request, Rules
from kling_sdk.endpoints.converters import AnyMapping, to_voice_id
from kling_sdk.endpoints.models import LIBRARY_TIMEOUT
from kling_sdk.endpoints.record import EndpointRecord, Library
from kling_sdk.endpoints.values import build, hidden, media, needed, sequence
from kling_sdk.errors import RequestValidationError
from kling_sdk.files import ImageSource, to_image

__all__ = ["CustomElement", "ElementImages", "ElementVideos", "ReferenceType"]

ReferenceType = Literal["image_refer", "video_refer"]

MAX_NAME: Final = 20  # characters
MAX_DESCRIPTION: Final = 100
MAX_IMAGES: Final = 3  # beside the frontal one
_IMAGES: Final = "element_image_list"
_VIDEOS: Final = "element_video_list"

_RECORD: Final = EndpointRecord(
    name="elements",
    path="/v1/general/advanced-custom-elements",
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
    """What kind of thing an element is."""

    tag_id: str = attrs.field(validator=needed(str, "tag_list", "text"))


def _to_refer_images(value: Iterable[ImageSource | AnyMapping]) -> tuple[ReferImage, ...]:
    field = f"{_IMAGES}.refer_images"
    return tuple(
        build(ReferImage, field, item)
        if isinstance(item, ReferImage | Mapping)
        else ReferImage(item)
        for item in sequence(field, value)
    )


def _to_refer_videos(value: Iterable[str | AnyMapping]) -> tuple[ReferVideo, ...]:
    field = f"{_VIDEOS}.refer_videos"
    return tuple(
        ReferVideo(item) if isinstance(item, str) else build(ReferVideo, field, item)
        for item in sequence(field, value)
    )


@attrs.frozen
class ElementImages:
    """What an element looks like, in pictures.

    Attributes:
        frontal_image: It from the front; sources and limits as `ImageToVideo.image`.
        refer_images: 1 to 3 pictures of it from other sides or nearer, likewise; the vendor's
            objects `{"image_url": ...}` are taken too.
    """

    frontal_image: str = attrs.field(converter=_to_frontal, repr=media)
    refer_images: tuple[ReferImage, ...] = attrs.field(converter=_to_refer_images)


@attrs.frozen
class ElementVideos:
    """What an element looks like, in a video.

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
    if value is None:
        return None
    return tuple(
        ElementTag(item) if isinstance(item, str) else build(ElementTag, "tag_list", item)
        for item in sequence("tag_list", value)
    )


def _reference(request: Any) -> None:
    """Pictures or a video, as the type of the reference says."""
    images, videos = request.element_image_list, request.element_video_list
    wanted = _IMAGES if request.reference_type == "image_refer" else _VIDEOS
    if getattr(request, wanted) is None:
        raise RequestValidationError(
            wanted, f"is missing with {request.reference_type}", "what it looks like"
        )
    if images is not None:
        if not 1 <= len(images.refer_images) <= MAX_IMAGES:
            raise RequestValidationError(
                f"{_IMAGES}.refer_images",
                f"has {len(images.refer_images)} items",
                f"1 to {MAX_IMAGES} items",
            )
        checks.check_image(request, f"{_IMAGES}.frontal_image", images.frontal_image)
        for image in images.refer_images:
            checks.check_image(request, f"{_IMAGES}.refer_images", image.image_url)
    if videos is not None:
        if len(videos.refer_videos) != 1:
            raise RequestValidationError(
                f"{_VIDEOS}.refer_videos",
                f"has {len(videos.refer_videos)} items",
                "exactly one video",
            )
        if not checks.is_web_url(videos.refer_videos[0].video_url):
            raise RequestValidationError(f"{_VIDEOS}.refer_videos", "is no URL", "an http(s) URL")


@attrs.frozen(kw_only=True)
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

    element_name: str = attrs.field(validator=checks.required_text(MAX_NAME))
    element_description: str = attrs.field(
        validator=checks.required_text(MAX_DESCRIPTION), repr=hidden
    )
    reference_type: ReferenceType | str | None = attrs.field(
        default=None, validator=checks.one_of(ReferenceType)
    )
    element_image_list: ElementImages | None = attrs.field(default=None, converter=to_images)
    element_video_list: ElementVideos | None = attrs.field(default=None, converter=to_videos)
    element_voice_id: str | None = attrs.field(
        default=None, converter=to_voice_id, validator=checks.text(100)
    )
    tag_list: tuple[ElementTag, ...] | None = attrs.field(
        default=None, converter=to_tags, validator=checks.items(1, 8)
    )

    def _complete(self) -> None:
        if self.reference_type is None:
            kind = "image_refer" if self.element_image_list is not None else "video_refer"
            object.__setattr__(self, "reference_type", kind)  # attrs' own way in a frozen class

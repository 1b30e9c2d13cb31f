"""Results of calls that make no task. They pickle; fields the vendor adds later are in `raw`."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import attrs

from kling_sdk.errors import TaskFailedError, TransportError
from kling_sdk.results.task import Audio, Task, audios_from, shown_url
from kling_sdk.text.scalars import decimal, object_of, objects_of, text


def _url_repr(url: str) -> str:
    return repr(shown_url(url))


@attrs.frozen
class Face:
    """One face that was found in a video.

    Attributes:
        face_id: The value for `FaceChoice.face_id`. It may be "0" or "-1" (vendor page).
        image_url: A picture of the face. It is signed; its repr has `?<hidden>` for the signature.
        start_time: When the face is first seen, in milliseconds of the video; None when the
            response does not say.
        end_time: When the face is last seen, in milliseconds of the video; None when the response
            does not say.
        raw: The object as received.
    """

    face_id: str
    image_url: str = attrs.field(default="", repr=_url_repr)
    start_time: int | None = None
    end_time: int | None = None
    raw: Mapping[str, Any] = attrs.field(factory=dict[str, Any], repr=False, eq=False)


@attrs.frozen
class FaceSession:
    """The faces of a video, and the session in which one of them can be made to speak.

    Attributes:
        session_id: The value for `AdvancedLipSync.session_id`. The vendor does not say how long it
            stays valid.
        faces: The faces; a video may have none.
        units: Units that were deducted, or None when the response does not say.
        raw: The object as received.
    """

    session_id: str
    faces: tuple[Face, ...] = ()
    units: Decimal | None = None
    raw: Mapping[str, Any] = attrs.field(factory=dict[str, Any], repr=False, eq=False)

    @classmethod
    def from_data(cls, data: Any) -> FaceSession:
        """Return the session in a response's `data`, whatever else that holds.

        Raises:
            TransportError: it does not name a session.
        """
        session_id = text(object_of(data).get("session_id"))
        if not session_id:
            raise TransportError("the response about faces has no session_id")
        faces = tuple(
            Face(
                face_id=text(item.get("face_id")),
                image_url=text(item.get("face_image")),
                start_time=_whole(item.get("start_time")),
                end_time=_whole(item.get("end_time")),
                raw=item,
            )
            for item in objects_of(data.get("face_data"))
        )
        return cls(session_id, faces, decimal(data.get("final_unit_deduction")), data)


@attrs.frozen
class Speech:
    """The speech made from a text.

    Attributes:
        audios: The sounds, each with an `id`, a `url` and a `duration`; at least one.
        task_id: The vendor's id of the call, which cannot be used to query anything; "" when the
            response does not say.
        units: Units that were deducted, or None when the response does not say.
        raw: The object as received.
    """

    audios: tuple[Audio, ...]
    task_id: str = ""
    units: Decimal | None = None
    raw: Mapping[str, Any] = attrs.field(factory=dict[str, Any], repr=False, eq=False)

    @property
    def audio(self) -> Audio:
        """The first sound: so far there is always one."""
        return self.audios[0]

    @classmethod
    def from_data(cls, data: Any) -> Speech:
        """Return the speech in a response's `data`, whatever else that holds.

        Raises:
            TaskFailedError: it reports a failure.
            TransportError: it does not contain a sound.
        """
        fields = object_of(data)
        task_id, status = text(fields.get("task_id")), text(fields.get("task_status"))
        if status == "failed":
            message = text(fields.get("task_status_msg"))
            raise TaskFailedError(
                "the text was not spoken; the vendor's reason is in task.status_msg",
                Task(task_id, status, status_msg=message, endpoint="tts", raw=fields),
            )
        audios = audios_from(object_of(fields.get("task_result")).get("audios"))
        if not audios:
            raise TransportError("the response about speech has no sound")
        return cls(audios, task_id, decimal(fields.get("final_unit_deduction")), fields)


@attrs.frozen
class ImagePart:
    """One part that was searched for in a picture.

    Attributes:
        type: `object_seg`, `head_seg` (with the hair), `face_seg` (without), `cloth_seg`, or a
            new word of the vendor's.
        is_contained: Whether the picture contains it; None when the response does not say.
        url: The file that shows the part; "" when there is none. The vendor does not say whether it
            is a mask or a cut-out. It is signed; its repr has `?<hidden>` for the signature.
        raw: The object as received.
    """

    type: str
    is_contained: bool | None = None
    url: str = attrs.field(default="", repr=_url_repr)
    raw: Mapping[str, Any] = attrs.field(factory=dict[str, Any], repr=False, eq=False)


@attrs.frozen
class RecognizedImage:
    """The parts searched for in a picture, and whether the picture contains them.

    Attributes:
        parts: The parts, in the order of the response; there are four (vendor page).
        units: Units that were deducted, or None when the response does not say.
        raw: The object as received.
    """

    parts: tuple[ImagePart, ...] = ()
    units: Decimal | None = None
    raw: Mapping[str, Any] = attrs.field(factory=dict[str, Any], repr=False, eq=False)

    @classmethod
    def from_data(cls, data: Any) -> RecognizedImage:
        """Return the parts in a response's `data`, whatever else that holds.

        Raises:
            TransportError: it does not contain a list of parts.
        """
        items = object_of(object_of(data).get("task_result")).get("images")
        if not isinstance(items, list):
            raise TransportError("the response about a picture has no task_result.images")
        parts = tuple(
            ImagePart(
                type=text(item.get("type")),
                is_contained=flag if isinstance(flag := item.get("is_contain"), bool) else None,
                url=text(item.get("url")),
                raw=item,
            )
            for item in objects_of(items)
        )
        return cls(parts, decimal(data.get("final_unit_deduction")), data)


@attrs.frozen
class Selection:
    """A video in which parts are selected for `multi_elements`; beta: one copy of one page.

    Attributes:
        session_id: The value for the other calls and for `MultiElements.session_id`, which also
            take this object. It is valid for 24 hours (vendor page).
        status: 0 when the video was accepted, otherwise why it was not; None when the response does
            not say.
        fps: Frames per second of the video, or None.
        duration: Its length in milliseconds, or None.
        width: Its width in pixels, or None.
        height: Its height in pixels, or None.
        total_frames: The number of its frames, or None; `frame_index` is below it.
        video_url: The video in the form that the vendor works on; "" when there is none. It is
            signed.
        units: Units that were deducted, or None when the response does not say.
        raw: The object as received.
    """

    session_id: str
    status: int | None = None
    fps: Decimal | None = None
    duration: int | None = None
    width: int | None = None
    height: int | None = None
    total_frames: int | None = None
    video_url: str = attrs.field(default="", repr=_url_repr)
    units: Decimal | None = None
    raw: Mapping[str, Any] = attrs.field(factory=dict[str, Any], repr=False, eq=False)

    @property
    def is_rejected(self) -> bool:
        """Whether the vendor has rejected the video."""
        return bool(self.status)

    @classmethod
    def from_data(cls, data: Any) -> Selection:
        """Return the selection in a response's `data`, whatever else that holds.

        Raises:
            TransportError: it neither names a session nor says that the video was rejected.
        """
        session_id, status = _selection(data)
        return cls(
            session_id,
            status,
            fps=decimal(data.get("fps")),
            duration=_whole(data.get("original_duration")),
            width=_whole(data.get("width")),
            height=_whole(data.get("height")),
            total_frames=_whole(data.get("total_frame")),
            video_url=text(data.get("normalized_video")),
            units=decimal(data.get("final_unit_deduction")),
            raw=data,
        )


@attrs.frozen
class SelectionMask:
    """The mask of a selected object: which pixels of a frame belong to it.

    Attributes:
        object_id: The vendor's id of the object.
        width: Width of the frame in pixels, or None when the response does not say.
        height: Height of the frame in pixels, or None when the response does not say.
        counts: The mask as run lengths by columns, in the compressed form of the COCO data set;
            "" without one.
        png: The mask as a PNG file; empty without one.
        raw: The object as received.
    """

    object_id: str
    width: int | None = None
    height: int | None = None
    counts: str = attrs.field(default="", repr=False)
    png: bytes = attrs.field(default=b"", repr=False)
    raw: Mapping[str, Any] = attrs.field(factory=dict[str, Any], repr=False, eq=False)


@attrs.frozen
class FrameSelection:
    """The selection in one frame.

    Attributes:
        session_id: The session.
        status: 0 when the points were accepted; None when the response does not say.
        frame_index: The frame, from 0; None when the response does not say.
        masks: The masks of the selection, by object.
        units: Units that were deducted, or None when the response does not say.
        raw: The object as received.
    """

    session_id: str
    status: int | None = None
    frame_index: int | None = None
    masks: tuple[SelectionMask, ...] = ()
    units: Decimal | None = None
    raw: Mapping[str, Any] = attrs.field(factory=dict[str, Any], repr=False, eq=False)

    @classmethod
    def from_data(cls, data: Any) -> FrameSelection:
        """Return the frame in a response's `data`; see `Selection.from_data`."""
        session_id, status = _selection(data)
        result = object_of(data.get("res"))
        return cls(
            session_id,
            status,
            _whole(result.get("frame_index")),
            tuple(map(_mask, objects_of(result.get("rle_mask_list")))),
            decimal(data.get("final_unit_deduction")),
            data,
        )


@attrs.frozen
class SelectionPreview:
    """A preview of the selection over the whole video.

    Attributes:
        session_id: The session.
        status: 0 when it was made; None when the response does not say.
        video_url: The video with the selection; "" when there is none. It is signed, like the other
            two URLs.
        cover_url: A picture of that video, or "".
        tracking_url: The vendor's `tracking_output`, or ""; its file type is not documented.
        units: Units that were deducted, or None when the response does not say.
        raw: The object as received.
    """

    session_id: str
    status: int | None = None
    video_url: str = attrs.field(default="", repr=_url_repr)
    cover_url: str = attrs.field(default="", repr=_url_repr)
    tracking_url: str = attrs.field(default="", repr=_url_repr)
    units: Decimal | None = None
    raw: Mapping[str, Any] = attrs.field(factory=dict[str, Any], repr=False, eq=False)

    @classmethod
    def from_data(cls, data: Any) -> SelectionPreview:
        """Return the preview in a response's `data`; see `Selection.from_data`."""
        session_id, status = _selection(data)
        result = object_of(data.get("res"))
        return cls(
            session_id,
            status,
            text(result.get("video")),
            text(result.get("video_cover")),
            text(result.get("tracking_output")),
            decimal(data.get("final_unit_deduction")),
            data,
        )


def _selection(data: Any) -> tuple[str, int | None]:
    """Return the session and the status of a response about a selection."""
    fields = object_of(data)
    session_id, status = text(fields.get("session_id")), _whole(fields.get("status"))
    if not session_id and not status:
        raise TransportError("the response about a selection has no session_id")
    return session_id, status


def _mask(item: Mapping[str, Any]) -> SelectionMask:
    runs, picture = object_of(item.get("rle_mask")), object_of(item.get("png_mask"))
    size = runs.get("size") or picture.get("size")
    height, width = size if isinstance(size, list) and len(size) == 2 else (None, None)
    return SelectionMask(
        text(item.get("object_id")),
        _whole(width),
        _whole(height),
        text(runs.get("counts")),
        _decoded(text(picture.get("base64"))),
        item,
    )


def _decoded(value: str) -> bytes:
    try:
        return base64.b64decode(value, validate=True)
    except ValueError:  # it comes from outside; the text stays in `raw`
        return b""


def _whole(value: object) -> int | None:
    number = decimal(value)
    return None if number is None else int(number)
